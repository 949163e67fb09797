//! A scripted upstream: a UDP socket whose owner reads each request and says what to answer.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use super::Message;
use super::phone::answer_text;

/// The upstream's socket.
pub struct Upstream {
    pub socket: UdpSocket,
    pub address: SocketAddr,
}

impl Upstream {
    /// An upstream on a port of its own.
    pub fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("an address");
        Self { socket, address }
    }

    /// The `[upstream]` part of a configuration that names it.
    pub fn config(&self, more: &str) -> String {
        format!("[upstream]\nuri = \"sip:{}\"\nbind = \"127.0.0.1:0\"\n{more}\n", self.address)
    }

    /// The next message and where it came from.
    pub fn receive(&self, limit: Duration) -> Option<(Message, SocketAddr)> {
        self.socket.set_read_timeout(Some(limit)).expect("a time limit");
        let mut buffer = vec![0; 65_535];
        let (len, from) = self.socket.recv_from(&mut buffer).ok()?;
        Some((Message::read(&buffer[..len]), from))
    }

    /// The next request with this method; others are passed over.
    pub fn expect(&self, method: &str, limit: Duration) -> Option<(Message, SocketAddr)> {
        let deadline = Instant::now() + limit;
        while let Some(left) = deadline.checked_duration_since(Instant::now()) {
            let (message, from) = self.receive(left.max(Duration::from_millis(1)))?;
            if message.method() == method {
                return Some((message, from));
            }
        }
        None
    }

    /// Answers a request.
    pub fn answer(
        &self,
        request: &(Message, SocketAddr),
        status: u16,
        phrase: &str,
        headers: &str,
    ) {
        let text = answer_text(&request.0, status, phrase, "upstream", headers, "");
        self.socket.send_to(text.as_bytes(), request.1).expect("sent");
    }

    /// Accepts a REGISTER as it asks.
    pub fn accept(&self, request: &(Message, SocketAddr)) {
        let contact = request.0.header("contact").unwrap_or("").to_owned();
        let expires = request.0.header("expires").unwrap_or("3600").to_owned();
        let contact = if contact.contains(";expires=") {
            format!("Contact: {contact}\r\n")
        } else {
            format!("Contact: {contact};expires={expires}\r\n")
        };
        self.answer(request, 200, "OK", &contact);
    }

    /// Sends text to an address.
    pub fn send(&self, text: &str, to: SocketAddr) {
        self.socket.send_to(text.as_bytes(), to).expect("sent");
    }
}
