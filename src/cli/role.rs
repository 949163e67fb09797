//! `role …`: who is what in which group.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::license::{Assignment, NoSeats, Tree};
use crate::store::Assigned;

use super::args::{RoleCommand, RoleWords};
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::table;
use super::token::group_of;
use super::user::user_named;

#[derive(Serialize)]
struct RoleRow {
    user: String,
    role: &'static str,
    group: String,
}

/// Does what was asked.
pub async fn run(desk: &Desk, command: RoleCommand) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    match command {
        RoleCommand::Add(words) => {
            let one = assigned(&tree, &words)?;
            let is_new = desk.store.assign_role(&one, desk.terms(&NoSeats)).await?;
            let done = if is_new { "is now" } else { "was already" };
            let row = row(&tree, &one);
            let text = format!("{} {done} {} in {}", row.user, row.role, row.group);
            Shown::new(row, text)
        }
        RoleCommand::Remove(words) => {
            let one = assigned(&tree, &words)?;
            let row = row(&tree, &one);
            if !desk.store.revoke_role(&one, desk.terms(&NoSeats)).await? {
                let fault = format!("{} is not {} in {}", row.user, row.role, row.group);
                return Err(Failure::new(fault));
            }
            let text = format!("{} is no longer {} in {}", row.user, row.role, row.group);
            Shown::new(row, text)
        }
        RoleCommand::List { user, group } => list(desk, &tree, user, group).await,
    }
}

fn assigned(tree: &Tree, words: &RoleWords) -> Result<Assigned, Failure> {
    let user = user_named(tree, &words.user)?;
    let group = group_of(tree, words.role, words.group.as_deref())?;
    let group = group.ok_or_else(|| {
        Failure::new(format!("the role {} is for a group: --group PATH", words.role))
    })?;
    Ok(Assigned { user, what: Assignment { role: words.role, group } })
}

async fn list(
    desk: &Desk,
    tree: &Tree,
    user: Option<String>,
    group: Option<String>,
) -> Result<Shown, Failure> {
    let user = user.map(|name| user_named(tree, &name)).transpose()?;
    let roles: BTreeSet<Assigned> = match group {
        Some(path) => desk.store.roles_at(group_at(tree, &path)?).await?,
        None => desk.store.roles().await?,
    };
    let meant = roles.iter().filter(|one| user.is_none_or(|user| one.user == user));
    let mut rows: Vec<RoleRow> = meant.map(|one| row(tree, one)).collect();
    rows.sort_by(|a, b| (&a.user, &a.group).cmp(&(&b.user, &b.group)));
    let mut drawn = table(["User", "Role", "Group"]);
    for row in &rows {
        drawn.add_row([row.user.as_str(), row.role, row.group.as_str()]);
    }
    let text = if rows.is_empty() { "no roles".to_owned() } else { drawn.to_string() };
    Shown::new(rows, text)
}

fn row(tree: &Tree, one: &Assigned) -> RoleRow {
    RoleRow {
        user: tree.user(one.user).map(|user| user.name.clone()).unwrap_or_default(),
        role: one.what.role.name(),
        group: tree.path_name(one.what.group),
    }
}
