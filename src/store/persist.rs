//! A change that was accepted, as rows.

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

/// Gives every new record of the change (id 0) the id that it will have; these come back in order.
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
        if let Some(count) = counts.get_mut(table).filter(|_| *id == 0) {
            *count += 1;
        }
    });
    counts
}

fn give(change: &mut Change, mut ids: [impl Iterator<Item = i64>; NUMBERED.len()]) -> Vec<i64> {
    let mut given = Vec::new();
    each_id(change, &mut |table, id| {
        if *id == 0
            && let Some(next) = ids.get_mut(table).and_then(Iterator::next)
        {
            *id = next;
            given.push(next);
        }
    });
    given
}

/// Shows the id of every record that may be new, with the place of its table in [`NUMBERED`]; then
/// the licenses of a new holder take over its id.
fn each_id(change: &mut Change, visit: &mut dyn FnMut(usize, &mut i64)) {
    const GROUPS: usize = 0;
    const USERS: usize = 1;
    const LICENSES: usize = 2;
    const NUMBERS: usize = 3;
    const CLAIMS: usize = 4;
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
