//! Who stands under whom: groups, users and licenses, with an index for each way they are asked.
//! It holds how many numbers somebody created, not which; it judges nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use chrono_tz::Tz;

use super::items::Items;
use super::shards::Shards;
use super::{
    Group, GroupId, HandOut, Holder, License, LicenseId, NumberKind, SERVER, User, UserId,
};

/// The groups under the server, the users in them, and what was granted to both. Copies are cheap.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(super) groups: Shards<GroupId, Arc<GroupNode>>,
    pub(super) users: Shards<UserId, Arc<UserNode>>,
    pub(super) user_names: Shards<Arc<str>, UserId>,
    pub(super) licenses: Shards<LicenseId, Arc<License>>,
    default_zone: Tz,
    /// Nobody has asked for sums or taken a copy yet, so that none has to follow what changes.
    pub(super) is_loading: bool,
}

/// A tree that is being filled.
#[derive(Debug)]
pub struct Loading(Tree);

/// How many numbers somebody created, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Created([u32; NumberKind::ALL.len()]);

#[derive(Clone, Debug)]
pub(super) struct GroupNode {
    pub group: Group,
    pub children: Arc<BTreeMap<Arc<str>, GroupId>>,
    pub members: Arc<BTreeSet<UserId>>,
    pub licenses: Vec<Arc<License>>,
    pub created: Created,
    /// Filled when first asked. Copies of the tree share the cell, so whatever changes below this group
    /// gives it another one.
    pub items: Arc<OnceLock<Arc<Items>>>,
}

#[derive(Clone, Debug)]
pub(super) struct UserNode {
    pub user: User,
    pub licenses: Vec<Arc<License>>,
    pub created: Created,
}

impl Created {
    /// All kinds together.
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }

    /// How many of one kind.
    pub fn of(&self, kind: NumberKind) -> u32 {
        self.0.get(kind as usize).copied().unwrap_or_default()
    }

    /// The same with `by` more of `kind`; never below 0.
    pub fn with(mut self, kind: NumberKind, by: i64) -> Self {
        if let Some(count) = self.0.get_mut(kind as usize) {
            let sum = i64::from(*count).saturating_add(by).clamp(0, u32::MAX.into());
            *count = u32::try_from(sum).unwrap_or(u32::MAX);
        }
        self
    }
}

impl Loading {
    /// The server alone, as [`Tree::new`] makes it.
    pub fn new(default_zone: Tz) -> Self {
        Self(Tree { is_loading: true, ..Tree::new(default_zone) })
    }

    /// Adds a group. Parents come first.
    pub fn group(&mut self, group: Group) {
        self.0.upsert_group(group);
    }

    /// Adds a user.
    pub fn user(&mut self, user: User) {
        self.0.upsert_user(user);
    }

    /// Adds a license. Its holder comes first.
    pub fn license(&mut self, license: License) {
        self.0.upsert_license(license);
    }

    /// Says how many numbers the holder owns that somebody created.
    pub fn created(&mut self, holder: Holder, created: Created) {
        self.0.set_created(holder, created);
    }

    /// Whether the holder is in the tree.
    pub fn contains(&self, holder: Holder) -> bool {
        self.0.contains(holder)
    }

    /// All of it.
    pub fn loaded(self) -> Tree {
        Tree { is_loading: false, ..self.0 }
    }
}

impl Default for Tree {
    fn default() -> Self {
        Self::new(Tz::UTC)
    }
}

impl Tree {
    /// The server alone, unrestricted, in `default_zone`.
    pub fn new(default_zone: Tz) -> Self {
        let mut tree = Self {
            groups: Shards::new(),
            users: Shards::new(),
            user_names: Shards::new(),
            licenses: Shards::new(),
            default_zone,
            is_loading: false,
        };
        tree.upsert_group(Group {
            id: SERVER,
            parent: None,
            name: String::new(),
            kind: "server".into(),
            restricted: false,
            hand_out: HandOut::Split,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        });
        tree
    }

    /// A group by its id.
    pub fn group(&self, id: GroupId) -> Option<&Group> {
        self.groups.get(&id).map(|node| &node.group)
    }

    /// A user by its id.
    pub fn user(&self, id: UserId) -> Option<&User> {
        self.users.get(&id).map(|node| &node.user)
    }

    /// A user by name.
    pub fn user_named(&self, name: &str) -> Option<&User> {
        self.user(*self.user_names.get(name)?)
    }

    /// A license by its id.
    pub fn license(&self, id: LicenseId) -> Option<&License> {
        self.licenses.get(&id).map(|license| &**license)
    }

    /// Every group, in no order.
    pub fn groups(&self) -> impl Iterator<Item = &Group> {
        self.groups.iter().map(|(_, node)| &node.group)
    }

