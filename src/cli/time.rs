//! An instant as an argument: read at once so that nonsense is a usage fault, resolved later, when the
//! group's zone is known.

use std::str::FromStr;

use chrono_tz::Tz;

use crate::license::Moment;

/// An instant that still needs a zone and a now, or the word `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// RFC 3339, a date or `+30d`.
    Text(String),
    /// No limit.
    None,
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        Moment::parse(text, Tz::UTC, Moment(0)).map(|_| Self::Text(text.to_owned()))
    }
}

impl When {
    /// The instant in a group's zone, as of `now`; `None` is no limit.
    pub fn resolve(&self, zone: Tz, now: Moment) -> Result<Option<Moment>, String> {
        match self {
            Self::Text(text) => Moment::parse(text, zone, now).map(Some),
            Self::None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_waits_for_its_zone() {
        let when: When = "2024-12-01".parse().unwrap();

        let madrid = when.resolve(Tz::Europe__Madrid, Moment(0)).unwrap().unwrap();

        assert_eq!(madrid.rfc3339(), "2024-11-30T23:00:00Z");
    }

    #[test]
    fn none_is_no_limit_and_nonsense_is_refused_at_once() {
        assert_eq!("none".parse::<When>().unwrap().resolve(Tz::UTC, Moment(0)), Ok(None));
        assert!("tomorrow".parse::<When>().is_err());
    }
}
