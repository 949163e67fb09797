//! User-Agents, one copy of each for all seats of the process. It forgets those that no seat names.

use std::collections::HashSet;
use std::sync::{Arc, LazyLock};

use parking_lot::Mutex;

/// So many are kept without a look at which are still named.
const UNSEEN: usize = 1_024;

#[derive(Default)]
struct Agents {
    held: HashSet<Arc<[u8]>>,
    /// How many there may be before the unnamed ones go.
    bound: usize,
}

/// The one copy of this User-Agent.
pub(super) fn shared(agent: &[u8]) -> Arc<[u8]> {
    static AGENTS: LazyLock<Mutex<Agents>> = LazyLock::new(Mutex::default);
    let mut agents = AGENTS.lock();
    if let Some(held) = agents.held.get(agent) {
        return Arc::clone(held);
    }
    if agents.held.len() >= agents.bound.max(UNSEEN) {
        agents.held.retain(|held| Arc::strong_count(held) > 1);
        // Doubled, so that the look is paid for by those that came since.
        agents.bound = agents.held.len() * 2;
    }
    let fresh: Arc<[u8]> = agent.into();
    agents.held.insert(Arc::clone(&fresh));
    fresh
}
