//! A group's reminder as it is set: how long before a due end a mail goes out, and how often then.

use chrono::{Days, NaiveDate, NaiveTime};
use chrono_tz::Tz;

use super::model::words;
use super::{GroupId, Moment};

/// Days ahead, at most.
pub const LONGEST_AHEAD: u32 = 730;

/// What is mailed about the due ends of one group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reminder {
    pub group: GroupId,
    /// The first mail comes so many days before; from 1 to [`LONGEST_AHEAD`].
    pub days: u32,
    pub every: Every,
    /// Mail addresses of partners.
    pub also: Vec<String>,
    /// Whether the users of the group and of all below are told too.
    pub users: bool,
    pub enabled: bool,
}

/// How often a mail follows the first one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Every {
    #[default]
    Once,
    Daily,
    Weekly,
    ThirtyDays,
}

words!(Every, "rhythm":
    Once = "once", Daily = "daily", Weekly = "weekly", ThirtyDays = "30days");

/// One mail of a series: the day it is for, and the instant at which it is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MailDate {
    pub day: NaiveDate,
    pub at: Moment,
}

impl Every {
    fn days(self) -> Option<Days> {
        match self {
            Self::Once => None,
            Self::Daily => Some(Days::new(1)),
            Self::Weekly => Some(Days::new(7)),
            Self::ThirtyDays => Some(Days::new(30)),
        }
    }
}

impl Reminder {
    /// The series of mails for one due end: on the day `days` before, then every 1, 7 or 30 days, each
    /// at `clock` in the group's zone, and all strictly before the end.
    pub fn dates(&self, end: Moment, zone: Tz, clock: NaiveTime) -> Vec<MailDate> {
        let first =
            end.day_in(zone).and_then(|day| day.checked_sub_days(Days::new(self.days.into())));
        let next = |day: &NaiveDate| day.checked_add_days(self.every.days()?);
        let days = std::iter::successors(first, next);
        let dates = days.map_while(|day| Some(MailDate { day, at: Moment::on(day, clock, zone)? }));
        dates.take_while(|date| date.at < end).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(days: u32, every: Every, end: &str, zone: Tz) -> Vec<String> {
        let reminder =
            Reminder { group: GroupId(2), days, every, also: vec![], users: false, enabled: true };
        let end = Moment::parse(end, zone, Moment(0)).unwrap();
        let clock = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
        reminder.dates(end, zone, clock).iter().map(|date| date.at.in_zone(zone)).collect()
    }

    fn november(days: &[u32]) -> Vec<String> {
        days.iter().map(|day| format!("{day} November 2024, 09:00 (Europe/Madrid)")).collect()
    }

    #[test]
    fn row_28_seven_days_daily_weekly_and_every_thirty() {
        let dates = |days, every| dates(days, every, "2024-12-01", Tz::Europe__Madrid);

        assert_eq!(dates(7, Every::Daily), november(&[24, 25, 26, 27, 28, 29, 30]));
        assert_eq!(dates(30, Every::Weekly), november(&[1, 8, 15, 22, 29]));
        assert_eq!(dates(30, Every::ThirtyDays), november(&[1]));
        assert_eq!(dates(30, Every::Once), november(&[1]));
    }

    #[test]
    fn an_end_in_the_afternoon_has_a_mail_that_morning() {
        let dates = dates(1, Every::Daily, "2024-12-01T12:30:00Z", Tz::UTC);

        assert_eq!(dates, ["30 November 2024, 09:00 (UTC)", "1 December 2024, 09:00 (UTC)"]);
    }

    #[test]
    fn it_stays_nine_by_the_clock_when_the_clocks_change() {
        let dates = dates(3, Every::Daily, "2024-10-28", Tz::Europe__Madrid);

        // The clocks go back on 27 October.
        assert_eq!(
            dates,
            [
                "25 October 2024, 09:00 (Europe/Madrid)",
                "26 October 2024, 09:00 (Europe/Madrid)",
                "27 October 2024, 09:00 (Europe/Madrid)",
            ]
        );
    }

    #[test]
    fn a_time_that_a_day_does_not_have_is_the_next_it_has() {
        let reminder = Reminder {
            group: GroupId(2),
            days: 1,
            every: Every::Once,
            also: vec![],
            users: false,
            enabled: true,
        };
        let zone = Tz::Europe__Madrid;
        let end = Moment::parse("2025-03-31", zone, Moment(0)).unwrap();
        let clock = NaiveTime::from_hms_opt(2, 30, 0).unwrap();

        let dates = reminder.dates(end, zone, clock);

        assert_eq!(dates[0].at.in_zone(zone), "30 March 2025, 03:00 (Europe/Madrid)");
    }

    #[test]
    fn what_never_ends_has_no_mails() {
        let reminder = Reminder {
            group: GroupId(2),
            days: 7,
            every: Every::Daily,
            also: vec![],
            users: false,
            enabled: true,
        };

        assert_eq!(reminder.dates(Moment::MAX, Tz::UTC, NaiveTime::MIN), []);
    }
}
