//! One daemon for one database: a lock held for life and let go by the system however the daemon ends.

use std::fs::TryLockError;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;

use super::open::{Place, Server};
use super::{Error, Result, Store};

/// The lock of the one daemon.
const DAEMON: i64 = 0x6164_6d69_7464_0002;
/// How often the connection that holds it is asked whether it still does.
const ASK: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(10);
const TAKEN: &str = "another daemon runs on it";

/// Held by the one daemon that runs on a database.
#[derive(Debug)]
pub struct Claim(Held);

#[derive(Debug)]
enum Held {
    File {
        _file: std::fs::File,
    },
    /// Keeps a connection.
    Server(JoinHandle<()>),
}

impl Store {
    /// Claims the database for this process, by whatever name it was opened.
    pub async fn claim(&self) -> Result<Claim> {
        match &self.place {
            Place::File(file) => claim_file(&file.path),
            Place::Server { server, .. } => {
                let server = Arc::clone(server);
                let conn = lock(&server).await?;
                Ok(Claim(Held::Server(tokio::spawn(hold(server, conn)))))
            }
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Held::Server(task) = &self.0 {
            task.abort();
        }
    }
}

/// The lock stands beside the file, because closing the file itself would drop SQLite's own locks.
fn claim_file(path: &Path) -> Result<Claim> {
    let fault = |reason: String| Error::Url { url: path.display().to_string(), reason };
    let path = path.canonicalize().map_err(|error| fault(error.to_string()))?;
    let mut name = path.into_os_string();
    name.push(".lock");
    let options = std::fs::File::options().create(true).truncate(false).write(true).open(&name);
    let file = options.map_err(|error| fault(format!("its lock file: {error}")))?;
    match file.try_lock() {
        Ok(()) => Ok(Claim(Held::File { _file: file })),
        Err(TryLockError::WouldBlock) => Err(fault(TAKEN.to_owned())),
        Err(TryLockError::Error(error)) => Err(fault(format!("its lock file: {error}"))),
    }
}

/// A connection that holds the lock.
async fn lock(server: &Server) -> Result<PgConnection> {
    let mut conn = server.connect().await?;
    let locked: bool = sqlx::query_scalar("select pg_try_advisory_lock($1)")
        .bind(DAEMON)
        .fetch_one(&mut conn)
        .await?;
    if locked {
        return Ok(conn);
    }
    Err(Error::Url { url: server.shown.clone(), reason: TAKEN.to_owned() })
}

/// Holds the lock for life. A lost connection loses it: it is taken again as soon as that can be done.
async fn hold(server: Arc<Server>, mut conn: PgConnection) {
    // Why it is lost, as last told.
    let mut lost: Option<String> = None;
    loop {
        tokio::time::sleep(ASK).await;
        if lost.is_none() && matches!(tokio::time::timeout(ANSWER, conn.ping()).await, Ok(Ok(()))) {
            continue;
        }
        match lock(&server).await {
            Ok(again) => {
                tracing::info!("the database is claimed again");
                conn = again;
                lost = None;
            }
            Err(fault) => {
                let fault = fault.to_string();
                if lost.as_ref() != Some(&fault) {
                    tracing::error!(%fault, "the claim on the database is lost; trying on");
                }
                lost = Some(fault);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::base::{Base, on_both};
    use super::*;

    on_both!(a_database_has_one_daemon);

    async fn a_database_has_one_daemon(base: Base) {
        let (store, other) = (base.store().await, base.store().await);

        let first = store.claim().await.unwrap();

        let refused = other.claim().await.unwrap_err().to_string();
        assert!(refused.contains("another daemon runs on it"), "{refused}");
        drop(first);
        let began = std::time::Instant::now();
        while other.claim().await.is_err() {
            assert!(began.elapsed() < Duration::from_secs(5), "the claim is not let go");
        }
    }

    #[tokio::test]
    async fn a_file_has_one_daemon_by_whatever_name() {
        let base = Base::sqlite();
        let store = base.store().await;
        std::os::unix::fs::symlink(base.file(), base.folder().join("b.db")).unwrap();
        let other = Store::open("sqlite:b.db", base.folder()).await.unwrap();

        let _first = store.claim().await.unwrap();

        assert!(other.claim().await.is_err());
    }

    #[cfg(feature = "peers")]
    #[tokio::test]
    async fn a_claim_that_was_lost_is_taken_again() {
        let base = Base::postgres().await;
        let (store, other) = (base.store().await, base.store().await);
        let _first = store.claim().await.unwrap();

        base.close().await;
        base.reopen().await;

        let began = std::time::Instant::now();
        while let Ok(taken) = other.claim().await {
            drop(taken);
            assert!(began.elapsed() < Duration::from_secs(20), "the claim is not taken again");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
}
