//! Who may edit people: their roles, what they sign in with, and what the groups tell them.

use super::{Assignment, Denial, Role, Viewer};
use crate::license::{GroupId, Holder, Tree, UserId, World};

impl Viewer {
    /// Whether they may give a user a role in a group.
    pub fn may_assign(
        &self,
        world: &World,
        role: Role,
        group: GroupId,
        user: UserId,
    ) -> Result<(), Denial> {
        let tree = &world.tree;
        let theirs = tree.places(Holder::User(user)).iter().any(|own| self.administers(tree, *own));
        let may = theirs && self.gives(tree, Assignment { role, group }) && self.user != Some(user);
        self.demand(tree, &[Holder::Group(group), Holder::User(user)], self.is_server() || may)
    }

    /// Whether they may take a role from a user: that the group is theirs is enough, whoever it is.
    pub fn may_withdraw(&self, world: &World, role: Role, group: GroupId) -> Result<(), Denial> {
        let may = self.gives(&world.tree, Assignment { role, group });
        self.demand(&world.tree, &[Holder::Group(group)], may)
    }

    /// Whether they may edit what a user signs in with. Everybody may edit their own.
    pub fn may_edit_credentials(&self, world: &World, user: UserId) -> Result<(), Denial> {
        let tree = &world.tree;
        let may = self.administers_all(tree, user) && self.outranks(tree, user);
        let may = may || self.is_server() || self.user == Some(user);
        self.demand(tree, &[Holder::User(user)], may)
    }

    /// Whether a token that may so much is theirs to make, to see and to revoke: nobody makes one with
    /// more than they have. `user` is whose own things it sees.
    pub fn may_make_token(
        &self,
        world: &World,
        what: Option<Assignment>,
        user: Option<UserId>,
    ) -> Result<(), Denial> {
        if let Some(user) = user {
            self.may_edit_credentials(world, user)?;
        }
        let Some(Assignment { role, group }) = what else {
            return user.map_or(Err(Denial::Forbidden), |_| Ok(()));
        };
        let (tree, place) = (&world.tree, Holder::Group(group));
        // Whose own things it sees may say where they count, and nothing more.
        let narrows = role == Role::User && user.is_some();
        let has = |own: &Assignment| own.role <= role && tree.stands_under(group, own.group);
        let administers =
            self.assignments.iter().any(|own| own.role.is_administrator() && has(own));
        self.demand(tree, &[place], self.is_server() || narrows || administers)
    }

    /// Whether they may set the reminder of a group.
    pub fn may_set_reminder(&self, tree: &Tree, group: GroupId) -> Result<(), Denial> {
        self.demand(tree, &[Holder::Group(group)], self.administers(tree, group))
    }

    /// Whether they may have events of a group and all below it sent.
    pub fn may_webhook(&self, tree: &Tree, group: GroupId) -> Result<(), Denial> {
        self.demand(tree, &[Holder::Group(group)], self.administers(tree, group))
    }

    /// Whether a role in a group is theirs to give and to take.
    fn gives(&self, tree: &Tree, assignment: Assignment) -> bool {
        match assignment.role {
            Role::ServerAdministrator | Role::CompanyAdministrator => self.is_server(),
            Role::SiteAdministrator => self.stands_above(tree, assignment.group),
            Role::Concierge | Role::User => self.administers(tree, assignment.group),
        }
    }

    /// Whether the user has just their role: neither a colleague nor a token that one made lifts an
    /// administrator's own limit.
    pub(super) fn is_peer_of(&self, tree: &Tree, user: UserId) -> bool {
        let roles = self.others.as_deref().map(|others| others.of(user)).unwrap_or_default();
        let mut administered = roles.iter().filter(|held| held.role.is_administrator());
        administered
            .any(|held| self.administers(tree, held.group) && !self.stands_above(tree, held.group))
    }

    /// Whether every role of the user is theirs to give: whoever edits a user could sign in as them.
    pub(super) fn outranks(&self, tree: &Tree, user: UserId) -> bool {
        let Some(others) = &self.others else { return self.is_server() };
        others.of(user).iter().all(|held| self.gives(tree, *held))
    }
}
