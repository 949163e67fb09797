//! Instants as programs and people read them.

use chrono::{DateTime, Days, NaiveDate, Timelike, Utc};
use chrono_tz::Tz;

use crate::license::Moment;

/// RFC 3339 in UTC, whole seconds, with `Z`.
pub fn rfc3339(at: Moment) -> String {
    match DateTime::<Utc>::from_timestamp(at.0, 0) {
        Some(at) => at.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        None => "9999-12-31T23:59:59Z".to_owned(),
    }
}

/// An instant by the wall clock of a zone: "1 December 2024, 00:00 (Europe/Madrid)".
pub fn in_zone(at: Moment, zone: Tz) -> String {
    match DateTime::<Utc>::from_timestamp(at.0, 0) {
        Some(at) => format!("{} ({zone})", clock(at.with_timezone(&zone))),
        None => "the end of time".to_owned(),
    }
}

/// An end as people need it: "until 1 December 2024, 00:00 (Europe/Madrid), last day 30 November".
pub fn until(at: Moment, zone: Tz) -> String {
    let shown = format!("until {}", in_zone(at, zone));
    match last_day(at, zone) {
        Some(day) => format!("{shown}, last day {}", day.format("%-d %B")),
        None => shown,
    }
}

/// The last whole day before an end at midnight.
fn last_day(at: Moment, zone: Tz) -> Option<NaiveDate> {
    let local = DateTime::<Utc>::from_timestamp(at.0, 0)?.with_timezone(&zone);
    let midnight = local.time() == chrono::NaiveTime::MIN;
    midnight.then(|| local.date_naive().checked_sub_days(Days::new(1)))?
}

fn clock(at: DateTime<Tz>) -> String {
    let format = if at.second() == 0 { "%-d %B %Y, %H:%M" } else { "%-d %B %Y, %H:%M:%S" };
    at.format(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_read_utc_in_whole_seconds() {
        assert_eq!(rfc3339(Moment(1_733_007_600)), "2024-11-30T23:00:00Z");
    }

    #[test]
    fn an_end_at_midnight_names_the_last_usable_day() {
        let midnight = Moment(1_733_007_600);

        assert_eq!(
            until(midnight, Tz::Europe__Madrid),
            "until 1 December 2024, 00:00 (Europe/Madrid), last day 30 November"
        );
        assert_eq!(
            until(Moment(midnight.0 + 60), Tz::Europe__Madrid),
            "until 1 December 2024, 00:01 (Europe/Madrid)"
        );
    }
}
