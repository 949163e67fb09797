//! Who may see and who may do what: own group and below, nothing above or beside. The one place where
//! rights are decided; who somebody is, others find out.

mod names;
mod people;
#[cfg(test)]
mod property;
mod sight;
#[cfg(test)]
mod tests;
mod write;

use std::collections::HashMap;
use std::sync::Arc;

use super::model::words;
use super::{GroupId, Holder, Moment, SERVER, Tree, UserId};

pub use sight::What;

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

/// The roles of every user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignments {
    by_user: HashMap<UserId, Vec<Assignment>>,
}

/// Whoever asks, as far as rights go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Viewer {
    /// Whose own things are seen too.
    pub user: Option<UserId>,
    pub assignments: Vec<Assignment>,
    /// When what they ask with ends: a token makes none that outlives it.
    pub until: Option<Moment>,
    /// What others are: nobody edits a user who holds a role that they could not give. Where it is not
    /// known, no other user is edited.
    pub others: Option<Arc<Assignments>>,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// Not theirs to know whether it exists.
    Unseen,
    /// Seen, and not theirs to do.
    Forbidden,
}

impl Role {
    /// Whether it may write under its group.
    fn is_administrator(self) -> bool {
        matches!(self, Self::CompanyAdministrator | Self::SiteAdministrator)
    }
}

impl Assignment {
    /// Why a role cannot be held in that group, if it cannot.
    pub fn fault(self, tree: &Tree) -> Option<&'static str> {
        let is_root = tree.group(self.group).is_some_and(|group| group.parent == Some(SERVER));
        match self.role {
            Role::ServerAdministrator if self.group != SERVER => {
                Some("a server administrator is one of the server, \"/\"")
            }
            Role::CompanyAdministrator if !is_root => {
                Some("a company administrator is one of a root group")
            }
            Role::SiteAdministrator | Role::Concierge | Role::User if self.group == SERVER => {
                Some("only server administrators have a role on the server")
            }
            _ => None,
        }
    }
}

impl Assignments {
    /// What one user is.
    pub fn of(&self, user: UserId) -> &[Assignment] {
        self.by_user.get(&user).map(Vec::as_slice).unwrap_or_default()
    }
}

impl FromIterator<(UserId, Assignment)> for Assignments {
    fn from_iter<I: IntoIterator<Item = (UserId, Assignment)>>(rows: I) -> Self {
        let mut by_user: HashMap<UserId, Vec<Assignment>> = HashMap::new();
        for (user, assignment) in rows {
            by_user.entry(user).or_default().push(assignment);
        }
        Self { by_user }
    }
}

impl Viewer {
    /// May everything: the command line, and the daemon itself.
    pub fn server() -> Self {
        let role = Role::ServerAdministrator;
        Self { assignments: vec![Assignment { role, group: SERVER }], ..Self::default() }
    }

    /// A user with the roles that `all` says.
    pub fn of_user(user: UserId, all: Arc<Assignments>) -> Self {
        Self {
            user: Some(user),
            assignments: all.of(user).to_vec(),
            until: None,
            others: Some(all),
        }
    }

    /// Whether everything is theirs.
    pub fn is_server(&self) -> bool {
        self.assignments.iter().any(|one| one.role == Role::ServerAdministrator)
    }

    /// Whether they administer the group: it is the one they are assigned to, or stands under it.
    pub fn administers(&self, tree: &Tree, group: GroupId) -> bool {
        self.is_server() || self.administered().any(|own| tree.stands_under(group, own))
    }

    /// The groups from which they administer downwards. Whoever administers none may not ask.
    pub fn administered_groups(&self) -> Result<Vec<GroupId>, Denial> {
        if self.is_server() {
            return Ok(vec![SERVER]);
        }
        let own: Vec<GroupId> = self.administered().collect();
        if own.is_empty() { Err(Denial::Forbidden) } else { Ok(own) }
    }

    /// Whether they stand above the group, and so may edit what limits it.
    pub fn stands_above(&self, tree: &Tree, group: GroupId) -> bool {
        let above = |own| own != group && tree.stands_under(group, own);
        self.is_server() || self.administered().any(above)
    }

    /// Whether they administer every group of the user.
    fn administers_all(&self, tree: &Tree, user: UserId) -> bool {
        let groups = tree.places(Holder::User(user));
        !groups.is_empty() && groups.iter().all(|group| self.administers(tree, *group))
    }

    /// The groups they are assigned to as an administrator. On the server only server administrators
    /// are any.
    fn administered(&self) -> impl Iterator<Item = GroupId> {
        let own = self.assignments.iter().filter(|one| one.role.is_administrator());
        own.map(|one| one.group).filter(|group| *group != SERVER)
    }

    /// Unseen where any is, else forbidden where they may not.
    fn demand(&self, tree: &Tree, about: &[Holder], may: bool) -> Result<(), Denial> {
        if about.iter().any(|holder| !self.sees(tree, *holder)) {
            return Err(Denial::Unseen);
        }
        if may { Ok(()) } else { Err(Denial::Forbidden) }
    }
}
