//! One write against all rules: the records by themselves, who owns what, sums, features, seats.

use std::collections::BTreeSet;

use super::sums::Finding;
use super::{Change, Refused, Warning, features, ownership, records, seats, sums};
use crate::license::{Holder, Moment, Tree, Usage, World};

/// Both sides of a write, and where to look.
pub(super) struct Comparison<'a> {
    pub before: &'a Tree,
    pub after: &'a Tree,
    pub at: Moment,
    /// Whose place or holdings the write changes.
    pub touched: BTreeSet<Holder>,
    /// Those among them whose seats come to stand under other groups.
    pub moved: Vec<Holder>,
}

/// Whether `change` may be written at `at`. `force` lets it leave too little for what is below, where
/// the rules allow that; what then does not fit is a warning.
pub fn check(
    world: &World,
    change: &Change,
    at: Moment,
    force: bool,
    usage: &dyn Usage,
) -> Result<Vec<Warning>, Refused> {
    let mut after = world.clone();
    let mut touched = BTreeSet::new();
    let mut gates = BTreeSet::new();
    let mut warnings = Vec::new();
    for step in change.steps() {
        warnings.extend(records::check(&after, step, at, force, usage)?);
        note(&after, step, &mut touched, &mut gates);
        after.apply(step);
        note(&after, step, &mut touched, &mut gates);
        ownership::check(&after, step)?;
    }

    let moves = |holder: &Holder| {
        let old = world.tree.ancestry(*holder);
        !old.is_empty() && old != after.tree.ancestry(*holder)
    };
    let moved = touched.iter().copied().filter(moves).collect();
    let both = Comparison { before: &world.tree, after: &after.tree, at, touched, moved };
    let gates: Vec<Holder> = gates.into_iter().filter(|gate| after.tree.is_gate(*gate)).collect();
    let mut findings = Vec::new();
    for gate in &gates {
        findings.extend(sums::compare(&both, *gate));
        findings.extend(features::compare(&both, *gate));
        findings.extend(seats::in_use(&both, *gate, usage));
    }
    warnings.extend(judge(&both, findings, force && change.may_be_forced())?);
    for gate in &gates {
        warnings.extend(seats::revoked(&both, *gate, usage));
    }
    Ok(warnings)
}

/// The gates on the path of whatever a step touches; once before it and once after.
fn note(
    world: &World,
    step: &Change,
    touched: &mut BTreeSet<Holder>,
    gates: &mut BTreeSet<Holder>,
) {
    for holder in step.touches(world) {
        // Numbers may be thousands of one owner.
        if touched.insert(holder) || !matches!(step, Change::AddNumbers(_)) {
            gates.extend(world.tree.path(holder));
        }
    }
}

fn judge(
    both: &Comparison<'_>,
    findings: Vec<Finding>,
    forced: bool,
) -> Result<Vec<Warning>, Refused> {
    let (mut obstacles, mut warnings) = (Vec::new(), Vec::new());
    for finding in findings {
        match finding {
            Finding::Up(obstacle) => obstacles.push(obstacle),
            Finding::Down { obstacle, .. } if !forced => obstacles.push(obstacle),
            Finding::Down { obstacle, over, at } => {
                let Some(by) = over else { continue };
                let gate = obstacle.holder;
                warnings.push(Warning::over(both.after, gate, &obstacle.resource, by, at));
            }
            Finding::Later { gate, resource, over, at } => {
                warnings.push(Warning::over(both.after, gate, &resource, over, at));
            }
        }
    }
    if obstacles.is_empty() { Ok(warnings) } else { Err(Refused::by(obstacles)) }
}

impl Comparison<'_> {
    /// Items of the gate that the write changes or brings.
    pub fn changed_items(&self, gate: Holder) -> Vec<Holder> {
        let old: BTreeSet<Holder> = self.before.items(gate).gates.iter().copied().collect();
        let is_new = |item: &Holder| !old.contains(item) || !self.before.is_gate(gate);
        let items = self.after.items(gate);
        let changed = items.gates.iter().copied();
        changed.filter(|item| self.touched.contains(item) || is_new(item)).collect()
    }

    /// Whether a license that the write adds or edits, of an item of the gate, is still valid just
    /// before `at`: then it would fit with that instant as its end.
    pub fn could_end(&self, gate: Holder, at: Moment) -> bool {
        let items = self.changed_items(gate);
        let mut licenses = items.iter().flat_map(|item| self.after.licenses_of(*item));
        at > self.at
            && licenses.any(|license| {
                self.before.license(license.id) != Some(&**license)
                    && license.validity.contains(Moment(at.0 - 1))
            })
    }

    /// Whether `item` was an item of the gate before the write.
    pub fn was_item(&self, item: Holder, gate: Holder) -> bool {
        self.before.is_gate(gate)
            && self.before.is_gate(item)
            && self.before.gates_above(item).into_iter().map(Holder::Group).any(|at| at == gate)
    }

    /// Whether `holder` stood under `gate` before the write.
    pub fn stood_under(&self, holder: Holder, gate: Holder) -> bool {
        match gate {
            Holder::Group(gate) => self.before.ancestry(holder).contains(&gate),
            Holder::User(_) => gate == holder,
        }
    }
}
