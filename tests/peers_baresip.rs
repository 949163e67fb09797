//! Two baresip phones register, call each other through the daemon, and hang up.
#![cfg(feature = "peers")]

mod peers;
mod scene;

use std::time::{Duration, Instant};

use peers::{Account, Baresip, Kamailio, Way, home as scene, password, seats};
use scene::{Daemon, eventually};

const SOON: Duration = Duration::from_secs(15);

fn phone(daemon: &Daemon, user: &str, password: &str, transport: &str) -> Baresip {
    let proxy = if transport == "tcp" { daemon.tcp } else { daemon.udp };
    Baresip::start(&Account { user, password, proxy, transport })
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

/// Both register and call each other; a call ends by its caller and by its callee, answered and not;
/// both leave.
fn call_each_other(daemon: &Daemon, transports: [&str; 2]) {
    let [first, second] = transports;
    let mut phones = [("101", first), ("102", second)]
        .map(|(user, transport)| phone(daemon, user, &password(user), transport));
    for phone in &phones {
        registered(phone);
    }
    assert_eq!(seats(daemon), both_seats());

    for caller in [0, 1] {
        ring(&mut phones, caller);
        phones[1 - caller].tell("accept", "");
        for phone in &mut phones {
            phone.expect(&["CALL_ESTABLISHED"], SOON);
        }
        assert_eq!(seats(daemon), both_seats(), "no seat besides for the call");
        hang_up(&mut phones, 0);
    }
    for hangs_up in [0, 1] {
        // Before it is answered: once a CANCEL, once a 486.
        ring(&mut phones, 0);
        hang_up(&mut phones, hangs_up);
    }
    assert_eq!(seats(daemon), both_seats());

    drop(phones);
    eventually(SOON, "both have left", || seats(daemon).is_empty());
}

/// One calls the other, which rings.
fn ring(phones: &mut [Baresip; 2], caller: usize) {
    let [caller_number, callee_number] = [101 + caller, 102 - caller];
    phones[caller].tell("dial", &format!("sip:{callee_number}@example.com"));
    let ringing = phones[1 - caller].expect(&["CALL_INCOMING"], SOON);
    let peer = ringing["peeruri"].as_str().unwrap_or("").to_owned();
    assert!(peer.contains(&caller_number.to_string()), "{ringing}");
    phones[caller].expect(&["CALL_RINGING"], SOON);
}

/// One ends the call, and both learn of it.
fn hang_up(phones: &mut [Baresip; 2], first: usize) {
    phones[first].tell("hangup", "");
    phones[1 - first].expect(&["CALL_CLOSED"], SOON);
    phones[first].expect(&["CALL_CLOSED"], SOON);
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
    call_each_other(&scene(""), ["udp", "udp"]);
}

#[test]
fn through_the_built_in_registrar_over_tcp() {
    call_each_other(&scene(""), ["tcp", "tcp"]);
}

#[test]
fn a_wrong_password_holds_no_seat_at_the_built_in_registrar() {
    wrong_password(&scene(""));
}

#[test]
fn through_kamailio_with_path_over_udp() {
    let kamailio = Kamailio::start(Way::Path);
    call_each_other(&scene(&kamailio.config("udp")), ["udp", "udp"]);
}

#[test]
fn through_kamailio_with_path_over_tcp() {
    let kamailio = Kamailio::start(Way::Path);
    call_each_other(&scene(&kamailio.config("tcp")), ["tcp", "tcp"]);
}

#[test]
fn through_kamailio_with_path_from_tcp_to_udp() {
    let kamailio = Kamailio::start(Way::Path);
    call_each_other(&scene(&kamailio.config("udp")), ["tcp", "tcp"]);
}

#[test]
fn through_kamailio_that_ignores_path_over_udp() {
    let kamailio = Kamailio::start(Way::Contact);
    call_each_other(&scene(&kamailio.config("udp")), ["udp", "udp"]);
}

#[test]
fn through_kamailio_that_ignores_path_over_tcp() {
    let kamailio = Kamailio::start(Way::Contact);
    call_each_other(&scene(&kamailio.config("tcp")), ["tcp", "tcp"]);
}

#[test]
fn through_kamailio_that_ignores_path_from_tcp_to_udp() {
    let kamailio = Kamailio::start(Way::Contact);
    call_each_other(&scene(&kamailio.config("udp")), ["tcp", "tcp"]);
}

#[test]
fn one_phone_on_tcp_and_one_on_udp_through_the_built_in_registrar() {
    call_each_other(&scene(""), ["tcp", "udp"]);
}

#[test]
fn one_phone_on_tcp_and_one_on_udp_before_kamailio_on_either() {
    for (way, upstream) in [(Way::Path, "tcp"), (Way::Path, "udp"), (Way::Contact, "tcp")] {
        let kamailio = Kamailio::start(way);
        call_each_other(&scene(&kamailio.config(upstream)), ["tcp", "udp"]);
    }
}

#[test]
fn a_wrong_password_holds_no_seat_before_kamailio() {
    let kamailio = Kamailio::start(Way::Path);
    wrong_password(&scene(&kamailio.config("udp")));
}
