//! Where everything stands in a received message: start line, headers, body. It reads a message
//! once and refuses what two readers could take for two different things.

use super::head::{Line, Reader};
use super::lines::Lines;
use super::name::Names;
use super::parts::Parts;
use super::start_line::start_line;
use super::{Fault, Message, Method, Name, Rejected, grammar};
use std::ops::Range;

/// Bounds on what is read at all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of start line and headers, the empty line included.
    pub max_head: usize,
    /// Bytes of body.
    pub max_body: usize,
    /// Header lines.
    pub max_headers: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_head: 65_536, max_body: 65_536, max_headers: 256 }
    }
}

/// An index over the bytes of one message.
#[derive(Clone, Debug)]
pub struct Index<'a> {
    pub(super) lines: Lines<'a>,
    pub(super) parts: Parts<'a>,
    pub(super) body: Range<usize>,
    pub(super) content_length: Option<usize>,
}

impl<'a> Index<'a> {
    /// Reads one whole message: see [`Index::read`].
    pub fn parse(bytes: &'a [u8], limits: &Limits) -> Result<Self, Rejected<'a>> {
        let mut index = Self::new(bytes);
        match index.read(limits) {
            Ok(()) => Ok(index),
            Err(fault) => {
                let partial = index.has_headers().then(|| Box::new(index));
                Err(Rejected { fault, partial })
            }
        }
    }

    /// An index of nothing yet.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { lines: Lines::new(bytes), parts: Parts::default(), body: 0..0, content_length: None }
    }

    /// Reads one whole message in place: a datagram, or what the framer cut from a stream. Bytes after
    /// Content-Length are left out (RFC 3261 18.3); a body that is shorter is a fault. After a fault
    /// the index holds what could be read all the same; it is never to be forwarded.
    pub fn read(&mut self, limits: &Limits) -> Result<(), Fault> {
        let bytes = self.lines.bytes;
        let mut fault = None;
        let Some(at) = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | 0)) else {
            return Err(Fault::KeepAlive);
        };
        let mut reader = Reader::new(bytes, skipped(bytes, at)?)?;
        let line = reader.start_line()?;
        self.lines.start_at = line.start..line.end + 2;
        self.lines.start = start_line(bytes, line, &mut fault)?;
        if !self.parts.read_request_uri(&mut self.lines) {
            fault.get_or_insert(Fault::BadRequestUri);
        }
        let body_at = self.lines.read(&reader, limits, &mut fault)?;
        self.body = body_at..body_at;
        self.parts.read(&self.lines);
        if fault.is_none() {
            fault = self.check().err();
        }
        let length = self.length(body_at, limits);
        if let Some(fault) = fault {
            return Err(fault);
        }
        self.body = length?;
        Ok(())
    }

    /// Whether all headers were read.
    fn has_headers(&self) -> bool {
        self.body.start > 0
    }

    /// The request to answer with a fault's status; `None` where a reply can reach nobody or must not
    /// be sent: responses, ACK (RFC 3261 17.1.1.3), no readable Via or CSeq.
    pub fn answerable(&self) -> Option<Message<'_>> {
        let message = Some(self.message()).filter(|_| self.has_headers())?;
        let due = message.is_request() && message.method_text() != b"ACK";
        let acks = message.cseq().is_some_and(|cseq| cseq.method == Method::Ack);
        let routable = message.top_via().is_some() && message.first(Name::CSeq).is_some();
        (due && !acks && routable).then_some(message)
    }

    /// The view of this index over its bytes.
    pub fn message<'i>(&'i self) -> Message<'i>
    where
        'a: 'i,
    {
        Message::new(self)
    }

    /// What must be there, once, and sound (RFC 3261 8.1.1, 16.3).
    fn check(&self) -> Result<(), Fault> {
        const ONCE: [Name; 6] =
            [Name::From, Name::To, Name::CallId, Name::CSeq, Name::MaxForwards, Name::Expires];
        const NEEDED: [Name; 5] = [Name::Via, Name::From, Name::To, Name::CallId, Name::CSeq];
        if let Some(name) = self.lines.repeated(const { Names::of(&ONCE) }).first_of(&ONCE) {
            return Err(Fault::Duplicate(name));
        }
        if let Some(name) = NEEDED.iter().find(|name| self.lines.first_of(**name).is_none()) {
            return Err(Fault::Missing(*name));
        }
        self.parts.check(&self.message())
    }

    /// The range of the body, by Content-Length where there is one.
    fn length(&mut self, body_at: usize, limits: &Limits) -> Result<Range<usize>, Fault> {
        let length = Name::ContentLength;
        self.content_length = match self.lines.text(length) {
            Some(text) if !self.lines.repeats(length) => Some(declared(text)?),
            _ => content_length(self.lines.bytes, self.lines.of(length))?,
        };
        let available = self.lines.bytes.len().saturating_sub(body_at);
        let length = self.content_length.unwrap_or(available);
        if length > available {
            return Err(Fault::BodyTruncated);
        }
        if length > limits.max_body {
            return Err(Fault::TooLarge);
        }
        Ok(body_at..body_at + length)
    }
}

