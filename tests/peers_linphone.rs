//! A Linphone and a baresip register and call each other through the daemon.
#![cfg(feature = "peers")]

mod peers;
mod scene;

use std::time::Duration;

use peers::{Account, Baresip, Kamailio, Linphone, Way, home as scene, password};
use scene::{Daemon, eventually};

const SOON: Duration = Duration::from_secs(15);

fn seats(daemon: &Daemon) -> usize {
    daemon.ask(&["seats"]).as_array().expect("a list").len()
}

fn call_each_other(daemon: &Daemon, transport: &str) {
    let proxy = if transport == "tcp" { daemon.tcp } else { daemon.udp };
    let account = |user, password| Account { user, password, proxy, transport };
    let [first, second] = ["101", "102"].map(password);
    let mut baresip = Baresip::start(&account("101", &first));
    let mut linphone = Linphone::start(&account("102", &second));
    eventually(SOON, "both are registered", || seats(daemon) == 2);

    baresip.tell("dial", "sip:102@example.com");
    baresip.expect(&["CALL_ESTABLISHED"], SOON);
    eventually(SOON, "the Linphone is in a call", || {
        linphone.process.said().contains("Media streams established")
    });
    assert_eq!(seats(daemon), 2, "no seat besides for the call");
    baresip.tell("hangup", "");
    baresip.expect(&["CALL_CLOSED"], SOON);
    eventually(SOON, "the Linphone's call is over", || linphone.process.said().contains("ended"));

    linphone.tell("call sip:101@example.com");
    baresip.expect(&["CALL_INCOMING"], SOON);
    baresip.tell("accept", "");
    baresip.expect(&["CALL_ESTABLISHED"], SOON);
    linphone.tell("terminate");
    baresip.expect(&["CALL_CLOSED"], SOON);

    linphone.tell("quit");
    eventually(SOON, "the Linphone has left", || seats(daemon) == 1);
}

#[test]
fn through_the_built_in_registrar() {
    for transport in ["udp", "tcp"] {
        call_each_other(&scene(""), transport);
    }
}

#[test]
fn through_kamailio_with_path() {
    for transport in ["udp", "tcp"] {
        let kamailio = Kamailio::start(Way::Path);
        call_each_other(&scene(&kamailio.config(transport)), transport);
    }
}

#[test]
fn through_kamailio_that_ignores_path() {
    for transport in ["udp", "tcp"] {
        let kamailio = Kamailio::start(Way::Contact);
        call_each_other(&scene(&kamailio.config(transport)), transport);
    }
}
