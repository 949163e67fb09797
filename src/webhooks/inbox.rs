//! What is to be told, on its way here: a bounded queue that nobody waits for. What finds no room is
//! counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use tokio::sync::mpsc;

use crate::license::{GroupId, Moment};
use crate::store::HookEvent;
use crate::telemetry::RefusalLine;

/// What waits at once; a burst beyond it is counted, not kept.
const QUEUE: usize = 1_024;

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Notice {
    Refused(RefusalLine),
    /// An event in a group. `data` is told as it is, so it must hold nothing about groups above.
    Happened {
        event: HookEvent,
        group: GroupId,
        data: Value,
        /// What this tells once, and until when that matters.
        subject: Option<(String, Moment)>,
    },
}

/// Where others leave what happened.
#[derive(Clone, Debug)]
pub struct Notices {
    queue: mpsc::Sender<Notice>,
    lost: Arc<AtomicU64>,
}

/// Where it is taken from.
#[derive(Debug)]
pub struct Inbox {
    queue: mpsc::Receiver<Notice>,
    lost: Arc<AtomicU64>,
}

impl Notices {
    /// A queue: who tells, and who hears.
    pub fn new() -> (Self, Inbox) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let lost = Arc::<AtomicU64>::default();
        (Self { queue: sender, lost: Arc::clone(&lost) }, Inbox { queue: receiver, lost })
    }

    /// Tells of a refusal; never waits.
    pub fn refused(&self, line: &RefusalLine) {
        // A line is copied only where there is room for it.
        self.push(|| Notice::Refused(line.clone()));
    }

    /// Queues an event for every webhook that asked for it in this group or above; never waits.
    pub fn queue(
        &self,
        event: HookEvent,
        group: GroupId,
        data: Value,
        subject: Option<(String, Moment)>,
    ) {
        self.push(|| Notice::Happened { event, group, data, subject });
    }

    fn push(&self, notice: impl FnOnce() -> Notice) {
        match self.queue.try_reserve() {
            Ok(place) => place.send(notice()),
            // Relaxed: a count that is read now and then.
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

impl Inbox {
    /// The next ones; none at the end.
    pub async fn next(&mut self) -> Vec<Notice> {
        let mut notices = Vec::new();
        self.queue.recv_many(&mut notices, QUEUE).await;
        notices
    }

    /// How many found no room since this was last asked.
    pub fn lost(&self) -> u64 {
        self.lost.swap(0, Ordering::Relaxed)
    }
}
