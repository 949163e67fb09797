//! Roles: who is what in which group.

use std::collections::BTreeSet;

use crate::license::{Assignment, GroupId, UserId};

use super::super::sql::{Conn, sql};
use super::super::{Error, Result, Store, Terms, audit};
use super::{expect_group, expect_user, record, role_of, world_of};

/// A role that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Assigned {
    pub user: UserId,
    pub what: Assignment,
}

/// A role that is left over from a user or a group that is gone is no role.
const ROLES: &str = "select user_id, role, group_id from roles
    where exists (select 1 from users where users.id = roles.user_id)
        and exists (select 1 from groups where groups.id = roles.group_id)";

impl Store {
    /// Gives somebody a role; whether they did not have it yet.
    pub async fn assign_role(&self, one: &Assigned, terms: Terms<'_>) -> Result<bool> {
        self.change_role(one, true, terms).await
    }

    /// Takes a role; whether they had it.
    pub async fn revoke_role(&self, one: &Assigned, terms: Terms<'_>) -> Result<bool> {
        self.change_role(one, false, terms).await
    }

    async fn change_role(&self, one: &Assigned, give: bool, terms: Terms<'_>) -> Result<bool> {
        let Assigned { user, what } = *one;
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let world = world_of(self, conn).await?;
        expect_group(&world.tree, what.group)?;
        expect_user(&world.tree, user)?;
        let write = if give {
            terms.by.viewer.may_assign(&world, what.role, what.group, user)?;
            if let Some(fault) = what.fault(&world.tree) {
                return Err(Error::Invalid(fault.into()));
            }
            "insert into roles (user_id, role, group_id) values (?, ?, ?) on conflict do nothing"
        } else {
            terms.by.viewer.may_withdraw(&world, what.role, what.group)?;
            "delete from roles where user_id = ? and role = ? and group_id = ?"
        };
        let written =
            sql(write).bind(user.0).bind(what.role.name()).bind(what.group.0).execute(conn).await?;
        if written > 0 {
            let entry = record::role(&world.tree, one, give);
            audit::record(conn, terms.made(), &[entry]).await?;
        }
        writing.commit().await?;
        Ok(written > 0)
    }

    /// What somebody is, wherever.
    pub async fn roles_of(&self, user: UserId) -> Result<Vec<Assignment>> {
        of_user(&mut self.conn().await?, user).await
    }

    /// Who is what in this very group.
    pub async fn roles_at(&self, group: GroupId) -> Result<BTreeSet<Assigned>> {
        let rows = sql(format!("{ROLES} and group_id = ?")).bind(group.0);
        assigned(rows.all(&mut self.conn().await?).await?)
    }

    /// All roles that anybody has.
    pub async fn roles(&self) -> Result<BTreeSet<Assigned>> {
        assigned(sql(ROLES).all(&mut self.conn().await?).await?)
    }
}

/// What somebody is, in the caller's transaction.
pub(super) async fn of_user(conn: &mut Conn, user: UserId) -> Result<Vec<Assignment>> {
    let rows = sql(format!("{ROLES} and user_id = ?")).bind(user.0).all(conn).await?;
    Ok(assigned(rows)?.into_iter().map(|one| one.what).collect())
}

/// The roles whose group or user, as `column` says, is among `ids`.
pub(super) async fn referring(
    conn: &mut Conn,
    column: &'static str,
    ids: &[i64],
) -> Result<BTreeSet<Assigned>> {
    let mut select = sql(format!("{ROLES} and {column} in "));
    select.push_list(ids.iter().copied());
    assigned(select.all(conn).await?)
}

fn assigned(rows: Vec<(i64, String, i64)>) -> Result<BTreeSet<Assigned>> {
    let one = |(user, role, group): (i64, String, i64)| {
        let what = Assignment { role: role_of(&role)?, group: GroupId(group) };
        Ok(Assigned { user: UserId(user), what })
    };
    rows.into_iter().map(one).collect()
}
