//! What must hold of the wire for any bytes, and two readings of rsip as a second opinion.

use admitd::sip::compose::{Reply, reply};
use admitd::sip::digest::{Challenge, Credentials, Secret};
use admitd::sip::{
    Fault, Frame, Framer, Index, Limits, Message, Name, Patch, Rules, normalize, uri_eq,
};
use proptest::prelude::*;

fn value() -> impl Strategy<Value = String> {
    "[ -+\\--~]{0,12}"
}

/// A header that nothing is known about, folded or not.
fn header() -> impl Strategy<Value = String> {
    ("[A-Za-z-]{2,9}", value(), prop::option::of(value())).prop_map(|(name, value, fold)| {
        let fold = fold.map_or(String::new(), |text| format!("\r\n {text}"));
        format!("X-{name}: {value}{fold}\r\n")
    })
}

prop_compose! {
    fn message()(
        user in "[a-z0-9]{1,8}",
        vias in prop::collection::vec("[a-z0-9]{1,8}", 1..4),
        routes in prop::collection::vec("[a-z0-9]{1,8}", 0..5),
        list in any::<bool>(),
        others in prop::collection::vec(header(), 0..6),
        body in prop::collection::vec(any::<u8>(), 1..60),
        compact in any::<bool>(),
    ) -> Vec<u8> {
        let mut text = String::from("REGISTER sip:example.com SIP/2.0\r\n");
        for via in &vias {
            text += &format!("Via: SIP/2.0/UDP {via}.example.com;branch=z9hG4bK{via};rport\r\n");
        }
        let routes: Vec<_> = routes.iter().map(|route| format!("<sip:{route};lr>")).collect();
        if list && !routes.is_empty() {
            text += &format!("Route: {}\r\n", routes.join(" ,\r\n "));
        } else {
            text.extend(routes.iter().map(|route| format!("Route: {route}\r\n")));
        }
        text += &format!("From: \"{user}, x\" <sip:{user}@example.com>;tag=1\r\nTo: <sip:{user}@example.com>\r\n");
        text += &format!("Call-ID: {user}@h\r\nCSeq: 1 REGISTER\r\n{}", others.concat());
        text += &format!("Contact: <sip:{user}@192.0.2.9>;expires=60, <sip:{user}@192.0.2.10>\r\n");
        let name = if compact { "l" } else { "Content-Length" };
        let mut bytes = format!("{text}{name}: {}\r\n\r\n", body.len()).into_bytes();
        bytes.extend_from_slice(&body);
        bytes
    }
}

/// Calls everything that reads.
fn read_all(message: &Message<'_>) {
    let rules = Rules { alias: &|_| None, fold_user_case: true };
    let _ = (message.method(), message.status(), message.reason(), message.body(), message.whole());
    let _ = (
        message.top_via(),
        message.cseq(),
        message.expires(),
        message.max_forwards(),
        message.call_id(),
    );
    for name in [Name::From, Name::To, Name::Contact, Name::Route, Name::Supported, Name::Other] {
        for (value, addr) in message.addrs(name) {
            let _ =
                (value.unfolded(), addr.display_name(), addr.tag(), normalize(&addr.uri, &rules));
            assert!(uri_eq(&addr.uri, &addr.uri));
        }
    }
    for contact in message.contacts() {
        let _ = (
            contact.expires(),
            contact.q(),
            contact.instance(),
            contact.reg_id(),
            contact.push(),
            contact.ob(),
        );
    }
    for (_, _, value) in message.headers() {
        let _ = Challenge::parse(value);
        let _ =
            Credentials::parse(value).map(|one| one.matches(Secret::Password(b"x"), b"REGISTER"));
    }
}

