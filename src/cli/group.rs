//! `group …`

use serde::Serialize;

use crate::license::distribution::Change;
use crate::license::{Group, GroupId, HandOut, Holder, SERVER, Tree};
use crate::view;

use super::args::{GroupCommand, GroupFlags};
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::paint::{counted, or_dash, table};
use super::{claim, license, number, user};

#[derive(Serialize)]
struct GroupRow {
    id: i64,
    group: String,
    kind: String,
    restricted: bool,
    hand_out: &'static str,
    time_zone: Option<String>,
    monitor: bool,
    admin_emails: Vec<String>,
}

/// Does what was asked.
pub async fn run(desk: &Desk, command: GroupCommand) -> Result<Shown, Failure> {
    match command {
        GroupCommand::Add { path, flags } => add(desk, &path, flags).await,
        GroupCommand::Edit { path, flags, no_restrict, no_monitor, rename } => {
            let edit = |group: &mut Group| {
                apply(group, flags);
                group.restricted &= !no_restrict;
                group.monitor &= !no_monitor;
                group.name = rename.unwrap_or(std::mem::take(&mut group.name));
            };
            edit_group(desk, &path, edit).await
        }
        GroupCommand::Move { path, new_parent } => {
            let parent = group_at(&desk.tree().await?, &new_parent)?;
            edit_group(desk, &path, |group| group.parent = Some(parent)).await
        }
        GroupCommand::Remove { path } => remove(desk, &path).await,
        GroupCommand::Show { path } => show(desk, &path).await,
        GroupCommand::List { path } => list(desk, path.as_deref()).await,
    }
}

/// The group at a path.
pub fn group_at(tree: &Tree, path: &str) -> Result<GroupId, Failure> {
    Ok(view::group_at(tree, path)?)
}

async fn add(desk: &Desk, path: &str, flags: GroupFlags) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    if path == "/" {
        return Err(Failure::new("the server is there already; name a group below it"));
    }
    let path = path.trim_matches('/');
    let (parent, name) = path.rsplit_once('/').unwrap_or(("/", path));
    if name.is_empty() || parent.len() > 1 && parent.ends_with('/') {
        return Err(Failure::new("the path names no group; write \"SmartHome/A Residence\""));
    }
    let mut group = Group {
        id: GroupId(0),
        parent: Some(group_at(&tree, parent)?),
        name: name.to_owned(),
        kind: String::new(),
        restricted: false,
        hand_out: HandOut::default(),
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    };
    apply(&mut group, flags);
    let usage = desk.usage().await?;
    let change = Change::AddGroup { group, licenses: Vec::new() };
    let written = desk.store.write(change, desk.terms(&usage)).await?;
    let id = GroupId(written.id.first().copied().unwrap_or_default());
    let row = stored(desk, id).await?;
    let text = format!("group {} added", row.group);
    Ok(Shown::new(row, text)?.with_warnings(&written.warnings))
}

/// What flags say of a group; what they don't name stays.
fn apply(group: &mut Group, flags: GroupFlags) {
    group.kind = flags.kind.unwrap_or(std::mem::take(&mut group.kind));
    group.restricted |= flags.restrict;
    group.monitor |= flags.monitor;
    group.hand_out = flags.hand_out.unwrap_or(group.hand_out);
    group.time_zone = flags.time_zone.or(group.time_zone);
    if !flags.admin_emails.is_empty() {
        group.admin_emails = flags.admin_emails;
    }
}

async fn edit_group(
    desk: &Desk,
    path: &str,
    edit: impl FnOnce(&mut Group),
) -> Result<Shown, Failure> {
    let id = group_at(&desk.tree().await?, path)?;
    let usage = desk.usage().await?;
    let written = desk.store.edit_group(id, edit, desk.terms(&usage)).await?;
    let row = stored(desk, id).await?;
    let text = format!("group {} changed", row.group);
    Ok(Shown::new(row, text)?.with_warnings(&written.warnings))
}

