//! Nonces that carry their own proof: time, serial, and a MAC over both, so they are valid over a
//! restart and at every daemon with the key. What was done with each is remembered in bounded
//! memory; what had to be forgotten makes the nonce stale, never fresh.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use foldhash::fast::RandomState;
use parking_lot::Mutex;
use siphasher::sip128::SipHasher24;
use subtle::ConstantTimeEq;

use crate::clock::Now;

/// A key of the MAC.
pub type Key = [u8; 16];

/// Bounds of nonces.
#[derive(Clone, Copy, Debug)]
pub struct NonceLimits {
    /// How long one is fresh.
    pub life_ms: i64,
    /// How many are remembered after use.
    pub remembered: usize,
}

impl Default for NonceLimits {
    fn default() -> Self {
        Self { life_ms: 300_000, remembered: 100_000 }
    }
}

/// A nonce of ours: when it was made, and its serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Nonce {
    issued_ms: i64,
    serial: u64,
}

/// What is known of a nonce's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Fresh(Nonce),
    /// Ours once, or never.
    Stale,
}

/// What a use of a nonce is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The first with this count.
    New,
    /// The same request as an earlier one.
    Copy,
    /// Another request with a count that is used up.
    Replay,
    /// Nobody can tell any more.
    Forgotten,
}

/// Issues nonces and remembers their use.
pub(super) struct Nonces {
    /// The first makes and checks, the others only check.
    keys: Vec<Key>,
    limits: NonceLimits,
    next: AtomicU64,
    /// Held for a look-up; the sums of a digest cost more.
    history: Mutex<History>,
}

impl Nonces {
    pub(super) fn new(keys: Vec<Key>, seed: u64, limits: NonceLimits) -> Self {
        Self { keys, limits, next: AtomicU64::new(seed), history: Mutex::default() }
    }

    /// The text of a new nonce.
    pub(super) fn issue(&self, now: Now) -> String {
        // Relaxed: only that no two are equal matters.
        let serial = self.next.fetch_add(1, Ordering::Relaxed);
        let nonce = Nonce { issued_ms: now.wall_ms, serial };
        let mac = self.keys.first().map_or(0, |key| nonce.mac(key));
        format!("{:016x}{serial:016x}{mac:032x}", nonce.issued_ms)
    }

    /// Looks at the text of a nonce.
    pub(super) fn find(&self, text: &[u8], now: Now) -> Found {
        let Some((nonce, mac)) = Nonce::read(text) else { return Found::Stale };
        let ours = self
            .keys
            .iter()
            .any(|key| bool::from(nonce.mac(key).to_be_bytes().ct_eq(&mac.to_be_bytes())));
        // A nonce from the future is one from before the clock was set back.
        let age_ms = now.wall_ms.saturating_sub(nonce.issued_ms);
        let fresh = (-60_000..=self.limits.life_ms).contains(&age_ms);
        if ours && fresh { Found::Fresh(nonce) } else { Found::Stale }
    }

    /// Notes a use with right credentials; `count` is absent without qop, and the nonce is then good
    /// for one request. `request` tells copies from replays.
    pub(super) fn note(&self, nonce: Nonce, count: Option<u32>, request: u64, now: Now) -> Use {
        let mut history = self.history.lock();
        history.turn(now, &self.limits);
        if history.forgotten_ms.is_some_and(|floor| nonce.issued_ms <= floor) {
            return Use::Forgotten;
        }
        let mut past = history.take(&nonce).unwrap_or_default();
        let used = past.note(count, request);
        history.recent.insert(nonce, past);
        used
    }
}

impl Nonce {
    fn mac(&self, key: &Key) -> u128 {
        let mut text = [0; 24];
        text[..8].copy_from_slice(b"digest\0\0");
        text[8..16].copy_from_slice(&self.issued_ms.to_be_bytes());
        text[16..].copy_from_slice(&self.serial.to_be_bytes());
        SipHasher24::new_with_key(key).hash(&text).as_u128()
    }

    fn read(text: &[u8]) -> Option<(Self, u128)> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 64)?;
        if !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let issued_ms = i64::from_str_radix(text.get(..16)?, 16).ok()?;
        let serial = u64::from_str_radix(text.get(16..32)?, 16).ok()?;
        let mac = u128::from_str_radix(text.get(32..)?, 16).ok()?;
        Some((Self { issued_ms, serial }, mac))
    }
}

/// What was done with one nonce.
#[derive(Clone, Copy, Debug, Default)]
struct Past {
    /// The highest count seen; `u32::MAX` after a use without count.
    highest: u32,
    /// Bit n: the count `highest - n` was seen. Requests on their way together overtake each other.
    seen: u64,
    requests: [u64; 4],
    next: u8,
}

impl Past {
    fn note(&mut self, count: Option<u32>, request: u64) -> Use {
        if self.seen != 0 && self.requests.contains(&request) {
            return Use::Copy;
        }
        let new = match count {
            Some(count) => self.count(count),
            None => self.seen == 0 && self.count(u32::MAX),
        };
        if !new {
            return Use::Replay;
        }
        if let Some(place) = self.requests.get_mut(usize::from(self.next % 4)) {
            *place = request;
        }
        self.next = self.next.wrapping_add(1);
        Use::New
    }

    fn count(&mut self, count: u32) -> bool {
        if count == 0 {
            return false;
        }
        if count > self.highest {
            self.seen = self.seen.checked_shl(count - self.highest).unwrap_or(0) | 1;
            self.highest = count;
            return true;
        }
        let Some(bit) = 1u64.checked_shl(self.highest - count) else { return false };
        let new = self.seen & bit == 0;
        self.seen |= bit;
        new
    }
}

