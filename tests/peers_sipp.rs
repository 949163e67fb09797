//! Limits and calls as SIPp sees them.
#![cfg(feature = "peers")]

mod peers;
mod scene;

use std::time::Duration;

use peers::{Mode, Run, Sipp, scenario};
use scene::{Daemon, eventually};

const SOON: Duration = Duration::from_secs(10);

/// A daemon with one group of 50 licenses, and the numbers 1000 to 1999 claimed for it.
fn fifty(license: &[&str]) -> Daemon {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "SmartHome", "--restrict"]);
    daemon.tell(&[&["license", "add", "SmartHome"], license].concat());
    daemon.tell(&["claim", "add", "SmartHome", "--domain", "example.com", "--range", "1000-1999"]);
    known(&daemon, "sip:1000@example.com");
    daemon
}

fn known(daemon: &Daemon, aor: &str) {
    eventually(SOON, "the number is known", || {
        daemon.ask(&["explain", aor])["cause"] != "unknown_number"
    });
}

/// Registers every user at once; gives the users answered 200 and those answered 403.
fn register(
    daemon: &Daemon,
    mode: Mode,
    users: &[u32],
    scenario: &str,
    secs: u32,
) -> (Vec<u32>, Vec<u32>) {
    let remote = match mode {
        Mode::Udp | Mode::UdpEach => daemon.udp,
        Mode::Tcp | Mode::TcpEach => daemon.tcp,
    };
    let rows: Vec<_> =
        users.iter().map(|user| format!("{user};{};{secs}", 20_000 + user)).collect();
    let run = Run { scenario, mode, remote, rows: &rows, more: &[] };
    let lines = Sipp::start(&run).finish();
    assert_eq!(lines.len(), users.len(), "one verdict each: {lines:?}");
    let with = |status: &str| {
        let user = |line: &String| line.strip_suffix(status)?.trim().parse().ok();
        lines.iter().filter_map(user).collect()
    };
    (with(" 200"), with(" 403"))
}

const PHONE: &str = "register.xml";
const APP: &str = "register_app.xml";

fn fifty_of_sixty(mode: Mode, license: &[&str], scenario: &str, resource: &str) {
    let daemon = fifty(license);
    let everybody: Vec<u32> = (1000..1060).collect();

    let (admitted, refused) = register(&daemon, mode, &everybody, scenario, 3600);
    assert_eq!((admitted.len(), refused.len()), (50, 10), "{mode:?}");
    assert_eq!(daemon.ask(&["state", "SmartHome"])[resource]["in_use"], 50);

    let (left, _) = register(&daemon, mode, &admitted[7..8], scenario, 0);
    assert_eq!(left, admitted[7..8]);
    assert_eq!(daemon.ask(&["state", "SmartHome"])[resource]["in_use"], 49);
    let (admitted, refused) = register(&daemon, mode, &refused, scenario, 3600);
    assert_eq!((admitted.len(), refused.len()), (1, 9), "{mode:?}: one more");
    assert_eq!(daemon.ask(&["state", "SmartHome"])[resource]["in_use"], 50);
}

#[test]
fn fifty_of_sixty_get_in_over_udp_from_sockets_of_their_own() {
    fifty_of_sixty(Mode::UdpEach, &["--sip", "50"], PHONE, "sip_numbers");
}

#[test]
fn fifty_of_sixty_get_in_over_udp_from_one_socket() {
    fifty_of_sixty(Mode::Udp, &["--sip", "50"], PHONE, "sip_numbers");
}

#[test]
fn fifty_of_sixty_get_in_over_connections_of_their_own() {
    fifty_of_sixty(Mode::TcpEach, &["--sip", "50"], PHONE, "sip_numbers");
}

#[test]
fn fifty_of_sixty_get_in_over_one_connection() {
    fifty_of_sixty(Mode::Tcp, &["--sip", "50"], PHONE, "sip_numbers");
}

#[test]
fn fifty_of_sixty_mobile_apps_get_in_over_udp() {
    fifty_of_sixty(Mode::UdpEach, &["--sip", "100", "--apps", "50"], APP, "mobile_apps");
}

#[test]
fn fifty_of_sixty_mobile_apps_get_in_over_tcp() {
    fifty_of_sixty(Mode::TcpEach, &["--sip", "100", "--apps", "50"], APP, "mobile_apps");
}

/// A call from a number that is not registered, so that it takes a seat while it lasts.
fn call(mode: Mode) {
    let daemon = fifty(&["--sip", "2"]);
    let remote = if mode == Mode::Udp { daemon.udp } else { daemon.tcp };
    let answers = scenario("answer.xml");
    let callee = Run {
        scenario: "wait.xml",
        mode,
        remote,
        rows: &["1001".to_owned()],
        more: &["-oocsf", answers.to_str().expect("a path")],
    };
    let callee = Sipp::start(&callee);
    eventually(SOON, "the callee is registered", || callee.lines().contains(&"1001 200".into()));

    let rows = ["1000;1001".to_owned()];
    let caller = Sipp::start(&Run { scenario: "call.xml", mode, remote, rows: &rows, more: &[] });
    eventually(SOON, "the call is answered", || callee.lines().contains(&"answered".into()));
    let seats = daemon.ask(&["seats"]);
    let mut kinds: Vec<_> = seats
        .as_array()
        .expect("a list")
        .iter()
        .map(|seat| (seat["number"].as_str().unwrap_or(""), seat["kind"].as_str().unwrap_or("")))
        .collect();
    kinds.sort_unstable();
    assert_eq!(kinds, [("sip:1000@example.com", "call"), ("sip:1001@example.com", "sip")]);

    assert_eq!(caller.finish(), ["established", "ended"]);
    assert_eq!(callee.lines(), ["1001 200", "answered", "hung up"]);
    eventually(SOON, "the call's seat is given back", || {
        daemon.ask(&["state", "SmartHome"])["sip_numbers"]["in_use"] == 1
    });
}

#[test]
fn a_call_between_two_is_answered_and_hung_up_over_udp() {
    call(Mode::Udp);
}

#[test]
fn a_call_between_two_is_answered_and_hung_up_over_tcp() {
    call(Mode::Tcp);
}
