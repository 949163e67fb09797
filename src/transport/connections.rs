//! Every TCP connection of every worker, by serial: who may open one, and the bounded queue through
//! which anybody writes to it. Only the owner of a connection touches its socket.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio_util::bytes::Bytes;

use super::line::{TOGETHER, Writing};
use super::{ConnectionId, Destination, Discard, Limits};

/// A message that waits to be written, and what it was addressed to.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) bytes: Bytes,
    pub(super) to: Destination,
}

/// When no further message is taken out of a queue to be written together with others.
const TOGETHER_BYTES: usize = 65_536;

/// The bytes in a connection's queue. Relaxed throughout: they bound memory and order nothing.
#[derive(Debug, Default)]
pub(super) struct Waiting(AtomicUsize);

impl Waiting {
    /// Whether there are any. Who queued a message, or was woken for it, does not miss it.
    pub(super) fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }

    /// Adds some; gives how many there were.
    fn add(&self, bytes: usize) -> usize {
        self.0.fetch_add(bytes, Ordering::Relaxed)
    }

    fn take(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The sending end of a connection's queue.
#[derive(Debug)]
struct Flow {
    queue: mpsc::Sender<Outgoing>,
    waiting: Arc<Waiting>,
    overrun: Arc<Notify>,
}

/// The owner's end: what to write, and whether more came than fits.
#[derive(Debug)]
pub(super) struct Owned {
    pub(super) id: ConnectionId,
    overrun: Arc<Notify>,
    pub(super) waiting: Arc<Waiting>,
    queue: mpsc::Receiver<Outgoing>,
    connections: Arc<Connections>,
}

impl Owned {
    /// Forgets an overrun that has been written off meanwhile.
    pub(super) async fn forgive(&self) {
        if self.queue.is_empty() {
            tokio::select! {
                biased;
                () = self.overrun.notified() => {}
                () = std::future::ready(()) => {}
            }
        }
    }

    /// The next messages; waits for one. `false` never comes while the connection is listed.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>, into: &mut Writing) -> Poll<bool> {
        let Some(first) = ready!(self.queue.poll_recv(cx)) else { return Poll::Ready(false) };
        let (mut bytes, mut count) = (first.bytes.len(), 1);
        into.add(first);
        while count < TOGETHER
            && bytes < TOGETHER_BYTES
            && let Ok(next) = self.queue.try_recv()
        {
            bytes += next.bytes.len();
            count += 1;
            into.add(next);
        }
        self.waiting.take(bytes);
        self.connections.buffered.fetch_sub(bytes, Ordering::Relaxed);
        Poll::Ready(true)
    }

    /// Returns when the queue was found full since it was last empty.
    pub(super) async fn overrun(&self) {
        self.overrun.notified().await;
    }

    /// What still waits once nobody can add to it.
    pub(super) fn rest(&mut self) -> Vec<Outgoing> {
        self.queue.close();
        let rest: Vec<Outgoing> = std::iter::from_fn(|| self.queue.try_recv().ok()).collect();
        let bytes = rest.iter().map(|outgoing| outgoing.bytes.len()).sum();
        self.connections.buffered.fetch_sub(bytes, Ordering::Relaxed);
        rest
    }
}

/// The buffer of a message that is not whole yet, counted among what all connections hold.
#[derive(Debug)]
pub(super) struct Held {
    connections: Arc<Connections>,
    bytes: usize,
}

