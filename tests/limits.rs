//! Limits on the wire: exactly as many seats as were granted, at whatever gate they were granted.

mod scene;

use std::time::Duration;

use scene::{Daemon, Phone, eventually};
use serde_json::Value;

const HOUR: u32 = 3600;

/// Registers phones of the users `from..=to`; gives how many were answered 200 and how many 403.
fn register_all(phones: &mut [Phone]) -> (usize, usize) {
    let statuses: Vec<u16> = phones.iter_mut().map(|phone| phone.register(HOUR).status()).collect();
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!(count(200) + count(403), statuses.len(), "{statuses:?}");
    (count(200), count(403))
}

fn udp_phones(daemon: &Daemon, users: std::ops::Range<u32>) -> Vec<Phone> {
    users.map(|user| Phone::udp(daemon.udp, &user.to_string())).collect()
}

fn sip(daemon: &Daemon, group: &str, field: &str) -> Value {
    daemon.ask(&["state", group])["sip_numbers"][field].clone()
}

fn claimed_fifty(daemon: &Daemon) {
    daemon.tell(&["group", "add", "SmartHome", "--restrict"]);
    daemon.tell(&["license", "add", "SmartHome", "--sip", "50"]);
    daemon.tell(&["claim", "add", "SmartHome", "--domain", "example.com", "--range", "1000-1999"]);
}

/// Waits until the daemon knows the number.
fn known(daemon: &Daemon, aor: &str) {
    eventually(Duration::from_secs(2), "the number is known", || {
        daemon.ask(&["explain", aor])["cause"] != "unknown_number"
    });
}

#[test]
fn fifty_of_sixty_get_in_over_udp_and_one_more_when_one_leaves() {
    let daemon = Daemon::start("");
    claimed_fifty(&daemon);
    known(&daemon, "sip:1000@example.com");
    let mut phones = udp_phones(&daemon, 1000..1060);

    assert_eq!(register_all(&mut phones), (50, 10));
    assert_eq!(sip(&daemon, "SmartHome", "used"), 50);
    assert_eq!(sip(&daemon, "SmartHome", "available"), 0);

    assert_eq!(phones[0].register(0).status(), 200);
    assert_eq!(register_all(&mut phones[50..]), (1, 9));
    assert_eq!(register_all(&mut phones[1..50]), (49, 0), "refreshes keep their seats");
}

#[test]
fn fifty_of_sixty_get_in_over_tcp() {
    let daemon = Daemon::start("");
    claimed_fifty(&daemon);
    known(&daemon, "sip:1000@example.com");
    let mut phones: Vec<_> =
        (1000..1060).map(|user| Phone::tcp(daemon.tcp, &user.to_string())).collect();

    assert_eq!(register_all(&mut phones), (50, 10));
    assert_eq!(phones[7].register(0).status(), 200);
    assert_eq!(register_all(&mut phones[50..]), (1, 9));
}

#[test]
fn apps_are_counted_one_by_one_and_a_desk_phone_rides_on_the_number() {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "G", "--restrict"]);
    daemon.tell(&["license", "add", "G", "--sip", "2", "--apps", "2"]);
    daemon.tell(&["number", "add", "sip:101@example.com", "--group", "G", "--kind", "phone"]);
    known(&daemon, "sip:101@example.com");
    let mut apps: Vec<_> = (0..3)
        .map(|device| {
            let mut app = Phone::udp(daemon.udp, "101");
            app.uri_params = format!(";pn-provider=fcm;pn-param=p;pn-prid=token{device}");
            app
        })
        .collect();
    let mut desk = Phone::udp(daemon.udp, "101");

    assert_eq!(register_all(&mut apps), (2, 1));
    assert_eq!(desk.register(HOUR).status(), 200);
    let state = daemon.ask(&["state", "G"]);
    assert_eq!(state["sip_numbers"]["in_use"], 1);
    assert_eq!(state["mobile_apps"]["in_use"], 2);
    let seats = daemon.ask(&["seats", "G"]);
    let kinds =
        |kind: &str| seats.as_array().unwrap().iter().filter(|seat| seat["kind"] == kind).count();
    assert_eq!((kinds("sip"), kinds("app")), (1, 2));
}

