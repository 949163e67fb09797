//! A daemon made of nothing but the transport, and a handler that records what it is told.

use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use admitd::clock::{Clock, Now};
use admitd::sip::Fault;
use admitd::transport::{
    Addresses, ConnectionId, Destination, Discards, Handler, Outbox, Settings, Side, Source,
    UpstreamSettings, Workers, bind,
};
use tokio_util::sync::CancellationToken;

pub const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Message { worker: usize, bytes: Vec<u8>, source: Source },
    Fault(Fault),
    Closed(ConnectionId, Side),
    Undelivered(Vec<u8>, Destination),
}

type Answer = dyn Fn(&[u8], &Source, &mut Outbox) + Send + Sync;

struct Recorder {
    events: Mutex<Sender<Event>>,
    ticks: Mutex<Vec<(usize, u64)>>,
    answer: Box<Answer>,
}

impl Recorder {
    fn record(&self, event: Event) {
        let _ = self.events.lock().unwrap().send(event);
    }
}

impl Handler for Recorder {
    fn message(&self, bytes: &[u8], source: &Source, _: Now, out: &mut Outbox) {
        (self.answer)(bytes, source, out);
        let (worker, bytes) = (out.worker(), bytes.to_vec());
        self.record(Event::Message { worker, bytes, source: *source });
    }

    fn fault(&self, _: &[u8], fault: Fault, source: &Source, _: Now, out: &mut Outbox) {
        if let Some(connection) = source.connection {
            out.push(Destination::Connection(connection), b"SIP/2.0 400 Bad Request\r\n\r\n");
        }
        self.record(Event::Fault(fault));
    }

    fn closed(&self, connection: ConnectionId, side: Side, _: Now) {
        self.record(Event::Closed(connection, side));
    }

    fn undelivered(&self, bytes: &[u8], to: &Destination, _: Now, out: &mut Outbox) {
        // Goes nowhere either: must end here.
        out.push(*to, bytes);
        self.record(Event::Undelivered(bytes.to_vec(), *to));
    }

    fn tick(&self, worker: usize, now: Now, _: &mut Outbox) {
        self.ticks.lock().unwrap().push((worker, now.mono_ms));
    }
}

pub struct Daemon {
    pub addresses: Addresses,
    pub discards: Arc<Discards>,
    recorder: Arc<Recorder>,
    events: Receiver<Event>,
    shutdown: CancellationToken,
    workers: Option<Workers>,
}

impl Daemon {
    pub fn start(
        settings: Settings,
        answer: impl Fn(&[u8], &Source, &mut Outbox) + Send + Sync + 'static,
    ) -> Self {
        let (sender, events) = channel();
        let recorder = Arc::new(Recorder {
            events: Mutex::new(sender),
            ticks: Mutex::default(),
            answer: Box::new(answer),
        });
        let bound = bind(settings).unwrap();
        let addresses = bound.addresses().clone();
        let discards = bound.discards();
        let shutdown = CancellationToken::new();
        let handler: Arc<dyn Handler> = Arc::clone(&recorder) as _;
        let workers = Some(bound.run(handler, Clock::start(), shutdown.clone()).unwrap());
        Self { addresses, discards, recorder, events, shutdown, workers }
    }

    pub fn event(&self) -> Event {
        self.events.recv_timeout(PATIENCE).expect("an event in time")
    }

    pub fn no_event_for(&self, time: Duration) {
        if let Ok(event) = self.events.recv_timeout(time) {
            panic!("unexpected: {event:?}");
        }
    }

    pub fn ticks_of(&self, worker: usize) -> Vec<u64> {
        let ticks = self.recorder.ticks.lock().unwrap();
        ticks.iter().filter(|tick| tick.0 == worker).map(|tick| tick.1).collect()
    }

    pub fn stop(self) {
        self.shutdown.cancel();
        self.wait().unwrap();
    }

    /// Waits for the workers to end by themselves.
    pub fn wait(mut self) -> std::io::Result<()> {
        self.workers.take().unwrap().join()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

pub fn on(ip: &str) -> Vec<SocketAddr> {
    vec![address(ip, 0)]
}

pub fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().unwrap(), port)
}

pub fn udp(ip: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address(ip, 0)).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
    let mut bytes = vec![0; 65_536];
    let (len, from) = socket.recv_from(&mut bytes).expect("a datagram in time");
    bytes.truncate(len);
    (bytes, from)
}

pub fn upstream(address: SocketAddr) -> Option<UpstreamSettings> {
    let bind = SocketAddr::new(address.ip(), 0);
    Some(UpstreamSettings { address, bind, ports: vec![] })
}

/// Sends everything back to where it came from, from where it went to.
pub fn echo(bytes: &[u8], source: &Source, out: &mut Outbox) {
    out.push(back(source), bytes);
}

pub fn back(source: &Source) -> Destination {
    match (source.connection, source.side) {
        (Some(connection), _) => Destination::Connection(connection),
        (None, Side::Upstream) => Destination::UpstreamDatagram { to: source.remote },
        (None, Side::Device) => Destination::Datagram {
            socket: source.socket,
            from: Some(source.local.ip()),
            to: source.remote,
        },
    }
}

/// A device's TCP connection.
pub fn tcp(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(to).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// A message that a stream can carry.
pub fn message(body: &str) -> Vec<u8> {
    let length = body.len();
    format!("OPTIONS sip:a@b SIP/2.0\r\nContent-Length: {length}\r\n\r\n{body}").into_bytes()
}

/// Reads exactly `expected`.
pub fn expect(stream: &mut TcpStream, expected: &[u8]) {
    let mut got = vec![0; expected.len()];
    stream.read_exact(&mut got).expect("bytes in time");
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(expected));
}

/// Reads to the end of the stream; a reset ends it too.
pub fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let (mut got, mut piece) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut piece) {
            Ok(0) => return got,
            Ok(len) => got.extend_from_slice(&piece[..len]),
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return got,
            Err(error) => panic!("the stream does not end: {error}"),
        }
    }
}
