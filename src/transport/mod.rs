//! Bytes to whole messages and back: UDP and TCP sockets, flows, the threads that serve them.
//! It knows where a message came from and how to send one; it refuses to know what a message asks
//! for, who may have it, and anything about licenses.

use std::net::{IpAddr, SocketAddr};

use crate::clock::Now;
use crate::sip;

mod bind;
mod codec;
mod connections;
mod deliver;
mod discard;
mod each;
mod line;
mod link;
mod outbox;
mod settings;
mod tcp;
mod together;
mod udp;
mod worker;

pub use bind::{Addresses, Bound, Workers, address_facing, bind};
pub use discard::{Discard, Discards};
pub use outbox::Outbox;
pub use settings::{Limits, Settings, UpstreamSettings};

/// Which of our two faces a socket belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// `[listen]`: what devices reach.
    Device,
    /// `[upstream] bind` and the workers' own sockets: what the upstream reaches.
    Upstream,
}

/// How a message travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// One datagram, one message.
    Udp,
    /// A stream, cut by Content-Length.
    Tcp,
}

/// The serial of a TCP connection; never used twice by one process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(pub u64);

/// Where a message came from and where it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The face it arrived at.
    pub side: Side,
    /// How it travelled.
    pub protocol: Protocol,
    /// The peer's address and port.
    pub remote: SocketAddr,
    /// The address and port that the message was sent to, by PKTINFO; never a wildcard where that
    /// is known.
    pub local: SocketAddr,
    /// Which entry of the protocol's `[listen]` list; 0 on the upstream side.
    pub socket: u16,
    /// The connection, where there is one.
    pub connection: Option<ConnectionId>,
}

/// A datagram, or a whole message from a stream, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Received<'a> {
    /// A datagram may hold anything.
    pub bytes: &'a [u8],
    /// Where it came from.
    pub source: Source,
}

/// How to reach the upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UpstreamTarget {
    /// From the worker's own connected UDP socket: the answer comes back to this worker.
    Udp,
    /// From the UDP socket at `[upstream] bind`.
    UdpFromBind,
    /// By the worker's kept TCP connection, opened when needed.
    Tcp,
}

/// Where a message is to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Destination {
    /// To a device by UDP.
    Datagram {
        /// Which entry of `listen_udp` it leaves from.
        socket: u16,
        /// The local address it leaves from; `None`: the kernel chooses.
        from: Option<IpAddr>,
        /// The device.
        to: SocketAddr,
    },
    /// By an existing TCP connection of either side.
    Connection(ConnectionId),
    /// To the upstream.
    Upstream(UpstreamTarget),
    /// From the UDP socket at `[upstream] bind` to any address, such as a response to a request
    /// of the upstream.
    UpstreamDatagram {
        /// The receiver.
        to: SocketAddr,
    },
}

/// What the owner of the sockets is told. Every method is called on a worker's thread and must
/// never block; what it pushes into the [`Outbox`] is sent when it returns.
pub trait Handler: Send + Sync + 'static {
    /// A datagram, or a whole message from a stream. A datagram may hold anything.
    fn message(&self, bytes: &[u8], source: &Source, now: Now, out: &mut Outbox);

    /// Messages that came together, in their order: the same as one [`Self::message`] after the other.
    fn messages(&self, turn: &[Received<'_>], now: Now, out: &mut Outbox) {
        turn.iter().for_each(|one| self.message(one.bytes, &one.source, now, out));
    }

    /// Bytes on a stream that can't become a message; the connection is closed after the outbox
    /// has been written. `bytes` begins where the message would have begun and may be cut.
    fn fault(&self, bytes: &[u8], fault: sip::Fault, source: &Source, now: Now, out: &mut Outbox);

    /// A connection ended, whoever ended it.
    fn closed(&self, connection: ConnectionId, side: Side, now: Now);

    /// A message that could not be handed to the network: connection gone, queue full, no such
    /// socket. What is pushed from here and fails too is only counted.
    fn undelivered(&self, bytes: &[u8], to: &Destination, now: Now, out: &mut Outbox);

    /// Time passes: about every 20 ms on worker 0, every 100 ms where nothing came to it for a second,
    /// and once a second on every other.
    fn tick(&self, worker: usize, now: Now, out: &mut Outbox);
}
