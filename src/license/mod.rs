//! The domain: who stands under whom, what was granted, and which rule wins.
//! Pure: it knows no SIP, no SQL, no async and reads no clock; instants come in as arguments.

mod feature;
mod model;
mod moment;

pub use feature::{Feature, FeatureSet};
pub use model::{
    Claim, ClaimId, ClaimRule, Group, GroupId, HandOut, Holder, License, LicenseId, Number,
    NumberId, NumberKind, Resource, SERVER, User, UserId,
};
pub use moment::{Moment, Validity};
