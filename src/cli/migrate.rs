//! `migrate`: everything from one database to another.

use std::io::IsTerminal;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::config::Database;
use crate::store::Store;

use super::desk::Shown;
use super::failure::Failure;
use super::paint::counted;

/// How many rows go by between two words on stderr.
const WORD_EVERY: usize = 50_000;

/// Copies all of `from` into `to`.
pub async fn run(from: &str, to: &str) -> Result<Shown, Failure> {
    let (from, to) = (named("--from", from)?, named("--to", to)?);
    if from == to {
        return Err(Failure::new("both are the same database"));
    }
    if let Database::Sqlite(path) = &from
        && !path.exists()
    {
        return Err(Failure::new(format!("there is no file {}", path.display())));
    }
    let source = Store::open(&from.url(), Path::new("")).await?;
    let target = Store::open(&to.url(), Path::new("")).await?;
    let told = std::io::stderr().is_terminal();
    let progress = |table: &str, rows: usize| {
        if told && rows.is_multiple_of(WORD_EVERY) {
            eprintln!("{table}: {rows} rows");
        }
    };
    let copied = source.copy_to(&target, progress).await?;
    source.close().await;
    target.close().await;
    let tables: Map<String, Value> =
        copied.iter().map(|one| (one.table.clone(), one.rows.into())).collect();
    let mut text = format!("everything moved to {to}");
    for one in copied.iter().filter(|one| one.rows > 0) {
        text.push_str(&format!("\n  {:<20}{}", one.table, counted(one.rows, "row")));
    }
    Shown::new(json!({"from": from.to_string(), "to": to.to_string(), "tables": tables}), text)
}

fn named(flag: &str, url: &str) -> Result<Database, Failure> {
    // The text itself is not repeated: it may hold a password.
    Database::parse(url, Path::new("")).map_err(|fault| Failure::new(format!("{flag}: {fault}")))
}
