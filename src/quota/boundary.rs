//! What the passing of time changes: boundaries of licenses are crossed, seats end. Very many of either
//! are gone through a few at a time.

use std::ops::Bound;

use super::publish::{Changes, Quota, second_of};
use super::sync::Ordering;
use crate::clock::Now;
use crate::license::Moment;

/// So many gates are looked at under one lock.
const GATES: usize = 512;

impl Quota {
    /// Crosses the boundaries of all gates that are due, and does what follows.
    pub fn boundary(&self, now: Now) -> Changes {
        let mut changes = Changes::default();
        self.boundary_in_portions(now, &mut |portion| changes.add(portion));
        changes
    }

    /// The same; `hears` is told portion by portion, some of them empty, and may rest in between: nothing
    /// is locked then that packets need, and they cross boundaries by themselves. Only publishers wait.
    pub fn boundary_in_portions(&self, now: Now, hears: &mut dyn FnMut(Changes)) {
        let _one = self.publishing.lock();
        if self.cross(now, hears) {
            self.revoke(|| self.any_is_over(), now, hears);
        }
        hears(self.woken(now));
    }

    /// Crosses the boundaries, some gates at a time; gives whether any gate is over.
    fn cross(&self, now: Now, hears: &mut dyn FnMut(Changes)) -> bool {
        let (mut is_over, mut next_change, mut last) = (false, i64::MAX, Bound::Unbounded);
        loop {
            let registry = self.registry.lock();
            let some = registry.range((last, Bound::Unbounded)).take(GATES);
            last = Bound::Unbounded;
            for (index, (holder, gate)) in some.enumerate() {
                gate.advance(now.moment());
                is_over |= !gate.overhang().is_none();
                next_change = next_change.min(second_of(gate.next_change()));
                if index + 1 == GATES {
                    last = Bound::Excluded(*holder);
                }
            }
            drop(registry);
            if last == Bound::Unbounded {
                break;
            }
            hears(Changes::default());
        }
        self.next_change.store(next_change, Ordering::Relaxed);
        is_over
    }

    /// Whether somebody waits to publish meanwhile.
    pub fn is_awaited(&self) -> bool {
        self.publishers.load(Ordering::Relaxed) > 0
    }

    /// The next instant at which any gate changes; it may have been crossed by a packet already.
    pub fn next_boundary(&self) -> Option<Moment> {
        let second = self.next_change.load(Ordering::Relaxed);
        (second < i64::MAX).then_some(Moment(second))
    }

    /// Once a second: ends what is past its time, and evens out what that or a late move left.
    pub fn tick(&self, now: Now) -> Changes {
        let mut changes = Changes { ended: self.seats.expire(now), ..Changes::default() };
        self.seats.measure_width();
        let _one = self.publishing.lock();
        // Acquire: see the move that was announced.
        if self.seats.uneven.swap(false, Ordering::AcqRel) {
            self.revoke(|| self.any_is_over(), now, &mut |portion| changes.add(portion));
        }
        changes.add(self.woken(now));
        changes
    }
}
