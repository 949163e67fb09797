//! Refusals of INVITEs, kept for 64·T1 by our branch in a fixed ring, so that a copy of a refused
//! INVITE never gets another answer (RFC 3261 17.2.1), and its ACK is known to be ours.

use parking_lot::Mutex;

use super::pending::Branch;
use crate::license::Cause;

/// 64·T1 in milliseconds.
const KEPT_MS: u64 = 32_000;
const SLOTS: usize = 8_192;

/// The ring: a slot by hash; a newer verdict replaces an older one of the same slot.
pub struct Verdicts {
    slots: Box<[Mutex<Option<Kept>>]>,
}

#[derive(Clone, Copy)]
struct Kept {
    branch: Branch,
    cause: Cause,
    until_ms: u64,
}

impl Verdicts {
    /// An empty ring.
    pub fn new() -> Self {
        Self { slots: (0..SLOTS).map(|_| Mutex::new(None)).collect() }
    }

    /// Keeps why this INVITE was refused.
    pub fn keep(&self, branch: Branch, cause: Cause, now_ms: u64) {
        if let Some(slot) = self.slot(branch) {
            *slot.lock() = Some(Kept { branch, cause, until_ms: now_ms + KEPT_MS });
        }
    }

    /// Why a copy of this INVITE was refused, if it was.
    pub fn of(&self, branch: Branch, now_ms: u64) -> Option<Cause> {
        let kept = (*self.slot(branch)?.lock())?;
        (kept.branch == branch && now_ms < kept.until_ms).then_some(kept.cause)
    }

    fn slot(&self, branch: Branch) -> Option<&Mutex<Option<Kept>>> {
        self.slots.get(branch as usize % SLOTS)
    }
}

impl Default for Verdicts {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_gets_the_same_verdict_until_the_transaction_is_over() {
        let verdicts = Verdicts::new();

        verdicts.keep(5, Cause::SipLimit, 1_000);

        assert_eq!(verdicts.of(5, 32_999), Some(Cause::SipLimit));
        assert_eq!(verdicts.of(5, 33_000), None);
        assert_eq!(verdicts.of(5 + SLOTS as u128, 2_000), None);
    }
}
