//! The messages of the load: requests made beforehand, of which only the parts that vary are written
//! anew, and answers made of the request's own lines. Fixed widths, so that nothing is moved.

use std::net::SocketAddr;

use memchr::memmem;

/// What our branches begin with; the step of the exchange, the slot and the round follow.
const BRANCH: &str = "z9hG4bKwire";
/// Who is called: somebody behind the server.
const CALLEE: &str = "sip:80000000@example.com";
const SDP: &str = "v=0\r\no=- 3841 3841 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n\
    m=audio 40000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\na=sendrecv\r\n";

/// The request of an exchange that a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// And the ACK of its refusal, which has the same branch.
    Invite = b'i' as isize,
    /// Of a call that was answered.
    Ack = b'a' as isize,
    Bye = b'b' as isize,
    Register = b'r' as isize,
}

/// Which exchange a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    pub step: Step,
    pub slot: usize,
    pub round: u32,
}

const MARK_BYTES: usize = 13;

impl Mark {
    fn write(self, into: &mut [u8]) {
        into[0] = self.step as u8;
        hex(&mut into[1..5], self.slot as u32);
        hex(&mut into[5..MARK_BYTES], self.round);
    }

    /// Of the exchange that a message belongs to, by our branch.
    pub fn read(message: &[u8]) -> Option<Self> {
        let at = memmem::find(message, BRANCH.as_bytes())? + BRANCH.len();
        let tail = message.get(at..at + MARK_BYTES)?;
        let step = match tail[0] {
            b'i' => Step::Invite,
            b'a' => Step::Ack,
            b'b' => Step::Bye,
            _ => Step::Register,
        };
        let number = |digits: &[u8]| {
            let add = |sum: u32, digit: &u8| Some(sum << 4 | (*digit as char).to_digit(16)?);
            digits.iter().try_fold(0, add)
        };
        Some(Self { step, slot: number(&tail[1..5])? as usize, round: number(&tail[5..])? })
    }
}

/// A request of which some places vary.
pub struct Template {
    bytes: Vec<u8>,
    numbers: Vec<usize>,
    marks: Vec<usize>,
    calls: Vec<usize>,
    sequences: Vec<usize>,
}

impl Template {
    fn new(text: &str) -> Self {
        let bytes = text.as_bytes().to_vec();
        let places = |what: &str| -> Vec<usize> { memmem::find_iter(&bytes, what).collect() };
        let (numbers, marks) = (places("NNNNNNNN"), places("MMMMMMMMMMMMM"));
        let (calls, sequences) = (places("CCCCCCCC"), places("10000000 "));
        Self { numbers, marks, calls, sequences, bytes }
    }

    /// The bytes for one exchange.
    pub fn fill(&mut self, number: u32, call: u32, mark: Mark) -> &[u8] {
        let Self { bytes, .. } = self;
        for at in &self.numbers {
            decimal(&mut bytes[*at..*at + 8], number);
        }
        for at in &self.calls {
            decimal(&mut bytes[*at..*at + 8], call);
        }
        for at in &self.sequences {
            decimal(&mut bytes[*at..*at + 8], sequence_of(mark));
        }
        for at in &self.marks {
            mark.write(&mut bytes[*at..*at + MARK_BYTES]);
        }
        bytes
    }
}

/// A REGISTER of about 1 KB with 16 headers, as phones send it.
pub fn register(local: SocketAddr, transport: &str, expires: u32) -> Template {
    Template::new(&format!(
        "REGISTER sip:example.com SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {local};branch={BRANCH}MMMMMMMMMMMMM;rport;alias\r\n\
         Max-Forwards: 70\r\n\
         From: \"Door station, entrance\" <sip:NNNNNNNN@example.com>;tag=4711c0ffeeNNNNNNNN\r\n\
         To: \"Door station, entrance\" <sip:NNNNNNNN@example.com>\r\n\
         Call-ID: 7d3f9f8e5b4e4c2a9f1dCCCCCCCC@192.0.2.10\r\n\
         CSeq: 10000000 REGISTER\r\n\
         Contact: <sip:NNNNNNNN@192.0.2.10:5062;transport={lower};ob>;reg-id=1;\
         +sip.instance=\"<urn:uuid:6b29fc40-ca47-1067-b31d-0000NNNNNNNN>\"\r\n\
         Expires: {expires}\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE, UPDATE\r\n\
         Allow-Events: presence, message-summary, refer, conference, dialog\r\n\
         Supported: path, outbound, gruu, replaces, norefersub, 100rel, timer\r\n\
         Accept: application/sdp, application/simple-message-summary, application/dialog-info+xml\r\n\
         Accept-Language: en, es;q=0.8, de;q=0.7\r\n\
         User-Agent: Doorstation/4.12.3 (hw 2.1; build 20260114; unit NNNNNNNN)\r\n\
         Content-Length: 0\r\n\r\n",
        lower = transport.to_ascii_lowercase(),
    ))
}

