//! Roles: who is what in which group.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Assignment, GroupId, Holder, NoSeats, Role, Tree, UserId, Viewer, What};
use crate::store::{Assigned, Author, Terms};

use super::caller::Caller;
use super::fields::RoleWord;
use super::paging::Page;
use super::params::Path;
use super::problem::{Problem, Problems};
use super::{Api, names};

/// A role that a user has in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RoleRow {
    pub user: i64,
    pub user_name: String,
    pub role: RoleWord,
    pub group: i64,
    /// The group's path.
    pub path: String,
}

/// The routes of roles.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(at_group))
        .routes(routes!(of_user))
        .routes(routes!(give, take))
}

/// List who is what in a group
#[utoipa::path(get, path = "/groups/{id}/roles", tag = "access", operation_id = "list_group_roles",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The roles", body = Page<RoleRow>), Problems))]
async fn at_group(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<Page<RoleRow>>, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, id)?.id;
    by.viewer.may_read(&world.tree, What::Roles, Holder::Group(group))?;
    let found = api.store.roles_at(group).await?;
    Ok(Json(page(&world.tree, &by.viewer, found)))
}

/// List what a user is
#[utoipa::path(get, path = "/users/{id}/roles", tag = "access", operation_id = "list_user_roles",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The roles", body = Page<RoleRow>), Problems))]
async fn of_user(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<Page<RoleRow>>, Problem> {
    let world = api.live.world();
    let user = names::user(&world.tree, &by.viewer, id)?.id;
    by.viewer.may_read(&world.tree, What::Roles, Holder::User(user))?;
    let found = api.store.roles_of(user).await?;
    let found = found.into_iter().map(|what| Assigned { user, what });
    Ok(Json(page(&world.tree, &by.viewer, found)))
}

/// Give a user a role in a group
#[utoipa::path(put, path = "/users/{id}/roles/{group}/{role}", tag = "access",
    operation_id = "give_role",
    params(("id" = i64, Path), ("group" = i64, Path), ("role" = RoleWord, Path)),
    responses((status = 204, description = "They have it"), Problems))]
async fn give(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path((id, group, role)): Path<(i64, i64, String)>,
) -> Result<StatusCode, Problem> {
    let one = assigned(&api, &by, (id, group), &role)?;
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    api.store.assign_role(&one, terms).await?;
    api.people.forget();
    Ok(StatusCode::NO_CONTENT)
}

/// Take a role from a user
#[utoipa::path(delete, path = "/users/{id}/roles/{group}/{role}", tag = "access",
    operation_id = "take_role",
    params(("id" = i64, Path), ("group" = i64, Path), ("role" = RoleWord, Path)),
    responses((status = 204, description = "They no longer have it"), Problems))]
async fn take(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path((id, group, role)): Path<(i64, i64, String)>,
) -> Result<StatusCode, Problem> {
    let one = assigned(&api, &by, (id, group), &role)?;
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    let had = api.store.revoke_role(&one, terms).await?;
    api.people.forget();
    if had { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::not_found()) }
}

/// What is not seen is not there; what is no role is nothing either.
fn assigned(
    api: &Api,
    by: &Author,
    (user, group): (i64, i64),
    role: &str,
) -> Result<Assigned, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, group)?.id;
    let user = names::user(&world.tree, &by.viewer, user)?.id;
    let role: Role = role.parse().map_err(|_| Problem::not_found())?;
    Ok(Assigned { user, what: Assignment { role, group } })
}

/// Roles are few: they come in one page. Those in groups that the viewer does not see are left out.
fn page(tree: &Tree, viewer: &Viewer, found: impl IntoIterator<Item = Assigned>) -> Page<RoleRow> {
    let sees = |one: &Assigned| {
        viewer.user == Some(one.user) || viewer.sees(tree, Holder::Group(one.what.group))
    };
    let items = found.into_iter().filter(sees).map(|one| row(tree, viewer, one.user, one.what));
    Page { items: items.collect(), next: None }
}

fn row(tree: &Tree, viewer: &Viewer, user: UserId, what: Assignment) -> RoleRow {
    let GroupId(group) = what.group;
    RoleRow {
        user: user.0,
        user_name: tree.user(user).map(|user| user.name.clone()).unwrap_or_default(),
        role: RoleWord(what.role),
        group,
        path: viewer.path_name(tree, what.group),
    }
}