    /// Every user, in no order.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.users.iter().map(|(_, node)| &node.user)
    }

    /// Every license, in no order.
    pub fn licenses(&self) -> impl Iterator<Item = &License> {
        self.licenses.iter().map(|(_, license)| &**license)
    }

    /// The groups directly below, by name.
    pub fn children(&self, id: GroupId) -> impl Iterator<Item = GroupId> {
        self.groups.get(&id).into_iter().flat_map(|node| node.children.values().copied())
    }

    /// The users who are members of this very group, by id.
    pub fn members(&self, id: GroupId) -> impl Iterator<Item = UserId> {
        self.groups.get(&id).into_iter().flat_map(|node| node.members.iter().copied())
    }

    /// The licenses on record for a holder, in the order they were added.
    pub fn licenses_of(&self, holder: Holder) -> &[Arc<License>] {
        match holder {
            Holder::Group(id) => self.groups.get(&id).map(|node| node.licenses.as_slice()),
            Holder::User(id) => self.users.get(&id).map(|node| node.licenses.as_slice()),
        }
        .unwrap_or_default()
    }

    /// How many numbers this very holder owns that somebody created.
    pub fn created(&self, holder: Holder) -> Created {
        match holder {
            Holder::Group(id) => self.groups.get(&id).map(|node| node.created),
            Holder::User(id) => self.users.get(&id).map(|node| node.created),
        }
        .unwrap_or_default()
    }

    /// Whether the holder is in the tree.
    pub fn contains(&self, holder: Holder) -> bool {
        match holder {
            Holder::Group(id) => self.groups.get(&id).is_some(),
            Holder::User(id) => self.users.get(&id).is_some(),
        }
    }

    /// Whether the holder limits what is below: a restricted group, a user with a license on record.
    pub fn is_gate(&self, holder: Holder) -> bool {
        match holder {
            Holder::Group(id) => self.group(id).is_some_and(|group| group.restricted),
            Holder::User(id) => self.users.get(&id).is_some_and(|node| !node.licenses.is_empty()),
        }
    }

    /// How a gate hands out; users split.
    pub fn hand_out(&self, gate: Holder) -> HandOut {
        match gate {
            Holder::Group(id) => self.group(id).map(|group| group.hand_out).unwrap_or_default(),
            Holder::User(_) => HandOut::Split,
        }
    }

    /// Whether the gate lifts its own refusals; users never do.
    pub fn is_monitored(&self, gate: Holder) -> bool {
        match gate {
            Holder::Group(id) => self.group(id).is_some_and(|group| group.monitor),
            Holder::User(_) => false,
        }
    }

    /// The group itself and all above it, upwards, ending with the server.
    pub fn lineage(&self, id: GroupId) -> impl Iterator<Item = &Group> {
        std::iter::successors(self.group(id), |group| self.group(group.parent?))
    }

    /// Whether `above` is `below` or stands over it.
    pub fn stands_under(&self, below: GroupId, above: GroupId) -> bool {
        self.lineage(below).any(|group| group.id == above)
    }

    /// The group itself and all below it, each parent before its children.
    pub fn subtree(&self, top: GroupId) -> Vec<GroupId> {
        let mut found = Vec::new();
        let mut open = vec![top];
        while let Some(id) = open.pop() {
            let Some(node) = self.groups.get(&id) else { continue };
            found.push(id);
            open.extend(node.children.values().rev());
        }
        found
    }

    /// "SmartHome/A Residence/12", or "/" for the server; for a group that is not there its id.
    pub fn path_name(&self, id: GroupId) -> String {
        if self.group(id).is_none() {
            return format!("group {id}");
        }
        let mut names: Vec<&str> = self
            .lineage(id)
            .filter(|group| group.parent.is_some())
            .map(|group| group.name.as_str())
            .collect();
        names.reverse();
        if names.is_empty() { "/".into() } else { names.join("/") }
    }

    /// What a gate is called in answers: its path, or "user:NAME".
    pub fn name_of(&self, holder: Holder) -> String {
        match holder {
            Holder::Group(id) => self.path_name(id),
            Holder::User(id) => self
                .user(id)
                .map_or_else(|| format!("user:{id}"), |user| format!("user:{}", user.name)),
        }
    }

    /// The group at a path: "SmartHome/A Residence/12", "/" for the server. An empty path names
    /// nothing: a variable that a script left empty must not mean everything.
    pub fn find(&self, path: &str) -> Option<GroupId> {
        if path == "/" {
            return Some(SERVER);
        }
        self.find_below(SERVER, path.trim_matches('/'))
    }

    /// The group at a path that begins under `top`.
    pub(super) fn find_below(&self, top: GroupId, path: &str) -> Option<GroupId> {
        path.split('/').try_fold(top, |at, name| self.groups.get(&at)?.children.get(name).copied())
    }

    /// The group's time zone: its own, else inherited, else the default.
    pub fn zone_of(&self, id: GroupId) -> Tz {
        self.lineage(id).find_map(|group| group.time_zone).unwrap_or(self.default_zone)
    }

    /// A holder's time zone; a user has that of the first group.
    pub fn zone_of_holder(&self, holder: Holder) -> Tz {
        match holder {
            Holder::Group(id) => self.zone_of(id),
            Holder::User(id) => self
                .user(id)
                .and_then(|user| user.groups.first())
                .map_or(self.default_zone, |group| self.zone_of(*group)),
        }
    }

    /// How many groups, users and licenses there are.
    pub fn counts(&self) -> (usize, usize, usize) {
        (self.groups.len(), self.users.len(), self.licenses.len())
    }
}
