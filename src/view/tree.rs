//! The whole tree with limit and use of every gate.

use std::collections::HashMap;

use crate::license::{Directory, GroupId, Holder, Moment, Tree, Usage, UserId, Viewer, World};

use super::explain::uses;
use super::mask::Eye;
use super::{TreeNode, TreeUser};

/// A group with all below it, by name.
pub fn tree(
    tree: &Tree,
    directory: &Directory,
    top: GroupId,
    at: Moment,
    usage: &dyn Usage,
) -> TreeNode {
    grown(&Viewer::server(), (tree, directory), top, at, usage)
}

/// The same as `viewer` may read it; nothing of a group that they don't see.
pub fn tree_for(
    viewer: &Viewer,
    world: &World,
    top: GroupId,
    at: Moment,
    usage: &dyn Usage,
) -> Option<TreeNode> {
    let seen = viewer.sees(&world.tree, Holder::Group(top));
    seen.then(|| grown(viewer, (&world.tree, &world.directory), top, at, usage))
}

fn grown(
    viewer: &Viewer,
    (tree, directory): (&Tree, &Directory),
    top: GroupId,
    at: Moment,
    usage: &dyn Usage,
) -> TreeNode {
    let node = |id| {
        let eye = Eye { viewer, tree, subject: Holder::Group(id) };
        node(eye, directory, id, at, usage)
    };
    // Deepest last, so that taking from the end always finds the children of a group made already.
    let order = tree.subtree(top);
    let mut made: HashMap<GroupId, TreeNode> = HashMap::new();
    for id in order.into_iter().rev() {
        let mut node = node(id);
        node.groups = tree.children(id).filter_map(|child| made.remove(&child)).collect();
        made.insert(id, node);
    }
    made.remove(&top).unwrap_or_else(|| node(top))
}

fn node(
    eye: Eye<'_>,
    directory: &Directory,
    id: GroupId,
    at: Moment,
    usage: &dyn Usage,
) -> TreeNode {
    let (tree, holder) = (eye.tree, Holder::Group(id));
    let (sip_numbers, mobile_apps) = uses(tree, holder, at, usage);
    let end = tree.end(holder, at);
    let claims = directory.claims_of(id);
    let member = |user| member(Eye { subject: Holder::User(user), ..eye }, user, at, usage);
    TreeNode {
        group: eye.name(holder),
        kind: tree.group(id).map(|group| group.kind.clone()).unwrap_or_default(),
        restricted: tree.is_gate(holder),
        hand_out: tree.hand_out(holder).name().to_owned(),
        status: status(tree, holder, at),
        valid_until: end.map(|(end, _)| end.rfc3339()),
        ends_with: end.map(|(_, gate)| eye.name(gate)),
        sip_numbers,
        mobile_apps,
        numbers: created(tree, holder),
        claims: claims.into_iter().map(|claim| claim.rule.to_string()).collect(),
        time_zone: tree.zone_of(id).name().to_owned(),
        users: tree.members(id).filter_map(member).collect(),
        groups: Vec::new(),
    }
}

fn member(eye: Eye<'_>, id: UserId, at: Moment, usage: &dyn Usage) -> Option<TreeUser> {
    let (tree, holder) = (eye.tree, Holder::User(id));
    let (sip_numbers, mobile_apps) = uses(tree, holder, at, usage);
    let end = tree.end(holder, at);
    Some(TreeUser {
        user: tree.user(id)?.name.clone(),
        status: status(tree, holder, at),
        valid_until: end.map(|(end, _)| end.rfc3339()),
        ends_with: end.map(|(_, gate)| eye.name(gate)),
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
