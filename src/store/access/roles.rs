//! Roles: who is what in which group.

use std::collections::BTreeSet;

use crate::license::{Assignment, GroupId, Holder, Role, SERVER, UserId};

use super::super::sql::{Conn, sql};
use super::super::{Error, Result, Store, Terms};
use super::{expect_group, expect_user, rights, role_of, tree_of};

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
        check_place(one.what.role, Some(one.what.group))?;
        self.change_role(
            "insert into roles (user_id, role, group_id) values (?, ?, ?) on conflict do nothing",
            one,
            terms,
        )
        .await
    }

    /// Takes a role; whether they had it.
    pub async fn revoke_role(&self, one: &Assigned, terms: Terms<'_>) -> Result<bool> {
        self.change_role(
            "delete from roles where user_id = ? and role = ? and group_id = ?",
            one,
            terms,
        )
        .await
    }

    async fn change_role(&self, write: &str, one: &Assigned, terms: Terms<'_>) -> Result<bool> {
        let Assigned { user, what } = *one;
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let tree = tree_of(self, conn).await?;
        expect_group(&tree, what.group)?;
        expect_user(&tree, user)?;
        if !terms.by.viewer.sees(&tree, Holder::User(user)) {
            return Err(crate::license::Denial::Unseen.into());
        }
        rights::may_assign(&terms.by.viewer, &tree, what)?;
        let written =
            sql(write).bind(user.0).bind(what.role.name()).bind(what.group.0).execute(conn).await?;
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

/// The server is for server administrators, and they are for nothing less.
pub(super) fn check_place(role: Role, group: Option<GroupId>) -> Result<()> {
    let fault = match (role, group) {
        (Role::ServerAdministrator, Some(SERVER)) => return Ok(()),
        (Role::ServerAdministrator, _) => "a server administrator's group is /",
        (_, Some(SERVER)) => "on / there are only server administrators",
        (Role::User, None) | (_, Some(_)) => return Ok(()),
        (_, None) => "this role is for a group",
    };
    Err(Error::Invalid(fault.into()))
}

fn assigned(rows: Vec<(i64, String, i64)>) -> Result<BTreeSet<Assigned>> {
    let one = |(user, role, group): (i64, String, i64)| {
        let what = Assignment { role: role_of(&role)?, group: GroupId(group) };
        Ok(Assigned { user: UserId(user), what })
    };
    rows.into_iter().map(one).collect()
}
