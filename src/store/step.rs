//! Records that were read again, taken over into the tree and the directory. Pure: it says what it
//! touched, or that the tree would lose its shape and has to be built anew.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashSet};

use super::{Key, Records, placed_user};
use crate::license::{
    ClaimId, Created, Group, GroupId, Holder, LicenseId, Number, SERVER, Touched, Tree, User,
    UserId, World,
};

/// A copy of the records with changes in it.
pub struct Step {
    pub world: World,
    holders: HashSet<Holder>,
    numbers: Vec<String>,
    claims: bool,
}

impl Step {
    /// Starts from these records.
    pub fn new(world: World) -> Self {
        Self { world, holders: HashSet::new(), numbers: Vec::new(), claims: false }
    }

    /// What differs from the records before.
    pub fn touched(self) -> (World, Touched) {
        let Self { world, holders, numbers, claims } = self;
        (world, Touched::These { holders: holders.into_iter().collect(), numbers, claims })
    }

    /// Takes over what stands at `keys`. False: not possible by keys alone.
    pub fn take(&mut self, keys: &BTreeSet<Key>, records: &Records) -> bool {
        // Whoever is referred to comes first, and goes last.
        let whole = self.put_groups(&records.groups)
            && self.put_users(&records.users)
            && self.take_licenses(keys, records)
            && self.remove_users(keys, records)
            && self.remove_groups(keys, records);
        if whole {
            self.take_claims(keys, records);
            self.take_numbers(keys, records);
        }
        whole
    }

