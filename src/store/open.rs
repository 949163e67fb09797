//! Opening: the file is created and brought up to date before anybody reads it.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chrono_tz::Tz;
use sqlx::migrate::Migrator;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sqlx::{Acquire, ConnectOptions, Connection};
use tokio::sync::Mutex;

use super::pool::Pool;
use super::{Error, Result};

static LICENSING: Migrator = sqlx::migrate!("src/store/migrations/licensing");
static SEATS: Migrator = sqlx::migrate!("src/store/migrations/seats");

/// Longer than any transaction here: the longest is one piece of an import.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database of record.
pub struct Store {
    pub(super) pool: Pool,
    pub(super) path: PathBuf,
    /// Device and inode of the file that the connections are on.
    file: (u64, u64),
    /// Writers of this process queue here in order of arrival: SQLite's own lock is not fair, and an
    /// import would starve the others.
    pub(super) turn: Mutex<()>,
    /// For groups that neither have nor inherit one.
    pub(super) zone: Tz,
}

impl Store {
    /// Opens `url` (`sqlite:FILE`; a relative file is relative to `base`), creates the file and
    /// brings its schema up to date.
    pub async fn open(url: &str, base: &Path) -> Result<Self> {
        let path = file_of(url, base)?;
        create(&path)?;
        let options = options(&path);
        migrate(&options, &LICENSING).await?;
        let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await?;
        let file = identity(&path)?;
        let pool = Pool::Sqlite(pool);
        Ok(Self { pool, path, file, turn: Mutex::new(()), zone: Tz::UTC })
    }

    /// The same with the time zone of groups that neither have nor inherit one; UTC without this.
    pub fn with_zone(self, zone: Tz) -> Self {
        Self { zone, ..self }
    }

    /// Fails where another file stands in the place of the one that was opened (a backup was put
    /// back): what is read here is then nobody's any more.
    pub fn check_file(&self) -> Result<()> {
        if identity(&self.path)? == self.file {
            return Ok(());
        }
        let reason = "the file was replaced while it was open; restart to read the new one";
        Err(Error::Url { url: self.path.display().to_string(), reason: reason.into() })
    }

    /// The file of the database.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file beside it that holds seats and bindings: `admitd.seats.db` for `admitd.db`.
    pub fn seats_path(&self) -> PathBuf {
        self.path.with_extension("seats.db")
    }

    /// Ends all connections; the files are then whole without their WAL.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Opens the file of seats at `path`.
pub(super) async fn open_seats(path: &Path) -> Result<Pool> {
    create(path)?;
    let options = options(path);
    migrate(&options, &SEATS).await?;
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await?;
    Ok(Pool::Sqlite(pool))
}

/// How every connection is set up. `full`: a commit survives a power cut.
pub(super) fn options(path: &Path) -> SqliteConnectOptions {
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

fn file_of(url: &str, base: &Path) -> Result<PathBuf> {
    // A URL of a server holds a password: never shown.
    let shown = url.split_once("://").filter(|_| !url.starts_with("sqlite:"));
    let shown = shown.map_or_else(|| url.to_owned(), |(scheme, _)| format!("{scheme}://…"));
    let fault = |reason: &str| Error::Url { url: shown.clone(), reason: reason.to_owned() };
    if url.starts_with("postgres:") || url.starts_with("postgresql:") {
        return Err(fault("this build keeps its data in SQLite only"));
    }
    let Some(file) = url.strip_prefix("sqlite:") else {
        return Err(fault("must start with sqlite:"));
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

    #[test]
    fn a_relative_file_is_relative_to_the_base() {
        let base = Path::new("/etc/admitd");

        assert_eq!(file_of("sqlite:a.db", base).unwrap(), Path::new("/etc/admitd/a.db"));
        assert_eq!(file_of("sqlite:///var/a.db", base).unwrap(), Path::new("/var/a.db"));
        assert!(file_of("sqlite::memory:", base).is_err());
        assert!(file_of("postgres://x", base).is_err());
        assert!(file_of("a.db", base).is_err());
    }

    #[test]
    fn a_password_is_not_told() {
        let fault = file_of("postgres://a:secret@127.0.0.1/x", Path::new("")).unwrap_err();

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

    #[tokio::test]
    async fn two_openers_may_meet_a_new_file() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();

            let (one, two) = tokio::join!(
                Store::open("sqlite:a.db", folder.path()),
                Store::open("sqlite:a.db", folder.path())
            );

            assert!(one.is_ok() && two.is_ok(), "{:?} {:?}", one.err(), two.err());
            assert!(folder.path().join("a.db").exists());
        }
    }
}
