//! A database on a PostgreSQL server for a daemon under test.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Where `tests/postgres` tells how its server is reached: a URL without a database.
const ADDRESS: &str = "ADMITD_TEST_POSTGRES";
/// On what the daemons of the tests run: nothing said is a file of SQLite.
const WANTED: &str = "ADMITD_TEST_DATABASE";

/// A database of its own.
pub struct Server {
    address: String,
    name: String,
}

impl Server {
    /// A new one, where the tests are to run on it.
    pub fn wanted() -> Option<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        match std::env::var(WANTED).as_deref() {
            Err(_) | Ok("sqlite") => return None,
            Ok("postgres") => {}
            Ok(other) => panic!("{WANTED} is sqlite or postgres, not {other}"),
        }
        let address = std::env::var(ADDRESS)
            .unwrap_or_else(|_| panic!("{ADDRESS} is not set; run under tests/postgres"));
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("admitd_scene_{}_{count}", std::process::id());
        let create = format!("create database {name}");
        said(Command::new("psql").arg(format!("{address}/postgres")).args(["-qAtc", &create]));
        Some(Self { address, name })
    }

    /// As a config has it.
    pub fn url(&self) -> String {
        format!("{}/{}", self.address, self.name)
    }

    /// What a query gives, a row a line.
    pub fn query(&self, sql: &str) -> String {
        said(Command::new("psql").arg(self.url()).args(["-qAtc", sql]))
    }
}

/// What a program printed that went well.
pub fn said(command: &mut Command) -> String {
    let output = command.output().expect("the program runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}
