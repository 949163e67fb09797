//! Calls: who may begin one, to how many devices it goes, what it takes and gives back.

mod scene;

use std::time::Duration;

use scene::{Daemon, Message, Phone, Upstream, authorize, eventually};

const SOON: Duration = Duration::from_secs(3);
const MOMENT: Duration = Duration::from_millis(400);

fn group(daemon: &Daemon, sip: &str, more: &[&str]) {
    daemon.tell(&["group", "add", "R", "--restrict"]);
    let mut words = vec!["license", "add", "R", "--sip", sip];
    words.extend(more);
    daemon.tell(&words);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    eventually(SOON, "the number is known", || {
        daemon.ask(&["explain", "sip:20@example.com"])["cause"] != "unknown_number"
    });
}

fn in_use(daemon: &Daemon) -> i64 {
    daemon.ask(&["state", "R"])["sip_numbers"]["in_use"].as_i64().expect("a count")
}

fn invite(phone: &mut Phone, to: &str) -> String {
    let contact = format!("Contact: {}\r\n", phone.contact());
    phone.request("INVITE", to, &format!("<{to}>"), &contact, "")
}

fn final_answer(phone: &mut Phone) -> Message {
    loop {
        let answer = phone.receive(SOON).expect("a final answer");
        if answer.status() >= 200 {
            return answer;
        }
    }
}

fn routes(answer: &Message) -> String {
    answer.all("record-route").iter().rev().map(|route| format!("Route: {route}\r\n")).collect()
}

#[test]
fn a_call_rings_at_every_device_and_the_first_to_answer_wins() {
    let daemon = Daemon::start("");
    group(&daemon, "5", &[]);
    let mut caller = Phone::udp(daemon.udp, "20");
    let mut first = Phone::udp(daemon.udp, "21");
    let mut second = Phone::tcp(daemon.tcp, "21");
    for phone in [&mut caller, &mut first, &mut second] {
        assert_eq!(phone.register(600).status(), 200);
    }

    let text = invite(&mut caller, "sip:21@example.com");
    caller.send(&text);
    let at_first = first.expect_request("INVITE", SOON).expect("rings at the first");
    let at_second = second.expect_request("INVITE", SOON).expect("rings at the second");
    first.answer(&at_first, 180, "Ringing", "", "");
    let contact = format!("Contact: {}\r\n", second.contact());
    second.answer(&at_second, 200, "OK", &contact, "");

    assert_eq!(final_answer(&mut caller).status(), 200);
    let cancel = first.expect_request("CANCEL", SOON).expect("the other stops ringing");
    first.answer(&cancel, 200, "OK", "", "");
    first.answer(&at_first, 487, "Request Terminated", "", "");
    assert!(first.expect_request("ACK", SOON).is_some(), "its 487 is acknowledged for the caller");
    assert!(caller.receive(MOMENT).is_none(), "the caller hears of one answer only");
}

#[test]
fn a_cancelled_call_stops_ringing_and_the_caller_gets_487() {
    let daemon = Daemon::start("");
    group(&daemon, "5", &[]);
    let mut caller = Phone::udp(daemon.udp, "20");
    let mut callee = Phone::udp(daemon.udp, "21");
    for phone in [&mut caller, &mut callee] {
        assert_eq!(phone.register(600).status(), 200);
    }
    let to = "<sip:21@example.com>";
    caller.cseq += 1;
    let branch = caller.branch();
    let contact = format!("Contact: {}\r\n", caller.contact());
    let text = caller.request_on(&branch, "INVITE", "sip:21@example.com", to, &contact, "");
    caller.send(&text);
    let ringing = callee.expect_request("INVITE", SOON).expect("rings");
    callee.answer(&ringing, 180, "Ringing", "", "");

    let cancel = caller.request_on(&branch, "CANCEL", "sip:21@example.com", to, "", "");
    caller.send(&cancel);
    let cancel = callee.expect_request("CANCEL", SOON).expect("the CANCEL arrives");
    assert_eq!(cancel.uri(), ringing.uri());
    callee.answer(&cancel, 200, "OK", "", "");
    callee.answer(&ringing, 487, "Request Terminated", "", "");

    let answers = [final_answer(&mut caller).status(), final_answer(&mut caller).status()];
    assert_eq!(answers, [200, 487]);
    let ack = caller.request_on(&branch, "ACK", "sip:21@example.com", to, "", "");
    caller.send(&ack);
    assert!(callee.expect_request("ACK", SOON).is_some());
}

