//! Counters of one worker. Only that worker adds to them, so they cost it no shared cache line; a
//! scrape sums the cells of all.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::license::Cause;

/// Methods that are counted by name; all others together.
pub(super) const METHODS: [&str; 15] = [
    "REGISTER",
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "MESSAGE",
    "INFO",
    "REFER",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "PRACK",
    "UPDATE",
    "other",
];

/// Upper ends of the latency buckets, in nanoseconds.
pub(super) const BUCKETS: [u64; 13] = [
    1_000,
    2_000,
    5_000,
    10_000,
    20_000,
    50_000,
    100_000,
    200_000,
    500_000,
    1_000_000,
    10_000_000,
    100_000_000,
    1_000_000_000,
];

/// Of so many messages the time of one is taken.
const SAMPLED: u64 = 7;

/// Reasons that have a counter of their own; the code has fewer.
const REASONS: usize = 96;

/// Counters of one worker. Aligned so that two workers never share a cache line (pairs of 64 bytes are
/// fetched together on x86).
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Cells {
    requests: [AtomicU64; METHODS.len()],
    admitted: AtomicU64,
    refused: [AtomicU64; Cause::ALL.len()],
    late_refusals: AtomicU64,
    pub(super) drops: Reasons,
    pub(super) events: Reasons,
    latency: [AtomicU64; BUCKETS.len() + 1],
    latency_sum_ns: AtomicU64,
    /// Messages so far.
    turn: AtomicU64,
}

/// Counters by a word of the code: a slot is named by whoever comes first.
#[derive(Debug)]
pub(super) struct Reasons {
    slots: [(OnceLock<&'static str>, AtomicU64); REASONS],
    others: AtomicU64,
}

/// Relaxed everywhere: each counter stands for itself, and a scrape may be a moment behind.
fn add(counter: &AtomicU64, by: u64) {
    counter.fetch_add(by, Ordering::Relaxed);
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

impl Cells {
    /// A request came in.
    pub fn request(&self, method: &[u8]) {
        let at = METHODS.iter().position(|name| name.as_bytes() == method);
        if let Some(counter) = self.requests.get(at.unwrap_or(METHODS.len() - 1)) {
            add(counter, 1);
        }
    }

    /// A request was decided: refused for a cause, or admitted.
    pub fn verdict(&self, refusal: Option<Cause>) {
        match refusal {
            None => add(&self.admitted, 1),
            Some(cause) => {
                // All of them in their order: see the test.
                if let Some(counter) = self.refused.get(cause as usize) {
                    add(counter, 1);
                }
            }
        }
    }

    /// A message was dropped; the reason is a word of the code, never text from the wire.
    pub fn dropped(&self, reason: &'static str) {
        self.drops.add(reason);
    }

    /// Something else happened that is worth a counter.
    pub fn event(&self, name: &'static str) {
        self.events.add(name);
    }

    /// A registrar's 2xx was turned into a 403 because no seat was left.
    pub fn late_refusal(&self) {
        add(&self.late_refusals, 1);
    }

    /// Whether the next message is one of those whose time is taken: one in seven, for reading the clock
    /// twice takes its time too. No even number, or of requests and answers in turn one sort is never met.
    pub fn samples(&self) -> bool {
        // No addition of one step: two workers that meet here shift the sample, and nothing else.
        let turn = self.turn.load(Ordering::Relaxed);
        self.turn.store(turn.wrapping_add(1), Ordering::Relaxed);
        turn.is_multiple_of(SAMPLED)
    }

    /// A message of the sample took so long from its receipt to what is to be sent.
    pub fn latency(&self, nanoseconds: u64) {
        let at = BUCKETS.partition_point(|end| *end < nanoseconds);
        if let Some(bucket) = self.latency.get(at) {
            add(bucket, 1);
        }
        add(&self.latency_sum_ns, nanoseconds);
    }

    pub(super) fn requests(&self) -> impl Iterator<Item = (&'static str, u64)> {
        METHODS.into_iter().zip(self.requests.iter().map(read))
    }

    pub(super) fn verdicts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let refused =
            Cause::ALL.iter().map(|cause| cause.name()).zip(self.refused.iter().map(read));
        std::iter::once(("admit", read(&self.admitted))).chain(refused)
    }

    pub(super) fn late_refusals(&self) -> u64 {
        read(&self.late_refusals)
    }

    pub(super) fn latencies(&self) -> (impl Iterator<Item = u64>, u64) {
        (self.latency.iter().map(read), read(&self.latency_sum_ns))
    }
}

impl Reasons {
    fn add(&self, reason: &'static str) {
        for (name, counter) in &self.slots {
            if *name.get_or_init(|| reason) == reason {
                return add(counter, 1);
            }
        }
        add(&self.others, 1);
    }

    pub(super) fn counts(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let named = self.slots.iter().filter_map(|(name, count)| Some((*name.get()?, read(count))));
        let others = Some(("others", read(&self.others))).filter(|(_, count)| *count > 0);
        named.chain(others)
    }
}

impl Default for Reasons {
    fn default() -> Self {
        Self { slots: std::array::from_fn(|_| Default::default()), others: AtomicU64::new(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_methods_are_counted_together() {
        let cells = Cells::default();

        cells.request(b"REGISTER");
        cells.request(b"REGISTERX");
        cells.request(b"\xff");

        let counts: Vec<_> = cells.requests().filter(|(_, count)| *count > 0).collect();
        assert_eq!(counts, [("REGISTER", 1), ("other", 2)]);
    }

    #[test]
    fn every_cause_has_a_counter() {
        let cells = Cells::default();

        cells.verdict(None);
        for cause in Cause::ALL {
            cells.verdict(Some(*cause));
        }

        assert!(cells.verdicts().all(|(_, count)| count == 1));
        assert_eq!(cells.verdicts().count(), 1 + Cause::ALL.len());
        assert!(Cause::ALL.iter().enumerate().all(|(at, cause)| *cause as usize == at));
    }

    #[test]
    fn reasons_beyond_the_slots_are_counted_together() {
        let cells = Cells::default();

        for n in 0..REASONS + 5 {
            cells.dropped(String::leak(format!("reason_{n}")));
        }
        cells.dropped("reason_0");

        assert_eq!(
            cells.drops.counts().find(|(name, _)| *name == "reason_0"),
            Some(("reason_0", 2))
        );
        assert_eq!(cells.drops.counts().last(), Some(("others", 5)));
    }

    #[test]
    fn the_sample_meets_all_that_comes_in_turns() {
        let cells = Cells::default();

        let sampled: Vec<usize> = (0..140).filter(|_| cells.samples()).collect();

        assert_eq!(sampled.len(), 20);
        assert_eq!(sampled.iter().filter(|message| *message % 2 == 0).count(), 10);
    }

    #[test]
    fn a_latency_falls_into_the_bucket_that_holds_it() {
        let cells = Cells::default();

        cells.latency(1_000);
        cells.latency(1_001);
        cells.latency(u64::from(u32::MAX));

        let (buckets, sum) = cells.latencies();
        let buckets: Vec<_> = buckets.collect();
        assert_eq!((buckets[0], buckets[1], buckets[BUCKETS.len()]), (1, 1, 1));
        assert_eq!(sum, 2_001 + u64::from(u32::MAX));
    }
}
