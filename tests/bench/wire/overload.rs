//! Twice the rate that passed: what is still completed, and whether devices kept their seats.

use std::time::Duration;

use super::options::Options;
use super::rounds::{BEFOREHAND, Contender, Row};
use super::site;
use super::table::median;
use super::work::{Order, Pace};

/// Rates are per second.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// What passed before, as fast as it would.
    pub peak: f64,
    /// What the load brought about: at most twice the peak.
    pub offered: f64,
    pub completed: f64,
    /// Of all numbers, how many were told otherwise than before when all was calm again.
    pub changed: u64,
}

impl Overload {
    /// What is completed, of the peak.
    pub fn share(&self) -> f64 {
        self.completed / self.peak
    }
}

/// Of a server that had its turns.
pub fn after(options: &Options, contender: &mut Contender, row: &Row) -> Overload {
    const CALM: Duration = Duration::from_secs(1);
    let peak = median(row.turns.iter().map(|turn| turn.rate).collect());
    let work = site::work(row.task, options.numbers);
    let time = Duration::from_secs(options.seconds);
    let outcome = contender.load.run(Pace::Open((peak * 2.0) as u32), &work, time);
    // Answers that come late are read and thrown away by the next run.
    std::thread::sleep(CALM);
    let mut all = work;
    let many = u64::from(work.numbers.count);
    all.numbers.order = Order::Once { from: 0, many };
    let kept = contender.load.run(BEFOREHAND, &all, time * 60);
    let over = Overload {
        peak,
        offered: outcome.begun as f64 / time.as_secs_f64(),
        completed: outcome.completed as f64 / outcome.took.as_secs_f64(),
        changed: many - kept.completed + kept.unexpected,
    };
    eprintln!(
        "{}, {}, overload: {:.0}/s of {:.0}/s offered, {:.0} % of the peak, {} told otherwise later",
        row.task.name(),
        contender.kind.name(),
        over.completed,
        over.offered,
        over.share() * 100.0,
        over.changed,
    );
    over
}
