//! Who was let in lately, in memory: a read needs no database. What changed is forgotten at once, what
//! did not is looked up again after a second, and for a while it stands in for a database that is away.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::license::{Assignments, Moment, Viewer};
use crate::store::SecretHash;

/// How old an answer may be while the database is there, and while it is away.
const FRESH_MS: u64 = 1_000;
const STALE_MS: u64 = 600_000;
/// How long a database that did not answer is left alone.
const AWAY_MS: u64 = 1_000;
/// With so many entries those that nobody may use any more go.
const MANY: usize = 1_000;

/// Somebody, as one of their secrets says.
#[derive(Debug)]
pub struct Somebody {
    /// `token:ci`, `user:anna`.
    pub who: String,
    pub viewer: Viewer,
    pub read_only: bool,
    pub expires_at: Option<Moment>,
    pub way: Way,
}

/// How they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Way {
    Token { id: i64 },
    Session { csrf_hash: SecretHash, created_at: Moment },
}

/// Which state of the rows a look-up began with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age(u64);

/// Whoever was looked up.
#[derive(Debug, Default)]
pub struct Known(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// Counts how often everything was forgotten.
    age: u64,
    people: HashMap<SecretHash, (u64, Arc<Somebody>)>,
    roles: Option<(u64, Arc<Assignments>)>,
    away_until: u64,
}

impl Known {
    /// Somebody who was looked up within a second.
    pub fn fresh(&self, hash: &SecretHash, now: u64) -> Option<Arc<Somebody>> {
        self.within(hash, now, FRESH_MS)
    }

    /// Somebody who was looked up before the database went away.
    pub fn stale(&self, hash: &SecretHash, now: u64) -> Option<Arc<Somebody>> {
        self.within(hash, now, STALE_MS)
    }

    fn within(&self, hash: &SecretHash, now: u64, limit: u64) -> Option<Arc<Somebody>> {
        let state = self.0.lock();
        let (at, found) = state.people.get(hash)?;
        (now.saturating_sub(*at) < limit).then(|| Arc::clone(found))
    }

    /// The roles of all, read within a second.
    pub fn roles(&self, now: u64) -> Option<Arc<Assignments>> {
        let state = self.0.lock();
        let (at, roles) = state.roles.as_ref()?;
        (now.saturating_sub(*at) < FRESH_MS).then(|| Arc::clone(roles))
    }

    /// To be asked for before a look-up.
    pub fn age(&self) -> Age {
        Age(self.0.lock().age)
    }

    /// Keeps the roles that were read.
    pub fn keep_roles(&self, begun: Age, now: u64, roles: &Arc<Assignments>) {
        let mut state = self.0.lock();
        if state.age == begun.0 {
            state.roles = Some((now, Arc::clone(roles)));
        }
    }

    /// Keeps what a look-up found, unless something changed since it began; nobody is forgotten.
    pub fn keep(&self, begun: Age, now: u64, hash: SecretHash, found: Option<&Arc<Somebody>>) {
        let mut state = self.0.lock();
        state.away_until = 0;
        match found {
            Some(found) if state.age == begun.0 => {
                if state.people.len() > MANY {
                    state.people.retain(|_, (at, _)| now.saturating_sub(*at) < STALE_MS);
                }
                state.people.insert(hash, (now, Arc::clone(found)));
            }
            Some(_) => {}
            None => {
                state.people.remove(&hash);
            }
        }
    }

    /// Forgets all: something changed.
    pub fn forget(&self) {
        let mut state = self.0.lock();
        state.age += 1;
        state.people.clear();
        state.roles = None;
    }

    /// Leaves the database alone for a while; whether it was there until now.
    pub fn note_away(&self, now: u64) -> bool {
        let mut state = self.0.lock();
        let first = state.away_until == 0;
        state.away_until = now + AWAY_MS;
        first
    }

    /// Whether the database did not answer a moment ago.
    pub fn is_away(&self, now: u64) -> bool {
        now < self.0.lock().away_until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody() -> Arc<Somebody> {
        Arc::new(Somebody {
            who: "token:ci".into(),
            viewer: Viewer::server(),
            read_only: false,
            expires_at: None,
            way: Way::Token { id: 1 },
        })
    }

    #[test]
    fn an_answer_is_good_for_a_second_and_for_minutes_without_a_database() {
        let known = Known::default();

        known.keep(known.age(), 0, [1; 32], Some(&somebody()));

        assert!(known.fresh(&[1; 32], 999).is_some());
        assert!(known.fresh(&[1; 32], 1_000).is_none());
        assert!(known.stale(&[1; 32], 599_999).is_some());
        assert!(known.stale(&[1; 32], 600_000).is_none());
        assert!(known.fresh(&[2; 32], 0).is_none());
    }

    #[test]
    fn what_was_forgotten_is_not_kept_by_a_look_up_that_began_before() {
        let known = Known::default();
        known.keep(known.age(), 0, [1; 32], Some(&somebody()));
        let begun = known.age();

        known.forget();
        known.keep(begun, 0, [2; 32], Some(&somebody()));
        known.keep_roles(begun, 0, &Arc::default());

        assert!(known.stale(&[1; 32], 0).is_none());
        assert!(known.stale(&[2; 32], 0).is_none());
        assert!(known.roles(0).is_none());
    }

    #[test]
    fn a_database_that_is_away_is_left_alone_for_a_second() {
        let known = Known::default();

        assert!(known.note_away(0));
        assert!(!known.note_away(500));

        assert!(known.is_away(1_499) && !known.is_away(1_500));
        known.keep(known.age(), 1_500, [1; 32], None);
        assert!(!known.is_away(1_500));
    }
}
