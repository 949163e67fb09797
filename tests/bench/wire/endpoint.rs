//! Where SIP messages come and go: a UDP socket and TCP connections, all non-blocking, seen
//! as one queue of whole messages. What goes out by TCP is collected until `flush`. It knows of SIP
//! only where a message ends on a stream.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use memchr::memmem;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// Who is on the other side.
#[derive(Clone, Copy, Debug)]
pub enum Peer {
    Udp(SocketAddr),
    /// To whom the UDP socket is connected.
    Connected,
    Tcp(usize),
}

/// A connection and what is under way on it.
struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    /// Where the first message that was not handed out begins.
    begin: usize,
    waiting: Vec<u8>,
}

/// The sockets of one side.
pub struct Endpoint {
    udp: Option<UdpSocket>,
    listener: Option<TcpListener>,
    connections: Vec<Connection>,
    epoll: Epoll,
    /// Connections that may have a whole message.
    ready: VecDeque<usize>,
    unsent: Vec<usize>,
    scratch: Vec<u8>,
}

const UDP: u64 = u64::MAX;
const LISTENER: u64 = u64::MAX - 1;
const BUFFER_BYTES: usize = 4 * 1024 * 1024;

impl Endpoint {
    /// No sockets yet.
    pub fn new() -> Self {
        Self {
            udp: None,
            listener: None,
            connections: Vec::new(),
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC).expect("an epoll"),
            ready: VecDeque::new(),
            unsent: Vec::new(),
            scratch: vec![0; 256 * 1024],
        }
    }

    /// A UDP socket at this address.
    pub fn udp(mut self, at: SocketAddr) -> io::Result<Self> {
        let socket = UdpSocket::bind(at)?;
        let options = socket2::SockRef::from(&socket);
        options.set_recv_buffer_size(BUFFER_BYTES)?;
        options.set_send_buffer_size(BUFFER_BYTES)?;
        socket.set_nonblocking(true)?;
        self.epoll.add(&socket, EpollEvent::new(EpollFlags::EPOLLIN, UDP))?;
        self.udp = Some(socket);
        Ok(self)
    }

    /// The UDP socket speaks to nobody else from now on.
    pub fn connected(self, to: SocketAddr) -> io::Result<Self> {
        if let Some(socket) = &self.udp {
            socket.connect(to)?;
        }
        Ok(self)
    }

    /// Takes TCP connections at this address.
    pub fn listening(mut self, at: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        self.epoll.add(&listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
        self.listener = Some(listener);
        Ok(self)
    }

    /// Opens so many TCP connections.
    pub fn connecting(mut self, to: SocketAddr, count: usize) -> io::Result<Self> {
        for _ in 0..count {
            self.adopt(TcpStream::connect(to)?)?;
        }
        Ok(self)
    }

    /// Where the UDP socket is, or the listener, or the first connection.
    pub fn address(&self) -> Option<SocketAddr> {
        match (&self.udp, &self.listener, self.connections.first()) {
            (Some(socket), ..) => socket.local_addr().ok(),
            (None, Some(listener), _) => listener.local_addr().ok(),
            (None, None, Some(connection)) => connection.stream.local_addr().ok(),
            (None, None, None) => None,
        }
    }

    /// The epoll that is readable when something waits.
    pub fn waits(&self) -> &Epoll {
        &self.epoll
    }

    fn accept(&mut self) {
        let accepted = self.listener.as_ref().and_then(|listener| listener.accept().ok());
        if let Some((stream, _)) = accepted {
            // One that can't be taken is closed, which the other side sees.
            let _ = self.adopt(stream);
        }
    }

    fn adopt(&mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let token = self.connections.len() as u64;
        self.epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, token))?;
        let (received, waiting) = (Vec::new(), Vec::new());
        self.connections.push(Connection { stream, received, begin: 0, waiting });
        Ok(())
    }

    /// The next message, copied into `into`.
    pub fn next(&mut self, into: &mut Vec<u8>) -> Option<Peer> {
        if let Some(socket) = &self.udp
            && let Ok((len, from)) = socket.recv_from(&mut self.scratch)
        {
            into.clear();
            into.extend_from_slice(&self.scratch[..len]);
            return Some(Peer::Udp(from));
        }
        while let Some(&index) = self.ready.front() {
            if self.connections[index].take(into) {
                return Some(Peer::Tcp(index));
            }
            self.ready.pop_front();
        }
        None
    }

    /// Looks what came by TCP.
    pub fn look(&mut self) {
        if self.connections.is_empty() && self.listener.is_none() {
            return;
        }
        let mut events = [EpollEvent::empty(); 64];
        let count = self.epoll.wait(&mut events, EpollTimeout::ZERO).unwrap_or(0);
        for event in &events[..count] {
            match event.data() {
                UDP => {}
                LISTENER => self.accept(),
                index => {
                    let index = index as usize;
                    if self.connections[index].read(&mut self.scratch) {
                        self.ready.push_back(index);
                    } else {
                        // Closed by the other side: it is not asked again.
                        let _ = self.epoll.delete(&self.connections[index].stream);
                    }
                }
            }
        }
    }

    /// Sends one message; by TCP at the next `flush`.
    pub fn send(&mut self, to: Peer, bytes: &[u8]) {
        // A datagram that the kernel does not take is lost, as on a network: it is counted by who waits.
        match (to, &self.udp) {
            (Peer::Udp(to), Some(socket)) => drop(socket.send_to(bytes, to)),
            (Peer::Connected, Some(socket)) => drop(socket.send(bytes)),
            (Peer::Tcp(index), _) => {
                let waiting = &mut self.connections[index].waiting;
                if waiting.is_empty() {
                    self.unsent.push(index);
                }
                waiting.extend_from_slice(bytes);
            }
            (_, None) => {}
        }
    }

    /// Writes what waits.
    pub fn flush(&mut self) {
        let connections = &mut self.connections;
        self.unsent.retain(|index| connections[*index].write());
    }
}

impl Connection {
    fn read(&mut self, scratch: &mut [u8]) -> bool {
        match self.stream.read(scratch) {
            Ok(0) => false,
            Ok(len) => {
                self.received.drain(..self.begin);
                self.begin = 0;
                self.received.extend_from_slice(&scratch[..len]);
                true
            }
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        }
    }

    fn take(&mut self, into: &mut Vec<u8>) -> bool {
        let rest = &self.received[self.begin..];
        let Some(len) = whole(rest) else { return false };
        into.clear();
        into.extend_from_slice(&rest[..len]);
        self.begin += len;
        true
    }

    /// True when something is left.
    fn write(&mut self) -> bool {
        match self.stream.write(&self.waiting) {
            Ok(len) if len == self.waiting.len() => self.waiting.clear(),
            Ok(len) => drop(self.waiting.drain(..len)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // The connection is gone, and what was on it is lost.
            Err(_) => self.waiting.clear(),
        }
        !self.waiting.is_empty()
    }
}

/// The length of the first message, once it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = memmem::find(bytes, b"\r\n\r\n")? + 4;
    let name = b"Content-Length:";
    let at = memmem::find(&bytes[..head], name)? + name.len();
    let digits = bytes[at..head].iter().skip_while(|byte| **byte == b' ');
    let body = digits
        .take_while(|byte| byte.is_ascii_digit())
        .fold(0, |sum, byte| sum * 10 + usize::from(byte - b'0'));
    (bytes.len() >= head + body).then_some(head + body)
}
