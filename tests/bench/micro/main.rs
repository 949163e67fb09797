//! What each step of a packet's way takes, alone and together, and what one gate yields to many threads.
//! No sockets; it prints, and nothing here passes or fails.
//!
//!     cargo bench --bench micro [-- decide | proxy | /10000 | gate | …]
//!
//! Cases with 1,000,000 numbers first register all of them, which takes a while and about 2 GB.

mod gate;
mod scene;

use std::time::Duration;

use criterion::Criterion;
use scene::{CASES, Case};

const SMALL: u32 = 10_000;
const LARGE: u32 = 1_000_000;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    for case in CASES {
        let name = if case.sized { format!("{}/{SMALL}", case.name) } else { case.name.to_owned() };
        measure(&mut criterion, &name, case, SMALL);
    }
    for case in CASES.iter().filter(|case| case.sized) {
        measure(&mut criterion, &format!("{}/{LARGE}", case.name), case, LARGE);
    }
    criterion.final_summary();
    let mut wanted = std::env::args().skip(1).filter(|word| !word.starts_with('-')).peekable();
    if wanted.peek().is_none() || wanted.any(|word| word == "gate") {
        gate::contend();
    }
}

/// Sets the scene only where the case is wanted.
fn measure(criterion: &mut Criterion, name: &str, case: &Case, numbers: u32) {
    let mut operation = None;
    criterion.bench_function(name, |bencher| {
        let operation = operation.get_or_insert_with(|| (case.prepare)(numbers).warm());
        bencher.iter_custom(|times| operation.time(times));
    });
}
