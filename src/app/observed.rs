//! Gauges: what the tree and the seats look like at the moment of a scrape.

use std::sync::Weak;
use std::sync::atomic::Ordering;

use super::answers::Desk;
use crate::quota::GateView;
use crate::telemetry::{GroupGauge, Observed};

/// Looks at the daemon; holds it no longer than a look.
pub struct Gauges {
    desk: Weak<Desk>,
}

impl Gauges {
    /// Looks at `desk`.
    pub fn new(desk: &std::sync::Arc<Desk>) -> Self {
        Self { desk: std::sync::Arc::downgrade(desk) }
    }
}

impl Observed for Gauges {
    fn groups(&self, max: usize) -> (Vec<GroupGauge>, usize) {
        let Some(desk) = self.desk.upgrade() else { return (Vec::new(), 0) };
        let mut gates = desk.quota.gates(desk.clock.now());
        let count = gates.len();
        // The fullest first.
        gates.sort_by_key(|gate| gate.sip.limit - gate.sip.in_use);
        gates.truncate(max);
        let world = desk.shared.world();
        let gauge = |gate: &GateView| GroupGauge {
            group: world.tree.name_of(gate.holder),
            sip_in_use: gate.sip.in_use,
            sip_limit: Some(gate.sip.limit),
            apps_in_use: gate.apps.in_use,
            apps_limit: Some(gate.apps.limit),
        };
        (gates.iter().map(gauge).collect(), count)
    }

    fn tree_age_secs(&self) -> f64 {
        let Some(desk) = self.desk.upgrade() else { return 0.0 };
        // Relaxed: a gauge.
        let fresh = desk.shared.stats.fresh_at_ms.load(Ordering::Relaxed);
        let age_ms = desk.clock.now().wall_ms.saturating_sub(fresh).max(0);
        age_ms as f64 / 1000.0
    }

    fn gauges(&self) -> Vec<(&'static str, &'static str, i64)> {
        let Some(desk) = self.desk.upgrade() else { return Vec::new() };
        let signed = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
        let stats = &desk.shared.stats;
        let numbers = desk.shared.world().directory.len();
        vec![
            ("pending", "Requests that hold a reservation", signed(desk.proxy.pending() as u64)),
            ("numbers", "Numbers that somebody created", signed(numbers as u64)),
            (
                "misplaced_records",
                "Records that have no place in the tree",
                signed(stats.misplaced.load(Ordering::Relaxed)),
            ),
            (
                "store_failures",
                "Looks at the store that failed since the start",
                signed(stats.failures.load(Ordering::Relaxed)),
            ),
        ]
    }
}
