//! Who may write what. On the group that somebody is assigned to, what limits it is edited by those who
//! stand above; nobody lifts a limit of their own.

use super::{Denial, Viewer};
use crate::license::distribution::Change;
use crate::license::{
    Claim, ClaimRule, Group, GroupId, Holder, License, LicenseId, Number, NumberId, Tree, User,
    UserId, World,
};

type Verdict = Result<(), Denial>;

impl Viewer {
    /// Whether they may write this. Each step is judged by the world as the steps before left it.
    pub fn may_write(&self, world: &World, change: &Change) -> Verdict {
        if self.is_server() {
            return Ok(());
        }
        let steps = change.steps();
        let [first, rest @ ..] = steps.as_slice() else { return Ok(()) };
        self.may_step(world, first)?;
        if rest.is_empty() {
            return Ok(());
        }
        let (mut world, mut before) = (world.clone(), *first);
        for step in rest {
            world.apply_sound(before);
            self.may_step(&world, step)?;
            before = step;
        }
        Ok(())
    }

    /// Whether they may end the seats of the holder's numbers. Everybody may end their own.
    pub fn may_free(&self, tree: &Tree, owner: Holder) -> Verdict {
        let own = self.user.is_some_and(|user| owner == Holder::User(user));
        if own && tree.contains(owner) { Ok(()) } else { self.may_own(tree, owner) }
    }

    fn may_step(&self, world: &World, step: &Change) -> Verdict {
        let tree = &world.tree;
        match step {
            Change::AddGroup { group, licenses } => self.may_add_group(tree, group, licenses),
            Change::EditGroup { group, licenses } => self.may_edit_group(tree, group, licenses),
            Change::MoveGroup { group, parent } => self.may_move(tree, *group, *parent),
            Change::RemoveGroup { group } => self.may_remove_group(world, *group),
            Change::AddUser { user, licenses } => self.may_add_user(tree, user, licenses),
            Change::EditUser { user } => self.may_edit_user(tree, user),
            Change::RemoveUser { user } => self.may_remove_user(tree, *user),
            Change::AddLicense(license) => {
                is_new(tree.license(license.id))?;
                self.may_license(tree, license.holder)
            }
            Change::EditLicense(license) => {
                self.may_edit_license(tree, license.id)?;
                self.may_license(tree, license.holder)
            }
            Change::SuspendLicense(id) | Change::ResumeLicense(id) | Change::RemoveLicense(id) => {
                self.may_edit_license(tree, *id)
            }
            Change::AddNumbers(numbers) => self.may_add_numbers(world, numbers),
            Change::EditNumber(number) => {
                self.may_edit_number(world, number.id)?;
                self.may_own(tree, number.owner)
            }
            Change::RemoveNumbers(ids) => {
                ids.iter().try_for_each(|id| self.may_edit_number(world, *id))
            }
            Change::AddClaim(claim) => {
                is_new(world.directory.claim(claim.id))?;
                self.may_claim(world, claim)
            }
            Change::RemoveClaim(id) => {
                let claim = world.directory.claim(*id).ok_or(Denial::Unseen)?;
                self.may_claim(world, claim)
            }
            Change::All(_) => Ok(()),
        }
    }

    fn may_add_group(&self, tree: &Tree, group: &Group, licenses: &[License]) -> Verdict {
        let parent = group.parent.ok_or(Denial::Forbidden)?;
        self.demand(tree, &[Holder::Group(parent)], self.administers(tree, parent))?;
        is_new(tree.group(group.id))?;
        all_of(licenses, Holder::Group(group.id))
    }

    fn may_edit_group(&self, tree: &Tree, new: &Group, licenses: &[License]) -> Verdict {
        let old = tree.group(new.id).ok_or(Denial::Unseen)?;
        let may = match limits(new, old) != *old || !licenses.is_empty() {
            true => self.stands_above(tree, old.id),
            false => self.administers(tree, old.id),
        };
        self.demand(tree, &[Holder::Group(old.id)], may && new.parent == old.parent)?;
        all_of(licenses, Holder::Group(old.id))
    }

    fn may_move(&self, tree: &Tree, group: GroupId, parent: GroupId) -> Verdict {
        let may = self.stands_above(tree, group) && self.administers(tree, parent);
        self.demand(tree, &[Holder::Group(group), Holder::Group(parent)], may)
    }

    /// Users who are in the group only go with it: each must be theirs to remove. Users who are elsewhere
    /// too only lose what was theirs there.
    fn may_remove_group(&self, world: &World, group: GroupId) -> Verdict {
        let tree = &world.tree;
        self.demand(tree, &[Holder::Group(group)], self.stands_above(tree, group))?;
        let mut users = world.removal(group).users.into_iter();
        users.try_for_each(|user| self.may_remove_user(tree, user))
    }

