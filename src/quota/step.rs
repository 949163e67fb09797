//! What a gate allows from an instant on, and why it refuses. Shapes only.

use crate::license::{FeatureSet, Moment};

/// Whether a gate has a license in force, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GateStatus {
    Valid,
    Suspended,
    NotYetValid,
    Expired,
    NoLicense,
}

/// One step of a gate's schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub from: Moment,
    pub sip_numbers: u32,
    pub mobile_apps: u32,
    pub claimed: u32,
    pub features: FeatureSet,
    pub status: GateStatus,
}

/// Why something was refused, in order of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    Suspended,
    NotYetValid,
    Expired,
    NoLicense,
    FeatureOff,
    SipLimit,
    AppLimit,
    UnknownNumber,
    NotRegistered,
    OverCapacity,
}
