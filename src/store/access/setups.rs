//! Set-up links: whoever holds one makes the first administrator, once.

use crate::license::distribution::Change;
use crate::license::{Assignment, Moment, Role, SERVER, User, UserId};

use super::super::persist::give_ids;
use super::super::sql::{Conn, sql};
use super::super::write::checked;
use super::super::{Error, Result, Store, Terms, audit};
use super::{Assigned, SecretHash, passwords, record, world_of};

/// The first administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstAdministrator {
    pub name: String,
    pub email: Option<String>,
    pub password_hash: String,
}

impl Store {
    /// Keeps a link, in place of those before it. The terms are those of a server administrator.
    pub async fn put_setup(
        &self,
        hash: SecretHash,
        expires_at: Moment,
        terms: Terms<'_>,
    ) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        sql("delete from setups").execute(conn).await?;
        sql("insert into setups (hash, expires_at) values (?, ?)")
            .bind(hash.to_vec())
            .bind(expires_at.0)
            .execute(conn)
            .await?;
        audit::record(conn, terms.made(), &[record::setup(expires_at)]).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Whether a link is good.
    pub async fn is_setup(&self, hash: SecretHash, at: Moment) -> Result<bool> {
        let (count,): (i64,) = sql("select count(*) from setups where hash = ? and expires_at > ?")
            .bind(hash.to_vec())
            .bind(at.0)
            .one(&mut self.conn().await?)
            .await?;
        Ok(count > 0)
    }

    /// Makes the first administrator, a member of the server, and uses the links up. The terms are
    /// those of a server administrator: the link is the right.
    pub async fn set_up(
        &self,
        hash: SecretHash,
        first: &FirstAdministrator,
        terms: Terms<'_>,
    ) -> Result<UserId> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let used = sql("delete from setups where hash = ? and expires_at > ?")
            .bind(hash.to_vec())
            .bind(terms.at.0)
            .execute(conn)
            .await?;
        if used == 0 {
            return Err(Error::NotFound("the set-up link was used, or its time is over".into()));
        }
        let taken: Option<(i64,)> =
            sql("select id from users where name = ?").bind(&*first.name).optional(conn).await?;
        if taken.is_some() {
            return Err(Error::Invalid(format!("a user is called {:?} already", first.name)));
        }
        let (name, email) = (first.name.clone(), first.email.clone());
        let user = User { id: UserId(0), name, email, groups: vec![SERVER] };
        let mut change = Change::AddUser { user, licenses: Vec::new() };
        let id = give_ids(conn, &mut change).await?.first().copied().unwrap_or_default();
        checked(self, conn, &change, terms).await?;
        self.empower(conn, UserId(id), &first.password_hash, terms).await?;
        sql("delete from setups").execute(conn).await?;
        writing.commit().await?;
        Ok(UserId(id))
    }

    async fn empower(
        &self,
        conn: &mut Conn,
        user: UserId,
        password_hash: &str,
        terms: Terms<'_>,
    ) -> Result<()> {
        let what = Assignment { role: Role::ServerAdministrator, group: SERVER };
        sql("insert into roles (user_id, role, group_id) values (?, ?, ?)")
            .bind(user.0)
            .bind(what.role.name())
            .bind(what.group.0)
            .execute(conn)
            .await?;
        passwords::put(conn, user, password_hash).await?;
        let tree = world_of(self, conn).await?.tree;
        let entries = [
            record::role(&tree, &Assigned { user, what }, true),
            record::password(&tree, user, false),
        ];
        audit::record(conn, terms.made(), &entries).await
    }
}
