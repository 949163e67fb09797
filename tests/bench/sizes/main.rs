//! What an installation of very many groups, eight levels deep, and numbers costs, on SQLite and,
//! where `ADMITD_TEST_POSTGRES` names a server, on PostgreSQL. It prints; nothing here passes or fails.

#[path = "../../base/mod.rs"]
mod base;
mod bindings;
mod house;
mod measure;
#[path = "../../scene/mod.rs"]
mod scene;
mod seats;
mod site;
mod wire;

use base::Base;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, ValueEnum};
use measure::Measure;
use wire::stop;

/// What a large installation costs in memory and time: its seats and numbers in a process of their own,
/// its registered devices in a running daemon, and its database. Takes minutes with the defaults.
#[derive(Parser)]
#[command(name = "sizes")]
struct Options {
    /// Only this
    #[arg(long, value_enum)]
    only: Option<Part>,
    /// So many groups, for the database (from 8)
    #[arg(long, default_value_t = 100_000, value_parser = at_least_eight)]
    groups: usize,
    /// So many numbers (from 10,000; seats or database alone from 8)
    #[arg(long, default_value_t = 1_000_000, value_parser = at_least_eight)]
    numbers: usize,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What needs no daemon: directory, seats, a license that changes, licenses that end
    Seats,
    /// What a registered device costs a daemon: its seat, and its binding in the built-in registrar
    Bindings,
    /// Loading, changing and importing with a database
    Database,
}

fn at_least_eight(text: &str) -> Result<usize, String> {
    let count = text.parse().map_err(|fault| format!("{fault}"))?;
    if count < 8 { Err("there are eight levels: take at least 8".to_owned()) } else { Ok(count) }
}

fn main() {
    let Options { only, groups, numbers, .. } = Options::parse();
    let is_wanted = |part| only.is_none_or(|only| only == part);
    if is_wanted(Part::Bindings) && numbers < bindings::FEWEST {
        let fault =
            format!("--numbers {numbers}: bindings are measured of {} at least", bindings::FEWEST);
        Options::command().error(ErrorKind::ValueValidation, fault).exit();
    }
    let _folder = stop::leaves_nothing();
    if is_wanted(Part::Seats) {
        seats::all(numbers);
    }
    if is_wanted(Part::Bindings) {
        bindings::all(numbers);
    }
    if is_wanted(Part::Database) {
        databases(groups, numbers);
    }
}

fn databases(groups: usize, numbers: usize) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut bases = vec![("SQLite", Base::sqlite())];
        if std::env::var("ADMITD_TEST_POSTGRES").is_ok() {
            bases.push(("PostgreSQL", Base::postgres().await));
        }
        for (name, base) in bases {
            say(&format!("\n{name}: {groups} groups on eight levels, {numbers} numbers"));
            let site = site::build(&base, groups, numbers).await;
            let mut measure = Measure::start(&base);
            measure.all(&site).await;
        }
    });
}

/// A line of the report.
#[allow(clippy::disallowed_macros, reason = "a benchmark reports on stdout")]
fn say(line: &str) {
    println!("{line}");
}

/// What a process holds, in KiB.
fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse().ok()).unwrap_or_default()
}
