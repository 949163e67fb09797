//! The databases, written once and read by every server that starts: that of `admitd`, and the hash
//! tables of Kamailio.

use std::fs;
use std::path::{Path, PathBuf};

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor};

use super::options::Options;
use super::site::{self, Range};

/// Rows of one statement.
const ROWS: usize = 5_000;
/// The name of the group above those whose licenses end.
pub const ABOVE_ENDING: &str = "Ending";

const GROUPS: &str = "groups (id, parent_id, name, kind, restricted)";
const LICENSES: &str = "licenses (group_id, sip_numbers, valid_from, valid_until)";

/// A folder with both.
pub struct Tables {
    folder: tempfile::TempDir,
}

impl Tables {
    /// For so many admitted numbers, and further ones whose licenses end.
    pub fn write(count: u32, ending: u32) -> Self {
        let tables = Self { folder: tempfile::tempdir().expect("a folder") };
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            admitd(&tables.folder.path().join("admitd.db"), count, ending).await;
            kamailio(&tables.kamailio(), count).await;
        });
        tables
    }

    /// A database of `admitd` that nobody else has.
    pub fn admitd(&self, into: &Path) -> PathBuf {
        let file = into.join("admitd.db");
        fs::copy(self.folder.path().join("admitd.db"), &file).expect("a copy");
        file
    }

    /// Kamailio only reads.
    pub fn kamailio(&self) -> PathBuf {
        self.folder.path().join("kamailio.db")
    }
}

async fn admitd(file: &Path, count: u32, ending: u32) {
    // The schema first.
    let url = format!("sqlite:{}", file.display());
    let folder = file.parent().expect("a folder");
    admitd::store::Store::open(&url, folder).await.expect("a database").close().await;
    let mut db = open(file).await;
    for range in site::ranges(count) {
        grant(&mut db, &range).await;
    }
    if ending > 0 {
        let above = site::above_ending(count);
        let group = format!("({above}, 1, '{ABOVE_ENDING}', 'dealer', true)");
        insert(&mut db, GROUPS, std::iter::once(group)).await;
        let license = format!("({above}, {ending}, 1, null)");
        insert(&mut db, LICENSES, std::iter::once(license)).await;
        grant(&mut db, &site::ending_range(count, ending)).await;
    }
    // What was written ahead is in the file then.
    db.close().await.expect("the database is whole");
}

/// The groups, their licenses and their numbers.
async fn grant(db: &mut SqliteConnection, range: &Range) {
    let parent = range.parent;
    let groups = range.groups().map(|id| format!("({id}, {parent}, 'G{id}', 'building', true)"));
    insert(db, GROUPS, groups).await;
    let (seats, until) = (range.seats, if range.ended { "2" } else { "null" });
    let licenses = range.groups().map(|id| format!("({id}, {seats}, 1, {until})"));
    insert(db, LICENSES, licenses).await;
    let numbers = range
        .numbers()
        .map(|(number, group)| format!("('sip:{number}@example.com', {group}, 'phone')"));
    insert(db, "numbers (aor, group_id, kind)", numbers).await;
}

/// Writes into the database of a server that runs when the licenses end.
pub fn end(folder: &Path, options: &Options, until: u64) {
    let range = site::ending_range(options.numbers, options.ending);
    let groups: Vec<u32> = range.groups().collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut db = open(&folder.join("admitd.db")).await;
        for groups in groups.chunks(ROWS) {
            let (first, last) = (groups[0], groups[groups.len() - 1]);
            let set = format!("update licenses set valid_until = {until}");
            run(&mut db, &format!("{set} where group_id between {first} and {last}")).await;
        }
        db.close().await.expect("the database is whole");
    });
}

async fn kamailio(file: &Path, count: u32) {
    let mut db = open(file).await;
    run(
        &mut db,
        "create table version (id integer primary key, table_name text, table_version int)",
    )
    .await;
    for table in ["acct", "glimit", "gfrom", "guntil"] {
        let columns = "id integer primary key, key_name text, key_type int, value_type int, \
            key_value text, expires int";
        run(&mut db, &format!("create table {table} ({columns})")).await;
        let version = format!("insert into version values (null, '{table}', 2)");
        run(&mut db, &version).await;
    }
    for range in site::ranges(count) {
        put(&mut db, "acct", range.numbers()).await;
        put(&mut db, "glimit", each(&range, range.seats)).await;
        put(&mut db, "gfrom", each(&range, 1)).await;
        put(&mut db, "guntil", each(&range, if range.ended { 2 } else { i32::MAX as u32 })).await;
    }
    db.close().await.expect("the database is whole");
}

/// The same for every group.
fn each(range: &Range, value: u32) -> impl Iterator<Item = (u32, u32)> {
    range.groups().map(move |group| (group, value))
}

/// Keys are strings, values are numbers.
async fn put(db: &mut SqliteConnection, table: &str, rows: impl Iterator<Item = (u32, u32)>) {
    let rows = rows.map(|(key, value)| format!("('{key}', 0, 1, '{value}', 0)"));
    let into = format!("{table} (key_name, key_type, value_type, key_value, expires)");
    insert(db, &into, rows).await;
}

async fn open(file: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
    options.connect().await.expect("a database")
}

async fn insert(db: &mut SqliteConnection, into: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    for rows in rows.chunks(ROWS) {
        run(db, &format!("insert into {into} values {}", rows.join(", "))).await;
    }
}

async fn run(db: &mut SqliteConnection, sql: &str) {
    db.execute(sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))).await.expect("it is written");
}
