//! What the transport gave up on, counted by reason. It refuses to know who scrapes the counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// Why something was dropped, refused or closed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Discard {
    /// A datagram of line ends or zeros, which keeps a NAT binding open and asks for nothing.
    KeepAlive,
    /// A message for a connection that is gone.
    ConnectionGone,
    /// A message for a connection whose queue is full; the connection is closed with it.
    SlowReader,
    /// A message for the upstream while it can't be reached by TCP.
    UpstreamUnreachable,
    /// A datagram that the kernel did not take.
    SendFailed,
    /// A message for a socket that does not exist.
    NoSocket,
    /// A connection above the limit for all.
    ConnectionLimit,
    /// A connection above the limit of its source address.
    SourceLimit,
    /// A connection on which nothing came for too long.
    Idle,
    /// A message on a stream that did not become whole in time.
    Partial,
    /// A stream that could not be framed.
    Fault,
    /// A message, or a half one, above what all connections together may hold.
    Memory,
    /// An error of a listening socket.
    AcceptFailed,
}

impl Discard {
    /// Every reason, in the order of the counters.
    pub const ALL: [Self; 13] = [
        Self::KeepAlive,
        Self::ConnectionGone,
        Self::SlowReader,
        Self::UpstreamUnreachable,
        Self::SendFailed,
        Self::NoSocket,
        Self::ConnectionLimit,
        Self::SourceLimit,
        Self::Idle,
        Self::Partial,
        Self::Fault,
        Self::Memory,
        Self::AcceptFailed,
    ];

    /// The counter label.
    pub fn label(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep_alive",
            Self::ConnectionGone => "connection_gone",
            Self::SlowReader => "slow_reader",
            Self::UpstreamUnreachable => "upstream_unreachable",
            Self::SendFailed => "send_failed",
            Self::NoSocket => "no_socket",
            Self::ConnectionLimit => "connection_limit",
            Self::SourceLimit => "source_limit",
            Self::Idle => "idle",
            Self::Partial => "partial_message",
            Self::Fault => "stream_fault",
            Self::Memory => "memory_limit",
            Self::AcceptFailed => "accept_failed",
        }
    }
}

/// One counter for each [`Discard`].
#[derive(Debug, Default)]
pub struct Discards([AtomicU64; Discard::ALL.len()]);

impl Discards {
    /// Counts one. Relaxed: a counter orders nothing.
    pub fn count(&self, reason: Discard) {
        if let Some(counter) = self.0.get(reason as usize) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How often it happened.
    pub fn get(&self, reason: Discard) -> u64 {
        self.0.get(reason as usize).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_a_counter_of_its_own() {
        let discards = Discards::default();

        for reason in Discard::ALL {
            discards.count(reason);
        }

        assert!(Discard::ALL.iter().all(|reason| discards.get(*reason) == 1));
    }
}
