//! `import …`: a file is read whole, every faulty line told at once, and handed to the store, which
//! checks all of it again before it writes any of it.

use std::io::IsTerminal;
use std::path::Path;

use serde_json::json;

use crate::license::World;
use crate::license::distribution::Warning;
use crate::roster::{self, Faults, Ground};
use crate::view::Tally;

use super::args::ImportCommand;
use super::desk::{Desk, Shown};
use super::failure::{Failure, obstacle};
use super::group::group_at;
use super::paint::counted;

/// Faulty lines that are told one by one.
const FAULTS_SHOWN: usize = 20;
/// Lines of a file of users: it is written in one transaction.
const USER_LINES: usize = 50_000;
/// Lines of a file of numbers, which is written in pieces.
const NUMBER_LINES: usize = 5_000_000;

/// Does what was asked.
pub async fn run(desk: &Desk, command: ImportCommand) -> Result<Shown, Failure> {
    match command {
        ImportCommand::Users { file, group, dry_run } => users(desk, &file, &group, dry_run).await,
        ImportCommand::Numbers { file, dry_run } => numbers(desk, &file, dry_run).await,
    }
}

async fn users(desk: &Desk, file: &Path, group: &str, dry_run: bool) -> Result<Shown, Failure> {
    let bytes = contents(file)?;
    let usage = desk.usage().await?;
    let (plan, mut warnings) = {
        let world = desk.world().await?;
        let top = group_at(&world.tree, group)?;
        on(desk, &world, &usage, |ground| roster::users(&bytes, (top, USER_LINES), ground))?
    };
    if !dry_run && !plan.is_empty() {
        warnings = desk.store.write(plan.change(), desk.terms(&usage)).await?.warnings;
    }
    let count = |count: usize, what| counted(i64::try_from(count).unwrap_or(i64::MAX), what);
    let text = format!(
        "{}{}, {} and {} added, {} there already",
        told(dry_run),
        count(plan.users, "user"),
        count(plan.numbers, "number"),
        count(plan.licenses, "license"),
        plan.present
    );
    let json = json!({
        "users": plan.users,
        "numbers": plan.numbers,
        "licenses": plan.licenses,
        "present": plan.present,
        "dry_run": dry_run,
    });
    Ok(Shown { json, text, note: None }.with_warnings(&warnings))
}

async fn numbers(desk: &Desk, file: &Path, dry_run: bool) -> Result<Shown, Failure> {
    let bytes = contents(file)?;
    let usage = desk.usage().await?;
    let (plan, mut warnings) = {
        let world = desk.world().await?;
        on(desk, &world, &usage, |ground| roster::numbers(&bytes, NUMBER_LINES, ground))?
    };
    let (mut added, mut present) = (plan.new.len(), plan.present);
    if !dry_run {
        let talks = std::io::stderr().is_terminal();
        let progress = |written: usize| {
            if talks {
                eprintln!("{written} written");
            }
        };
        let terms = desk.terms(&usage);
        let done = desk.store.import_numbers(plan.rows, terms, progress).await?;
        (added, present, warnings) = (done.added, done.present, done.warnings);
    }
    let count = counted(i64::try_from(added).unwrap_or(i64::MAX), "number");
    let text = format!("{}{count} added, {present} there already", told(dry_run));
    let json = json!({"added": added, "present": present, "dry_run": dry_run});
    Ok(Shown { json, text, note: None }.with_warnings(&warnings))
}

fn told(dry_run: bool) -> &'static str {
    if dry_run { "would be done: " } else { "" }
}

fn contents(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|error| Failure::new(format!("{}: {error}", file.display())))
}

/// Reads a file against the records as they stand in the database.
fn on<P>(
    desk: &Desk,
    world: &World,
    usage: &Tally,
    read: impl Fn(&Ground<'_>) -> Result<(P, Vec<Warning>), Faults>,
) -> Result<(P, Vec<Warning>), Failure> {
    let spelling = |text: &str| desk.number(text).map_err(|failure| failure.error);
    let viewer = &desk.author.viewer;
    let ground = Ground { world, viewer, spelling: &spelling, at: desk.now, usage };
    read(&ground).map_err(all_of)
}

/// Every fault for programs, the first ones for people.
fn all_of(faults: Faults) -> Failure {
    let shown = faults.lines.iter().take(FAULTS_SHOWN);
    let mut text = "nothing was written".to_owned();
    for fault in shown {
        let column = fault.column.as_ref().map_or_else(String::new, |column| format!(", {column}"));
        text.push_str(&format!("\nline {}{column}: {}", fault.line, fault.error));
    }
    let more = faults.lines.len().saturating_sub(FAULTS_SHOWN);
    if more > 0 {
        text.push_str(&format!("\nand {more} more"));
    }
    let rows = faults.lines.iter().map(|fault| json!(fault)).collect();
    let obstacles = faults.obstacles.into_iter().map(obstacle).collect();
    Failure { faults: rows, obstacles, ..Failure::new(text) }
}
