//! What numbers and seats cost in memory and in time, without sockets and a store.

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use admitd::license::{Holder, Moment};
use admitd::quota::{Decision, Ids, Touched};

use super::house::{END, House, aor, before, shown};
use super::{resident, say};

/// Renewals that are decided one after the other, as a worker does with what it received at once.
const BATCH: usize = 32;
/// Licenses that end in one second.
const ENDING: usize = 100_000;

/// Everything, for a small and for a large installation.
pub fn all(numbers: usize) {
    say("\nin this process: eight gates over each number, ten numbers to a group");
    for numbers in [10_000, numbers] {
        sizes(numbers);
    }
    ending();
}

fn sizes(numbers: usize) {
    let now = before(7_200_000);
    let mut house = House::build(numbers, 10);
    house.publish(&Touched::Everything, now);
    let empty = resident_bytes();
    house.fill();
    tell(numbers, "a number in the directory", per(empty, numbers), "bytes");
    let began = Instant::now();
    house.publish(&Touched::Everything, now);
    tell(numbers, "all of it published", began.elapsed().as_millis(), "ms");
    let known = resident_bytes();
    let mut took = Duration::MAX;
    for from in (0..numbers).step_by(1_000) {
        let to = numbers.min(from + 1_000);
        let asked: Vec<_> = (from..to).map(|n| (aor(n), shown(n))).collect();
        let began = Instant::now();
        asked.into_iter().for_each(|(aor, shown)| house.register(&aor, shown, now));
        took = took.min(began.elapsed());
    }
    tell(numbers, "a new seat, whole, the best 1,000", took.as_nanos() / 1_000, "ns");
    tell(numbers, "a live seat", per(known, numbers), "bytes");
    renewals(&house);
    changes(&mut house);
}

/// Decides renewals of numbers at random; what they show is made beforehand.
fn renewals(house: &House) {
    let now = before(7_000_000);
    let mut dice = 88_172_645_463_325_252u64;
    let (mut decided, mut owned) = (Vec::new(), Vec::new());
    for _ in 0..20_000 {
        let asked: Vec<(String, Ids)> = (0..BATCH)
            .map(|_| {
                dice ^= dice << 13;
                dice ^= dice >> 7;
                dice ^= dice << 17;
                let n = (dice >> 11) as usize % house.numbers;
                (aor(n), shown(n))
            })
            .collect();
        let began = Instant::now();
        for (aor, shown) in &asked {
            let decision = house.decide(aor, shown, now);
            assert!(matches!(decision, Decision::Renew(_)), "{decision:?}");
        }
        decided.push(began.elapsed());
        let began = Instant::now();
        assert!(asked.iter().all(|(aor, _)| house.quota.owned(aor).is_some()));
        owned.push(began.elapsed());
    }
    // The median: whatever else runs on the machine interrupts some batches.
    let one = |mut took: Vec<Duration>| {
        took.sort_unstable();
        took[took.len() / 2].as_nanos() / BATCH as u128
    };
    tell(house.numbers, "a renewal decided, at random", one(decided), "ns");
    tell(house.numbers, "its owner found again", one(owned), "ns");
}

/// A license more, one after the other, with all seats there.
fn changes(house: &mut House) {
    let mut longest = Duration::ZERO;
    for at in 0..100 {
        let holder = house.owner(at * house.numbers / 100);
        let mut license = (*house.tree.licenses_of(holder)[0]).clone();
        license.sip_numbers += 1;
        let began = Instant::now();
        house.tree.upsert_license(license);
        let touched = Touched::These { holders: vec![holder], numbers: Vec::new(), claims: false };
        house.publish(&touched, before(6_900_000));
        longest = longest.max(began.elapsed());
    }
    tell(house.numbers, "a license changed, the longest of 100", longest.as_micros(), "us");
}

/// Many licenses end at once, while somebody whose license lasts renews.
fn ending() {
    let mut house = House::build(ENDING, 1);
    house.fill();
    let steady = house.owner(0);
    let mut license = (*house.tree.licenses_of(steady)[0]).clone();
    license.validity.until = Some(Moment(END + 1_000_000));
    house.tree.upsert_license(license);
    house.publish(&Touched::Everything, before(1_000));
    (0..ENDING).for_each(|n| house.register(&aor(n), shown(n), before(1_000)));
    let ended = AtomicBool::new(false);
    let (house, ended) = (&house, &ended);
    let quiet = latency(house, || false, 300);
    let (revoked, took, during) = std::thread::scope(|scope| {
        let renewing = scope.spawn(move || latency(house, || ended.load(Ordering::Relaxed), 5_000));
        let began = Instant::now();
        let revoked = house.quota.boundary(before(0)).revoked.len();
        let took = began.elapsed();
        ended.store(true, Ordering::Relaxed);
        (revoked, took, renewing.join().expect("renewals"))
    });
    tell(ENDING, "licenses that end at once: seats revoked", revoked as u128, "");
    tell(ENDING, "until all are revoked", took.as_millis(), "ms");
    tell(ENDING, "p99 of a renewal before", quiet.as_nanos(), "ns");
    tell(ENDING, "p99 of a renewal meanwhile", during.as_nanos(), "ns");
    assert_eq!(house.quota.gate(steady, before(0)).map(|gate| gate.sip.in_use), Some(1));
    let holders = (1..ENDING).map(|n| house.owner(n));
    let left = |holder: Holder| house.quota.gate(holder, before(0)).map(|gate| gate.sip.in_use);
    assert!(holders.into_iter().all(|holder| left(holder) == Some(0)));
}

fn latency(house: &House, stop: impl Fn() -> bool, longest_ms: u64) -> Duration {
    let (number, shows) = (aor(0), shown(0));
    let mut took = Vec::with_capacity(1 << 22);
    let began = Instant::now();
    while !stop() && began.elapsed() < Duration::from_millis(longest_ms) && took.len() < 1 << 22 {
        let began = Instant::now();
        let decision = house.decide(&number, &shows, before(0));
        took.push(began.elapsed());
        assert!(matches!(decision, Decision::Renew(_)), "{decision:?}");
    }
    took.sort_unstable();
    took[(took.len() - 1) * 99 / 100]
}

fn resident_bytes() -> u64 {
    resident(std::process::id()) * 1024
}

fn per(since: u64, count: usize) -> u128 {
    u128::from(resident_bytes().saturating_sub(since)) / count as u128
}

/// A figure of the report.
pub fn tell(numbers: usize, what: &str, figure: impl Display, unit: &str) {
    say(&format!("  {numbers:>9} numbers: {what:<42}{figure:>10} {unit}"));
}
