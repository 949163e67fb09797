//! Connections, whichever database they lead to, and what a transaction begins with.

use sqlx::pool::PoolConnection;
use sqlx::sqlite::Sqlite;
use sqlx::{PgPool, Postgres, SqlitePool};
use tokio::sync::{MutexGuard, Notify};

use super::position::Mark;
use super::sql::{Conn, Dialect, answered, sql};
use super::{Result, Store, feed};

/// The lock that makes a writer the only one of ours.
const WRITER: i64 = 0x6164_6d69_7464_0001;

/// The connections of one database.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

/// A write transaction: whoever holds it is the only writer.
pub(super) struct Writing<'a> {
    _turn: MutexGuard<'a, ()>,
    tx: Conn,
    /// On PostgreSQL.
    xid: i64,
    wake: &'a Notify,
}

impl Pool {
    /// A connection for single statements.
    pub(super) async fn conn(&self) -> Result<Conn> {
        Ok(match self {
            Self::Sqlite(pool) => pool.acquire().await?.into(),
            Self::Postgres(pool) => pool.acquire().await?.into(),
        })
    }

    /// A transaction that sees one instant and writes nothing.
    pub(super) async fn reading(&self) -> Result<Conn> {
        const ONE_INSTANT: &str = "begin isolation level repeatable read read only";
        Ok(match self {
            Self::Sqlite(pool) => Conn::SqliteTx(pool.begin().await?),
            Self::Postgres(pool) => Conn::PostgresTx(answered(pool.begin_with(ONE_INSTANT)).await?),
        })
    }

    /// A transaction that writes: on SQLite it locks the file at once.
    pub(super) async fn begin(&self) -> Result<Conn> {
        const ALL_THAT_COMMITTED: &str = "begin isolation level read committed";
        Ok(match self {
            Self::Sqlite(pool) => Conn::SqliteTx(pool.begin_with("begin immediate").await?),
            Self::Postgres(pool) => {
                Conn::PostgresTx(answered(pool.begin_with(ALL_THAT_COMMITTED)).await?)
            }
        })
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
            Self::Postgres(pool) => pool.close().await,
        }
    }
}

impl Store {
    /// A connection for single statements.
    pub(super) async fn conn(&self) -> Result<Conn> {
        self.pool.conn().await
    }

    /// A transaction that sees one instant and writes nothing.
    pub(super) async fn reading(&self) -> Result<Conn> {
        self.pool.reading().await
    }

    /// Becomes the only writer, before the first read of what a check needs.
    pub(super) async fn writing(&self) -> Result<Writing<'_>> {
        let turn = self.turn.lock().await;
        let mut tx = self.pool.begin().await?;
        let xid = match tx.dialect() {
            Dialect::Sqlite => 0,
            Dialect::Postgres => locked(&mut tx).await?,
        };
        Ok(Writing { _turn: turn, tx, xid, wake: &self.wake })
    }
}

/// Waits until no other writer of ours is on; the number of this transaction. What is read after this
/// is all that committed before.
async fn locked(tx: &mut Conn) -> Result<i64> {
    let (_, xid): (String, i64) = sql("select cast(pg_advisory_xact_lock(?) as text),
        cast(cast(pg_current_xact_id() as text) as bigint)")
    .bind(WRITER)
    .one(tx)
    .await?;
    Ok(xid)
}

impl Writing<'_> {
    pub(super) fn conn(&mut self) -> &mut Conn {
        &mut self.tx
    }

    /// Ends the transaction; what it is known by.
    pub(super) async fn commit(mut self) -> Result<Mark> {
        let mark = match self.tx.dialect() {
            Dialect::Sqlite => feed::last_change(&mut self.tx).await?,
            Dialect::Postgres => self.xid,
        };
        self.tx.commit().await?;
        self.wake.notify_one();
        Ok(Mark(mark))
    }
}

impl From<PoolConnection<Sqlite>> for Conn {
    fn from(conn: PoolConnection<Sqlite>) -> Self {
        Self::Sqlite(Box::new(conn))
    }
}

impl From<PoolConnection<Postgres>> for Conn {
    fn from(conn: PoolConnection<Postgres>) -> Self {
        Self::Postgres(Box::new(conn))
    }
}