    fn put_groups(&mut self, groups: &[Group]) -> bool {
        let mut waiting: Vec<&Group> = groups.iter().collect();
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|group| {
                let fits = has_place(&self.world.tree, group);
                if fits {
                    self.put_group(group);
                }
                !fits
            });
            if waiting.len() == before {
                return false;
            }
        }
        true
    }

    fn put_group(&mut self, group: &Group) {
        let old = self.world.tree.group(group.id).cloned();
        if old.as_ref() == Some(group) {
            return;
        }
        let holder = Holder::Group(group.id);
        self.holders.insert(holder);
        let old_parent = old.as_ref().and_then(|old| old.parent);
        self.holders.extend(old_parent.filter(|_| old_parent != group.parent).map(Holder::Group));
        self.world.tree.upsert_group(group.clone());
        if old.is_none() {
            self.count(holder);
        }
    }

    fn put_users(&mut self, users: &[User]) -> bool {
        users.iter().all(|user| {
            let is_there = |group| self.world.tree.group(group).is_some();
            let Some(user) = placed_user(user, is_there) else { return false };
            self.put_user(user);
            true
        })
    }

    fn put_user(&mut self, user: User) {
        let old = self.world.tree.user(user.id).cloned();
        if old.as_ref() == Some(&user) {
            return;
        }
        let holder = Holder::User(user.id);
        self.holders.insert(holder);
        if let Some(old) = old.as_ref().filter(|old| old.groups != user.groups) {
            self.holders.extend(old.groups.iter().copied().map(Holder::Group));
        }
        self.world.tree.upsert_user(user);
        if old.is_none() {
            self.count(holder);
        }
    }

    /// Numbers may have waited for their owner.
    fn count(&mut self, owner: Holder) {
        let numbers = self.world.directory.numbers_of(owner);
        let created = numbers.fold(Created::default(), |sum, (_, entry)| sum.with(entry.kind, 1));
        self.world.tree.set_created(owner, created);
    }

    fn take_licenses(&mut self, keys: &BTreeSet<Key>, records: &Records) -> bool {
        let tree = &mut self.world.tree;
        for license in &records.licenses {
            if !tree.contains(license.holder) {
                return false;
            }
            let old = tree.license(license.id);
            if old != Some(license) {
                self.holders.extend(old.map(|old| old.holder));
                self.holders.insert(license.holder);
                tree.upsert_license(license.clone());
            }
        }
        let there: HashSet<_> = records.licenses.iter().map(|license| license.id).collect();
        let gone = |key: &Key| match key {
            Key::License(id) if !there.contains(id) => Some(*id),
            _ => None,
        };
        for id in keys.iter().filter_map(gone).collect::<Vec<LicenseId>>() {
            self.holders.extend(tree.license(id).map(|old| old.holder));
            tree.remove_license(id);
        }
        true
    }

    fn remove_users(&mut self, keys: &BTreeSet<Key>, records: &Records) -> bool {
        let there: HashSet<_> = records.users.iter().map(|user| user.id).collect();
        let gone = |key: &Key| match key {
            Key::User(id) if !there.contains(id) => Some(*id),
            _ => None,
        };
        for id in keys.iter().filter_map(gone).collect::<Vec<UserId>>() {
            let Some(old) = self.world.tree.user(id) else { continue };
            self.holders.extend(old.groups.iter().copied().map(Holder::Group));
            self.holders.insert(Holder::User(id));
            self.world.tree.remove_user(id);
        }
        true
    }

    fn remove_groups(&mut self, keys: &BTreeSet<Key>, records: &Records) -> bool {
        let there: HashSet<_> = records.groups.iter().map(|group| group.id).collect();
        let gone = |key: &Key| match key {
            Key::Group(id) if !there.contains(id) => Some(*id),
            _ => None,
        };
        let tree = &mut self.world.tree;
        let mut gone: Vec<GroupId> = keys.iter().filter_map(gone).collect();
        gone.retain(|id| tree.group(*id).is_some());
        gone.sort_by_key(|id| Reverse(tree.lineage(*id).count()));
        for id in gone {
            if id == SERVER
                || tree.children(id).next().is_some()
                || tree.members(id).next().is_some()
            {
                return false;
            }
            let parent = tree.group(id).and_then(|group| group.parent);
            self.holders.extend(parent.map(Holder::Group));
            self.holders.insert(Holder::Group(id));
            tree.remove_group(id);
        }
        true
    }

    fn take_claims(&mut self, keys: &BTreeSet<Key>, records: &Records) {
        let there: HashSet<_> = records.claims.iter().map(|claim| claim.id).collect();
        let gone = |key: &Key| match key {
            Key::Claim(id) if !there.contains(id) => Some(*id),
            _ => None,
        };
        let directory = &mut self.world.directory;
        for id in keys.iter().filter_map(gone).collect::<Vec<ClaimId>>() {
            self.claims |= directory.remove_claim(id).is_some();
        }
        for claim in &records.claims {
            if directory.claim(claim.id) != Some(claim) {
                directory.insert_claim(claim.clone());
                self.claims = true;
            }
        }
    }

    /// Takes over numbers alone.
    pub fn take_numbers(&mut self, keys: &BTreeSet<Key>, records: &Records) {
        let changed: Vec<&Number> =
            records.numbers.iter().filter(|number| !self.stands(number)).collect();
        let there: HashSet<&str> = records.numbers.iter().map(|number| &*number.aor).collect();
        let gone = keys.iter().filter_map(|key| match key {
            Key::Number(aor) if !there.contains(&**aor) => Some(&**aor),
            _ => None,
        });
        for aor in gone.chain(changed.iter().map(|number| &*number.aor)) {
            if let Some(entry) = self.world.directory.entry(aor) {
                self.holders.insert(entry.owner);
                self.numbers.push(aor.to_owned());
                self.world.take_number(entry.id);
            }
        }
        for number in changed {
            if let Some((aor, entry)) = self.world.directory.number(number.id) {
                self.holders.insert(entry.owner);
                self.numbers.push(aor.to_owned());
            }
            self.holders.insert(number.owner);
            self.numbers.push(number.aor.clone());
            self.world.put_number(number);
        }
    }

    fn stands(&self, number: &Number) -> bool {
        self.world.directory.entry(&number.aor).is_some_and(|entry| {
            entry.id == number.id
                && entry.owner == number.owner
                && entry.kind == number.kind
                && entry.has_password == number.password.is_some()
        })
    }
}

/// Whether the group can be put where it says without a hole or a circle.
fn has_place(tree: &Tree, group: &Group) -> bool {
    match group.parent {
        None => group.id == SERVER,
        Some(parent) => tree.group(parent).is_some() && !tree.stands_under(parent, group.id),
    }
}
