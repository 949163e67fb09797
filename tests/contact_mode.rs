//! Before a registrar that ignores Path: the Contact that it knows leads to us, and is one for each
//! device, by whatever flow the device registers.

mod scene;

use std::fs;
use std::time::Duration;

use scene::{Daemon, Message, Phone, Upstream, eventually};

const SOON: Duration = Duration::from_secs(3);

fn scene() -> (Daemon, Upstream) {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false\npath = \"contact\""));
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", "2"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    eventually(SOON, "the number is known", || {
        daemon.ask(&["explain", "sip:20@example.com"])["cause"] != "unknown_number"
    });
    (daemon, upstream)
}

/// The same device on a connection of its own.
fn device(daemon: &Daemon) -> Phone {
    let mut phone = Phone::tcp(daemon.tcp, "20");
    phone.contact_params = ";+sip.instance=\"<urn:uuid:1>\"".into();
    phone
}

/// Registers; gives the Contact's URI as the registrar sees it.
fn register(phone: &mut Phone, upstream: &Upstream, expires: u32) -> String {
    let text = phone.register_text(expires);
    phone.send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("forwarded");
    match expires {
        0 => upstream.answer(&request, 200, "OK", ""),
        _ => upstream.accept(&request),
    }
    assert_eq!(phone.receive(SOON).expect("an answer").status(), 200);
    uri_of(&request.0)
}

/// The next start takes the same address towards the registrar.
fn keep_bind(daemon: &Daemon) {
    let text = fs::read_to_string(daemon.config()).expect("the config");
    let bind = format!("bind = \"{}\"", daemon.bind.expect("a bind"));
    fs::write(daemon.config(), text.replace("bind = \"127.0.0.1:0\"", &bind)).expect("written");
}

fn uri_of(message: &Message) -> String {
    let contact = message.header("contact").expect("a Contact");
    contact.trim_start_matches('<').split('>').next().expect("a URI").to_owned()
}

#[test]
fn a_device_has_one_contact_by_every_connection_and_after_a_restart() {
    let (mut daemon, upstream) = scene();
    let first = register(&mut device(&daemon), &upstream, 3600);
    assert_eq!(register(&mut device(&daemon), &upstream, 3600), first, "another connection");
    keep_bind(&daemon);
    daemon.kill();
    daemon.run();

    assert_eq!(register(&mut device(&daemon), &upstream, 3600), first, "after a restart");
    assert_eq!(register(&mut device(&daemon), &upstream, 0), first, "it leaves as it came");

    assert!(daemon.ask(&["seats"]).as_array().expect("a list").is_empty());
}

#[test]
fn a_call_to_the_contact_goes_to_the_newest_connection() {
    let (daemon, upstream) = scene();
    let (mut old, mut new) = (device(&daemon), device(&daemon));
    let contact = register(&mut old, &upstream, 3600);
    register(&mut new, &upstream, 3600);

    let own = upstream.address;
    let invite = format!(
        "INVITE {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKcall;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:doctor@elsewhere.net>;tag=1\r\nTo: <sip:20@example.com>\r\n\
         Call-ID: outside\r\nCSeq: 1 INVITE\r\nContact: <sip:doctor@{own}>\r\n\
         Content-Length: 0\r\n\r\n"
    );
    upstream.send(&invite, daemon.bind.expect("a bind"));

    let request = new.expect_request("INVITE", SOON).expect("the call arrives");
    assert!(request.uri().contains(&new.local().to_string()), "{}", request.uri());
    assert!(old.expect_request("INVITE", Duration::from_millis(200)).is_none());
}
