//! The rows as a tree. Edits by hand can leave what no tree holds (a group under itself, a license of
//! nobody): that is left out and found, and the rest stands.

use std::collections::BTreeMap;

use chrono_tz::Tz;

use crate::license::{
    Created, Group, GroupId, Holder, License, Loading, NumberKind, SERVER, Tree, User, UserId,
};

use super::sql::{Conn, sql};
use super::{Everything, Findings, Result, Store, bulk};

/// How many numbers each holder owns that somebody created.
pub type CreatedByOwner = foldhash::HashMap<Holder, Created>;

impl Everything {
    /// The tree of all records; what has no place in it moves to the findings.
    pub fn tree(&mut self, default_zone: Tz, created: &CreatedByOwner) -> Tree {
        let mut tree = Loading::new(default_zone);
        let findings = &mut self.findings;
        insert_groups(&mut tree, &self.groups, findings);
        for user in &self.users {
            match placed_user(user, |group| tree.contains(Holder::Group(group))) {
                Some(user) => tree.user(user),
                None => findings.add(format!("user {:?} is in no group", user.name)),
            }
        }
        for license in &self.licenses {
            insert_license(&mut tree, license, findings);
        }
        for claim in &self.claims {
            if !tree.contains(Holder::Group(claim.group)) {
                findings.add(format!(
                    "claim {} of group {}, which is not there",
                    claim.id, claim.group
                ));
            }
        }
        for (holder, created) in created {
            if tree.contains(*holder) {
                tree.created(*holder, *created);
            } else {
                findings
                    .add(format!("{} numbers of {holder:?}, who is not there", created.total()));
            }
        }
        tree.loaded()
    }
}

/// The user with the groups that exist; none without any, or the numbers would know no limit.
pub fn placed_user(user: &User, is_there: impl Fn(GroupId) -> bool) -> Option<User> {
    let mut user = user.clone();
    user.groups.retain(|group| is_there(*group));
    Some(user).filter(|user| !user.groups.is_empty())
}

fn insert_groups(tree: &mut Loading, groups: &[Group], findings: &mut Findings) {
    let mut below: BTreeMap<Option<GroupId>, Vec<&Group>> = BTreeMap::new();
    for group in groups {
        below.entry(group.parent).or_default().push(group);
    }
    let mut open = below.remove(&None).unwrap_or_default();
    open.retain(|group| group.id == SERVER);
    while let Some(group) = open.pop() {
        tree.group(group.clone());
        open.extend(below.remove(&Some(group.id)).unwrap_or_default());
    }
    for group in below.values().flatten() {
        findings.add(format!("group {} ({:?}) has no way up to the server", group.id, group.name));
    }
}

fn insert_license(tree: &mut Loading, license: &License, findings: &mut Findings) {
    if tree.contains(license.holder) {
        tree.license(license.clone());
    } else {
        findings.add(format!("license {} of {:?}, who is not there", license.id, license.holder));
    }
}

impl Store {
    /// The tree as it stands, and where what was left out of it is told.
    pub async fn tree(&self, default_zone: Tz) -> Result<(Tree, Findings)> {
        let mut tx = self.reading().await?;
        let (tree, all) = load(&mut tx, default_zone).await?;
        tx.commit().await?;
        Ok((tree, all.findings))
    }
}

/// The tree as `conn` sees it: from what somebody has at hand, else read whole.
pub(super) async fn current(store: &Store, conn: &mut Conn) -> Result<Tree> {
    match store.at_hand(conn).await? {
        Some(world) => Ok(world.tree),
        None => Ok(load(conn, store.zone).await?.0),
    }
}

/// The tree inside a transaction of the caller's, and the records it was made of.
pub(super) async fn load(conn: &mut Conn, zone: Tz) -> Result<(Tree, Everything)> {
    let mut all = bulk::everything(conn).await?;
    let created = created_by_owner(conn).await?;
    Ok((all.tree(zone, &created), all))
}

/// Counts without reading the numbers: from the index alone, packed into one row.
async fn created_by_owner(conn: &mut Conn) -> Result<CreatedByOwner> {
    let lines = conn
        .dialect()
        .joined("concat_ws(' ', coalesce(group_id, 0), coalesce(user_id, 0), kind, count)", 0x1e);
    let (lines,): (Option<String>,) = sql(format!(
        "select {lines} from (
            select group_id, user_id, kind, count(*) as count from numbers
            group by group_id, user_id, kind) as counts"
    ))
    .one(conn)
    .await?;
    let mut counts = CreatedByOwner::default();
    for line in lines.unwrap_or_default().split('\u{1e}').filter(|line| !line.is_empty()) {
        let mut words = line.split(' ');
        let mut int = || words.next().and_then(|word| word.parse::<i64>().ok()).unwrap_or_default();
        let (group, user) = (int(), int());
        let kind: NumberKind = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        let count = words.next().and_then(|word| word.parse().ok()).unwrap_or_default();
        let holder =
            if user == 0 { Holder::Group(GroupId(group)) } else { Holder::User(UserId(user)) };
        let created = counts.entry(holder).or_default();
        *created = created.with(kind, count);
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::super::base::{Base, on_both};
    use super::*;

    on_both!(what_no_tree_holds_is_left_out_and_found);

    async fn what_no_tree_holds_is_left_out_and_found(base: Base) {
        let store = base.store().await;
        let mut hand = base.careless_hand().await;
        hand.run(
            "insert into groups (id, parent_id, name) values (2, 1, 'A'), (3, 4, 'B'), (4, 3, 'C'), (5, 2, 'D');
             insert into users (id, name) values (1, 'u'), (2, 'v');
             insert into memberships values (1, 5), (1, 99), (2, 99);
             insert into licenses (group_id, sip_numbers) values (5, 3), (99, 3);
             insert into licenses (group_id, sip_numbers, features) values (2, 3, 'ukey2,teleport');
             insert into numbers (aor, group_id, kind) values ('sip:1@e.com', 5, 'panel'), ('sip:2@e.com', 5, 'panel'),
                 ('sip:3@e.com', 99, 'panel');
             insert into numbers (aor, user_id) values ('sip:4@e.com', 1);
             insert into claims (group_id, domain) values (5, 'e.com'), (99, 'f.com');",
        )
        .await;

        let (tree, findings) = store.tree(Tz::UTC).await.unwrap();

        assert_eq!(tree.counts(), (3, 1, 2));
        assert_eq!(tree.path_name(GroupId(5)), "A/D");
        assert_eq!(tree.user_named("u").unwrap().groups, [GroupId(5)]);
        assert_eq!(tree.created(Holder::Group(GroupId(5))).of(NumberKind::Panel), 2);
        assert_eq!(tree.created(Holder::User(UserId(1))).total(), 1);
        // Groups B and C, user v, a license, a claim and a number of group 99, a feature.
        assert_eq!(findings.0.len(), 7, "{findings:?}");
    }
}
