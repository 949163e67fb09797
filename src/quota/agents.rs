//! User-Agents, one copy of each for all seats of the process. It forgets those that no seat names.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

/// So many are kept without a look at which are still named.
const UNSEEN: usize = 1_024;

/// A User-Agent; one word where it is kept, for it is read far less than it is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Agent(Arc<Box<[u8]>>);

impl Deref for Agent {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Borrow<[u8]> for Agent {
    fn borrow(&self) -> &[u8] {
        self
    }
}

// As its bytes do: it is looked for by them.
impl Hash for Agent {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

#[derive(Default)]
struct Agents {
    held: HashSet<Agent>,
    /// How many there may be before the unnamed ones go.
    bound: usize,
}

/// The one copy of this User-Agent.
pub(super) fn shared(agent: &[u8]) -> Agent {
    static AGENTS: LazyLock<Mutex<Agents>> = LazyLock::new(Mutex::default);
    let mut agents = AGENTS.lock();
    if let Some(held) = agents.held.get(agent) {
        return held.clone();
    }
    if agents.held.len() >= agents.bound.max(UNSEEN) {
        agents.held.retain(|held| Arc::strong_count(&held.0) > 1);
        // Doubled, so that the look is paid for by those that came since.
        agents.bound = agents.held.len() * 2;
    }
    let fresh = Agent(Arc::new(agent.into()));
    agents.held.insert(fresh.clone());
    fresh
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn one_user_agent_is_kept_once() {
        let [one, other] = [shared(b"same"), shared(b"same")];

        assert!(Arc::ptr_eq(&one.0, &other.0));
        assert_eq!(*one, *b"same");
    }
}