#[test]
fn a_number_without_a_device_takes_a_call_seat_and_gives_it_back_with_its_bye() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false"));
    group(&daemon, "1", &[]);
    let mut caller = Phone::udp(daemon.udp, "20");
    let mut other = Phone::udp(daemon.udp, "21");

    let text = invite(&mut caller, "sip:29@example.com");
    caller.send(&text);
    let at_upstream = upstream.expect("INVITE", SOON).expect("forwarded");
    let refused = invite(&mut other, "sip:29@example.com");
    let answer = other.exchange(&refused);
    assert_eq!(answer.status(), 403, "the one seat is reserved: {}", answer.text);
    assert!(answer.header("retry-after").is_none(), "none on INVITE");
    assert_eq!(other.exchange(&refused).status(), 403, "a copy gets the same answer");
    let contact = format!("Contact: <sip:29@{}>\r\n", upstream.address);
    upstream.answer(&at_upstream, 200, "OK", &contact);
    let ok = final_answer(&mut caller);
    let seats = daemon.ask(&["seats", "R"]);
    assert_eq!(seats[0]["kind"], "call");
    assert_eq!(seats.as_array().unwrap().len(), 1);

    let target = format!("sip:29@{}", upstream.address);
    let to = ok.header("to").unwrap().to_owned();
    let bye = caller.request("BYE", &target, &to, &routes(&ok), "");
    caller.send(&bye);
    let bye = upstream.expect("BYE", SOON).expect("the BYE arrives");
    upstream.answer(&bye, 200, "OK", "");
    assert_eq!(final_answer(&mut caller).status(), 200);

    assert_eq!(in_use(&daemon), 0);
    let text = invite(&mut other, "sip:28@example.com");
    other.send(&text);
    let again = upstream.expect("INVITE", SOON).expect("there is room again");
    upstream.answer(&again, 486, "Busy Here", "");
    assert_eq!(final_answer(&mut other).status(), 486);
    assert_eq!(in_use(&daemon), 0, "a refused call gives back");
}

#[test]
fn a_bye_that_ends_nothing_gives_no_seat_back() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false"));
    group(&daemon, "1", &[]);
    let mut caller = Phone::udp(daemon.udp, "20");
    let text = invite(&mut caller, "sip:29@example.com");
    caller.send(&text);
    let request = upstream.expect("INVITE", SOON).expect("forwarded");
    upstream.answer(&request, 200, "OK", &format!("Contact: <sip:29@{}>\r\n", upstream.address));
    let ok = final_answer(&mut caller);
    let target = format!("sip:29@{}", upstream.address);
    let right = ok.header("to").unwrap().to_owned();
    let wrong = format!("{right}x");

    for (to, status) in [(&wrong, 481), (&right, 401), (&wrong, 200)] {
        let bye = caller.request("BYE", &target, to, &routes(&ok), "");
        caller.send(&bye);
        let bye = upstream.expect("BYE", SOON).expect("never refused");
        upstream.answer(&bye, status, "Whatever", "");
        assert_eq!(final_answer(&mut caller).status(), status);
        assert_eq!(in_use(&daemon), 1, "{to} {status}");
    }

    let bye = caller.request("BYE", &target, &right, &routes(&ok), "");
    caller.send(&bye);
    let bye = upstream.expect("BYE", SOON).expect("the BYE");
    upstream.answer(&bye, 200, "OK", "");
    assert_eq!(final_answer(&mut caller).status(), 200);
    assert_eq!(in_use(&daemon), 0);
}

#[test]
fn a_registrar_that_rewrites_the_host_is_matched_by_instance() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false"));
    group(&daemon, "1", &["--until", "+300s"]);
    let mut phones: Vec<_> =
        (20..22).map(|user| Phone::udp(daemon.udp, &user.to_string())).collect();
    for (index, phone) in phones.iter_mut().enumerate() {
        phone.contact_params = format!(";+sip.instance=\"<urn:uuid:{index}>\";reg-id=1");
    }

    let text = phones[0].register_text(3600);
    phones[0].send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("forwarded");
    let contact = request.0.header("contact").unwrap().replace("@127.0.0.1:", "@10.1.1.1:");
    upstream.answer(&request, 200, "OK", &format!("Contact: {contact};expires=3600\r\n"));
    let answer = phones[0].receive(SOON).expect("an answer");

    assert!(answer.granted("20@").unwrap() <= 300, "{}", answer.text);
    assert_eq!(in_use(&daemon), 1);
    let text = phones[1].register_text(3600);
    assert_eq!(phones[1].exchange(&text).status(), 403);
}