/// The one length that these Content-Length headers say; two that differ are a fault, and so is no number.
pub(super) fn content_length<'l>(
    bytes: &[u8],
    lines: impl Iterator<Item = &'l Line>,
) -> Result<Option<usize>, Fault> {
    let mut found = None;
    for line in lines {
        let length = declared(line.value(bytes).1)?;
        if found.is_some_and(|other| other != length) {
            return Err(Fault::Duplicate(Name::ContentLength));
        }
        found = Some(length);
    }
    Ok(found)
}

fn declared(text: &[u8]) -> Result<usize, Fault> {
    let length = grammar::number(text).and_then(|length| usize::try_from(length).ok());
    length.ok_or(Fault::Malformed(Name::ContentLength))
}

/// Line ends before a start line are skipped (RFC 3261 7.5), zeros are not.
fn skipped(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let before = bytes.get(..at).unwrap_or_default();
    let whole = before.chunks(2).all(|pair| pair == b"\r\n");
    if whole { Ok(at) } else { Err(Fault::BadStartLine) }
}

#[cfg(test)]
mod tests {
    use super::super::Method;
    use super::*;

    const REGISTER: &str = "REGISTER sip:example.com SIP/2.0\r\nv: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1;rport\r\n\
        From: <sip:101@example.com>;tag=1\r\nt: sip:101@example.com\r\ni: abc@h\r\nCSeq: 7 REGISTER\r\n\
        Max-Forwards: 70\r\nm: <sip:101@192.0.2.9:5062>;expires=60\r\nExpires: 3600\r\nl: 4\r\n\r\nbody";

    fn fault(bytes: impl AsRef<[u8]>) -> Fault {
        Index::parse(bytes.as_ref(), &Limits::default()).unwrap_err().fault
    }

    fn with(from: &str, to: &str) -> String {
        assert!(REGISTER.contains(from), "{from}");
        REGISTER.replacen(from, to, 1)
    }

    #[test]
    fn a_plain_request_is_found_whole() {
        let index = Index::parse(REGISTER.as_bytes(), &Limits::default()).unwrap();
        let message = index.message();

        assert_eq!(message.method(), Method::Register);
        assert_eq!(message.request_uri().unwrap().host, b"example.com");
        assert_eq!(message.top_via().unwrap().branch(), Some(&b"z9hG4bK1"[..]));
        assert_eq!(message.from().unwrap().tag(), Some(&b"1"[..]));
        assert_eq!(message.to().unwrap().tag(), None);
        assert_eq!(message.call_id(), b"abc@h");
        assert_eq!(message.cseq().unwrap().number, 7);
        assert_eq!(message.contacts().next().unwrap().expires(), Some(60));
        assert_eq!((message.expires(), message.max_forwards()), (Some(3600), Some(70)));
        assert_eq!(message.body(), b"body");
        assert_eq!(message.whole(), REGISTER.as_bytes());
    }

    #[test]
    fn what_follows_content_length_is_cut_and_a_shorter_body_is_a_fault() {
        let longer = format!("\r\n\r\n{REGISTER}INVITE sip:x@y SIP/2.0\r\n");
        let index = Index::parse(longer.as_bytes(), &Limits::default()).unwrap();

        assert_eq!(index.message().whole(), REGISTER.as_bytes());
        assert_eq!(fault(&REGISTER[..REGISTER.len() - 1]), Fault::BodyTruncated);
        assert_eq!(fault(with("l: 4", "l: 18446744073709551615")), Fault::BodyTruncated);
        assert_eq!(fault(with("l: 4", "l: -999")), Fault::Malformed(Name::ContentLength));
        assert_eq!(
            fault(with("l: 4", "l: 4\r\nContent-Length: 3")),
            Fault::Duplicate(Name::ContentLength)
        );
    }

    #[test]
    fn smuggled_start_lines_are_faults() {
        assert_eq!(
            fault(with("sip:example.com SIP/2.0", "sip:a\rX SIP/2.0")),
            Fault::BareLineBreak
        );
        assert_eq!(
            fault(with("sip:example.com SIP/2.0", "sip:a SIP/2.0\nVia: x")),
            Fault::BareLineBreak
        );
        assert_eq!(fault(with("sip:example.com", "sip:a\0b")), Fault::Nul);
        assert_eq!(fault(with("sip:example.com", "sip:a  ")), Fault::BadStartLine);
        assert_eq!(fault(with("sip:example.com", " sip:a")), Fault::BadStartLine);
        assert_eq!(fault(with("sip:example.com", "<sip:a>")), Fault::BadRequestUri);
        assert_eq!(fault(with("SIP/2.0\r\n", "SIP/2.0 \r\n")), Fault::BadStartLine);
        assert_eq!(fault(with("SIP/2.0\r\n", "HTTP/1.1\r\n")), Fault::BadStartLine);
        assert_eq!(fault(with("REGISTER", "REG\0STER")), Fault::BadStartLine);
        assert_eq!(fault(format!("\0{REGISTER}")), Fault::BadStartLine);
        assert_eq!(fault(format!("\n{REGISTER}")), Fault::BadStartLine);
    }

