//! The five minutes of a newcomer: sipsak registers, and is refused.
#![cfg(feature = "peers")]

mod scene;

use std::process::Command;
use std::time::Duration;

use scene::{Daemon, eventually};

/// Registers a number; gives sipsak's exit code and what it printed. The port stands beside the
/// URI: sipsak 0.9.8.1 cuts the last digit off one that has five and stands in it.
fn sipsak(daemon: &Daemon, user: &str, more: &[&str]) -> (i32, String) {
    let port = if more.contains(&"tcp") { daemon.tcp.port() } else { daemon.udp.port() };
    let output = Command::new("sipsak")
        .args(["-U", "-C", &format!("sip:{user}@127.0.0.1:7000"), "-x", "3600", "-vvv"])
        .args(["-s", &format!("sip:{user}@127.0.0.1"), "-r", &port.to_string()])
        .args(more)
        .output()
        .expect("sipsak runs");
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), said)
}

/// A license for one number: 101 and 102 without a password, 103 with one.
fn scene() -> Daemon {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "Home", "--restrict"]);
    daemon.tell(&["license", "add", "Home", "--sip", "1"]);
    daemon.tell(&["claim", "add", "Home", "--domain", "example.com", "--range", "101-102"]);
    eventually(Duration::from_secs(5), "the number is known", || {
        daemon.ask(&["explain", "sip:101@example.com"])["cause"] != "unknown_number"
    });
    daemon
}

fn seats(daemon: &Daemon) -> usize {
    daemon.ask(&["seats"]).as_array().expect("a list").len()
}

#[test]
fn the_first_registers_the_second_is_refused_until_the_first_has_left() {
    for protocol in ["udp", "tcp"] {
        let daemon = scene();
        let by = ["-E", protocol];

        let (code, said) = sipsak(&daemon, "101", &by);
        assert!(code == 0 && said.contains("SIP/2.0 200 OK"), "{code}: {said}");
        let (code, said) = sipsak(&daemon, "102", &by);
        assert!(code == 1 && said.contains("SIP/2.0 403 "), "{code}: {said}");
        assert!(said.contains("Retry-After: "), "{said}");
        assert_eq!(seats(&daemon), 1);

        assert_eq!(sipsak(&daemon, "101", &["-E", protocol, "-x", "0"]).0, 0);
        assert_eq!(seats(&daemon), 0);
        assert_eq!(sipsak(&daemon, "102", &by).0, 0);
    }
}

#[test]
fn a_password_is_asked_for_and_a_wrong_one_holds_no_seat() {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "Home", "--restrict"]);
    daemon.tell(&["license", "add", "Home", "--sip", "1"]);
    let number = "sip:103@example.com";
    let phone = ["--group", "Home", "--kind", "phone", "--password", "secret"];
    daemon.tell(&[&["number", "add", number], &phone[..]].concat());
    eventually(Duration::from_secs(5), "the number is known", || {
        daemon.ask(&["explain", number])["cause"] != "unknown_number"
    });

    let (code, said) = sipsak(&daemon, "103", &["-u", "103", "-a", "wrong"]);
    assert!(code == 1 && said.contains("SIP/2.0 401 ") && said.contains("SIP/2.0 403 "), "{said}");
    assert_eq!(seats(&daemon), 0);

    let (code, said) = sipsak(&daemon, "103", &["-u", "103", "-a", "secret"]);
    assert!(code == 0 && said.contains("SIP/2.0 200 OK"), "{code}: {said}");
    assert_eq!(seats(&daemon), 1);
}
