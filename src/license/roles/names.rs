//! What things are called by those who don't see all: paths begin at their own group, and what they
//! don't see has only a place.

use super::{Role, Viewer};
use crate::license::{GroupId, Holder, SERVER, Tree};

const ABOVE: &str = "a group above";
const OF_USER: &str = "another group of this user";
const ELSEWHERE: &str = "a group elsewhere";
const USER_ELSEWHERE: &str = "a user elsewhere";

impl Viewer {
    /// The groups from which their paths begin: those they are assigned to, without one that stands
    /// under another.
    pub fn own_tops(&self, tree: &Tree) -> Vec<GroupId> {
        if self.is_server() {
            return vec![SERVER];
        }
        let mut tops: Vec<GroupId> = self.tops().filter(|id| tree.group(*id).is_some()).collect();
        tops.sort_unstable();
        tops.dedup();
        let all = tops.clone();
        tops.retain(|top| !all.iter().any(|other| other != top && tree.stands_under(*top, *other)));
        tops
    }

    /// A group's path from their own group downwards; of one that they don't see its place.
    pub fn path_name(&self, tree: &Tree, group: GroupId) -> String {
        self.known(tree, group).unwrap_or_else(|| self.place(tree, group, None).to_owned())
    }

    /// The group that they call so. Where two of their groups have the same name it is neither.
    pub fn find(&self, tree: &Tree, path: &str) -> Option<GroupId> {
        if self.is_server() {
            return tree.find(path);
        }
        let (top, below) = match path.trim_matches('/').split_once('/') {
            Some((top, below)) => (top, Some(below)),
            None => (path.trim_matches('/'), None),
        };
        let tops = self.own_tops(tree).into_iter();
        let named = tops.filter(|id| tree.group(*id).is_some_and(|group| group.name == top));
        let mut found = named.filter_map(|top| match below {
            Some(below) => tree.find_below(top, below),
            None => Some(top),
        });
        found.next().filter(|_| found.next().is_none())
    }

    /// What a gate or an owner is called in an answer about `subject`: its name where it is seen, else
    /// only its place.
    pub fn name_of(&self, tree: &Tree, holder: Holder, subject: Option<Holder>) -> String {
        match holder {
            Holder::Group(group) => self
                .known(tree, group)
                .unwrap_or_else(|| self.place(tree, group, subject).to_owned()),
            Holder::User(_) if self.sees(tree, holder) => tree.name_of(holder),
            Holder::User(_) => USER_ELSEWHERE.to_owned(),
        }
    }

    /// A name where it is theirs to know. Users know what their own groups are called.
    fn known(&self, tree: &Tree, group: GroupId) -> Option<String> {
        if self.is_server() {
            return Some(tree.path_name(group));
        }
        let mut tops = self.own_tops(tree).into_iter();
        let top = tops.find(|top| tree.stands_under(group, *top));
        if let Some(top) = top {
            let names = tree.lineage(group).take_while(|at| tree.stands_under(at.id, top));
            let mut names: Vec<&str> = names.map(|at| at.name.as_str()).collect();
            names.reverse();
            return Some(names.join("/"));
        }
        let own = self.own_places(tree).any(|own| own == group);
        own.then(|| tree.group(group).map(|group| group.name.clone()))?
    }

    fn place(&self, tree: &Tree, group: GroupId, subject: Option<Holder>) -> &'static str {
        let mut own = self.own_tops(tree).into_iter().chain(self.own_places(tree));
        let of_user =
            |subject| matches!(subject, Holder::User(_)) && tree.ancestry(subject).contains(&group);
        if own.any(|own| tree.stands_under(own, group)) {
            ABOVE
        } else if subject.is_some_and(of_user) {
            OF_USER
        } else {
            ELSEWHERE
        }
    }

    /// The groups that they are in as a user.
    fn own_places<'a>(&'a self, tree: &'a Tree) -> impl Iterator<Item = GroupId> + 'a {
        let member = self.user.map(|user| tree.places(Holder::User(user))).unwrap_or_default();
        let named = self.assignments.iter().filter(|one| one.role == Role::User);
        let named = named.map(|one| one.group).filter(|group| *group != SERVER);
        member.iter().copied().chain(named)
    }
}