    #[test]
    fn line_breaks_and_nuls_in_headers_are_faults() {
        assert_eq!(fault(with("Expires: 3600\r\n", "Expires: 3600\n")), Fault::BareLineBreak);
        assert_eq!(fault(with("Expires: 3600\r\n", "Expires: 3600\rX")), Fault::BareLineBreak);
        assert_eq!(fault(with("Expires: 3600", "X: a\0")), Fault::Nul);
        assert!(
            Index::parse(with("Expires: 3600", "X: \"\\\0\"").as_bytes(), &Limits::default())
                .is_ok()
        );
    }

    #[test]
    fn every_mandatory_header_is_missed_and_may_come_once() {
        for (line, name) in [
            ("From: <sip:101@example.com>;tag=1\r\n", Name::From),
            ("t: sip:101@example.com\r\n", Name::To),
            ("i: abc@h\r\n", Name::CallId),
            ("CSeq: 7 REGISTER\r\n", Name::CSeq),
        ] {
            assert_eq!(fault(with(line, "")), Fault::Missing(name));
            assert_eq!(fault(with(line, &line.repeat(2))), Fault::Duplicate(name));
        }
        for (line, name) in
            [("Max-Forwards: 70\r\n", Name::MaxForwards), ("Expires: 3600\r\n", Name::Expires)]
        {
            assert_eq!(fault(with(line, &line.repeat(2))), Fault::Duplicate(name));
        }
        assert_eq!(
            fault(with("v: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1;rport\r\n", "")),
            Fault::Missing(Name::Via)
        );
    }

    #[test]
    fn malformed_values_that_decide_are_faults() {
        for (from, to, name) in [
            ("v: SIP/2.0/UDP", "v: UDP", Name::Via),
            (";branch=z9hG4bK1", ";branch=z9hG4bK1;branch=2", Name::Via),
            (";tag=1", ";tag=1;tag=2", Name::From),
            (";tag=1", ";tag=", Name::From),
            ("t: sip:101@example.com", "t: sip:101@example.com;tag", Name::To),
            ("t: sip:101", "t: 101", Name::To),
            ("i: abc@h", "i: abc h", Name::CallId),
            ("CSeq: 7", "CSeq: 2147483648", Name::CSeq),
            ("Max-Forwards: 70", "Max-Forwards: 256", Name::MaxForwards),
            (";expires=60", ";expires=60;expires=0", Name::Contact),
        ] {
            assert_eq!(fault(with(from, to)), Fault::Malformed(name), "{to}");
        }
        assert_eq!(fault(with("7 REGISTER", "7 INVITE")), Fault::CSeqMismatch);
        assert_eq!(fault(with("Expires: 3600", "Foobar roobar")), Fault::BadHeader);
    }

    #[test]
    fn limits_bind() {
        let many = with("Expires: 3600\r\n", &"X: y\r\n".repeat(10_000));
        let wide = with("Expires: 3600", &format!("X: {}", "y".repeat(70_000)));
        let long = with("l: 4\r\n\r\nbody", &format!("l: 70000\r\n\r\n{}", "y".repeat(70_000)));

        assert_eq!(fault(many), Fault::TooManyHeaders);
        assert_eq!(fault(wide), Fault::TooLarge);
        assert_eq!(fault(long), Fault::TooLarge);
    }

    #[test]
    fn keep_alives_are_told_from_messages() {
        for bytes in [&b""[..], b"\r\n\r\n", b"\r\n", b"\0\0\0\0"] {
            assert_eq!(fault(bytes), Fault::KeepAlive);
        }
    }

    #[test]
    fn a_rejected_request_can_be_answered_where_a_reply_finds_its_way() {
        let answerable = |text: String| {
            let rejected = Index::parse(text.as_bytes(), &Limits::default()).unwrap_err();
            rejected.answerable().is_some()
        };

        assert!(answerable(with("t: sip:101@example.com\r\n", "")));
        assert!(answerable(with("SIP/2.0\r\n", "SIP/7.0\r\n")));
        assert!(answerable(with("l: 4", "l: 9999")));
        assert!(!answerable(with("v: SIP", "v: PIS")));
        assert!(!answerable(with("CSeq: 7 REGISTER\r\n", "")));
        assert!(!answerable(with("REGISTER sip", "ACK sip")));
        assert!(!answerable(
            with("REGISTER sip:example.com SIP/2.0", "SIP/2.0 200 OK").replace("i: abc@h\r\n", "")
        ));
    }
}
