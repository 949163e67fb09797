//! Instants as people write them: RFC 3339, a date in a group's zone, `+30d`.

use std::str::FromStr;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, TimeZone};
use chrono_tz::Tz;

use crate::license::Moment;

/// The seconds of a day; `+30d` is 30 of them, whatever the clocks do.
const DAY: i64 = 86_400;

/// An instant that still needs a zone or the time of day to be one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// With its own offset.
    At(Moment),
    /// By the wall clock of the group's zone; a date is its 00:00.
    Local(NaiveDateTime),
    /// Seconds from now.
    After(i64),
    /// No limit.
    None,
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        if let Some(span) = text.strip_prefix('+') {
            return after(span).map(Self::After).ok_or("write +30d, +12h or +90m".to_owned());
        }
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Ok(Self::At(Moment(at.timestamp())));
        }
        if let Ok(date) = text.parse::<NaiveDate>() {
            return date.and_hms_opt(0, 0, 0).map(Self::Local).ok_or_else(|| "no such day".into());
        }
        if let Ok(local) = text.parse::<NaiveDateTime>() {
            return Ok(Self::Local(local));
        }
        Err("write 2027-12-01, 2027-12-01T00:00:00Z, +30d or none".to_owned())
    }
}

fn after(span: &str) -> Option<i64> {
    let digits = span.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = span.split_at_checked(digits)?;
    let unit = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => DAY,
        "w" => 7 * DAY,
        _ => return None,
    };
    // A thousand years keep every sum far from overflow, and in what the database takes.
    number.parse::<i64>().ok()?.checked_mul(unit).filter(|seconds| *seconds <= 365_000 * DAY)
}

impl When {
    /// The instant, in a group's zone, as of `now`; `None` is no limit.
    pub fn resolve(self, zone: Tz, now: Moment) -> Option<Moment> {
        match self {
            Self::At(at) => Some(at),
            Self::Local(local) => Some(moment_of(local, zone)),
            Self::After(seconds) => Some(Moment(now.0.saturating_add(seconds))),
            Self::None => None,
        }
    }
}

/// A wall clock's instant. Where clocks are set back the first of the two; an hour that is skipped is
/// read by the clock before it, so a skipped midnight is the end of the gap.
fn moment_of(local: NaiveDateTime, zone: Tz) -> Moment {
    let at = match zone.from_local_datetime(&local) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => at.timestamp(),
        LocalResult::None => {
            // No zone skips more than a day at once.
            let day = chrono::Duration::days(1);
            match zone.from_local_datetime(&(local - day)).earliest() {
                Some(before) => before.timestamp() + day.num_seconds(),
                None => local.and_utc().timestamp(),
            }
        }
    };
    Moment(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::rfc3339;

    const MADRID: Tz = Tz::Europe__Madrid;

    fn resolved(text: &str, zone: Tz) -> String {
        let when: When = text.parse().unwrap();
        rfc3339(when.resolve(zone, Moment(0)).unwrap())
    }

    #[test]
    fn a_date_is_its_first_instant_in_the_groups_zone() {
        assert_eq!(resolved("2024-12-01", MADRID), "2024-11-30T23:00:00Z");
        assert_eq!(resolved("2024-12-01", Tz::UTC), "2024-12-01T00:00:00Z");
        assert_eq!(resolved("2024-12-01T08:30:00", MADRID), "2024-12-01T07:30:00Z");
    }

    #[test]
    fn an_offset_stands_for_itself() {
        assert_eq!(resolved("2024-12-01T00:00:00Z", MADRID), "2024-12-01T00:00:00Z");
        assert_eq!(resolved("2024-12-01T00:00:00+02:00", MADRID), "2024-11-30T22:00:00Z");
    }

    #[test]
    fn thirty_days_are_thirty_times_24_hours() {
        assert_eq!(resolved("+30d", MADRID), "1970-01-31T00:00:00Z");
        assert_eq!("+3s".parse(), Ok(When::After(3)));
        assert!("+30".parse::<When>().is_err());
        assert!("+99999999999999999999d".parse::<When>().is_err());
    }

    #[test]
    fn a_midnight_that_a_zone_skips_is_the_first_instant_after_it() {
        assert_eq!(resolved("2018-11-04", Tz::America__Sao_Paulo), "2018-11-04T03:00:00Z");
    }

    #[test]
    fn none_is_no_limit() {
        assert_eq!("none".parse::<When>().unwrap().resolve(MADRID, Moment(0)), None);
        assert!("tomorrow".parse::<When>().is_err());
    }
}
