//! Whose addresses a reader of mails may know: those of people and groups that are theirs, and those
//! that the reminder itself names. The administrators above a group are mailed too, and stay unnamed.

use std::collections::{BTreeSet, HashSet};

use crate::license::{GroupId, Holder, Tree, Viewer, What};
use crate::store::{MailRow, Result, Store};

/// The addresses that somebody may know.
#[derive(Debug)]
pub enum Contacts {
    All,
    Some {
        own: HashSet<String>,
        /// Those that the reminder of a group names.
        named: HashSet<(GroupId, String)>,
    },
}

impl Contacts {
    /// Those that the viewer may know of what was mailed.
    pub async fn of(
        store: &Store,
        tree: &Tree,
        viewer: &Viewer,
        mails: &[MailRow],
    ) -> Result<Self> {
        if viewer.is_server() {
            return Ok(Self::All);
        }
        let mut named = HashSet::new();
        let groups: BTreeSet<GroupId> = mails.iter().map(|mail| mail.group).collect();
        for group in groups {
            let reminder = store.reminder(group).await?;
            let also = reminder.into_iter().flat_map(|reminder| reminder.also);
            named.extend(also.map(|address| (group, one_spelling(&address))));
        }
        Ok(Self::Some { own: own(tree, viewer), named })
    }

    /// Whether an address that was mailed about a group may be shown.
    pub fn know(&self, group: GroupId, address: &str) -> bool {
        match self {
            Self::All => true,
            Self::Some { own, named } => {
                let address = one_spelling(address);
                own.contains(&address) || named.contains(&(group, address))
            }
        }
    }
}

fn own(tree: &Tree, viewer: &Viewer) -> HashSet<String> {
    let theirs = |holder| viewer.may_read(tree, What::Contact, holder).is_ok();
    let groups = tree.groups().filter(|group| theirs(Holder::Group(group.id)));
    let of_groups = groups.flat_map(|group| &group.admin_emails);
    let users = tree.users().filter(|user| theirs(Holder::User(user.id)));
    let of_users = users.filter_map(|user| user.email.as_ref());
    of_groups.chain(of_users).map(|address| one_spelling(address)).collect()
}

fn one_spelling(address: &str) -> String {
    address.to_lowercase()
}
