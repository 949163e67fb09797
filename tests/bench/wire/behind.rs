//! Who is behind the server: a registrar that takes every REGISTER, and a phone that answers every call.

use std::net::SocketAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use memchr::memmem;

use super::endpoint::Endpoint;
use super::floor::Transport;
use super::message::{self, Carries};

/// One endpoint for both.
pub struct Behind {
    endpoint: Endpoint,
    address: SocketAddr,
    contact: String,
    request: Vec<u8>,
    reply: Vec<u8>,
    pub taken: Taken,
}

/// What came to it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    /// Exchanges that devices began: a REGISTER or an INVITE of each.
    pub begun: u64,
    /// De-registrations, and when the last of them came.
    pub leaves: u64,
    pub last_leave: Option<Instant>,
}

const BURST: usize = 32;

impl Behind {
    /// At a free port of loopback.
    pub fn new(transport: Transport) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (endpoint, name) = match transport {
            Transport::Udp => (Endpoint::new().udp(any), "udp"),
            Transport::Tcp => (Endpoint::new().listening(any), "tcp"),
        };
        let endpoint = endpoint.expect("a socket");
        let address = endpoint.address().expect("an address");
        let contact = format!("sip:80000000@{address};transport={name}");
        let (request, reply) = (Vec::with_capacity(65_536), Vec::with_capacity(65_536));
        Self { endpoint, address, contact, request, reply, taken: Taken::default() }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers what came, so much at once; false when that was nothing.
    pub fn answer(&mut self) -> bool {
        self.endpoint.look();
        let mut count = 0;
        while count < BURST
            && let Some(peer) = self.endpoint.next(&mut self.request)
        {
            count += 1;
            self.taken.count(&self.request);
            let answers: &[(&str, Carries<'_>)] = match self.request.first() {
                Some(b'R') if is_leave(&self.request) => &[("200 OK", Carries::Nothing)],
                Some(b'R') => &[("200 OK", Carries::Binding)],
                Some(b'I') => &[
                    ("180 Ringing", Carries::Contact(&self.contact)),
                    ("200 OK", Carries::Session(&self.contact)),
                ],
                Some(b'A') => &[],
                _ => &[("200 OK", Carries::Nothing)],
            };
            for (status, carries) in answers {
                message::answer(&self.request, status, *carries, &mut self.reply);
                self.endpoint.send(peer, &self.reply);
            }
        }
        self.endpoint.flush();
        count > 0
    }

    /// Answers until nobody holds the other end.
    pub fn answer_until(mut self, done: &Receiver<()>) -> Self {
        while done.recv_timeout(Duration::from_millis(10)) == Err(RecvTimeoutError::Timeout) {
            while self.answer() {}
        }
        self
    }
}

impl Taken {
    fn count(&mut self, request: &[u8]) {
        match request.first() {
            Some(b'R') if is_leave(request) => {
                self.leaves += 1;
                self.last_leave = Some(Instant::now());
            }
            Some(b'R' | b'I') => self.begun += 1,
            _ => {}
        }
    }
}

fn is_leave(register: &[u8]) -> bool {
    memmem::find(register, b"\r\nExpires: 0\r\n").is_some()
}
