//! What an installation of 100,000 groups, eight levels deep, and 1,000,000 numbers costs, on SQLite and,
//! where `ADMITD_TEST_POSTGRES` names a server, on PostgreSQL. It prints; nothing here passes or fails.
//!
//!     cargo bench --bench sizes [-- GROUPS NUMBERS]
//!     cargo bench --bench sizes -- seats [GROUPS NUMBERS]       only what needs no daemon
//!     cargo bench --bench sizes -- bindings [GROUPS NUMBERS]    only memory of registered devices

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
use measure::Measure;

fn main() {
    let figures: Vec<usize> = std::env::args().filter_map(|word| word.parse().ok()).collect();
    let groups = figures.first().copied().unwrap_or(100_000);
    let numbers = figures.get(1).copied().unwrap_or(1_000_000);
    let only = |what: &str| std::env::args().any(|word| word == what);
    if only("bindings") {
        return bindings::all(numbers);
    }
    seats::all(numbers);
    if only("seats") {
        return;
    }
    bindings::all(numbers);
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
