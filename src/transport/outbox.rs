//! What a handler wants sent: one buffer and one list, reused by the worker from call to call. It
//! refuses to know sockets.

use std::ops::Range;

use super::Destination;

/// Messages waiting to be sent when the handler returns, in order.
#[derive(Debug, Default)]
pub struct Outbox {
    worker: usize,
    bytes: Vec<u8>,
    entries: Vec<(Destination, Range<usize>)>,
}

/// What the buffer keeps between calls; a burst above it is given back to the allocator.
const KEPT_BYTES: usize = 256 * 1024;

impl Outbox {
    /// An empty outbox of one worker.
    pub fn new(worker: usize) -> Self {
        Self { worker, ..Self::default() }
    }

    /// The worker that will send this.
    pub fn worker(&self) -> usize {
        self.worker
    }

    /// Adds a copy of a message.
    pub fn push(&mut self, to: Destination, message: &[u8]) {
        self.write(to, |bytes| bytes.extend_from_slice(message));
    }

    /// Adds the message that `compose` appends to the buffer; nothing when it appends nothing.
    pub fn write(&mut self, to: Destination, compose: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        compose(&mut self.bytes);
        let end = self.bytes.len();
        if end > start {
            self.entries.push((to, start..end));
        }
    }

    /// The waiting messages, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Destination, &[u8])> {
        self.entries
            .iter()
            .map(|(to, range)| (to, self.bytes.get(range.clone()).unwrap_or_default()))
    }

    /// One of the waiting messages, by its place among them.
    pub(super) fn get(&self, place: usize) -> Option<(&Destination, &[u8])> {
        let (to, range) = self.entries.get(place)?;
        Some((to, self.bytes.get(range.clone())?))
    }

    /// The bytes of all waiting messages.
    pub(super) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Forgets what waits and keeps the buffers.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.entries.clear();
        if self.bytes.capacity() > KEPT_BYTES {
            self.bytes.shrink_to(KEPT_BYTES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{ConnectionId, UpstreamTarget};

    const UPSTREAM: Destination = Destination::Upstream(UpstreamTarget::Udp);

    #[test]
    fn messages_come_out_in_the_order_they_went_in() {
        let mut out = Outbox::new(3);

        out.push(UPSTREAM, b"one");
        out.write(Destination::Connection(ConnectionId(7)), |bytes| bytes.extend(b"two"));

        let got: Vec<_> = out.iter().map(|(to, bytes)| (*to, bytes.to_vec())).collect();
        assert_eq!(out.worker(), 3);
        assert_eq!(
            got,
            [
                (UPSTREAM, b"one".to_vec()),
                (Destination::Connection(ConnectionId(7)), b"two".to_vec())
            ]
        );
    }

    #[test]
    fn an_empty_message_is_none() {
        let mut out = Outbox::new(0);

        out.write(UPSTREAM, |_| {});

        assert!(out.is_empty());
    }

    #[test]
    fn a_burst_does_not_keep_its_memory() {
        let mut out = Outbox::new(0);

        out.push(UPSTREAM, &vec![b'x'; 2 * KEPT_BYTES]);
        out.clear();

        assert!(out.is_empty() && out.bytes.capacity() <= KEPT_BYTES);
    }
}
