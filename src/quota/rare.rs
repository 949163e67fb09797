//! What few numbers have, or have for a short time: calls without a device, reservations that wait for
//! their answer, devices that went lately, the mark of a failure.

use thin_vec::ThinVec;

use super::device::{Call, Device};
use super::entry::Matcher;
use super::few::Few;
use crate::clock::Now;

/// How long a device that a 2xx removed is remembered, so that an older 2xx does not bring it back.
const REMOVED_MS: u64 = 40_000;
/// How many removed devices are remembered.
const REMOVED_MAX: usize = 4;
/// How long a failed reservation marks its number.
const FAILED_MS: u64 = 600_000;

/// A reservation that waits for its answer.
#[derive(Clone, Debug)]
pub(super) struct Unsettled {
    pub ticket: u32,
    /// How many app seats it holds.
    pub apps: u32,
    /// The devices that it would register; none for a call.
    pub devices: Vec<Device>,
    pub since_ms: i64,
}

#[derive(Debug)]
struct Removed {
    device: Device,
    order: u64,
    until_mono_ms: u64,
}

/// The rare part of an entry.
#[derive(Debug, Default)]
pub(super) struct Rare {
    pub calls: ThinVec<Call>,
    pub unsettled: Few<Unsettled>,
    removed: ThinVec<Removed>,
    /// The last reservation ended without a 2xx; forgotten at this time. 0: it did not.
    pub failed_until_mono_ms: u64,
}

impl Rare {
    /// Whether there is none of it.
    pub fn is_empty(&self) -> bool {
        self.calls.is_empty()
            && self.unsettled.is_empty()
            && self.removed.is_empty()
            && self.failed_until_mono_ms == 0
    }

    /// Whether what is left of it, but for calls, is past its time.
    pub fn is_past(&self, now: Now) -> bool {
        self.unsettled.is_empty()
            && !self.failed(now)
            && self.removed.iter().all(|old| old.until_mono_ms <= now.mono_ms)
    }

    /// Whether the last reservation ended without a 2xx.
    pub fn failed(&self, now: Now) -> bool {
        now.mono_ms < self.failed_until_mono_ms
    }

    pub fn mark_failed(&mut self, now: Now) {
        self.failed_until_mono_ms = now.mono_ms + FAILED_MS;
    }

    /// Remembers that a device went by the request with this `order`.
    pub fn remember(&mut self, device: &Device, order: u64, now: Now) {
        self.removed.retain(|old| now.mono_ms < old.until_mono_ms);
        self.removed.drain(..self.removed.len().saturating_sub(REMOVED_MAX - 1));
        let until_mono_ms = now.mono_ms + REMOVED_MS;
        self.removed.push(Removed { device: device.clone(), order, until_mono_ms });
    }

    /// Whether a request forwarded after `order` removed this device.
    pub fn was_removed_after(&self, order: u64, matcher: Matcher) -> bool {
        self.removed.iter().any(|old| old.order > order && matcher(&old.device).is_some())
    }

    /// When something of it next ends, by the monotonic clock.
    pub fn due_mono_ms(&self) -> Option<u64> {
        let calls = self.calls.iter().map(|call| call.until_mono_ms);
        let removed = self.removed.iter().map(|old| old.until_mono_ms);
        let failed = (self.failed_until_mono_ms > 0).then_some(self.failed_until_mono_ms);
        calls.chain(removed).chain(failed).min()
    }

    pub fn forget_past(&mut self, now: Now) {
        self.removed.retain(|old| now.mono_ms < old.until_mono_ms);
        self.calls.retain(|call| now.mono_ms < call.until_mono_ms);
        if !self.failed(now) {
            self.failed_until_mono_ms = 0;
        }
    }
}
