//! Set-up links: whoever holds one makes the first administrator, once.

use crate::license::{Moment, Role, SERVER, User, UserId};

use super::super::records::{new_ids, put_user};
use super::super::sql::sql;
use super::super::{Error, Result, Store};
use super::{SecretHash, passwords};

/// The first administrator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstAdministrator {
    pub name: String,
    pub email: Option<String>,
    pub password_hash: String,
}

impl Store {
    /// Keeps a link, in place of those before it.
    pub async fn put_setup(&self, hash: SecretHash, expires_at: Moment) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        sql("delete from setups").execute(conn).await?;
        sql("insert into setups (hash, expires_at) values (?, ?)")
            .bind(hash.to_vec())
            .bind(expires_at.0)
            .execute(conn)
            .await?;
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

    /// Makes the first administrator, a member of the server, and uses the link up.
    pub async fn set_up(
        &self,
        hash: SecretHash,
        first: &FirstAdministrator,
        at: Moment,
    ) -> Result<UserId> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let used = sql("delete from setups where hash = ? and expires_at > ?")
            .bind(hash.to_vec())
            .bind(at.0)
            .execute(conn)
            .await?;
        if used == 0 {
            return Err(Error::not_found("set-up link", "so, or it was used or is over"));
        }
        let taken: Option<(i64,)> =
            sql("select id from users where name = ?").bind(&*first.name).optional(conn).await?;
        if taken.is_some() {
            return Err(Error::Invalid(format!("a user is called {:?} already", first.name)));
        }
        let id = new_ids(conn, "users", 1).await?.into_iter().next();
        let id = UserId(id.ok_or_else(|| Error::not_found("id", "free"))?);
        let user =
            User { id, name: first.name.clone(), email: first.email.clone(), groups: vec![SERVER] };
        put_user(conn, &user).await?;
        sql("insert into roles (user_id, role, group_id) values (?, ?, ?)")
            .bind(id.0)
            .bind(Role::ServerAdministrator.name())
            .bind(SERVER.0)
            .execute(conn)
            .await?;
        passwords::put(conn, id, &first.password_hash).await?;
        sql("delete from setups").execute(conn).await?;
        writing.commit().await?;
        Ok(id)
    }
}
