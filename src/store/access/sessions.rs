//! Sessions: who signed in, until when.

use crate::license::{Assignment, Moment, UserId};

use super::super::sql::sql;
use super::super::{Result, Store};
use super::{SecretHash, hash_of, roles};

/// A session that begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    pub hash: SecretHash,
    pub csrf_hash: SecretHash,
    pub user: UserId,
    pub at: Moment,
    pub expires_at: Moment,
    pub from: String,
}

/// A session, and who its user is by now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub csrf_hash: SecretHash,
    pub user: UserId,
    pub name: String,
    pub roles: Vec<Assignment>,
    pub created_at: Moment,
    pub last_seen_at: Moment,
    pub expires_at: Moment,
}

impl Store {
    /// Begins a session; false where the password that it began with is no longer the one. Sessions
    /// that are over go.
    pub async fn begin_session(&self, new: &NewSession, password_hash: &str) -> Result<bool> {
        let mut writing = self.writing().await?;
        let conn = writing.conn();
        sql("delete from sessions where expires_at <= ?").bind(new.at.0).execute(conn).await?;
        let begun = sql("insert into sessions (hash, user_id, csrf_hash, created_at, last_seen_at,
                expires_at, from_where)
            select ?, user_id, ?, ?, ?, ?, ? from credentials
            where user_id = ? and password_hash = ?")
        .bind(new.hash.to_vec())
        .bind(new.csrf_hash.to_vec())
        .bind(new.at.0)
        .bind(new.at.0)
        .bind(new.expires_at.0)
        .bind(&*new.from)
        .bind(new.user.0)
        .bind(password_hash)
        .execute(conn)
        .await?;
        writing.commit().await?;
        Ok(begun > 0)
    }

    /// The session with this hash, over or not.
    pub async fn session(&self, hash: SecretHash) -> Result<Option<Session>> {
        let mut conn = self.reading().await?;
        let row: Option<(Vec<u8>, i64, String, i64, i64, i64)> =
            sql("select csrf_hash, users.id, users.name, created_at, last_seen_at, expires_at
                from sessions join users on users.id = sessions.user_id where hash = ?")
            .bind(hash.to_vec())
            .optional(&mut conn)
            .await?;
        let Some((csrf_hash, user, name, created_at, last_seen_at, expires_at)) = row else {
            return Ok(None);
        };
        let roles = roles::of_user(&mut conn, UserId(user)).await?;
        conn.commit().await?;
        Ok(Some(Session {
            csrf_hash: hash_of(csrf_hash)?,
            user: UserId(user),
            name,
            roles,
            created_at: Moment(created_at),
            last_seen_at: Moment(last_seen_at),
            expires_at: Moment(expires_at),
        }))
    }

    /// Ends a session; whether there was one.
    pub async fn end_session(&self, hash: SecretHash) -> Result<bool> {
        let mut writing = self.writing().await?;
        let ended = sql("delete from sessions where hash = ?")
            .bind(hash.to_vec())
            .execute(writing.conn())
            .await?;
        writing.commit().await?;
        Ok(ended > 0)
    }

    /// Notes when sessions were seen last, and until when they go on; nobody is told of that.
    pub async fn note_session_use(&self, seen: &[(SecretHash, Moment, Moment)]) -> Result<()> {
        let mut writing = self.writing().await?;
        for (hash, at, until) in seen {
            sql("update sessions set last_seen_at = ?, expires_at = ? where hash = ?")
                .bind(at.0)
                .bind(until.0)
                .bind(hash.to_vec())
                .execute(writing.conn())
                .await?;
        }
        writing.commit().await?;
        Ok(())
    }
}
