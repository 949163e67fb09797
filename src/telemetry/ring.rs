//! Where workers leave their refusals: bounded, without a word to the allocator, and without waking the
//! writer more than once per look of it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::license::{Cause, Holder};

/// Lines that wait for the writer; a burst beyond it is counted, not kept.
pub(super) const ROOM: usize = 1024;
/// Bytes that are kept of one field from the wire; one more than a log line shows of it.
const FIELD: usize = 129;

/// How many letters of a refusal's id people must read out.
pub const REFUSAL_ID: usize = 10;

/// The beginning of a field that came from the wire.
#[derive(Clone, Copy)]
pub struct Field {
    bytes: [u8; FIELD],
    len: u8,
}

impl Field {
    /// As much of `bytes` as is kept.
    pub fn of(bytes: &[u8]) -> Self {
        let mut kept = [0; FIELD];
        let len = bytes.len().min(FIELD);
        if let (Some(place), Some(start)) = (kept.get_mut(..len), bytes.get(..len)) {
            place.copy_from_slice(start);
        }
        Self { bytes: kept, len: u8::try_from(len).unwrap_or(u8::MAX) }
    }

    /// What was kept.
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// Why one request was refused, as a worker leaves it.
pub struct Refused {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub method: &'static str,
    /// The number it was about.
    pub number: Field,
    pub source: SocketAddr,
    pub user_agent: Field,
    pub cause: Cause,
    /// The gate that bound.
    pub gate: Option<Holder>,
    /// The id that the client was told.
    pub id: [u8; REFUSAL_ID],
}

#[derive(Default)]
struct Ring {
    waiting: Mutex<Vec<Refused>>,
    lost: AtomicU64,
    filled: Notify,
}

/// Where workers leave their lines.
#[derive(Clone)]
pub struct RefusalLog(Arc<Ring>);

/// What a writer needs of a [`RefusalLog`].
pub struct RefusalQueue(Arc<Ring>);

impl RefusalLog {
    /// A log and what its writer reads.
    pub fn new() -> (Self, RefusalQueue) {
        let ring = Arc::<Ring>::default();
        (Self(Arc::clone(&ring)), RefusalQueue(ring))
    }

    /// Leaves a line; never waits. `line` is made only where there is room for it.
    pub fn push(&self, line: impl FnOnce() -> Refused) {
        let mut waiting = self.0.waiting.lock();
        if waiting.len() >= ROOM {
            // Relaxed: a count that is read once a second.
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.push(line());
        if waiting.len() == 1 {
            drop(waiting);
            self.0.filled.notify_one();
        }
    }
}

impl Drop for RefusalLog {
    fn drop(&mut self) {
        self.0.filled.notify_one();
    }
}

impl RefusalQueue {
    /// Waits until there is something to read, or nobody who could leave it.
    pub async fn filled(&self) {
        self.0.filled.notified().await;
    }

    /// Takes what waits, in order; `lines` lends its room, which is made here, or a worker would have to
    /// make it line by line while others wait.
    pub fn take(&self, lines: &mut Vec<Refused>) {
        lines.clear();
        lines.reserve(ROOM);
        std::mem::swap(&mut *self.0.waiting.lock(), lines);
    }

    /// How many found no room since this was last asked.
    pub fn lost(&self) -> u64 {
        self.0.lost.swap(0, Ordering::Relaxed)
    }

    /// Whether nobody can leave lines any more.
    pub fn is_closed(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}
