//! A device that speaks bytes over UDP or TCP.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use md5::{Digest, Md5};

use super::Message;

static SERIAL: AtomicU32 = AtomicU32::new(1);

/// How a device reaches the daemon.
pub enum Link {
    Udp(UdpSocket, SocketAddr),
    Tcp(TcpStream, Vec<u8>),
}

/// A device with one number.
pub struct Phone {
    pub link: Link,
    pub user: String,
    pub domain: String,
    pub password: Option<String>,
    /// Added to the Contact after the closing bracket.
    pub contact_params: String,
    /// Added to the Contact's URI.
    pub uri_params: String,
    pub agent: String,
    pub call_id: String,
    pub tag: String,
    pub cseq: u32,
    /// The headers that every request has besides.
    pub extra: String,
}

impl Phone {
    /// A phone on a UDP socket of its own.
    pub fn udp(daemon: SocketAddr, user: &str) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        Self::on(Link::Udp(socket, daemon), user)
    }

    /// A phone on a TCP connection of its own.
    pub fn tcp(daemon: SocketAddr, user: &str) -> Self {
        let stream = TcpStream::connect(daemon).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self::on(Link::Tcp(stream, Vec::new()), user)
    }

    /// A phone on a given link.
    pub fn on(link: Link, user: &str) -> Self {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self {
            link,
            user: user.to_owned(),
            domain: "example.com".to_owned(),
            password: None,
            contact_params: String::new(),
            uri_params: String::new(),
            agent: "scene/1".to_owned(),
            call_id: format!("call-{serial}-{}@scene", std::process::id()),
            tag: format!("tag{serial}"),
            cseq: 1,
            extra: String::new(),
        }
    }

    /// Its address as the daemon sees it.
    pub fn local(&self) -> SocketAddr {
        match &self.link {
            Link::Udp(socket, _) => socket.local_addr().expect("an address"),
            Link::Tcp(stream, _) => stream.local_addr().expect("an address"),
        }
    }

    fn transport(&self) -> &'static str {
        match self.link {
            Link::Udp(..) => "UDP",
            Link::Tcp(..) => "TCP",
        }
    }

    /// Its Contact.
    pub fn contact(&self) -> String {
        let transport = if self.transport() == "TCP" { ";transport=tcp" } else { "" };
        format!(
            "<sip:{}@{}{transport}{}>{}",
            self.user,
            self.local(),
            self.uri_params,
            self.contact_params
        )
    }

    /// Its address-of-record.
    pub fn aor(&self) -> String {
        format!("sip:{}@{}", self.user, self.domain)
    }

    /// A new branch.
    pub fn branch(&self) -> String {
        format!("z9hG4bKscene{}", SERIAL.fetch_add(1, Ordering::Relaxed))
    }

    /// A request of its own: `headers` end with CRLF each; From, To and the rest are added.
    pub fn request(
        &mut self,
        method: &str,
        uri: &str,
        to: &str,
        headers: &str,
        body: &str,
    ) -> String {
        self.cseq += 1;
        let branch = self.branch();
        self.request_on(&branch, method, uri, to, headers, body)
    }

    /// The same on a given branch and the present CSeq.
    pub fn request_on(
        &self,
        branch: &str,
        method: &str,
        uri: &str,
        to: &str,
        headers: &str,
        body: &str,
    ) -> String {
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{} {};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{}>;tag={}\r\nTo: {to}\r\nCall-ID: {}\r\n\
             CSeq: {} {method}\r\nUser-Agent: {}\r\n{}{headers}Content-Length: {}\r\n\r\n{body}",
            self.transport(),
            self.local(),
            self.aor(),
            self.tag,
            self.call_id,
            self.cseq,
            self.agent,
            self.extra,
            body.len()
        )
    }

    /// A REGISTER for its number.
    pub fn register_text(&mut self, expires: u32) -> String {
        let headers = format!("Contact: {}\r\nExpires: {expires}\r\n", self.contact());
        let (domain, aor) = (format!("sip:{}", self.domain), self.aor());
        self.request("REGISTER", &domain, &format!("<{aor}>"), &headers, "")
    }

    /// Registers, with its password where asked, and gives the last answer.
    pub fn register(&mut self, expires: u32) -> Message {
        let text = self.register_text(expires);
        let answer = self.exchange(&text);
        let Some(password) = self.password.clone().filter(|_| answer.status() == 401) else {
            return answer;
        };
        let challenge = answer.header("www-authenticate").expect("a challenge").to_owned();
        let uri = format!("sip:{}", self.domain);
        let credentials = authorize(&challenge, "REGISTER", &uri, &self.user, &password);
        let headers = format!(
            "Contact: {}\r\nExpires: {expires}\r\nAuthorization: {credentials}\r\n",
            self.contact()
        );
        let to = format!("<{}>", self.aor());
        let text = self.request("REGISTER", &uri, &to, &headers, "");
        self.exchange(&text)
    }

    /// Sends bytes.
    pub fn send(&mut self, text: &str) {
        match &mut self.link {
            Link::Udp(socket, daemon) => {
                socket.send_to(text.as_bytes(), *daemon).expect("sent");
            }
            Link::Tcp(stream, _) => stream.write_all(text.as_bytes()).expect("sent"),
        }
    }

    /// Sends a request and waits for its final answer; over UDP it is repeated as a client would.
    pub fn exchange(&mut self, text: &str) -> Message {
        let is_udp = matches!(self.link, Link::Udp(..));
        let deadline = Instant::now() + Duration::from_secs(10);
        self.send(text);
        while Instant::now() < deadline {
            match self.receive(Duration::from_millis(500)) {
                Some(message) if message.status() >= 200 => return message,
                Some(_) => {}
                None if is_udp => self.send(text),
                None => {}
            }
        }
        panic!("no final answer to {}", text.lines().next().unwrap_or(""));
    }

    /// The next message, if one comes in time.
    pub fn receive(&mut self, limit: Duration) -> Option<Message> {
        match &mut self.link {
            Link::Udp(socket, _) => {
                socket.set_read_timeout(Some(limit)).expect("a time limit");
                let mut buffer = vec![0; 65_535];
                let (len, _) = socket.recv_from(&mut buffer).ok()?;
                Some(Message::read(&buffer[..len]))
            }
            Link::Tcp(stream, buffer) => {
                let deadline = Instant::now() + limit;
                loop {
                    if let Some(message) = take_message(buffer) {
                        return Some(message);
                    }
                    let left = deadline.checked_duration_since(Instant::now())?;
                    stream.set_read_timeout(Some(left.max(Duration::from_millis(1)))).ok()?;
                    let mut piece = [0; 4096];
                    match stream.read(&mut piece) {
                        Ok(0) => panic!("the daemon closed the connection of {}", self.user),
                        Ok(len) => buffer.extend_from_slice(&piece[..len]),
                        Err(error)
                            if matches!(
                                error.kind(),
                                ErrorKind::WouldBlock | ErrorKind::TimedOut
                            ) =>
                        {
                            return None;
                        }
                        Err(_) => return None,
                    }
                }
            }
        }
    }

    /// The next request with this method; others are passed over.
    pub fn expect_request(&mut self, method: &str, limit: Duration) -> Option<Message> {
        let deadline = Instant::now() + limit;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            match self.receive(left) {
                Some(message) if message.method() == method => return Some(message),
                Some(_) => {}
                None => return None,
            }
        }
        None
    }

    /// Answers a request: Via, From, To (with our tag), Call-ID, CSeq and Record-Route as they came.
    pub fn answer(
        &mut self,
        request: &Message,
        status: u16,
        phrase: &str,
        headers: &str,
        body: &str,
    ) {
        let text = answer_text(request, status, phrase, &self.tag, headers, body);
        self.send(&text);
    }
}

