//! One gate that every thread wants: takes and gives back, by 1 to as many threads as there are cores.
//! Threads that take turns on a busy machine don't contend: how many cores they had stands beside it.

use std::num::NonZero;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use admitd::license::{FeatureSet, GateStatus, GroupId, Holder, Moment, Step};
use admitd::quota::{Epoch, Gate, Plan, Units};

/// How long one round lasts.
const ROUND: Duration = Duration::from_millis(300);
/// Rounds of each number of threads; the median counts.
const ROUNDS: usize = 7;
const SIP: Units = Units { sip: 1, apps: 0 };

/// Measures and prints.
pub fn contend() {
    let most = thread::available_parallelism().map_or(1, NonZero::get);
    say("one gate, take and give back    threads        /s   of one thread   cores had");
    let mut alone = None;
    for threads in 1..=most {
        let mut rounds: Vec<Round> = (0..ROUNDS).map(|_| round(threads)).collect();
        rounds.sort_by(|one, other| one.rate.total_cmp(&other.rate));
        let Round { rate, cores } = rounds[ROUNDS / 2];
        let share = 100.0 * rate / *alone.get_or_insert(rate);
        say(&format!("{threads:>39} {rate:>9.0} {share:>14.0} %{cores:>11.1}"));
    }
}

/// What all threads together came to.
struct Round {
    /// Pairs of take and give a second.
    rate: f64,
    /// Their CPU time over the time that passed.
    cores: f64,
}

fn round(threads: usize) -> Round {
    let gate = open_gate();
    let (ready, over) = (Barrier::new(threads + 1), AtomicBool::new(false));
    thread::scope(|scope| {
        let worker = || {
            ready.wait();
            let (mut pairs, before) = (0_u64, on_cpu());
            while !over.load(Ordering::Relaxed) {
                for _ in 0..256 {
                    assert!(gate.take(SIP, false), "there is room");
                    gate.give(SIP, false);
                }
                pairs += 256;
            }
            (pairs, on_cpu() - before)
        };
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        ready.wait();
        let begun = Instant::now();
        thread::sleep(ROUND);
        over.store(true, Ordering::Relaxed);
        let done = workers.into_iter().map(|one| one.join().expect("a worker"));
        let (pairs, cpu) =
            done.fold((0, Duration::ZERO), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let secs = begun.elapsed().as_secs_f64();
        Round { rate: pairs as f64 / secs, cores: cpu.as_secs_f64() / secs }
    })
}

/// The CPU time of this thread so far.
fn on_cpu() -> Duration {
    let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = figures.split_whitespace().next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn open_gate() -> Gate {
    let gate = Gate::new(Holder::Group(GroupId(2)), &Epoch::new());
    let step = Step {
        from: Moment::MIN,
        sip_numbers: 1_000,
        mobile_apps: 0,
        claimed: 0,
        features: FeatureSet::NONE,
        status: GateStatus::Valid,
    };
    gate.publish(Plan { steps: vec![step], monitor: false }, Moment(0));
    gate
}

/// A line of the report.
#[allow(clippy::disallowed_macros, reason = "a benchmark reports on stdout")]
fn say(line: &str) {
    println!("{line}");
}
