//! Whether features may be used or configured, with names in place of ids.

use crate::license::{self, Action, Assignment, Feature, Holder, Moment, Viewer, World};

use super::{Entitlement, find};

/// Who is asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A user, or the holder of a number that is known.
    Holder(Holder),
    /// Nobody owns the number, or it is not theirs to know who does.
    Nobody,
}

/// The user behind `user:NAME`, or whoever owns a number in its stored form. What a viewer does not see
/// is as if it were not there: a user is an error, a number belongs to nobody.
pub fn subject(world: &World, viewer: &Viewer, name: &str) -> Result<Subject, String> {
    let seen = |holder: &Holder| viewer.sees(&world.tree, *holder);
    if let Some(user) = name.strip_prefix("user:") {
        let found = find(&world.tree, name).ok().filter(seen);
        let found = found.ok_or_else(|| format!("no user is called {user:?}"))?;
        return Ok(Subject::Holder(found));
    }
    let owner = world.owner_of(name).filter(seen);
    Ok(owner.map_or(Subject::Nobody, Subject::Holder))
}

/// What somebody is told about features of a subject; `name` is what the subject was called by, and
/// `roles` are those of the person that it is.
pub fn entitlements(
    world: &World,
    viewer: &Viewer,
    (name, subject): (&str, &Subject),
    features: &[Feature],
    (action, roles): (Action, &[Assignment]),
    at: Moment,
) -> Vec<Entitlement> {
    let tree = &world.tree;
    let answer = |feature: &Feature| match subject {
        Subject::Holder(holder) => {
            let answer = tree.entitlement(*holder, *feature, action, roles, at);
            let gate = answer.refusal.and_then(license::Unentitled::gate);
            let bound_by = gate.map(|gate| viewer.name_of(tree, gate, Some(*holder)));
            row(name, &answer, bound_by)
        }
        Subject::Nobody => row(name, &license::Entitlement::unknown(*feature, action), None),
    };
    features.iter().map(answer).collect()
}

fn row(name: &str, answer: &license::Entitlement, bound_by: Option<String>) -> Entitlement {
    Entitlement {
        subject: name.to_owned(),
        feature: answer.feature.name().to_owned(),
        action: answer.action.name().to_owned(),
        allowed: answer.is_granted(),
        until: answer.until.map(Moment::rfc3339),
        from: answer.from.map(Moment::rfc3339),
        cause: answer.refusal.map(|refusal| refusal.name().to_owned()),
        bound_by,
    }
}