async fn remove(desk: &Desk, path: &str) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let id = group_at(&tree, path)?;
    let row = row(&tree, id)?;
    let usage = desk.usage().await?;
    let warnings = desk.store.remove_group(id, desk.terms(&usage)).await?;
    let text = format!("group {} removed", row.group);
    Ok(Shown::new(row, text)?.with_warnings(&warnings))
}

async fn show(desk: &Desk, path: &str) -> Result<Shown, Failure> {
    let world = desk.world().await?;
    let id = group_at(&world.tree, path)?;
    let row = row(&world.tree, id)?;
    let licenses = license::list_of(desk, &world, Holder::Group(id))?;
    let users = user::list_of(&world.tree, Some(id))?;
    let numbers = number::list_of(&world, Some(Holder::Group(id)), false)?;
    let claims = claim::list_of(&world, Some(id))?;
    let mut text = fields(&row);
    for (heading, part) in
        [("Licenses", &licenses), ("Users", &users), ("Numbers", &numbers), ("Claims", &claims)]
    {
        text.push_str(&format!("\n\n{}\n{}", desk.paint.bold(heading), part.text));
    }
    let mut json = serde_json::to_value(row).map_err(|error| error.to_string())?;
    if let Some(object) = json.as_object_mut() {
        let parts =
            [("licenses", licenses), ("users", users), ("numbers", numbers), ("claims", claims)];
        object.extend(parts.map(|(name, part)| (name.to_owned(), part.json)));
    }
    Ok(Shown { json, text, note: None })
}

fn fields(row: &GroupRow) -> String {
    let restriction = if row.restricted { "on" } else { "off" };
    let mut lines = vec![
        format!("Group        {}", row.group),
        format!("Kind         {}", or_dash(Some(&row.kind))),
        format!("Restriction  {restriction}"),
        format!("Hands out    {}", row.hand_out),
        format!("Time zone    {}", row.time_zone.as_deref().unwrap_or("inherited")),
        format!("Contacts     {}", or_dash(Some(&row.admin_emails.join(", ")))),
    ];
    if row.monitor {
        lines.push("Monitor      on".to_owned());
    }
    lines.join("\n")
}

async fn list(desk: &Desk, path: Option<&str>) -> Result<Shown, Failure> {
    let tree = desk.tree().await?;
    let top = path.map_or(Ok(SERVER), |path| group_at(&tree, path))?;
    let rows = tree.subtree(top).into_iter().map(|id| row(&tree, id));
    let rows = rows.collect::<Result<Vec<_>, _>>()?;
    let mut drawn = table(["Group", "Kind", "Restriction", "Hands out", "Time zone"]);
    for row in &rows {
        drawn.add_row([
            row.group.clone(),
            row.kind.clone(),
            if row.restricted { "on".to_owned() } else { "off".to_owned() },
            row.hand_out.to_owned(),
            row.time_zone.clone().unwrap_or_default(),
        ]);
    }
    let count = counted(i64::try_from(rows.len()).unwrap_or(i64::MAX), "group");
    Shown::new(rows, format!("{drawn}\n{count}"))
}

fn row(tree: &Tree, id: GroupId) -> Result<GroupRow, Failure> {
    let group = tree.group(id).ok_or_else(|| Failure::new("the group is gone"))?;
    Ok(GroupRow {
        id: id.0,
        group: tree.path_name(id),
        kind: group.kind.clone(),
        restricted: group.restricted,
        hand_out: group.hand_out.name(),
        time_zone: group.time_zone.map(|zone| zone.name().to_owned()),
        monitor: group.monitor,
        admin_emails: group.admin_emails.clone(),
    })
}

/// The group as the write left it.
async fn stored(desk: &Desk, id: GroupId) -> Result<GroupRow, Failure> {
    row(&desk.tree().await?, id)
}
