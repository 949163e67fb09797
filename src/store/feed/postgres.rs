//! The feed of a server. Transactions commit in another order than they begin, so a reader's place is
//! a snapshot: each look takes the rows that are visible now and were not then, and nobody waits for a
//! long transaction. A notification says when to look; a lost one is made up for by looking anyway.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::PgListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::super::pool::Pool;
use super::super::position::{At, Position, Snapshot};
use super::super::sql::{Conn, sql};
use super::super::{Result, Store};
use super::{AT_ONCE, Changed, EVERYTHING, PAUSE, PRUNED_AT_ONCE, keys};

const CHANNEL: &str = "admitd_changes";
/// How often is looked while notifications come, and while they don't.
const LOOK: Duration = Duration::from_secs(1);
const LOOK_UNTOLD: Duration = Duration::from_millis(100);
/// How long one that cannot listen waits.
const RETRY: Duration = Duration::from_secs(1);
/// A look that takes longer is none: the server is away.
const ANSWER: Duration = Duration::from_secs(10);
/// How old a row of the feed becomes, and how long a reader may be away to trust it: less.
const KEPT_SECS: i64 = 86_400;
const AWAY_SECS: i64 = 72_000;

/// Where and when one reads.
const HERE: &str = "select cast(pg_current_snapshot() as text) as snapshot,
    (select system_identifier from pg_control_system()) as cluster,
    cast(cast(cast('changes' as regclass) as oid) as bigint) as changes_table,
    cast(extract(epoch from now()) as bigint) as at";

/// A reader.
pub(super) struct Reader {
    pool: Pool,
    position: Position,
    /// A page that did not reach the end: where it will have been, and its last row.
    rest: Option<(Snapshot, Last)>,
    ear: Ear,
}

/// Hears notifications, on a connection of its own.
struct Ear {
    task: JoinHandle<()>,
    listens: Arc<AtomicBool>,
}

/// A row by its order in the feed: the transaction that wrote it, and its number.
#[derive(Clone, Debug)]
struct Last {
    xid: String,
    seq: i64,
}

/// A look's row: here, and a change where there is one, with its place.
type Row = (String, i64, i64, i64, Option<String>, Option<i64>, Option<String>, Option<String>);

impl Reader {
    pub fn open(pool: &PgPool, wake: &Arc<Notify>, position: &Position) -> Self {
        let listens = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(listen(pool.clone(), Arc::clone(wake), Arc::clone(&listens)));
        Self {
            pool: Pool::Postgres(pool.clone()),
            position: position.clone(),
            rest: None,
            ear: Ear { task, listens },
        }
    }

    pub async fn look(&mut self) -> Result<Option<Changed>> {
        let looked = tokio::time::timeout(ANSWER, self.next_page()).await;
        let rows = looked.map_err(|late| sqlx::Error::Io(late.into()))??;
        let Some((text, cluster, table, at, ..)) = rows.first() else { return Ok(None) };
        let here = Snapshot { text: text.clone(), cluster: *cluster, table: *table, at: *at };
        if !follows(&self.position, &here) {
            return Ok(Some(Changed::Everything));
        }
        let until = self.rest.take().map_or(here, |(until, _)| until);
        let found: Vec<_> = rows
            .into_iter()
            .filter_map(|(.., xid, seq, entity, key)| {
                Some((Last { xid: xid?, seq: seq? }, entity?, key?))
            })
            .collect();
        match found.last() {
            Some((last, ..)) if i64::try_from(found.len()) == Ok(AT_ONCE) => {
                self.rest = Some((until, last.clone()));
            }
            _ => self.position = Position(At::Snapshot(until)),
        }
        if found.iter().any(|(_, entity, _)| entity == EVERYTHING) {
            return Ok(Some(Changed::Everything));
        }
        let changed = keys(found.into_iter().map(|(_, entity, key)| (entity, key)));
        Ok(Some(changed)
            .filter(|changed| !matches!(changed, Changed::Keys(keys) if keys.is_empty())))
    }

    pub fn position(&self) -> Position {
        self.position.clone()
    }

    pub fn restart(&mut self, position: &Position) {
        self.position = position.clone();
        self.rest = None;
    }

    /// How long until the next look, if nobody says anything.
    pub fn pause(&self) -> Duration {
        // Relaxed: it says nothing about other memory.
        if self.ear.listens.load(Ordering::Relaxed) { LOOK } else { LOOK_UNTOLD }
    }

