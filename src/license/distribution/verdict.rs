//! What the check of a write answers: warnings with figures, or every obstacle as data.

use std::fmt;

use chrono_tz::Tz;

use crate::license::{Holder, Moment, Resource, Tree};

/// A write that may not be. Nothing of it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    pub error: String,
    /// Empty where no sum is the reason: something unknown, a taken name, a cycle …
    pub obstacles: Vec<Obstacle>,
    pub(super) told: Told,
}

/// How the text of a refusal came about, for whoever knows things by other names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Told {
    /// It names nothing but what was asked.
    #[default]
    Plainly,
    /// The name of a holder, then this.
    Of(Holder, String),
    /// By its obstacles.
    BySums,
}

/// One sum that does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Obstacle {
    /// "SmartHome/A Residence", "/" or "user:NAME".
    pub gate: String,
    pub holder: Holder,
    /// "sip_numbers", "mobile_apps", or a feature's name.
    pub resource: String,
    /// The gate's allowance; absent where whoever asked does not see the gate.
    pub granted: Option<i64>,
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
    /// By how much; for seats how many. Absent where whoever asked does not see the gate.
    pub by: Option<i64>,
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
        Self { error: error.into(), ..Self::default() }
    }

    /// A refusal that says something of a holder.
    pub(super) fn about(tree: &Tree, holder: Holder, said: String) -> Self {
        let error = format!("{} {said}", tree.name_of(holder));
        Self { error, obstacles: Vec::new(), told: Told::Of(holder, said) }
    }

    /// A refusal told by its obstacles.
    pub(super) fn by(obstacles: Vec<Obstacle>) -> Self {
        let mut told: Vec<String> = obstacles.iter().take(3).map(Obstacle::to_string).collect();
        if obstacles.len() > told.len() {
            told.push(format!("and {} more", obstacles.len() - told.len()));
        }
        Self { error: told.join("; "), obstacles, told: Told::BySums }
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
            let of = granted.map(|granted| format!(" of {granted}")).unwrap_or_default();
            write!(f, "{gate} has {} {resource} left{of}, {asked} asked", (*left).max(0))?;
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
        Self::new(tree, WarningKind::Over, holder, (resource, by, at))
    }

    /// Seats that are revoked.
    pub(super) fn revokes(tree: &Tree, holder: Holder, what: &str, by: i64, at: Moment) -> Self {
        Self::new(tree, WarningKind::Revokes, holder, (what, by, at))
    }

    /// Records that go.
    pub(super) fn removes(tree: &Tree, holder: Holder, what: &str, by: i64, at: Moment) -> Self {
        Self::new(tree, WarningKind::Removes, holder, (what, by, at))
    }

    fn new(
        tree: &Tree,
        kind: WarningKind,
        holder: Holder,
        (resource, by, at): (&str, i64, Moment),
    ) -> Self {
        let (gate, resource) = (tree.name_of(holder), resource.to_owned());
        let warning = Self { kind, gate, holder, resource, by: Some(by), at, text: String::new() };
        Self { text: warning.tell(tree.zone_of_holder(holder)), ..warning }
    }

    /// Its text, times in `zone`.
    pub(super) fn tell(&self, zone: Tz) -> String {
        let Self { gate, resource, at, .. } = self;
        match (self.kind, self.by) {
            (WarningKind::Over, Some(by)) => {
                format!("{gate}: {resource} over by {by} from {}", at.in_zone(zone))
            }
            (WarningKind::Over, None) => {
                format!("{gate}: {resource} do not fit from {}", at.in_zone(zone))
            }
            (WarningKind::Revokes, Some(by)) => {
                format!("{gate}: {by} {resource} in use no longer fit and are revoked")
            }
            (WarningKind::Revokes, None) => {
                format!("{gate}: {resource} in use no longer fit and are revoked")
            }
            (WarningKind::Removes, by) => {
                let by = by.map(|by| format!("{by} ")).unwrap_or_default();
                format!("{gate}: {by}{resource} removed")
            }
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
