//! The change feed: which keys to read again. Triggers write it, so any writer is heard.

mod postgres;
mod sqlite;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;

use crate::license::{ClaimId, GroupId, LicenseId, UserId};

use super::open::Place;
use super::position::{At, Position};
use super::sql::{Conn, Dialect};
use super::{Result, Store};

pub(super) use sqlite::last_change;

/// Between two steps of pruning other writers get in.
const PAUSE: Duration = Duration::from_millis(110);
/// More than this is read in the next look: an import must not hold up a license.
const AT_ONCE: i64 = 10_000;
/// Deleting in steps keeps the writer's lock short.
const PRUNED_AT_ONCE: i64 = 5_000;
/// The entity of a table that was emptied at once.
const EVERYTHING: &str = "everything";

/// Which record changed. Members and addresses count as their user's and their group's. In this
/// order records can be read again: whoever is referred to comes first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Group(GroupId),
    User(UserId),
    License(LicenseId),
    Claim(ClaimId),
    /// By address, so that one that is gone can still be found where it was.
    Number(String),
    /// Roles, passwords, sessions or tokens: whoever keeps any of them forgets all.
    Access,
}

/// What to read again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// The rows with these keys were written or removed.
    Keys(BTreeSet<Key>),
    /// The feed has a hole (rows were removed by hand, an older file was put back): everything.
    Everything,
}

/// A reader of the feed.
pub struct Feed {
    reader: Reader,
    /// Somebody wrote.
    wake: Arc<Notify>,
}

enum Reader {
    Sqlite(sqlite::Reader),
    Postgres(postgres::Reader),
}

impl Feed {
    /// Follows the changes after `position`, which is what a read of everything came with.
    pub async fn open(store: &Store, position: &Position) -> Result<Self> {
        let wake = Arc::clone(&store.wake);
        let reader = match &store.place {
            Place::File(file) => Reader::Sqlite(sqlite::Reader::open(&file.path, position).await?),
            Place::Server { pool, .. } => {
                Reader::Postgres(postgres::Reader::open(pool, &wake, position))
            }
        };
        Ok(Self { reader, wake })
    }

    /// Looks once: what changed since the last look, if anything did.
    pub async fn look(&mut self) -> Result<Option<Changed>> {
        match &mut self.reader {
            Reader::Sqlite(reader) => reader.look().await,
            Reader::Postgres(reader) => reader.look().await,
        }
    }

    /// Resolves when it is time to look: at once when this process or a notification says so, else
    /// after a pause.
    pub async fn due(&self) {
        let pause = match &self.reader {
            Reader::Sqlite(_) => sqlite::LOOK,
            Reader::Postgres(reader) => reader.pause(),
        };
        tokio::select! {
            () = self.wake.notified() => {}
            () = tokio::time::sleep(pause) => {}
        }
    }

    /// The last change that was handed out.
    pub fn position(&self) -> Position {
        match &self.reader {
            Reader::Sqlite(reader) => reader.position(),
            Reader::Postgres(reader) => reader.position(),
        }
    }

    /// Goes on from `position`, after everything was read again.
    pub fn restart(&mut self, position: &Position) {
        match &mut self.reader {
            Reader::Sqlite(reader) => reader.restart(position),
            Reader::Postgres(reader) => reader.restart(position),
        }
    }
}

impl Store {
    /// Removes what the reader at `position` no longer needs.
    pub async fn prune_feed(&self, position: &Position) -> Result<()> {
        match &position.0 {
            At::Change(last) => sqlite::prune(self, *last).await,
            At::Snapshot(read) => postgres::prune(self, read).await,
        }
    }
}

/// Where a reader of the caller's transaction is.
pub(super) async fn position(conn: &mut Conn) -> Result<Position> {
    match conn.dialect() {
        Dialect::Sqlite => Ok(Position(At::Change(last_change(conn).await?))),
        Dialect::Postgres => postgres::position(conn).await,
    }
}

/// All that changed after `position`, as the caller's transaction sees it.
pub(super) async fn since(conn: &mut Conn, position: &Position) -> Result<Option<Changed>> {
    match conn.dialect() {
        Dialect::Sqlite => sqlite::since(conn, position).await,
        Dialect::Postgres => postgres::since(conn, position).await,
    }
}

fn keys(rows: impl Iterator<Item = (String, String)>) -> Changed {
    Changed::Keys(rows.filter_map(|(entity, key)| key_of(&entity, key)).collect())
}

fn key_of(entity: &str, key: String) -> Option<Key> {
    if entity == "numbers" {
        return Some(Key::Number(key));
    }
    if entity == "access" {
        return Some(Key::Access);
    }
    let id = key.parse().ok()?;
    Some(match entity {
        "groups" => Key::Group(GroupId(id)),
        "users" => Key::User(UserId(id)),
        "licenses" => Key::License(LicenseId(id)),
        "claims" => Key::Claim(ClaimId(id)),
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
