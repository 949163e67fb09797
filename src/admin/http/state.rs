//! License state of a user; that of a group is with the groups. The figures are the wire's own.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Holder, Viewer, What, World};
use crate::view;

use super::caller::Caller;
use super::params::Path;
use super::problem::{Problem, Problems};
use super::{Api, names};

/// The route.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(of_user))
}

/// Show the license state of a user
#[utoipa::path(get, path = "/users/{id}/state", tag = "users", operation_id = "user_state",
    params(("id" = i64, Path)),
    responses((status = 200, description = "Its license state", body = view::State), Problems))]
async fn of_user(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<view::State>, Problem> {
    let world = api.live.world();
    let user = names::user(&world.tree, &by.viewer, id)?;
    Ok(Json(of(&api, &world, &by.viewer, Holder::User(user.id))?))
}

/// The state of a holder as its reader may know it.
pub(super) fn of(
    api: &Api,
    world: &World,
    viewer: &Viewer,
    holder: Holder,
) -> Result<view::State, Problem> {
    viewer.may_read(&world.tree, What::Live, holder)?;
    let usage = api.live.occupancy(world, holder);
    Ok(view::state_for(viewer, &world.tree, holder, api.live.now(), &usage))
}
