//! Requests that hold a reservation while their answer is awaited: bounded, found by our branch.
//! What leaves this table unanswered gives its reservation back (RFC 3261 Timer B and Timer C).

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use parking_lot::Mutex;

use crate::admission::Registration;
use crate::quota::Ticket;

/// Our branch without its cookie: a keyed hash of the request.
pub type Branch = u128;

/// How long an answer is awaited from the first copy on, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// With credentials that nobody has checked yet.
    Unproved,
    /// Timer B or F (64·T1) and a little for the answer's way back.
    Transaction,
    /// An INVITE that has had a provisional answer: Timer C.
    Ringing,
}

impl Patience {
    const ALL: [Self; 3] = [Self::Unproved, Self::Transaction, Self::Ringing];

    fn millis(self) -> u64 {
        match self {
            Self::Unproved => 4_000,
            Self::Transaction => 34_000,
            Self::Ringing => 185_000,
        }
    }
}

/// What waits for the answer.
#[derive(Default)]
pub struct Held {
    pub ticket: Option<Ticket>,
    /// What a REGISTER asked, where the answer alone can't tell.
    pub registration: Registration,
    /// What the answer to a request inside a call means for its seat.
    pub dialog: Option<InDialog>,
}

/// A BYE, or a refresh of the session, of a call that holds a seat.
pub struct InDialog {
    /// The numbers whose call it may be.
    pub numbers: Vec<String>,
    pub call_id: Box<[u8]>,
    /// The hashes of its two tags: one of them names the dialog.
    pub tags: [u64; 2],
    pub ends: bool,
}

struct Waiting {
    held: Held,
    deadline_ms: u64,
}

/// Room for so many is kept in a queue where fewer wait.
const QUEUE_KEPT: usize = 1_024;

/// The table of waiting requests.
pub struct Pending {
    waiting: DashMap<Branch, Waiting, foldhash::fast::RandomState>,
    /// One queue for each patience: deadlines only grow along it.
    queues: [Mutex<VecDeque<(u64, Branch)>>; 3],
    /// How many wait, kept beside the table: it would be counted piece by piece, and mostly none do.
    /// Relaxed: whoever was told of a request, by its copy or its answer, comes after it was counted.
    len: AtomicUsize,
    max: usize,
}

impl Pending {
    /// A table for at most `max` requests.
    pub fn new(max: usize) -> Self {
        let (waiting, queues) = Default::default();
        Self { waiting, queues, len: AtomicUsize::new(0), max }
    }

    /// Whether a copy of this request is already waiting.
    pub fn contains(&self, branch: Branch) -> bool {
        self.len() > 0 && self.waiting.contains_key(&branch)
    }

    /// Whether no further request can wait.
    pub fn is_full(&self) -> bool {
        self.len() >= self.max
    }

    /// How many requests wait.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::Relaxed)
    }

    /// Keeps what is held until the answer; a copy that lost the race gives its own back.
    pub fn wait(&self, branch: Branch, held: Held, patience: Patience, now_ms: u64) {
        let deadline_ms = now_ms + patience.millis();
        match self.waiting.entry(branch) {
            Entry::Occupied(_) => return,
            Entry::Vacant(vacant) => {
                self.len.fetch_add(1, Ordering::Relaxed);
                vacant.insert(Waiting { held, deadline_ms });
            }
        }
        self.queue(patience).lock().push_back((deadline_ms, branch));
    }

    /// A provisional answer came: from here on a person decides how long it takes.
    pub fn ringing(&self, branch: Branch, now_ms: u64) {
        let deadline_ms = now_ms + Patience::Ringing.millis();
        let Some(mut waiting) = self.waiting.get_mut(&branch) else { return };
        let was_ringing = waiting.deadline_ms > now_ms + Patience::Transaction.millis();
        waiting.deadline_ms = deadline_ms;
        drop(waiting);
        if !was_ringing {
            self.queue(Patience::Ringing).lock().push_back((deadline_ms, branch));
        }
    }

    /// The answer came: the reservation is the caller's.
    pub fn answered(&self, branch: Branch) -> Option<Held> {
        if self.len() == 0 {
            return None;
        }
        self.taken(self.waiting.remove(&branch))
    }

    fn taken(&self, found: Option<(Branch, Waiting)>) -> Option<Held> {
        let (_, waiting) = found?;
        self.len.fetch_sub(1, Ordering::Relaxed);
        Some(waiting.held)
    }

    /// Takes out what has waited too long.
    pub fn overdue(&self, now_ms: u64) -> Vec<Held> {
        Patience::ALL.into_iter().flat_map(|patience| self.overdue_in(patience, now_ms)).collect()
    }

    fn overdue_in(&self, patience: Patience, now_ms: u64) -> Vec<Held> {
        let mut overdue = Vec::new();
        let mut later = Vec::new();
        let mut queue = self.queue(patience).lock();
        // What was answered need not be kept until its time: under load the queue would hold very many.
        let is_done = |(deadline_ms, branch): &(u64, Branch)| {
            *deadline_ms <= now_ms || !self.waiting.contains_key(branch)
        };
        while queue.front().is_some_and(is_done) {
            let Some((_, branch)) = queue.pop_front() else { break };
            let due = |_: &Branch, waiting: &Waiting| waiting.deadline_ms <= now_ms;
            if let Some(held) = self.taken(self.waiting.remove_if(&branch, due)) {
                overdue.push(held);
            } else if patience == Patience::Ringing
                && let Some(waiting) = self.waiting.get(&branch)
            {
                // A later provisional moved it; it stays in this queue under its new deadline.
                later.push((waiting.deadline_ms, branch));
            }
        }
        queue.extend(later);
        if queue.len() < queue.capacity() / 8 {
            queue.shrink_to(QUEUE_KEPT);
        }
        overdue
    }

    fn queue(&self, patience: Patience) -> &Mutex<VecDeque<(u64, Branch)>> {
        let [unproved, transaction, ringing] = &self.queues;
        match patience {
            Patience::Unproved => unproved,
            Patience::Transaction => transaction,
            Patience::Ringing => ringing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_answered_leaves_the_queue_before_its_time() {
        let pending = Pending::new(usize::MAX);
        for branch in 0..100_000 {
            pending.wait(branch, Held::default(), Patience::Transaction, 0);
            if branch != 99_999 {
                assert!(pending.answered(branch).is_some());
            }
        }

        assert!(pending.overdue(1).is_empty());

        let queue = pending.queue(Patience::Transaction).lock();
        assert_eq!(queue.len(), 1);
        assert!(queue.capacity() <= 2 * QUEUE_KEPT);
        drop(queue);
        assert_eq!((pending.overdue(34_000).len(), pending.len()), (1, 0));
    }
}
