//! Answers that wait until what they promise is on disk (`commit_before_answer`), and all that
//! leaves without a message having come: a bounded queue between other tasks and a worker.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::transport::{Destination, Outbox};

/// What waits for a worker; beyond it bindings end by their own expiry.
const MAIL_MAX: usize = 100_000;
/// How many leave at one tick of a worker: half of what waits for a connection at most, so that there is
/// room for what devices ask meanwhile.
const MAIL_AT_ONCE: usize = 128;

/// One message and where it goes.
pub type Letter = (Destination, Vec<u8>);

/// Where answers wait for the ledger; whoever receives them hands them back when they are durable.
pub type Hold = mpsc::Sender<Letter>;

/// What `write` appends, where a message has to be kept.
pub(super) fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2_048);
    write(&mut bytes);
    bytes
}

/// Messages on their way to a worker.
#[derive(Default)]
pub struct Mail {
    waiting: Mutex<VecDeque<Letter>>,
}

impl Mail {
    /// Puts one in; `false` where too many wait.
    #[must_use]
    pub fn put(&self, to: Destination, bytes: Vec<u8>) -> bool {
        let mut waiting = self.waiting.lock();
        let room = waiting.len() < MAIL_MAX;
        if room {
            waiting.push_back((to, bytes));
        }
        room
    }

    /// Hands some to a worker.
    pub fn send(&self, out: &mut Outbox) {
        let some: Vec<Letter> = {
            let mut waiting = self.waiting.lock();
            let count = waiting.len().min(MAIL_AT_ONCE);
            waiting.drain(..count).collect()
        };
        for (to, bytes) in some {
            out.push(to, &bytes);
        }
    }
}
