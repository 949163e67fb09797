//! Passwords of people, as hashes.

use crate::license::{Assignment, UserId};

use super::super::sql::{Conn, sql};
use super::super::{Result, Store, Terms, audit};
use super::{expect_user, record, world_of};

impl Store {
    /// Sets somebody's password and ends the sessions that began with the old one.
    pub async fn set_password(&self, user: UserId, hash: &str, terms: Terms<'_>) -> Result<()> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        let world = world_of(self, conn).await?;
        expect_user(&world.tree, user)?;
        terms.by.viewer.may_edit_credentials(&world, user)?;
        let had_one = put(conn, user, hash).await?;
        sql("delete from sessions where user_id = ?").bind(user.0).execute(conn).await?;
        let entry = record::password(&world.tree, user, had_one);
        audit::record(conn, terms.made(), &[entry]).await?;
        writing.commit().await?;
        Ok(())
    }

    /// Who is called so, and the hash of their password where they have one.
    pub async fn password_of(&self, name: &str) -> Result<Option<(UserId, Option<String>)>> {
        let found: Option<(i64, Option<String>)> = sql("select users.id, password_hash from users
            left join credentials on credentials.user_id = users.id where users.name = ?")
        .bind(name)
        .optional(&mut self.conn().await?)
        .await?;
        Ok(found.map(|(id, hash)| (UserId(id), hash)))
    }

    /// Whether a server administrator can sign in.
    pub async fn has_administrator(&self) -> Result<bool> {
        has_administrator(&mut self.conn().await?).await
    }

    /// Who somebody is by now: the name, and what they are where.
    pub async fn person(&self, user: UserId) -> Result<Option<(String, Vec<Assignment>)>> {
        let mut conn = self.reading().await?;
        let name: Option<(String,)> =
            sql("select name from users where id = ?").bind(user.0).optional(&mut conn).await?;
        let roles = super::roles::of_user(&mut conn, user).await?;
        conn.commit().await?;
        Ok(name.map(|(name,)| (name, roles)))
    }
}

/// Writes the hash; whether there was one before.
pub(super) async fn put(conn: &mut Conn, user: UserId, hash: &str) -> Result<bool> {
    let had_one =
        sql("delete from credentials where user_id = ?").bind(user.0).execute(conn).await?;
    sql("insert into credentials (user_id, password_hash) values (?, ?)")
        .bind(user.0)
        .bind(hash)
        .execute(conn)
        .await?;
    Ok(had_one > 0)
}

/// Whether a server administrator can sign in.
pub(super) async fn has_administrator(conn: &mut Conn) -> Result<bool> {
    let (count,): (i64,) = sql("select count(*) from roles
        join users on users.id = roles.user_id
        join credentials on credentials.user_id = roles.user_id
        where role = 'server_administrator'")
    .one(conn)
    .await?;
    Ok(count > 0)
}
