//! Connections, whichever database they lead to, and what a transaction begins with.

use sqlx::SqlitePool;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::Sqlite;
use tokio::sync::MutexGuard;

use super::sql::Conn;
use super::{Result, Store};

/// The connections of one database.
#[derive(Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
}

/// A write transaction: whoever holds it is the only writer.
pub(super) struct Writing<'a> {
    _turn: MutexGuard<'a, ()>,
    tx: Conn,
}

impl Pool {
    /// A connection for single statements.
    pub(super) async fn conn(&self) -> Result<Conn> {
        Ok(match self {
            Self::Sqlite(pool) => pool.acquire().await?.into(),
        })
    }

    /// A transaction that sees one instant and writes nothing.
    pub(super) async fn reading(&self) -> Result<Conn> {
        Ok(match self {
            Self::Sqlite(pool) => Conn::SqliteTx(pool.begin().await?),
        })
    }

    /// A transaction that locks before it reads.
    pub(super) async fn writing(&self) -> Result<Conn> {
        Ok(match self {
            Self::Sqlite(pool) => Conn::SqliteTx(pool.begin_with("begin immediate").await?),
        })
    }

    /// Ends all connections.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(pool) => pool.close().await,
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
        Ok(Writing { _turn: turn, tx: self.pool.writing().await? })
    }
}

impl Writing<'_> {
    pub(super) fn conn(&mut self) -> &mut Conn {
        &mut self.tx
    }

    pub(super) async fn commit(self) -> Result<()> {
        self.tx.commit().await
    }
}

impl From<PoolConnection<Sqlite>> for Conn {
    fn from(conn: PoolConnection<Sqlite>) -> Self {
        Self::Sqlite(Box::new(conn))
    }
}
