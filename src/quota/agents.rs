//! User-Agents, one copy of each for all seats of the process. It forgets those that no seat names. Some
//! devices put a number of their own in, by which each would be another: that is told apart.

use std::borrow::Borrow;
use std::collections::HashSet;
use std::hash::{Hash, Hasher};
use std::ops::{Deref, Range};
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

/// A run of hexadecimal digits so long is a device's own: a serial number, a hardware address.
const OWN: usize = 8;

/// Where the last number of a device's own stands, among the first 255 bytes.
pub(super) fn own(agent: &[u8]) -> Option<Range<usize>> {
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b':';
    let (mut rest, mut found) = (0, None);
    for run in agent.split_inclusive(|byte| !is_part(byte)) {
        let len = run.iter().filter(|byte| is_part(byte)).count();
        let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
        if len >= OWN && digits > 0 && u8::try_from(rest).is_ok() {
            found = Some(rest..rest + len);
        }
        rest += run.len();
    }
    found
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
    fn what_is_a_devices_own_is_told_apart() {
        let own = |agent: &'static str| own(agent.as_bytes()).map(|range| &agent[range]);

        assert_eq!(own("Door/4.12 (build 20260114; unit 00012345)"), Some("00012345"));
        assert_eq!(own("snomD785/10.1.46 000413aBcDeF"), Some("000413aBcDeF"));
        assert_eq!(own("00:04:13:ab:cd:ef"), Some("00:04:13:ab:cd:ef"));
        assert_eq!(own("LinphoneAndroid/5.2.3 (Pixel 7) LinphoneSDK/5.3.47"), None);
        assert_eq!(own("feedfacedeadbeef 1234567"), None);
        assert_eq!(own(""), None);
    }

    #[test]
    fn one_user_agent_is_kept_once() {
        let [one, other] = [shared(b"same"), shared(b"same")];

        assert!(Arc::ptr_eq(&one.0, &other.0));
        assert_eq!(*one, *b"same");
    }
}
