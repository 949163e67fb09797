//! Who may read what. Lists show what is seen, whatever stands beside it.

use super::{Denial, Role, Viewer};
use crate::license::{GroupId, Holder, SERVER, Tree};

/// What somebody asks to read of a group or a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum What {
    /// That it is there, its name and its place.
    Existence,
    /// License state, seats, explain, refusals, features.
    Live,
    /// Users, numbers and claims; mail addresses are `Contact`.
    Records,
    /// Mail addresses.
    Contact,
    Licenses,
    /// The record of changes.
    Audit,
    Reminder,
    Webhooks,
    /// Who holds which role.
    Roles,
    /// Settings and mail templates of the server, whatever the holder.
    Settings,
}

impl What {
    pub const ALL: &'static [Self] = &[
        Self::Existence,
        Self::Live,
        Self::Records,
        Self::Contact,
        Self::Licenses,
        Self::Audit,
        Self::Reminder,
        Self::Webhooks,
        Self::Roles,
        Self::Settings,
    ];

    /// Whether a concierge reads it.
    fn is_live(self) -> bool {
        matches!(self, Self::Existence | Self::Live | Self::Records)
    }

    /// Whether users read it of themselves.
    fn is_own(self) -> bool {
        self.is_live() || matches!(self, Self::Contact | Self::Licenses | Self::Roles)
    }
}

impl Viewer {
    /// Whether they may know of this group or user.
    pub fn sees(&self, tree: &Tree, holder: Holder) -> bool {
        let below = |group: GroupId| self.tops().any(|own| tree.stands_under(group, own));
        self.is_server()
            || match holder {
                Holder::Group(group) => below(group),
                Holder::User(user) => {
                    self.is_self(tree, holder)
                        || tree.places(Holder::User(user)).iter().copied().any(below)
                }
            }
    }

    /// Whether they may read this of a group or a user.
    pub fn may_read(&self, tree: &Tree, what: What, holder: Holder) -> Result<(), Denial> {
        if self.is_server() {
            return Ok(());
        }
        let places = tree.places(holder);
        let administers = places.iter().any(|group| self.administers(tree, *group));
        let may = what != What::Settings
            && (administers || what.is_live() || (what.is_own() && self.is_self(tree, holder)));
        self.demand(tree, &[holder], may)
    }

    fn is_self(&self, tree: &Tree, holder: Holder) -> bool {
        self.user.is_some_and(|own| holder == Holder::User(own)) && tree.contains(holder)
    }

    /// The groups from which they see downwards; a server administrator sees from the server.
    pub(super) fn tops(&self) -> impl Iterator<Item = GroupId> {
        let own = self.assignments.iter().filter(|one| one.role != Role::User);
        let on_server =
            |one: &&super::Assignment| one.group != SERVER || one.role == Role::ServerAdministrator;
        own.filter(on_server).map(|one| one.group)
    }
}
