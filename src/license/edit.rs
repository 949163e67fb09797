//! How the records of a tree change, and its indexes with them. Whatever comes counts as loaded from
//! the store: nothing is judged here.

use std::sync::Arc;

use super::tree::{GroupNode, UserNode};
use super::{Created, Group, GroupId, Holder, License, LicenseId, NumberKind, Tree, User, UserId};

impl Tree {
    /// Adds a group or replaces its record, its place in the tree included. Parents come first.
    pub fn upsert_group(&mut self, group: Group) {
        let id = group.id;
        let Some(old) = self.group(id).cloned() else {
            return self.insert_group(group);
        };
        if old.restricted != group.restricted || old.parent != group.parent {
            self.forget_items(Holder::Group(id));
        }
        if (old.parent, &old.name) != (group.parent, &group.name) {
            self.unlink(&old);
            self.link(&group);
        }
        let moved = old.parent != group.parent;
        if let Some(node) = self.groups.get_mut(&id) {
            Arc::make_mut(node).group = group;
        }
        if moved {
            self.forget_items(Holder::Group(id));
        }
    }

    fn insert_group(&mut self, group: Group) {
        let (id, restricted) = (group.id, group.restricted);
        self.link(&group);
        let node = GroupNode {
            group,
            children: Arc::default(),
            members: Arc::default(),
            licenses: Vec::new(),
            created: Created::default(),
            items: Arc::default(),
        };
        self.groups.insert(id, Arc::new(node));
        // A group without restriction and without anything in it changes nobody's sum.
        if restricted {
            self.add_item_gate(Holder::Group(id));
        }
    }

    /// Removes a group, its licenses and counts. Its children and members must be gone or moved.
    pub fn remove_group(&mut self, id: GroupId) {
        self.forget_items(Holder::Group(id));
        let Some(node) = self.groups.remove(&id) else { return };
        self.unlink(&node.group);
        for license in &node.licenses {
            self.licenses.remove(&license.id);
        }
    }

    fn link(&mut self, group: &Group) {
        if let Some(parent) = group.parent.and_then(|parent| self.groups.get_mut(&parent)) {
            Arc::make_mut(&mut Arc::make_mut(parent).children)
                .insert(group.name.as_str().into(), group.id);
        }
    }

    fn unlink(&mut self, group: &Group) {
        let Some(parent) = group.parent.and_then(|parent| self.groups.get_mut(&parent)) else {
            return;
        };
        // Two siblings may exchange their names one after the other.
        if parent.children.get(group.name.as_str()) == Some(&group.id) {
            Arc::make_mut(&mut Arc::make_mut(parent).children).remove(group.name.as_str());
        }
    }

    /// Adds a user or replaces the record, memberships included.
    pub fn upsert_user(&mut self, user: User) {
        let id = user.id;
        let old = self.user(id).cloned();
        let moved = old.as_ref().is_some_and(|old| old.groups != user.groups);
        // Who is new changes no sum, but where sums are kept it is kept as well that he is counted once.
        let is_shared = old.is_none() && user.groups.len() > 1;
        if moved {
            self.forget_items(Holder::User(id));
        }
        if let Some(old) = &old {
            if self.user_names.get(old.name.as_str()) == Some(&id) {
                self.user_names.remove(old.name.as_str());
            }
            self.leave(id, &old.groups);
        }
        self.user_names.insert(user.name.as_str().into(), id);
        for group in &user.groups {
            if let Some(node) = self.groups.get_mut(group) {
                Arc::make_mut(&mut Arc::make_mut(node).members).insert(id);
            }
        }
        match self.users.get_mut(&id) {
            Some(node) => Arc::make_mut(node).user = user,
            None => {
                let node = UserNode { user, licenses: Vec::new(), created: Created::default() };
                self.users.insert(id, Arc::new(node));
            }
        }
        if moved || is_shared {
            self.forget_items(Holder::User(id));
        }
    }

    /// Removes a user with the licenses and counts.
    pub fn remove_user(&mut self, id: UserId) {
        self.forget_items(Holder::User(id));
        let Some(node) = self.users.remove(&id) else { return };
        if self.user_names.get(node.user.name.as_str()) == Some(&id) {
            self.user_names.remove(node.user.name.as_str());
        }
        self.leave(id, &node.user.groups);
        for license in &node.licenses {
            self.licenses.remove(&license.id);
        }
    }

    fn leave(&mut self, user: UserId, groups: &[GroupId]) {
        for group in groups {
            if let Some(node) = self.groups.get_mut(group) {
                Arc::make_mut(&mut Arc::make_mut(node).members).remove(&user);
            }
        }
    }

    /// Adds a license or replaces its record. Its holder comes first.
    pub fn upsert_license(&mut self, license: License) {
        let was_gate = self.is_gate(license.holder);
        let (id, holder) = (license.id, license.holder);
        if self.license(id).is_some_and(|old| old.holder != holder) {
            self.remove_license(id);
        }
        let license = Arc::new(license);
        self.licenses.insert(id, license.clone());
        if let Some(licenses) = self.licenses_mut(holder) {
            match licenses.iter_mut().find(|held| held.id == id) {
                Some(held) => *held = license,
                None => licenses.push(license),
            }
        }
        if self.is_gate(holder) != was_gate {
            self.forget_items(holder);
        }
    }

    /// Removes a license.
    pub fn remove_license(&mut self, id: LicenseId) {
        let Some(license) = self.licenses.remove(&id) else { return };
        let was_gate = self.is_gate(license.holder);
        if let Some(licenses) = self.licenses_mut(license.holder) {
            licenses.retain(|held| held.id != id);
        }
        if self.is_gate(license.holder) != was_gate {
            self.forget_items(license.holder);
        }
    }

    fn licenses_mut(&mut self, holder: Holder) -> Option<&mut Vec<Arc<License>>> {
        match holder {
            Holder::Group(id) => Some(&mut Arc::make_mut(self.groups.get_mut(&id)?).licenses),
            Holder::User(id) => Some(&mut Arc::make_mut(self.users.get_mut(&id)?).licenses),
        }
    }

    /// Says how many numbers the holder owns that somebody created.
    pub fn set_created(&mut self, holder: Holder, created: Created) {
        let delta = i128::from(created.total()) - i128::from(self.created(holder).total());
        match holder {
            Holder::Group(id) => {
                if let Some(node) = self.groups.get_mut(&id) {
                    Arc::make_mut(node).created = created;
                }
            }
            Holder::User(id) => {
                if let Some(node) = self.users.get_mut(&id) {
                    Arc::make_mut(node).created = created;
                }
            }
        }
        self.add_item_numbers(holder, i64::try_from(delta).unwrap_or(i64::MAX));
    }

    /// Counts `by` more (or fewer) numbers of one kind for a holder.
    pub fn add_created(&mut self, holder: Holder, kind: NumberKind, by: i64) {
        self.set_created(holder, self.created(holder).with(kind, by));
    }
}
