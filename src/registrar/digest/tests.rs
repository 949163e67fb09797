use super::*;

const REALM: &str = "example.com";
const SECRET: Secret<'static> = Secret::Password(b"secret");

fn at(ms: i64) -> Now {
    Now { wall_ms: 1_700_000_000_000 + ms, mono_ms: 0 }
}

fn digest() -> Digest {
    Digest::new(vec![[1; 16]], 1, NonceLimits::default())
}

fn nonce(digest: &Digest, ms: i64) -> String {
    let values = digest.challenges(REALM, Offer::Md5, false, at(ms));
    String::from_utf8(Challenge::parse(values[0].as_bytes()).unwrap().nonce.into_owned()).unwrap()
}

/// The credentials of a client that knows the password.
struct Client<'a> {
    username: &'a str,
    nonce: &'a str,
    uri: &'a str,
    algorithm: Algorithm,
    count: Option<u32>,
}

impl<'a> Client<'a> {
    fn new(nonce: &'a str) -> Self {
        let (username, uri) = ("101", "sip:example.com");
        Self { username, nonce, uri, algorithm: Algorithm::Md5, count: Some(1) }
    }

    fn value(&self) -> String {
        let Self { username, nonce, uri, algorithm, count } = self;
        let mut value = format!(
            "Digest username=\"{username}\", realm=\"{REALM}\", nonce=\"{nonce}\", uri=\"{uri}\", algorithm={}",
            algorithm.name()
        );
        if let Some(count) = count {
            value += &format!(", qop=auth, nc={count:08x}, cnonce=\"c\"");
        }
        let unsigned = format!("{value}, response=\"\"");
        let response =
            Credentials::parse(unsigned.as_bytes()).unwrap().expected(SECRET, b"REGISTER").unwrap();
        value + &format!(", response=\"{response}\"")
    }
}

fn verify(digest: &Digest, value: &str, now: Now) -> Outcome {
    verify_as(digest, value, now, |_| {})
}