/// The text of an answer to `request`.
pub fn answer_text(
    request: &Message,
    status: u16,
    phrase: &str,
    tag: &str,
    headers: &str,
    body: &str,
) -> String {
    let mut text = format!("SIP/2.0 {status} {phrase}\r\n");
    for (name, value) in &request.headers {
        match name.as_str() {
            "via" | "from" | "call-id" | "cseq" | "record-route" => {
                text.push_str(&format!("{name}: {value}\r\n"));
            }
            "to" if value.contains(";tag=") || status == 100 => {
                text.push_str(&format!("to: {value}\r\n"));
            }
            "to" => text.push_str(&format!("to: {value};tag={tag}\r\n")),
            _ => {}
        }
    }
    text.push_str(headers);
    text.push_str(&format!("Content-Length: {}\r\n\r\n{body}", body.len()));
    text
}

/// Takes the first whole message out of a stream's buffer.
pub fn take_message(buffer: &mut Vec<u8>) -> Option<Message> {
    while buffer.starts_with(b"\r\n") {
        buffer.drain(..2);
    }
    let head = buffer.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let message = Message::read(&buffer[..head]);
    let body: usize = message.header("content-length")?.parse().ok()?;
    if buffer.len() < head + body {
        return None;
    }
    let whole: Vec<u8> = buffer.drain(..head + body).collect();
    Some(Message::read(&whole))
}

/// The credentials that answer a challenge (RFC 2617, MD5).
pub fn authorize(challenge: &str, method: &str, uri: &str, user: &str, password: &str) -> String {
    let field = |name: &str| {
        let (_, rest) = challenge.split_once(&format!("{name}=\""))?;
        rest.split('"').next().map(str::to_owned)
    };
    let realm = field("realm").expect("a realm");
    let nonce = field("nonce").expect("a nonce");
    let ha1 = hex(&format!("{user}:{realm}:{password}"));
    let ha2 = hex(&format!("{method}:{uri}"));
    let base =
        format!("Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\"");
    if challenge.contains("qop=") {
        let response = hex(&format!("{ha1}:{nonce}:00000001:c0ffee:auth:{ha2}"));
        format!(
            "{base}, response=\"{response}\", algorithm=MD5, qop=auth, nc=00000001, cnonce=\"c0ffee\""
        )
    } else {
        let response = hex(&format!("{ha1}:{nonce}:{ha2}"));
        format!("{base}, response=\"{response}\", algorithm=MD5")
    }
}

fn hex(text: &str) -> String {
    Md5::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}
