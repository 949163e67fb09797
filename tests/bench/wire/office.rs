//! Whoever asks the API of a server: one connection, one question after the other. Answers are looked
//! for now and then and never waited for, but where nothing is measured.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use memchr::memmem;
use serde_json::Value;

/// A connection to the API.
pub struct Office {
    stream: TcpStream,
    token: String,
    /// When the question left whose answer is to come.
    asked: Option<Instant>,
    /// When it is looked for next.
    looks: Instant,
    received: Vec<u8>,
}

/// What came back.
pub struct Reply {
    pub status: u16,
    pub body: Value,
    pub took: Duration,
}

/// How long the API may take before the server counts as dead.
const PATIENCE: Duration = Duration::from_secs(60);

impl Office {
    /// Asks at `address` with a token.
    pub fn open(address: SocketAddr, token: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the API listens");
        stream.set_nodelay(true).expect("a socket option");
        stream.set_nonblocking(true).expect("a socket option");
        let looks = Instant::now();
        Self { stream, token: token.to_owned(), asked: None, looks, received: Vec::new() }
    }

    /// Whether an answer is to come.
    pub fn waits(&self) -> bool {
        self.asked.is_some()
    }

    /// Asks; `path` begins after `/api/v1`.
    pub fn ask(&mut self, method: &str, path: &str, body: &str) {
        let request = format!(
            "{method} /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            self.token,
            body.len(),
        );
        // A question is short, and the one before it has been answered: the socket has room for it.
        self.stream.write_all(request.as_bytes()).expect("the API takes a question");
        self.asked = Some(Instant::now());
    }

    /// Asks, and waits for the answer.
    pub fn wait(&mut self, method: &str, path: &str, body: &str) -> Reply {
        self.ask(method, path, body);
        loop {
            if let Some(reply) = self.answer() {
                return reply;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// The answer, once all of it is there; where nothing may wait for it, and so it is looked for every
    /// quarter of a millisecond only.
    pub fn answer_at(&mut self, now: Instant) -> Option<Reply> {
        const EVERY: Duration = Duration::from_micros(250);
        if now < self.looks {
            return None;
        }
        self.looks = now + EVERY;
        self.answer()
    }

    fn answer(&mut self) -> Option<Reply> {
        let asked = self.asked?;
        let mut piece = [0; 16_384];
        match self.stream.read(&mut piece) {
            Ok(0) => panic!("the API closed: {}", String::from_utf8_lossy(&self.received)),
            Ok(len) => self.received.extend_from_slice(&piece[..len]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                assert!(asked.elapsed() < PATIENCE, "the API answers");
                return None;
            }
            Err(error) => panic!("the API: {error}"),
        }
        let (status, body) = whole(&self.received)?;
        let body = serde_json::from_slice(body).unwrap_or_default();
        self.asked = None;
        self.received.clear();
        Some(Reply { status, body, took: asked.elapsed() })
    }
}

/// Status and body of an answer that is all there.
fn whole(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let end = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).ok()?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
    })?;
    Some((status, bytes.get(end..end + length)?))
}
