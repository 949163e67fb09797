//! SQLite: a file that is created and brought up to date before anybody reads it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Acquire, ConnectOptions, Connection};

use super::super::pool::Pool;
use super::super::sql::Conn;
use super::super::{Error, Result};

static LICENSING: Migrator = sqlx::migrate!("src/store/migrations/licensing");
static SEATS: Migrator = sqlx::migrate!("src/store/migrations/seats");

/// Longer than any transaction here: the longest is one piece of an import.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The file that the connections are on.
pub(in crate::store) struct File {
    pub path: PathBuf,
    /// Device and inode.
    identity: (u64, u64),
}

impl File {
    /// Creates the file where there is none, brings its schema up to date and connects.
    pub(super) async fn open(path: PathBuf) -> Result<(Pool, Self)> {
        let pool = connect(&path, options(&path), &LICENSING, 4).await?;
        let identity = identity(&path)?;
        Ok((Pool::Sqlite(pool), Self { path, identity }))
    }

    /// Fails where another file stands in the place of the one that was opened (a backup was put
    /// back): what is read here is then nobody's any more.
    pub(super) fn check(&self) -> Result<()> {
        if identity(&self.path)? == self.identity {
            return Ok(());
        }
        let reason = "the file was replaced while it was open; restart to read the new one";
        Err(Error::Url { url: self.path.display().to_string(), reason: reason.into() })
    }

    /// The file beside it that holds seats and bindings: `admitd.seats.db` for `admitd.db`.
    pub(in crate::store) fn seats_path(&self) -> PathBuf {
        self.path.with_extension("seats.db")
    }

    /// Opens the file of seats.
    pub(in crate::store) async fn open_seats(&self) -> Result<Pool> {
        // Pages of 4 KiB that wait in the WAL: one that was written by several batches goes to its place
        // once.
        const PAGES_WAITING: &str = "8192";
        let path = self.seats_path();
        let options = options(&path).pragma("wal_autocheckpoint", PAGES_WAITING);
        Ok(Pool::Sqlite(connect(&path, options, &SEATS, 1).await?))
    }
}

/// The schema of a new file, in memory.
pub(in crate::store) async fn fresh_records() -> Result<Conn> {
    fresh(&LICENSING).await
}

/// The schema of a new file of seats, in memory.
pub(in crate::store) async fn fresh_seats() -> Result<Conn> {
    fresh(&SEATS).await
}

async fn fresh(schema: &Migrator) -> Result<Conn> {
    let mut conn = SqliteConnectOptions::new().in_memory(true).connect().await?;
    schema.run(&mut conn).await?;
    Ok(Conn::Sqlite(Box::new(Box::new(conn))))
}

async fn connect(
    path: &Path,
    options: SqliteConnectOptions,
    schema: &Migrator,
    connections: u32,
) -> Result<SqlitePool> {
    create(path)?;
    migrate(&options, schema).await?;
    // Each has a thread of its own, which gives way to others as the one does that opens it: so all are
    // opened here, once.
    let pool = SqlitePoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None);
    Ok(pool.connect_with(options).await?)
}

/// How every connection is set up. `full`: a commit survives a power cut.
pub(in crate::store) fn options(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging()
}

fn identity(path: &Path) -> Result<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    let found = std::fs::metadata(path).map_err(|fault| Error::Url {
        url: path.display().to_string(),
        reason: fault.to_string(),
    })?;
    Ok((found.dev(), found.ino()))
}

/// A new file is for its owner and group alone: it holds passwords and keys. What SQLite puts beside
/// it takes over its mode.
fn create(path: &Path) -> Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let created = OpenOptions::new().write(true).create_new(true).mode(0o640).open(path);
    match created {
        Err(fault) if fault.kind() != ErrorKind::AlreadyExists => {
            Err(Error::Url { url: path.display().to_string(), reason: fault.to_string() })
        }
        _ => Ok(()),
    }
}

/// The connection that turns a new file to WAL. SQLite does not wait when another does the same at
/// this moment, whatever its busy timeout; we do.
async fn first_connection(options: &SqliteConnectOptions) -> Result<SqliteConnection> {
    const PAUSE: Duration = Duration::from_millis(10);
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match options.connect().await {
            Err(fault) if is_busy(&fault) && Instant::now() < deadline => {
                tokio::time::sleep(PAUSE).await;
            }
            connected => return Ok(connected?),
        }
    }
}

fn is_busy(fault: &sqlx::Error) -> bool {
    const SQLITE_BUSY: i32 = 5;
    let code = fault.as_database_error().and_then(|fault| fault.code()?.parse::<i32>().ok());
    // The low byte of an extended code is the code.
    code.is_some_and(|code| code & 0xff == SQLITE_BUSY)
}

/// One transaction that locks first, so that two processes may meet a new file at once.
async fn migrate(options: &SqliteConnectOptions, migrator: &Migrator) -> Result<()> {
    let mut connection = first_connection(options).await?;
    let mut tx = connection.begin_with("begin immediate").await?;
    migrator.run(tx.acquire().await?).await?;
    tx.commit().await?;
    connection.close().await?;
    Ok(())
}

/// The file that a URL names.
pub(super) fn file_of(url: &str, base: &Path) -> Result<PathBuf> {
    // A URL of a server holds a password: never shown.
    let shown = url.split_once("://").filter(|_| !url.starts_with("sqlite:"));
    let shown = shown.map_or_else(|| url.to_owned(), |(scheme, _)| format!("{scheme}://…"));
    let fault = |reason: &str| Error::Url { url: shown.clone(), reason: reason.to_owned() };
    let Some(file) = url.strip_prefix("sqlite:") else {
        return Err(fault("must start with sqlite: or postgres://"));
    };
    let file = file.strip_prefix("//").unwrap_or(file);
    if file.is_empty() || file.starts_with(':') || file.contains('?') {
        return Err(fault("must name a file, without parameters"));
    }
    Ok(base.join(file))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_relative_file_is_relative_to_the_base() {
        let base = Path::new("/etc/admitd");

        assert_eq!(file_of("sqlite:a.db", base).unwrap(), Path::new("/etc/admitd/a.db"));
        assert_eq!(file_of("sqlite:///var/a.db", base).unwrap(), Path::new("/var/a.db"));
        assert!(file_of("sqlite::memory:", base).is_err());
        assert!(file_of("a.db", base).is_err());
    }

    #[test]
    fn a_password_is_not_told() {
        let fault = file_of("mysql://a:secret@127.0.0.1/x", Path::new("")).unwrap_err();

        assert!(!fault.to_string().contains("secret"), "{fault}");
    }

    #[tokio::test]
    async fn a_new_file_is_not_for_everybody() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();

        let store = Store::open("sqlite:a.db", folder.path()).await.unwrap();

        for file in ["a.db", "a.db-wal"] {
            let mode = std::fs::metadata(folder.path().join(file)).unwrap().permissions().mode();
            assert_eq!(mode & 0o007, 0, "{file}: {mode:o}");
        }
        let nowhere = Store::open("sqlite:none/a.db", folder.path()).await;
        assert!(matches!(nowhere, Err(Error::Url { .. })));
        store.close().await;
    }
}
