//! Calls that pass the daemon on the way to Kamailio, on the way back, or both.
#![cfg(feature = "peers")]

mod peers;
mod scene;

use std::time::Duration;

use peers::{Kamailio, Mode, Run, Sipp, Way, password, seats};
use scene::{Daemon, Message, Phone, authorize, eventually};

const SOON: Duration = Duration::from_secs(10);
const HOUR: u32 = 3600;

/// A license for two numbers, which have the passwords that Kamailio wants of them.
fn scene(kamailio: &Kamailio, license: &[&str]) -> Daemon {
    let daemon = Daemon::start(&kamailio.config("udp"));
    daemon.tell(&["group", "add", "Home", "--restrict"]);
    daemon.tell(&[&["license", "add", "Home", "--sip", "2"], license].concat());
    daemon.tell(&["claim", "add", "Home", "--domain", "example.com", "--range", "101-109"]);
    eventually(SOON, "the numbers are known", || {
        daemon.ask(&["explain", "sip:101@example.com"])["cause"] != "unknown_number"
    });
    daemon
}

fn phone(daemon: &Daemon, user: &str) -> Phone {
    let mut phone = Phone::udp(daemon.udp, user);
    phone.password = Some(password(user));
    phone
}

fn seat(user: &str, kind: &str) -> (String, String) {
    (format!("sip:{user}@example.com"), kind.to_owned())
}

/// Sends an INVITE, with its password where asked; the caller waits for what comes next.
fn invite(caller: &mut Phone, callee: &str) {
    let uri = format!("sip:{callee}@example.com");
    let to = format!("<{uri}>");
    let contact = format!("Contact: {}\r\n", caller.contact());
    let branch = caller.branch();
    caller.cseq += 1;
    let text = caller.request_on(&branch, "INVITE", &uri, &to, &contact, "");
    caller.send(&text);
    let Some(password) = caller.password.clone() else { return };
    let answer = final_answer(caller);
    assert_eq!(answer.status(), 407, "{}", answer.text);
    let to = answer.header("to").expect("a To").to_owned();
    let text = caller.request_on(&branch, "ACK", &uri, &to, "", "");
    caller.send(&text);
    let challenge = answer.header("proxy-authenticate").expect("a challenge").to_owned();
    let credentials = authorize(&challenge, "INVITE", &uri, &caller.user, &password);
    let headers = format!("{contact}Proxy-Authorization: {credentials}\r\n");
    let text = caller.request("INVITE", &uri, &format!("<{uri}>"), &headers, "");
    caller.send(&text);
}

fn final_answer(phone: &mut Phone) -> Message {
    loop {
        let answer = phone.receive(SOON).expect("an answer");
        if answer.status() >= 200 {
            return answer;
        }
    }
}

/// The callee takes the call that is on its way; gives the caller's 200.
fn take_up(caller: &mut Phone, callee: &mut Phone) -> Message {
    let request = callee.expect_request("INVITE", SOON).expect("the call arrives");
    assert!(request.all("via").len() >= 2, "through the daemon: {}", request.text);
    let contact = format!("Contact: {}\r\n", callee.contact());
    callee.answer(&request, 200, "OK", &contact, "");
    let answer = final_answer(caller);
    assert_eq!(answer.status(), 200, "{}", answer.text);
    let ack = in_dialog(caller, "ACK", &answer);
    caller.send(&ack);
    callee.expect_request("ACK", SOON).expect("the ACK arrives");
    answer
}

/// A request of the caller within the dialog that `answer` began.
fn in_dialog(caller: &mut Phone, method: &str, answer: &Message) -> String {
    let contact = answer.header("contact").expect("a Contact");
    let uri = contact.trim_start_matches('<').split('>').next().expect("a URI").to_owned();
    let routes: Vec<_> = answer
        .all("record-route")
        .iter()
        .flat_map(|line| line.split(',').map(|value| value.trim().to_owned()))
        .collect();
    let routes: String = routes.iter().rev().map(|route| format!("Route: {route}\r\n")).collect();
    let to = answer.header("to").expect("a To").to_owned();
    if method != "ACK" {
        caller.cseq += 1;
    }
    let branch = caller.branch();
    caller.request_on(&branch, method, &uri, &to, &routes, "")
}

fn hang_up(caller: &mut Phone, callee: &mut Phone, answer: &Message) {
    let bye = in_dialog(caller, "BYE", answer);
    caller.send(&bye);
    let bye = callee.expect_request("BYE", SOON).expect("the BYE arrives");
    callee.answer(&bye, 200, "OK", "", "");
    assert_eq!(final_answer(caller).status(), 200);
}

/// Registers users with their passwords, all at once; gives those answered 200 and those answered
/// 403.
fn register(daemon: &Daemon, mode: Mode, users: &[u32], secs: u32) -> (Vec<u32>, Vec<u32>) {
    let remote = if mode == Mode::TcpEach { daemon.tcp } else { daemon.udp };
    let rows: Vec<_> = users
        .iter()
        .map(|user| {
            let password = password(&user.to_string());
            let port = 20_000 + user;
            let credentials = format!("[authentication username={user} password={password}]");
            format!("{user};{port};{secs};{credentials}")
        })
        .collect();
    let run = Run { scenario: "register_digest.xml", mode, remote, rows: &rows, more: &[] };
    let lines = Sipp::start(&run).finish();
    let with = |status: &str| {
        let user = |line: &String| line.strip_suffix(status)?.trim().parse().ok();
        lines.iter().filter_map(user).collect()
    };
    (with(" 200"), with(" 403"))
}

