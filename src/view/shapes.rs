//! The shapes themselves. Field names are what programs read; unlimited is `null`, times are RFC 3339.

use serde::{Deserialize, Serialize};

/// Limit and use of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NumberUse {
    pub limit: Option<i64>,
    pub in_use: i64,
}

/// A number that is counted and its name.
pub type Count = i64;

/// Whether a number would be admitted, and what each gate above it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explain {
    pub number: String,
    pub verdict: Verdict,
    pub cause: Option<String>,
    /// The gate that bound.
    pub bound_by: Option<String>,
    /// Whose it is: a group's path or `user:NAME`.
    pub owner: Option<String>,
    pub kind: Option<String>,
    /// `created`, or the claim by which it comes.
    pub source: Option<String>,
    /// Whether it holds a SIP seat now.
    pub live: bool,
    pub gates: Vec<Gate>,
}

/// Whether a request would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Admit,
    Refuse,
}

/// One gate above a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gate {
    pub gate: String,
    pub sip_numbers: NumberUse,
    pub mobile_apps: NumberUse,
    pub status: String,
    pub valid_until: Option<String>,
    /// What this gate alone would refuse for.
    pub cause: Option<String>,
    /// SIP seats that claimed numbers may hold together here, where that binds this number.
    pub claimed: Option<NumberUse>,
    /// Whether its refusals are lifted.
    pub monitor: bool,
}

/// One seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeatRow {
    pub number: String,
    pub kind: SeatKind,
    pub device: String,
    /// The group that owns the number, or of its user the first.
    pub group: Option<String>,
    pub since: String,
    pub until: String,
    pub state: SeatState,
}

/// What a seat is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeatKind {
    Sip,
    App,
    /// A SIP seat that only calls hold.
    Call,
}

/// How a seat counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SeatState {
    Live,
    /// Expired, and kept for its device for a moment.
    Held,
    /// Asleep without a seat, to come back by itself; not counted.
    Dormant,
}

/// What `seats free` ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freed {
    pub number: String,
    pub freed: Count,
}

/// One license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseRow {
    pub id: i64,
    pub holder: String,
    #[serde(rename = "type")]
    pub license_type: String,
    pub sip_numbers: u32,
    pub mobile_apps: u32,
    pub features: Vec<String>,
    pub valid_from: Option<String>,
    pub valid_until: Option<String>,
    pub status: String,
}

/// A group with all below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeNode {
    /// Its path.
    pub group: String,
    pub kind: String,
    pub restricted: bool,
    pub hand_out: String,
    /// `null` for a group that is no gate.
    pub status: Option<String>,
    pub valid_until: Option<String>,
    pub sip_numbers: NumberUse,
    pub mobile_apps: NumberUse,
    /// Numbers that somebody created straight in it.
    pub numbers: Count,
    pub claims: Vec<String>,
    pub users: Vec<TreeUser>,
    pub groups: Vec<TreeNode>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeUser {
    pub user: String,
    /// `null` for a user without a license.
    pub status: Option<String>,
    pub valid_until: Option<String>,
    pub sip_numbers: NumberUse,
    pub mobile_apps: NumberUse,
    pub numbers: Count,
}
