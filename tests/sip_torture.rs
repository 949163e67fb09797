//! The torture messages of RFC 4475, each with what becomes of it here. Every file of the folder is
//! in the table.

use admitd::sip::{Fault, Frame, Framer, Index, Limits, Method, Name, Patch, Rules, normalize};

type Outcome = Result<(), Fault>;

const MALFORMED: fn(Name) -> Outcome = |name| Err(Fault::Malformed(name));

fn outcomes() -> Vec<(&'static str, Outcome)> {
    vec![
        // 3.1.1 valid messages
        ("wsinv", Ok(())),
        ("intmeth", Ok(())),
        ("esc01", Ok(())),
        ("escnull", Ok(())),
        ("esc02", Ok(())),
        ("lwsdisp", Ok(())),
        ("longreq", Ok(())),
        ("dblreq", Ok(())),
        ("semiuri", Ok(())),
        ("transports", Ok(())),
        ("mpart01", Ok(())),
        ("unreason", Ok(())),
        ("noreason", Ok(())),
        // 3.1.2 invalid messages
        ("badinv01", MALFORMED(Name::Via)),
        ("clerr", Err(Fault::BodyTruncated)),
        ("ncl", MALFORMED(Name::ContentLength)),
        ("scalar02", MALFORMED(Name::CSeq)),
        ("scalarlg", MALFORMED(Name::CSeq)),
        ("quotbal", MALFORMED(Name::To)),
        ("ltgtruri", Err(Fault::BadRequestUri)),
        ("lwsruri", Err(Fault::BadStartLine)),
        ("lwsstart", Err(Fault::BadStartLine)),
        ("trws", Err(Fault::BadStartLine)),
        ("escruri", Ok(())), // headers in a Request-URI are ignored, as the RFC allows
        ("baddate", Ok(())), // Date is none of ours
        ("regbadct", MALFORMED(Name::Contact)),
        ("badaspec", Ok(())), // spaces inside the brackets mislead nobody
        ("baddn", Err(Fault::HeadUnfinished)), // the file lacks its empty line; see below
        ("badvers", Err(Fault::BadVersion)),
        ("mismatch01", Err(Fault::CSeqMismatch)),
        ("mismatch02", Err(Fault::CSeqMismatch)),
        ("bigcode", Err(Fault::BadStartLine)),
        // 3.2 transaction layer
        ("badbranch", Ok(())), // an empty branch after the cookie: as unique as the sender made it
        // 3.3 application layer
        ("insuf", Err(Fault::Missing(Name::From))),
        ("unkscm", Ok(())),
        ("novelsc", Ok(())),
        ("unksm2", Ok(())),
        ("bext01", Ok(())),
        ("invut", Ok(())),
        ("regaut01", Ok(())),
        ("multi01", Err(Fault::Duplicate(Name::From))),
        ("mcl01", Err(Fault::Duplicate(Name::ContentLength))),
        ("bcast", Ok(())),
        ("zeromf", Ok(())),
        ("cparam01", Ok(())),
        ("cparam02", Ok(())),
        ("regescrt", Ok(())),
        ("sdp01", Ok(())),
        // 3.4 backward compatibility
        ("inv2543", Ok(())),
        // not of the RFC's text: a message that is wrong from its first line
        ("test", Err(Fault::BadStartLine)),
    ]
}

fn load(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/torture/{name}.dat", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn accepted(bytes: &[u8]) -> Index<'_> {
    Index::parse(bytes, &Limits::default()).unwrap()
}