#[test]
fn a_call_through_the_upstream_that_comes_back_to_us_is_decided_once() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false"));
    group(&daemon, "2", &[]);
    let mut caller = Phone::udp(daemon.udp, "20");
    let mut callee = Phone::udp(daemon.udp, "21");
    let mut path = String::new();
    for phone in [&mut caller, &mut callee] {
        let text = phone.register_text(600);
        phone.send(&text);
        let request = upstream.expect("REGISTER", SOON).expect("forwarded");
        path = request.0.header("path").unwrap().to_owned();
        upstream.accept(&request);
        assert_eq!(phone.receive(SOON).unwrap().status(), 200);
    }

    let text = invite(&mut caller, "sip:21@example.com");
    caller.send(&text);
    let (at_upstream, _) = upstream.expect("INVITE", SOON).expect("forwarded");
    // The registrar routes it back to us by the callee's Path.
    let me = upstream.address;
    let back = at_upstream.text.replacen(
        "Via: ",
        &format!("Via: SIP/2.0/UDP {me};branch=z9hG4bKback\r\nRoute: {path}\r\nVia: "),
        1,
    );
    let back =
        back.replacen("sip:21@example.com SIP", &format!("sip:21@{} SIP", callee.local()), 1);
    upstream.send(&back, daemon.bind.unwrap());
    let ringing = callee.expect_request("INVITE", SOON).expect("it rings");
    assert_eq!(ringing.all("record-route").len(), 4, "both passages stay in the path");

    assert_eq!(in_use(&daemon), 2);
    assert_eq!(daemon.ask(&["seats", "R"]).as_array().unwrap().len(), 2);
}

#[test]
fn a_call_that_leaves_by_a_trunk_needs_the_feature() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false"));
    group(&daemon, "2", &[]);
    let mut caller = Phone::udp(daemon.udp, "20");

    let text = invite(&mut caller, "sip:+34600000000@carrier.example.net");
    assert_eq!(caller.exchange(&text).status(), 403);
    eventually(SOON, "the reason is logged", || daemon.log().contains("feature_off"));

    daemon.tell(&["license", "add", "R", "--sip", "1", "--feature", "sip_trunks"]);
    std::thread::sleep(Duration::from_secs(1));
    let text = invite(&mut caller, "sip:+34600000001@carrier.example.net");
    caller.send(&text);
    assert!(upstream.expect("INVITE", SOON).is_some());
}

#[test]
fn an_emergency_call_passes_whatever_the_license_and_is_called_back() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false"));
    group(&daemon, "2", &["--until", "+3s"]);
    let mut caller = Phone::udp(daemon.udp, "20");
    let text = caller.register_text(600);
    caller.send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("forwarded");
    let path = request.0.header("path").unwrap().to_owned();
    upstream.accept(&request);
    assert_eq!(caller.receive(SOON).unwrap().status(), 200);
    std::thread::sleep(Duration::from_secs(3));

    let text = invite(&mut caller, "sip:21@example.com");
    assert_eq!(caller.exchange(&text).status(), 403);
    let text = invite(&mut caller, "urn:service:sos.fire");
    caller.send(&text);
    assert!(upstream.expect("INVITE", SOON).is_some(), "help is called");

    let back = format!(
        "INVITE sip:20@example.com SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKsos\r\n\
         Route: {path}\r\nMax-Forwards: 70\r\nFrom: <sip:112@example.com>;tag=s\r\n\
         To: <sip:20@example.com>\r\nCall-ID: sos\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        upstream.address
    );
    upstream.send(&back, daemon.bind.unwrap());
    assert!(caller.expect_request("INVITE", SOON).is_some(), "and calls back");
}

