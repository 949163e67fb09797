//! Licenses are granted, changed, stopped, resumed and removed.

use std::sync::Arc;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use utoipa::ToSchema;

use crate::license::distribution::Change;
use crate::license::{Holder, LicenseId, Moment, Tree, Viewer};
use crate::store::{self, Record, tag};

use super::super::body::Body;
use super::super::caller::Caller;
use super::super::params::{Path, Query};
use super::super::problem::{Problem, Problems};
use super::super::writes::{
    Asked, Done, DryRun, Flags, Preview, Recorded, RemovedOrPreview, Tagged,
};
use super::super::{Api, names};
use super::body::{LicensePatch, NewLicense};
use super::{LicenseRow, seen};

/// Grant a license
#[utoipa::path(post, path = "/licenses", tag = "licenses", operation_id = "add_license",
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = NewLicense,
    responses((status = 201, description = "The license", body = Recorded<LicenseRow>,
        headers(("ETag" = String), ("Location" = String))),
        (status = 200, description = "What would come of it", body = Preview), Problems))]
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<NewLicense>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let holder = match (body.group, body.user) {
        (Some(id), None) => {
            Holder::Group(names::group_in(&world.tree, &by.viewer, id, "group")?.id)
        }
        (None, Some(id)) => Holder::User(names::user(&world.tree, &by.viewer, id)?.id),
        _ => return Err(Problem::field("group", "name either a group or a user")),
    };
    let zone = world.tree.zone_of_holder(holder);
    let license = body.body().license(LicenseId(0), holder, (zone, api.live.now()), "")?;
    let change = Change::AddLicense(license);
    let record = |id, done| recorded(&by.viewer, id, done, api.live.now());
    api.add(&by, &asked, dry_run, change, ("/licenses", record)).await
}

/// Change a license
#[utoipa::path(patch, path = "/licenses/{id}", tag = "licenses", operation_id = "edit_license",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    request_body = LicensePatch,
    responses((status = 200, description = "The license, or what would come of it",
        body = inline(LicenseOrPreview), headers(("ETag" = String))), Problems))]
pub(super) async fn edit(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(Flags { force, dry_run }): Query<Flags>,
    asked: Asked,
    Body(patch): Body<LicensePatch>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let license = seen(&world.tree, &by.viewer, id)?;
    let edit = patch.resolve(world.tree.zone_of_holder(license.holder), api.live.now())?;
    if dry_run {
        let mut license = license.clone();
        edit.apply(&mut license);
        let change = Change::EditLicense(license);
        return Ok(Preview::of(api.preview(&by, &asked, force, change).await?));
    }
    let make = |tree: &Tree| {
        let gone = || store::Error::NotFound(format!("there is no license {id}"));
        let mut license = tree.license(LicenseId(id)).cloned().ok_or_else(gone)?;
        edit.apply(&mut license);
        Ok(Change::EditLicense(license))
    };
    let done = api.compose(&by, &asked, force, make).await?;
    let (tag, license) = recorded(&by.viewer, id, done, api.live.now())?;
    Ok(Tagged(tag, license).into_response())
}

/// Remove a license
#[utoipa::path(delete, path = "/licenses/{id}", tag = "licenses", operation_id = "remove_license",
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
    let change = Change::RemoveLicense(seen(&api.live.world().tree, &by.viewer, id)?.id);
    api.remove(&by, &asked, flags, id, change).await
}

/// Suspend a license
///
/// It stops on the wire; what it granted stays handed out.
#[utoipa::path(post, path = "/licenses/{id}/suspend", tag = "licenses",
    operation_id = "suspend_license",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header, max_length = 66)),
    responses((status = 200, description = "The license", body = Recorded<LicenseRow>,
        headers(("ETag" = String))), Problems))]
pub(super) async fn suspend(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    asked: Asked,
) -> Result<Tagged<Recorded<LicenseRow>>, Problem> {
    let id = seen(&api.live.world().tree, &by.viewer, id)?.id;
    let done = api.write(&by, &asked, false, Change::SuspendLicense(id)).await?;
    let (tag, license) = recorded(&by.viewer, id.0, done, api.live.now())?;
    Ok(Tagged(tag, license))
}

/// Resume a license
#[utoipa::path(post, path = "/licenses/{id}/resume", tag = "licenses",
    operation_id = "resume_license",
    params(("id" = i64, Path), ("If-Match" = Option<String>, Header, max_length = 66)),
    responses((status = 200, description = "The license", body = Recorded<LicenseRow>,
        headers(("ETag" = String))), Problems))]
pub(super) async fn resume(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    asked: Asked,
) -> Result<Tagged<Recorded<LicenseRow>>, Problem> {
    let id = seen(&api.live.world().tree, &by.viewer, id)?.id;
    let done = api.write(&by, &asked, false, Change::ResumeLicense(id)).await?;
    let (tag, license) = recorded(&by.viewer, id.0, done, api.live.now())?;
    Ok(Tagged(tag, license))
}

/// A license, or what would come of the write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape of the description alone")]
#[serde(untagged)]
pub(super) enum LicenseOrPreview {
    License(Recorded<LicenseRow>),
    Preview(Preview),
}

fn recorded(
    viewer: &Viewer,
    id: i64,
    Done { warnings, world, .. }: Done,
    now: Moment,
) -> Result<(String, Recorded<LicenseRow>), Problem> {
    let license = seen(&world.tree, viewer, id)?;
    let record = LicenseRow::of(&world.tree, viewer, license, now);
    Ok((tag(Record::License(license)), Recorded { record, warnings }))
}
