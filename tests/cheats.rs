//! What a peer may try: forged answers, made-up tags, somebody else's numbers. Nothing of it opens
//! anything, takes a seat or is relayed anywhere.

mod scene;

use std::time::Duration;

use scene::{Daemon, Phone, Upstream, eventually};

const SOON: Duration = Duration::from_secs(3);
const MOMENT: Duration = Duration::from_millis(400);

/// A group with two SIP numbers and the numbers 20 to 29.
fn scene(more: &str) -> (Daemon, Upstream) {
    let upstream = Upstream::new();
    let daemon = Daemon::start(&upstream.config(more));
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["license", "add", "R", "--sip", "2"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com", "--range", "20-29"]);
    eventually(SOON, "the number is known", || {
        daemon.ask(&["explain", "sip:20@example.com"])["cause"] != "unknown_number"
    });
    (daemon, upstream)
}

fn seats(daemon: &Daemon) -> usize {
    daemon.ask(&["seats", "R"]).as_array().expect("a list").len()
}

fn in_use(daemon: &Daemon) -> i64 {
    daemon.ask(&["state", "R"])["sip_numbers"]["in_use"].as_i64().expect("a count")
}

fn register(phone: &mut Phone, upstream: &Upstream) {
    let text = phone.register_text(3600);
    phone.send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("forwarded");
    upstream.accept(&request);
    assert_eq!(phone.receive(SOON).expect("an answer").status(), 200);
}

#[test]
fn a_forged_200_commits_nothing_and_is_relayed_nowhere() {
    let (daemon, upstream) = scene("challenges = false");
    let mut phone = Phone::udp(daemon.udp, "20");
    let text = phone.register_text(3600);
    phone.send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("forwarded");
    let stranger = Upstream::new();
    let contact = format!("Contact: {}\r\nExpires: 3600\r\n", phone.contact());

    for port in [daemon.udp, daemon.bind.unwrap(), request.1] {
        stranger.answer(&(request.0.clone(), port), 200, "OK", &contact);
    }
    // A real answer whose token was tampered with.
    let mut forged = request.0.clone();
    let ours = forged.headers.iter_mut().find(|(name, _)| name == "via").expect("our Via");
    ours.1 = ours.1.replace("branch=z9hG4bK", "branch=z9hG4bKx");
    upstream.answer(&(forged, request.1), 200, "OK", &contact);

    assert!(phone.receive(MOMENT).is_none(), "nothing is relayed");
    assert_eq!(seats(&daemon), 0, "nothing is committed");
    upstream.answer(&request, 500, "Oops", "");
    assert_eq!(phone.receive(SOON).expect("the real answer").status(), 500);
    assert_eq!(in_use(&daemon), 0, "what was reserved is given back");
}

#[test]
fn requests_with_a_made_up_to_tag_are_decided_as_new_ones() {
    let (daemon, upstream) = scene("challenges = false");
    let mut stranger = Phone::udp(daemon.udp, "77");

    for method in ["INVITE", "MESSAGE"] {
        let to = "<sip:20@example.com>;tag=made-up";
        let routes = format!("Route: <sip:AAAAAAAA@{};lr>\r\n", daemon.udp);
        let text = stranger.request(method, "sip:20@example.com", to, &routes, "");
        assert_eq!(stranger.exchange(&text).status(), 403, "{method}");
    }

    assert!(upstream.receive(MOMENT).is_none(), "nothing went on");
}

#[test]
fn a_star_contact_that_was_answered_401_frees_nothing() {
    let (daemon, upstream) = scene("challenges = true");
    let mut phone = Phone::udp(daemon.udp, "20");
    phone.extra = "Authorization: Digest username=\"20\", realm=\"r\", nonce=\"n\", uri=\"sip:example.com\", response=\"0123456789abcdef0123456789abcdef\"\r\n".into();
    register(&mut phone, &upstream);
    assert_eq!(seats(&daemon), 1);

    let mut stranger = Phone::udp(daemon.udp, "20");
    let text = stranger.request(
        "REGISTER",
        "sip:example.com",
        "<sip:20@example.com>",
        "Contact: *\r\nExpires: 0\r\n",
        "",
    );
    stranger.send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("de-registration is never refused");
    upstream.answer(
        &request,
        401,
        "Unauthorized",
        "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\"\r\n",
    );
    assert_eq!(stranger.receive(SOON).expect("the challenge").status(), 401);

    assert_eq!(seats(&daemon), 1);
}

#[test]
fn made_up_credentials_hold_no_seat_and_shut_nobody_out() {
    let (daemon, upstream) = scene("challenges = true");
    let credentials = "Authorization: Digest username=\"2\", realm=\"r\", nonce=\"n\", uri=\"sip:example.com\", response=\"0123456789abcdef0123456789abcdef\"\r\n";
    for user in 20..26 {
        let mut liar = Phone::udp(daemon.udp, &user.to_string());
        liar.extra = credentials.into();
        let text = liar.register_text(3600);
        liar.send(&text);
        if let Some(request) = upstream.expect("REGISTER", MOMENT) {
            upstream.answer(&request, 403, "Forbidden", "");
            assert_eq!(liar.receive(SOON).expect("the answer").status(), 403);
        }
    }

    assert_eq!(in_use(&daemon), 0);
    let mut honest = Phone::udp(daemon.udp, "20");
    honest.extra = credentials.into();
    register(&mut honest, &upstream);
    assert_eq!(in_use(&daemon), 1);
}

#[test]
fn a_request_to_the_upstream_side_from_a_stranger_is_dropped() {
    let (daemon, _upstream) = scene("challenges = false\nsources = [\"127.0.0.9/32\"]");
    let mut stranger = Phone::udp(daemon.bind.unwrap(), "20");

    let text = stranger.request("INVITE", "sip:21@example.com", "<sip:21@example.com>", "", "");
    stranger.send(&text);

    assert!(stranger.receive(MOMENT).is_none());
}

#[test]
fn a_register_for_a_domain_that_is_not_ours_is_refused_and_never_forwarded() {
    let (daemon, upstream) = scene("challenges = true");
    let mut phone = Phone::udp(daemon.udp, "20");
    phone.domain = "elsewhere.net".into();

    let answer = phone.register(3600);

    assert_eq!(answer.status(), 403);
    assert!(upstream.receive(MOMENT).is_none());
}

#[test]
fn garbage_is_counted_and_never_hurts() {
    let (daemon, upstream) = scene("challenges = false");
    let mut phone = Phone::udp(daemon.udp, "20");
    let good = phone.register_text(3600);
    let many_headers: String = (0..10_000).map(|n| format!("X-{n}: y\r\n")).collect();
    let pieces: Vec<String> = vec![
        String::new(),
        "\0\0\0\0".into(),
        "REGISTER".into(),
        "REGISTER sip:example.com SIP/2.0\r\n".into(),
        good[..good.len() / 2].into(),
        good.replace("Content-Length: 0", "Content-Length: 500"),
        good.replace("Content-Length: 0", "Content-Length: -1"),
        good.replace(
            "REGISTER sip:example.com SIP/2.0",
            "REGISTER sip:example.com\r INVITE SIP/2.0",
        ),
        good.replace("Max-Forwards: 70\r\n", "Call-ID: another\r\n"),
        good.replace("Max-Forwards: 70\r\n", &many_headers[..60_000]),
        good.replace("CSeq: 2 REGISTER", "CSeq: 99999999999999999999 REGISTER"),
        good.replace("sip:20@example.com", "mailto:%ff%fe@\u{fffd}"),
        good.replace("Max-Forwards: 70", "Max-Forwards: many"),
    ];

    for piece in &pieces {
        phone.send(piece);
    }
    while phone.receive(MOMENT).is_some() {}
    while upstream.receive(MOMENT).is_some() {}

    let text = phone.register_text(4_294_967_295);
    phone.send(&text);
    let request = upstream.expect("REGISTER", SOON).expect("it still works");
    upstream.accept(&request);
    assert_eq!(phone.receive(SOON).expect("an answer").status(), 200);
}
