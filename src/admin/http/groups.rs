//! Groups: what stands under whom.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Group, GroupId, Holder, Tree};

use super::Api;
use super::caller::Caller;
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct GroupRow {
    pub id: i64,
    /// `SmartHome/A Residence/12`; `/` is the server.
    pub path: String,
    pub name: String,
    /// A label: building, floor, apartment …; never a rule.
    pub kind: String,
    /// The group above; null for the server.
    pub parent: Option<i64>,
    /// Whether it limits what is below.
    pub restricted: bool,
    /// `split` or `shared`.
    pub hand_out: String,
    /// IANA name; null: that of the group above.
    pub time_zone: Option<String>,
    pub monitor: bool,
    pub admin_emails: Vec<String>,
}

/// Which groups.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct GroupFilter {
    /// The group at this path.
    #[param(max_length = 2000)]
    path: Option<String>,
    /// The groups directly below this one.
    parent: Option<i64>,
    /// This group and all below it.
    under: Option<i64>,
    /// A part of the name, in any case.
    #[param(max_length = 200)]
    name: Option<String>,
    #[param(max_length = 200)]
    kind: Option<String>,
}

/// The routes of groups.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(one))
}

/// List groups
#[utoipa::path(get, path = "/groups", tag = "groups", operation_id = "list_groups",
    params(GroupFilter, Paging),
    responses((status = 200, body = Page<GroupRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<GroupFilter>,
    paging: Paging,
) -> Result<Json<Page<GroupRow>>, Problem> {
    let world = api.live.world();
    let tree = &world.tree;
    let after: i64 = paging.after()?.unwrap_or(0);
    let mut ids: Vec<GroupId> = match (&filter.path, filter.parent, filter.under) {
        (Some(path), ..) => tree.find(path).into_iter().collect(),
        (None, Some(parent), _) => tree.children(GroupId(parent)).collect(),
        (None, None, Some(top)) => tree.subtree(GroupId(top)),
        (None, None, None) => tree.groups().map(|group| group.id).collect(),
    };
    ids.sort_unstable();
    let found = ids.into_iter().filter(|id| id.0 > after).filter_map(|id| {
        let group = tree.group(id)?;
        let wanted = by.viewer.sees(tree, Holder::Group(id)) && filter.wants(tree, group);
        wanted.then_some((id, group))
    });
    Ok(Json(paging.page(found, |group| GroupRow::of(tree, group))))
}

/// Show a group
#[utoipa::path(get, path = "/groups/{id}", tag = "groups", operation_id = "show_group",
    params(("id" = i64, Path)),
    responses((status = 200, body = GroupRow), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<impl IntoResponse, Problem> {
    let world = api.live.world();
    let group = world.tree.group(GroupId(id)).ok_or_else(Problem::not_found)?;
    if !by.viewer.sees(&world.tree, Holder::Group(group.id)) {
        return Err(Problem::not_found());
    }
    Ok(Json(GroupRow::of(&world.tree, group)))
}

impl GroupRow {
    /// A group as it is shown.
    fn of(tree: &Tree, group: &Group) -> Self {
        Self {
            id: group.id.0,
            path: tree.path_name(group.id),
            name: group.name.clone(),
            kind: group.kind.clone(),
            parent: group.parent.map(|parent| parent.0),
            restricted: group.restricted,
            hand_out: group.hand_out.name().to_owned(),
            time_zone: group.time_zone.map(|zone| zone.name().to_owned()),
            monitor: group.monitor,
            admin_emails: group.admin_emails.clone(),
        }
    }
}

impl GroupFilter {
    /// Whether a group is one of those that are asked for.
    fn wants(&self, tree: &Tree, group: &Group) -> bool {
        let has = |part: &String| group.name.to_lowercase().contains(&part.to_lowercase());
        self.parent.is_none_or(|parent| group.parent == Some(GroupId(parent)))
            && self.under.is_none_or(|top| tree.stands_under(group.id, GroupId(top)))
            && self.name.as_ref().is_none_or(has)
            && self.kind.as_ref().is_none_or(|kind| group.kind == *kind)
    }
}
