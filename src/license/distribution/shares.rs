//! A gate that shares, before and after a write: each gate among its items may have up to all of it.

use super::check::Comparison;
use super::sums::{Figures, Kind, Side, Worse};
use crate::license::Moment;

/// What is worse share by share. Raised shares are judged one by one, for a larger one elsewhere must
/// not hide them; where the gate itself gives less, or again, the largest stands for all.
pub(super) fn compare(
    both: &Comparison<'_>,
    before: &Side<'_>,
    after: &Side<'_>,
    instants: &[Moment],
) -> Vec<Worse> {
    let (gate, resource) = (after.gate, after.resource);
    let mut found = Vec::new();
    for item in both.changed_items(gate) {
        let was_item = both.was_item(item, gate);
        for at in instants {
            let share = both.after.granted_allowance(item, *at).of(resource);
            let old_share =
                if was_item { both.before.granted_allowance(item, *at).of(resource) } else { 0 };
            let (old, new) = (before.at(*at), after.at(*at));
            found.extend(raised(*at, &old, &new, old_share, share));
        }
    }
    found.extend(instants.iter().filter_map(|at| lowered(*at, &before.at(*at), &after.at(*at))));
    found
}

fn raised(at: Moment, old: &Figures, new: &Figures, old_share: i64, share: i64) -> Option<Worse> {
    let held = if old.licensed { (old_share - old.allowance).max(0) } else { 0 };
    let over = share - new.allowance.max(old.allowance);
    (new.licensed && share > old_share && over > held).then(|| Worse {
        at,
        kind: Kind::Up,
        by: over - held,
        over,
        granted: new.allowance,
        left: old.left(),
        asked: share - old_share,
    })
}

fn lowered(at: Moment, old: &Figures, new: &Figures) -> Option<Worse> {
    let (old, new) = (Figures { numbers: 0, ..*old }, Figures { numbers: 0, ..*new });
    if !new.licensed || new.excess() <= old.excess() || new.grants > old.grants {
        return None;
    }
    let taken = Worse::taken(at, &old, &new);
    let kind = if new.allowance < old.allowance { Kind::Down } else { Kind::Later };
    Some(Worse { kind, ..taken })
}
