//! The shapes themselves. Field names are what programs read; unlimited is `null`, times are RFC 3339.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The license state of a group or a user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct State {
    /// A group's path, `/` or `user:NAME`.
    pub group: String,
    pub restricted: bool,
    pub sip_numbers: Figures,
    pub mobile_apps: Figures,
    pub features: BTreeMap<String, Feature>,
    pub valid_until: Option<String>,
    pub next_change: Option<NextChange>,
    /// Over the path: `valid`, or why not.
    pub status: String,
    /// The gate that stops it, where it is not valid.
    pub stopped_by: Option<String>,
    /// The gate that ends at `valid_until`.
    pub ends_with: Option<String>,
    /// The zone in which its times are to be shown.
    pub time_zone: String,
}

/// The figures of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Figures {
    /// Maximum; for a group that is off the nearest gate's. Null is unlimited, or, where `limit_of` says
    /// only its place, not the reader's to know.
    pub limit: Option<i64>,
    pub used: i64,
    pub in_use: i64,
    pub handed_out: i64,
    /// Never below 0, see `left_over_by`.
    pub left: Option<i64>,
    pub available: Option<i64>,
    /// The nearest gate with the smallest room.
    pub bound_by: Option<String>,
    /// Whose maximum `limit` is.
    pub limit_of: Option<String>,
    /// By how much `used` is above `limit`.
    pub over_by: i64,
    /// By how much more is handed out than there is.
    pub left_over_by: i64,
}

/// One feature over the path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Feature {
    pub enabled: bool,
    pub until: Option<String>,
    /// enabled, off, suspended, from or ended.
    pub status: String,
    /// When it comes, where it does.
    pub from: Option<String>,
}

/// The next instant at which the allowance over the path changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextChange {
    pub at: String,
    pub from: Allowance,
    pub to: Allowance,
}

/// The strictest allowance over a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Allowance {
    pub sip_numbers: Option<u32>,
    pub mobile_apps: Option<u32>,
    pub features: Vec<String>,
}

/// Limit and use of one resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NumberUse {
    pub limit: Option<i64>,
    pub in_use: i64,
}

/// Whether a number would be admitted, and what each gate above it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
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
    /// The refusal that was asked for by its id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalRow>,
}

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusalRow {
    /// What the client was told.
    pub id: String,
    pub at: String,
    pub method: String,
    pub source: String,
    pub user_agent: String,
    pub cause: String,
    pub bound_by: Option<String>,
}

/// Whether a request would pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Admit,
    Refuse,
}

/// One gate above a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Gate {
    /// A path, `/` or `user:NAME`; of one that the reader does not see its place.
    pub gate: String,
    /// `null` where the reader does not see the gate.
    pub sip_numbers: Option<NumberUse>,
    pub mobile_apps: Option<NumberUse>,
    pub status: String,
    pub valid_until: Option<String>,
    /// What this gate alone would refuse for.
    pub cause: Option<String>,
    /// SIP seats that claimed numbers may hold together here, where that binds this number.
    pub claimed: Option<NumberUse>,
    /// Whether its refusals are lifted.
    pub monitor: bool,
}

/// Whether a user or a number may use or configure a feature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Entitlement {
    /// `user:NAME`, or the number.
    pub subject: String,
    pub feature: String,
    /// `use` or `configure`.
    pub action: String,
    pub allowed: bool,
    /// When a yes ends; null without a time limit.
    pub until: Option<String>,
    /// When a no becomes a yes by itself.
    pub from: Option<String>,
    /// Why not: suspended, not_yet_valid, expired, no_license, feature_off, unknown_number, or role where
    /// only the right to configure is missing.
    pub cause: Option<String>,
    /// The gate that bound, or where one stands that is not yours to see.
    pub bound_by: Option<String>,
}

/// One seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeatRow {
    pub number: String,
    pub kind: SeatKind,
    /// The number's own count of its devices; empty where only calls hold the seat.
    pub device: String,
    /// The group that owns the number, or of its user the first.
    pub group: Option<String>,
    pub since: String,
    pub until: Option<String>,
    pub state: SeatState,
    /// Above the limit of a gate on monitor.
    pub over: bool,
}

/// What a seat is held for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeatKind {
    Sip,
    App,
    /// A SIP seat that only calls hold.
    Call,
}

/// How a seat counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum SeatState {
    Live,
    /// Expired, and kept for its device for a moment.
    Held,
    /// Asleep without a seat, to come back by itself; not counted.
    Dormant,
}

/// What `seats free` ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Freed {
    pub number: String,
    pub freed: i64,
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
    /// The earliest end over the path, as `state` has it.
    pub valid_until: Option<String>,
    /// The gate that ends then.
    pub ends_with: Option<String>,
    pub sip_numbers: NumberUse,
    pub mobile_apps: NumberUse,
    /// Numbers that somebody created straight in it.
    pub numbers: i64,
    pub claims: Vec<String>,
    /// The zone in which its times are to be shown.
    pub time_zone: String,
    pub users: Vec<TreeUser>,
    pub groups: Vec<TreeNode>,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TreeUser {
    pub user: String,
    /// `null` for a user without a license.
    pub status: Option<String>,
    /// The earliest end over the path, as `state` has it.
    pub valid_until: Option<String>,
    /// The gate that ends then.
    pub ends_with: Option<String>,
    pub sip_numbers: NumberUse,
    pub mobile_apps: NumberUse,
    pub numbers: i64,
}

impl SeatKind {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::App => "app",
            Self::Call => "call",
        }
    }
}

impl SeatState {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Held => "held",
            Self::Dormant => "dormant",
        }
    }
}

/// A license that gets a new end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RenewedRow {
    pub id: i64,
    pub holder: String,
    pub old_until: Option<String>,
    pub new_until: Option<String>,
}
