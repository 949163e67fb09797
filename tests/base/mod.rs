//! A database for one test, on SQLite or on PostgreSQL, and a person who edits it by hand.
#![allow(dead_code, unused_imports, unused_macros, reason = "no test file uses all of it")]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};

/// Where `tests/postgres` tells how its server is reached: a URL without a database.
const SERVER: &str = "ADMITD_TEST_POSTGRES";

/// A database of its own.
pub struct Base {
    folder: tempfile::TempDir,
    /// On PostgreSQL.
    name: Option<String>,
}

/// A connection as of a person with `sqlite3` (no foreign keys, no manners) or `psql`.
pub enum Hand {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

/// Each test on both databases; those on PostgreSQL need the feature `peers`.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Base::sqlite()).await;
            })+
        }
        #[cfg(feature = "peers")]
        mod on_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(super::Base::postgres().await).await;
            })+
        }
    };
}
pub(crate) use on_both;

impl Base {
    pub fn sqlite() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), name: None }
    }

    pub async fn postgres() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("admitd_{}_{count}", std::process::id());
        let base = Self { folder: tempfile::tempdir().unwrap(), name: Some(name.clone()) };
        base.outside().await.run(&format!("create database {name}")).await;
        base
    }

    /// A new one of the same kind.
    pub async fn another(&self) -> Self {
        if self.is_postgres() { Self::postgres().await } else { Self::sqlite() }
    }

    pub fn is_postgres(&self) -> bool {
        self.name.is_some()
    }

    /// Where files beside it may stand.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn file(&self) -> PathBuf {
        self.folder.path().join("a.db")
    }

    /// As a config has it.
    pub fn url(&self) -> String {
        match &self.name {
            None => format!("sqlite:{}", self.file().display()),
            Some(name) => format!("{}/{name}", address()),
        }
    }

    /// A person at this database.
    pub async fn hand(&self) -> Hand {
        match &self.name {
            None => {
                let options = SqliteConnectOptions::new().filename(self.file()).foreign_keys(false);
                Hand::Sqlite(options.connect().await.unwrap())
            }
            Some(name) => Hand::Postgres(server().database(name).connect().await.unwrap()),
        }
    }

    /// The same, after what keeps references whole was taken away.
    pub async fn careless_hand(&self) -> Hand {
        let mut hand = self.hand().await;
        if self.is_postgres() {
            hand.run(
                "do $$ declare key record; begin
                    for key in select conname, conrelid::regclass as holder from pg_constraint where contype = 'f'
                    loop execute format('alter table %s drop constraint %I', key.holder, key.conname); end loop;
                 end $$",
            )
            .await;
        }
        hand
    }

    /// A person at the server, beside this database.
    pub async fn outside(&self) -> Hand {
        Hand::Postgres(server().connect().await.unwrap())
    }

    /// The server goes away for this database, and lets nobody in until it is back.
    pub async fn close(&self) {
        let name = self.name.as_deref().unwrap();
        let mut hand = self.outside().await;
        hand.run(&format!("alter database {name} with allow_connections false")).await;
        hand.run(&format!(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'"
        ))
        .await;
    }

    pub async fn reopen(&self) {
        let name = self.name.as_deref().unwrap();
        let sql = format!("alter database {name} with allow_connections true");
        self.outside().await.run(&sql).await;
    }
}

impl Hand {
    /// Runs statements that are right.
    pub async fn run(&mut self, sql: &str) {
        self.attempt(sql).await.unwrap();
    }

    /// Runs statements; what a constraint forbids is no change.
    pub async fn attempt(&mut self, sql: &str) -> sqlx::Result<()> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Self::Sqlite(conn) => conn.execute(sql).await.map(drop),
            Self::Postgres(conn) => conn.execute(sql).await.map(drop),
        }
    }

    /// The one number that a query gives.
    pub async fn int(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Self::Sqlite(conn) => sqlx::query_scalar(sql).fetch_one(conn).await.unwrap(),
            Self::Postgres(conn) => sqlx::query_scalar(sql).fetch_one(conn).await.unwrap(),
        }
    }
}

fn server() -> PgConnectOptions {
    format!("{}/postgres", address()).parse().unwrap()
}

fn address() -> String {
    std::env::var(SERVER)
        .unwrap_or_else(|_| panic!("{SERVER} is not set; run under tests/postgres"))
}
