//! The end of a license on the wire, to the second.

mod scene;

use std::time::{Duration, Instant};

use scene::{Daemon, Phone, Upstream, eventually};

fn licensed_until(daemon: &Daemon, until: &str) -> String {
    daemon.tell(&["group", "add", "R", "--restrict"]);
    let license =
        daemon.ask(&["license", "add", "R", "--sip", "5", "--apps", "5", "--until", until]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    eventually(Duration::from_secs(2), "the number is known", || {
        daemon.ask(&["explain", "sip:20@example.com"])["cause"] != "unknown_number"
    });
    license["id"].to_string()
}

#[test]
fn at_the_end_of_the_license_devices_are_refused_and_unreachable_and_calls_may_hang_up() {
    let daemon = Daemon::start("");
    let license = licensed_until(&daemon, "+6s");
    let mut caller = Phone::udp(daemon.udp, "20");
    let mut callee = Phone::udp(daemon.udp, "21");
    for phone in [&mut caller, &mut callee] {
        let answer = phone.register(3600);
        assert_eq!(answer.status(), 200);
        let granted = answer.granted(&phone.local().to_string()).unwrap();
        assert!(granted <= 6, "told {granted} s of at most 6");
    }
    let (ok, invite) = call(&mut caller, &mut callee);

    std::thread::sleep(Duration::from_secs(6));

    let refused = caller.register(3600);
    assert_eq!(refused.status(), 403, "{}", refused.text);
    assert!(refused.header("warning").unwrap().starts_with("399 "));
    assert!(refused.header("retry-after").is_some());
    let mut outsider = Phone::udp(daemon.udp, "20");
    let unreachable =
        outsider.request("INVITE", "sip:21@example.com", "<sip:21@example.com>", "", "");
    assert_eq!(outsider.exchange(&unreachable).status(), 403);
    assert!(callee.expect_request("INVITE", Duration::from_millis(300)).is_none());
    hang_up(&mut caller, &mut callee, &ok, &invite);

    daemon.tell(&["license", "edit", &license, "--until", "+1h"]);
    eventually(Duration::from_secs(2), "service is back", || caller.register(60).status() == 200);
}

/// A call from `caller` to `callee`; gives the 200 as the caller saw it, the INVITE as the callee did.
fn call(caller: &mut Phone, callee: &mut Phone) -> (scene::Message, scene::Message) {
    let to = callee.aor();
    let contact = format!("Contact: {}\r\n", caller.contact());
    let text = caller.request("INVITE", &to, &format!("<{to}>"), &contact, "");
    caller.send(&text);
    let invite =
        callee.expect_request("INVITE", Duration::from_secs(3)).expect("the INVITE arrives");
    let contact = format!("Contact: {}\r\n", callee.contact());
    callee.answer(&invite, 200, "OK", &contact, "");
    let deadline = Instant::now() + Duration::from_secs(3);
    loop {
        let answer = caller.receive(Duration::from_secs(3)).expect("an answer to the INVITE");
        assert!(Instant::now() < deadline);
        if answer.status() == 200 {
            return (answer, invite);
        }
        assert!(answer.status() < 200, "{}", answer.text);
    }
}

fn hang_up(caller: &mut Phone, callee: &mut Phone, ok: &scene::Message, invite: &scene::Message) {
    let routes: String =
        ok.all("record-route").iter().rev().map(|route| format!("Route: {route}\r\n")).collect();
    let target = ok.header("contact").unwrap().trim_matches(['<', '>']).to_owned();
    let to = ok.header("to").unwrap().to_owned();
    let text = caller.request("BYE", &target, &to, &routes, "");
    caller.send(&text);
    let bye = callee.expect_request("BYE", Duration::from_secs(3)).expect("the BYE arrives");
    assert_eq!(bye.header("call-id"), invite.header("call-id"));
    callee.answer(&bye, 200, "OK", "", "");
    let answer = caller.receive(Duration::from_secs(3)).expect("the answer to the BYE");
    assert_eq!(answer.status(), 200);
}

#[test]
fn a_push_device_that_never_refreshed_is_reachable_again_after_the_renewal() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false"));
    let license = licensed_until(&daemon, "+4s");
    let mut app = Phone::udp(daemon.udp, "20");
    app.uri_params = ";pn-provider=apns;pn-param=x;pn-prid=y".into();
    app.contact_params = ";+sip.instance=\"<urn:uuid:1>\"".into();
    let text = app.register_text(3600);
    app.send(&text);
    let register = upstream.expect("REGISTER", Duration::from_secs(3)).expect("forwarded");
    let asked: u32 = register.0.header("expires").unwrap().parse().unwrap();
    assert!(asked >= 60, "the registrar's binding of a push device is not clamped: {asked}");
    let path = register.0.header("path").expect("a Path").to_owned();
    upstream.accept(&register);
    let answer = app.receive(Duration::from_secs(3)).expect("an answer");
    assert_eq!(answer.status(), 200);
    assert!(answer.granted("20@").unwrap() <= 4, "{}", answer.text);
    let bind = daemon.bind.expect("the upstream side");
    let invite = |serial: u32| {
        format!(
            "INVITE sip:20@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKup{serial}\r\n\
             Route: {path}\r\nMax-Forwards: 70\r\nFrom: <sip:out@elsewhere.net>;tag=o{serial}\r\n\
             To: <sip:20@example.com>\r\nCall-ID: in-{serial}\r\nCSeq: 1 INVITE\r\n\
             Contact: <sip:out@{}>\r\nContent-Length: 0\r\n\r\n",
            upstream.address, upstream.address
        )
    };

    upstream.send(&invite(1), bind);
    assert!(app.expect_request("INVITE", Duration::from_secs(2)).is_some(), "reachable");
    std::thread::sleep(Duration::from_millis(4500));
    upstream.send(&invite(2), bind);
    let refused = upstream.receive(Duration::from_secs(2)).expect("an answer");
    assert_eq!(refused.0.status(), 480, "{}", refused.0.text);
    assert!(refused.0.header("retry-after").is_some());

    daemon.tell(&["license", "edit", &license, "--until", "+1h"]);
    std::thread::sleep(Duration::from_secs(1));
    upstream.send(&invite(3), bind);

    assert!(app.expect_request("INVITE", Duration::from_secs(2)).is_some(), "reachable again");
}
