//! Groups are made, changed, moved and removed. Restriction and licenses go in one write.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use crate::license::distribution::Change;
use crate::license::{Group, GroupId, HandOut, Holder, License, LicenseId, Moment, Tree};
use crate::store::{self, Record, tag};

use super::super::Api;
use super::super::body::{Body, Object, Patch};
use super::super::caller::Caller;
use super::super::fields::{Emails, GroupName, GroupPath, HandOutWord, Label, Zone};
use super::super::licenses::LicenseBody;
use super::super::names;
use super::super::params::{Path, Query};
use super::super::problem::{Problem, Problems};
use super::super::writes::{
    Asked, Done, DryRun, Flags, Preview, Recorded, RemovedOrPreview, Tagged,
};
use super::GroupRow;

/// Licenses in one write, at most.
const LICENSES: usize = 20;

/// A new group.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupBody {
    /// The group above; this or `parent_path`.
    #[serde(default)]
    parent: Option<i64>,
    /// The path of the group above; `/` is the server.
    #[serde(default)]
    parent_path: Option<GroupPath>,
    name: GroupName,
    #[serde(default)]
    #[schema(required = false)]
    kind: Label,
    #[serde(default)]
    #[schema(required = false)]
    restricted: bool,
    #[serde(default)]
    hand_out: Option<HandOutWord>,
    #[serde(default)]
    time_zone: Option<Zone>,
    #[serde(default)]
    #[schema(required = false)]
    monitor: bool,
    #[serde(default)]
    #[schema(required = false)]
    admin_emails: Emails,
    /// Licenses that it gets in the same write.
    #[serde(default)]
    #[schema(required = false, value_type = Vec<LicenseBody>, max_items = 20)]
    licenses: Vec<Object<LicenseBody>>,
}

/// What changes of a group; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupPatch {
    #[serde(default)]
    name: Option<GroupName>,
    #[serde(default)]
    kind: Option<Label>,
    #[serde(default)]
    restricted: Option<bool>,
    #[serde(default)]
    hand_out: Option<HandOutWord>,
    /// Null: that of the group above.
    #[serde(default)]
    #[schema(required = false, value_type = Option<Zone>)]
    time_zone: Patch<Zone>,
    #[serde(default)]
    monitor: Option<bool>,
    #[serde(default)]
    admin_emails: Option<Emails>,
    /// Licenses that it gets in the same write.
    #[serde(default)]
    #[schema(required = false, value_type = Vec<LicenseBody>, max_items = 20)]
    licenses: Vec<Object<LicenseBody>>,
}

/// Where a group moves.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveBody {
    /// The group that it will stand under.
    parent: i64,
}

/// Add a group
///
/// With its licenses in the same write, where there are any.
#[utoipa::path(post, path = "/groups", tag = "groups", operation_id = "add_group",
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = GroupBody,
    responses((status = 201, description = "The group", body = Recorded<GroupRow>,
        headers(("ETag" = String), ("Location" = String))),
        (status = 200, description = "What would come of it", body = Preview), Problems))]
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<GroupBody>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let parent = match (body.parent, &body.parent_path) {
        (Some(id), None) => names::group_in(&world.tree, &by.viewer, id, "parent")?.id,
        (None, Some(path)) => by
            .viewer
            .find(&world.tree, &path.0)
            .ok_or_else(|| Problem::absent("parent_path", "there is no such group"))?,
        _ => return Err(Problem::field("parent", "name either parent or parent_path")),
    };
    let zone = body.time_zone.map_or(world.tree.zone_of(parent), |Zone(zone)| zone);
    let licenses = licenses(body.licenses, GroupId(0), zone, api.live.now())?;
    let group = Group {
        id: GroupId(0),
        parent: Some(parent),
        name: body.name.0,
        kind: body.kind.0,
        restricted: body.restricted,
        hand_out: body.hand_out.map_or(HandOut::Split, |HandOutWord(mode)| mode),
        time_zone: body.time_zone.map(|Zone(zone)| zone),
        monitor: body.monitor,
        admin_emails: body.admin_emails.0,
    };
    let change = Change::AddGroup { group, licenses };
    let record = |id, done| recorded(&by.viewer, id, done);
    api.add(&by, &asked, dry_run, change, ("/groups", record)).await
}

/// Change a group
///
/// Restriction and licenses may go in one write. Another parent is a move.
#[utoipa::path(patch, path = "/groups/{id}", tag = "groups", operation_id = "edit_group",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    request_body = GroupPatch,
    responses((status = 200, description = "The group, or what would come of it",
        body = inline(GroupOrPreview), headers(("ETag" = String))), Problems))]
