//! Keys that the daemon signs with, made at first use, and small values that it keeps between starts.

use crate::license::Moment;

use super::sql::sql;
use super::{Error, Result, Store};

const KEY_BYTES: usize = 32;

/// A key for MACs: `current` signs; both verify.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    pub current: Vec<u8>,
    pub previous: Option<Vec<u8>>,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

impl Store {
    /// The key called `name`; made now if there is none.
    pub async fn secret(&self, name: &str, at: Moment) -> Result<Secret> {
        let mut writing = self.writing().await?;
        sql(
            "insert into secrets (name, current, rotated_at) values (?, ?, ?) on conflict (name) do nothing",
        )
        .bind(name)
        .bind(fresh_key()?)
        .bind(at.0)
        .execute(writing.conn())
        .await?;
        let (current, previous) = sql("select current, previous from secrets where name = ?")
            .bind(name)
            .one(writing.conn())
            .await?;
        writing.commit().await?;
        Ok(Secret { current, previous })
    }

    /// Makes a new key; the one until now still verifies.
    pub async fn rotate_secret(&self, name: &str, at: Moment) -> Result<Secret> {
        let mut writing = self.writing().await?;
        sql("update secrets set previous = current, current = ?, rotated_at = ? where name = ?")
            .bind(fresh_key()?)
            .bind(at.0)
            .bind(name)
            .execute(writing.conn())
            .await?;
        writing.commit().await?;
        self.secret(name, at).await
    }

    /// A value kept between starts.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let value = sql("select value from settings where name = ?")
            .bind(name)
            .optional(&mut self.conn().await?)
            .await?;
        Ok(value.map(|(value,)| value))
    }

    /// Keeps a value between starts.
    pub async fn set_setting(&self, name: &str, value: &str) -> Result<()> {
        let mut writing = self.writing().await?;
        sql(
            "insert into settings (name, value) values (?, ?) on conflict (name) do update set value = excluded.value",
        )
        .bind(name)
        .bind(value)
        .execute(writing.conn())
        .await?;
        writing.commit().await?;
        Ok(())
    }
}

fn fresh_key() -> Result<Vec<u8>> {
    let mut key = vec![0; KEY_BYTES];
    getrandom::fill(&mut key).map_err(|fault| {
        Error::Database(sqlx::Error::Io(std::io::Error::other(fault.to_string())))
    })?;
    Ok(key)
}
