//! Twice the rate that passed: what is still completed, and whether devices kept their seats. A server
//! that takes new requests before answers passes on what it never completes.

use std::time::{Duration, Instant};

use super::beside::Reading;
use super::cost;
use super::options::Options;
use super::rounds::{BEFOREHAND, Contender, Row};
use super::site;
use super::table::median;
use super::work::{Order, Outcome, Pace, Work};

/// Rates are per second.
#[derive(Clone, Copy, Debug)]
pub struct Overload {
    /// What passed before, as fast as it would.
    pub peak: f64,
    /// How busy the server was at the peak, of one core; well below 1 it was the load that had no more.
    pub busy_at_peak: f64,
    /// What the load brought about: at most twice the peak.
    pub offered: f64,
    /// In the time in which it was offered.
    pub completed: f64,
    /// How busy the server was then.
    pub busy: f64,
    /// Exchanges that came to who is behind the server, and how many of them were completed.
    pub passed: u64,
    pub answered: u64,
    /// Of all numbers, how many were told otherwise than before when all was calm again.
    pub changed: u64,
}

impl Overload {
    /// What is completed, of the peak.
    pub fn share(&self) -> f64 {
        self.completed / self.peak
    }

    /// Of what was passed on, what came back in time; none where nothing is passed on.
    pub fn came_back(&self) -> Option<f64> {
        (self.passed > 0).then(|| self.answered as f64 / self.passed as f64)
    }
}

/// Of a server that had its turns.
pub fn after(options: &Options, contender: &mut Contender, row: &Row) -> Overload {
    let peak = median(row.turns.iter().map(|turn| turn.rate).collect());
    let work = site::work(row.task, options.numbers);
    let time = Duration::from_secs(options.seconds);
    let passed_before = contender.load.behind.taken.begun;
    let (outcome, busy) = push(contender, (peak * 2.0) as u32, &work, time);
    let over = Overload {
        peak,
        busy_at_peak: median(row.turns.iter().map(|turn| turn.cpu * turn.rate / 1e6).collect()),
        offered: outcome.begun as f64 / time.as_secs_f64(),
        completed: outcome.in_time as f64 / time.as_secs_f64(),
        busy,
        passed: contender.load.behind.taken.begun - passed_before,
        answered: outcome.completed,
        changed: changed(contender, work, time),
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

/// What came of it, and how busy the server was as long as it was pushed.
fn push(contender: &mut Contender, rate: u32, work: &Work, time: Duration) -> (Outcome, f64) {
    let pid = contender.server.pid();
    let before = cost::used(pid);
    let mut reading = Reading { pid, at: Instant::now() + time, used: None };
    let outcome = contender.load.run_beside(Pace::Push(rate), work, time, &mut reading);
    let used = reading.used.unwrap_or_else(|| cost::used(pid)).since(before);
    (outcome, used.cpu.as_secs_f64() / time.as_secs_f64())
}

/// All numbers ask once more.
fn changed(contender: &mut Contender, mut work: Work, time: Duration) -> u64 {
    const CALM: Duration = Duration::from_secs(1);
    // Answers that come late are read and thrown away by the next run.
    std::thread::sleep(CALM);
    let many = u64::from(work.numbers.count);
    work.numbers.order = Order::Once { from: 0, many };
    let kept = contender.load.run(BEFOREHAND, &work, time * 60);
    many - kept.completed + kept.unexpected
}