#[test]
fn an_invite_of_a_number_with_a_password_is_challenged_unless_it_comes_by_its_seat() {
    let daemon = Daemon::start("");
    group(&daemon, "5", &[]);
    let password = ["--kind", "phone", "--password", "secret"];
    for number in ["sip:101@example.com", "sip:102@example.com"] {
        let mut words = vec!["number", "add", number, "--group", "R"];
        words.extend(password);
        daemon.tell(&words);
    }
    std::thread::sleep(Duration::from_millis(500));
    let mut callee = Phone::udp(daemon.udp, "102");
    callee.password = Some("secret".into());
    assert_eq!(callee.register(600).status(), 200);
    let mut caller = Phone::udp(daemon.udp, "101");

    let text = invite(&mut caller, "sip:102@example.com");
    let challenged = caller.exchange(&text);
    assert_eq!(challenged.status(), 407);
    let challenge = challenged.header("proxy-authenticate").unwrap().to_owned();
    let to = "sip:102@example.com";
    let credentials = |password| authorize(&challenge, "INVITE", to, "101", password);
    let wrong = format!("Proxy-Authorization: {}\r\n", credentials("guess"));
    let right = format!("Proxy-Authorization: {}\r\n", credentials("secret"));
    let text = caller.request("INVITE", to, &format!("<{to}>"), &wrong, "");
    assert_eq!(caller.exchange(&text).status(), 403);
    let text = caller.request("INVITE", to, &format!("<{to}>"), &right, "");
    caller.send(&text);
    assert!(callee.expect_request("INVITE", SOON).is_some(), "with its password it passes");

    caller.password = Some("secret".into());
    caller.call_id.push('r');
    assert_eq!(caller.register(600).status(), 200);
    caller.call_id.push('i');
    let text = invite(&mut caller, "sip:102@example.com");
    caller.send(&text);
    assert!(callee.expect_request("INVITE", SOON).is_some(), "by its seat without");
}

#[test]
fn a_wrong_password_looks_like_an_unknown_number_and_takes_no_seat() {
    let daemon = Daemon::start("");
    group(&daemon, "5", &[]);
    daemon.tell(&[
        "number",
        "add",
        "sip:101@example.com",
        "--group",
        "R",
        "--kind",
        "phone",
        "--password",
        "s",
    ]);
    std::thread::sleep(Duration::from_millis(500));
    let mut known = Phone::udp(daemon.udp, "101");
    let mut unknown = Phone::udp(daemon.udp, "999");
    known.password = Some("wrong".into());
    unknown.password = Some("wrong".into());

    let (one, other) = (known.register(600), unknown.register(600));

    assert_eq!((one.status(), other.status()), (403, 403));
    assert_eq!(one.start, other.start);
    let warning = |answer: &Message| {
        let text = answer.header("warning").unwrap().to_owned();
        text.split(" (id").next().unwrap().to_owned()
    };
    assert_eq!(warning(&one), warning(&other));
    assert_eq!(in_use(&daemon), 0);
}

#[test]
fn a_refusal_is_explained_by_the_id_that_the_client_was_told() {
    let daemon = Daemon::start("");
    group(&daemon, "0", &[]);
    let mut phone = Phone::udp(daemon.udp, "20");

    let refused = phone.register(600);

    let warning = refused.header("warning").unwrap();
    let id = warning.split("(id ").nth(1).unwrap().trim_end_matches([')', '"']).to_owned();
    let explained = daemon.ask(&["explain", &id]);
    assert_eq!(explained["number"], "sip:20@example.com");
    assert_eq!(explained["refusal"]["cause"], "sip_limit");
    assert_eq!(explained["refusal"]["bound_by"], "R");
}

#[test]
fn with_commit_before_answer_a_2xx_is_on_disk_when_it_arrives() {
    let mut daemon = Daemon::start("[admission]\ncommit_before_answer = true\n");
    daemon.keep_ports();
    group(&daemon, "3", &[]);
    let mut phones: Vec<_> =
        (20..23).map(|user| Phone::udp(daemon.udp, &user.to_string())).collect();
    assert!(phones.iter_mut().all(|phone| phone.register(600).status() == 200));

    daemon.kill();
    daemon.run();

    assert_eq!(in_use(&daemon), 3);
}

