//! What the check of a write answers: warnings with figures, or every obstacle as data.

use std::fmt;

use crate::license::{Holder, Moment, Resource, Tree};

/// A write that may not be. Nothing of it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    pub error: String,
    /// Empty where no sum is the reason: something unknown, a taken name, a cycle …
    pub obstacles: Vec<Obstacle>,
}

/// One sum that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// "SmartHome/A Residence", "/" or "user:NAME".
    pub gate: String,
    pub holder: Holder,
    /// "sip_numbers", "mobile_apps", or a feature's name.
    pub resource: String,
    /// The gate's allowance.
    pub granted: i64,
    /// What was left of it before the write.
    pub left: i64,
    /// What the write adds (or takes away from the allowance).
    pub asked: i64,
    /// The latest end with which the same grant would fit.
    pub last_date_that_fits: Option<Moment>,
}

/// Something about an accepted write that its author should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    pub kind: WarningKind,
    pub gate: String,
    pub holder: Holder,
    pub resource: String,
    /// By how much; for seats how many.
    pub by: i64,
    /// From when.
    pub at: Moment,
    pub text: String,
}

/// What a warning is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarningKind {
    /// More is promised or assigned than there is.
    Over,
    /// Seats in use lose their place at once.
    Revokes,
    /// A forced deletion takes this along.
    Removes,
}

impl Refused {
    /// A refusal for which no sum is the reason.
    pub fn because(error: impl Into<String>) -> Self {
        Self { error: error.into(), obstacles: Vec::new() }
    }

    /// A refusal told by its obstacles.
    pub(super) fn by(obstacles: Vec<Obstacle>) -> Self {
        let mut told: Vec<String> = obstacles.iter().take(3).map(Obstacle::to_string).collect();
        if obstacles.len() > told.len() {
            told.push(format!("and {} more", obstacles.len() - told.len()));
        }
        Self { error: told.join("; "), obstacles }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.error)
    }
}

impl std::error::Error for Refused {}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { gate, resource, granted, left, asked, .. } = self;
        if resource.parse::<Resource>().is_ok() {
            write!(f, "{gate} has {} {resource} left of {granted}, {asked} asked", (*left).max(0))?;
        } else {
            write!(f, "{gate} has no {resource} for all of that time")?;
        }
        f.write_str(&self.fits_until())
    }
}

impl Obstacle {
    /// The same in words for somebody who may not see the gate's allowance.
    pub fn without_allowance(&self) -> String {
        let Self { gate, resource, left, asked, .. } = self;
        if resource.parse::<Resource>().is_err() {
            return self.to_string();
        }
        format!("{gate} has {} {resource} left, {asked} asked{}", (*left).max(0), self.fits_until())
    }

    fn fits_until(&self) -> String {
        let last = self.last_date_that_fits;
        last.map_or_else(String::new, |last| format!(" (fits until {})", last.rfc3339()))
    }
}

impl Warning {
    /// More than fits at `gate` from `at` on.
    pub(super) fn over(tree: &Tree, holder: Holder, resource: &str, by: i64, at: Moment) -> Self {
        let gate = tree.name_of(holder);
        let when = at.in_zone(tree.zone_of_holder(holder));
        let text = format!("{gate}: {resource} over by {by} from {when}");
        let resource = resource.into();
        Self { kind: WarningKind::Over, gate, holder, resource, by, at, text }
    }

    /// Seats that are revoked.
    pub(super) fn revokes(tree: &Tree, holder: Holder, what: &str, by: i64, at: Moment) -> Self {
        let gate = tree.name_of(holder);
        let text = format!("{gate}: {by} {what} in use no longer fit and are revoked");
        Self { kind: WarningKind::Revokes, gate, holder, resource: what.into(), by, at, text }
    }

    /// Records that go.
    pub(super) fn removes(tree: &Tree, holder: Holder, what: &str, by: i64, at: Moment) -> Self {
        let gate = tree.name_of(holder);
        let text = format!("{gate}: {by} {what} removed");
        Self { kind: WarningKind::Removes, gate, holder, resource: what.into(), by, at, text }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
