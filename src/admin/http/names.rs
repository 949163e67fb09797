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

/// A group's path from the topmost group that the viewer sees.
pub fn path(tree: &Tree, viewer: &Viewer, id: GroupId) -> String {
    if viewer.is_server() {
        return tree.path_name(id);
    }
    let seen = tree.lineage(id).take_while(|group| viewer.sees(tree, Holder::Group(group.id)));
    let mut names: Vec<&str> = seen.map(|group| group.name.as_str()).collect();
    names.reverse();
    names.join("/")
}

/// A holder's name: a path, or `user:NAME`.
pub fn holder(tree: &Tree, viewer: &Viewer, holder: Holder) -> String {
    match holder {
        Holder::Group(id) => path(tree, viewer, id),
        Holder::User(_) => tree.name_of(holder),
    }
}

/// The group at a path, as the viewer or the server writes it.
pub fn find(tree: &Tree, viewer: &Viewer, path: &str) -> Option<GroupId> {
    let seen = |id: &GroupId| viewer.sees(tree, Holder::Group(*id));
    if let Some(found) = tree.find(path).filter(seen) {
        return Some(found);
    }
    let path = path.trim_matches('/');
    let (top, below) = path.split_once('/').map_or((path, None), |(top, rest)| (top, Some(rest)));
    let own = viewer.assignments.iter().filter_map(|own| tree.group(own.group));
    let tops = own.filter(|group| group.name == top);
    let found = tops.filter_map(|group| match below {
        Some(rest) => tree.find(&format!("{}/{rest}", tree.path_name(group.id))),
        None => Some(group.id),
    });
    found.filter(seen).min()
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
        for written in ["A/B", "Root/A/B", "/A/B/"] {
            assert_eq!(find(&tree, &site, written), Some(GroupId(4)), "{written}");
        }
        for hidden in ["Root", "Root/C", "C", "/"] {
            assert_eq!(find(&tree, &site, hidden), None, "{hidden}");
        }
    }
}
