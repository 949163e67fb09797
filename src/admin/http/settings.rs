//! What the server is set to. Secrets are not shown, not even that there are some.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Feature, Holder, NumberKind, SERVER, What};

use super::Api;
use super::body::BODY_MAX;
use super::caller::Caller;
use super::fields::{FeatureWord, KindWord};
use super::import::{IMPORT_LINES, IMPORT_MAX};
use super::problem::{Problem, Problems};

/// The settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Settings {
    pub version: String,
    /// The zone of groups that have none of their own, IANA name.
    pub time_zone: String,
    /// `sqlite` or `postgres`.
    pub database: String,
    pub limits: Limits,
    pub features: Vec<FeatureWord>,
    pub number_kinds: Vec<KindWord>,
}

/// What a request may have at most.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Limits {
    pub body_bytes: usize,
    pub import_bytes: usize,
    pub import_lines: usize,
}

/// The route.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(show))
}

/// Show the settings
///
/// For server administrators.
#[utoipa::path(get, path = "/settings", tag = "settings", operation_id = "show_settings",
    responses((status = 200, description = "The settings", body = Settings), Problems))]
async fn show(State(api): State<Arc<Api>>, Caller(by): Caller) -> Result<Json<Settings>, Problem> {
    let world = api.live.world();
    if by.viewer.may_read(&world.tree, What::Settings, Holder::Group(SERVER)).is_err() {
        return Err(Problem::forbidden());
    }
    Ok(Json(Settings {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        time_zone: world.tree.zone_of(SERVER).name().to_owned(),
        database: api.store.kind().to_owned(),
        limits: Limits {
            body_bytes: BODY_MAX,
            import_bytes: IMPORT_MAX,
            import_lines: IMPORT_LINES,
        },
        features: Feature::ALL.iter().copied().map(FeatureWord).collect(),
        number_kinds: NumberKind::ALL.iter().copied().map(KindWord).collect(),
    }))
}
