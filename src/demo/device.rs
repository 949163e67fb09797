//! A played device: a UDP socket that registers and calls, and picks up when it is called.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::cast::{DOMAIN, Part, aor};
use super::message::Message;

/// How long a device asks for.
const EXPIRES_SECS: u32 = 60;
/// Nobody refreshes more often, however little was granted.
const REFRESH_MIN: Duration = Duration::from_secs(4);
/// T1 of RFC 3261: after so long a request is sent again.
const AGAIN: Duration = Duration::from_millis(500);
const TRIES: usize = 4;
/// How long the parties talk.
const TALK: Duration = Duration::from_millis(400);
/// Answers that nobody has read yet; one request is under way at a time.
const ANSWERS: usize = 16;

/// One device.
pub struct Device {
    pub part: Part,
    /// When it registers again by itself; `None` while it is not registered.
    pub refresh_at: Option<Instant>,
    socket: Arc<UdpSocket>,
    local: SocketAddr,
    daemon: SocketAddr,
    answers: mpsc::Receiver<Message>,
    listener: JoinHandle<()>,
    serial: u32,
}

/// What a request came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: u16,
    pub phrase: String,
    pub granted_secs: Option<u64>,
}

/// What stays the same in the requests of one call or registration.
struct Dialog<'a> {
    call_id: &'a str,
    to: &'a str,
    uri: &'a str,
}

