//! One worker: its sockets, its runtime, the calls into the handler, and the delivery of what the
//! handler wants sent. Nothing here waits for another worker. It refuses to know messages.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use quinn_udp::UdpSocketState;
use smallvec::SmallVec;
use tokio::net::TcpListener;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::connections::Connections;
use super::deliver;
use super::line::Line;
use super::link::Link;
use super::together::Together;
use super::udp::{Batch, Datagrams, is_keep_alive};
use super::{ConnectionId, Discard, Discards, Handler, Outbox, Received, Settings, Side, tcp};
use crate::clock::{Clock, Now};

/// What all workers share.
pub(super) struct Shared {
    pub(super) settings: Settings,
    pub(super) discards: Arc<Discards>,
    pub(super) handler: Arc<dyn Handler>,
    pub(super) clock: Clock,
    pub(super) connections: Arc<Connections>,
}

impl Shared {
    pub(super) fn new(
        settings: Settings,
        discards: Arc<Discards>,
        handler: Arc<dyn Handler>,
        clock: Clock,
    ) -> Self {
        let connections = Arc::new(Connections::new(settings.limits.clone()));
        Self { settings, discards, handler, clock, connections }
    }
}

/// The sockets of one worker, registered with its runtime.
pub(super) struct Sockets {
    pub(super) udp: Vec<Datagrams>,
    tcp: Vec<TcpListener>,
    pub(super) bind_udp: Option<Datagrams>,
    bind_tcp: Option<TcpListener>,
    pub(super) own: Option<Datagrams>,
}

impl Sockets {
    /// Needs the worker's runtime to be entered.
    pub(super) fn new(
        udp: Vec<std::net::UdpSocket>,
        tcp: Vec<std::net::TcpListener>,
        bind_udp: Option<std::net::UdpSocket>,
        bind_tcp: Option<std::net::TcpListener>,
        own: Option<std::net::UdpSocket>,
    ) -> io::Result<Self> {
        let device = (0u16..).zip(udp);
        let upstream = |socket| Datagrams::new(socket, Side::Upstream, 0);
        Ok(Self {
            udp: device
                .map(|(index, socket)| Datagrams::new(socket, Side::Device, index))
                .collect::<io::Result<_>>()?,
            tcp: tcp.into_iter().map(TcpListener::from_std).collect::<io::Result<_>>()?,
            bind_udp: bind_udp.map(upstream).transpose()?,
            bind_tcp: bind_tcp.map(TcpListener::from_std).transpose()?,
            own: own.map(upstream).transpose()?,
        })
    }

    /// Every datagram socket, the upstream's first.
    fn datagrams(&self) -> impl Iterator<Item = &Datagrams> {
        self.own.iter().chain(&self.bind_udp).chain(&self.udp)
    }
}

/// One worker; lives on one thread.
pub(super) struct Worker {
    pub(super) index: usize,
    pub(super) shared: Arc<Shared>,
    pub(super) shutdown: CancellationToken,
    /// The tasks of its connections.
    pub(super) tasks: TaskTracker,
    /// Its connections.
    pub(super) lines: RefCell<HashMap<ConnectionId, Rc<Line>, foldhash::fast::RandomState>>,
    /// Its connection to the upstream.
    pub(super) link: RefCell<Link>,
    pub(super) sockets: Sockets,
    /// How datagrams to the upstream leave.
    pub(super) together: Together,
    pub(super) io: UdpSocketState,
    /// How often the handler was called.
    pub(super) calls: Cell<u64>,
    /// What the handler wants sent and is not delivered yet.
    pub(super) outbox: Cell<Option<Outbox>>,
    /// Who delivers when everything that is ready has had its turn, while there is nothing to deliver.
    pub(super) postman: Cell<Option<Waker>>,
    /// What connections are read into, while none is.
    rooms: RefCell<Vec<Vec<u8>>>,
}

/// Serves until the token is cancelled; the body of a worker's thread.
pub(super) fn run(
    runtime: &tokio::runtime::Runtime,
    index: usize,
    sockets: Sockets,
    shared: Arc<Shared>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let worker = Rc::new(Worker {
        index,
        shared,
        // One of its own: connections look at it for every message.
        shutdown: shutdown.child_token(),
        tasks: TaskTracker::new(),
        lines: RefCell::default(),
        link: RefCell::new(Link::Idle),
        together: Together::new(sockets.own.as_ref()),
        sockets,
        io: plain_io()?,
        calls: Cell::new(0),
        outbox: Cell::new(None),
        postman: Cell::new(None),
        rooms: RefCell::default(),
    });
    LocalSet::new().block_on(runtime, serve(worker));
    Ok(())
}

async fn serve(worker: Rc<Worker>) {
    const PATIENCE: Duration = Duration::from_secs(2);
    let device = (0u16..).zip(&worker.sockets.tcp).map(|(index, _)| (Side::Device, index));
    let upstream = worker.sockets.bind_tcp.iter().map(|_| (Side::Upstream, 0));
    let mut aside: Vec<_> = device
        .chain(upstream)
        .map(|(side, index)| tokio::task::spawn_local(tcp::accept(Rc::clone(&worker), side, index)))
        .collect();
    aside.push(tokio::task::spawn_local(deliver::in_turn(Rc::clone(&worker))));
    tokio::select! {
        () = worker.serve_datagrams() => {}
        () = worker.tick() => {}
        () = worker.shutdown.cancelled() => {}
    }
    aside.iter().for_each(tokio::task::JoinHandle::abort);
    worker.tasks.close();
    // Each connection gives its peer a moment of its own; this is for one that does not end.
    let _ = timeout(PATIENCE, worker.tasks.wait()).await;
}

