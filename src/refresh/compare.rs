//! The full comparison: everything in the store against what is kept, beside the feed, which should
//! have told it all. It changes nothing; it names the keys to read again.

use std::collections::{BTreeSet, HashSet};

use chrono_tz::Tz;

use super::mirror::Passwords;
use crate::license::{Directory, Holder, Tree, World};
use crate::store::{CreatedByOwner, Key, Result, Store};

/// What a comparison found.
#[derive(Debug)]
pub(super) struct Found {
    /// What the feed had told when it began, counted.
    pub taken: u64,
    pub keys: BTreeSet<Key>,
    /// Counts of created numbers that no key explains.
    pub drifted: bool,
}

/// Reads everything and compares.
pub(super) async fn compare(
    store: &Store,
    kept: World,
    zone: Tz,
    passwords: Passwords,
) -> Result<Found> {
    let mut keys = BTreeSet::new();
    let mut seen = HashSet::new();
    let mut created = CreatedByOwner::default();
    let mut all = store
        .read_all(|row| {
            seen.insert(row.id);
            let count = created.entry(row.owner).or_default();
            *count = count.with(row.kind, 1);
            let same = kept.directory.entry(row.aor).is_some_and(|entry| {
                (entry.id, entry.owner, entry.kind) == (row.id, row.owner, row.kind)
                    && entry.has_password == row.password.is_some()
            });
            if !same || !passwords.is(row.aor, row.password) {
                keys.insert(Key::Number(row.aor.to_owned()));
            }
        })
        .await?;
    let gone = kept.directory.numbers().filter(|(_, entry)| !seen.contains(&entry.id));
    keys.extend(gone.map(|(aor, _)| Key::Number(aor.to_owned())));
    let numbers_agree = keys.is_empty();
    let fresh = all.tree(zone, &created);
    compare_trees(&kept.tree, &fresh, &mut keys);
    let mut directory = Directory::new();
    all.claims.into_iter().for_each(|claim| directory.insert_claim(claim));
    compare_claims(&kept.directory, &directory, &mut keys);
    let drifted = numbers_agree && keys.is_empty() && !counts_agree(&kept.tree, &fresh);
    Ok(Found { taken: 0, keys, drifted })
}

fn compare_trees(kept: &Tree, fresh: &Tree, keys: &mut BTreeSet<Key>) {
    for (one, other) in [(kept, fresh), (fresh, kept)] {
        let groups = one.groups().filter(|group| other.group(group.id) != Some(group));
        keys.extend(groups.map(|group| Key::Group(group.id)));
        let users = one.users().filter(|user| other.user(user.id) != Some(user));
        keys.extend(users.map(|user| Key::User(user.id)));
        let licenses = one.licenses().filter(|license| other.license(license.id) != Some(license));
        keys.extend(licenses.map(|license| Key::License(license.id)));
    }
}

fn compare_claims(kept: &Directory, fresh: &Directory, keys: &mut BTreeSet<Key>) {
    for (one, other) in [(kept, fresh), (fresh, kept)] {
        let claims = one.claims().filter(|claim| other.claim(claim.id) != Some(claim));
        keys.extend(claims.map(|claim| Key::Claim(claim.id)));
    }
}

fn counts_agree(kept: &Tree, fresh: &Tree) -> bool {
    let groups = fresh.groups().map(|group| Holder::Group(group.id));
    let users = fresh.users().map(|user| Holder::User(user.id));
    groups.chain(users).all(|holder| kept.created(holder) == fresh.created(holder))
}
