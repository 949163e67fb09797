//! Reminders as an administrator meets them: set by a command, sent by the daemon, listed afterwards.
#![cfg(feature = "peers")]

#[path = "base/mod.rs"]
mod base;
mod mail;
mod scene;

use std::time::Duration;

use mail::MailServer;
use scene::{Daemon, eventually};

#[test]
fn a_reminder_that_is_set_by_a_command_is_sent_by_the_daemon_once() {
    let server = MailServer::start();
    let mail = format!(
        "[mail]\nsmtp = \"smtp://127.0.0.1:{}\"\nfrom = \"licenses@example.com\"\n",
        server.port
    );
    let mut daemon = Daemon::start(&mail);
    daemon.tell(&["group", "add", "Home", "--restrict"]);
    daemon.tell(&["license", "add", "Home", "--sip", "5", "--until", "+2d"]);

    let set = daemon
        .ask(&["reminder", "set", "Home", "--days", "30", "--every", "once", "--also", "p@q.com"]);
    eventually(Duration::from_secs(20), "the mail arrives", || server.told() == ["p@q.com"]);
    eventually(Duration::from_secs(5), "the queue says so", || {
        daemon.ask(&["mail", "list", "Home"])[0]["state"] == "sent"
    });
    daemon.kill();
    daemon.run();
    daemon.tell(&["mail", "test", "--to", "anna@example.com"]);
    std::thread::sleep(Duration::from_millis(2_500));

    assert_eq!(set["every"], "once");
    assert_eq!(set["recipients"][0], "p@q.com");
    assert_eq!(set["next"].as_array().unwrap().len(), 1, "{set}");
    assert_eq!(server.told(), ["p@q.com", "anna@example.com"]);
    assert_eq!(daemon.ask(&["reminder", "off", "Home"])["enabled"], false);
    let preview = daemon.ask(&["mail", "preview", "Home"]);
    assert!(preview["subject"].as_str().unwrap().starts_with("Home: licenses end on"), "{preview}");
}

#[test]
fn a_template_that_cannot_be_rendered_is_refused_with_its_line() {
    let daemon = Daemon::prepare("");

    let set = |subject: &str| {
        daemon.command(&["mail", "template", "set", "license_ending", "--subject", subject])
    };

    assert!(set("{{ group }}!").status.success());
    let wrong = set("{{ grup }}");
    assert_eq!(wrong.status.code(), Some(1));
    let told = String::from_utf8(wrong.stderr).unwrap();
    assert!(told.contains("subject line 1"), "{told}");
    assert_eq!(
        daemon.ask(&["mail", "template", "show", "license_ending"])["subject"],
        "{{ group }}!"
    );
    assert_eq!(daemon.ask(&["mail", "template", "reset", "license_ending"])["changed"], false);
}
