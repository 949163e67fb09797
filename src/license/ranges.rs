//! Ranges of user parts in one domain. Those of one length are nested or apart, so whatever covers a
//! value is found by climbing outwards from the last range that starts at or before it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::ClaimId;
use super::claims::Neighbours;

/// Digits that a range end may have; more would not fit the key, and no number plan needs them.
pub(super) const MAX_DIGITS: usize = 32;

/// The ranges of one domain, by length and start.
#[derive(Clone, Debug, Default)]
pub(super) struct Ranges(BTreeMap<RangeKey, RangeEntry>);

/// Wider ranges with the same start sort first, so whatever encloses a range sorts before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RangeKey {
    digits: usize,
    first: u128,
    last: Reverse<u128>,
}

#[derive(Clone, Copy, Debug)]
struct RangeEntry {
    claim: ClaimId,
    /// The narrowest range around this one.
    outer: Option<RangeKey>,
}

impl RangeKey {
    /// The ends of a range as people write them; `None` where they are none.
    pub fn parse(first: &str, last: &str) -> Option<Self> {
        let (len, first) = digits(first)?;
        let (same, last) = digits(last)?;
        (same == len && first <= last).then_some(Self { digits: len, first, last: Reverse(last) })
    }

    /// Whether a value of so many digits lies inside.
    pub fn covers(&self, digits: usize, value: u128) -> bool {
        self.digits == digits && self.first <= value && value <= self.last.0
    }

    fn encloses(&self, other: &Self) -> bool {
        self.digits == other.digits && self.first <= other.first && other.last.0 <= self.last.0
    }
}

/// A text of digits as its length and value.
pub(super) fn digits(text: &str) -> Option<(usize, u128)> {
    let plain = text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then_some(())?;
    Some((text.len(), text.parse().ok()?))
}

impl Ranges {
    /// Adds a range; those inside it climb to it first from now on.
    pub fn insert(&mut self, key: RangeKey, claim: ClaimId) {
        let outer = self.around(key);
        for (inner, entry) in self.0.range_mut(key..=end_of(key)) {
            if *inner != key && key.encloses(inner) && entry.outer == outer {
                entry.outer = Some(key);
            }
        }
        self.0.insert(key, RangeEntry { claim, outer });
    }

    /// Takes a range out; those inside it climb past it.
    pub fn remove(&mut self, key: RangeKey, claim: ClaimId) {
        let Some(entry) = self.0.get(&key).copied().filter(|entry| entry.claim == claim) else {
            return;
        };
        self.0.remove(&key);
        for (_, inner) in self.0.range_mut(key..=end_of(key)) {
            if inner.outer == Some(key) {
                inner.outer = entry.outer;
            }
        }
    }

    /// The claims, in order.
    pub fn iter(&self) -> impl Iterator<Item = ClaimId> {
        self.0.values().map(|entry| entry.claim)
    }

    /// The claim with the narrowest range that covers a value.
    pub fn covering(&self, digits: usize, value: u128) -> Option<ClaimId> {
        self.inmost(digits, value).map(|(_, entry)| entry.claim)
    }

    fn inmost(&self, digits: usize, value: u128) -> Option<(RangeKey, RangeEntry)> {
        let end = RangeKey { digits, first: value, last: Reverse(0) };
        let (key, entry) = self.0.range(..=end).next_back()?;
        let mut at = (*key, *entry);
        loop {
            if at.0.covers(digits, value) {
                return Some(at);
            }
            let outer = at.1.outer?;
            at = (outer, *self.0.get(&outer)?);
        }
    }

    /// The narrowest range strictly around `key`.
    fn around(&self, key: RangeKey) -> Option<RangeKey> {
        let (before, entry) = self.0.range(..key).next_back()?;
        let mut at = (*before, *entry);
        while !at.0.encloses(&key) {
            let outer = at.1.outer?;
            at = (outer, *self.0.get(&outer)?);
        }
        Some(at.0)
    }

    /// How a range would lie among these.
    pub fn neighbours(&self, key: RangeKey, itself: ClaimId) -> Neighbours {
        let mut found = Neighbours::default();
        let mut outer = self.around(key);
        while let Some(at) = outer.and_then(|outer| self.0.get(&outer)) {
            if at.claim != itself {
                found.around = Some(at.claim);
                break;
            }
            outer = at.outer;
        }
        // One that starts before the new one and ends inside it covers the new one's start.
        let mut crossing = self.inmost(key.digits, key.first);
        while let Some((at, entry)) = crossing {
            if !at.encloses(&key) && at.first < key.first && entry.claim != itself {
                found.clash = Some(entry.claim);
            }
            crossing = entry.outer.and_then(|at| Some((at, *self.0.get(&at)?)));
        }
        let start = RangeKey { last: Reverse(u128::MAX), ..key };
        for (at, entry) in self.0.range(start..=end_of(key)) {
            if entry.claim == itself || (at.encloses(&key) && *at != key) {
                continue;
            }
            if *at == key || !key.encloses(at) {
                found.clash = Some(entry.claim);
            } else {
                found.inside.push(entry.claim);
            }
        }
        found
    }
}

/// The last key that may lie inside `key`.
fn end_of(key: RangeKey) -> RangeKey {
    RangeKey { digits: key.digits, first: key.last.0, last: Reverse(0) }
}