fn verify_as(digest: &Digest, value: &str, now: Now, change: impl Fn(&mut Asking<'_>)) -> Outcome {
    let credentials = Credentials::parse(value.as_bytes()).unwrap();
    let mut asking = Asking {
        credentials: &credentials,
        realm: REALM,
        aor: "sip:101@example.com",
        secret: Some(SECRET),
        method: b"REGISTER",
        request_uri: b"sip:example.com",
        branch: b"z9hG4bK1",
        cseq: 1,
    };
    change(&mut asking);
    digest.verify(&asking, now)
}

#[test]
fn right_credentials_are_verified_with_either_algorithm_and_without_qop() {
    let digest = digest();
    for (algorithm, count, outcome) in [
        (Algorithm::Md5, Some(1), Outcome::Verified),
        (Algorithm::Sha256, Some(1), Outcome::Verified),
        (Algorithm::Md5, None, Outcome::Verified),
        (Algorithm::Sha256, None, Outcome::Wrong),
        (Algorithm::Md5Sess, Some(1), Outcome::Wrong),
    ] {
        let nonce = nonce(&digest, 0);
        let client = Client { algorithm, count, ..Client::new(&nonce) };

        assert_eq!(verify(&digest, &client.value(), at(1)), outcome, "{algorithm:?} {count:?}");
    }
}

#[test]
fn the_challenge_offers_md5_first_and_sha256_with_the_same_nonce() {
    let values = digest().challenges(REALM, Offer::Md5AndSha256, true, at(0));

    let [md5, sha] = [&values[0], &values[1]].map(|v| Challenge::parse(v.as_bytes()).unwrap());
    assert_eq!((md5.algorithm, sha.algorithm), (Algorithm::Md5, Algorithm::Sha256));
    assert_eq!(md5.nonce, sha.nonce);
    assert!(md5.qop_auth && md5.stale && sha.qop_auth && sha.stale);
}

#[test]
fn md5_stands_alone_where_nothing_else_is_offered() {
    let values = digest().challenges(REALM, Offer::Md5, false, at(0));

    let algorithms: Vec<_> =
        values.iter().map(|value| Challenge::parse(value.as_bytes()).unwrap().algorithm).collect();
    assert_eq!(algorithms, [Algorithm::Md5]);
}

#[test]
fn wrong_credentials_are_wrong_whatever_their_nonce() {
    let digest = digest();
    let nonce = nonce(&digest, 0);
    let value = Client::new(&nonce).value();

    for now in [at(0), at(1_000_000)] {
        let wrong = |change: fn(&mut Asking<'_>)| {
            assert_eq!(verify_as(&digest, &value, now, change), Outcome::Wrong);
        };
        wrong(|asking| asking.secret = None);
        wrong(|asking| asking.secret = Some(Secret::Password(b"other")));
        wrong(|asking| asking.method = b"INVITE");
        wrong(|asking| asking.realm = "example.org");
        wrong(|asking| asking.aor = "sip:102@example.com");
    }
    assert_eq!(verify(&digest, &value, at(0)), Outcome::Verified, "what is wrong uses nothing up");
}

#[test]
fn an_empty_password_is_not_the_one_of_an_unknown_number() {
    let digest = digest();
    let nonce = nonce(&digest, 0);
    let value = Client::new(&nonce).value();
    let unsigned = value.split(", response").next().unwrap().to_owned() + ", response=\"\"";
    let response = Credentials::parse(unsigned.as_bytes())
        .unwrap()
        .expected(Secret::Password(b""), b"REGISTER")
        .unwrap();
    let value = unsigned.replace("response=\"\"", &format!("response=\"{response}\""));

    let outcome = verify_as(&digest, &value, at(0), |asking| asking.secret = None);

    assert_eq!(outcome, Outcome::Wrong);
}

#[test]
fn an_old_or_foreign_nonce_is_stale() {
    let digest = digest();
    let old = nonce(&digest, 0);
    let foreign = nonce(&Digest::new(vec![[2; 16]], 1, NonceLimits::default()), 0);

    assert_eq!(verify(&digest, &Client::new(&old).value(), at(300_001)), Outcome::Stale);
    assert_eq!(verify(&digest, &Client::new(&foreign).value(), at(0)), Outcome::Stale);
    assert_eq!(verify(&digest, &Client::new("made up").value(), at(0)), Outcome::Stale);
}

#[test]
fn credentials_outlive_a_restart() {
    let nonce = nonce(&digest(), 0);

    assert_eq!(verify(&digest(), &Client::new(&nonce).value(), at(1000)), Outcome::Verified);
}

#[test]
fn a_copy_is_verified_and_a_replay_is_not() {
    let digest = digest();
    for count in [Some(1), None] {
        let nonce = nonce(&digest, 0);
        let value = Client { count, ..Client::new(&nonce) }.value();

        assert_eq!(verify(&digest, &value, at(0)), Outcome::Verified);
        assert_eq!(verify(&digest, &value, at(500)), Outcome::Verified);
        let branch = |asking: &mut Asking<'_>| asking.branch = b"z9hG4bK2";
        assert_eq!(verify_as(&digest, &value, at(600), branch), Outcome::Replay);
        let cseq = |asking: &mut Asking<'_>| asking.cseq = 2;
        assert_eq!(verify_as(&digest, &value, at(600), cseq), Outcome::Replay);
    }
}

#[test]
fn the_next_count_is_a_new_request_and_is_read_as_hexadecimal() {
    let digest = digest();
    let nonce = nonce(&digest, 0);

    for count in [1, 9, 0x10, 0x1ff] {
        let value = Client { count: Some(count), ..Client::new(&nonce) }.value();
        assert_eq!(verify(&digest, &value, at(0)), Outcome::Verified, "{count:x}");
    }
    let back = Client { count: Some(1), ..Client::new(&nonce) }.value();
    let another = |asking: &mut Asking<'_>| asking.branch = b"z9hG4bK9";
    assert_eq!(verify_as(&digest, &back, at(0), another), Outcome::Replay);
}

#[test]
fn a_username_may_be_the_user_or_the_whole_number() {
    let digest = digest();
    for (username, outcome) in [
        ("101", Outcome::Verified),
        ("101@example.com", Outcome::Verified),
        ("SIP:101@example.com", Outcome::Verified),
        ("101@192.0.2.1", Outcome::Verified),
        ("102", Outcome::Wrong),
        ("sip:", Outcome::Wrong),
        ("", Outcome::Wrong),
    ] {
        let nonce = nonce(&digest, 0);
        let client = Client { username, ..Client::new(&nonce) };

        assert_eq!(verify(&digest, &client.value(), at(0)), outcome, "{username}");
    }
}

#[test]
fn the_signed_uri_need_not_be_the_request_uri_but_names_the_same_user() {
    let digest = digest();
    for (uri, request_uri, outcome) in [
        ("sip:example.com", &b"sip:example.com:5060;transport=udp"[..], Outcome::Verified),
        ("sip:192.0.2.1", b"sip:example.com", Outcome::Verified),
        ("sip:101@example.com", b"sip:example.com", Outcome::Verified),
        ("sip:%31%30%32@example.com;user=phone", b"sip:102@example.com", Outcome::Verified),
        ("sip:103@example.com", b"sip:102@example.com", Outcome::Wrong),
    ] {
        let nonce = nonce(&digest, 0);
        let value = Client { uri, ..Client::new(&nonce) }.value();

        let got = verify_as(&digest, &value, at(0), |asking| asking.request_uri = request_uri);

        assert_eq!(got, outcome, "{uri}");
    }
}

/// RFC 8760 names no vector of its own for SHA-256; these are RFC 2617 3.5 and RFC 7616 3.9.1. Their
/// nonces are not ours, so the sums are right and the nonce is stale.
#[test]
fn the_examples_of_the_rfcs_have_the_right_sums() {
    let digest = digest();
    for (value, realm, password) in [
        (
            r#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", uri="/dir/index.html", qop=auth, nc=00000001, cnonce="0a4f113b", response="6629fae49393a05397450978507c4ef1""#,
            "testrealm@host.com",
            "Circle Of Life",
        ),
        (
            r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="8ca523f5e9506fed4657c9700eebdbec""#,
            "http-auth@example.org",
            "Circle of Life",
        ),
        (
            r#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=SHA-256, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, response="753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1""#,
            "http-auth@example.org",
            "Circle of Life",
        ),
    ] {
        let credentials = Credentials::parse(value.as_bytes()).unwrap();
        let asking = |password: &'static str| Asking {
            credentials: &credentials,
            realm,
            aor: "sip:Mufasa@example.org",
            secret: Some(Secret::Password(password.as_bytes())),
            method: b"GET",
            request_uri: b"sip:example.org",
            branch: b"",
            cseq: 1,
        };

        assert_eq!(digest.verify(&asking(password), at(0)), Outcome::Stale);
        assert_eq!(digest.verify(&asking("circle"), at(0)), Outcome::Wrong);
    }
}
