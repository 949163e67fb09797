//! Why a request is refused, and which of several causes is the one that is told.

use super::{GateStatus, Holder};

/// Why a request was refused. The order is that of precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    Suspended,
    NotYetValid,
    Expired,
    NoLicense,
    FeatureOff,
    SipLimit,
    AppLimit,
    /// No group owns the number.
    UnknownNumber,
    /// The caller holds no seat where one is asked.
    NotRegistered,
    /// Our own bounds, not a license.
    OverCapacity,
}

impl Cause {
    /// Every cause, in order of precedence.
    pub const ALL: &'static [Self] = &[
        Self::Suspended,
        Self::NotYetValid,
        Self::Expired,
        Self::NoLicense,
        Self::FeatureOff,
        Self::SipLimit,
        Self::AppLimit,
        Self::UnknownNumber,
        Self::NotRegistered,
        Self::OverCapacity,
    ];

    /// The word for it in JSON, logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Suspended => "suspended",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::NoLicense => "no_license",
            Self::FeatureOff => "feature_off",
            Self::SipLimit => "sip_limit",
            Self::AppLimit => "app_limit",
            Self::UnknownNumber => "unknown_number",
            Self::NotRegistered => "not_registered",
            Self::OverCapacity => "over_capacity",
        }
    }

    /// What a gate without a valid license is refused for.
    pub fn of_status(status: GateStatus) -> Option<Self> {
        match status {
            GateStatus::Valid => None,
            GateStatus::Suspended => Some(Self::Suspended),
            GateStatus::NotYetValid => Some(Self::NotYetValid),
            GateStatus::Expired => Some(Self::Expired),
            GateStatus::NoLicense => Some(Self::NoLicense),
        }
    }

    /// Of the refusals along a path, given from the number upwards, the one that bound: the first in
    /// precedence, among equals the gate nearest to the number.
    pub fn bound(refusals: impl IntoIterator<Item = (Holder, Self)>) -> Option<(Holder, Self)> {
        refusals.into_iter().min_by_key(|(_, cause)| *cause)
    }
}

impl std::fmt::Display for Cause {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{GroupId, UserId};

    #[test]
    fn the_first_in_precedence_binds_and_among_equals_the_nearest() {
        let user = Holder::User(UserId(9));
        let (near, far) = (Holder::Group(GroupId(3)), Holder::Group(GroupId(2)));

        let bound =
            Cause::bound([(user, Cause::SipLimit), (near, Cause::Expired), (far, Cause::Expired)]);

        assert_eq!(bound, Some((near, Cause::Expired)));
        assert_eq!(Cause::bound([]), None);
    }
}