/// Two generations: when the recent one is full or old, the one before it is forgotten whole, and
/// with it every nonce that could have been in it.
#[derive(Default)]
struct History {
    recent: HashMap<Nonce, Past, RandomState>,
    before: HashMap<Nonce, Past, RandomState>,
    /// When `before` stopped growing; no nonce in it is younger.
    turned_ms: Option<i64>,
    /// Nonces of this age or older may have been forgotten.
    forgotten_ms: Option<i64>,
}

impl History {
    fn turn(&mut self, now: Now, limits: &NonceLimits) {
        let turned_ms = *self.turned_ms.get_or_insert(now.wall_ms);
        let old = now.wall_ms.saturating_sub(turned_ms) > limits.life_ms;
        if !old && self.recent.len() < limits.remembered / 2 {
            return;
        }
        if !self.before.is_empty() {
            self.forgotten_ms = self.forgotten_ms.max(self.turned_ms);
        }
        self.before = std::mem::take(&mut self.recent);
        self.turned_ms = Some(now.wall_ms);
    }

    fn take(&mut self, nonce: &Nonce) -> Option<Past> {
        self.recent.get(nonce).copied().or_else(|| self.before.remove(nonce))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Now {
        Now { wall_ms: 1_700_000_000_000 + ms, mono_ms: 0 }
    }

    fn nonces(remembered: usize) -> Nonces {
        Nonces::new(vec![[7; 16]], 1, NonceLimits { remembered, ..NonceLimits::default() })
    }

    fn fresh(nonces: &Nonces, now: Now) -> Nonce {
        let text = nonces.issue(now);
        let Found::Fresh(nonce) = nonces.find(text.as_bytes(), now) else { panic!() };
        nonce
    }

    #[test]
    fn a_nonce_is_known_after_a_restart_and_under_the_key_before() {
        let text = nonces(10).issue(at(0));

        let restarted = Nonces::new(vec![[8; 16], [7; 16]], 1, NonceLimits::default());
        assert!(matches!(restarted.find(text.as_bytes(), at(1000)), Found::Fresh(_)));
        let foreign = Nonces::new(vec![[9; 16]], 1, NonceLimits::default());
        assert_eq!(foreign.find(text.as_bytes(), at(1000)), Found::Stale);
    }

    #[test]
    fn a_nonce_ages_and_a_changed_one_is_none() {
        let nonces = nonces(10);
        let text = nonces.issue(at(0));

        assert!(matches!(nonces.find(text.as_bytes(), at(300_000)), Found::Fresh(_)));
        assert_eq!(nonces.find(text.as_bytes(), at(300_001)), Found::Stale);
        assert_eq!(nonces.find(text.as_bytes(), at(-60_001)), Found::Stale);
        let later = format!("f{}", &text[1..]);
        for broken in [
            &later,
            &text[1..],
            "",
            "+00000000000000000000000000000000000000000000000000000000000000f",
        ] {
            assert_eq!(nonces.find(broken.as_bytes(), at(0)), Found::Stale);
        }
    }

    #[test]
    fn a_count_is_good_once_and_may_overtake() {
        let nonces = nonces(10);
        let nonce = fresh(&nonces, at(0));

        assert_eq!(nonces.note(nonce, Some(1), 1, at(0)), Use::New);
        assert_eq!(nonces.note(nonce, Some(3), 3, at(0)), Use::New);
        assert_eq!(nonces.note(nonce, Some(2), 2, at(0)), Use::New);
        assert_eq!(nonces.note(nonce, Some(2), 2, at(0)), Use::Copy);
        assert_eq!(nonces.note(nonce, Some(2), 99, at(0)), Use::Replay);
        assert_eq!(nonces.note(nonce, Some(200), 200, at(0)), Use::New);
        assert_eq!(nonces.note(nonce, Some(4), 4, at(0)), Use::Replay);
        assert_eq!(nonces.note(nonce, Some(0), 0, at(0)), Use::Replay);
        assert_eq!(nonces.note(nonce, Some(u32::MAX), 5, at(0)), Use::New);
    }

    #[test]
    fn without_a_count_a_nonce_is_good_for_one_request() {
        let nonces = nonces(10);
        let nonce = fresh(&nonces, at(0));

        assert_eq!(nonces.note(nonce, None, 1, at(0)), Use::New);
        assert_eq!(nonces.note(nonce, None, 1, at(0)), Use::Copy);
        assert_eq!(nonces.note(nonce, None, 2, at(0)), Use::Replay);
        assert_eq!(nonces.note(nonce, Some(1), 3, at(0)), Use::Replay);
    }

    #[test]
    fn memory_is_bounded_and_what_is_forgotten_is_not_fresh_again() {
        let nonces = nonces(100);
        let first = fresh(&nonces, at(0));
        assert_eq!(nonces.note(first, Some(1), 1, at(0)), Use::New);

        for ms in 1..1000 {
            let other = fresh(&nonces, at(ms));
            assert_eq!(nonces.note(other, Some(1), 1, at(ms)), Use::New, "{ms}");
        }

        assert_eq!(nonces.note(first, Some(1), 9, at(1000)), Use::Forgotten);
        let history = nonces.history.lock();
        assert!(history.recent.len() + history.before.len() <= 100);
    }

    #[test]
    fn a_nonce_in_use_is_remembered_over_a_turn() {
        let nonces = nonces(100);
        let kept = fresh(&nonces, at(0));

        for ms in 0..80 {
            let other = fresh(&nonces, at(ms));
            nonces.note(other, Some(1), 1, at(ms));
        }

        assert_eq!(nonces.note(kept, Some(1), 1, at(80)), Use::New);
        assert_eq!(nonces.note(kept, Some(1), 2, at(80)), Use::Replay);
    }
}
