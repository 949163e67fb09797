//! The messages: a REGISTER of 1,044 bytes and 16 headers as phones send it, an INVITE with SDP, and the
//! registrar's answers, made of the request's own lines.

use memchr::memmem;

/// The user part that the texts are written with; every number has as many digits.
const USER: &str = "20000000";
/// How long `sip:USER@example.com` is.
pub const AOR_LEN: usize = "sip:@example.com".len() + USER.len();

/// A message that any number may send.
pub struct Letter {
    pub bytes: Vec<u8>,
    users: Vec<usize>,
}

impl Letter {
    fn new(bytes: Vec<u8>) -> Self {
        let users = memmem::find_iter(&bytes, USER).collect();
        Self { bytes, users }
    }

    /// Writes the user part of an address-of-record wherever it stands.
    pub fn address(&mut self, aor: &str) -> &[u8] {
        let user = aor.as_bytes()[4..].first_chunk::<{ USER.len() }>().expect("a user");
        for at in &self.users {
            self.bytes[*at..*at + USER.len()].copy_from_slice(user);
        }
        &self.bytes
    }
}

/// A REGISTER of 1,044 bytes and 16 headers that adds or refreshes one Contact.
pub fn register() -> Letter {
    let text = format!(
        "REGISTER sip:example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.10:5062;branch=z9hG4bKPj7c1e0f2a9b3d4c5e8f60718293a4b5c;rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Door station, entrance\" <sip:{USER}@example.com>;tag=4711c0ffee{USER}\r\n\
         To: \"Door station, entrance\" <sip:{USER}@example.com>\r\n\
         Call-ID: 7d3f9f8e5b4e4c2a9f1d{USER}@192.0.2.10\r\n\
         CSeq: 10000000 REGISTER\r\n\
         Contact: <sip:{USER}@192.0.2.10:5062;transport=udp;ob>;reg-id=1;\
         +sip.instance=\"<urn:uuid:6b29fc40-ca47-1067-b31d-0000{USER}>\"\r\n\
         Expires: 3600\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, PUBLISH, MESSAGE, \
         UPDATE\r\n\
         Allow-Events: presence, message-summary, refer, conference, dialog\r\n\
         Supported: path, outbound, gruu, replaces, norefersub, 100rel, timer\r\n\
         Accept: application/sdp, application/dialog-info+xml\r\n\
         Accept-Language: en, es;q=0.8, de;q=0.7\r\n\
         P-Access-Network-Info: IEEE-802.3; eth-location=\"entrance, ground floor, \
         left of the garage, building 7b, riser 2.4\"\r\n\
         User-Agent: Doorstation/4.12.3 (hw 2.1; build 20260114; unit {USER})\r\n\
         Content-Length: 0\r\n\r\n"
    );
    Letter::new(text.into())
}

/// An INVITE with SDP.
pub fn invite() -> Letter {
    let body = "v=0\r\no=- 3976543210 3976543210 IN IP4 192.0.2.10\r\ns=door\r\n\
        c=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 4000 RTP/AVP 96 0 8 101\r\n\
        a=rtpmap:96 opus/48000/2\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n\
        a=rtpmap:101 telephone-event/8000\r\na=sendrecv\r\n\
        m=video 4002 RTP/AVP 97\r\na=rtpmap:97 H264/90000\r\na=sendonly\r\n";
    let text = format!(
        "INVITE sip:20000001@example.com SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.10:5062;branch=z9hG4bKPj0a1b2c3d4e5f60718293a4b5c6d7e8f9;rport\r\n\
         Max-Forwards: 70\r\n\
         From: \"Door station\" <sip:{USER}@example.com>;tag=4711c0ffee\r\n\
         To: <sip:20000001@example.com>\r\n\
         Contact: <sip:{USER}@192.0.2.10:5062;transport=udp;ob>\r\n\
         Call-ID: 5b4e4c2a9f1d7d3f9f8e@192.0.2.10\r\n\
         CSeq: 10000000 INVITE\r\n\
         Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, SUBSCRIBE, NOTIFY, INFO, MESSAGE\r\n\
         Supported: replaces, 100rel, timer, norefersub\r\n\
         Session-Expires: 1800\r\n\
         User-Agent: Doorstation/4.12.3\r\n\
         Content-Type: application/sdp\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    Letter::new(text.into())
}

/// A registrar's 200, behind one more Via of a length like ours.
pub fn ok() -> Letter {
    let token = "Aaz3cGc5hK2Y0mUo7wS5dQxJ4lVtB8iRfEuN1pMzZyXjTqLhOkDwCvGrPbHsWa";
    let via = format!(
        "SIP/2.0/UDP 192.0.2.1:5063;branch=z9hG4bKq7w3e9r5t1y6u2i8o4p0a7s3d9f;rport=5063;\
         received=192.0.2.1;adm={token}"
    );
    let request = register().bytes;
    let below = memmem::find(&request, b"Via: ").expect("a Via");
    let mut forwarded = request[..below].to_vec();
    forwarded.extend_from_slice(format!("Via: {via}\r\n").as_bytes());
    forwarded.extend_from_slice(&request[below..]);
    Letter::new(answer(&forwarded))
}

/// The registrar's 200 to a forwarded REGISTER: its lines, the expiry with Contact.
pub fn answer(request: &[u8]) -> Vec<u8> {
    const TAKEN: [&[u8]; 6] = [b"Via:", b"From:", b"To:", b"Call-ID:", b"CSeq:", b"Contact:"];
    let mut answer = b"SIP/2.0 200 OK\r\n".to_vec();
    let head = request.strip_suffix(b"\r\n\r\n").expect("no body");
    for line in head.split(|byte| *byte == b'\n') {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if !TAKEN.iter().any(|name| line.starts_with(name)) {
            continue;
        }
        answer.extend_from_slice(line);
        if line.starts_with(b"To:") {
            answer.extend_from_slice(b";tag=b5e1a9");
        } else if line.starts_with(b"Contact:") {
            answer.extend_from_slice(b";expires=3600");
        }
        answer.extend_from_slice(b"\r\n");
    }
    answer.extend_from_slice(b"Content-Length: 0\r\n\r\n");
    answer
}