#[test]
fn every_message_has_its_outcome() {
    let outcomes = outcomes();
    let files = std::fs::read_dir(format!("{}/tests/torture", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let files = files
        .filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|end| end == "dat"));
    assert_eq!(files.count(), outcomes.len());

    let wrong: Vec<_> = outcomes
        .into_iter()
        .map(|(name, wanted)| {
            let bytes = load(name);
            let found = Index::parse(&bytes, &Limits::default());
            (name, wanted, found.map(|_| ()).map_err(|rejected| rejected.fault))
        })
        .filter(|(_, wanted, found)| wanted != found)
        .collect();

    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_accepted_leaves_as_it_came() {
    for (name, _) in outcomes().into_iter().filter(|(_, outcome)| outcome.is_ok()) {
        let (bytes, mut out) = (load(name), Vec::new());
        let index = accepted(&bytes);

        Patch::new().apply(&index.message(), &mut out);

        assert!(bytes.starts_with(&out), "{name}");
        assert!(name == "dblreq" || out == bytes, "{name}");
    }
}

#[test]
fn the_tortuous_invite_is_read_right() {
    let bytes = load("wsinv");
    let index = accepted(&bytes);
    let message = index.message();

    assert_eq!(message.to().unwrap().tag(), Some(&b"1918181833n"[..]));
    assert_eq!(message.from().unwrap().display_name().as_ref(), b"J Rosenberg \\\"");
    assert_eq!(message.from().unwrap().tag(), Some(&b"98asjd8"[..]));
    assert_eq!(message.max_forwards(), Some(68));
    assert_eq!(message.cseq().unwrap().number, 9);
    assert_eq!(message.all(Name::Via).count(), 3);
    assert_eq!(message.top_via().unwrap().branch(), Some(&b"390skdjuw"[..]));
    assert_eq!(message.content_length(), Some(150));
    assert_eq!(message.contacts().next().unwrap().q(), 330);
    assert_eq!(message.addrs(Name::Route).next().unwrap().1.uri.host, b"services.example.com");
}

#[test]
fn odd_characters_are_kept() {
    let bytes = load("intmeth");
    let index = accepted(&bytes);
    let message = index.message();

    assert_eq!(message.method(), Method::Other);
    assert_eq!(message.method_text(), b"!interesting-Method0123456789_*+`.%indeed'~");
    assert_eq!(message.request_uri().unwrap().host, b"example.com");
    assert_eq!(message.to().unwrap().display_name().as_ref(), b"BEL:\x07 NUL:\0 DEL:\x7f");
    assert_eq!(message.from().unwrap().tag(), Some(&b"_token~1'+`*%!-."[..]));
}

#[test]
fn escapes_change_no_name_of_a_method_or_header() {
    let bytes = load("esc02");
    let index = accepted(&bytes);
    let message = index.message();

    assert_eq!(message.method(), Method::Other);
    assert_eq!(message.contacts().count(), 2);
}

#[test]
fn escaped_addresses_are_normalized() {
    let rules = Rules { alias: &|_| None, fold_user_case: false };
    for (name, wanted) in
        [("esc01", "sip:user@example.com"), ("escnull", "sip:null-%00-null@example.com")]
    {
        let bytes = load(name);
        let index = accepted(&bytes);

        let found = normalize(&index.message().to().unwrap().uri, &rules);

        assert_eq!(found.as_deref(), Some(wanted));
    }
}

#[test]
fn a_display_name_with_a_bare_comma_is_refused() {
    let mut bytes = load("baddn");
    bytes.extend_from_slice(b"\r\n");

    let rejected = Index::parse(&bytes, &Limits::default()).unwrap_err();

    assert_eq!(rejected.fault, Fault::Malformed(Name::From));
    assert!(rejected.answerable().is_some());
}

#[test]
fn two_requests_on_a_stream_are_two_and_in_a_datagram_one() {
    let bytes = load("dblreq");
    let mut framer = Framer::new(Limits::default());
    let (mut at, mut methods) = (0, Vec::new());

    while methods.len() < 2 {
        let frame = framer.next(&bytes[at..]).unwrap().unwrap();
        if let Frame::Message(range) = &frame {
            let message = &bytes[at..][range.clone()];
            methods.push(accepted(message).message().method());
        }
        at += frame.end();
    }

    assert_eq!(methods, [Method::Register, Method::Invite]);
    assert_eq!(&bytes[at..], b"C\r\n\r\n", "the INVITE declares five bytes less than follow");
    assert_eq!(framer.next(&bytes[at..]), Err(Fault::NoContentLength));
    assert_eq!(accepted(&bytes).message().method(), Method::Register);
}

#[test]
fn a_stream_refuses_a_message_without_content_length() {
    assert_eq!(Framer::new(Limits::default()).next(&load("inv2543")), Err(Fault::NoContentLength));
}
