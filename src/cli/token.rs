//! `token …`: secrets with which programs use the HTTP API.

use serde::Serialize;

use crate::license::{GroupId, Moment, NoSeats, Role, SERVER, Tree, UserId};
use crate::people::Secret;
use crate::store::{NewToken, Token};

use super::args::TokenCommand;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::{or_dash, table};
use super::time::When;
use super::user::user_named;

#[derive(Serialize)]
struct TokenRow {
    id: i64,
    name: String,
    role: &'static str,
    group: Option<String>,
    user: Option<String>,
    read_only: bool,
    created_at: String,
    created_by: String,
    expires_at: Option<String>,
    last_used_at: Option<String>,
}

/// What is asked of a new token.
struct Asked {
    name: String,
    role: Role,
    group: Option<String>,
    user: Option<String>,
    expires: Option<When>,
    read_only: bool,
}

/// Does what was asked.
pub async fn run(desk: &Desk, command: TokenCommand) -> Result<Shown, Failure> {
    match command {
        TokenCommand::Add { name, role, group, user, expires, read_only } => {
            add(desk, Asked { name, role, group, user, expires, read_only }).await
        }
        TokenCommand::List => list(desk).await,
        TokenCommand::Revoke { name } => {
            let tree = desk.tree().await?;
            let token = desk.store.find_token(&name).await?;
            let token = desk.store.revoke_token(token.id, desk.terms(&NoSeats)).await?;
            Shown::new(row(&tree, token), format!("token {name} revoked"))
        }
    }
}

async fn add(desk: &Desk, asked: Asked) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let group = group_of(&tree, asked.role, asked.group.as_deref())?;
    let (user, note) = user_of(&tree, &asked, group)?;
    let zone = tree.zone_of(group.unwrap_or(SERVER));
    let expires = asked.expires.map(|when| when.resolve(zone, desk.now)).transpose()?;
    let secret = Secret::token().map_err(|fault| Failure::new(fault.to_string()))?;
    let token = NewToken {
        name: asked.name,
        hash: secret.hash(),
        role: asked.role,
        group,
        user,
        read_only: asked.read_only,
        expires_at: expires.flatten(),
    };
    let token = desk.store.add_token(token, desk.terms(&NoSeats)).await?.record;
    let text = format!(
        "token {} added: {}; it is shown this once\n{}",
        token.name,
        token.role,
        secret.reveal()
    );
    let mut shown = Shown::new(row(&tree, token), text)?.with_note(note);
    if let Some(fields) = shown.json.as_object_mut() {
        fields.shift_insert(0, "token".to_owned(), secret.reveal().into());
    }
    Ok(shown)
}

/// The group that a role is for; `/` goes without saying.
pub fn group_of(tree: &Tree, role: Role, path: Option<&str>) -> Result<Option<GroupId>, Failure> {
    match (role, path) {
        (_, Some(path)) => group_at(tree, path).map(Some),
        (Role::ServerAdministrator, None) => Ok(Some(SERVER)),
        (Role::User, None) => Ok(None),
        (role, None) => Err(Failure::new(format!("the role {role} is for a group: --group PATH"))),
    }
}

/// Whose things a token sees, and what is to be known where it is nobody's.
fn user_of(
    tree: &Tree,
    asked: &Asked,
    group: Option<GroupId>,
) -> Result<(Option<UserId>, Option<String>), Failure> {
    if let Some(name) = &asked.user {
        return Ok((Some(user_named(tree, name)?), None));
    }
    if asked.role != Role::User {
        return Ok((None, None));
    }
    match (tree.user_named(&asked.name), group) {
        (Some(user), _) => Ok((Some(user.id), None)),
        (None, Some(_)) => {
            let note = "no user is named (--user NAME): the token sees no user's things";
            Ok((None, Some(note.to_owned())))
        }
        (None, None) => Err(Failure::new("the role user is for a user: --user NAME")),
    }
}

async fn list(desk: &Desk) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let tokens = desk.store.tokens().await?;
    let rows: Vec<TokenRow> = tokens.into_iter().map(|token| row(&tree, token)).collect();
    let mut drawn = table(["Token", "Role", "Group", "User", "Until", "Last used", "Made by"]);
    for row in &rows {
        let role =
            if row.read_only { format!("{}, reads only", row.role) } else { row.role.into() };
        drawn.add_row([
            row.name.as_str(),
            role.as_str(),
            &or_dash(row.group.as_deref()),
            &or_dash(row.user.as_deref()),
            &or_dash(row.expires_at.as_deref()),
            &or_dash(row.last_used_at.as_deref()),
            row.created_by.as_str(),
        ]);
    }
    let text = if rows.is_empty() { "no tokens".to_owned() } else { drawn.to_string() };
    Shown::new(rows, text)
}

fn row(tree: &Tree, token: Token) -> TokenRow {
    TokenRow {
        id: token.id,
        name: token.name,
        role: token.role.name(),
        group: token.group.map(|group| tree.path_name(group)),
        user: token.user.and_then(|id| tree.user(id)).map(|user| user.name.clone()),
        read_only: token.read_only,
        created_at: token.created_at.rfc3339(),
        created_by: token.created_by,
        expires_at: token.expires_at.map(Moment::rfc3339),
        last_used_at: token.last_used_at.map(Moment::rfc3339),
    }
}
