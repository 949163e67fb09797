//! What is asked of a gate, what it is told, and how it stands. Shapes only.

use crate::license::{FeatureSet, GateStatus, Holder, Moment, Step};

/// How many of each resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Units {
    pub sip: u32,
    pub apps: u32,
}

impl Units {
    /// Nothing of either.
    pub const NONE: Self = Self { sip: 0, apps: 0 };

    /// What `self` has beyond `other`, resource by resource.
    pub fn beyond(self, other: Self) -> Self {
        Self { sip: self.sip.saturating_sub(other.sip), apps: self.apps.saturating_sub(other.apps) }
    }

    /// Whether there is nothing.
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }
}

/// What is asked of a gate: units, whether the promise to created numbers binds them, features.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    pub units: Units,
    pub claimed: bool,
    pub needs: FeatureSet,
}

/// What a gate is to do from now on, as published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By instant; the first covers the time of publishing. None: nothing is allowed.
    pub steps: Vec<Step>,
    pub monitor: bool,
}

/// One resource of a gate: its limit and its use, read together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    pub limit: i64,
    pub in_use: i64,
}

impl Level {
    /// How much stands above the limit; what a gate on monitor let through.
    pub fn over(self) -> i64 {
        (self.in_use - self.limit).max(0)
    }
}

/// A gate as it stands, for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GateView {
    pub holder: Holder,
    pub status: GateStatus,
    pub monitor: bool,
    pub sip: Level,
    pub apps: Level,
    /// What claimed numbers may hold together, and hold; counts only where the gate promises.
    pub claimed: Level,
    pub features: FeatureSet,
    pub next_change: Option<Moment>,
}

/// By how much use stands above the limits; never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overhang {
    pub sip: i64,
    pub apps: i64,
    pub claimed: i64,
}

impl Overhang {
    /// Whether nothing has to go.
    pub fn is_none(self) -> bool {
        self == Self::default()
    }
}
