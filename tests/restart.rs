//! Killed without warning and started again: the seats are those that were there.

mod scene;

use std::time::Duration;

use scene::{Daemon, Message, Phone, eventually};

fn fifty(daemon: &Daemon) {
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", "50"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "1000-1999"]);
    eventually(Duration::from_secs(2), "the number is known", || {
        daemon.ask(&["explain", "sip:1000@example.com"])["cause"] != "unknown_number"
    });
}

#[test]
fn fifty_of_fifty_stay_fifty_of_fifty() {
    let mut daemon = Daemon::start("");
    daemon.keep_ports();
    fifty(&daemon);
    let mut phones: Vec<_> =
        (1000..1050).map(|user| Phone::udp(daemon.udp, &user.to_string())).collect();
    assert!(phones.iter_mut().all(|phone| phone.register(3600).status() == 200));
    std::thread::sleep(Duration::from_millis(500));

    daemon.kill();
    daemon.run();

    assert_eq!(daemon.ask(&["state", "R"])["sip_numbers"]["in_use"], 50);
    let mut newcomer = Phone::udp(daemon.udp, "1050");
    assert_eq!(newcomer.register(3600).status(), 403);
    assert_eq!(phones[3].register(3600).status(), 200, "a refresh finds its seat");
    assert_eq!(phones[4].register(0).status(), 200);
    assert_eq!(newcomer.register(3600).status(), 200);
}

#[test]
fn a_call_can_be_hung_up_from_both_sides_after_the_restart() {
    for caller_hangs_up in [true, false] {
        let mut daemon = Daemon::start("");
        daemon.keep_ports();
        fifty(&daemon);
        let mut caller = Phone::udp(daemon.udp, "1000");
        let mut callee = Phone::udp(daemon.udp, "1001");
        assert_eq!(caller.register(3600).status(), 200);
        assert_eq!(callee.register(3600).status(), 200);
        let to = callee.aor();
        let contact = format!("Contact: {}\r\n", caller.contact());
        let text = caller.request("INVITE", &to, &format!("<{to}>"), &contact, "");
        caller.send(&text);
        let invite = callee.expect_request("INVITE", Duration::from_secs(3)).expect("it rings");
        let contact = format!("Contact: {}\r\n", callee.contact());
        callee.answer(&invite, 200, "OK", &contact, "");
        let ok = loop {
            let answer = caller.receive(Duration::from_secs(3)).expect("an answer");
            if answer.status() >= 200 {
                break answer;
            }
        };
        assert_eq!(ok.status(), 200);
        std::thread::sleep(Duration::from_millis(500));

        daemon.kill();
        daemon.run();

        if caller_hangs_up {
            let routes = routes(ok.all("record-route").into_iter().rev());
            let target = uri(&ok);
            let to = ok.header("to").unwrap().to_owned();
            let bye = caller.request("BYE", &target, &to, &routes, "");
            caller.send(&bye);
            let bye = callee.expect_request("BYE", Duration::from_secs(3)).expect("the BYE");
            callee.answer(&bye, 200, "OK", "", "");
            assert_eq!(caller.receive(Duration::from_secs(3)).expect("its answer").status(), 200);
        } else {
            let routes = routes(invite.all("record-route").into_iter());
            let target = uri(&invite);
            let from = invite.header("from").unwrap().to_owned();
            callee.call_id = invite.header("call-id").unwrap().to_owned();
            let bye = callee.request("BYE", &target, &from, &routes, "");
            callee.send(&bye);
            let bye = caller.expect_request("BYE", Duration::from_secs(3)).expect("the BYE");
            caller.answer(&bye, 200, "OK", "", "");
            assert_eq!(callee.receive(Duration::from_secs(3)).expect("its answer").status(), 200);
        }
    }
}

fn routes<'a>(values: impl Iterator<Item = &'a str>) -> String {
    values.map(|value| format!("Route: {value}\r\n")).collect()
}

fn uri(message: &Message) -> String {
    let contact = message.header("contact").expect("a Contact");
    contact.split(['<', '>']).nth(1).expect("a URI").to_owned()
}
