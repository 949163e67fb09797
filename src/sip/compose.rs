//! Messages of our own. Requests go through rsip: their start line and own headers are its types,
//! printed by it. Responses are many and mostly copied from the request, byte by byte, so they are
//! written straight. What must not break a line (CR, LF, NUL) becomes a space.

use super::pieces::notes;
use super::{Message, Name, Value, print};
use core::net::SocketAddr;
use rsip::common::{Version, uri::Host};
use rsip::headers::{ContentLength, ContentType, Headers, UntypedHeader};
use std::io::Write as _;

/// A response to be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Reply<'a> {
    pub status: u16,
    /// Any text; it need not be the one of the RFC.
    pub phrase: &'a str,
    /// Our To tag, a token, put in where the request has none and the status is not 100.
    pub to_tag: &'a [u8],
    /// Where the request came from, noted in its top Via (RFC 3261 18.2.1, RFC 3581).
    pub source: Option<SocketAddr>,
    /// Headers of our own, in order.
    pub headers: &'a [(&'a str, &'a str)],
    /// Content type and body.
    pub body: Option<(&'a str, &'a [u8])>,
}

/// A request to be made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Outgoing<'a> {
    pub method: &'a str,
    pub uri: &'a [u8],
    /// All headers but Content-Type and Content-Length, in order, byte-exact.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Content type and body.
    pub body: Option<(&'a str, &'a [u8])>,
}

/// Writes the response to `request` to the end of `out`: Via, From, To, Call-ID and CSeq as they
/// came (RFC 3261 8.2.6.2). Works on a rejected request too; what it lacks, the response lacks.
pub fn reply(request: &Message<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) {
    reply_with(request, reply, |_| {}, out);
}

/// The same with further header lines, which `more` appends, each whole.
pub fn reply_with(
    request: &Message<'_>,
    reply: &Reply<'_>,
    more: impl FnOnce(&mut Vec<u8>),
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(b"SIP/2.0 ");
    print::number(out, u64::from(reply.status));
    out.push(b' ');
    put_line(out, reply.phrase.as_bytes());
    copy_vias(request, reply.source, out);
    copy(b"\r\nFrom: ", request.text_of_from(), out);
    copy(b"\r\nTo: ", request.text_of_to(), out);
    put_to_tag(request, reply, out);
    copy(b"\r\nCall-ID: ", request.text(Name::CallId), out);
    copy(b"\r\nCSeq: ", request.text(Name::CSeq), out);
    if reply.status == 100
        && let Some(sent) = request.text(Name::Timestamp)
    {
        out.extend_from_slice(b"\r\nTimestamp: ");
        out.extend_from_slice(sent);
    }
    out.extend_from_slice(b"\r\n");
    for (name, value) in reply.headers {
        put_line(out, name.as_bytes());
        out.extend_from_slice(b": ");
        put_line(out, value.as_bytes());
        out.extend_from_slice(b"\r\n");
    }
    more(out);
    finish(out, reply.body);
}

/// What a response takes from its request besides Via; `start` begins its line behind the one before. A
/// value of an index breaks lines only where it is folded, so it is copied as it stands.
#[inline(always)]
fn copy<const N: usize>(start: &[u8; N], value: Option<&[u8]>, out: &mut Vec<u8>) {
    let Some(value) = value else { return };
    out.extend_from_slice(start);
    out.extend_from_slice(value);
}

fn put_to_tag(request: &Message<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let untagged = request.to_tag().is_none() && request.to().is_some();
    if untagged && reply.status != 100 && !reply.to_tag.is_empty() {
        out.extend_from_slice(b";tag=");
        out.extend_from_slice(reply.to_tag);
    }
}

/// Writes a request to the end of `out`.
pub fn request(outgoing: &Outgoing<'_>, out: &mut Vec<u8>) {
    start(out, outgoing.method.as_bytes(), outgoing.uri);
    for (name, value) in outgoing.headers {
        put(out, &one_line(name), &[value]);
    }
    finish(out, outgoing.body);
}

/// Writes the ACK for a non-2xx `response` to an INVITE that went out as `invite` (RFC 3261
/// 17.1.1.3).
pub fn ack(invite: &Message<'_>, response: &Message<'_>, out: &mut Vec<u8>) {
    let to = response.first(Name::To).or_else(|| invite.first(Name::To));
    hop_by_hop(b"ACK", invite, to.map(|to| to.text), out);
}

/// Writes the CANCEL for an `invite` as it went out (RFC 3261 9.1).
pub fn cancel(invite: &Message<'_>, out: &mut Vec<u8>) {
    hop_by_hop(b"CANCEL", invite, invite.first(Name::To).map(|to| to.text), out);
}