#[test]
fn a_limit_two_levels_up_binds() {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "Root", "--restrict", "--hand-out", "shared"]);
    daemon.tell(&["license", "add", "Root", "--sip", "3"]);
    daemon.tell(&["group", "add", "Root/Middle"]);
    daemon.tell(&["group", "add", "Root/Middle/Leaf", "--restrict"]);
    daemon.tell(&["license", "add", "Root/Middle/Leaf", "--sip", "3"]);
    daemon.tell(&["claim", "add", "Root/Middle", "--domain", "example.com", "--range", "10-19"]);
    daemon.tell(&[
        "claim",
        "add",
        "Root/Middle/Leaf",
        "--domain",
        "example.com",
        "--range",
        "12-14",
    ]);
    eventually(Duration::from_secs(2), "the narrower claim is known", || {
        let gates = daemon.ask(&["explain", "sip:13@example.com"])["gates"].clone();
        gates.as_array().is_some_and(|gates| gates.len() == 2)
    });

    assert_eq!(register_all(&mut udp_phones(&daemon, 10..12)), (2, 0));
    assert_eq!(register_all(&mut udp_phones(&daemon, 12..15)), (1, 2));
    let explained = daemon.ask(&["explain", "sip:14@example.com"]);
    assert_eq!(explained["verdict"], "refuse");
    assert_eq!(explained["cause"], "sip_limit");
    assert_eq!(explained["bound_by"], "Root");
    let gates: Vec<_> = explained["gates"].as_array().unwrap().iter().map(|g| &g["gate"]).collect();
    assert_eq!(gates, ["Root/Middle/Leaf", "Root"]);
}

#[test]
fn a_user_in_two_groups_is_bound_by_the_strictest() {
    let daemon = Daemon::start("");
    for (group, limit) in [("A", "5"), ("C", "1")] {
        daemon.tell(&["group", "add", group, "--restrict", "--hand-out", "shared"]);
        daemon.tell(&["license", "add", group, "--sip", limit]);
    }
    daemon.tell(&["claim", "add", "C", "--domain", "example.com", "--range", "900-999"]);
    known(&daemon, "sip:900@example.com");
    assert_eq!(register_all(&mut udp_phones(&daemon, 900..901)), (1, 0));

    daemon.tell(&["user", "add", "ann", "--group", "A", "--group", "C"]);
    daemon.tell(&["number", "add", "sip:1@example.com", "--user", "ann", "--kind", "phone"]);
    known(&daemon, "sip:1@example.com");

    let seats = daemon.ask(&["seats"]);
    assert!(
        seats.as_array().unwrap().is_empty(),
        "the created number's place was promised: {seats}"
    );
    assert_eq!(register_all(&mut udp_phones(&daemon, 1..2)), (1, 0));
    assert_eq!(register_all(&mut udp_phones(&daemon, 900..901)), (0, 1));
    assert_eq!(sip(&daemon, "A", "in_use"), 1);
    assert_eq!(sip(&daemon, "C", "in_use"), 1);
}

#[test]
fn a_created_number_finds_its_place_whatever_claimed_numbers_do() {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", "3"]);
    daemon.tell(&["number", "add", "sip:1@example.com", "--group", "R", "--kind", "panel"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    known(&daemon, "sip:20@example.com");

    assert_eq!(register_all(&mut udp_phones(&daemon, 20..23)), (2, 1));
    assert_eq!(register_all(&mut udp_phones(&daemon, 1..2)), (1, 0));
}

#[test]
fn a_change_by_the_command_line_is_on_the_wire_within_a_second() {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", "1"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    known(&daemon, "sip:20@example.com");
    assert_eq!(register_all(&mut udp_phones(&daemon, 20..22)), (1, 1));

    daemon.tell(&["license", "add", "R", "--sip", "1"]);
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(register_all(&mut udp_phones(&daemon, 22..24)), (1, 1));
}
