//! A renewal where nothing but times changes: by far the most of what is settled. Whatever is not plain
//! is left to the whole settling.

use super::device::{Device, Reach};
use super::entry::Entry;
use super::path::Path;
use super::seats::Seats;
use crate::clock::Now;

/// What a 2xx grants to one device that is bound already.
pub struct Renewal<'a> {
    /// Whether a device is the one.
    pub is_it: &'a dyn Fn(&Device) -> bool,
    /// The Contact as the registrar lists it.
    pub contact: &'a [u8],
    pub reg_id: Option<u32>,
    pub reach: Reach,
    pub granted_ms: u64,
    /// Of the request that is answered.
    pub order: u64,
    /// The answer lists all bindings of the number, and this is all of them.
    pub alone: bool,
    /// It was granted without a challenge.
    pub unchallenged: bool,
    /// Whether what the number stands on lets it be renewed in place.
    pub may: &'a dyn Fn(&Path) -> bool,
}

impl Seats {
    /// Renews the seat of a device that is seated, bound at this very place, and valid; gives when its
    /// seat ends, by the monotonic clock. `None`, and nothing done, where anything is otherwise.
    pub fn renew(&self, aor: &str, renewal: &Renewal<'_>, now: Now) -> Option<u64> {
        // Where a publish has moved its owner, the sweep or the whole settling moves the seat.
        self.standing(aor, |shard, slot| {
            let until_mono_ms = shard.get_mut(slot)?.renew(renewal, now)?;
            shard.finish(slot, self.limits.late_margin_ms, now);
            Some(until_mono_ms)
        })
    }
}

impl Entry {
    fn renew(&mut self, renewal: &Renewal<'_>, now: Now) -> Option<u64> {
        let known = self.unchallenged || !renewal.unchallenged;
        if !known || renewal.alone && self.devices.len() > 1 || self.failed(now) {
            return None;
        }
        let path = self.held.path();
        let device = self.devices.iter_mut().find(|device| (renewal.is_it)(device))?;
        let invalid = || path.invalid(now.moment(), device.needs).is_some();
        if !device.counts() || !(renewal.may)(path) || invalid() {
            return None;
        }
        let clamp = path.clamp(now.moment(), device.needs);
        let clamp_mono_ms = clamp.map_or(u64::MAX, |at| now.mono_at(at.0.saturating_mul(1000)));
        let until_mono_ms = device.renew(renewal, clamp_mono_ms, now)?;
        self.changed |= device.outlives_record();
        Some(until_mono_ms)
    }
}
