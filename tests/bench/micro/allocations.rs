//! How often each step of a packet's way asks for memory, and for how much, once what is made once is
//! made. Exact on the busiest machine; a bench of its own, so that counting slows nobody else.
//!
//!     cargo bench --bench allocations

mod scene;

use allocation_counter::measure;
use scene::{CASES, Case};

const NUMBERS: u32 = 10_000;
/// Fewer than what is kept until an operation rests.
const RUNS: u64 = 480;

fn main() {
    say(&format!("{:<34}{:>12}{:>12}", "per request", "allocations", "bytes"));
    for case in CASES {
        say(&count(case));
    }
}

fn count(case: &Case) -> String {
    let mut operation = (case.prepare)(NUMBERS).warm();
    let counted = measure(|| (0..RUNS).for_each(|_| operation.run()));
    let each = |total: u64| total as f64 / (RUNS * operation.each()) as f64;
    let (count, bytes) = (each(counted.count_total), each(counted.bytes_total));
    format!("{:<34}{count:>12.2}{bytes:>12.1}", case.name)
}

/// A line of the report.
#[allow(clippy::disallowed_macros, reason = "a benchmark reports on stdout")]
fn say(line: &str) {
    println!("{line}");
}
