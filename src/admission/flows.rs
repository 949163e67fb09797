//! Which numbers registered by which flow: how a caller is known whatever its From says. A hint
//! only: whoever asks looks at the seat itself. Bounded, by the newest numbers of each flow.

use std::net::SocketAddr;
use std::sync::Arc;

use dashmap::DashMap;
use smallvec::SmallVec;

/// A way to a device: its address over UDP, its connection over TCP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowKey {
    Address(SocketAddr),
    Connection(u64),
}

/// The newest numbers that are remembered of one flow: gateways register hundreds, and name the one
/// that calls in From.
const NUMBERS_PER_FLOW: usize = 8;
/// Flows remembered in all; beyond it callers are known by From and credentials.
const FLOWS: usize = 4_000_000;

/// The index.
pub struct Flows {
    numbers: DashMap<FlowKey, SmallVec<[Arc<str>; 1]>, foldhash::fast::RandomState>,
}

impl Flows {
    pub(super) fn new() -> Self {
        Self { numbers: DashMap::default() }
    }

    /// A number registered by this flow.
    pub fn note(&self, flow: FlowKey, aor: &str) {
        if let Some(mut numbers) = self.numbers.get_mut(&flow) {
            if !numbers.iter().any(|known| **known == *aor) {
                if numbers.len() >= NUMBERS_PER_FLOW {
                    numbers.remove(0);
                }
                numbers.push(aor.into());
            }
            return;
        }
        if self.numbers.len() < FLOWS {
            self.numbers.insert(flow, SmallVec::from_elem(aor.into(), 1));
        }
    }

    /// The numbers that registered by this flow, newest first.
    pub fn numbers(&self, flow: FlowKey) -> SmallVec<[Arc<str>; 1]> {
        let mut numbers = self.numbers.get(&flow).map(|found| found.clone()).unwrap_or_default();
        numbers.reverse();
        numbers
    }

    /// A number is no longer reached by this flow.
    pub fn forget(&self, flow: FlowKey, aor: &str) {
        self.numbers.remove_if_mut(&flow, |_, numbers| {
            numbers.retain(|known| **known != *aor);
            numbers.is_empty()
        });
    }

    /// A connection ended.
    pub fn drop_flow(&self, flow: FlowKey) {
        self.numbers.remove(&flow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_remembers_its_newest_numbers() {
        let flows = Flows::new();
        let flow = FlowKey::Connection(7);

        for number in 0..20 {
            flows.note(flow, &format!("sip:{number}@a"));
            flows.note(flow, &format!("sip:{number}@a"));
        }

        let numbers = flows.numbers(flow);
        assert_eq!(numbers.len(), NUMBERS_PER_FLOW);
        assert_eq!(&*numbers[0], "sip:19@a");
        for number in 12..20 {
            flows.forget(flow, &format!("sip:{number}@a"));
        }
        assert!(flows.numbers.is_empty());
    }
}
