//! Users and numbers as a file that can be read again. Passwords are in none.

use crate::license::{Entry, GroupId, Holder, SERVER, Tree, User, UserId, Viewer, World};

use super::cell::harmless;
use super::license::{COLUMNS, cells};
use super::numbers::NUMBER_COLUMNS;
use super::people::USER_COLUMNS;

/// Holders of one piece: whoever writes it out gives others their turn in between.
const PIECE: usize = 200;

/// A file that is made piece by piece.
pub struct Export {
    heading: Vec<u8>,
    holders: std::vec::IntoIter<Holder>,
    top: GroupId,
    of: Of,
}

#[derive(Clone, Copy)]
enum Of {
    Users,
    Numbers,
}

/// The users of a group and all below it, as `import users` reads them for the same group.
pub fn users(world: &World, top: GroupId) -> Export {
    let members = members(&world.tree, top).into_iter().map(Holder::User).collect();
    Export::new(Of::Users, members, top)
}

/// The created numbers of a group and all below it, its users' too.
pub fn numbers(world: &World, top: GroupId) -> Export {
    let groups = world.tree.subtree(top).into_iter().map(Holder::Group);
    let users = members(&world.tree, top).into_iter().map(Holder::User);
    Export::new(Of::Numbers, groups.chain(users).collect(), top)
}

fn members(tree: &Tree, top: GroupId) -> Vec<UserId> {
    let groups = tree.subtree(top);
    let mut users: Vec<UserId> = groups.iter().flat_map(|group| tree.members(*group)).collect();
    users.sort_unstable();
    users.dedup();
    users
}

impl Export {
    fn new(of: Of, holders: Vec<Holder>, top: GroupId) -> Self {
        let heading = match of {
            Of::Users => line(USER_COLUMNS),
            Of::Numbers => line(NUMBER_COLUMNS),
        };
        Self { heading, holders: holders.into_iter(), top, of }
    }

    /// The next piece of the file, of what `viewer` may see; `None` at its end.
    pub fn piece(&mut self, world: &World, viewer: &Viewer) -> Option<Vec<u8>> {
        let mut piece = std::mem::take(&mut self.heading);
        let heads = !piece.is_empty();
        let holders: Vec<Holder> = self.holders.by_ref().take(PIECE).collect();
        if holders.is_empty() && !heads {
            return None;
        }
        for holder in holders.into_iter().filter(|holder| viewer.sees(&world.tree, *holder)) {
            match (self.of, holder) {
                (Of::Users, Holder::User(id)) => {
                    if let Some(user) = world.tree.user(id) {
                        user_lines(world, self.top, user, &mut piece);
                    }
                }
                (Of::Numbers, _) => number_lines(world, viewer, holder, &mut piece),
                (Of::Users, Holder::Group(_)) => {}
            }
        }
        Some(piece)
    }

    /// The whole file.
    pub fn whole(mut self, world: &World, viewer: &Viewer) -> Vec<u8> {
        let mut file = Vec::new();
        while let Some(piece) = self.piece(world, viewer) {
            file.extend(piece);
        }
        file
    }
}

/// As many lines as the longest of the user's lists has entries.
fn user_lines(world: &World, top: GroupId, user: &User, piece: &mut Vec<u8>) {
    let tree = &world.tree;
    let inside = user.groups.iter().filter(|group| tree.stands_under(**group, top));
    let mut groups: Vec<String> = inside.map(|group| below(tree, top, *group)).collect();
    // The group itself is an empty cell, which means it in the first line only.
    groups.sort();
    let holder = Holder::User(user.id);
    let licenses = tree.licenses_of(holder);
    let numbers: Vec<(&str, Entry)> = world.directory.numbers_of(holder).collect();
    let lines = groups.len().max(licenses.len()).max(numbers.len()).max(1);
    for at in 0..lines {
        let email = user.email.as_deref().filter(|_| at == 0).unwrap_or_default();
        let group = groups.get(at).map(String::as_str).unwrap_or_default();
        let (number, kind) =
            numbers.get(at).map_or(("", ""), |(aor, entry)| (*aor, entry.kind.name()));
        let license: [String; COLUMNS.len()] = cells(licenses.get(at).map(|license| &**license));
        let cells = [user.name.as_str(), email, group, number, kind, ""];
        piece.extend(line(cells.into_iter().chain(license.iter().map(String::as_str))));
    }
}

/// The path from one group down to another.
fn below(tree: &Tree, top: GroupId, group: GroupId) -> String {
    if group == top {
        return String::new();
    }
    let path = tree.path_name(group);
    if top == SERVER {
        return path;
    }
    let above = tree.path_name(top);
    path.strip_prefix(&above).unwrap_or(&path).trim_start_matches('/').to_owned()
}

fn number_lines(world: &World, viewer: &Viewer, holder: Holder, piece: &mut Vec<u8>) {
    let (group, user) = match holder {
        Holder::Group(id) => (viewer.path_name(&world.tree, id), ""),
        Holder::User(id) => {
            (String::new(), world.tree.user(id).map(|user| user.name.as_str()).unwrap_or_default())
        }
    };
    for (aor, entry) in world.directory.numbers_of(holder) {
        piece.extend(line([aor, group.as_str(), user, entry.kind.name(), ""]));
    }
}

fn line<'a>(cells: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(cells.into_iter().map(|cell| harmless(cell).into_owned()));
    writer.into_inner().unwrap_or_default()
}
