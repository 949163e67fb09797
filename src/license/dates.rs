//! Instants as people write and read them: RFC 3339, a date in a group's zone, or a time from now.

use chrono::{
    DateTime, Datelike, LocalResult, NaiveDate, NaiveTime, TimeDelta, TimeZone, Timelike, Utc,
};
use chrono_tz::Tz;

use super::Moment;

impl Moment {
    /// Reads "2024-12-01T00:00:00Z", "2024-12-01" (00:00 that day in `zone`), or "+30d", "+2h",
    /// "+5m", "+3s" from `now`.
    pub fn parse(text: &str, zone: Tz, now: Self) -> Result<Self, String> {
        let text = text.trim();
        if let Some(span) = text.strip_prefix('+') {
            let secs = parse_span(span).ok_or_else(|| unreadable(text))?;
            let sum = now.0.checked_add(secs).map(Self);
            return sum.filter(|sum| sum.utc().is_some()).ok_or_else(|| unreadable(text));
        }
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return Self::on(day, NaiveTime::MIN, zone).ok_or_else(|| unreadable(text));
        }
        match DateTime::parse_from_rfc3339(text) {
            Ok(instant) => Ok(Self(instant.timestamp())),
            Err(_) => Err(unreadable(text)),
        }
    }

    /// "2024-11-30T23:00:00Z".
    pub fn rfc3339(self) -> String {
        match self.utc() {
            Some(instant) => instant.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
            None if self.0 < 0 => "-infinity".into(),
            None => "infinity".into(),
        }
    }

    /// "1 December 2024, 00:00 (Europe/Madrid)".
    pub fn in_zone(self, zone: Tz) -> String {
        let Some(local) = self.utc().map(|instant| instant.with_timezone(&zone)) else {
            return "no time limit".into();
        };
        let clock = if local.second() == 0 { "%H:%M" } else { "%H:%M:%S" };
        format!("{} {} ({zone})", local.day(), local.format(&format!("%B %Y, {clock}")))
    }

    /// As the end of a license: "until 1 December 2024, 00:00 (Europe/Madrid), last day 30 November".
    pub fn as_end(self, zone: Tz) -> String {
        let last = Self(self.0.saturating_sub(1)).utc().map(|last| last.with_timezone(&zone));
        let (Some(end), Some(last)) = (self.utc(), last) else { return "no time limit".into() };
        let last_day = format!("{} {}", last.day(), last.format("%B"));
        let other_year = last.year() != end.with_timezone(&zone).year();
        let year = if other_year { format!(" {}", last.year()) } else { String::new() };
        format!("until {}, last day {last_day}{year}", self.in_zone(zone))
    }

    /// The calendar day on which the instant falls in `zone`.
    pub fn day_in(self, zone: Tz) -> Option<NaiveDate> {
        self.utc().map(|instant| instant.with_timezone(&zone).date_naive())
    }

    /// When the clocks of `zone` show `clock` on `day`: the first time where they do so twice, the next
    /// quarter of an hour that exists where they skip it.
    pub fn on(day: NaiveDate, clock: NaiveTime, zone: Tz) -> Option<Self> {
        let wanted = day.and_time(clock);
        (0..24 * 4).find_map(|quarter| {
            let local = wanted.checked_add_signed(TimeDelta::minutes(quarter * 15))?;
            match zone.from_local_datetime(&local) {
                LocalResult::Single(instant) | LocalResult::Ambiguous(instant, _) => {
                    Some(Self(instant.timestamp()))
                }
                LocalResult::None => None,
            }
        })
    }

    fn utc(self) -> Option<DateTime<Utc>> {
        // Years that RFC 3339 can write.
        let fits = DateTime::from_timestamp(self.0, 0);
        fits.filter(|instant| (0..=9999).contains(&instant.year()))
    }
}

fn unreadable(text: &str) -> String {
    format!("{text:?} is no time: write 2024-12-01, 2024-12-01T00:00:00Z or +30d (also h, m, s)")
}

fn parse_span(span: &str) -> Option<i64> {
    let unit = span.chars().next_back()?;
    let count = span.strip_suffix(unit)?;
    let digits = !count.is_empty() && count.bytes().all(|byte| byte.is_ascii_digit());
    let secs = match unit {
        'd' => 24 * 60 * 60,
        'h' => 60 * 60,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    digits.then(|| count.parse::<i64>().ok())??.checked_mul(secs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Moment = Moment(1_700_000_000);

    #[test]
    fn a_date_is_the_start_of_that_day_in_the_zone() {
        let end = Moment::parse("2024-12-01", Tz::Europe__Madrid, NOW).unwrap();

        assert_eq!(end.rfc3339(), "2024-11-30T23:00:00Z");
        assert_eq!(
            end.as_end(Tz::Europe__Madrid),
            "until 1 December 2024, 00:00 (Europe/Madrid), last day 30 November"
        );
    }

    #[test]
    fn an_end_in_the_middle_of_a_day_is_still_usable_that_day() {
        let end = Moment::parse("2025-01-01T12:30:00Z", Tz::UTC, NOW).unwrap();
        let new_year = Moment::parse("2025-01-01", Tz::UTC, NOW).unwrap();

        assert_eq!(end.as_end(Tz::UTC), "until 1 January 2025, 12:30 (UTC), last day 1 January");
        assert_eq!(
            new_year.as_end(Tz::UTC),
            "until 1 January 2025, 00:00 (UTC), last day 31 December 2024"
        );
    }

    #[test]
    fn a_span_counts_from_now() {
        let parse = |text| Moment::parse(text, Tz::UTC, NOW);

        assert_eq!(parse("+30d"), Ok(Moment(NOW.0 + 30 * 86_400)));
        assert_eq!(parse("+2h"), Ok(Moment(NOW.0 + 7_200)));
        assert_eq!(parse("+3s"), Ok(Moment(NOW.0 + 3)));
        for wrong in ["+", "+d", "+3", "+-3s", "+3y", "+99999999999999999999d", "+999999999999d"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_offset_is_honoured_and_nonsense_is_named() {
        let parse = |text| Moment::parse(text, Tz::UTC, NOW);

        assert_eq!(parse("2024-12-01T00:00:00+01:00").unwrap().rfc3339(), "2024-11-30T23:00:00Z");
        assert!(parse("2024-13-01").unwrap_err().contains("2024-13-01"));
        assert!(parse("tomorrow").is_err());
    }

    #[test]
    fn a_day_without_midnight_starts_when_it_starts() {
        let start = Moment::parse("2018-11-04", Tz::America__Sao_Paulo, NOW).unwrap();

        assert_eq!(start.rfc3339(), "2018-11-04T03:00:00Z");
    }

    #[test]
    fn instants_that_cannot_be_written_are_no_limit() {
        assert_eq!(Moment::MAX.as_end(Tz::UTC), "no time limit");
        assert_eq!(Moment::MAX.in_zone(Tz::UTC), "no time limit");
    }
}
