//! A change that was accepted, as rows.

use crate::license::distribution::Change;
use crate::license::{Group, License, LicenseId, World};

use super::records::{
    delete, delete_group, delete_user, next_id, put_claim, put_group, put_license, put_numbers,
    put_user,
};
use super::sql::{Conn, sql};
use super::{Error, Result};

/// Gives every new record of the change (id 0) the id that it will have; these come back in order.
pub(super) async fn give_ids(conn: &mut Conn, change: &mut Change) -> Result<Vec<i64>> {
    let mut ids = Ids {
        groups: next_id(conn, "groups").await?,
        users: next_id(conn, "users").await?,
        licenses: next_id(conn, "licenses").await?,
        numbers: next_id(conn, "numbers").await?,
        claims: next_id(conn, "claims").await?,
        given: Vec::new(),
    };
    ids.give(change);
    Ok(ids.given)
}

struct Ids {
    groups: i64,
    users: i64,
    licenses: i64,
    numbers: i64,
    claims: i64,
    given: Vec<i64>,
}

impl Ids {
    fn give(&mut self, change: &mut Change) {
        let given = &mut self.given;
        let mut next = |id: &mut i64, next: &mut i64| {
            if *id == 0 {
                *id = *next;
                *next += 1;
                given.push(*id);
            }
        };
        match change {
            Change::AddGroup { group, licenses } | Change::EditGroup { group, licenses } => {
                next(&mut group.id.0, &mut self.groups);
                for license in licenses {
                    license.holder = crate::license::Holder::Group(group.id);
                    next(&mut license.id.0, &mut self.licenses);
                }
            }
            Change::AddUser { user, licenses } => {
                next(&mut user.id.0, &mut self.users);
                for license in licenses {
                    license.holder = crate::license::Holder::User(user.id);
                    next(&mut license.id.0, &mut self.licenses);
                }
            }
            Change::AddLicense(license) => next(&mut license.id.0, &mut self.licenses),
            Change::AddNumbers(numbers) => {
                numbers.iter_mut().for_each(|number| next(&mut number.id.0, &mut self.numbers));
            }
            Change::AddClaim(claim) => next(&mut claim.id.0, &mut self.claims),
            Change::All(changes) => changes.iter_mut().for_each(|change| self.give(change)),
            _ => {}
        }
    }
}

/// Writes a change that `world` was found to allow; `world` is as it was before.
pub(super) async fn persist(conn: &mut Conn, world: &World, change: &Change) -> Result<()> {
    match change {
        Change::AddGroup { group, licenses } | Change::EditGroup { group, licenses } => {
            put_group(conn, group).await?;
            put_licenses(conn, licenses).await
        }
        Change::MoveGroup { group, parent } => {
            let old = world.tree.group(*group);
            let old = old.ok_or_else(|| Error::not_found("group", *group))?;
            put_group(conn, &Group { parent: Some(*parent), ..old.clone() }).await
        }
        Change::RemoveGroup { group } => delete_group(conn, *group).await,
        Change::AddUser { user, licenses } => {
            put_user(conn, user).await?;
            put_licenses(conn, licenses).await
        }
        Change::EditUser { user } => put_user(conn, user).await,
        Change::RemoveUser { user } => delete_user(conn, *user).await,
        Change::AddLicense(license) | Change::EditLicense(license) => {
            put_license(conn, license).await
        }
        Change::SuspendLicense(id) => set_suspended(conn, *id, true).await,
        Change::ResumeLicense(id) => set_suspended(conn, *id, false).await,
        Change::RemoveLicense(id) => delete(conn, "licenses", id.0).await,
        Change::AddNumbers(numbers) => put_numbers(conn, numbers).await,
        Change::EditNumber(number) => put_numbers(conn, std::slice::from_ref(number)).await,
        Change::RemoveNumbers(ids) => {
            for id in ids {
                delete(conn, "numbers", id.0).await?;
            }
            Ok(())
        }
        Change::AddClaim(claim) => put_claim(conn, claim).await,
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

async fn put_licenses(conn: &mut Conn, licenses: &[License]) -> Result<()> {
    for license in licenses {
        put_license(conn, license).await?;
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
