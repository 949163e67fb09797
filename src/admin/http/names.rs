//! Groups and users as somebody may know them: from their own group downwards. What stands above it has
//! no name here.

use crate::license::{Group, GroupId, Holder, Tree, User, UserId, Viewer};

use super::problem::Problem;

/// A group that the viewer may know of.
pub fn group<'t>(tree: &'t Tree, viewer: &Viewer, id: i64) -> Result<&'t Group, Problem> {
    let found = tree.group(GroupId(id)).filter(|group| viewer.sees(tree, Holder::Group(group.id)));
    found.ok_or_else(Problem::not_found)
}

/// A user that the viewer may know of.
pub fn user<'t>(tree: &'t Tree, viewer: &Viewer, id: i64) -> Result<&'t User, Problem> {
    let found = tree.user(UserId(id)).filter(|user| viewer.sees(tree, Holder::User(user.id)));
    found.ok_or_else(Problem::not_found)
}

/// A group's path from their own group downwards.
pub fn path(tree: &Tree, viewer: &Viewer, id: GroupId) -> String {
    viewer.path_name(tree, id)
}

/// A holder's name: a path, or `user:NAME`.
pub fn holder(tree: &Tree, viewer: &Viewer, holder: Holder) -> String {
    viewer.name_of(tree, holder, None)
}

/// The group at a path, as the viewer writes it: what stands above their own group has no name.
pub fn find(tree: &Tree, viewer: &Viewer, path: &str) -> Option<GroupId> {
    viewer.find(tree, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{Assignment, HandOut, Role, SERVER};

    fn group(id: i64, parent: i64, name: &str) -> Group {
        Group {
            id: GroupId(id),
            parent: Some(GroupId(parent)),
            name: name.into(),
            kind: String::new(),
            restricted: false,
            hand_out: HandOut::Split,
            time_zone: None,
            monitor: false,
            admin_emails: Vec::new(),
        }
    }

    #[test]
    fn a_path_starts_where_its_reader_does() {
        let mut tree = Tree::default();
        for (id, parent, name) in [(2, SERVER.0, "Root"), (3, 2, "A"), (4, 3, "B"), (5, 2, "C")] {
            tree.upsert_group(group(id, parent, name));
        }
        let own = Assignment { role: Role::SiteAdministrator, group: GroupId(3) };
        let site = Viewer { assignments: vec![own], ..Viewer::default() };

        assert_eq!(path(&tree, &site, GroupId(4)), "A/B");
        assert_eq!(path(&tree, &Viewer::server(), GroupId(4)), "Root/A/B");
        for written in ["A/B", "/A/B/"] {
            assert_eq!(find(&tree, &site, written), Some(GroupId(4)), "{written}");
        }
        for hidden in ["Root", "Root/A/B", "Root/C", "C", "/"] {
            assert_eq!(find(&tree, &site, hidden), None, "{hidden}");
        }
    }
}
