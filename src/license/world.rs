//! All that is on record: the tree and the directory, and how a write changes both together.
//! It judges nothing; whether a write may be is for `distribution`.

use std::collections::{BTreeSet, HashMap};

use super::distribution::Change;
use super::{
    ClaimId, Created, Directory, Group, GroupId, Holder, Number, NumberId, Tree, User, UserId,
};

/// The tree and the directory of one instant. Copies are cheap.
#[derive(Clone, Debug, Default)]
pub struct World {
    pub tree: Tree,
    pub directory: Directory,
}

/// What goes when a group is deleted by force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// The subtree, parents before children.
    pub groups: Vec<GroupId>,
    /// Users who are in no other group.
    pub users: Vec<UserId>,
    /// Users who are elsewhere too, and so only lose memberships.
    pub kept_users: Vec<UserId>,
    pub numbers: Vec<NumberId>,
    pub claims: Vec<ClaimId>,
}

impl World {
    /// Writes a change. One that `distribution::check` refuses leaves the records in no good state.
    pub fn apply(&mut self, change: &Change) {
        match change {
            Change::AddGroup { group, licenses } | Change::EditGroup { group, licenses } => {
                self.tree.upsert_group(group.clone());
                licenses.iter().for_each(|license| self.tree.upsert_license(license.clone()));
            }
            Change::MoveGroup { group, parent } => {
                if let Some(group) = self.tree.group(*group).cloned() {
                    self.tree.upsert_group(Group { parent: Some(*parent), ..group });
                }
            }
            Change::RemoveGroup { group } => self.remove_group(*group),
            Change::AddUser { user, licenses } => {
                self.tree.upsert_user(user.clone());
                licenses.iter().for_each(|license| self.tree.upsert_license(license.clone()));
            }
            Change::EditUser { user } => self.tree.upsert_user(user.clone()),
            Change::RemoveUser { user } => self.remove_user(*user),
            Change::AddLicense(license) | Change::EditLicense(license) => {
                self.tree.upsert_license(license.clone());
            }
            Change::SuspendLicense(id) | Change::ResumeLicense(id) => {
                if let Some(mut license) = self.tree.license(*id).cloned() {
                    license.suspended = matches!(change, Change::SuspendLicense(_));
                    self.tree.upsert_license(license);
                }
            }
            Change::RemoveLicense(id) => self.tree.remove_license(*id),
            Change::AddNumbers(numbers) => {
                self.put_numbers(numbers);
            }
            Change::EditNumber(number) => self.put_number(number),
            Change::RemoveNumbers(ids) => ids.iter().for_each(|id| self.take_number(*id)),
            Change::AddClaim(claim) => self.directory.insert_claim(claim.clone()),
            Change::RemoveClaim(id) => {
                self.directory.remove_claim(*id);
            }
            Change::All(changes) => changes.iter().for_each(|change| self.apply(change)),
        }
    }

    /// Writes a step that nobody has checked yet. A group under itself would have no top to climb to:
    /// that is left out, and for the check to refuse.
    pub(super) fn apply_sound(&mut self, step: &Change) {
        let circles = match step {
            Change::MoveGroup { group, parent } => self.tree.stands_under(*parent, *group),
            Change::EditGroup { group, .. } | Change::AddGroup { group, .. } => {
                let old = self.tree.group(group.id);
                group.parent.is_some_and(|parent| {
                    old.is_some_and(|old| old.parent != Some(parent)) || parent == group.id
                })
            }
            _ => false,
        };
        if !circles {
            self.apply(step);
        }
    }

    /// Adds a created number or replaces its record, and counts it.
    pub fn put_number(&mut self, number: &Number) {
        for old in self.directory.insert_number(number).into_iter().flatten() {
            self.tree.add_created(old.owner, old.kind, -1);
        }
        self.tree.add_created(number.owner, number.kind, 1);
    }

    /// Adds many numbers, or replaces their records; each owner is counted once.
    pub fn put_numbers<'a>(&mut self, numbers: impl IntoIterator<Item = &'a Number>) {
        let mut counts: HashMap<Holder, Created> = HashMap::new();
        let mut count = |tree: &Tree, owner, kind, by| {
            let held = counts.entry(owner).or_insert_with(|| tree.created(owner));
            *held = held.with(kind, by);
        };
        for number in numbers {
            for old in self.directory.insert_number(number).into_iter().flatten() {
                count(&self.tree, old.owner, old.kind, -1);
            }
            count(&self.tree, number.owner, number.kind, 1);
        }
        for (owner, created) in counts {
            self.tree.set_created(owner, created);
        }
    }

    /// Takes a created number out, and counts it no more.
    pub fn take_number(&mut self, id: NumberId) {
        if let Some(old) = self.directory.remove_number(id) {
            self.tree.add_created(old.owner, old.kind, -1);
        }
    }

    /// What would go with a group.
    pub fn removal(&self, group: GroupId) -> Removal {
        let groups = self.tree.subtree(group);
        let gone: BTreeSet<GroupId> = groups.iter().copied().collect();
        let members: BTreeSet<UserId> =
            groups.iter().flat_map(|group| self.tree.members(*group)).collect();
        let (users, kept_users): (Vec<_>, Vec<_>) = members.into_iter().partition(|user| {
            let user = self.tree.user(*user);
            user.is_some_and(|user| user.groups.iter().all(|group| gone.contains(group)))
        });
        let owners = groups.iter().copied().map(Holder::Group);
        let owners = owners.chain(users.iter().copied().map(Holder::User));
        let numbers = owners
            .flat_map(|owner| self.directory.numbers_of(owner))
            .map(|(_, entry)| entry.id)
            .collect();
        let claims = self.directory.claims().filter(|claim| gone.contains(&claim.group));
        let mut claims: Vec<_> = claims.map(|claim| claim.id).collect();
        claims.sort_unstable();
        Removal { groups, users, kept_users, numbers, claims }
    }

    fn remove_group(&mut self, group: GroupId) {
        let removal = self.removal(group);
        removal.numbers.iter().for_each(|id| self.take_number(*id));
        for id in &removal.claims {
            self.directory.remove_claim(*id);
        }
        removal.users.iter().for_each(|id| self.tree.remove_user(*id));
        let gone: BTreeSet<GroupId> = removal.groups.iter().copied().collect();
        for id in &removal.kept_users {
            let Some(user) = self.tree.user(*id).cloned() else { continue };
            let groups = user.groups.iter().copied().filter(|id| !gone.contains(id)).collect();
            self.tree.upsert_user(User { groups, ..user });
        }
        removal.groups.iter().rev().for_each(|id| self.tree.remove_group(*id));
    }

    fn remove_user(&mut self, user: UserId) {
        let numbers: Vec<NumberId> =
            self.directory.numbers_of(Holder::User(user)).map(|(_, entry)| entry.id).collect();
        numbers.iter().for_each(|id| self.take_number(*id));
        self.tree.remove_user(user);
    }
}