impl Held {
    /// Says how large the buffer is now.
    pub(super) fn set(&mut self, bytes: usize) -> Result<(), Discard> {
        let buffered = &self.connections.buffered;
        buffered.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
        let others = buffered.fetch_add(bytes, Ordering::Relaxed);
        let most = self.connections.limits.buffered_bytes;
        if bytes > 0 && others.saturating_add(bytes) > most { Err(Discard::Memory) } else { Ok(()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.connections.buffered.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// A place among the connections; dropping it gives the place back.
#[derive(Debug)]
pub(super) struct Place {
    connections: Arc<Connections>,
    ip: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.connections.leave(self.ip);
    }
}

/// The table of connections.
#[derive(Debug)]
pub(super) struct Connections {
    flows: DashMap<ConnectionId, Flow, foldhash::fast::RandomState>,
    per_source: DashMap<IpAddr, usize, foldhash::fast::RandomState>,
    open: AtomicUsize,
    next: AtomicU64,
    /// Bytes that wait in queues and bytes of messages that are not whole yet. Relaxed throughout:
    /// it bounds memory and orders nothing.
    buffered: AtomicUsize,
    limits: Limits,
}

impl Connections {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            flows: DashMap::default(),
            per_source: DashMap::default(),
            open: AtomicUsize::new(0),
            next: AtomicU64::new(1),
            buffered: AtomicUsize::new(0),
            limits,
        }
    }

    /// A place for one more accepted connection from `ip`.
    pub(super) fn enter(self: &Arc<Self>, ip: IpAddr) -> Result<Place, Discard> {
        // Relaxed: only the count itself matters; an overshoot takes itself back.
        if self.open.fetch_add(1, Ordering::Relaxed) >= self.limits.connections {
            self.open.fetch_sub(1, Ordering::Relaxed);
            return Err(Discard::ConnectionLimit);
        }
        let mut of_source = self.per_source.entry(ip).or_insert(0);
        *of_source += 1;
        let over = *of_source > self.limits.connections_per_source;
        drop(of_source); // the place below locks the same shard when it is dropped
        let place = Place { connections: Arc::clone(self), ip };
        if over { Err(Discard::SourceLimit) } else { Ok(place) }
    }

    fn leave(&self, ip: IpAddr) {
        self.open.fetch_sub(1, Ordering::Relaxed);
        if let Entry::Occupied(mut of_source) = self.per_source.entry(ip) {
            if *of_source.get() <= 1 {
                of_source.remove();
            } else {
                *of_source.get_mut() -= 1;
            }
        }
    }

    /// Lists a new connection under a serial of its own.
    pub(super) fn open(self: &Arc<Self>) -> Owned {
        let id = ConnectionId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = mpsc::channel(self.limits.queue_messages.max(1));
        let waiting = Arc::new(Waiting::default());
        let overrun = Arc::new(Notify::new());
        let flow =
            Flow { queue: sender, waiting: Arc::clone(&waiting), overrun: Arc::clone(&overrun) };
        self.flows.insert(id, flow);
        let connections = Arc::clone(self);
        Owned { id, overrun, waiting, queue: receiver, connections }
    }

    /// An account for one connection's buffer.
    pub(super) fn hold(self: &Arc<Self>) -> Held {
        Held { connections: Arc::clone(self), bytes: 0 }
    }

    /// Takes a connection off the list: nothing more can be queued.
    pub(super) fn close(&self, id: ConnectionId) {
        self.flows.remove(&id);
    }

    /// Queues a message. Where the queue is full and the socket takes nothing, the peer does not read
    /// and its connection ends.
    pub(super) fn send(
        &self,
        id: ConnectionId,
        to: Destination,
        bytes: &[u8],
    ) -> Result<(), Discard> {
        let flow = self.flows.get(&id).ok_or(Discard::ConnectionGone)?;
        let waiting = flow.waiting.add(bytes.len());
        let others = self.buffered.fetch_add(bytes.len(), Ordering::Relaxed);
        let queued = if waiting > 0 && waiting + bytes.len() > self.limits.queue_bytes {
            Err(Discard::SlowReader)
        } else if others.saturating_add(bytes.len()) > self.limits.buffered_bytes {
            Err(Discard::Memory)
        } else {
            let outgoing = Outgoing { bytes: Bytes::copy_from_slice(bytes), to };
            flow.queue.try_send(outgoing).map_err(|error| match error {
                TrySendError::Full(_) => Discard::SlowReader,
                TrySendError::Closed(_) => Discard::ConnectionGone,
            })
        };
        if let Err(reason) = queued {
            flow.waiting.take(bytes.len());
            self.buffered.fetch_sub(bytes.len(), Ordering::Relaxed);
            if reason == Discard::SlowReader {
                flow.overrun.notify_one();
            }
        }
        queued
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);
    const THERE: IpAddr = IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);

    fn connections(limits: Limits) -> Arc<Connections> {
        Arc::new(Connections::new(limits))
    }

    fn to(owned: &Owned) -> Destination {
        Destination::Connection(owned.id)
    }

    #[test]
    fn places_are_bounded_for_all_and_for_each_source_and_come_back() {
        let table =
            connections(Limits { connections: 3, connections_per_source: 2, ..Limits::default() });

        let first = table.enter(HERE).unwrap();
        let _second = table.enter(HERE).unwrap();
        assert_eq!(table.enter(HERE).unwrap_err(), Discard::SourceLimit);
        let _third = table.enter(THERE).unwrap();
        assert_eq!(table.enter(THERE).unwrap_err(), Discard::ConnectionLimit);
        drop(first);

        assert!(table.enter(HERE).is_ok());
        assert_eq!(table.open.load(Ordering::Relaxed), 2);
        assert_eq!(table.per_source.len(), 2);
    }

    #[tokio::test]
    async fn a_full_queue_takes_nothing_and_tells_the_owner() {
        let table = connections(Limits { queue_bytes: 10, ..Limits::default() });
        let mut owned = table.open();

        assert_eq!(table.send(owned.id, to(&owned), b"123456"), Ok(()));
        assert_eq!(table.send(owned.id, to(&owned), b"123456"), Err(Discard::SlowReader));

        owned.overrun().await;
        assert_eq!(owned.rest().len(), 1);
    }

    #[test]
    fn a_message_larger_than_the_queue_goes_alone() {
        let table = connections(Limits { queue_bytes: 10, ..Limits::default() });
        let owned = table.open();

        assert_eq!(table.send(owned.id, to(&owned), &[b'x'; 100]), Ok(()));
    }

    #[test]
    fn a_closed_connection_takes_nothing_and_its_serial_is_not_used_again() {
        let table = connections(Limits::default());
        let first = table.open();
        table.close(first.id);

        assert_eq!(table.send(first.id, to(&first), b"x"), Err(Discard::ConnectionGone));
        assert!(table.open().id > first.id);
    }

    #[test]
    fn what_all_hold_together_is_bounded_and_comes_back() {
        let table = connections(Limits { buffered_bytes: 100, ..Limits::default() });
        let (mut first, second) = (table.open(), table.open());
        let mut held = table.hold();

        assert_eq!(table.send(first.id, to(&first), &[b'x'; 60]), Ok(()));
        assert_eq!(table.send(second.id, to(&second), &[b'x'; 60]), Err(Discard::Memory));
        assert_eq!(held.set(40), Ok(()));
        assert_eq!(held.set(41), Err(Discard::Memory));
        drop(held);
        assert_eq!(first.rest().len(), 1);

        assert_eq!(table.buffered.load(Ordering::Relaxed), 0);
    }
}