/// Makes every edit at once.
fn edit_all(message: &Message<'_>) -> Vec<u8> {
    let (mut patch, mut out) = (Patch::new(), Vec::new());
    patch.push_via(message, b"SIP/2.0/UDP us;branch=z9hG4bKus");
    patch.stamp_top_via(message, "192.0.2.1:1".parse().unwrap());
    patch.step_max_forwards(message);
    patch.push_record_route(message, b"<sip:us;lr>");
    patch.push_path(message, b"<sip:us;lr>");
    patch.remove_routes(message, 2);
    for contact in message.contacts() {
        patch.replace_contact_uri(message, contact, b"sip:us");
        patch.set_contact_expires(message, contact, 7);
    }
    patch.set_expires(message, 9);
    patch.replace_request_uri(message, b"sip:x");
    patch.apply(message, &mut out);
    out
}

fn exercise(bytes: &[u8]) {
    match Index::parse(bytes, &Limits::default()) {
        Ok(index) => {
            read_all(&index.message());
            let _ = edit_all(&index.message());
        }
        Err(rejected) => {
            if let Some(partial) = &rejected.partial {
                read_all(&partial.message());
                let _ = edit_all(&partial.message());
            }
            if let Some(message) = rejected.answerable() {
                reply(
                    &message,
                    &Reply { status: 400, phrase: "Bad", to_tag: b"t", ..Reply::default() },
                    &mut Vec::new(),
                );
            }
        }
    }
    let _ = Framer::new(Limits::default()).next(bytes);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        exercise(&bytes);
    }

    #[test]
    fn no_mangled_message_panics(
        mut bytes in message(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), prop::sample::select(b"\r\n \t:;,<>\"\\@=%*?[]0/a\0\xff".to_vec())), 1..12),
    ) {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        exercise(&bytes);
    }

    #[test]
    fn no_prefix_is_a_whole_message(bytes in message()) {
        prop_assert!(Index::parse(&bytes, &Limits::default()).is_ok());
        for end in 0..bytes.len() {
            let cut = &bytes[..end];
            prop_assert!(Index::parse(cut, &Limits::default()).is_err());
            prop_assert_eq!(Framer::new(Limits::default()).next(cut), Ok(None));
        }
    }

    #[test]
    fn a_patch_of_nothing_is_identity(bytes in message()) {
        let index = Index::parse(&bytes, &Limits::default()).unwrap();
        let mut out = Vec::new();
        Patch::new().apply(&index.message(), &mut out);
        prop_assert_eq!(out, bytes);
    }

    #[test]
    fn patches_leave_sound_messages_with_their_body(bytes in message()) {
        let index = Index::parse(&bytes, &Limits::default()).unwrap();
        let message = index.message();
        let out = edit_all(&message);
        let patched = Index::parse(&out, &Limits::default()).unwrap();
        let patched = patched.message();
        let routes = message.all(Name::Route).count();

        prop_assert_eq!(patched.body(), message.body());
        prop_assert_eq!(patched.all(Name::Via).count(), message.all(Name::Via).count() + 1);
        prop_assert_eq!(patched.all(Name::Route).count(), routes.saturating_sub(2));
        prop_assert!(patched.contacts().all(|contact| contact.expires() == Some(7)));
        prop_assert!(patched.headers().filter(|(name, ..)| *name == Name::Other)
            .eq(message.headers().filter(|(name, ..)| *name == Name::Other)));
    }

    #[test]
    fn a_pushed_via_comes_off_again(bytes in message()) {
        let index = Index::parse(&bytes, &Limits::default()).unwrap();
        let (mut patch, mut pushed, mut popped) = (Patch::new(), Vec::new(), Vec::new());
        patch.push_via(&index.message(), b"SIP/2.0/UDP us;branch=z9hG4bKus");
        patch.apply(&index.message(), &mut pushed);
        let index = Index::parse(&pushed, &Limits::default()).unwrap();
        patch.clear();
        patch.pop_top_via(&index.message());
        patch.apply(&index.message(), &mut popped);
        prop_assert_eq!(popped, bytes);
    }

    #[test]
    fn a_stream_gives_the_same_messages_in_any_pieces(
        messages in prop::collection::vec((message(), prop::sample::select(vec!["", "\r\n", "\r\n\r\n"])), 1..4),
        sizes in prop::collection::vec(1usize..90, 1..20),
    ) {
        let stream: Vec<u8> = messages.iter().flat_map(|(bytes, gap)| [bytes, gap.as_bytes()].concat()).collect();
        let (mut framer, mut buffer, mut found) = (Framer::new(Limits::default()), Vec::new(), Vec::new());
        let (mut at, mut sizes) = (0, sizes.into_iter().cycle());
        while at < stream.len() {
            let end = stream.len().min(at + sizes.next().unwrap());
            buffer.extend_from_slice(&stream[at..end]);
            at = end;
            while let Some(frame) = framer.next(&buffer).unwrap() {
                if let Frame::Message(range) = &frame {
                    found.push(buffer[range.clone()].to_vec());
                }
                buffer.drain(..frame.end());
            }
        }
        prop_assert!(framer.may_end(&buffer));
        prop_assert_eq!(found, messages.into_iter().map(|(bytes, _)| bytes).collect::<Vec<_>>());
    }
}

