//! What a webhook may know of a holder: its own group and below, as seen from there.

use crate::license::{GroupId, Holder, Tree};

/// The path of a group from the webhook's own group on; from the server it is the whole path.
pub fn path(tree: &Tree, from: GroupId, group: GroupId) -> Option<String> {
    if !tree.stands_under(group, from) {
        return None;
    }
    let whole = tree.path_name(group);
    let hidden = tree.lineage(from).count().saturating_sub(2);
    Some(whole.split('/').skip(hidden).collect::<Vec<_>>().join("/"))
        .filter(|path| !path.is_empty())
        .or(Some(whole))
}

/// The first group of a holder that is seen.
pub fn group_of(tree: &Tree, from: GroupId, holder: Holder) -> Option<GroupId> {
    let groups = match holder {
        Holder::Group(id) => vec![id],
        Holder::User(id) => tree.user(id).map(|user| user.groups.clone()).unwrap_or_default(),
    };
    groups.into_iter().find(|group| tree.stands_under(*group, from))
}

/// What a holder is called there; of one that is not seen only the place.
pub fn name(tree: &Tree, from: GroupId, holder: Holder) -> String {
    let seen = match holder {
        Holder::Group(id) => path(tree, from, id),
        Holder::User(_) => group_of(tree, from, holder).map(|_| tree.name_of(holder)),
    };
    seen.unwrap_or_else(|| match holder {
        Holder::Group(id) if tree.stands_under(from, id) => "a group above".to_owned(),
        Holder::Group(_) => "another group".to_owned(),
        Holder::User(_) => "another user".to_owned(),
    })
}