    async fn next_page(&self) -> Result<Vec<Row>> {
        let rest = self.rest.as_ref().map(|(until, after)| (until, after));
        page(&mut self.pool.conn().await?, &self.position, rest).await
    }
}

/// A page of what `conn` sees and a reader at `position` did not; or the rest after a page: up to a
/// snapshot, after a row. In the order of transactions, so that an index leads to what is new, however
/// long the feed is.
async fn page(
    conn: &mut Conn,
    position: &Position,
    rest: Option<(&Snapshot, &Last)>,
) -> Result<Vec<Row>> {
    let mut look = sql(format!(
        "select here.snapshot, here.cluster, here.changes_table, here.at,
            cast(found.xid as text), found.seq, found.entity, found.key
         from ({HERE}) as here left join (select xid, seq, entity, key from changes where true"
    ));
    if let At::Snapshot(read) = &position.0 {
        look.push(" and xid >= pg_snapshot_xmin(cast(").push_bind(&*read.text);
        look.push(" as pg_snapshot)) and not pg_visible_in_snapshot(xid, cast(");
        look.push_bind(&*read.text).push(" as pg_snapshot))");
    }
    if let Some((until, after)) = rest {
        look.push(" and (xid, seq) > (cast(").push_bind(&*after.xid).push(" as xid8), ");
        look.push_bind(after.seq).push(") and pg_visible_in_snapshot(xid, cast(");
        look.push_bind(&*until.text).push(" as pg_snapshot))");
    }
    look.push(" order by xid, seq limit ").push_bind(AT_ONCE);
    look.push(") as found on true order by found.xid, found.seq");
    look.all(conn).await
}

/// Whether what is here goes on from where a reader is.
fn follows(position: &Position, here: &Snapshot) -> bool {
    let At::Snapshot(read) = &position.0 else { return false };
    (here.cluster, here.table) == (read.cluster, read.table)
        && here.xmax() >= read.xmax()
        && here.at - read.at < AWAY_SECS
}

/// All that changed after `position`, as the caller's transaction sees it; everything where that is
/// more than a page.
pub(super) async fn since(conn: &mut Conn, position: &Position) -> Result<Option<Changed>> {
    let rows = page(conn, position, None).await?;
    let Some((text, cluster, table, at, ..)) = rows.first() else { return Ok(None) };
    let here = Snapshot { text: text.clone(), cluster: *cluster, table: *table, at: *at };
    let found: Vec<_> =
        rows.into_iter().filter_map(|(.., entity, key)| Some((entity?, key?))).collect();
    let whole = follows(position, &here)
        && i64::try_from(found.len()).is_ok_and(|found| found < AT_ONCE)
        && found.iter().all(|(entity, _)| entity != EVERYTHING);
    match whole {
        false => Ok(Some(Changed::Everything)),
        true if found.is_empty() => Ok(None),
        true => Ok(Some(keys(found.into_iter()))),
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The snapshot of the caller's transaction.
pub(super) async fn position(conn: &mut Conn) -> Result<Position> {
    let (text, cluster, table, at) = sql(HERE).one(conn).await?;
    Ok(Position(At::Snapshot(Snapshot { text, cluster, table, at })))
}

/// Removes rows that are old and read, a few thousand in a transaction.
pub(super) async fn prune(store: &Store, read: &Snapshot) -> Result<()> {
    loop {
        let mut writing = store.writing().await?;
        let removed = sql("delete from changes where seq in (
            select seq from changes
            where at < ? and pg_visible_in_snapshot(xid, cast(? as pg_snapshot))
            order by seq limit ?)")
        .bind(read.at - KEPT_SECS)
        .bind(&*read.text)
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

/// Wakes the reader at each notification, as long as it lives.
async fn listen(pool: PgPool, wake: Arc<Notify>, listens: Arc<AtomicBool>) {
    loop {
        if let Ok(mut listener) = subscribe(&pool).await {
            listens.store(true, Ordering::Relaxed);
            // What came before we listened.
            wake.notify_one();
            while let Ok(Some(_)) = listener.try_recv().await {
                wake.notify_one();
            }
            listens.store(false, Ordering::Relaxed);
        }
        tokio::time::sleep(RETRY).await;
    }
}

async fn subscribe(pool: &PgPool) -> std::result::Result<PgListener, sqlx::Error> {
    let mut listener = PgListener::connect_with(pool).await?;
    listener.eager_reconnect(false);
    listener.listen(CHANNEL).await?;
    Ok(listener)
}
