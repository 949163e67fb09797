//! What a load asks, how fast, and what came of it.

use std::time::Duration;

use hdrhistogram::Histogram;

/// How requests come.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many under way, each followed by the next.
    Closed(usize),
    /// So many a second, whatever comes back; times count from when each was due.
    Open(u32),
    /// As many of so many a second as the load itself is able to; times count from when each left, so
    /// that what the load is late with is not counted as the server's.
    Push(u32),
}

/// What a device does, to the answer that ends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exchange {
    Register,
    /// REGISTER with Expires: 0.
    Leave,
    /// INVITE, and as it is answered: ACK and BYE, or the ACK of a refusal.
    Call,
}

/// Which numbers ask.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    pub first: u32,
    pub count: u32,
    pub order: Order,
}

#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// Any number at any time.
    Random,
    /// Each at most once: so many, from such a place on in an order that jumps about.
    Once { from: u64, many: u64 },
}

/// What is asked, and the status that is right.
#[derive(Clone, Copy, Debug)]
pub struct Work {
    pub exchange: Exchange,
    pub numbers: Numbers,
    pub expected: u32,
}

/// What came of a run.
pub struct Outcome {
    pub begun: u64,
    pub completed: u64,
    /// Of these, within the time in which requests were begun.
    pub in_time: u64,
    /// Never answered, or of an open loop never begun for want of a free slot.
    pub lost: u64,
    /// Answers with another status than was expected.
    pub unexpected: u64,
    /// To the last answer.
    pub took: Duration,
    /// Nanoseconds.
    pub latency: Histogram<u64>,
}

impl Outcome {
    pub fn none() -> Self {
        Self {
            begun: 0,
            completed: 0,
            in_time: 0,
            lost: 0,
            unexpected: 0,
            took: Duration::ZERO,
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("a minute"),
        }
    }

    pub fn add(&mut self, other: &Self) {
        self.begun += other.begun;
        self.completed += other.completed;
        self.in_time += other.in_time;
        self.lost += other.lost;
        self.unexpected += other.unexpected;
        self.took += other.took;
        self.latency.add(&other.latency).expect("the same bounds");
    }
}