/// An INVITE with a session description.
pub fn invite(local: SocketAddr, transport: &str) -> Template {
    Template::new(&format!(
        "INVITE {CALLEE} SIP/2.0\r\n\
         Via: SIP/2.0/{transport} {local};branch={BRANCH}MMMMMMMMMMMMM;rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Door station, entrance\" <sip:NNNNNNNN@example.com>;tag=4711c0ffeeNNNNNNNN\r\n\
         To: <{CALLEE}>\r\n\
         Call-ID: c41f9f8e5b4e4c2a9f1dCCCCCCCC@192.0.2.10\r\n\
         CSeq: 10000000 INVITE\r\n\
         Contact: <sip:NNNNNNNN@{local};transport={lower};ob>\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE, UPDATE\r\n\
         Supported: outbound, gruu, replaces, norefersub, 100rel\r\n\
         User-Agent: Doorstation/4.12.3 (hw 2.1; build 20260114; unit NNNNNNNN)\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {len}\r\n\r\n{SDP}",
        lower = transport.to_ascii_lowercase(),
        len = SDP.len(),
    ))
}

/// A request after the answer to an INVITE, ACK or BYE: to the Contact of the answer by its routes.
pub fn follow(answer: &[u8], method: &str, via: &str, mark: Mark, into: &mut Vec<u8>) {
    let target = value(answer, b"Contact: ").and_then(uri).unwrap_or(CALLEE.as_bytes());
    let mut tail = [0; MARK_BYTES];
    mark.write(&mut tail);
    into.clear();
    let mut put = |pieces: &[&[u8]]| pieces.iter().for_each(|bytes| into.extend_from_slice(bytes));
    put(&[method.as_bytes(), b" ", target, b" SIP/2.0\r\nVia: ", via.as_bytes()]);
    put(&[b";branch=", BRANCH.as_bytes(), &tail, b";rport\r\nMax-Forwards: 70\r\n"]);
    let routes = lines(answer).filter_map(|line| line.strip_prefix(b"Record-Route: "));
    let routes: Vec<&[u8]> = routes.flat_map(|line| line.split(|byte| *byte == b',')).collect();
    // The nearest hop stands last.
    for route in routes.iter().rev() {
        put(&[b"Route: ", route.trim_ascii(), b"\r\n"]);
    }
    for line in lines(answer) {
        if [&b"From: "[..], b"To: ", b"Call-ID: "].iter().any(|name| line.starts_with(name)) {
            put(&[line, b"\r\n"]);
        }
    }
    let mut sequence = *b"10000000";
    decimal(&mut sequence, sequence_of(mark) + u32::from(mark.step == Step::Bye));
    put(&[b"CSeq: ", &sequence, b" ", method.as_bytes()]);
    put(&[b"\r\nUser-Agent: Doorstation/4.12.3 (hw 2.1; build 20260114)\r\n"]);
    put(&[b"Content-Length: 0\r\n\r\n"]);
}

/// What an answer carries besides the lines of its request.
#[derive(Clone, Copy)]
pub enum Carries<'a> {
    Nothing,
    /// The Contact of a REGISTER comes back with the time that was granted.
    Binding,
    /// Where the callee is reached.
    Contact(&'a str),
    /// And what it agreed to.
    Session(&'a str),
}

/// An answer of the registrar or of the callee, from the lines of the request.
pub fn answer(request: &[u8], status: &str, carries: Carries<'_>, into: &mut Vec<u8>) {
    into.clear();
    let mut put = |bytes: &[u8]| into.extend_from_slice(bytes);
    put(b"SIP/2.0 ");
    put(status.as_bytes());
    put(b"\r\n");
    for line in lines(request) {
        match line {
            [b'V', b'i', b'a', ..] | [b'F', b'r', b'o', ..] | [b'C', b'S', b'e', ..] => put(line),
            [b'C', b'a', b'l', ..] | [b'R', b'e', b'c', ..] => put(line),
            [b'T', b'o', b':', ..] => {
                put(line);
                if memmem::find(line, b";tag=").is_none() {
                    put(b";tag=b5e1a9");
                }
            }
            [b'C', b'o', b'n', b't', b'a', ..] if matches!(carries, Carries::Binding) => {
                put(line);
                put(b";expires=3600");
            }
            _ => continue,
        }
        put(b"\r\n");
    }
    if let Carries::Contact(contact) | Carries::Session(contact) = carries {
        put(b"Contact: <");
        put(contact.as_bytes());
        put(b">\r\n");
    }
    if let Carries::Session(_) = carries {
        put(b"Content-Type: application/sdp\r\n");
        put(format!("Content-Length: {}\r\n\r\n{SDP}", SDP.len()).as_bytes());
    } else {
        put(b"Content-Length: 0\r\n\r\n");
    }
}

/// The status of a response; 0 for a request.
pub fn status(message: &[u8]) -> u32 {
    let Some(rest) = message.strip_prefix(b"SIP/2.0 ") else { return 0 };
    rest.iter().take(3).fold(0, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
}

fn sequence_of(mark: Mark) -> u32 {
    10_000_000 + mark.round % 80_000_000
}

/// The lines of the head.
pub fn lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = message.get(from..)?;
        let end = memchr::memchr(b'\n', rest)?;
        from += end + 1;
        Some(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]))
    })
    .take_while(|line| !line.is_empty())
}

fn value<'a>(message: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    lines(message).find_map(|line| line.strip_prefix(name))
}

fn uri(value: &[u8]) -> Option<&[u8]> {
    let begin = memchr::memchr(b'<', value)? + 1;
    value.get(begin..memchr::memchr(b'>', value)?)
}

fn decimal(into: &mut [u8], mut number: u32) {
    for place in into.iter_mut().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn hex(into: &mut [u8], mut number: u32) {
    for place in into.iter_mut().rev() {
        *place = b"0123456789abcdef"[(number & 15) as usize];
        number >>= 4;
    }
}
