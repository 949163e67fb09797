//! One daemon for one database: a lock on a file beside it, held for life and let go by the system
//! however the daemon ends.

use std::fs::{File, TryLockError};

use super::{Error, Result, Store};

/// Held by the one daemon that runs on a database.
#[derive(Debug)]
pub struct Claim {
    _file: File,
}

impl Store {
    /// Claims the database for this process. Whatever name it was opened by, it is one database; the
    /// lock stands beside it, because closing the file itself would drop SQLite's own locks.
    pub fn claim(&self) -> Result<Claim> {
        let fault = |reason: String| Error::Url { url: self.path.display().to_string(), reason };
        let path = self.path.canonicalize().map_err(|error| fault(error.to_string()))?;
        let mut name = path.into_os_string();
        name.push(".lock");
        let options = File::options().create(true).truncate(false).write(true).open(&name);
        let file = options.map_err(|error| fault(format!("its lock file: {error}")))?;
        match file.try_lock() {
            Ok(()) => Ok(Claim { _file: file }),
            Err(TryLockError::WouldBlock) => Err(fault("another daemon runs on it".to_owned())),
            Err(TryLockError::Error(error)) => Err(fault(format!("its lock file: {error}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_database_has_one_daemon_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open("sqlite:a.db", folder.path()).await.unwrap();
        std::os::unix::fs::symlink(store.path(), folder.path().join("b.db")).unwrap();
        let other = Store::open("sqlite:b.db", folder.path()).await.unwrap();

        let first = store.claim().unwrap();

        let refused = other.claim().unwrap_err().to_string();
        assert!(refused.contains("another daemon runs on it"), "{refused}");
        drop(first);
        assert!(other.claim().is_ok());
    }
}
