//! Would a number be admitted now, and what does each gate above it say? Of a gate that is not theirs to
//! see, people are told its place, the cause and until when.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::view::{self, Explain};

use super::Api;
use super::caller::Caller;
use super::params::Query;
use super::problem::{Problem, Problems};

/// Which number.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Asked {
    /// `sip:101@example.com`
    #[param(min_length = 1, max_length = 300)]
    number: String,
}

/// The route.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(explain))
}

/// Say whether a number would be admitted now, and why not
///
/// A number that is not yours to see is an unknown number.
#[utoipa::path(get, path = "/explain", tag = "state", operation_id = "explain",
    params(Asked),
    responses((status = 200, description = "The verdict, gate by gate", body = Explain), Problems))]
async fn explain(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Explain>, Problem> {
    let number = api.live.number(&asked.number);
    let number = number.map_err(|fault| Problem::parameter("number", fault))?;
    let world = api.live.world();
    let usage = api.live.in_use(&world);
    Ok(Json(view::explain_for(&by.viewer, &world, &number, api.live.now(), &usage)))
}