/// The batching calls of quinn-udp without the options that it sets for QUIC. It forbids the IP
/// layer to fragment, and a SIP message over UDP is often longer than an MTU; so the options go to
/// a socket that is thrown away, and ours have only those set that we chose.
fn plain_io() -> io::Result<UdpSocketState> {
    let unused = std::net::UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0))?;
    UdpSocketState::new((&unused).into())
}

/// Datagrams that are handled together: it saves time, and waiting for one another costs it.
#[derive(Default)]
struct Turn<'a> {
    messages: SmallVec<[Received<'a>; TURN]>,
    bytes: usize,
}

const TURN: usize = 16;
/// No more than this at once: what comes of them waits in one buffer.
const TURN_BYTES: usize = 65_536;

impl<'a> Turn<'a> {
    /// Adds one; whether it is the last.
    fn is_full_with(&mut self, one: Received<'a>) -> bool {
        self.bytes += one.bytes.len();
        self.messages.push(one);
        self.messages.len() == TURN || self.bytes >= TURN_BYTES
    }
}

/// What one look at a socket found.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Found {
    Nothing,
    Datagrams,
    Error,
}

impl Worker {
    pub(super) fn now(&self) -> Now {
        self.shared.clock.now()
    }

    /// A listening socket, by its place in the list of its side.
    pub(super) fn listener(&self, side: Side, index: u16) -> Option<&TcpListener> {
        match side {
            Side::Device => self.sockets.tcp.get(usize::from(index)),
            Side::Upstream => self.sockets.bind_tcp.as_ref(),
        }
    }

    /// Receives for ever. Upstream sockets are drained first: an answer frees what new requests
    /// would take.
    async fn serve_datagrams(self: &Rc<Self>) {
        const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(10);
        /// Looks at all sockets in a row before connections, ticks and timers have their turn: a turn
        /// of the runtime costs as much as several datagrams.
        const LOOKS: usize = 4;
        let mut batch = Batch::new();
        let mut looks = 0;
        loop {
            match self.look(&mut batch) {
                Found::Datagrams if looks < LOOKS => looks += 1,
                found => {
                    looks = 0;
                    match found {
                        Found::Datagrams => tokio::task::yield_now().await,
                        Found::Error => sleep(PAUSE_AFTER_ERROR).await,
                        Found::Nothing => self.readable().await,
                    }
                }
            }
        }
    }

    /// Receives what waits, one batch from each of the devices' sockets.
    fn look(self: &Rc<Self>, batch: &mut Batch) -> Found {
        const UPSTREAM_BATCHES: usize = 8;
        let mut found = Found::Nothing;
        for socket in self.sockets.datagrams() {
            let batches = if socket.side() == Side::Upstream { UPSTREAM_BATCHES } else { 1 };
            for _ in 0..batches {
                match self.receive(socket, batch) {
                    Found::Datagrams => found = Found::Datagrams,
                    Found::Error if found == Found::Nothing => found = Found::Error,
                    Found::Nothing | Found::Error => break,
                }
            }
        }
        found
    }

    async fn readable(&self) {
        poll_fn(|cx| {
            let mut any = Poll::Pending;
            // All of them, or the ones after the first would not wake us.
            for socket in self.sockets.datagrams() {
                if socket.poll_readable(cx).is_ready() {
                    any = Poll::Ready(());
                }
            }
            any
        })
        .await;
    }

    fn receive(self: &Rc<Self>, socket: &Datagrams, batch: &mut Batch) -> Found {
        match batch.receive(socket, &self.io) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Found::Nothing,
            // Also how a connected socket reports that nobody listened to what it sent before.
            Err(_) => return Found::Error,
        }
        let now = self.now();
        let mut turn = Turn::default();
        for (bytes, source) in batch.iter(socket) {
            if is_keep_alive(bytes) {
                self.shared.discards.count(Discard::KeepAlive);
            } else if turn.is_full_with(Received { bytes, source }) {
                self.take(&mut turn, now);
            }
        }
        self.take(&mut turn, now);
        Found::Datagrams
    }

    /// Has the messages of a turn handled, and delivers what comes of them.
    fn take(self: &Rc<Self>, turn: &mut Turn<'_>, now: Now) {
        if !turn.messages.is_empty() {
            self.call(|handler, out| handler.messages(&turn.messages, now, out));
            self.deliver();
        }
        *turn = Turn::default();
    }

    /// What a connection is read into.
    pub(super) fn room(&self) -> Vec<u8> {
        const ROOM_BYTES: usize = 65_536;
        self.rooms.borrow_mut().pop().unwrap_or_else(|| vec![0; ROOM_BYTES])
    }

    /// Keeps it for the next; a few, as a connection may wait for its turn with one in hand.
    pub(super) fn give_back(&self, room: Vec<u8>) {
        const KEPT: usize = 8;
        let mut rooms = self.rooms.borrow_mut();
        if rooms.len() < KEPT {
            rooms.push(room);
        }
    }

    /// Lets time pass for the handler: at a walk once nothing came, and nothing was due, for a second.
    async fn tick(self: &Rc<Self>) {
        const QUIET_AFTER: u32 = 50;
        let (mut quiet, mut calls) = (0u32, 0);
        loop {
            let came = self.calls.get() != calls;
            let now = self.now();
            self.call(|handler, out| handler.tick(self.index, now, out));
            quiet = if came || self.has_mail() { 0 } else { quiet.saturating_add(1) };
            self.deliver();
            calls = self.calls.get();
            let period = match self.index {
                0 if quiet < QUIET_AFTER => 20,
                0 => 100,
                _ => 1000,
            };
            sleep(Duration::from_millis(period)).await;
        }
    }
}