fn hop_by_hop(method: &[u8], invite: &Message<'_>, to: Option<&[u8]>, out: &mut Vec<u8>) {
    start(out, method, invite.request_uri_text());
    let one = |name: Name| invite.first(name).map(|value| value.text).into_iter();
    let routes = invite.all(Name::Route).map(|value| (Name::Route, value.text));
    let copied = one(Name::Via).map(|text| (Name::Via, text));
    let copied = copied.chain(routes).chain(one(Name::From).map(|text| (Name::From, text)));
    let copied = copied.chain(to.map(|text| (Name::To, text)));
    for (name, text) in copied.chain(one(Name::CallId).map(|text| (Name::CallId, text))) {
        put(out, name.text(), &[text]);
    }
    let number = invite.cseq().map_or(0, |cseq| cseq.number).to_string();
    put(out, Name::CSeq.text(), &[number.as_bytes(), b" ", method]);
    put(out, Name::MaxForwards.text(), &[b"70"]);
    finish(out, None);
}

fn copy_vias(request: &Message<'_>, source: Option<SocketAddr>, out: &mut Vec<u8>) {
    // Most requests come over one hop: then there is no list to be split.
    if let Some(via) = request.only_via() {
        return copy_via(request, &via, source, out);
    }
    let mut source = source;
    request.all(Name::Via).for_each(|value| copy_via(request, &value, source.take(), out));
}

/// Copies one Via; where it is the top one, with where the request came from.
fn copy_via(request: &Message<'_>, via: &Value<'_>, source: Option<SocketAddr>, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\r\nVia: ");
    let range = via.range();
    let mut done = range.start;
    let notes = source.map_or([None, None], |source| notes(request, via, source));
    for note in notes.into_iter().flatten() {
        out.extend_from_slice(request.bytes().get(done..note.at.start).unwrap_or_default());
        note.put(out);
        done = note.at.end;
    }
    out.extend_from_slice(request.bytes().get(done..range.end).unwrap_or_default());
}

/// The request line; rsip reads few URIs right, so ours goes through it as an opaque host.
fn start(out: &mut Vec<u8>, method: &[u8], uri: &[u8]) {
    put_clean(out, method);
    out.push(b' ');
    match std::str::from_utf8(uri) {
        Ok(text) => print_to(out, format_args!("{}", Host::Domain(one_line(text).into()))),
        Err(_) => put_clean(out, uri),
    }
    print_to(out, format_args!(" {}\r\n", Version::V2));
}

/// The length, the empty line and the body; a type where there is one.
fn finish(out: &mut Vec<u8>, body: Option<(&str, &[u8])>) {
    let Some((content_type, body)) = body else {
        return out.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    };
    let content_type = ContentType::new(one_line(content_type)).into();
    let length = ContentLength::new(body.len().to_string()).into();
    print_to(out, format_args!("{}\r\n", Headers::from(vec![content_type, length])));
    out.extend_from_slice(body);
}

/// Writing into memory cannot fail.
fn print_to(out: &mut Vec<u8>, text: std::fmt::Arguments<'_>) {
    let _ = out.write_fmt(text);
}

/// A header line of pieces that may hold folds, as they came.
fn put(out: &mut Vec<u8>, name: &str, pieces: &[&[u8]]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    for piece in pieces {
        put_folded(out, piece);
    }
    out.extend_from_slice(b"\r\n");
}

