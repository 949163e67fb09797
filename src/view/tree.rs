//! The whole tree with limit and use of every gate.

use crate::license::{Directory, GroupId, Holder, Moment, Tree, Usage, UserId};

use super::explain::uses;
use super::{TreeNode, TreeUser};

/// A group with all below it, by name.
pub fn tree(
    tree: &Tree,
    directory: &Directory,
    top: GroupId,
    at: Moment,
    usage: &dyn Usage,
) -> TreeNode {
    // Deepest last, so that taking from the end always finds the children of a group made already.
    let order = tree.subtree(top);
    let mut made: std::collections::HashMap<GroupId, TreeNode> = std::collections::HashMap::new();
    for id in order.into_iter().rev() {
        let mut node = node(tree, directory, id, at, usage);
        node.groups = tree.children(id).filter_map(|child| made.remove(&child)).collect();
        made.insert(id, node);
    }
    made.remove(&top).unwrap_or_else(|| node(tree, directory, top, at, usage))
}

fn node(
    tree: &Tree,
    directory: &Directory,
    id: GroupId,
    at: Moment,
    usage: &dyn Usage,
) -> TreeNode {
    let holder = Holder::Group(id);
    let (sip_numbers, mobile_apps) = uses(tree, holder, at, usage);
    let end = tree.end(holder, at);
    let claims = directory.claims_of(id);
    TreeNode {
        group: tree.path_name(id),
        kind: tree.group(id).map(|group| group.kind.clone()).unwrap_or_default(),
        restricted: tree.is_gate(holder),
        hand_out: tree.hand_out(holder).name().to_owned(),
        status: status(tree, holder, at),
        valid_until: end.map(|(end, _)| end.rfc3339()),
        ends_with: end.map(|(_, gate)| tree.name_of(gate)),
        sip_numbers,
        mobile_apps,
        numbers: created(tree, holder),
        claims: claims.into_iter().map(|claim| claim.rule.to_string()).collect(),
        time_zone: tree.zone_of(id).name().to_owned(),
        users: tree.members(id).filter_map(|user| member(tree, user, at, usage)).collect(),
        groups: Vec::new(),
    }
}

fn member(tree: &Tree, id: UserId, at: Moment, usage: &dyn Usage) -> Option<TreeUser> {
    let holder = Holder::User(id);
    let (sip_numbers, mobile_apps) = uses(tree, holder, at, usage);
    let end = tree.end(holder, at);
    Some(TreeUser {
        user: tree.user(id)?.name.clone(),
        status: status(tree, holder, at),
        valid_until: end.map(|(end, _)| end.rfc3339()),
        ends_with: end.map(|(_, gate)| tree.name_of(gate)),
        sip_numbers,
        mobile_apps,
        numbers: created(tree, holder),
    })
}

fn status(tree: &Tree, holder: Holder, at: Moment) -> Option<String> {
    tree.is_gate(holder).then(|| tree.gate_status(holder, at).name().to_owned())
}

fn created(tree: &Tree, holder: Holder) -> i64 {
    i64::try_from(tree.created(holder).total()).unwrap_or(i64::MAX)
}
