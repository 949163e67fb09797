//! A reservation in the hands of whoever waits for the answer. Dropped, it gives back.

use std::fmt;
use std::sync::Arc;

use super::seats::Seats;
use crate::clock::Now;

/// Names one reservation. Settle it with the 2xx; dropped, it gives back what it holds and marks
/// the number as one whose last reservation failed.
#[must_use]
pub struct Ticket {
    seats: Arc<Seats>,
    aor: Arc<str>,
    id: u32,
    /// When it was given out.
    at: Now,
    open: bool,
}

impl Ticket {
    pub(super) fn new(seats: Arc<Seats>, aor: Arc<str>, id: u32, at: Now) -> Self {
        Self { seats, aor, id, at, open: true }
    }

    /// The number that it reserves for.
    pub fn aor(&self) -> &str {
        &self.aor
    }

    /// Gives back without blame: the request was never sent on.
    pub fn withdraw(mut self) {
        self.open = false;
        self.seats.give_back(&self.aor, self.id, self.at, false);
    }

    /// The reservation is settled by other means.
    pub(super) fn redeem(mut self) -> u32 {
        self.open = false;
        self.id
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if self.open {
            self.seats.give_back(&self.aor, self.id, self.at, true);
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ticket({} of {})", self.id, self.aor)
    }
}

impl Seats {
    fn give_back(&self, aor: &str, ticket: u32, at: Now, failed: bool) {
        self.at(aor, |shard, slot| {
            if shard.get_mut(slot)?.take_unsettled(ticket).is_some() && failed {
                shard.mark_failed(slot, self.limits.late_margin_ms, at);
            }
            shard.finish(slot, self.limits.late_margin_ms, at);
            Some(())
        });
    }
}
