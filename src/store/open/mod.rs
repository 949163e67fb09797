//! Opening: the database is there and up to date before anybody reads it.

mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::{Arc, OnceLock};

use chrono_tz::Tz;
use sqlx::PgPool;
use tokio::sync::{Mutex, Notify};

use super::pool::Pool;
use super::{Keeper, Result};

pub(super) use postgres::Server;
use sqlite::File;

pub(super) use sqlite::{fresh_records, fresh_seats, options as file_options};

/// The database of record.
pub struct Store {
    pub(super) pool: Pool,
    pub(super) place: Place,
    /// Writers of this process queue here in order of arrival: SQLite's own lock is not fair, and an
    /// import would starve the others.
    pub(super) turn: Mutex<()>,
    /// Something was written, by us or, on PostgreSQL, by anybody.
    pub(super) wake: Arc<Notify>,
    /// For groups that neither have nor inherit one.
    pub(super) zone: Tz,
    /// Who has the records at hand.
    pub(super) keeper: OnceLock<Keeper>,
}

/// Where a database is.
pub(super) enum Place {
    File(File),
    Server { server: Arc<Server>, pool: PgPool },
}

impl Store {
    /// Opens `url` (`sqlite:FILE`, a relative file is relative to `base` and created on first use; or
    /// `postgres://USER:PASSWORD@HOST/DATABASE`) and brings its schema up to date.
    pub async fn open(url: &str, base: &Path) -> Result<Self> {
        let (pool, place) = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            let server = Server::at(url)?;
            let pool = server.open().await?;
            (Pool::Postgres(pool.clone()), Place::Server { server: Arc::new(server), pool })
        } else {
            let (pool, file) = File::open(sqlite::file_of(url, base)?).await?;
            (pool, Place::File(file))
        };
        Ok(Self {
            pool,
            place,
            turn: Mutex::new(()),
            wake: Arc::default(),
            zone: Tz::UTC,
            keeper: OnceLock::new(),
        })
    }

    /// The same with the time zone of groups that neither have nor inherit one; UTC without this.
    pub fn with_zone(self, zone: Tz) -> Self {
        Self { zone, ..self }
    }

    /// Fails where another file stands in the place of the one that was opened; a server has none.
    pub fn check_file(&self) -> Result<()> {
        match &self.place {
            Place::File(file) => file.check(),
            Place::Server { .. } => Ok(()),
        }
    }

    /// `sqlite` or `postgres`.
    pub fn kind(&self) -> &'static str {
        match &self.place {
            Place::File(_) => "sqlite",
            Place::Server { .. } => "postgres",
        }
    }

    /// Where the database is, in words that hold no secret.
    pub fn address(&self) -> String {
        match &self.place {
            Place::File(file) => file.path.display().to_string(),
            Place::Server { server, .. } => server.shown.clone(),
        }
    }

    /// Ends all connections; the files are then whole without their WAL.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
mod tests {
    use super::super::base::{Base, on_both};

    on_both!(two_openers_may_meet_a_new_database);

    async fn two_openers_may_meet_a_new_database(first: Base) {
        let mut base = first;
        for _ in 0..10 {
            let (one, two) = tokio::join!(base.store(), base.store());

            one.check_file().unwrap();
            two.close().await;
            base = base.another().await;
        }
    }
}
