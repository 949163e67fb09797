//! Instants and half-open spans of validity, in whole seconds of UTC.

/// An instant: seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(pub i64);

impl Moment {
    /// Before every instant that can be written.
    pub const MIN: Self = Self(i64::MIN);
    /// After every instant that can be written: "no time limit".
    pub const MAX: Self = Self(i64::MAX);
}

/// From `from` up to, not including, `until`; either may be absent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Validity {
    pub from: Option<Moment>,
    pub until: Option<Moment>,
}

impl Validity {
    /// Whether `at` lies inside.
    pub fn contains(&self, at: Moment) -> bool {
        self.from.is_none_or(|from| from <= at) && self.until.is_none_or(|until| at < until)
    }

    /// Whether it starts only after `at`.
    pub fn starts_after(&self, at: Moment) -> bool {
        self.from.is_some_and(|from| from > at) && self.from < self.until.or(Some(Moment::MAX))
    }

    /// Whether it was over at `at`.
    pub fn ended_by(&self, at: Moment) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validity_is_half_open() {
        let validity = Validity { from: Some(Moment(10)), until: Some(Moment(20)) };

        assert!(!validity.contains(Moment(9)));
        assert!(validity.contains(Moment(10)));
        assert!(validity.contains(Moment(19)));
        assert!(!validity.contains(Moment(20)));
        assert!(validity.ended_by(Moment(20)));
        assert!(validity.starts_after(Moment(9)));
    }
}
