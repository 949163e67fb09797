//! Every write that the rules of distribution judge. Shapes only.

use crate::license::{
    Claim, ClaimId, Group, GroupId, Holder, License, LicenseId, Moment, Number, NumberId, Tree,
    User, UserId, Validity,
};

use crate::license::World;

/// One write: it is accepted whole or refused whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A group with its licenses.
    AddGroup {
        group: Group,
        licenses: Vec<License>,
    },
    /// A group's record (name, restriction, hand-out mode …), its place aside, with licenses added
    /// in the same write.
    EditGroup {
        group: Group,
        licenses: Vec<License>,
    },
    MoveGroup {
        group: GroupId,
        parent: GroupId,
    },
    RemoveGroup {
        group: GroupId,
    },
    AddUser {
        user: User,
        licenses: Vec<License>,
    },
    /// A user's record, memberships included.
    EditUser {
        user: User,
    },
    RemoveUser {
        user: UserId,
    },
    AddLicense(License),
    EditLicense(License),
    SuspendLicense(LicenseId),
    ResumeLicense(LicenseId),
    RemoveLicense(LicenseId),
    /// Numbers that somebody creates, judged together.
    AddNumbers(Vec<Number>),
    /// A number's record; with another owner it moves.
    EditNumber(Number),
    RemoveNumbers(Vec<NumberId>),
    AddClaim(Claim),
    RemoveClaim(ClaimId),
    /// Several writes as one: only the outcome has to fit.
    All(Vec<Change>),
}

impl Change {
    /// The single writes, in order.
    pub(in crate::license) fn steps(&self) -> Vec<&Self> {
        match self {
            Self::All(changes) => changes.iter().flat_map(Self::steps).collect(),
            one => vec![one],
        }
    }

    /// Whether force may let it leave less than what is handed down, assigned or in use.
    pub(super) fn may_be_forced(&self) -> bool {
        match self {
            Self::EditLicense(_) | Self::RemoveLicense(_) => true,
            Self::EditGroup { .. } | Self::RemoveGroup { .. } | Self::RemoveUser { .. } => true,
            Self::All(changes) => changes.iter().any(Self::may_be_forced),
            _ => false,
        }
    }

    /// Whose place or holdings it writes, as `world` knows them.
    pub(super) fn touches(&self, world: &World) -> Vec<Holder> {
        let holder_of = |id| world.tree.license(id).map(|license| license.holder);
        let owner_of = |id| world.directory.number(id).map(|(_, entry)| entry.owner);
        match self {
            Self::AddGroup { group, .. } | Self::EditGroup { group, .. } => {
                vec![Holder::Group(group.id)]
            }
            Self::MoveGroup { group, .. } => vec![Holder::Group(*group)],
            Self::RemoveGroup { group } => {
                let kept = world.removal(*group).kept_users.into_iter().map(Holder::User);
                std::iter::once(Holder::Group(*group)).chain(kept).collect()
            }
            Self::AddUser { user, .. } | Self::EditUser { user } => vec![Holder::User(user.id)],
            Self::RemoveUser { user } => vec![Holder::User(*user)],
            Self::AddLicense(license) | Self::EditLicense(license) => vec![license.holder],
            Self::SuspendLicense(id) | Self::ResumeLicense(id) | Self::RemoveLicense(id) => {
                holder_of(*id).into_iter().collect()
            }
            Self::AddNumbers(numbers) => numbers.iter().map(|number| number.owner).collect(),
            Self::EditNumber(number) => {
                owner_of(number.id).into_iter().chain([number.owner]).collect()
            }
            Self::RemoveNumbers(ids) => ids.iter().filter_map(|id| owner_of(*id)).collect(),
            Self::AddClaim(_) | Self::RemoveClaim(_) | Self::All(_) => Vec::new(),
        }
    }

    /// Renews many: every license of a subtree (users in it included) that ends before `before` gets
    /// the end `until`.
    pub fn renewal(tree: &Tree, top: GroupId, before: Moment, until: Moment) -> Self {
        let groups = tree.subtree(top);
        let mut users: Vec<UserId> = groups.iter().flat_map(|id| tree.members(*id)).collect();
        users.sort_unstable();
        users.dedup();
        let holders = groups.into_iter().map(Holder::Group);
        let holders = holders.chain(users.into_iter().map(Holder::User));
        let licenses = holders.flat_map(|holder| tree.licenses_of(holder));
        let due = licenses.filter(|license| license.validity.ended_by(Moment(before.0 - 1)));
        Self::All(
            due.map(|license| {
                let validity = Validity { until: Some(until), ..license.validity };
                Self::EditLicense(License { validity, ..License::clone(license) })
            })
            .collect(),
        )
    }
}
