//! The groups and users that a change removes: what hangs on them goes along in the database, and is
//! to be told of by whoever keeps it.

use super::Entry;

/// Ids of one statement.
const IDS_AT_ONCE: usize = 500;

/// The ids of groups and users that are removed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gone {
    groups: Vec<i64>,
    users: Vec<i64>,
}

impl Gone {
    /// Those that `entries` tell are removed.
    pub fn of(entries: &[Entry]) -> Self {
        let removed = |entity: &str| {
            let removed = |entry: &&Entry| entry.action == "remove" && entry.entity == entity;
            entries.iter().filter(removed).filter_map(|entry| entry.id).collect()
        };
        Self { groups: removed("group"), users: removed("user") }
    }

    /// The groups, as many at once as a statement may name.
    pub fn groups(&self) -> impl Iterator<Item = &[i64]> {
        self.groups.chunks(IDS_AT_ONCE)
    }

    /// The column that refers to a group or a user, and what of it is removed; as many at once as a
    /// statement may name.
    pub fn references(&self) -> impl Iterator<Item = (&'static str, &[i64])> {
        let users = self.users.chunks(IDS_AT_ONCE).map(|ids| ("user_id", ids));
        self.groups().map(|ids| ("group_id", ids)).chain(users)
    }
}
