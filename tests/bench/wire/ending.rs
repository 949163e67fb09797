//! Many licenses end in the same second while the load goes on.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::behind::{Behind, Taken};
use super::beside::Beside;
use super::cost;
use super::office::Office;
use super::options::Options;
use super::rounds::{BEFOREHAND, Contender, WARM_UP};
use super::site;
use super::tables;

/// How often it is asked how many seats are left.
const EVERY: Duration = Duration::from_millis(20);

/// Asks, from the end on, how many seats there are until there are none.
pub struct Ending {
    office: Office,
    end: Instant,
    due: Instant,
    held: Option<u64>,
    left: Option<u64>,
    revoked: Option<Duration>,
}

/// How the end went; times count from it.
#[derive(Clone, Copy, Debug)]
pub struct Ended {
    pub licenses: u32,
    /// Seats before the end.
    pub held: Option<u64>,
    /// When it was known that no seat is left, and otherwise how many were left.
    pub revoked: Option<Duration>,
    pub left: Option<u64>,
    /// De-registrations that came to who is behind the server, and when the last one did.
    pub leaves: u64,
    pub last_leave: Option<Duration>,
}

impl Ending {
    /// Of licenses that end then.
    pub fn new(mut office: Office, end: Instant) -> Self {
        let held = seats(&office.wait("GET", &explained(), "").body);
        Self { office, end, due: end, held, left: None, revoked: None }
    }

    /// De-registrations that come after the turn are answered, too: until there is one of each seat, or
    /// none came for a while.
    pub fn take_leaves(&self, behind: &mut Behind, before: Taken) {
        const QUIET: Duration = Duration::from_secs(5);
        const LONGEST: Duration = Duration::from_secs(120);
        let (all, began) = (before.leaves + self.held.unwrap_or(0), Instant::now());
        let is_quiet = |taken: Taken| {
            let last = taken.last_leave.map_or(began, |last| last.max(began));
            last.elapsed() > QUIET
        };
        while behind.taken.leaves < all && !is_quiet(behind.taken) && began.elapsed() < LONGEST {
            if !behind.answer() {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// How it went, of so many licenses; `before` came before the end.
    pub fn ended(&self, licenses: u32, before: Taken, after: Taken) -> Ended {
        let leaves = after.leaves - before.leaves;
        let last = after.last_leave.filter(|_| leaves > 0);
        Ended {
            licenses,
            held: self.held,
            revoked: self.revoked,
            left: self.left,
            leaves,
            last_leave: last.map(|at| at.saturating_duration_since(self.end)),
        }
    }
}

impl Beside for Ending {
    fn step(&mut self, now: Instant) {
        if self.revoked.is_some() {
            return;
        }
        if let Some(reply) = self.office.answer_at(now) {
            self.left = seats(&reply.body);
            self.revoked = (self.left == Some(0)).then(|| self.end.elapsed());
        } else if now >= self.due && !self.office.waits() {
            self.due = now + EVERY;
            self.office.ask("GET", &explained(), "");
        }
    }
}

/// One number is explained from the counters of its gates; the state of a group is counted seat by seat,
/// which costs the server more.
fn explained() -> String {
    format!("/explain?number=sip:{}@example.com", site::first_ending())
}

/// What the gate above all that end has in use.
fn seats(explained: &serde_json::Value) -> Option<u64> {
    let mut gates = explained["gates"].as_array()?.iter();
    let above = gates.find(|gate| gate["gate"] == tables::ABOVE_ENDING)?;
    above["sip_numbers"]["in_use"].as_u64()
}

/// Writes when the licenses end, waits until the server knows, and has the devices refresh, which are
/// told no longer time than is left. Gives the end, which is at least `ahead` from now.
pub fn announce(options: &Options, contender: &mut Contender, ahead: Duration) -> Instant {
    let mut lead = ahead + Duration::from_secs(10 + u64::from(options.ending) / 2_000);
    loop {
        let until = (SystemTime::now() + lead).duration_since(UNIX_EPOCH).expect("after 1970");
        eprintln!("  {} licenses end in {} s", options.ending, lead.as_secs());
        tables::end(contender.server.folder(), options, until.as_secs());
        cost::until_idle(contender.server.pid());
        let refreshed = contender.load.run(BEFOREHAND, &site::ending(options.ending), WARM_UP);
        eprintln!("  {} refresh, {} refused", refreshed.completed, refreshed.unexpected);
        cost::until_idle(contender.server.pid());
        let end = UNIX_EPOCH + Duration::from_secs(until.as_secs());
        match end.duration_since(SystemTime::now()) {
            Ok(left) if left > ahead => return Instant::now() + left,
            // It was not ready by then: once more, later.
            _ => lead *= 2,
        }
    }
}
