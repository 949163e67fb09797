//! A change that was accepted, as rows.

use std::collections::HashMap;

use crate::license::distribution::Change;
use crate::license::{Group, Holder, License, LicenseId, World};

use super::records::{
    Row, delete, delete_group, delete_user, new_ids, next_id, put_claim, put_group, put_license,
    put_numbers, put_user,
};
use super::sql::{Conn, sql};
use super::{Error, Result};

/// The tables whose records are known by an id.
const NUMBERED: [&str; 5] = ["groups", "users", "licenses", "numbers", "claims"];
const GROUPS: usize = 0;
const USERS: usize = 1;
const LICENSES: usize = 2;
const NUMBERS: usize = 3;
const CLAIMS: usize = 4;

/// Gives every new record of the change (id 0, or a negative one by which other records of the change
/// refer to it) the id that it will have; these come back in order.
pub(super) async fn give_ids(conn: &mut Conn, change: &mut Change) -> Result<Vec<i64>> {
    let mut ids = [const { Vec::new() }; NUMBERED.len()];
    for ((table, count), ids) in NUMBERED.iter().zip(count_new(change)).zip(&mut ids) {
        if count > 0 {
            *ids = new_ids(conn, table, count).await?;
        }
    }
    Ok(give(change, ids.map(Vec::into_iter)))
}

/// The same with ids that nobody has, and that nobody is kept from taking.
pub(super) async fn lend_ids(conn: &mut Conn, change: &mut Change) -> Result<()> {
    let mut ids = [const { 0..0 }; NUMBERED.len()];
    for ((table, count), ids) in NUMBERED.iter().zip(count_new(change)).zip(&mut ids) {
        if count > 0 {
            *ids = next_id(conn, table).await?..i64::MAX;
        }
    }
    give(change, ids);
    Ok(())
}

/// How many new records there are of each table.
fn count_new(change: &mut Change) -> [i64; NUMBERED.len()] {
    let mut counts = [0; NUMBERED.len()];
    each_id(change, &mut |table, id| {
        if let Some(count) = counts.get_mut(table).filter(|_| *id <= 0) {
            *count += 1;
        }
    });
    counts
}

fn give(change: &mut Change, mut ids: [impl Iterator<Item = i64>; NUMBERED.len()]) -> Vec<i64> {
    let mut given = Vec::new();
    let mut known = HashMap::new();
    each_id(change, &mut |table, id| {
        if *id <= 0
            && let Some(next) = ids.get_mut(table).and_then(Iterator::next)
        {
            known.insert((table, *id), next);
            *id = next;
            given.push(next);
        }
    });
    each_reference(change, &mut |table, id| {
        if let Some(next) = known.get(&(table, *id)).filter(|_| *id < 0) {
            *id = *next;
        }
    });
    given
}

/// Shows the id of every record that may be new, with the place of its table in [`NUMBERED`]; then
/// the licenses of a new holder take over its id.
fn each_id(change: &mut Change, visit: &mut dyn FnMut(usize, &mut i64)) {
    match change {
        Change::AddGroup { group, licenses } | Change::EditGroup { group, licenses } => {
            visit(GROUPS, &mut group.id.0);
            for license in licenses {
                license.holder = Holder::Group(group.id);
                visit(LICENSES, &mut license.id.0);
            }
        }
        Change::AddUser { user, licenses } => {
            visit(USERS, &mut user.id.0);
            for license in licenses {
                license.holder = Holder::User(user.id);
                visit(LICENSES, &mut license.id.0);
            }
        }
        Change::AddLicense(license) => visit(LICENSES, &mut license.id.0),
        Change::AddNumbers(numbers) => {
            numbers.iter_mut().for_each(|number| visit(NUMBERS, &mut number.id.0));
        }
        Change::AddClaim(claim) => visit(CLAIMS, &mut claim.id.0),
        Change::All(changes) => changes.iter_mut().for_each(|change| each_id(change, visit)),
        _ => {}
    }
}

/// Shows every id by which a record of the change refers to another group or user.
fn each_reference(change: &mut Change, visit: &mut dyn FnMut(usize, &mut i64)) {
    let visit_holder = |holder: &mut Holder, visit: &mut dyn FnMut(usize, &mut i64)| match holder {
        Holder::Group(id) => visit(GROUPS, &mut id.0),
        Holder::User(id) => visit(USERS, &mut id.0),
    };
    match change {
        Change::AddGroup { group, .. } | Change::EditGroup { group, .. } => {
            group.parent.iter_mut().for_each(|parent| visit(GROUPS, &mut parent.0));
        }
        Change::MoveGroup { parent, .. } => visit(GROUPS, &mut parent.0),
        Change::AddUser { user, .. } | Change::EditUser { user } => {
            user.groups.iter_mut().for_each(|group| visit(GROUPS, &mut group.0));
        }
        Change::AddLicense(license) => visit_holder(&mut license.holder, visit),
        Change::AddNumbers(numbers) => {
            numbers.iter_mut().for_each(|number| visit_holder(&mut number.owner, visit));
        }
        Change::EditNumber(number) => visit_holder(&mut number.owner, visit),
        Change::AddClaim(claim) => visit(GROUPS, &mut claim.group.0),
        Change::All(changes) => changes.iter_mut().for_each(|one| each_reference(one, visit)),
        _ => {}
    }
}

