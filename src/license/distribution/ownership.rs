//! Whose numbers may lie where: a claim or a created number inside another group's claim is refused
//! unless that group stands above. A refusal says that it is taken, not by whom.

use std::collections::BTreeSet;

use super::{Change, Refused};
use crate::license::{Claim, ClaimId, GroupId, Holder, Number, UserId, World};

/// Judges one step of a write by the records as they are after it.
pub(super) fn check(after: &World, step: &Change) -> Result<(), Refused> {
    match step {
        Change::AddNumbers(numbers) => {
            numbers.iter().try_for_each(|number| check_number(after, number))
        }
        Change::EditNumber(number) => check_number(after, number),
        Change::AddClaim(claim) => check_claim(after, claim),
        Change::MoveGroup { group, .. } => check_subtree(after, *group),
        Change::AddUser { user, .. } | Change::EditUser { user } => {
            check_numbers_of(after, Holder::User(user.id))
        }
        _ => Ok(()),
    }
}

fn check_number(after: &World, number: &Number) -> Result<(), Refused> {
    match may_lie_in_claim(after, &number.aor, number.owner) {
        true => Ok(()),
        false => Err(Refused::because(format!("{} is taken", number.aor))),
    }
}

fn check_numbers_of(after: &World, owner: Holder) -> Result<(), Refused> {
    let mut numbers = after.directory.numbers_of(owner);
    match numbers.find(|(aor, _)| !may_lie_in_claim(after, aor, owner)) {
        Some((aor, _)) => Err(Refused::because(format!("{aor} would lie in what others claim"))),
        None => Ok(()),
    }
}

/// Whether others claim a number that somebody in `groups` would own: the narrowest claim over it is of
/// a group that does not stand above all of them. Wider ones then do too: they were judged when the
/// narrower came.
pub fn is_claimed_by_others(world: &World, aor: &str, groups: &[GroupId]) -> bool {
    let above = |group| groups.iter().all(|place| world.tree.stands_under(*place, group));
    world.directory.claim_over(aor).is_some_and(|claim| !above(claim.group))
}

fn may_lie_in_claim(after: &World, aor: &str, owner: Holder) -> bool {
    !is_claimed_by_others(after, aor, after.tree.places(owner))
}

/// For a user in several groups each group must stand under it.
fn stands_under(world: &World, owner: Holder, above: GroupId) -> bool {
    world.tree.places(owner).iter().all(|group| world.tree.stands_under(*group, above))
}

fn check_claim(after: &World, claim: &Claim) -> Result<(), Refused> {
    let taken = || Refused::because(format!("{} is taken", claim.rule));
    let neighbours = after.directory.neighbours(&claim.rule, claim.id);
    let group_of = |id: ClaimId| after.directory.claim(id).map(|claim| claim.group);
    let around = neighbours.around.and_then(group_of);
    if around.is_some_and(|above| !after.tree.stands_under(claim.group, above)) {
        return Err(taken());
    }
    let mut inside = neighbours.inside.iter().filter_map(|id| group_of(*id));
    if inside.any(|below| !after.tree.stands_under(below, claim.group)) {
        return Err(taken());
    }
    // What already lies inside a narrower claim was judged with that one.
    let mut numbers = after.directory.numbers().filter(|(aor, _)| claim.rule.covers(aor));
    if numbers.any(|(_, entry)| !stands_under(after, entry.owner, claim.group)) {
        return Err(taken());
    }
    Ok(())
}

/// After a move: numbers and claims of the subtree against the claims around them.
fn check_subtree(after: &World, top: GroupId) -> Result<(), Refused> {
    let groups: BTreeSet<GroupId> = after.tree.subtree(top).into_iter().collect();
    let users: BTreeSet<UserId> =
        groups.iter().flat_map(|group| after.tree.members(*group)).collect();
    let owners = groups.iter().copied().map(Holder::Group);
    owners
        .chain(users.into_iter().map(Holder::User))
        .try_for_each(|owner| check_numbers_of(after, owner))?;
    let mut claims = after.directory.claims().filter(|claim| groups.contains(&claim.group));
    let foreign = claims.find(|claim| {
        let around = after.directory.neighbours(&claim.rule, claim.id).around;
        let above = around.and_then(|id| after.directory.claim(id)).map(|claim| claim.group);
        above.is_some_and(|above| !after.tree.stands_under(claim.group, above))
    });
    match foreign {
        Some(claim) => Err(Refused::because(format!(
            "the claim {} would lie in what others claim",
            claim.rule
        ))),
        None => Ok(()),
    }
}
