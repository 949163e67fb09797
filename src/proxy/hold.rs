//! Answers that wait until what they promise is on disk (`commit_before_answer`), and all that
//! leaves without a message having come: a bounded queue between other tasks and a worker.

use std::collections::VecDeque;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::transport::{Destination, Outbox};

/// What waits for a worker; beyond it bindings end by their own expiry.
const MAIL_MAX: usize = 100_000;
/// How many leave at one tick of a worker.
const MAIL_AT_ONCE: usize = 256;

/// One message and where it goes.
pub type Letter = (Destination, Vec<u8>);

/// Where answers wait for the ledger; whoever receives them hands them back when they are durable.
pub type Hold = mpsc::Sender<Letter>;

/// Messages on their way to a worker.
#[derive(Default)]
pub struct Mail {
    waiting: Mutex<VecDeque<Letter>>,
}

impl Mail {
    /// Puts one in; drops it where too many wait.
    pub fn put(&self, to: Destination, bytes: Vec<u8>) {
        let mut waiting = self.waiting.lock();
        if waiting.len() < MAIL_MAX {
            waiting.push_back((to, bytes));
        }
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
