//! The domain: who stands under whom, what was granted, and which rule wins.
//! Pure: it knows no SIP, no SQL, no async and reads no clock; instants come in as arguments.

mod ahead;
mod allowance;
mod by_id;
mod cause;
mod claims;
mod dates;
mod directory;
pub mod distribution;
mod due;
mod edit;
mod entitlement;
mod feature;
mod items;
mod model;
mod moment;
mod numbers;
mod path;
mod places;
mod ranges;
mod reminder;
mod revocation;
mod roles;
mod shards;
mod state;
mod text;
mod touched;
mod tree;
mod usage;
pub mod wording;
#[cfg(test)]
mod worked_examples;
mod world;

pub use ahead::Whereabouts;
pub use allowance::{Allowance, GateStatus, Step};
pub use cause::Cause;
pub use directory::{Directory, Entry, Owned};
pub use due::DueEnd;
pub use entitlement::{Action, Entitlement, Unentitled};
pub use feature::{Feature, FeatureSet};
pub use items::Items;
pub use model::{
    Claim, ClaimId, ClaimRule, Group, GroupId, HandOut, Holder, License, LicenseId, Number,
    NumberId, NumberKind, Resource, SERVER, User, UserId,
};
pub use moment::{Moment, Validity};
pub use places::Places;
pub use reminder::{Every, LONGEST_AHEAD, MailDate, Reminder};
pub use revocation::{RevokeClass, RevokeOrder};
pub use roles::{Assignment, Assignments, Denial, Role, Viewer, What};
pub use state::{Effective, FeatureState, FeatureStatus, Figures, NextChange, State};
pub use text::Text;
pub use touched::Touched;
pub use tree::{Created, Loading, Tree};
pub use usage::{NoSeats, Usage};
pub use world::{Removal, World};
