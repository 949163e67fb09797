//! What the gates of a path say together about validity, kept at the path: a renewal then reads a line
//! instead of every gate. It knows when it is out of date, and never what is left at a gate.

use std::sync::Arc;

use super::gate::{Face, Gate};
use super::sync::{AtomicI64, AtomicU64, Mutex, Ordering};
use crate::license::{FeatureSet, GateStatus, Moment};

/// Turns whenever a gate of one quota takes on another limit, status, feature or boundary.
#[derive(Clone)]
pub struct Epoch(Arc<AtomicU64>);

/// All gates together, as of one epoch.
#[derive(Clone, Copy)]
pub(super) struct Verdict {
    /// Whether each is valid or on monitor.
    pub valid: bool,
    /// What all of them have.
    pub features: FeatureSet,
    /// The second from which it does not hold any more; `i64::MAX` for none. So the next two.
    next_change: i64,
    /// The second at which one gets smaller.
    pub shrinks_at: i64,
    /// The second at which one loses any feature.
    pub loses_at: i64,
}

/// The last verdict. It is read without a lock: who reads it sees by the epoch, before and after, that
/// nobody wrote meanwhile.
pub(super) struct Kept {
    /// As of which epoch; 0 while it is written.
    epoch: AtomicU64,
    /// Features, and above them whether all gates are valid.
    word: AtomicU64,
    next_change: AtomicI64,
    shrinks_at: AtomicI64,
    loses_at: AtomicI64,
    writing: Mutex<()>,
}

const VALID: u64 = 1 << 32;

impl Epoch {
    /// The first one.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1)))
    }

    /// A gate changed: called after all of the change is written.
    pub(super) fn turn(&self) {
        // Release: whoever sees the new epoch sees the gate as it is now.
        self.0.fetch_add(1, Ordering::AcqRel);
    }

    fn now(&self) -> u64 {
        // Acquire: see `turn`.
        self.0.load(Ordering::Acquire)
    }
}

impl Default for Epoch {
    fn default() -> Self {
        Self::new()
    }
}

impl Verdict {
    /// Whether every gate is valid and has the features needed.
    pub fn lets(&self, needs: FeatureSet) -> bool {
        self.valid && needs.without(self.features).is_empty()
    }

    /// Asks every gate. One that changes while it is asked turns the epoch afterwards, so what is found
    /// here is not used for longer than that change takes.
    fn of<'a>(gates: impl Iterator<Item = &'a Gate>) -> Self {
        let mut all = Self {
            valid: true,
            features: FeatureSet::all(),
            next_change: i64::MAX,
            shrinks_at: i64::MAX,
            loses_at: i64::MAX,
        };
        for gate in gates {
            let outlook = gate.outlook();
            all.next_change = all.next_change.min(outlook.next_change);
            let Face { status, monitor, features } = outlook.face;
            if monitor {
                continue;
            }
            all.valid &= status == GateStatus::Valid;
            all.features = all.features.intersection(features);
            all.shrinks_at = all.shrinks_at.min(outlook.shrinks_at);
            all.loses_at = all.loses_at.min(outlook.loses_at);
        }
        all
    }
}

impl Kept {
    /// Nothing yet.
    pub fn new() -> Self {
        Self {
            epoch: AtomicU64::new(0),
            word: AtomicU64::new(0),
            next_change: AtomicI64::new(0),
            shrinks_at: AtomicI64::new(0),
            loses_at: AtomicI64::new(0),
            writing: Mutex::new(()),
        }
    }

    /// What is kept, where it holds at `now`.
    pub fn known(&self, epoch: &Epoch, now: Moment) -> Option<Verdict> {
        self.read(epoch.now()).filter(|kept| now.0 < kept.next_change)
    }

    /// What `gates` say at `now`: what is kept, where it still holds.
    pub fn verdict<'a, G: Iterator<Item = &'a Gate>>(
        &self,
        epoch: &Epoch,
        gates: impl Fn() -> G,
        now: Moment,
    ) -> Verdict {
        if let Some(kept) = self.known(epoch, now) {
            return kept;
        }
        gates().for_each(|gate| gate.advance(now));
        // Before the gates are read: see `Verdict::of`.
        let epoch = epoch.now();
        let fresh = Verdict::of(gates());
        self.write(epoch, &fresh);
        fresh
    }

    // Each load is Acquire and each store Release: a reader that meets one word of a later writer
    // sees that writer's 0, or what came after, in the second look at the epoch.
    fn read(&self, epoch: u64) -> Option<Verdict> {
        if self.epoch.load(Ordering::Acquire) != epoch {
            return None;
        }
        let word = self.word.load(Ordering::Acquire);
        let kept = Verdict {
            valid: word & VALID != 0,
            features: FeatureSet::of_bits(word as u32),
            next_change: self.next_change.load(Ordering::Acquire),
            shrinks_at: self.shrinks_at.load(Ordering::Acquire),
            loses_at: self.loses_at.load(Ordering::Acquire),
        };
        (self.epoch.load(Ordering::Acquire) == epoch).then_some(kept)
    }

    fn write(&self, epoch: u64, verdict: &Verdict) {
        let _one = self.writing.lock();
        self.epoch.store(0, Ordering::Release);
        let valid = if verdict.valid { VALID } else { 0 };
        self.word.store(u64::from(verdict.features.bits()) | valid, Ordering::Release);
        self.next_change.store(verdict.next_change, Ordering::Release);
        self.shrinks_at.store(verdict.shrinks_at, Ordering::Release);
        self.loses_at.store(verdict.loses_at, Ordering::Release);
        self.epoch.store(epoch, Ordering::Release);
    }
}
