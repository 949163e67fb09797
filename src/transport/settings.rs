//! What the sockets are opened with. Addresses are resolved; it refuses to know configuration files
//! and names.

use std::net::SocketAddr;
use std::time::Duration;

use crate::sip;

/// Everything [`super::bind`] needs.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Device-side UDP addresses; port 0 takes a free one.
    pub listen_udp: Vec<SocketAddr>,
    /// Device-side TCP addresses; port 0 takes a free one.
    pub listen_tcp: Vec<SocketAddr>,
    /// Worker threads; 0 counts as 1.
    pub workers: usize,
    /// The registrar behind us; `None` with the built-in one.
    pub upstream: Option<UpstreamSettings>,
    /// Bounds.
    pub limits: Limits,
}

/// The upstream and the sockets that it reaches us by.
#[derive(Clone, Debug)]
pub struct UpstreamSettings {
    /// The upstream.
    pub address: SocketAddr,
    /// Where it sends requests to us, by UDP and by TCP; port 0 takes a free one.
    pub bind: SocketAddr,
    /// UDP ports for the workers' own sockets, by worker, as reported by an earlier start; what is
    /// taken or missing becomes the next free port above `bind`.
    pub ports: Vec<u16>,
}

/// Bounds on what peers can make us hold.
#[derive(Clone, Debug)]
pub struct Limits {
    /// TCP connections in all.
    pub connections: usize,
    /// TCP connections of one source address.
    pub connections_per_source: usize,
    /// One message on a stream.
    pub message: sip::Limits,
    /// A TCP connection on which nothing, not even a keep-alive, came for so long is closed.
    pub idle: Duration,
    /// A message on a stream is whole within this time of its first byte, or the connection is
    /// closed.
    pub partial: Duration,
    /// Messages waiting to be written to one TCP connection.
    pub queue_messages: usize,
    /// Bytes waiting to be written to one TCP connection.
    pub queue_bytes: usize,
    /// Bytes that all TCP connections together may have waiting, to be written or to become whole.
    pub buffered_bytes: usize,
    /// Time to connect to the upstream by TCP.
    pub connect: Duration,
    /// The shortest and the longest pause after a failed connection to the upstream.
    pub back_off: (Duration, Duration),
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 20_000,
            connections_per_source: 2_000,
            message: sip::Limits::default(),
            idle: Duration::from_secs(3600),
            partial: Duration::from_secs(30),
            queue_messages: 256,
            queue_bytes: 256 * 1024,
            buffered_bytes: 256 * 1024 * 1024,
            connect: Duration::from_secs(4),
            back_off: (Duration::from_millis(250), Duration::from_secs(8)),
        }
    }
}
