//! Passwords of users: one's own with the old one, others' by whoever administers them.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{NoSeats, UserId};
use crate::store::Terms;

use super::body::Body;
use super::caller::Caller;
use super::fields::{GivenSecret, NewPassword};
use super::params::Path;
use super::problem::{Problem, Problems};
use super::{Api, names};

/// Another password.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordBody {
    password: NewPassword,
    /// The one until now; only where it is one's own.
    #[serde(default)]
    old_password: Option<GivenSecret>,
}

/// The route of passwords.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(put))
}

/// Set a password; the user's sessions end
#[utoipa::path(put, path = "/users/{id}/password", tag = "access", operation_id = "set_password",
    params(("id" = i64, Path)), request_body = PasswordBody,
    responses((status = 204, description = "It is set"), Problems))]
async fn put(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Body(sent): Body<PasswordBody>,
) -> Result<StatusCode, Problem> {
    names::user(&api.live.world().tree, &by.viewer, id)?;
    let old = sent.old_password.as_ref().map(|old| &*old.0);
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    api.people.change_password(UserId(id), old, &sent.password.0, terms).await?;
    Ok(StatusCode::NO_CONTENT)
}
