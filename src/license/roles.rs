//! Who may see and who may do what: own group and below, nothing above or beside. The one place where
//! rights are decided; who somebody is, others find out.

use super::distribution::Change;
use super::model::words;
use super::{GroupId, Holder, SERVER, Tree, UserId, World};

/// What somebody is in a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything.
    ServerAdministrator,
    /// All under their root group.
    CompanyAdministrator,
    /// All under the group they are assigned to.
    SiteAdministrator,
    /// Live state of their group; no licenses.
    Concierge,
    /// Their own licenses, numbers, features.
    User,
}

words!(Role, "role":
    ServerAdministrator = "server_administrator", CompanyAdministrator = "company_administrator",
    SiteAdministrator = "site_administrator", Concierge = "concierge", User = "user");

/// A role in a group; a server administrator's group is the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Assignment {
    pub role: Role,
    pub group: GroupId,
}

/// Whoever asks, as far as rights go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Whose own things are seen too.
    pub user: Option<UserId>,
    pub assignments: Vec<Assignment>,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Not theirs to know whether it exists.
    Unseen,
    /// Seen, and not theirs to do.
    Forbidden,
}

impl Viewer {
    /// May everything: the command line, and the daemon itself.
    pub fn server() -> Self {
        let role = Role::ServerAdministrator;
        Self { user: None, assignments: vec![Assignment { role, group: SERVER }] }
    }

    /// Whether everything is theirs.
    pub fn is_server(&self) -> bool {
        self.assignments.iter().any(|one| one.role == Role::ServerAdministrator)
    }

    /// Whether they may know of this group or user.
    pub fn sees(&self, tree: &Tree, holder: Holder) -> bool {
        let below = |group: GroupId| {
            let mut own = self.assignments.iter().filter(|one| one.role != Role::User);
            own.any(|own| tree.stands_under(group, own.group))
        };
        match holder {
            Holder::Group(group) => below(group),
            Holder::User(user) => {
                self.user == Some(user) || tree.places(holder).iter().copied().any(below)
            }
        }
    }

    /// The groups that they administer: what happened under them is theirs to read. Whoever
    /// administers none may not.
    pub fn administers(&self) -> Result<Vec<GroupId>, Denial> {
        let administers = |role| {
            use Role::{CompanyAdministrator, ServerAdministrator, SiteAdministrator};
            matches!(role, ServerAdministrator | CompanyAdministrator | SiteAdministrator)
        };
        let own = self.assignments.iter().filter(|one| administers(one.role));
        let own: Vec<GroupId> = own.map(|one| one.group).collect();
        if own.is_empty() { Err(Denial::Forbidden) } else { Ok(own) }
    }

    /// Whether they may write this.
    pub fn may_write(&self, _world: &World, _change: &Change) -> Result<(), Denial> {
        if self.is_server() { Ok(()) } else { Err(Denial::Forbidden) }
    }
}
