//! The group that the peers' phones belong to, and who of them holds a seat.

use std::time::Duration;

use super::password;
use crate::scene::{Daemon, eventually};

const SOON: Duration = Duration::from_secs(15);

/// A license for two numbers, which have the passwords that Kamailio wants of them.
pub fn home(more: &str) -> Daemon {
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

/// The numbers that hold a seat, and how.
pub fn seats(daemon: &Daemon) -> Vec<(String, String)> {
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
