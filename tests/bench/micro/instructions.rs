//! How many instructions each step of a packet's way takes, counted by callgrind: the same on a busy
//! machine, and without the network. It needs valgrind and gungraun-runner, which `run` installs.
//!
//!     tests/bench/micro/run
//!     cargo bench --bench instructions

#![allow(clippy::disallowed_methods, reason = "gungraun's main exits; there are no seats to lose")]

mod scene;

use gungraun::{library_benchmark, library_benchmark_group, main};
use scene::{CASES, Operation};

/// Under callgrind everything takes fifty times as long, and every case builds its own.
const NUMBERS: u32 = 1_000;

/// The scene of a case, set and warm; not counted.
fn prepare(name: &str) -> Operation {
    let case = CASES.iter().find(|case| case.name == name).expect("a case");
    (case.prepare)(NUMBERS).warm()
}

// One run. The operation is handed back, so that clearing it away is not counted either.
#[library_benchmark(setup = prepare)]
#[bench::index_register("index_register")]
#[bench::index_invite("index_invite")]
#[bench::index_ok("index_ok")]
#[bench::who_register("who_register")]
#[bench::patch_register("patch_register")]
#[bench::patch_pop_via("patch_pop_via")]
#[bench::mac_branch("mac_branch")]
#[bench::decide_refresh("decide_refresh")]
#[bench::decide_refresh_of_32("decide_refresh_of_32")]
#[bench::decide_refresh_of_device("decide_refresh_of_device")]
#[bench::decide_new_seat("decide_new_seat")]
#[bench::decide_refusal("decide_refusal")]
#[bench::proxy_request("proxy_request")]
#[bench::proxy_answer("proxy_answer")]
#[bench::proxy_refusal("proxy_refusal")]
fn once(mut operation: Operation) -> Operation {
    operation.run();
    operation
}

library_benchmark_group!(name = steps, benchmarks = once);
main!(library_benchmark_groups = steps);
