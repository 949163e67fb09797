//! Features at one gate, before and after a write: they may be handed down only where the gate has
//! them, for no longer than it has them; where the gate has no license, they rest.

use std::collections::BTreeMap;

use super::Obstacle;
use super::check::Comparison;
use super::sums::Finding;
use super::timeline::boundaries;
use crate::license::{Feature, FeatureSet, Holder, Moment};

/// What is missing from when, for the gate's items together.
#[derive(Default)]
struct Missing {
    up: BTreeMap<Feature, Moment>,
    down: BTreeMap<Feature, Moment>,
    later: BTreeMap<Feature, Moment>,
    /// From when the write hands it down.
    granted: BTreeMap<Feature, Moment>,
}

/// What one item has and the gate has, at one instant.
struct Pair {
    item: FeatureSet,
    gate: FeatureSet,
    licensed: bool,
}

impl Pair {
    fn missing(&self) -> FeatureSet {
        if self.licensed { self.item.without(self.gate) } else { FeatureSet::NONE }
    }
}

/// Every feature that the write hands down without having it, or takes away from under others.
pub(super) fn compare(both: &Comparison<'_>, gate: Holder) -> Vec<Finding> {
    let mut missing = Missing::default();
    let gate_changes = both.touched.contains(&gate);
    let changed = both.changed_items(gate);
    let items = both.after.items(gate);
    let looked_at = if gate_changes { &items.gates } else { &changed };
    let mut instants = boundaries(both.after, gate, both.at);
    instants.extend(boundaries(both.before, gate, both.at));
    for item in looked_at {
        let mut instants = instants.clone();
        instants.extend(boundaries(both.before, *item, both.at));
        instants.extend(boundaries(both.after, *item, both.at));
        instants.sort_unstable();
        instants.dedup();
        for at in instants {
            compare_item(both, gate, *item, at, &mut missing);
        }
    }
    tell(both, gate, missing)
}

fn compare_item(both: &Comparison<'_>, gate: Holder, item: Holder, at: Moment, to: &mut Missing) {
    let was_gate = both.before.is_gate(gate);
    let was_item = both.was_item(item, gate);
    let old = Pair {
        item: if was_item {
            both.before.granted_allowance(item, at).features
        } else {
            FeatureSet::NONE
        },
        gate: both.before.granted_allowance(gate, at).features,
        licensed: was_gate && both.before.is_licensed(gate, at),
    };
    let has_license = both.after.is_licensed(gate, at);
    // A gate that loses its license now, or is switched on without one, leaves nothing to rest; one
    // that is switched on with an upcoming license only is judged from its start.
    let switched_on = !was_gate && both.after.next_start(gate, at).is_none();
    let bare = at == both.at && !has_license && (old.licensed || switched_on);
    let new = Pair {
        item: both.after.granted_allowance(item, at).features,
        gate: both.after.granted_allowance(gate, at).features,
        licensed: has_license || bare,
    };
    let handed = new.item.without(old.item);
    handed.iter().for_each(|feature| first(&mut to.granted, feature, at));
    for feature in new.missing().without(old.missing()).iter() {
        let taken = old.gate.contains(feature) && old.licensed;
        let map = if !was_gate {
            &mut to.down
        } else if handed.contains(feature) && !taken {
            &mut to.up
        } else if taken {
            &mut to.down
        } else {
            &mut to.later
        };
        first(map, feature, at);
    }
}

fn first(map: &mut BTreeMap<Feature, Moment>, feature: Feature, at: Moment) {
    let held = map.entry(feature).or_insert(at);
    *held = at.min(*held);
}

fn tell(both: &Comparison<'_>, gate: Holder, missing: Missing) -> Vec<Finding> {
    let obstacle = |feature: Feature, last_date_that_fits| Obstacle {
        gate: both.after.name_of(gate),
        holder: gate,
        resource: feature.name().into(),
        granted: Some(0),
        left: 0,
        asked: 1,
        last_date_that_fits,
    };
    let mut findings = Vec::new();
    for (feature, at) in missing.up {
        let from = missing.granted.get(&feature);
        let fits_before = from.is_some_and(|from| *from < at) || both.could_end(gate, at);
        let last = fits_before.then_some(at);
        findings.push(Finding::Up(obstacle(feature, last)));
    }
    for (feature, at) in missing.down {
        findings.push(Finding::Down { obstacle: obstacle(feature, None), over: Some(1), at });
    }
    for (feature, at) in missing.later {
        findings.push(Finding::Later { gate, resource: feature.name().into(), over: 1, at });
    }
    findings
}
