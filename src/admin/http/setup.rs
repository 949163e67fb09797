//! The first administrator, made with the link that the daemon printed.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::people::Refused;

use super::Api;
use super::body::Body;
use super::caller::From;
use super::fields::{Email, GivenSecret, NewPassword, UserName};
use super::problem::{Problem, Problems};
use super::sessions::SessionUser;

/// The first administrator.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetUp {
    /// What stands after the # of the link.
    token: GivenSecret,
    name: UserName,
    password: NewPassword,
    #[serde(default)]
    email: Option<Email>,
}

/// The route of the set-up.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(set_up))
}

/// Make the first administrator
#[utoipa::path(post, path = "/setup", tag = "access", operation_id = "set_up", security(()),
    request_body = SetUp,
    responses((status = 201, description = "Made; the link is used up", body = SessionUser), Problems))]
async fn set_up(
    State(api): State<Arc<Api>>,
    From(from): From,
    Body(sent): Body<SetUp>,
) -> Result<impl IntoResponse, Problem> {
    let SetUp { token, name, password, email } = sent;
    let email = email.as_ref().map(|email| &*email.0);
    let id = api.people.set_up(&token.0, (&name.0, &password.0, email), from).await?;
    Ok((StatusCode::CREATED, Json(SessionUser { id: id.0, name: name.0 })))
}

impl std::convert::From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Turned(turned) => turned.into(),
            Refused::Password(fault) => Self::field("password", fault),
            Refused::OldPassword => Self::field("old_password", "it is another one"),
            Refused::Link => Self::used_link(),
            Refused::Store(fault) => fault.into(),
            fault @ (Refused::Unhashed(_) | Refused::Undrawn(_)) => {
                tracing::error!(%fault, "a request of the API failed");
                Self::away()
            }
        }
    }
}
