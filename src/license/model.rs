//! The records of the domain, as they are stored and edited. Shapes only.

use std::fmt;
use std::net::IpAddr;

use super::{FeatureSet, Moment, Validity};

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub i64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    )+};
}

ids! {
    /// Names a group for ever; never given again.
    GroupId,
    /// Names a user for ever.
    UserId,
    /// Names a license for ever.
    LicenseId,
    /// Names a created number for ever.
    NumberId,
    /// Names a claim for ever.
    ClaimId,
}

/// The group above all roots, path `/`. It has no parent; every root group's parent is this one.
pub const SERVER: GroupId = GroupId(1);

/// Whoever holds licenses or owns numbers, and so whoever may be a gate: a group or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Holder {
    Group(GroupId),
    User(UserId),
}

/// A node of the tree. `kind` is a label (building, floor, apartment …): never a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    /// `None` for the server only.
    pub parent: Option<GroupId>,
    /// Unique among its siblings; without `/`.
    pub name: String,
    pub kind: String,
    /// *Enable restriction*: whether this group is a gate.
    pub restricted: bool,
    pub hand_out: HandOut,
    /// IANA name; inherited where absent.
    pub time_zone: Option<chrono_tz::Tz>,
    /// Lifts this gate's own refusals and counts what passes above its limit.
    pub monitor: bool,
    pub admin_emails: Vec<String>,
}

/// How a gate hands out what it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HandOut {
    /// A grant is a promise: the sum of what is handed out fits the allowance.
    #[default]
    Split,
    /// Each gate below may have up to all; the wire decides, first come.
    Shared,
}

/// A person; member of one or more groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// Unique.
    pub name: String,
    pub email: Option<String>,
    /// Never empty.
    pub groups: Vec<GroupId>,
}

/// What was granted to a group or a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    pub id: LicenseId,
    pub holder: Holder,
    /// Trial, Basic, Plus …: a label; licenses of all types add up.
    pub license_type: String,
    pub sip_numbers: u32,
    /// At most `sip_numbers`.
    pub mobile_apps: u32,
    pub features: FeatureSet,
    pub validity: Validity,
    pub suspended: bool,
}

/// A number that somebody created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Number {
    pub id: NumberId,
    /// `sip:user@domain`, normalized: domain lower-cased, no port, no parameters. Unique.
    pub aor: String,
    pub owner: Holder,
    pub kind: NumberKind,
    /// For digest authentication by the built-in registrar.
    pub password: Option<String>,
}

/// What a number is used for. `App` makes every device of it a mobile app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NumberKind {
    Panel,
    Monitor,
    App,
    #[default]
    Phone,
    Concierge,
    Dialer,
}

/// A rule by which a group owns numbers that nobody enters one by one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub id: ClaimId,
    pub group: GroupId,
    pub rule: ClaimRule,
    pub kind: NumberKind,
}

/// What a claim covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClaimRule {
    /// Every user part of one of our domains.
    Domain { domain: String },
    /// User parts of digits from `first` to `last`, all as long as `first`.
    Range { domain: String, first: String, last: String },
    /// Calls from this source address; the number is then `sip:ADDRESS`.
    Address { address: IpAddr },
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    SipNumbers,
    MobileApps,
}

/// Gives an enum of plain words its `name`, `Display` and `FromStr`.
macro_rules! words {
    ($type:ident, $what:literal: $($variant:ident = $name:literal),+ $(,)?) => {
        impl $type {
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word for it in SQL, JSON, logs and on the command line.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$variant),)+
                    _ => Err(format!(
                        concat!("no ", $what, " is called {:?}; there are {}"),
                        text,
                        [$($name),+].join(", "),
                    )),
                }
            }
        }
    };
}

pub(super) use words;

words!(HandOut, "way of handing out": Split = "split", Shared = "shared");
words!(NumberKind, "kind of number":
    Panel = "panel", Monitor = "monitor", App = "app",
    Phone = "phone", Concierge = "concierge", Dialer = "dialer");
words!(Resource, "resource": SipNumbers = "sip_numbers", MobileApps = "mobile_apps");

impl License {
    /// Whether it counts on the wire at `at`.
    pub fn is_active(&self, at: Moment) -> bool {
        !self.suspended && self.validity.contains(at)
    }
}
