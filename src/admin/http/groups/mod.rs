//! Groups: what stands under whom.

mod build;
mod pattern;
mod write;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Group, GroupId, Holder, Tree, Viewer, What};
use crate::store::{Record, tag};
use crate::view;

use super::caller::Caller;
use super::fields::{GroupPath, HandOutWord, Needle};
use super::licenses::LicenseRow;
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::writes::Tagged;
use super::{Api, names};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GroupRow {
    pub id: i64,
    /// `SmartHome/A Residence/12`, from the topmost group that you see; `/` is the server.
    pub path: String,
    pub name: String,
    /// A label: building, floor, apartment …; never a rule.
    pub kind: String,
    /// The group above; null where it is not yours to see.
    pub parent: Option<i64>,
    /// Whether it limits what is below.
    pub restricted: bool,
    pub hand_out: HandOutWord,
    /// IANA name; null: that of the group above.
    pub time_zone: Option<String>,
    /// Whether it lets through above its limit.
    pub monitor: bool,
    /// Null where they are not yours to see.
    pub admin_emails: Option<Vec<String>>,
}

/// Which groups.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GroupFilter {
    /// The group at this path.
    path: Option<GroupPath>,
    /// The groups directly below this one.
    parent: Option<i64>,
    /// This group and all below it.
    under: Option<i64>,
    /// A part of the name, in any case.
    name: Option<Needle>,
    /// A label, as it is.
    kind: Option<Needle>,
}

/// The routes of groups.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list, write::add))
        .routes(routes!(one, write::edit, write::remove))
        .routes(routes!(children))
        .routes(routes!(write::move_to))
        .routes(routes!(build::build))
        .routes(routes!(state))
        .routes(routes!(licenses))
}

/// List groups
#[utoipa::path(get, path = "/groups", tag = "groups", operation_id = "list_groups",
    params(GroupFilter, Paging),
    responses((status = 200, description = "A page of groups", body = Page<GroupRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<GroupFilter>,
    paging: Paging,
) -> Result<Json<Page<GroupRow>>, Problem> {
    let world = api.live.world();
    let tree = &world.tree;
    for id in [filter.parent, filter.under].into_iter().flatten() {
        names::group(tree, &by.viewer, id)?;
    }
    let ids: Vec<GroupId> = match (&filter.path, filter.parent, filter.under) {
        (Some(path), ..) => by.viewer.find(tree, &path.0).into_iter().collect(),
        (None, Some(parent), _) => tree.children(GroupId(parent)).collect(),
        (None, None, Some(top)) => tree.subtree(GroupId(top)),
        (None, None, None) => below(tree, &by.viewer),
    };
    let wanted = ids.into_iter().filter(|id| {
        tree.group(*id).is_some_and(|group| filter.wants(tree, group))
            && by.viewer.sees(tree, Holder::Group(*id))
    });
    page(tree, &by.viewer, wanted.collect(), &paging)
}

/// Show a group
#[utoipa::path(get, path = "/groups/{id}", tag = "groups", operation_id = "show_group",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The group", body = GroupRow,
        headers(("ETag" = String, description = "For If-Match"))), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Tagged<GroupRow>, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, id)?;
    Ok(Tagged(tag(Record::Group(group)), GroupRow::of(&world.tree, &by.viewer, group)))
}

/// List the groups directly below
#[utoipa::path(get, path = "/groups/{id}/children", tag = "groups", operation_id = "list_children",
    params(("id" = i64, Path), Paging),
    responses((status = 200, description = "A page of groups", body = Page<GroupRow>), Problems))]
async fn children(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    paging: Paging,
) -> Result<Json<Page<GroupRow>>, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, id)?;
    page(&world.tree, &by.viewer, world.tree.children(group.id).collect(), &paging)
}

/// Show the license state of a group
#[utoipa::path(get, path = "/groups/{id}/state", tag = "groups", operation_id = "group_state",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Its license state", body = view::State), Problems))]
async fn state(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<view::State>, Problem> {
    let world = api.live.world();
    let holder = Holder::Group(names::group(&world.tree, &by.viewer, id)?.id);
    Ok(Json(super::state::of(&api, &world, &by.viewer, holder)?))
}

/// List the licenses of a group
#[utoipa::path(get, path = "/groups/{id}/licenses", tag = "groups", operation_id = "group_licenses",
    params(("id" = i64, Path), Paging),
    responses((status = 200, description = "A page of licenses", body = Page<LicenseRow>), Problems))]
async fn licenses(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    paging: Paging,
) -> Result<Json<Page<LicenseRow>>, Problem> {
    let world = api.live.world();
    let holder = Holder::Group(names::group(&world.tree, &by.viewer, id)?.id);
    by.viewer.may_read(&world.tree, What::Licenses, holder)?;
    let licenses = world.tree.licenses_of(holder).iter().map(|one| &**one);
    super::licenses::page(&world.tree, (&by.viewer, api.live.now()), licenses.collect(), &paging)
}

/// The groups that somebody sees.
fn below(tree: &Tree, viewer: &Viewer) -> Vec<GroupId> {
    let mut found: Vec<GroupId> = match viewer.is_server() {
        true => tree.groups().map(|group| group.id).collect(),
        false => viewer.own_tops(tree).iter().flat_map(|own| tree.subtree(*own)).collect(),
    };
    found.sort_unstable();
    found.dedup();
    found
}

fn page(
    tree: &Tree,
    viewer: &Viewer,
    mut ids: Vec<GroupId>,
    paging: &Paging,
) -> Result<Json<Page<GroupRow>>, Problem> {
    let after: i64 = paging.after()?.unwrap_or(0);
    ids.sort_unstable();
    let later = ids.into_iter().filter(|id| id.0 > after);
    let found = later.filter_map(|id| Some((id, tree.group(id)?)));
    Ok(Json(paging.page(found, |group| GroupRow::of(tree, viewer, group))))
}

impl GroupRow {
    /// A group as its reader may know it.
    pub fn of(tree: &Tree, viewer: &Viewer, group: &Group) -> Self {
        let contact = viewer.may_read(tree, What::Contact, Holder::Group(group.id)).is_ok();
        let parent = group.parent.filter(|above| viewer.sees(tree, Holder::Group(*above)));
        Self {
            id: group.id.0,
            path: viewer.path_name(tree, group.id),
            name: group.name.clone(),
            kind: group.kind.clone(),
            parent: parent.map(|parent| parent.0),
            restricted: group.restricted,
            hand_out: HandOutWord(group.hand_out),
            time_zone: group.time_zone.map(|zone| zone.name().to_owned()),
            monitor: group.monitor,
            admin_emails: contact.then(|| group.admin_emails.clone()),
        }
    }
}

impl GroupFilter {
    /// Whether a group is one of those that are asked for.
    fn wants(&self, tree: &Tree, group: &Group) -> bool {
        let has = |part: &Needle| group.name.to_lowercase().contains(&part.0.to_lowercase());
        self.parent.is_none_or(|parent| group.parent == Some(GroupId(parent)))
            && self.under.is_none_or(|top| tree.stands_under(group.id, GroupId(top)))
            && self.name.as_ref().is_none_or(has)
            && self.kind.as_ref().is_none_or(|kind| group.kind == kind.0)
    }
}
