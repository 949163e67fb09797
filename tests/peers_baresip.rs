//! Two baresip phones register, call each other through the daemon, and hang up.
#![cfg(feature = "peers")]

mod peers;
mod scene;

use std::time::{Duration, Instant};

use peers::{Account, Baresip, Kamailio, Way, password};
use scene::{Daemon, eventually};

const SOON: Duration = Duration::from_secs(15);

/// A license for two numbers, which have the passwords that Kamailio wants of them.
fn scene(more: &str) -> Daemon {
    let daemon = Daemon::start(more);
    daemon.tell(&["group", "add", "Home", "--restrict"]);
    daemon.tell(&["license", "add", "Home", "--sip", "2"]);
    for user in ["101", "102"] {
        let number = format!("sip:{user}@example.com");
        let phone = ["--group", "Home", "--kind", "phone", "--password", &password(user)];
        daemon.tell(&[&["number", "add", &number], &phone[..]].concat());
    }
    eventually(SOON, "the numbers are known", || {
        daemon.ask(&["explain", "sip:102@example.com"])["cause"] != "unknown_number"
    });
    daemon
}

fn phone(daemon: &Daemon, user: &str, password: &str, transport: &str) -> Baresip {
    let proxy = if transport == "tcp" { daemon.tcp } else { daemon.udp };
    Baresip::start(&Account { user, password, proxy, transport })
}

/// The numbers that hold a seat, and how.
fn seats(daemon: &Daemon) -> Vec<(String, String)> {
    let seats = daemon.ask(&["seats"]);
    let word = |value: &serde_json::Value| value.as_str().unwrap_or("").to_owned();
    let mut seats: Vec<_> = seats
        .as_array()
        .expect("a list")
        .iter()
        .map(|seat| (word(&seat["number"]), word(&seat["kind"])))
        .collect();
    seats.sort_unstable();
    seats
}

fn both_seats() -> [(String, String); 2] {
    ["101", "102"].map(|user| (format!("sip:{user}@example.com"), "sip".to_owned()))
}

/// It registers before its control port takes anybody, so that is read in what it says.
fn registered(phone: &Baresip) {
    let limit = Instant::now() + SOON;
    while !phone.process.said().contains("200 OK") {
        assert!(Instant::now() < limit, "not registered: {}", phone.process.said());
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Both register; each calls the other; each of them hangs up once, and the other learns of it.
fn call_each_other(daemon: &Daemon, transport: &str) {
    let mut phones = ["101", "102"].map(|user| phone(daemon, user, &password(user), transport));
    for phone in &phones {
        registered(phone);
    }
    assert_eq!(seats(daemon), both_seats());

    for (caller, callee, hangs_up) in [(0, 1, 0), (1, 0, 0)] {
        let [called_number, calling_number] = [callee, caller].map(|at: usize| 101 + at);
        phones[caller].tell("dial", &format!("sip:{called_number}@example.com"));
        let ringing = phones[callee].expect(&["CALL_INCOMING"], SOON);
        let peer = ringing["peeruri"].as_str().unwrap_or("").to_owned();
        assert!(peer.contains(&calling_number.to_string()), "{ringing}");
        phones[callee].tell("accept", "");
        for phone in &mut phones {
            phone.expect(&["CALL_ESTABLISHED"], SOON);
        }
        assert_eq!(seats(daemon), both_seats(), "no seat besides for the call");

        phones[hangs_up].tell("hangup", "");
        phones[1 - hangs_up].expect(&["CALL_CLOSED"], SOON);
        phones[hangs_up].expect(&["CALL_CLOSED"], SOON);
    }
    assert_eq!(seats(daemon), both_seats());
}

/// A wrong password is refused and holds no seat; the right one finds the place free.
fn wrong_password(daemon: &Daemon) {
    let liar = phone(daemon, "101", "wrong", "udp");
    let refused = ["403 Forbidden", "401 Unauthorized"];
    eventually(SOON, "the phone is refused", || {
        let said = liar.process.said();
        refused.iter().any(|answer| said.contains(answer))
    });
    assert_eq!(seats(daemon), []);
    let honest = phone(daemon, "101", &password("101"), "udp");
    registered(&honest);
    assert_eq!(seats(daemon), both_seats()[..1]);
}

#[test]
fn through_the_built_in_registrar_over_udp() {
    call_each_other(&scene(""), "udp");
}

#[test]
fn through_the_built_in_registrar_over_tcp() {
    call_each_other(&scene(""), "tcp");
}

#[test]
fn a_wrong_password_holds_no_seat_at_the_built_in_registrar() {
    wrong_password(&scene(""));
}

#[test]
fn through_kamailio_with_path_over_udp() {
    let kamailio = Kamailio::start(Way::Path);
    call_each_other(&scene(&kamailio.config("udp")), "udp");
}

#[test]
fn through_kamailio_with_path_over_tcp() {
    let kamailio = Kamailio::start(Way::Path);
    call_each_other(&scene(&kamailio.config("tcp")), "tcp");
}

#[test]
fn through_kamailio_with_path_from_tcp_to_udp() {
    let kamailio = Kamailio::start(Way::Path);
    call_each_other(&scene(&kamailio.config("udp")), "tcp");
}

#[test]
fn through_kamailio_that_ignores_path_over_udp() {
    let kamailio = Kamailio::start(Way::Contact);
    call_each_other(&scene(&kamailio.config("udp")), "udp");
}

#[test]
fn through_kamailio_that_ignores_path_over_tcp() {
    let kamailio = Kamailio::start(Way::Contact);
    call_each_other(&scene(&kamailio.config("tcp")), "tcp");
}

#[test]
fn a_wrong_password_holds_no_seat_before_kamailio() {
    let kamailio = Kamailio::start(Way::Path);
    wrong_password(&scene(&kamailio.config("udp")));
}
