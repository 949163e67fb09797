//! PostgreSQL: a database that is there, and whose schema is brought up to date.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};

use super::super::{Error, Result};

static SCHEMA: Migrator = sqlx::migrate!("src/store/migrations/postgres");

/// A server that does not answer is away; nobody waits minutes for it.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// As long as SQLite waits for another writer.
const LOCK_TIMEOUT: &str = "10s";
const CONNECTIONS: u32 = 8;

/// A database on a server.
pub(in crate::store) struct Server {
    options: PgConnectOptions,
    /// The address without user and password.
    pub shown: String,
}

impl Server {
    pub(super) fn at(url: &str) -> Result<Self> {
        let options: PgConnectOptions = url.parse().map_err(|_| Error::Url {
            url: "postgres://…".to_owned(),
            reason: "cannot be read; write postgres://USER:PASSWORD@HOST/DATABASE".to_owned(),
        })?;
        let database = options.get_database().unwrap_or(options.get_username());
        let shown = format!("postgres://{}/{database}", options.get_host());
        let options = options
            .application_name("admitd")
            // What the server would like to mention is nobody's business here.
            .options([("lock_timeout", LOCK_TIMEOUT), ("client_min_messages", "warning")])
            .disable_statement_logging();
        Ok(Self { options, shown })
    }

    /// Brings the schema up to date, under a lock of the migrator's own, and connects.
    pub(super) async fn open(&self) -> Result<PgPool> {
        let mut conn = self.connect().await?;
        SCHEMA.run(&mut conn).await?;
        conn.close().await?;
        Ok(PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            .acquire_timeout(CONNECT_TIMEOUT)
            .connect_with(self.options.clone())
            .await?)
    }

    /// A connection beside the pool.
    pub(in crate::store) async fn connect(&self) -> Result<PgConnection> {
        let connecting = tokio::time::timeout(CONNECT_TIMEOUT, self.options.connect()).await;
        connecting
            .unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())))
            .map_err(|fault| Error::Url { url: self.shown.clone(), reason: fault.to_string() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_not_told() {
        let server = Server::at("postgresql://a:secret@db.example.com:5433/x").unwrap();
        let fault = Server::at("postgres://a:secret@[/x").err().unwrap();

        assert_eq!(server.shown, "postgres://db.example.com/x");
        assert!(!fault.to_string().contains("secret"), "{fault}");
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_at_once() {
        let server = Server::at("postgres://a:secret@127.0.0.1:1/x").unwrap();

        let fault = server.open().await.err().unwrap().to_string();

        assert!(fault.contains("127.0.0.1") && !fault.contains("secret"), "{fault}");
    }
}
