//! What somebody is told of a gate that is not theirs to see: its place, never its name, limit or use.

use crate::license::{GroupId, Holder, Tree, Viewer};

/// A group that stands over one that the viewer sees.
const ABOVE: &str = "a group above";
/// A group beside, known only because the same user is in it.
const ELSEWHERE: &str = "another group of this user";

/// What a gate on the path of `subject` is called towards somebody: its name, or where it stands.
pub fn gate_name(tree: &Tree, viewer: &Viewer, subject: Holder, gate: Holder) -> String {
    if viewer.sees(tree, gate) {
        return tree.name_of(gate);
    }
    let stands_above = |group: GroupId| match gate {
        Holder::Group(gate) => tree.stands_under(group, gate),
        Holder::User(_) => false,
    };
    let places = tree.places(subject);
    let sees = |group: &&GroupId| viewer.sees(tree, Holder::Group(**group));
    let mut seen = places.iter().filter(sees).peekable();
    // A user who sees no group stands under all of their own.
    let above = if seen.peek().is_none() { true } else { seen.any(|group| stands_above(*group)) };
    if above { ABOVE } else { ELSEWHERE }.to_owned()
}
