//! The built-in registrar: an upstream that answers at once. It keeps bindings by address-of-record
//! and checks digests; it refuses to know sockets, stores, clocks and licenses.

use dashmap::DashMap;
use foldhash::fast::RandomState;

use crate::clock::Now;

mod binding;
mod digest;
mod nonce;
mod rules;
mod texts;

pub use binding::{Asked, Bound, CallId, Failure, Limits, Registering, Saved, Target, Which};
pub use digest::{Asking, Digest, Offer, Outcome};
pub use nonce::{Key, NonceLimits};

use binding::Binding;

/// Room for so many changed numbers is kept when none is left.
const KEYS_KEPT: usize = 16_384;

type Keys = DashMap<Box<str>, (), RandomState>;

/// All bindings of all numbers.
pub struct Registrar {
    limits: Limits,
    numbers: DashMap<Box<str>, Box<[Binding]>, RandomState>,
    /// Numbers whose bindings differ from what is saved: keys, so never more than there are numbers.
    dirty: Keys,
    /// Those of them that have lost all their bindings: they can wait.
    gone: Keys,
}

impl Registrar {
    /// A registrar without bindings.
    pub fn new(limits: Limits) -> Self {
        Self { limits, numbers: DashMap::default(), dirty: Keys::default(), gone: Keys::default() }
    }

    /// Answers one REGISTER (RFC 3261 10.3): all of it happens or none. Gives every binding of the
    /// number as it is now.
    pub fn register(&self, request: &Registering<'_>) -> Result<Vec<Bound>, Failure> {
        let now = request.now;
        if request.is_query() {
            let bindings = self.numbers.get(request.aor);
            return Ok(bindings.map_or_else(Vec::new, |bindings| bound(&bindings, now)));
        }
        let mut bindings = self.numbers.entry(request.aor.into()).or_default();
        *bindings = exact(rules::apply(&bindings, request, &self.limits)?);
        // Under the entry's lock, so that a drain sees either the old bindings or the mark.
        if bindings.iter().any(Binding::needs_saving) {
            self.mark_dirty(request.aor);
        }
        Ok(bound(&bindings, now))
    }

    /// Where a request for the number goes: highest q first, the newest first among equals.
    pub fn targets(&self, aor: &str, now: Now) -> Vec<Target> {
        let Some(bindings) = self.numbers.get(aor) else { return Vec::new() };
        let mut live: Vec<&Binding> = bindings.iter().filter(|one| one.is_live(now)).collect();
        live.sort_by_key(|one| (std::cmp::Reverse(one.q), std::cmp::Reverse(one.updated_ms)));
        live.into_iter().map(Binding::target).collect()
    }

    /// Every binding of the number.
    pub fn bindings(&self, aor: &str, now: Now) -> Vec<Bound> {
        self.numbers.get(aor).map_or_else(Vec::new, |bindings| bound(&bindings, now))
    }

    /// Drops the bindings of one device; says whether there were any.
    pub fn remove(&self, aor: &str, which: &Which<'_>) -> bool {
        let Some(mut bindings) = self.numbers.get_mut(aor) else { return false };
        let before = bindings.len();
        retain(&mut bindings, |one| !one.is(which));
        let removed = bindings.len() < before;
        if removed {
            self.mark(aor, bindings.is_empty());
        }
        removed
    }

    /// Drops every binding of the number; says whether there were any.
    pub fn drop_all(&self, aor: &str) -> bool {
        let Some((_, bindings)) = self.numbers.remove(aor) else { return false };
        self.mark(aor, true);
        !bindings.is_empty()
    }

