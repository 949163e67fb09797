//! Who may write what stands here: the questions that are put to `license::roles`.

use crate::license::{Assignment, Denial, Role, Tree, UserId, Viewer};

/// Whether they may give or take a role.
pub fn may_assign(viewer: &Viewer, _tree: &Tree, _what: Assignment) -> Result<(), Denial> {
    if viewer.is_server() { Ok(()) } else { Err(Denial::Forbidden) }
}

/// Whether they may set somebody's password, end their sessions, make tokens in their name.
pub fn may_edit_credentials(viewer: &Viewer, _tree: &Tree, user: UserId) -> Result<(), Denial> {
    let own = viewer.user == Some(user);
    if own || viewer.is_server() { Ok(()) } else { Err(Denial::Forbidden) }
}

/// Whether a token that may so much is theirs to make, to see and to revoke: nobody makes one with
/// more than they have.
pub fn may_make_token(
    viewer: &Viewer,
    tree: &Tree,
    what: Option<Assignment>,
    user: Option<UserId>,
) -> Result<(), Denial> {
    if viewer.is_server() {
        return Ok(());
    }
    match (what, user) {
        (Some(Assignment { role: Role::User, .. }) | None, Some(user)) => {
            may_edit_credentials(viewer, tree, user)
        }
        (Some(what), _) if covers(viewer, tree, what) => Ok(()),
        _ => Err(Denial::Forbidden),
    }
}

/// Whether they have this role, or one above it, on that group or one above it.
fn covers(viewer: &Viewer, tree: &Tree, what: Assignment) -> bool {
    let has = |own: &Assignment| {
        own.role != Role::User && own.role <= what.role && tree.stands_under(what.group, own.group)
    };
    viewer.assignments.iter().any(has)
}