pub(super) async fn edit(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(Flags { force, dry_run }): Query<Flags>,
    asked: Asked,
    Body(mut patch): Body<GroupPatch>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, id)?;
    let zone = match &patch.time_zone {
        Patch::Value(Zone(zone)) => *zone,
        _ => world.tree.zone_of(group.id),
    };
    let new = std::mem::take(&mut patch.licenses);
    let licenses = licenses(new, group.id, zone, api.live.now())?;
    if dry_run {
        let mut group = group.clone();
        patch.apply(&mut group);
        let change = Change::EditGroup { group, licenses };
        return Ok(Preview::of(api.preview(&by, &asked, force, change).await?));
    }
    let id = group.id;
    let make = |tree: &Tree| {
        let gone = || store::Error::NotFound(format!("there is no group {id}"));
        let mut group = tree.group(id).cloned().ok_or_else(gone)?;
        patch.apply(&mut group);
        Ok(Change::EditGroup { group, licenses })
    };
    let done = api.compose(&by, &asked, force, make).await?;
    let (tag, group) = recorded(&by.viewer, id.0, done)?;
    Ok(Tagged(tag, group).into_response())
}

/// Remove a group
///
/// Refused unless it is empty; forced, everything under it goes, and the warnings say what.
#[utoipa::path(delete, path = "/groups/{id}", tag = "groups", operation_id = "remove_group",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    responses((status = 200, description = "What went, or would go",
        body = inline(RemovedOrPreview)), Problems))]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(flags): Query<Flags>,
    asked: Asked,
) -> Result<Response, Problem> {
    let group = names::group(&api.live.world().tree, &by.viewer, id)?.id;
    let change = Change::RemoveGroup { group };
    api.remove(&by, &asked, flags, id, change).await
}

/// Move a group under another one
///
/// A move is a new grant under the new parent, and is never forced; seats go along.
#[utoipa::path(post, path = "/groups/{id}/move", tag = "groups", operation_id = "move_group",
    params(("id" = i64, Path), DryRun, ("If-Match" = Option<String>, Header, max_length = 66),
        ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = MoveBody,
    responses((status = 200, description = "The group, or what would come of it",
        body = inline(GroupOrPreview), headers(("ETag" = String))), Problems))]
pub(super) async fn move_to(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<MoveBody>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, id)?.id;
    let parent = names::group_in(&world.tree, &by.viewer, body.parent, "parent")?.id;
    let change = Change::MoveGroup { group, parent };
    if dry_run {
        return Ok(Preview::of(api.preview(&by, &asked, false, change).await?));
    }
    let done = api.write(&by, &asked, false, change).await?;
    let (tag, group) = recorded(&by.viewer, id, done)?;
    Ok(Tagged(tag, group).into_response())
}

/// A group, or what would come of the write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape of the description alone")]
#[serde(untagged)]
pub(super) enum GroupOrPreview {
    Group(Recorded<GroupRow>),
    Preview(Preview),
}

fn recorded(
    viewer: &crate::license::Viewer,
    id: i64,
    Done { warnings, world, .. }: Done,
) -> Result<(String, Recorded<GroupRow>), Problem> {
    let group = names::group(&world.tree, viewer, id)?;
    let record = GroupRow::of(&world.tree, viewer, group);
    Ok((tag(Record::Group(group)), Recorded { record, warnings }))
}

/// New licenses of a group, as they stand in `licenses`.
fn licenses(
    bodies: Vec<Object<LicenseBody>>,
    group: GroupId,
    zone: chrono_tz::Tz,
    now: Moment,
) -> Result<Vec<License>, Problem> {
    if bodies.len() > LICENSES {
        return Err(Problem::field("licenses", format!("there are more than {LICENSES}")));
    }
    let numbered = bodies.into_iter().enumerate();
    let made = numbered.map(|(at, Object(body))| {
        body.license(LicenseId(0), Holder::Group(group), (zone, now), &format!("licenses[{at}]."))
    });
    made.collect()
}

impl GroupPatch {
    fn apply(self, group: &mut Group) {
        let Self { name, kind, restricted, hand_out, time_zone, monitor, admin_emails, .. } = self;
        group.name = name.map_or(std::mem::take(&mut group.name), |GroupName(name)| name);
        group.kind = kind.map_or(std::mem::take(&mut group.kind), |Label(kind)| kind);
        group.restricted = restricted.unwrap_or(group.restricted);
        group.hand_out = hand_out.map_or(group.hand_out, |HandOutWord(mode)| mode);
        if let Some(zone) = time_zone.named() {
            group.time_zone = zone.map(|Zone(zone)| zone);
        }
        group.monitor = monitor.unwrap_or(group.monitor);
        if let Some(Emails(emails)) = admin_emails {
            group.admin_emails = emails;
        }
    }
}