/// Writes a change that `world` was found to allow; `world` is as it was before.
pub(super) async fn persist(conn: &mut Conn, world: &World, change: &Change) -> Result<()> {
    match change {
        Change::AddGroup { group, licenses } => {
            put_group(conn, group, Row::New).await?;
            put_licenses(conn, world, licenses).await
        }
        Change::EditGroup { group, licenses } => {
            put_group(conn, group, Row::Standing).await?;
            put_licenses(conn, world, licenses).await
        }
        Change::MoveGroup { group, parent } => {
            let old = world.tree.group(*group);
            let old = old.ok_or_else(|| Error::not_found("group", *group))?;
            let moved = Group { parent: Some(*parent), ..old.clone() };
            put_group(conn, &moved, Row::Standing).await
        }
        Change::RemoveGroup { group } => delete_group(conn, *group).await,
        Change::AddUser { user, licenses } => {
            put_user(conn, user, Row::New).await?;
            put_licenses(conn, world, licenses).await
        }
        Change::EditUser { user } => put_user(conn, user, Row::Standing).await,
        Change::RemoveUser { user } => delete_user(conn, *user).await,
        Change::AddLicense(license) => put_license(conn, license, Row::New).await,
        Change::EditLicense(license) => put_license(conn, license, Row::Standing).await,
        Change::SuspendLicense(id) => set_suspended(conn, *id, true).await,
        Change::ResumeLicense(id) => set_suspended(conn, *id, false).await,
        Change::RemoveLicense(id) => delete(conn, "licenses", id.0).await,
        Change::AddNumbers(numbers) => put_numbers(conn, numbers, Row::New).await,
        Change::EditNumber(number) => {
            put_numbers(conn, std::slice::from_ref(number), Row::Standing).await
        }
        Change::RemoveNumbers(ids) => {
            for id in ids {
                delete(conn, "numbers", id.0).await?;
            }
            Ok(())
        }
        Change::AddClaim(claim) => put_claim(conn, claim, Row::New).await,
        Change::RemoveClaim(id) => delete(conn, "claims", id.0).await,
        Change::All(changes) => {
            // Each step starts from what the ones before it left.
            let mut world = world.clone();
            for change in changes {
                Box::pin(persist(conn, &world, change)).await?;
                world.apply(change);
            }
            Ok(())
        }
    }
}

async fn put_licenses(conn: &mut Conn, world: &World, licenses: &[License]) -> Result<()> {
    for license in licenses {
        let stands = world.tree.license(license.id).is_some();
        put_license(conn, license, if stands { Row::Standing } else { Row::New }).await?;
    }
    Ok(())
}

async fn set_suspended(conn: &mut Conn, id: LicenseId, suspended: bool) -> Result<()> {
    sql("update licenses set suspended = ? where id = ?")
        .bind(suspended)
        .bind(id.0)
        .execute(conn)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{GroupId, Number, NumberId, NumberKind, User, UserId};

    #[test]
    fn what_refers_to_a_new_record_follows_it_to_its_id() {
        let number = |id, owner| Number {
            id: NumberId(id),
            aor: format!("sip:{id}@example.com"),
            owner: Holder::User(UserId(owner)),
            kind: NumberKind::Phone,
            password: None,
        };
        let user = |id, name: &str| {
            let user =
                User { id: UserId(id), name: name.into(), email: None, groups: vec![GroupId(7)] };
            Change::AddUser { user, licenses: Vec::new() }
        };
        let mut change = Change::All(vec![
            user(-1, "anna"),
            user(-2, "bob"),
            Change::AddNumbers(vec![number(0, -2), number(-9, -1), number(0, 5)]),
        ]);

        let given = give(&mut change, [const { 40..50 }; NUMBERED.len()]);

        assert_eq!(given, [40, 41, 40, 41, 42]);
        let Change::All(changes) = change else { unreachable!() };
        let Some(Change::AddNumbers(numbers)) = changes.last() else { unreachable!() };
        let owners: Vec<_> = numbers.iter().map(|number| number.owner).collect();
        assert_eq!(owners, [41, 40, 5].map(|id| Holder::User(UserId(id))));
    }
}
