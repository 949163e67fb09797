//! What is measured, one case at a time, and the same for times, allocations and instructions: each case
//! sets its scene and gives one operation to run. It measures nothing itself.

mod decide;
mod message;
mod pass;
mod read;
mod site;

use std::time::{Duration, Instant};

/// How often an operation runs before it rests.
const STRETCH: u64 = 500;

/// One operation, ready to run.
pub struct Operation {
    run: Box<dyn FnMut()>,
    /// How many requests one run serves.
    each: u64,
    /// What has to be done now and then, and is not measured.
    rest: Box<dyn Fn()>,
}

impl Operation {
    fn new(run: impl FnMut() + 'static) -> Self {
        Self { run: Box::new(run), each: 1, rest: Box::new(|| {}) }
    }

    /// An operation that serves `each` requests when it runs.
    fn batch(each: u64, run: impl FnMut() + 'static) -> Self {
        Self { each, ..Self::new(run) }
    }

    /// Runs it once.
    pub fn run(&mut self) {
        (self.run)();
    }

    /// How many requests one run serves.
    #[allow(dead_code, reason = "two of three benchmarks count runs")]
    pub fn each(&self) -> u64 {
        self.each
    }

    /// How long `times` requests take.
    pub fn time(&mut self, times: u64) -> Duration {
        let runs = times.div_ceil(self.each);
        let mut took = Duration::ZERO;
        let mut left = runs;
        while left > 0 {
            let stretch = left.min(STRETCH);
            let begun = Instant::now();
            for _ in 0..stretch {
                self.run();
            }
            took += begun.elapsed();
            left -= stretch;
            (self.rest)();
        }
        took.mul_f64(times as f64 / (runs * self.each) as f64)
    }

    /// Runs it until all that is made once is made.
    pub fn warm(mut self) -> Self {
        self.time(STRETCH);
        self
    }
}

/// One thing to measure.
pub struct Case {
    pub name: &'static str,
    /// Whether it matters how many numbers there are.
    #[allow(dead_code, reason = "one of three benchmarks asks with more than one size")]
    pub sized: bool,
    /// Sets the scene with so many numbers; the first case of a size builds the site that the others
    /// share.
    pub prepare: fn(u32) -> Operation,
}

const fn plain(name: &'static str, prepare: fn(u32) -> Operation) -> Case {
    Case { name, sized: false, prepare }
}

const fn sized(name: &'static str, prepare: fn(u32) -> Operation) -> Case {
    Case { name, sized: true, prepare }
}

/// Everything.
pub const CASES: &[Case] = &[
    plain("index_register", |_| read::index(message::register())),
    plain("index_invite", |_| read::index(message::invite())),
    plain("index_ok", |_| read::index(message::ok())),
    plain("who_register", |_| read::who()),
    plain("patch_register", |_| read::patch()),
    plain("patch_pop_via", |_| read::pop_via()),
    plain("mac_branch", |_| read::mac()),
    sized("decide_refresh", decide::refresh),
    sized("decide_refresh_of_32", decide::refreshes_together),
    plain("decide_refresh_of_device", decide::refresh_of_device),
    sized("decide_new_seat", decide::new_seat),
    sized("decide_refusal", decide::refusal),
    sized("proxy_request", pass::request),
    sized("proxy_requests_together", pass::requests_together),
    sized("proxy_answer", pass::answer),
    sized("proxy_refusal", pass::refusal),
];
