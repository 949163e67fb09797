//! Emergency calls: they skip license checks, within a rate of their own; for half an hour the one
//! who called for help can be called back, whatever the licenses say.

use dashmap::DashMap;
use parking_lot::Mutex;

/// How long calls back are not refused, in milliseconds.
const CALLBACK_MS: u64 = 30 * 60 * 1000;
/// Emergency calls that pass in one second; what is over is decided like any other call.
const PER_SECOND: u32 = 20;
/// Numbers remembered at once.
const MOST: usize = 10_000;

/// Who called for help lately.
pub struct Emergencies {
    callers: DashMap<Box<str>, u64, foldhash::fast::RandomState>,
    /// The running second, and the calls in it.
    rate: Mutex<(u64, u32)>,
}

impl Emergencies {
    /// Nobody called yet.
    pub fn new() -> Self {
        Self { callers: DashMap::default(), rate: Mutex::new((0, 0)) }
    }

    /// Whether one more passes now.
    pub fn passes(&self, now_ms: u64) -> bool {
        let mut rate = self.rate.lock();
        let second = now_ms / 1000;
        if rate.0 != second {
            *rate = (second, 0);
        }
        rate.1 += 1;
        rate.1 <= PER_SECOND
    }

    /// This number called for help.
    pub fn note(&self, aor: &str, now_ms: u64) {
        if self.callers.len() >= MOST {
            self.callers.retain(|_, until_ms| *until_ms > now_ms);
        }
        if !aor.is_empty() && self.callers.len() < MOST {
            self.callers.insert(aor.into(), now_ms + CALLBACK_MS);
        }
    }

    /// Whether calls to this number are calls back to somebody who called for help.
    pub fn is_called_back(&self, aor: &str, now_ms: u64) -> bool {
        !self.callers.is_empty() && self.callers.get(aor).is_some_and(|until_ms| *until_ms > now_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_called_for_help_is_called_back_for_half_an_hour() {
        let emergencies = Emergencies::new();

        emergencies.note("sip:1@a", 1_000);

        assert!(emergencies.is_called_back("sip:1@a", 1_000 + CALLBACK_MS - 1));
        assert!(!emergencies.is_called_back("sip:1@a", 1_000 + CALLBACK_MS));
        assert!(!emergencies.is_called_back("sip:2@a", 1_000));
    }

    #[test]
    fn a_flood_of_emergency_calls_is_decided_like_other_calls() {
        let emergencies = Emergencies::new();

        let passed = (0..100).filter(|_| emergencies.passes(5_000)).count();

        assert_eq!(passed, PER_SECOND as usize);
        assert!(emergencies.passes(6_000));
    }
}
