//! What a check must know, read inside the transaction that writes: all groups, users, licenses and
//! claims, the count of numbers of each owner, and of the numbers themselves only those that the
//! change could meet.

use crate::license::distribution::Change;
use crate::license::{ClaimRule, Directory, GroupId, Number, Tree, World};

use super::packed::Wanted;
use super::sql::{Conn, Sql};
use super::{Result, Store, packed, rows, tree};

/// The numbers that a change could meet.
#[derive(Default)]
struct Near {
    ids: Vec<i64>,
    aors: Vec<String>,
    groups: Vec<i64>,
    users: Vec<i64>,
    rules: Vec<ClaimRule>,
}

/// The records as they stand, with the numbers that `change` could meet.
pub(super) async fn world(store: &Store, conn: &mut Conn, change: &Change) -> Result<World> {
    if let Some(world) = store.at_hand(conn).await? {
        return Ok(world);
    }
    let (tree, all) = tree::load(conn, store.zone).await?;
    let mut near = Near::default();
    near.add(change, &tree);
    let mut directory = Directory::new();
    all.claims.into_iter().for_each(|claim| directory.insert_claim(claim));
    // The tree has the counts already: only the directory learns of these.
    let mut insert = |row: packed::Fields<'_>| {
        if let Some(number) = rows::number(row).map(Number::from) {
            directory.insert_number(&number);
        }
    };
    for wanted in [
        Wanted::Ids("id", near.ids),
        Wanted::Ids("group_id", near.groups),
        Wanted::Ids("user_id", near.users),
        Wanted::Names("aor", near.aors),
    ] {
        packed::some(conn, &rows::NUMBERS, &wanted, &mut insert).await?;
    }
    for rule in &near.rules {
        packed::matching(conn, &rows::NUMBERS, |sql| covered(sql, rule), &mut insert).await?;
    }
    Ok(World { tree, directory })
}

impl Near {
    fn add(&mut self, change: &Change, tree: &Tree) {
        match change {
            Change::MoveGroup { group, .. } | Change::RemoveGroup { group } => {
                self.add_subtree(*group, tree);
            }
            Change::EditUser { user } => self.users.push(user.id.0),
            Change::RemoveUser { user } => self.users.push(user.0),
            Change::AddNumbers(numbers) => {
                self.aors.extend(numbers.iter().map(|number| number.aor.clone()));
            }
            Change::EditNumber(number) => {
                self.ids.push(number.id.0);
                self.aors.push(number.aor.clone());
            }
            Change::RemoveNumbers(ids) => self.ids.extend(ids.iter().map(|id| id.0)),
            Change::AddClaim(claim) => self.rules.push(claim.rule.clone()),
            Change::All(changes) => changes.iter().for_each(|change| self.add(change, tree)),
            Change::AddGroup { .. }
            | Change::EditGroup { .. }
            | Change::AddUser { .. }
            | Change::AddLicense(_)
            | Change::EditLicense(_)
            | Change::SuspendLicense(_)
            | Change::ResumeLicense(_)
            | Change::RemoveLicense(_)
            | Change::RemoveClaim(_) => {}
        }
    }

    fn add_subtree(&mut self, top: GroupId, tree: &Tree) {
        for group in tree.subtree(top) {
            self.groups.push(group.0);
            self.users.extend(tree.members(group).map(|user| user.0));
        }
        self.users.sort_unstable();
        self.users.dedup();
    }
}

/// The numbers inside a claim, and at most a few that are not: whoever checks looks again.
fn covered(sql: &mut Sql, rule: &ClaimRule) {
    match rule {
        ClaimRule::Domain { domain } => {
            sql.push("aor like ").push_bind(format!("%@{domain}"));
        }
        ClaimRule::Range { domain, first, last } => {
            sql.push("aor between ").push_bind(format!("sip:{first}@{domain}"));
            sql.push(" and ").push_bind(format!("sip:{last}@{domain}"));
            sql.push(" and length(aor) = ");
            let digits = first.chars().count() + domain.chars().count();
            sql.push_bind(i64::try_from(digits + "sip:@".len()).unwrap_or(i64::MAX));
        }
        // Nobody creates a number that is an address.
        ClaimRule::Address { .. } => {
            sql.push("false");
        }
    }
}