    /// Forgets what ended; gives the numbers that lost a binding. What is past its time is never
    /// given out before either; this returns its memory.
    pub fn expire(&self, now: Now) -> Vec<String> {
        let mut changed = Vec::new();
        self.numbers.retain(|aor, bindings| {
            let before = bindings.iter().filter(|one| !one.is_gone()).count();
            retain(bindings, |one| one.is_remembered(now));
            if bindings.iter().filter(|one| !one.is_gone()).count() < before {
                changed.push((aor.to_string(), bindings.is_empty()));
            }
            !bindings.is_empty()
        });
        for (aor, gone) in &changed {
            self.mark(aor, *gone);
        }
        changed.into_iter().map(|(aor, _)| aor).collect()
    }

    /// How many numbers have a binding or had one in the last half minute.
    pub fn numbers(&self) -> usize {
        self.numbers.len()
    }

    /// Takes up to `most` numbers whose bindings are to be saved, with all that each has now: an
    /// empty list is one to be deleted. If saving fails, [`Self::mark_dirty`] puts them back.
    pub fn drain(&self, most: usize, now: Now) -> Vec<(String, Vec<Saved>)> {
        self.take(&self.dirty, most, now)
    }

    /// The same of numbers that lost all their bindings otherwise than by a request: nobody waits for
    /// that.
    pub fn drain_gone(&self, most: usize, now: Now) -> Vec<(String, Vec<Saved>)> {
        let mut gone = self.take(&self.gone, most, now);
        // Who came back since then is, or was, in the other queue.
        gone.retain(|(_, saved)| saved.is_empty());
        gone
    }

    fn take(&self, keys: &Keys, most: usize, now: Now) -> Vec<(String, Vec<Saved>)> {
        // No guard of `keys` is held while one of `numbers` is taken: `register` nests the other
        // way round.
        let taken: Vec<Box<str>> = keys.iter().take(most).map(|key| key.key().clone()).collect();
        let save = |aor: Box<str>| {
            keys.remove(&aor);
            let saved = self.numbers.get_mut(&aor).map_or_else(Vec::new, |mut bindings| {
                bindings.iter_mut().filter_map(|one| one.save(now)).collect()
            });
            (aor.into(), saved)
        };
        let drained = taken.into_iter().map(save).collect();
        // After many at once: they would hold the memory of a map as large as all bindings.
        if keys.capacity() > KEYS_KEPT && keys.is_empty() {
            keys.shrink_to_fit();
        }
        drained
    }

    /// Has the number saved with the next batch.
    pub fn mark_dirty(&self, aor: &str) {
        self.mark(aor, false);
    }

    fn mark(&self, aor: &str, gone: bool) {
        let keys = if gone { &self.gone } else { &self.dirty };
        if !keys.contains_key(aor) {
            keys.insert(aor.into(), ());
        }
    }

    /// Takes back what was saved of one number; gives how many bindings live. A binding is kept a
    /// tenth of its time longer, because a renewal within that tenth was not saved.
    pub fn restore(&self, aor: &str, saved: &[Saved], now: Now) -> usize {
        let restored: Box<[Binding]> =
            saved.iter().filter_map(|one| Binding::restore(one, now)).collect();
        let count = restored.len();
        if count > 0 {
            self.numbers.insert(aor.into(), restored);
        }
        if count < saved.len() {
            self.mark_dirty(aor);
        }
        count
    }
}

/// The same in as much room as they take. A list that is only cut leaves what was cut off behind in small
/// pieces, and one is kept for each number.
fn exact(bindings: Vec<Binding>) -> Box<[Binding]> {
    if bindings.len() == bindings.capacity() {
        return bindings.into();
    }
    let mut kept = Vec::with_capacity(bindings.len());
    kept.extend(bindings);
    kept.into()
}

/// Keeps those that `stay`; none is moved where all do.
fn retain(bindings: &mut Box<[Binding]>, stay: impl Fn(&Binding) -> bool) {
    if !bindings.iter().all(&stay) {
        *bindings = std::mem::take(bindings).into_iter().filter(stay).collect();
    }
}

fn bound(bindings: &[Binding], now: Now) -> Vec<Bound> {
    bindings.iter().filter(|one| one.is_live(now)).map(|one| one.bound(now)).collect()
}
