//! The messages of the load: requests made beforehand, of which only the parts that vary are written
//! anew, and answers made of the request's own lines. Fixed widths, so that nothing is moved.

use std::net::SocketAddr;

use memchr::memmem;

/// What our branches begin with; the step of the exchange, the slot and the round follow.
const BRANCH: &str = "z9hG4bKwire";

/// Which exchange a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// `r`: REGISTER.
    pub step: u8,
    pub slot: usize,
    pub round: u32,
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
            decimal(&mut bytes[*at..*at + 8], 10_000_000 + mark.round % 80_000_000);
        }
        for at in &self.marks {
            bytes[*at] = mark.step;
            hex(&mut bytes[*at + 1..*at + 5], mark.slot as u32);
            hex(&mut bytes[*at + 5..*at + 13], mark.round);
        }
        bytes
    }
}

/// A REGISTER of about 1 KB with 16 headers, as phones send it.
pub fn register(local: SocketAddr, transport: &str) -> Template {
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
         Expires: 3600\r\n\
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

/// The registrar's answer, from the lines of the request.
pub fn answer(request: &[u8], status: &[u8], into: &mut Vec<u8>) {
    into.clear();
    let mut put = |bytes: &[u8]| into.extend_from_slice(bytes);
    put(b"SIP/2.0 ");
    put(status);
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
            [b'C', b'o', b'n', b't', b'a', ..] => {
                put(line);
                put(b";expires=3600");
            }
            _ => continue,
        }
        put(b"\r\n");
    }
    put(b"Content-Length: 0\r\n\r\n");
}

/// The exchange that a message belongs to, by our branch.
pub fn mark(message: &[u8]) -> Option<Mark> {
    let at = memmem::find(message, BRANCH.as_bytes())? + BRANCH.len();
    let tail = message.get(at..at + 13)?;
    let number = |digits: &[u8]| {
        digits.iter().try_fold(0u32, |sum, digit| Some(sum << 4 | (*digit as char).to_digit(16)?))
    };
    Some(Mark { step: tail[0], slot: number(&tail[1..5])? as usize, round: number(&tail[5..])? })
}

/// The status of a response; 0 for a request.
pub fn status(message: &[u8]) -> u32 {
    let Some(rest) = message.strip_prefix(b"SIP/2.0 ") else { return 0 };
    rest.iter().take(3).fold(0, |sum, digit| sum * 10 + u32::from(digit.wrapping_sub(b'0')))
}

fn lines(message: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let rest = message.get(from..)?;
        let end = memchr::memchr(b'\n', rest)?;
        from += end + 1;
        Some(rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]))
    })
    .take_while(|line| !line.is_empty())
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
