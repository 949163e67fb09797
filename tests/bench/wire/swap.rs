//! Licenses change while the load goes on: one grant after the other, as an administrator writes them.

use std::time::{Duration, Instant};

use super::beside::Beside;
use super::office::Office;

const EVERY: Duration = Duration::from_millis(200);

/// Grants a seat more to one group after the other.
pub struct Swap {
    office: Office,
    groups: Vec<u32>,
    due: Instant,
    changes: Changes,
}

/// What became of the grants.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// From the question to the answer, which comes when the wire follows the change.
    pub accepted: Vec<Duration>,
    pub refused: u64,
}

impl Swap {
    /// From now on.
    pub fn new(office: Office, groups: Vec<u32>) -> Self {
        let due = Instant::now() + EVERY;
        Self { office, groups, due, changes: Changes::default() }
    }

    /// What became of them; the last may still be under way.
    pub fn changes(self) -> Changes {
        self.changes
    }

    fn grant(&mut self) {
        /// From one group to the next; a prime, so that they lie far from each other.
        const STRIDE: usize = 7_919;
        let written = self.changes.accepted.len() + self.changes.refused as usize;
        let group = self.groups[written * STRIDE % self.groups.len()];
        let license = format!("{{\"group\": {group}, \"sip_numbers\": 1}}");
        self.office.ask("POST", "/licenses", &license);
    }
}

impl Beside for Swap {
    fn step(&mut self, now: Instant) {
        if let Some(reply) = self.office.answer_at(now) {
            match reply.status {
                201 => self.changes.accepted.push(reply.took),
                status => {
                    eprintln!("  a grant: {status} {}", reply.body);
                    self.changes.refused += 1;
                }
            }
        }
        if now >= self.due && !self.office.waits() {
            self.due = now + EVERY;
            self.grant();
        }
    }
}
