//! Which mails are due at an instant, and when the next ones are: from what stands on record alone.

use chrono::{NaiveDate, NaiveTime};

use super::template::Event;
use crate::license::{Moment, Reminder, Tree};
use crate::store::Series;

/// A day of a series whose mail is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DueDay {
    pub series: Series,
    pub day: NaiveDate,
    pub due_at: Moment,
}

/// What is due now, and when to look again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Of each series the latest day that has come: those before it were missed.
    pub due: Vec<DueDay>,
    /// When the next day comes, or an end that is due passes.
    pub next: Option<Moment>,
}

/// Looks at all reminders that are on.
pub fn plan(tree: &Tree, reminders: &[Reminder], clock: NaiveTime, now: Moment) -> Plan {
    let mut plan = Plan::default();
    for reminder in reminders.iter().filter(|reminder| reminder.enabled) {
        let zone = tree.zone_of(reminder.group);
        for end in tree.due_ends(reminder.group, now) {
            let series = Series {
                group: reminder.group,
                event: Event::LicenseEnding.name(),
                due_end: end.at,
            };
            let mut latest = None;
            for date in reminder.dates(end.at, zone, clock) {
                if date.at > now {
                    plan.wake(date.at);
                    break;
                }
                latest = Some(DueDay { series, day: date.day, due_at: date.at });
            }
            if latest.is_some() {
                plan.wake(end.at);
            }
            plan.due.extend(latest);
        }
    }
    plan
}

impl Plan {
    fn wake(&mut self, at: Moment) {
        self.next = Some(self.next.map_or(at, |next| next.min(at)));
    }
}