/// Copies text; line breaks that are no folds become spaces.
fn put_folded(out: &mut Vec<u8>, mut text: &[u8]) {
    while let Some(at) = memchr::memchr2(b'\r', b'\n', text) {
        let (before, rest) = text.split_at_checked(at).unwrap_or((text, &[]));
        out.extend_from_slice(before);
        let fold = matches!(rest, [b'\r', b'\n', b' ' | b'\t', ..]);
        let (kept, used): (&[u8], usize) = if fold { (b"\r\n", 2) } else { (b" ", 1) };
        out.extend_from_slice(kept);
        text = rest.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(text);
}

/// Copies text of one line; what would break it becomes a space.
fn put_line(out: &mut Vec<u8>, text: &[u8]) {
    if memchr::memchr3(b'\r', b'\n', 0, text).is_none() {
        return out.extend_from_slice(text);
    }
    let breaks = |byte: u8| matches!(byte, b'\r' | b'\n' | 0);
    out.extend(text.iter().map(|&byte| if breaks(byte) { b' ' } else { byte }));
}

fn put_clean(out: &mut Vec<u8>, text: &[u8]) {
    out.extend(text.iter().map(|&byte| if byte.is_ascii_control() { b' ' } else { byte }));
}

fn one_line(text: &str) -> String {
    text.replace(['\r', '\n', '\0'], " ")
}

#[cfg(test)]
mod tests {
    use super::super::{Index, Limits};
    use super::*;

    const VIAS: &str = "Via: SIP/2.0/UDP a.b:5062;branch=z9hG4bK1;rport\r\nVia: SIP/2.0/TCP c.d;branch=z9hG4bK2\r\n";

    fn invite() -> Vec<u8> {
        let mut text = b"INVITE sip:102@example.com SIP/2.0\r\nv: SIP/2.0/UDP a.b:5062;branch=z9hG4bK1;rport,\
            SIP/2.0/TCP c.d;branch=z9hG4bK2\r\nRoute: <sip:r;lr>\r\nf: \"J\xfcrg\" <sip:101@example.com>;tag=1\r\n"
            .to_vec();
        text.extend_from_slice(
            b"t:\r\n <sip:102@example.com>\r\ni: c\xff@h\r\nCSeq: 0007 INVITE\r\nl: 0\r\n\r\n",
        );
        text
    }

    fn written(write: impl Fn(&Message<'_>, &mut Vec<u8>)) -> Vec<u8> {
        let (bytes, mut out) = (invite(), Vec::new());
        let index = Index::parse(&bytes, &Limits::default()).unwrap();
        write(&index.message(), &mut out);
        Index::parse(&out, &Limits::default()).unwrap();
        out
    }

    #[test]
    fn a_reply_copies_bytes_and_adds_ours() {
        let out = written(|message, out| {
            let reply = Reply {
                status: 403,
                phrase: "Licence\r\nFull",
                to_tag: b"us",
                headers: &[("Retry-After", "60"), ("Warning", "399 us \"full\"\r\nX: y")],
                ..Reply::default()
            };
            super::reply(message, &reply, out);
        });

        let mut wanted = format!("SIP/2.0 403 Licence  Full\r\n{VIAS}From: \"J").into_bytes();
        wanted.extend_from_slice(
            b"\xfcrg\" <sip:101@example.com>;tag=1\r\nTo: <sip:102@example.com>;tag=us\r\n",
        );
        wanted.extend_from_slice(b"Call-ID: c\xff@h\r\nCSeq: 0007 INVITE\r\n");
        wanted.extend_from_slice(
            b"Retry-After: 60\r\nWarning: 399 us \"full\"  X: y\r\nContent-Length: 0\r\n\r\n",
        );
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(&wanted));
        assert_eq!(out, wanted);
    }

    #[test]
    fn a_reply_notes_the_source_and_carries_a_body() {
        let out = written(|message, out| {
            let reply = Reply {
                status: 200,
                phrase: "OK",
                source: Some("192.0.2.9:77".parse().unwrap()),
                body: Some(("text/plain", b"\xff\0")),
                ..Reply::default()
            };
            super::reply(message, &reply, out);
        });

        let text = String::from_utf8_lossy(&out);
        assert!(
            text.contains(
                "Via: SIP/2.0/UDP a.b:5062;branch=z9hG4bK1;rport=77;received=192.0.2.9\r\n"
            )
        );
        assert!(text.contains("Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n"));
        assert!(out.ends_with(b"\xff\0"));
    }

    #[test]
    fn a_provisional_100_gets_no_tag() {
        let out = written(|message, out| {
            super::reply(
                message,
                &Reply { status: 100, phrase: "Trying", to_tag: b"us", ..Reply::default() },
                out,
            );
        });

        assert!(!String::from_utf8_lossy(&out).contains("tag=us"));
    }

    #[test]
    fn ack_and_cancel_follow_the_invite() {
        let response = b"SIP/2.0 486 Busy\r\nTo: <sip:102@example.com>;tag=9\r\n\r\n";
        let rejected = Index::parse(response, &Limits::default()).unwrap_err();
        let busy = rejected.partial.unwrap();

        let acked = written(|message, out| ack(message, &busy.message(), out));
        let cancelled = written(cancel);

        for (out, method, to) in [(&acked, "ACK", ";tag=9"), (&cancelled, "CANCEL", "")] {
            let wanted = format!(
                "{method} sip:102@example.com SIP/2.0\r\nVia: SIP/2.0/UDP a.b:5062;branch=z9hG4bK1;rport\r\n\
                 Route: <sip:r;lr>\r\nFrom: \"J\u{fffd}rg\" <sip:101@example.com>;tag=1\r\n\
                 To: <sip:102@example.com>{to}\r\nCall-ID: c\u{fffd}@h\r\nCSeq: 7 {method}\r\n\
                 Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
            );
            assert_eq!(String::from_utf8_lossy(out), wanted);
        }
    }

    #[test]
    fn a_request_of_ours_keeps_its_values_byte_exact() {
        let mut out = Vec::new();
        let headers: &[(&str, &[u8])] = &[
            ("Contact", b"\"\xff\"\r\n <sip:john.doe@h>;x"),
            ("X", b"a\r\nVia: b"),
            ("Call-ID", b"c"),
        ];

        request(
            &Outgoing {
                method: "OPTIONS",
                uri: b"sip:john.doe@[::1]:5;x\r\nY",
                headers,
                body: None,
            },
            &mut out,
        );

        let wanted = b"OPTIONS sip:john.doe@[::1]:5;x  Y SIP/2.0\r\nContact: \"\xff\"\r\n <sip:john.doe@h>;x\r\n\
            X: a  Via: b\r\nCall-ID: c\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(wanted));
    }
}
