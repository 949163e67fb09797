//! What the record of changes says of access: never a secret, only that there is another one.

use serde_json::{Value, json};

use crate::license::{Holder, Moment, SERVER, Tree, UserId};

use super::super::audit::{Entry, reference};
use super::{Assigned, Token};

/// A role that was given or taken.
pub fn role(tree: &Tree, one: &Assigned, given: bool) -> Entry {
    let group = Holder::Group(one.what.group);
    let json = json!({
        "user": reference(tree, Holder::User(one.user)),
        "role": one.what.role.name(),
        "group": reference(tree, group),
    });
    let name = tree.user(one.user).map(|user| user.name.clone()).unwrap_or_default();
    entry("role", None, name, json, given, tree.ancestry(group))
}

/// A token that was made or revoked.
pub fn token(tree: &Tree, token: &Token, made: bool) -> Entry {
    let group = token.group.map(Holder::Group);
    let user = token.user.map(Holder::User);
    let json = json!({
        "name": token.name,
        "role": token.role.name(),
        "group": group.map(|group| reference(tree, group)),
        "user": user.map(|user| reference(tree, user)),
        "read_only": token.read_only,
        "expires_at": token.expires_at.map(Moment::rfc3339),
    });
    let scopes = group.or(user).map(|holder| tree.ancestry(holder)).unwrap_or_default();
    entry("token", Some(token.id), token.name.clone(), json, made, scopes)
}

/// A password that was set, in place of another or of none.
pub fn password(tree: &Tree, user: UserId, had_one: bool) -> Entry {
    let name = tree.user(user).map(|user| user.name.clone()).unwrap_or_default();
    let scopes = tree.ancestry(Holder::User(user));
    let before = had_one.then(|| json!({"password": "set"}));
    let after = json!({"password": if had_one { "changed" } else { "set" }});
    let action = if had_one { "edit" } else { "add" };
    Entry::new(action, "password", user.0, name, (before, Some(after)), scopes)
}

/// A set-up link that was made.
pub fn setup(expires_at: Moment) -> Entry {
    let json = json!({"expires_at": expires_at.rfc3339()});
    entry("setup", None, "set-up link".to_owned(), json, true, vec![SERVER])
}

fn entry(
    entity: &'static str,
    id: Option<i64>,
    name: String,
    json: Value,
    added: bool,
    scopes: Vec<crate::license::GroupId>,
) -> Entry {
    match added {
        true => Entry::new("add", entity, id, name, (None, Some(json)), scopes),
        false => Entry::new("remove", entity, id, name, (Some(json), None), scopes),
    }
}