#[test]
fn fifty_of_sixty_get_in_before_kamailio() {
    for (way, mode, transport) in [
        (Way::Path, Mode::UdpEach, "udp"),
        (Way::Contact, Mode::TcpEach, "udp"),
        (Way::Path, Mode::TcpEach, "tcp"),
    ] {
        let kamailio = Kamailio::start(way);
        let daemon = Daemon::start(&kamailio.config(transport));
        daemon.tell(&["group", "add", "Home", "--restrict"]);
        daemon.tell(&["license", "add", "Home", "--sip", "50"]);
        daemon.tell(&["claim", "add", "Home", "--domain", "example.com", "--range", "1000-1999"]);
        eventually(SOON, "the numbers are known", || {
            daemon.ask(&["explain", "sip:1000@example.com"])["cause"] != "unknown_number"
        });
        let everybody: Vec<u32> = (1000..1060).collect();

        let (admitted, refused) = register(&daemon, mode, &everybody, HOUR);
        assert_eq!((admitted.len(), refused.len()), (50, 10), "{way:?} {mode:?}");
        assert_eq!(seats(&daemon).len(), 50);
        let (left, _) = register(&daemon, mode, &admitted[7..8], 0);
        assert_eq!(left, admitted[7..8], "{way:?} {mode:?}: leaves");
        assert_eq!(seats(&daemon).len(), 49, "{way:?} {mode:?}: has left");
        let (admitted, refused) = register(&daemon, mode, &refused, HOUR);
        assert_eq!((admitted.len(), refused.len()), (1, 9), "{way:?} {mode:?}: one more");
    }
}

fn each_way(test: fn(Way)) {
    for way in [Way::Path, Way::Contact] {
        test(way);
    }
}

#[test]
fn a_call_that_comes_back_for_the_callee_is_decided_once() {
    each_way(|way| {
        let kamailio = Kamailio::start(way);
        let daemon = scene(&kamailio, &[]);
        let (mut caller, mut callee) = (phone(&daemon, "101"), phone(&daemon, "102"));
        assert_eq!(caller.register(HOUR).status(), 200);
        assert_eq!(callee.register(HOUR).status(), 200);

        invite(&mut caller, "102");
        let answer = take_up(&mut caller, &mut callee);

        assert_eq!(seats(&daemon), [seat("101", "sip"), seat("102", "sip")], "{way:?}");
        hang_up(&mut caller, &mut callee, &answer);
        assert_eq!(seats(&daemon), [seat("101", "sip"), seat("102", "sip")], "{way:?}");
    });
}

#[test]
fn an_unregistered_caller_takes_one_seat_for_both_passages() {
    each_way(|way| {
        let kamailio = Kamailio::start(way);
        let daemon = scene(&kamailio, &[]);
        let (mut caller, mut callee) = (phone(&daemon, "101"), phone(&daemon, "102"));
        assert_eq!(callee.register(HOUR).status(), 200);

        invite(&mut caller, "102");
        let answer = take_up(&mut caller, &mut callee);

        assert_eq!(seats(&daemon), [seat("101", "call"), seat("102", "sip")], "{way:?}");
        let mut third = phone(&daemon, "103");
        assert_eq!(third.register(HOUR).status(), 403, "{way:?}: both licenses are taken");
        hang_up(&mut caller, &mut callee, &answer);
        eventually(SOON, "the caller's seat is given back", || {
            seats(&daemon) == [seat("102", "sip")]
        });
        assert_eq!(third.register(HOUR).status(), 200, "{way:?}");
    });
}

#[test]
fn an_outside_caller_reaches_a_licensed_number_and_is_not_counted() {
    each_way(|way| {
        let kamailio = Kamailio::start(way);
        let daemon = scene(&kamailio, &[]);
        let mut callee = phone(&daemon, "102");
        assert_eq!(callee.register(HOUR).status(), 200);
        let mut caller = Phone::udp(kamailio.address, "doctor");
        caller.domain = "elsewhere.net".into();

        invite(&mut caller, "102");
        let answer = take_up(&mut caller, &mut callee);

        assert_eq!(seats(&daemon), [seat("102", "sip")], "{way:?}");
        hang_up(&mut caller, &mut callee, &answer);
        assert_eq!(seats(&daemon), [seat("102", "sip")], "{way:?}");
    });
}

#[test]
fn an_outside_caller_gets_480_once_the_license_of_the_callee_is_over() {
    each_way(|way| {
        let kamailio = Kamailio::start(way);
        let daemon = scene(&kamailio, &["--until", "+4s"]);
        let mut callee = phone(&daemon, "102");
        assert_eq!(callee.register(HOUR).status(), 200);
        eventually(SOON, "the license is over", || {
            daemon.ask(&["explain", "sip:102@example.com"])["cause"] == "expired"
        });
        let mut caller = Phone::udp(kamailio.address, "doctor");
        caller.domain = "elsewhere.net".into();

        invite(&mut caller, "102");

        assert_eq!(final_answer(&mut caller).status(), 480, "{way:?}");
        let rang = callee.expect_request("INVITE", Duration::from_millis(200));
        assert!(rang.is_none(), "{way:?}");
    });
}