    fn may_add_user(&self, tree: &Tree, user: &User, licenses: &[License]) -> Verdict {
        let groups: Vec<Holder> = user.groups.iter().copied().map(Holder::Group).collect();
        let may = user.groups.iter().all(|group| self.administers(tree, *group));
        self.demand(tree, &groups, may && !groups.is_empty())?;
        is_new(tree.user(user.id))?;
        all_of(licenses, Holder::User(user.id))
    }

    fn may_edit_user(&self, tree: &Tree, new: &User) -> Verdict {
        let old = tree.user(new.id).ok_or(Denial::Unseen)?;
        self.demand(tree, &[Holder::User(old.id)], true)?;
        let added = new.groups.iter().copied().filter(|group| !old.groups.contains(group));
        let added: Vec<GroupId> = added.collect();
        let places: Vec<Holder> = added.iter().copied().map(Holder::Group).collect();
        self.demand(tree, &places, self.may_change_user(tree, old, new, &added))
    }

    fn may_change_user(&self, tree: &Tree, old: &User, new: &User, added: &[GroupId]) -> bool {
        let is_self = self.user == Some(old.id);
        if is_self && new.groups == old.groups {
            return true;
        }
        // Whoever loosens what limits themselves must be above it; others must not be above them.
        let removed = old.groups.iter().filter(|group| !new.groups.contains(group));
        let rank = match is_self {
            true => added.iter().chain(removed).all(|group| self.stands_above(tree, *group)),
            false => self.outranks(tree, old.id),
        };
        let only_joins = new.name == old.name
            && new.email == old.email
            && !added.is_empty()
            && new.groups.starts_with(&old.groups);
        let old_groups = match only_joins {
            true => old.groups.iter().any(|group| self.administers(tree, *group)),
            false => self.administers_all(tree, old.id),
        };
        rank && old_groups && added.iter().all(|group| self.administers(tree, *group))
    }

    fn may_remove_user(&self, tree: &Tree, user: UserId) -> Verdict {
        let may = self.administers_all(tree, user)
            && self.outranks(tree, user)
            && self.user != Some(user);
        self.demand(tree, &[Holder::User(user)], may)
    }

    fn may_edit_license(&self, tree: &Tree, id: LicenseId) -> Verdict {
        self.may_license(tree, tree.license(id).ok_or(Denial::Unseen)?.holder)
    }

    fn may_license(&self, tree: &Tree, holder: Holder) -> Verdict {
        let may = match holder {
            Holder::Group(group) => self.stands_above(tree, group),
            Holder::User(user) if self.user == Some(user) => {
                let groups = tree.places(holder);
                !groups.is_empty() && groups.iter().all(|group| self.stands_above(tree, *group))
            }
            Holder::User(user) => self.administers_all(tree, user) && !self.is_peer_of(tree, user),
        };
        self.demand(tree, &[holder], may)
    }

    fn may_add_numbers(&self, world: &World, numbers: &[Number]) -> Verdict {
        numbers.iter().try_for_each(|number| {
            self.may_own(&world.tree, number.owner)?;
            is_new(world.directory.number(number.id))
        })
    }

    fn may_edit_number(&self, world: &World, id: NumberId) -> Verdict {
        let (_, entry) = world.directory.number(id).ok_or(Denial::Unseen)?;
        self.may_own(&world.tree, entry.owner)
    }

    /// Whether they may give the holder numbers, and take them.
    fn may_own(&self, tree: &Tree, owner: Holder) -> Verdict {
        let may = match owner {
            Holder::Group(group) => self.administers(tree, group),
            Holder::User(user) => self.administers_all(tree, user),
        };
        self.demand(tree, &[owner], may)
    }

    /// A range within what the group or one above it claims already. What lies within nothing, a server
    /// administrator gave, and takes back.
    fn may_claim(&self, world: &World, claim: &Claim) -> Verdict {
        let tree = &world.tree;
        let is_range = matches!(claim.rule, ClaimRule::Range { .. });
        let within = || {
            let around = world.directory.neighbours(&claim.rule, claim.id).around;
            let around = around.and_then(|id| world.directory.claim(id));
            around.is_some_and(|around| tree.stands_under(claim.group, around.group))
        };
        let may = is_range && self.administers(tree, claim.group) && within();
        self.demand(tree, &[Holder::Group(claim.group)], may)
    }
}

/// `old` with what is new of the fields that limit a group.
fn limits(new: &Group, old: &Group) -> Group {
    let Group { restricted, hand_out, monitor, .. } = *new;
    Group { restricted, hand_out, monitor, ..old.clone() }
}

/// A record that is there already is edited, not added.
fn is_new<T>(known: Option<T>) -> Verdict {
    if known.is_none() { Ok(()) } else { Err(Denial::Forbidden) }
}

/// Licenses that come with a holder are its own.
fn all_of(licenses: &[License], holder: Holder) -> Verdict {
    let own = licenses.iter().all(|license| license.holder == holder);
    if own { Ok(()) } else { Err(Denial::Forbidden) }
}
