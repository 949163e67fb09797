//! The daemon on a PostgreSQL server: edits by hand, the server away, a restart, the move from a file.
#![cfg(feature = "peers")]

mod base;
mod scene;

use std::fs;
use std::time::Duration;

use base::Base;
use scene::{Daemon, Phone, eventually};

/// A daemon that is told of the server; not running yet.
fn prepare(base: &Base) -> Daemon {
    let daemon = Daemon::prepare("");
    let text = fs::read_to_string(daemon.config()).unwrap();
    fs::write(daemon.config(), text.replace("sqlite:admitd.db", &base.url())).unwrap();
    daemon
}

fn furnish(daemon: &Daemon, sip: &str) {
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", sip]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "1000-1999"]);
    eventually(Duration::from_secs(2), "the number is known", || {
        daemon.ask(&["explain", "sip:1000@example.com"])["cause"] != "unknown_number"
    });
}

fn limit(daemon: &Daemon) -> serde_json::Value {
    daemon.ask(&["state", "R"])["sip_numbers"]["limit"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_goes_away_takes_nothing_along() {
    let base = Base::postgres().await;
    let mut daemon = prepare(&base);
    daemon.run();
    furnish(&daemon, "2");
    let mut phones = [1000, 1001, 1002].map(|user| Phone::udp(daemon.udp, &user.to_string()));
    assert_eq!(phones[0].register(3600).status(), 200);

    base.close().await;
    eventually(Duration::from_secs(5), "it is missed", || {
        daemon.log().contains("the last good tree stands")
    });
    assert_eq!(phones[1].register(3600).status(), 200, "decided in memory");
    assert_eq!(phones[2].register(3600).status(), 403);
    base.reopen().await;
    base.hand().await.run("update licenses set sip_numbers = 3").await;

    eventually(Duration::from_secs(20), "the edit is in force", || {
        phones[2].register(3600).status() == 200
    });
    eventually(Duration::from_secs(10), "it is claimed again", || {
        daemon.log().contains("the database is claimed again")
    });
    assert!(!daemon.log().contains("postgres@"), "{}", daemon.log());
    daemon.keep_ports();
    eventually(Duration::from_secs(5), "seats are kept again", || {
        daemon.log().contains("seats are kept again")
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    daemon.kill();
    daemon.run();
    assert_eq!(daemon.ask(&["state", "R"])["sip_numbers"]["in_use"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edit_by_hand_is_heard_at_once() {
    let base = Base::postgres().await;
    let mut daemon = prepare(&base);
    daemon.run();
    furnish(&daemon, "5");
    let mut hand = base.hand().await;

    for sip in [7, 9, 8] {
        hand.run(&format!("update licenses set sip_numbers = {sip}")).await;
        eventually(Duration::from_secs(1), "the edit is in force", || limit(&daemon) == sip);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_installation_moves_to_a_server_and_goes_on() {
    let base = Base::postgres().await;
    let mut before = Daemon::start("");
    furnish(&before, "2");
    before.keep_ports();
    let mut phones = [1000, 1001, 1002].map(|user| Phone::udp(before.udp, &user.to_string()));
    assert!(phones[..2].iter_mut().all(|phone| phone.register(3600).status() == 200));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let (from, to) = (format!("sqlite:{}", before.database().display()), base.url());
    let migrate = ["migrate", "--from", &from, "--to", &to];

    let refused = before.ask(&migrate);
    before.kill();
    let moved = before.ask(&migrate);
    let text = fs::read_to_string(before.config()).unwrap();
    fs::write(before.config(), text.replace("sqlite:admitd.db", &to)).unwrap();
    before.run();

    assert!(refused["error"].as_str().unwrap().contains("another daemon"), "{refused}");
    assert_eq!((&moved["tables"]["seats"], &moved["tables"]["claims"]), (&2.into(), &1.into()));
    assert_eq!(before.ask(&["state", "R"])["sip_numbers"]["in_use"], 2);
    assert_eq!(phones[2].register(3600).status(), 403);
    assert_eq!(phones[0].register(3600).status(), 200, "a refresh finds its seat");
}
