//! `user …`

use serde::Serialize;

use crate::license::{GroupId, Holder, NoSeats, Tree, User, UserId};
use crate::people::{Hasher, password_fault};
use crate::view;

use super::args::UserCommand;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::{or_dash, table};
use super::{license, number};

#[derive(Serialize)]
struct UserRow {
    id: i64,
    user: String,
    email: Option<String>,
    groups: Vec<String>,
    numbers: u64,
    /// Whether the user holds licenses, and so is a gate.
    restricted: bool,
}

/// Does what was asked.
pub async fn run(desk: &Desk, command: UserCommand) -> Result<Shown, Failure> {
    match command {
        UserCommand::Add { name, groups, email } => {
            let tree = desk.tree().await?;
            let groups = groups_at(&tree, &groups)?;
            let user = User { id: UserId(0), name, email, groups };
            let usage = desk.usage().await?;
            let written = desk.store.add_user(user, desk.terms(&usage)).await?;
            let shown = stored(desk, written.id, "added").await?;
            Ok(shown.with_warnings(&written.warnings))
        }
        UserCommand::Edit { name, groups, email, rename } => {
            let tree = desk.tree().await?;
            let id = user_named(&tree, &name)?;
            let groups = groups_at(&tree, &groups)?;
            let edit = |user: &mut User| {
                if !groups.is_empty() {
                    user.groups = groups;
                }
                if let Some(email) = email {
                    user.email = Some(email).filter(|email| !email.is_empty());
                }
                user.name = rename.unwrap_or(std::mem::take(&mut user.name));
            };
            let usage = desk.usage().await?;
            let written = desk.store.edit_user(id, edit, desk.terms(&usage)).await?;
            let shown = stored(desk, id, "changed").await?;
            Ok(shown.with_warnings(&written.warnings))
        }
        UserCommand::Remove { name } => {
            let id = user_named(&desk.tree().await?, &name)?;
            let shown = stored(desk, id, "removed").await?;
            let usage = desk.usage().await?;
            let terms = desk.terms(&usage);
            let warnings = desk.store.remove_user(id, terms).await?;
            Ok(shown.with_warnings(&warnings))
        }
        UserCommand::Password { name, password } => set_password(desk, &name, password).await,
        UserCommand::Show { name } => show(desk, &name).await,
        UserCommand::List { path } => {
            let tree = desk.tree().await?;
            let top = path.map(|path| group_at(&tree, &path)).transpose()?;
            list_of(&tree, top)
        }
    }
}

async fn set_password(desk: &Desk, name: &str, password: String) -> Result<Shown, Failure> {
    let id = user_named(&desk.tree().await?, name)?;
    let password = number::secret(password)?;
    if let Some(fault) = password_fault(&password) {
        return Err(Failure::new(fault));
    }
    let hash = Hasher::default().hash(&password).await;
    let hash = hash.map_err(|fault| Failure::new(fault.to_string()))?;
    desk.store.set_password(id, &hash, desk.terms(&NoSeats)).await?;
    stored(desk, id, "has another password").await
}

/// The user of this name.
pub fn user_named(tree: &Tree, name: &str) -> Result<UserId, Failure> {
    match view::find(tree, &format!("user:{name}"))? {
        Holder::User(id) => Ok(id),
        Holder::Group(_) => Err(Failure::new(format!("no user is called {name:?}"))),
    }
}

fn groups_at(tree: &Tree, paths: &[String]) -> Result<Vec<GroupId>, Failure> {
    paths.iter().map(|path| group_at(tree, path)).collect()
}

async fn stored(desk: &Desk, id: UserId, done: &str) -> Result<Shown, Failure> {
    let row = row(&desk.tree().await?, id)?;
    let text = format!("user {} {done}, in {}", row.user, row.groups.join(" and "));
    Shown::new(row, text)
}

fn row(tree: &Tree, id: UserId) -> Result<UserRow, Failure> {
    let user = tree.user(id).ok_or_else(|| Failure::new("the user is gone"))?;
    Ok(UserRow {
        id: id.0,
        user: user.name.clone(),
        email: user.email.clone(),
        groups: user.groups.iter().map(|group| tree.path_name(*group)).collect(),
        numbers: tree.created(Holder::User(id)).total(),
        restricted: tree.is_gate(Holder::User(id)),
    })
}

async fn show(desk: &Desk, name: &str) -> Result<Shown, Failure> {
    let world = desk.world().await?;
    let id = user_named(&world.tree, name)?;
    let row = row(&world.tree, id)?;
    let licenses = license::list_of(desk, &world, Holder::User(id))?;
    let numbers = number::list_of(&world, Some(Holder::User(id)), false)?;
    let text = format!(
        "User    {}\nMail    {}\nGroups  {}\n\n{}\n{}\n\n{}\n{}",
        row.user,
        or_dash(row.email.as_deref()),
        row.groups.join(", "),
        desk.paint.bold("Licenses"),
        licenses.text,
        desk.paint.bold("Numbers"),
        numbers.text
    );
    let mut json = serde_json::to_value(row).map_err(|error| error.to_string())?;
    if let Some(object) = json.as_object_mut() {
        object.insert("licenses".to_owned(), licenses.json);
        object.insert("numbers".to_owned(), numbers.json);
    }
    Ok(Shown { json, text, note: None })
}

/// The users who are members of a group or of one below it, or all; by name.
pub fn list_of(tree: &Tree, top: Option<GroupId>) -> Result<Shown, Failure> {
    let is_meant =
        |user: &&User| top.is_none_or(|top| tree.ancestry(Holder::User(user.id)).contains(&top));
    let mut users: Vec<&User> = tree.users().filter(is_meant).collect();
    users.sort_unstable_by(|a, b| a.name.cmp(&b.name));
    let rows = users.into_iter().map(|user| row(tree, user.id)).collect::<Result<Vec<_>, _>>()?;
    let mut drawn = table(["User", "Mail", "Groups", "Numbers", "Own licenses"]);
    for row in &rows {
        drawn.add_row([
            row.user.clone(),
            row.email.clone().unwrap_or_default(),
            row.groups.join(", "),
            row.numbers.to_string(),
            if row.restricted { "yes".to_owned() } else { String::new() },
        ]);
    }
    let text = if rows.is_empty() { "no users".to_owned() } else { drawn.to_string() };
    Shown::new(rows, text)
}
