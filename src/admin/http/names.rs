//! Groups and users by their ids: what is not there and what is not theirs to know of are answered alike.

use crate::license::{Group, GroupId, Holder, Tree, User, UserId, Viewer};

use super::problem::Problem;

/// A group that the viewer may know of.
pub fn group<'t>(tree: &'t Tree, viewer: &Viewer, id: i64) -> Result<&'t Group, Problem> {
    let found = tree.group(GroupId(id)).filter(|group| viewer.sees(tree, Holder::Group(group.id)));
    found.ok_or_else(Problem::not_found)
}

/// The same, named by a field of a body.
pub fn group_in<'t>(
    tree: &'t Tree,
    viewer: &Viewer,
    id: i64,
    field: &str,
) -> Result<&'t Group, Problem> {
    group(tree, viewer, id).map_err(|_| Problem::absent(field, "there is no such group"))
}

/// A user that the viewer may know of.
pub fn user<'t>(tree: &'t Tree, viewer: &Viewer, id: i64) -> Result<&'t User, Problem> {
    let found = tree.user(UserId(id)).filter(|user| viewer.sees(tree, Holder::User(user.id)));
    found.ok_or_else(Problem::not_found)
}
