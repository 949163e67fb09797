//! Records as the record of changes keeps them: JSON objects with the names that programs know.
//! A group or user that is named comes with the ids of the groups it stands under (`line`), as of
//! then; readers never get to see those.

use serde_json::{Value, json};

use crate::license::{
    Claim, ClaimRule, Group, GroupId, Holder, License, LicenseId, Moment, NumberId, User, World,
};
use crate::license::{ClaimId, Tree, UserId};

/// A record by its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Key {
    Group(GroupId),
    User(UserId),
    License(LicenseId),
    Number(NumberId),
    Claim(ClaimId),
}

/// A record as JSON, what it is called, and the groups it stands under.
pub struct Shape {
    pub json: Value,
    pub name: String,
    pub scopes: Vec<GroupId>,
}

impl Key {
    pub fn entity(self) -> &'static str {
        match self {
            Self::Group(_) => "group",
            Self::User(_) => "user",
            Self::License(_) => "license",
            Self::Number(_) => "number",
            Self::Claim(_) => "claim",
        }
    }

    pub fn id(self) -> i64 {
        match self {
            Self::Group(id) => id.0,
            Self::User(id) => id.0,
            Self::License(id) => id.0,
            Self::Number(id) => id.0,
            Self::Claim(id) => id.0,
        }
    }

    /// The record as `world` has it; `None` where it has none.
    pub fn shape(self, world: &World) -> Option<Shape> {
        let World { tree, directory } = world;
        let (json, name, holder) = match self {
            Self::Group(id) => {
                let found = tree.group(id)?;
                (group(tree, found), found.name.clone(), Holder::Group(id))
            }
            Self::User(id) => {
                let found = tree.user(id)?;
                (user(tree, found), found.name.clone(), Holder::User(id))
            }
            Self::License(id) => {
                let found = tree.license(id)?;
                (license(tree, found), own_name(tree, found.holder), found.holder)
            }
            Self::Number(id) => {
                let (aor, entry) = directory.number(id)?;
                let json = json!({
                    "number": aor,
                    "kind": entry.kind.name(),
                    "owner": reference(tree, entry.owner),
                    "password": entry.has_password.then_some("set"),
                });
                (json, aor.to_owned(), entry.owner)
            }
            Self::Claim(id) => {
                let found = directory.claim(id)?;
                (claim(tree, found), rule(&found.rule), Holder::Group(found.group))
            }
        };
        Some(Shape { json, name, scopes: tree.ancestry(holder) })
    }
}

/// A group or user that another record names: `{id, path}` or `{id, name}`.
pub fn reference(tree: &Tree, holder: Holder) -> Value {
    match holder {
        Holder::Group(id) => {
            let mut line: Vec<i64> = tree.lineage(id).map(|group| group.id.0).collect();
            line.reverse();
            json!({"id": id.0, "path": tree.path_name(id), "line": line})
        }
        Holder::User(id) => {
            let line: Vec<i64> = tree.ancestry(holder).into_iter().map(|group| group.0).collect();
            let name = tree.user(id).map(|user| &user.name);
            json!({"id": id.0, "name": name, "line": line})
        }
    }
}

/// What the holder is called by itself, without what stands above.
fn own_name(tree: &Tree, holder: Holder) -> String {
    match holder {
        Holder::Group(id) => {
            let name = tree.group(id).map(|group| group.name.clone()).unwrap_or_default();
            if name.is_empty() { "/".to_owned() } else { name }
        }
        user => tree.name_of(user),
    }
}

fn group(tree: &Tree, group: &Group) -> Value {
    json!({
        "name": group.name,
        "kind": group.kind,
        "parent": group.parent.map(|parent| reference(tree, Holder::Group(parent))),
        "restricted": group.restricted,
        "hand_out": group.hand_out.name(),
        "time_zone": group.time_zone.map(|zone| zone.name()),
        "monitor": group.monitor,
        "admin_emails": group.admin_emails,
    })
}

fn user(tree: &Tree, user: &User) -> Value {
    let groups = user.groups.iter().map(|group| reference(tree, Holder::Group(*group)));
    json!({"name": user.name, "email": user.email, "groups": groups.collect::<Vec<_>>()})
}

fn license(tree: &Tree, license: &License) -> Value {
    json!({
        "holder": reference(tree, license.holder),
        "type": license.license_type,
        "sip_numbers": license.sip_numbers,
        "mobile_apps": license.mobile_apps,
        "features": license.features.iter().map(|feature| feature.name()).collect::<Vec<_>>(),
        "valid_from": license.validity.from.map(Moment::rfc3339),
        "valid_until": license.validity.until.map(Moment::rfc3339),
        "suspended": license.suspended,
    })
}

fn claim(tree: &Tree, claim: &Claim) -> Value {
    json!({
        "group": reference(tree, Holder::Group(claim.group)),
        "rule": rule(&claim.rule),
        "kind": claim.kind.name(),
    })
}

fn rule(rule: &ClaimRule) -> String {
    match rule {
        ClaimRule::Domain { domain } => domain.clone(),
        ClaimRule::Range { domain, first, last } => format!("{first}-{last}@{domain}"),
        ClaimRule::Address { address } => address.to_string(),
    }
}
