//! Licenses: what was granted to whom, from when until when.

mod body;
mod renew;
mod write;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Holder, License, LicenseId, Moment, Tree, Viewer, What};
use crate::store::{Record, tag};
use crate::view;

use super::caller::Caller;
use super::fields::{FeatureWord, Instant};
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::writes::Tagged;
use super::{Api, names};

pub(super) use body::LicenseBody;

/// A license.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct LicenseRow {
    pub id: i64,
    /// A group's path, or `user:NAME`.
    pub holder: String,
    /// The group that has it.
    pub group: Option<i64>,
    /// The user who has it.
    pub user: Option<i64>,
    /// A label: Trial, Basic, Plus …; licenses of all types add up.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub license_type: String,
    pub sip_numbers: u32,
    pub mobile_apps: u32,
    pub features: Vec<FeatureWord>,
    /// Null: always.
    pub valid_from: Option<String>,
    /// Exclusive; null: no time limit.
    pub valid_until: Option<String>,
    pub status: LicenseStatus,
    pub suspended: bool,
}

/// What a license is good for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LicenseStatus {
    Active,
    Upcoming,
    Ended,
    Suspended,
    /// Kept, and counted nowhere: its holder is off, or a gate above has no license.
    Resting,
}

/// Which licenses.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LicenseFilter {
    /// Those of this group.
    group: Option<i64>,
    /// Those of this user.
    user: Option<i64>,
    /// With those of all groups below, and of the users in them.
    #[serde(default)]
    #[param(required = false)]
    below: bool,
    status: Option<LicenseStatus>,
    /// Those that end before this instant.
    ending_before: Option<Instant>,
}

/// The routes of licenses.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list, write::add))
        .routes(routes!(renew::renew))
        .routes(routes!(one, write::edit, write::remove))
        .routes(routes!(write::suspend))
        .routes(routes!(write::resume))
}

/// List licenses
#[utoipa::path(get, path = "/licenses", tag = "licenses", operation_id = "list_licenses",
    params(LicenseFilter, Paging),
    responses((status = 200, description = "A page of licenses", body = Page<LicenseRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<LicenseFilter>,
    paging: Paging,
) -> Result<Json<Page<LicenseRow>>, Problem> {
    let (world, now) = (api.live.world(), api.live.now());
    let tree = &world.tree;
    let holder = filter.holder(tree, &by.viewer)?;
    let zone = holder.map_or(chrono_tz::Tz::UTC, |holder| tree.zone_of_holder(holder));
    let before = filter.ending_before.as_ref().map(|instant| instant.resolve(zone, now));
    let before = before.transpose().map_err(|fault| Problem::parameter("ending_before", fault))?;
    if let Some(holder) = holder {
        by.viewer.may_read(tree, What::Licenses, holder)?;
    }
    let found: Vec<&License> = match (holder, filter.below) {
        (Some(holder), false) => tree.licenses_of(holder).iter().map(|one| &**one).collect(),
        (Some(Holder::Group(top)), true) => {
            tree.licenses().filter(|one| tree.ancestry(one.holder).contains(&top)).collect()
        }
        _ => tree.licenses().collect(),
    };
    let wanted = found.into_iter().filter(|license| {
        let ends = |before| license.validity.until.is_some_and(|until| until < before);
        before.is_none_or(ends)
            && by.viewer.may_read(tree, What::Licenses, license.holder).is_ok()
            && filter.status.is_none_or(|status| status == LicenseStatus::of(tree, license, now))
    });
    page(tree, (&by.viewer, now), wanted.collect(), &paging)
}

/// Show a license
#[utoipa::path(get, path = "/licenses/{id}", tag = "licenses", operation_id = "show_license",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The license", body = LicenseRow,
        headers(("ETag" = String, description = "For If-Match"))), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Tagged<LicenseRow>, Problem> {
    let world = api.live.world();
    let license = seen(&world.tree, &by.viewer, id)?;
    let row = LicenseRow::of(&world.tree, &by.viewer, license, api.live.now());
    Ok(Tagged(tag(Record::License(license)), row))
}

/// A license that the viewer may know of.
fn seen<'t>(tree: &'t Tree, viewer: &Viewer, id: i64) -> Result<&'t License, Problem> {
    let found = tree.license(LicenseId(id)).ok_or_else(Problem::not_found)?;
    viewer.may_read(tree, What::Licenses, found.holder)?;
    Ok(found)
}

/// A page of licenses, by id.
pub(super) fn page(
    tree: &Tree,
    (viewer, now): (&Viewer, Moment),
    mut licenses: Vec<&License>,
    paging: &Paging,
) -> Result<Json<Page<LicenseRow>>, Problem> {
    let after: i64 = paging.after()?.unwrap_or(0);
    licenses.sort_unstable_by_key(|license| license.id);
    let later = licenses.into_iter().map(|license| (license.id, license));
    let later = later.filter(|(id, _)| id.0 > after);
    Ok(Json(paging.page(later, |license| LicenseRow::of(tree, viewer, license, now))))
}

impl LicenseRow {
    /// A license as its reader may know it.
    pub fn of(tree: &Tree, viewer: &Viewer, license: &License, now: Moment) -> Self {
        let (group, user) = match license.holder {
            Holder::Group(id) => (Some(id.0), None),
            Holder::User(id) => (None, Some(id.0)),
        };
        Self {
            id: license.id.0,
            holder: viewer.name_of(tree, license.holder, None),
            group,
            user,
            license_type: license.license_type.clone(),
            sip_numbers: license.sip_numbers,
            mobile_apps: license.mobile_apps,
            features: license.features.iter().map(FeatureWord).collect(),
            valid_from: license.validity.from.map(Moment::rfc3339),
            valid_until: license.validity.until.map(Moment::rfc3339),
            status: LicenseStatus::of(tree, license, now),
            suspended: license.suspended,
        }
    }
}

impl LicenseStatus {
    fn of(tree: &Tree, license: &License, now: Moment) -> Self {
        match view::license_status(tree, license, now) {
            "active" => Self::Active,
            "upcoming" => Self::Upcoming,
            "ended" => Self::Ended,
            "suspended" => Self::Suspended,
            _ => Self::Resting,
        }
    }
}

impl LicenseFilter {
    fn holder(&self, tree: &Tree, viewer: &Viewer) -> Result<Option<Holder>, Problem> {
        match (self.group, self.user) {
            (Some(_), Some(_)) => Err(Problem::parameter("user", "name either group or user")),
            (Some(id), None) => Ok(Some(Holder::Group(names::group(tree, viewer, id)?.id))),
            (None, Some(id)) => Ok(Some(Holder::User(names::user(tree, viewer, id)?.id))),
            (None, None) if self.below => Err(Problem::parameter("below", "name the group")),
            (None, None) => Ok(None),
        }
    }
}
