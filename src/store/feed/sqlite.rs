//! The feed of a file. `pragma data_version` moves whenever another connection commits, whoever owns
//! it, so a look costs microseconds while nothing happens.

use std::path::Path;
use std::time::Duration;

use sqlx::ConnectOptions;

use super::super::open::file_options;
use super::super::position::{At, Position};
use super::super::sql::{Conn, sql};
use super::super::{Result, Store};
use super::{AT_ONCE, Changed, PAUSE, PRUNED_AT_ONCE, keys};

/// How often the file is looked at.
pub(super) const LOOK: Duration = Duration::from_millis(100);
/// Rows that stay behind the reader, for people who ask what happened.
const KEPT: i64 = 10_000;

/// A reader, on a connection that never writes.
pub(super) struct Reader {
    conn: Conn,
    version: Option<i64>,
    position: i64,
}

impl Reader {
    pub async fn open(path: &Path, position: &Position) -> Result<Self> {
        let conn = file_options(path).connect().await?;
        let conn = Conn::Sqlite(Box::new(Box::new(conn)));
        Ok(Self { conn, version: None, position: number(position) })
    }

    pub async fn look(&mut self) -> Result<Option<Changed>> {
        let (version,): (i64,) = sql("pragma data_version").one(&mut self.conn).await?;
        if self.version == Some(version) {
            return Ok(None);
        }
        let changed = self.read().await?;
        // Only after a read that reached the end: else the rest would wait for the next writer.
        if changed.is_none() {
            self.version = Some(version);
        }
        Ok(changed)
    }

    pub fn position(&self) -> Position {
        Position(At::Change(self.position))
    }

    pub fn restart(&mut self, position: &Position) {
        self.position = number(position);
        self.version = None;
    }

    async fn read(&mut self) -> Result<Option<Changed>> {
        let (last, changed) = page(&mut self.conn, self.position).await?;
        self.position = last;
        Ok(changed)
    }
}

/// What changed after `position`, a page at most, and where that leads.
async fn page(conn: &mut Conn, position: i64) -> Result<(i64, Option<Changed>)> {
    let found: Vec<(i64, String, String)> =
        sql("select seq, entity, key from changes where seq > ? order by seq limit ?")
            .bind(position)
            .bind(AT_ONCE)
            .all(conn)
            .await?;
    let Some(&(last, ..)) = found.last() else {
        let behind = last_change(conn).await? != position;
        return Ok((position, behind.then_some(Changed::Everything)));
    };
    // Numbers of the feed have no holes: a rollback takes its numbers back.
    if last - position != i64::try_from(found.len()).unwrap_or(i64::MAX) {
        return Ok((position, Some(Changed::Everything)));
    }
    Ok((last, Some(keys(found.into_iter().map(|(_, entity, key)| (entity, key))))))
}

/// All that changed after `position`, as the caller's transaction sees it; everything where that is
/// more than a page.
pub(super) async fn since(conn: &mut Conn, position: &Position) -> Result<Option<Changed>> {
    let (end, changed) = page(conn, number(position)).await?;
    let rest = matches!(changed, Some(Changed::Keys(_))) && last_change(conn).await? != end;
    Ok(if rest { Some(Changed::Everything) } else { changed })
}

/// The number of the last change ever written, inside the caller's transaction.
pub(in crate::store) async fn last_change(conn: &mut Conn) -> Result<i64> {
    let last = sql("select seq from sqlite_sequence where name = 'changes'").optional(conn).await?;
    Ok(last.map(|(last,)| last).unwrap_or_default())
}

/// Removes what the reader has long left behind, a few thousand rows in a transaction.
pub(super) async fn prune(store: &Store, position: i64) -> Result<()> {
    loop {
        let mut writing = store.writing().await?;
        let removed = sql("delete from changes where seq in (
            select seq from changes where seq <= ? order by seq limit ?)")
        .bind(position - KEPT)
        .bind(PRUNED_AT_ONCE)
        .execute(writing.conn())
        .await?;
        writing.commit().await?;
        if i64::try_from(removed).unwrap_or_default() < PRUNED_AT_ONCE {
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// A position of another database is none here: from the beginning.
fn number(position: &Position) -> i64 {
    match position.0 {
        At::Change(last) => last,
        At::Snapshot(_) => 0,
    }
}