const PLAIN: &str = "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1\r\n\
    Max-Forwards: 70\r\nFrom: <sip:101@example.com>;tag=1\r\nTo: <sip:101@example.com>\r\nCall-ID: abc\r\n\
    CSeq: 7 REGISTER\r\nContact: <sip:101@192.0.2.9:5062>\r\nExpires: 60\r\nContent-Length: 0\r\n\r\n";

#[test]
fn rsip_reads_a_plain_request_alike() {
    use rsip::headers::{ToTypedHeader, UntypedHeader};
    use rsip::message::HeadersExt;
    let theirs = rsip::Request::try_from(PLAIN.as_bytes()).unwrap();
    let index = Index::parse(PLAIN.as_bytes(), &Limits::default()).unwrap();
    let ours = index.message();

    assert_eq!(theirs.method.to_string().as_bytes(), ours.method_text());
    assert_eq!(theirs.call_id_header().unwrap().value().as_bytes(), ours.call_id());
    assert_eq!(theirs.cseq_header().unwrap().typed().unwrap().seq, ours.cseq().unwrap().number);
    assert_eq!(
        theirs.from_header().unwrap().tag().unwrap().unwrap().value().as_bytes(),
        ours.from().unwrap().tag().unwrap()
    );
    let branch =
        theirs.via_header().unwrap().typed().unwrap().branch().unwrap().value().to_string();
    assert_eq!(branch.as_bytes(), ours.top_via().unwrap().branch().unwrap());
    assert_eq!(theirs.headers.iter().count(), ours.headers().count());
}

#[test]
fn rsip_reads_our_reply() {
    let index = Index::parse(PLAIN.as_bytes(), &Limits::default()).unwrap();
    let mut out = Vec::new();
    let ours = Reply {
        status: 403,
        phrase: "License Full",
        to_tag: b"us",
        headers: &[("Retry-After", "60")],
        ..Reply::default()
    };

    reply(&index.message(), &ours, &mut out);

    let theirs = rsip::Response::try_from(out.as_slice()).unwrap();
    assert_eq!(theirs.status_code.code(), 403);
    assert_eq!(theirs.headers.iter().count(), 7);
    assert!(out.starts_with(b"SIP/2.0 403 License Full\r\n"));
}

/// Why rsip is not given the front door.
#[test]
fn rsip_takes_prefixes_for_messages_and_we_do_not() {
    let bytes = PLAIN.replace("Content-Length: 0\r\n\r\n", "Content-Length: 4\r\n\r\nbody");
    let cut = &bytes.as_bytes()[..bytes.len() - 2];

    assert!(rsip::Request::try_from(cut).is_ok());
    assert_eq!(Index::parse(cut, &Limits::default()).unwrap_err().fault, Fault::BodyTruncated);
}
