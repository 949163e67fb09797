//! `number …`

use serde::Serialize;

use crate::license::{Entry, Holder, Number, NumberId, NumberKind, Tree, World};
use crate::view;

use super::args::{NumberCommand, Owner};
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::table;

#[derive(Serialize)]
struct NumberRow {
    id: i64,
    number: String,
    owner: String,
    kind: &'static str,
    /// Whether it has one; never which.
    password: bool,
}

/// Does what was asked.
pub async fn run(desk: &Desk, command: NumberCommand) -> Result<Shown, Failure> {
    match command {
        NumberCommand::Add { number, owner, kind, password } => {
            add(desk, &number, &owner, kind, password).await
        }
        NumberCommand::Edit { number, owner, kind, password } => {
            edit(desk, &number, &owner, kind, password).await
        }
        NumberCommand::Remove { number } => {
            let found = desk.store.find_number(&desk.number(&number)?).await?;
            let shown = stored(desk, &found.aor, "removed").await?;
            let usage = desk.usage().await?;
            let warnings = desk.store.remove_number(found.id, desk.terms(&usage)).await?;
            Ok(shown.with_warnings(&warnings))
        }
        NumberCommand::Show { number } => show(desk, &desk.number(&number)?).await,
        NumberCommand::List { path } => {
            let world = desk.world().await?;
            let under = path.map(|path| view::find(&world.tree, &path)).transpose()?;
            list_of(&world, under, true)
        }
    }
}

async fn add(
    desk: &Desk,
    text: &str,
    owner: &Owner,
    kind: NumberKind,
    password: Option<String>,
) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let owner = owner_of(&tree, owner)?
        .ok_or_else(|| Failure::new("a number belongs to a group or a user"))?;
    let password = password.map(secret).transpose()?.filter(|password| !password.is_empty());
    let number = Number { id: NumberId(0), aor: desk.number(text)?, owner, kind, password };
    let aor = number.aor.clone();
    let usage = desk.usage().await?;
    let written = desk.store.add_number(number, desk.terms(&usage)).await?;
    let shown = stored(desk, &aor, "added").await?.with_warnings(&written.warnings);
    Ok(shown.with_remark(foreign_domain(desk, &aor)))
}

/// A domain that the config does not name is easily a typing error; the daemon would refuse it.
pub fn foreign_domain(desk: &Desk, aor: &str) -> Option<String> {
    let (_, domain) = aor.rsplit_once('@')?;
    let is_ours = desk.config.domain_of(domain).is_some();
    (!is_ours).then(|| format!("{domain} is not in [domains] of the config"))
}

async fn edit(
    desk: &Desk,
    text: &str,
    owner: &Owner,
    kind: Option<NumberKind>,
    password: Option<String>,
) -> Result<Shown, Failure> {
    let owner = owner_of(&desk.tree().await?, owner)?;
    let found = desk.store.find_number(&desk.number(text)?).await?;
    let password = password.map(secret).transpose()?;
    let edit = |number: &mut Number| {
        number.owner = owner.unwrap_or(number.owner);
        number.kind = kind.unwrap_or(number.kind);
        if let Some(password) = password {
            number.password = Some(password).filter(|password| !password.is_empty());
        }
    };
    let usage = desk.usage().await?;
    let written = desk.store.edit_number(found.id, edit, desk.terms(&usage)).await?;
    Ok(stored(desk, &found.aor, "changed").await?.with_warnings(&written.warnings))
}

fn owner_of(tree: &Tree, owner: &Owner) -> Result<Option<Holder>, Failure> {
    match (&owner.group, &owner.user) {
        (Some(path), _) => Ok(Some(Holder::Group(group_at(tree, path)?))),
        (None, Some(name)) => Ok(Some(view::find(tree, &format!("user:{name}"))?)),
        (None, None) => Ok(None),
    }
}

/// `-` is read from stdin, where neither the shell's history nor the process list sees it.
pub fn secret(argument: String) -> Result<String, Failure> {
    if argument != "-" {
        return Ok(argument);
    }
    let mut line = String::new();
    std::io::stdin()
        .read_line(&mut line)
        .map_err(|error| Failure::new(format!("the password cannot be read: {error}")))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn stored(desk: &Desk, aor: &str, done: &str) -> Result<Shown, Failure> {
    let number = desk.store.find_number(aor).await?;
    let row = NumberRow {
        id: number.id.0,
        number: number.aor,
        owner: desk.tree().await?.name_of(number.owner),
        kind: number.kind.name(),
        password: number.password.is_some(),
    };
    let text = format!("number {} {done}: {}, of {}", row.number, row.kind, row.owner);
    Shown::new(row, text)
}

async fn show(desk: &Desk, aor: &str) -> Result<Shown, Failure> {
    let shown = stored(desk, aor, "").await?;
    let field = |name: &str| shown.json.get(name).and_then(|value| value.as_str());
    let password = shown.json.get("password").is_some_and(|value| value == true);
    let text = format!(
        "Number    {}\nOwner     {}\nKind      {}\nPassword  {}",
        field("number").unwrap_or_default(),
        field("owner").unwrap_or_default(),
        field("kind").unwrap_or_default(),
        if password { "***" } else { "-" }
    );
    Ok(Shown { text, ..shown })
}

/// The created numbers of a holder, with those below it or without, or of everybody.
pub fn list_of(world: &World, of: Option<Holder>, below: bool) -> Result<Shown, Failure> {
    let tree = &world.tree;
    let is_meant = |owner: Holder| match of {
        None => true,
        Some(Holder::Group(top)) if below => tree.ancestry(owner).contains(&top),
        Some(holder) => owner == holder,
    };
    let numbers = world.directory.numbers().filter(|(_, entry)| is_meant(entry.owner));
    let mut rows: Vec<NumberRow> = numbers.map(|(aor, entry)| row(tree, aor, entry)).collect();
    rows.sort_unstable_by(|a, b| a.number.cmp(&b.number));
    let mut drawn = table(["Number", "Kind", "Owner", "Password"]);
    for row in &rows {
        let password = if row.password { "***" } else { "" };
        drawn.add_row([row.number.as_str(), row.kind, row.owner.as_str(), password]);
    }
    let text = if rows.is_empty() { "no numbers".to_owned() } else { drawn.to_string() };
    Shown::new(rows, text)
}

fn row(tree: &Tree, aor: &str, entry: Entry) -> NumberRow {
    NumberRow {
        id: entry.id.0,
        number: aor.to_owned(),
        owner: tree.name_of(entry.owner),
        kind: entry.kind.name(),
        password: entry.has_password,
    }
}