#[test]
fn where_the_registrar_ignores_path_contacts_lead_to_us_and_back() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = false\npath = \"contact\""));
    group(&daemon, "2", &[]);
    let mut phone = Phone::udp(daemon.udp, "20");
    phone.contact_params = ";+sip.instance=\"<urn:uuid:7>\";q=0.5".into();

    let text = phone.register_text(600);
    phone.send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("forwarded");
    let contact = request.0.header("contact").unwrap().to_owned();
    let bind = daemon.bind.unwrap();
    assert!(contact.contains(&format!("@{bind}")), "{contact}");
    assert!(contact.contains("+sip.instance=\"<urn:uuid:7>\"") && contact.contains("q=0.5"));
    assert!(request.0.header("path").is_none());
    // Asterisk echoes the URI and the time, nothing else.
    let uri = contact.split(['<', '>']).nth(1).unwrap().to_owned();
    upstream.answer(&request, 200, "OK", &format!("Contact: <{uri}>;expires=600\r\n"));
    let answer = phone.receive(SOON).expect("an answer");
    assert_eq!(answer.status(), 200);
    let own = format!("<sip:20@{}>", phone.local());
    assert!(answer.header("contact").unwrap().starts_with(&own), "{}", answer.text);
    assert_eq!(in_use(&daemon), 1);

    let call = format!(
        "INVITE {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {};branch=z9hG4bKin\r\nMax-Forwards: 70\r\n\
         From: <sip:out@elsewhere.net>;tag=s\r\nTo: <sip:20@example.com>\r\nCall-ID: in\r\n\
         CSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n",
        upstream.address
    );
    upstream.send(&call, bind);
    let ringing = phone.expect_request("INVITE", SOON).expect("it rings");
    assert_eq!(ringing.uri(), format!("sip:20@{}", phone.local()));
    let refresh = phone.register_text(600);
    phone.send(&refresh);
    let request = upstream.expect("REGISTER", SOON).expect("forwarded");
    upstream.answer(&request, 200, "OK", &format!("Contact: <{uri}>;expires=600\r\n"));
    assert_eq!(phone.receive(SOON).expect("an answer").status(), 200);
    assert_eq!(in_use(&daemon), 1, "the refresh is the same device");
}

#[test]
fn after_a_restart_a_tcp_device_that_reconnected_can_hang_up_and_be_hung_up() {
    let mut daemon = Daemon::start("");
    daemon.keep_ports();
    group(&daemon, "5", &[]);
    let mut caller = Phone::tcp(daemon.tcp, "20");
    caller.contact_params = ";+sip.instance=\"<urn:uuid:c>\"".into();
    let mut callee = Phone::udp(daemon.udp, "21");
    for phone in [&mut caller, &mut callee] {
        assert_eq!(phone.register(600).status(), 200);
    }
    let text = invite(&mut caller, "sip:21@example.com");
    caller.send(&text);
    let ringing = callee.expect_request("INVITE", SOON).expect("rings");
    let contact = format!("Contact: {}\r\n", callee.contact());
    callee.answer(&ringing, 200, "OK", &contact, "");
    assert_eq!(final_answer(&mut caller).status(), 200);
    std::thread::sleep(Duration::from_millis(500));

    daemon.kill();
    daemon.run();
    let mut again = Phone::tcp(daemon.tcp, "20");
    again.contact_params = caller.contact_params.clone();
    assert_eq!(again.register(600).status(), 200);

    let routes: String =
        ringing.all("record-route").iter().map(|route| format!("Route: {route}\r\n")).collect();
    callee.call_id = ringing.header("call-id").unwrap().to_owned();
    let target = ringing.header("contact").unwrap().split(['<', '>']).nth(1).unwrap().to_owned();
    let from = ringing.header("from").unwrap().to_owned();
    let bye = callee.request("BYE", &target, &from, &routes, "");
    callee.send(&bye);
    let bye = again.expect_request("BYE", SOON).expect("the BYE finds the new connection");
    again.answer(&bye, 200, "OK", "", "");
    assert_eq!(final_answer(&mut callee).status(), 200);
}

#[test]
fn an_upstream_that_lets_calls_through_unasked_gives_no_unlicensed_calls() {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config("challenges = true"));
    group(&daemon, "1", &[]);
    let mut first = Phone::udp(daemon.udp, "20");
    let mut second = Phone::udp(daemon.udp, "21");

    let text = invite(&mut first, "sip:29@example.com");
    first.send(&text);
    let request = upstream.expect("INVITE", SOON).expect("it goes on to be challenged");
    upstream.answer(&request, 200, "OK", &format!("Contact: <sip:29@{}>\r\n", upstream.address));
    assert_eq!(final_answer(&mut first).status(), 200);

    assert_eq!(in_use(&daemon), 1, "it took its seat at the 2xx");
    let text = invite(&mut second, "sip:29@example.com");
    assert_eq!(second.exchange(&text).status(), 403, "the next is decided before it goes on");
}