impl Device {
    /// A device with a socket of its own.
    pub async fn new(part: Part, daemon: SocketAddr) -> io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?);
        let local = socket.local_addr()?;
        let (heard, answers) = mpsc::channel(ANSWERS);
        let contact = contact(part, local);
        let listener = tokio::spawn(listen(Arc::clone(&socket), contact, heard));
        Ok(Self { part, refresh_at: None, socket, local, daemon, answers, listener, serial: 0 })
    }

    /// Its number.
    pub fn number(&self) -> String {
        aor(self.part.user)
    }

    /// Registers, and remembers when to do it again.
    pub async fn register(&mut self) -> io::Result<Outcome> {
        let outcome = self.send_register(EXPIRES_SECS).await?;
        let granted = Duration::from_secs(outcome.granted_secs.unwrap_or_default());
        let admitted = (200..300).contains(&outcome.status);
        self.refresh_at = admitted.then(|| Instant::now() + (granted / 2).max(REFRESH_MIN));
        Ok(outcome)
    }

    /// De-registers.
    pub async fn leave(&mut self) -> io::Result<Outcome> {
        self.refresh_at = None;
        self.send_register(0).await
    }

    /// Calls a number, talks for a moment and hangs up; what the INVITE came to.
    pub async fn call(&mut self, callee: &str) -> io::Result<Outcome> {
        let call_id = format!("{}-{}", self.local.port(), self.serial);
        let to = format!("<{callee}>");
        let dialog = Dialog { call_id: &call_id, to: &to, uri: callee };
        let contact = format!("Contact: {}\r\n", contact(self.part, self.local));
        self.serial += 1;
        let branch = self.branch();
        let invite = self.request("INVITE", &branch, &dialog, &contact);
        let Some(answer) = self.exchange(&invite).await? else { return Ok(Outcome::silence()) };
        let outcome = Outcome::of(&answer);
        let to = answer.header("to").unwrap_or_default();
        if outcome.status >= 300 {
            // RFC 3261 17.1.1.3: on the branch of the INVITE.
            let ack = self.request("ACK", &branch, &Dialog { to, ..dialog }, "");
            self.socket.send_to(ack.as_bytes(), self.daemon).await?;
            return Ok(outcome);
        }
        let uri = answer.contact().unwrap_or(callee);
        let dialog = Dialog { call_id: &call_id, to, uri };
        let routes: String =
            answer.all("record-route").rev().map(|route| format!("Route: {route}\r\n")).collect();
        let ack = self.request("ACK", &self.branch(), &dialog, &routes);
        self.socket.send_to(ack.as_bytes(), self.daemon).await?;
        tokio::time::sleep(TALK).await;
        self.serial += 1;
        let bye = self.request("BYE", &self.branch(), &dialog, &routes);
        self.exchange(&bye).await?;
        Ok(outcome)
    }

    async fn send_register(&mut self, expires_secs: u32) -> io::Result<Outcome> {
        let call_id = format!("{}-registers", self.local.port());
        let (to, uri) = (format!("<{}>", self.number()), format!("sip:{DOMAIN}"));
        let contact = contact(self.part, self.local);
        let headers = format!("Contact: {contact}\r\nExpires: {expires_secs}\r\n");
        self.serial += 1;
        let dialog = Dialog { call_id: &call_id, to: &to, uri: &uri };
        let text = self.request("REGISTER", &self.branch(), &dialog, &headers);
        let answer = self.exchange(&text).await?;
        Ok(answer.map_or_else(Outcome::silence, |answer| Outcome::of(&answer)))
    }

    /// One for each request: the serial number and the port are nobody else's.
    fn branch(&self) -> String {
        format!("z9hG4bK-demo-{}-{}", self.local.port(), self.serial)
    }

    fn request(&self, method: &str, branch: &str, dialog: &Dialog<'_>, headers: &str) -> String {
        let Dialog { call_id, to, uri } = dialog;
        let (local, from, serial) = (self.local, self.number(), self.serial);
        format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/UDP {local};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <{from}>;tag={call_id}\r\nTo: {to}\r\n\
             Call-ID: {call_id}@{DOMAIN}\r\nCSeq: {serial} {method}\r\n\
             User-Agent: admitd-demo\r\n{headers}Content-Length: 0\r\n\r\n"
        )
    }

    /// Sends a request, again where nobody answers, and gives the final answer.
    async fn exchange(&mut self, request: &str) -> io::Result<Option<Message>> {
        // Of an earlier request that was given up.
        while self.answers.try_recv().is_ok() {}
        for _ in 0..TRIES {
            self.socket.send_to(request.as_bytes(), self.daemon).await?;
            let deadline = Instant::now() + AGAIN;
            while let Some(left) = deadline.checked_duration_since(Instant::now()) {
                let Ok(Some(answer)) = timeout(left, self.answers.recv()).await else { break };
                if answer.status().is_some_and(|(status, _)| status >= 200) {
                    return Ok(Some(answer));
                }
            }
        }
        Ok(None)
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

impl Outcome {
    fn of(answer: &Message) -> Self {
        let (status, phrase) = answer.status().unwrap_or_default();
        Self { status, phrase: phrase.to_owned(), granted_secs: answer.granted_secs() }
    }

    fn silence() -> Self {
        Self { status: 408, phrase: "no answer".to_owned(), granted_secs: None }
    }
}

fn contact(part: Part, local: SocketAddr) -> String {
    format!("<sip:{}@{local}>{}", part.user, part.contact)
}

/// Hands answers over and answers requests at once: whoever is called picks up.
async fn listen(socket: Arc<UdpSocket>, contact: String, heard: mpsc::Sender<Message>) {
    let mut buffer = vec![0; 65_535];
    loop {
        // A port that was closed (ICMP) is reported here; the next datagram may be well.
        let Ok((len, from)) = socket.recv_from(&mut buffer).await else { continue };
        let Some(message) = buffer.get(..len).and_then(Message::read) else { continue };
        if message.status().is_some() {
            // A full queue holds copies of what nobody waits for.
            let _ = heard.try_send(message);
            continue;
        }
        let tag = contact.len().to_string();
        let contact = format!("Contact: {contact}\r\n");
        let answers: &[_] = match message.method() {
            "ACK" => &[],
            "INVITE" => &[(180, "Ringing"), (200, "OK")],
            "BYE" | "CANCEL" | "OPTIONS" => &[(200, "OK")],
            _ => &[(501, "Not Implemented")],
        };
        for answer in answers {
            let text = message.answer(*answer, &tag, &contact);
            let _ = socket.send_to(text.as_bytes(), from).await;
        }
    }
}
