//! From a change to what it changes: the records that it touches, as they were and as they are after.

use std::collections::{BTreeSet, HashSet};

use serde_json::{Value, json};

use crate::license::distribution::Change;
use crate::license::{GroupId, Holder, NumberId, UserId, World};

use super::Entry;
use super::shapes::Key;

/// What `change` changes in the records, one entry each; what stays as it was has none. `renewed` are
/// the numbers that get another password than the one they had.
pub fn entries(world: &World, change: &Change, renewed: &BTreeSet<NumberId>) -> Vec<Entry> {
    let mut after = world.clone();
    let mut touched = Touched::default();
    touched.step(&mut after, change);
    touched.keys.into_iter().filter_map(|key| entry(key, world, &after, renewed)).collect()
}

fn entry(key: Key, before: &World, after: &World, renewed: &BTreeSet<NumberId>) -> Option<Entry> {
    let (old, mut new) = (key.shape(before), key.shape(after));
    if let (Key::Number(id), Some(new)) = (key, &mut new)
        && old.is_some()
        && renewed.contains(&id)
        && let Some(password) = new.json.get_mut("password").filter(|word| !word.is_null())
    {
        *password = json!("changed");
    }
    let name = new.as_ref().or(old.as_ref())?.name.clone();
    let mut scopes = Vec::new();
    for shape in [&old, &new].into_iter().flatten() {
        scopes.extend(&shape.scopes);
    }
    let (old, new) = (old.map(|shape| shape.json), new.map(|shape| shape.json));
    let action = action(key, old.as_ref(), new.as_ref())?;
    Some(Entry::new(action, key.entity(), key.id(), name, (old, new), scopes))
}

/// What was done, told from the outcome; `None`: nothing.
fn action(key: Key, old: Option<&Value>, new: Option<&Value>) -> Option<&'static str> {
    let (old, new) = match (old, new) {
        (None, None) => return None,
        (None, Some(_)) => return Some("add"),
        (Some(_), None) => return Some("remove"),
        (Some(old), Some(new)) => (old, new),
    };
    let fields = old.as_object()?.iter();
    let changed: Vec<&str> = fields
        .filter(|(field, value)| new.get(field.as_str()) != Some(*value))
        .map(|(field, _)| field.as_str())
        .collect();
    match (key, changed.as_slice()) {
        (_, []) => None,
        (Key::Group(_), ["parent"]) => Some("move"),
        (Key::License(_), ["suspended"]) => {
            let suspended = new.get("suspended") == Some(&Value::Bool(true));
            Some(if suspended { "suspend" } else { "resume" })
        }
        _ => Some("edit"),
    }
}

/// The records that a change touches, each once, in the order in which it comes to them.
#[derive(Default)]
struct Touched {
    keys: Vec<Key>,
    known: HashSet<Key>,
}

impl Touched {
    /// Notes what a change touches in `world`, and writes it there.
    fn step(&mut self, world: &mut World, change: &Change) {
        match change {
            Change::All(changes) => {
                // Each step starts from what the ones before it left.
                changes.iter().for_each(|change| self.step(world, change));
                return;
            }
            Change::AddGroup { group, licenses } | Change::EditGroup { group, licenses } => {
                self.add(Key::Group(group.id));
                licenses.iter().for_each(|license| self.add(Key::License(license.id)));
            }
            Change::MoveGroup { group, .. } => self.add(Key::Group(*group)),
            Change::RemoveGroup { group } => self.removal(world, *group),
            Change::AddUser { user, licenses } => {
                self.add(Key::User(user.id));
                licenses.iter().for_each(|license| self.add(Key::License(license.id)));
            }
            Change::EditUser { user } => self.add(Key::User(user.id)),
            Change::RemoveUser { user } => self.user(world, *user),
            Change::AddLicense(license) | Change::EditLicense(license) => {
                self.add(Key::License(license.id));
            }
            Change::SuspendLicense(id) | Change::ResumeLicense(id) | Change::RemoveLicense(id) => {
                self.add(Key::License(*id));
            }
            Change::AddNumbers(numbers) => {
                numbers.iter().for_each(|number| self.add(Key::Number(number.id)));
            }
            Change::EditNumber(number) => self.add(Key::Number(number.id)),
            Change::RemoveNumbers(ids) => ids.iter().for_each(|id| self.add(Key::Number(*id))),
            Change::AddClaim(claim) => self.add(Key::Claim(claim.id)),
            Change::RemoveClaim(id) => self.add(Key::Claim(*id)),
        }
        world.apply(change);
    }

    fn add(&mut self, key: Key) {
        if self.known.insert(key) {
            self.keys.push(key);
        }
    }

    /// All that goes with a group, what stands in it before itself.
    fn removal(&mut self, world: &World, group: GroupId) {
        let removal = world.removal(group);
        removal.claims.iter().for_each(|id| self.add(Key::Claim(*id)));
        removal.numbers.iter().for_each(|id| self.add(Key::Number(*id)));
        removal.users.iter().for_each(|id| self.user(world, *id));
        removal.kept_users.iter().for_each(|id| self.add(Key::User(*id)));
        for id in removal.groups.iter().rev() {
            self.licenses(world, Holder::Group(*id));
            self.add(Key::Group(*id));
        }
    }

    fn user(&mut self, world: &World, user: UserId) {
        let numbers = world.directory.numbers_of(Holder::User(user));
        numbers.for_each(|(_, entry)| self.add(Key::Number(entry.id)));
        self.licenses(world, Holder::User(user));
        self.add(Key::User(user));
    }

    fn licenses(&mut self, world: &World, holder: Holder) {
        let licenses = world.tree.licenses_of(holder).iter();
        licenses.for_each(|license| self.add(Key::License(license.id)));
    }
}
