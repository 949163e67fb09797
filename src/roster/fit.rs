//! Whether what a file asks for fits, and if not, the line from which on it doesn't. The rules are
//! distribution's own, asked again for ever fewer lines.

use std::collections::BTreeMap;

use crate::license::distribution::{self, Change, Listener, Obstacle, Refused, Warning};
use crate::license::{Holder, License, Number, User, UserId};

use super::Ground;
use super::fault::{Fault, Faults};

/// Refusals for which no sum is the reason that are looked for before the rest is left for another run.
const OTHERS: usize = 20;

/// One record that a line adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    pub line: u64,
    pub adds: Adds,
}

/// What a line adds. Ids below 0 stand for those that will be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Adds {
    User(User, Vec<License>),
    Number(Number),
}

/// All of them as one write.
pub fn change(units: &[Unit]) -> Change {
    let mut changes = Vec::new();
    let mut numbers: Vec<Number> = Vec::new();
    for unit in units {
        match &unit.adds {
            Adds::User(user, licenses) => {
                if !numbers.is_empty() {
                    changes.push(Change::AddNumbers(std::mem::take(&mut numbers)));
                }
                let (user, licenses) = (user.clone(), licenses.clone());
                changes.push(Change::AddUser { user, licenses });
            }
            Adds::Number(number) => numbers.push(number.clone()),
        }
    }
    if !numbers.is_empty() {
        changes.push(Change::AddNumbers(numbers));
    }
    Change::All(changes)
}

/// Checks all of them together. What does not fit is told by line; others' gates by their place.
pub fn check(ground: &Ground<'_>, units: &[Unit]) -> Result<Vec<Warning>, Faults> {
    let all = change(units);
    let listener = Listener::new(ground.viewer, ground.world, &all);
    let mut rest = units.to_vec();
    let mut faults = Faults::default();
    for _ in 0..OTHERS {
        match judged(ground, &rest) {
            Ok(warnings) if faults.is_empty() => {
                return Ok(warnings.into_iter().map(|one| listener.warning(one)).collect());
            }
            Ok(_) => break,
            Err(refused) if refused.obstacles.is_empty() => {
                let at = first_that_fails(ground, &rest, &|refused| refused.obstacles.is_empty());
                let Some(line) = rest.get(at).map(|unit| unit.line) else { break };
                faults.lines.push(Fault::of_line(line, listener.refused(refused).error));
                rest.retain(|unit| unit.line != line);
            }
            Err(refused) => {
                sums(ground, &rest, listener.refused(refused), &mut faults);
                break;
            }
        }
    }
    Err(faults.sorted())
}

fn judged(ground: &Ground<'_>, units: &[Unit]) -> Result<Vec<Warning>, Refused> {
    distribution::check(ground.world, &change(units), ground.at, false, ground.usage)
}

/// Each sum once, as whoever asked may read it, with the line from which on it does not fit.
fn sums(ground: &Ground<'_>, units: &[Unit], refused: Refused, faults: &mut Faults) {
    let homes = homes(units);
    for obstacle in refused.obstacles {
        let under: Vec<Unit> = units
            .iter()
            .filter(|unit| stands_under(ground, &homes, unit, obstacle.holder))
            .cloned()
            .collect();
        let same =
            |one: &Obstacle| (one.holder, &one.resource) == (obstacle.holder, &obstacle.resource);
        let at = first_that_fails(ground, &under, &|refused| refused.obstacles.iter().any(same));
        let unit = under.get(at).or(under.last()).or(units.first());
        let line = unit.map_or(0, |unit| unit.line);
        faults.lines.push(Fault::of_line(line, obstacle.without_allowance()));
        faults.obstacles.push(obstacle);
    }
}

/// The groups of users that are not in the tree yet.
fn homes(units: &[Unit]) -> BTreeMap<UserId, &User> {
    let users = units.iter().filter_map(|unit| match &unit.adds {
        Adds::User(user, _) => Some((user.id, user)),
        Adds::Number(_) => None,
    });
    users.collect()
}

fn stands_under(
    ground: &Ground<'_>,
    homes: &BTreeMap<UserId, &User>,
    unit: &Unit,
    gate: Holder,
) -> bool {
    let tree = &ground.world.tree;
    let in_groups = |user: &User| match gate {
        Holder::Group(gate) => user.groups.iter().any(|group| tree.stands_under(*group, gate)),
        Holder::User(id) => id == user.id,
    };
    match &unit.adds {
        Adds::User(user, _) => in_groups(user),
        Adds::Number(number) => match number.owner {
            Holder::User(id) if homes.contains_key(&id) => {
                homes.get(&id).is_some_and(|user| in_groups(user))
            }
            owner => tree.path(owner).contains(&gate),
        },
    }
}

/// The place of the first unit with which the ones before it are refused thus. More is never less
/// refused: all of them only add.
fn first_that_fails(ground: &Ground<'_>, units: &[Unit], thus: &dyn Fn(&Refused) -> bool) -> usize {
    let (mut good, mut bad) = (0, units.len());
    while bad > good + 1 {
        let middle = good.midpoint(bad);
        let head = units.get(..middle).unwrap_or_default();
        match judged(ground, head) {
            Err(refused) if thus(&refused) => bad = middle,
            _ => good = middle,
        }
    }
    bad.saturating_sub(1)
}
