//! Would a number be admitted now, and what does each gate above it say? Of a gate that is not theirs to
//! see, people are told its place, the cause and until when.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Holder, Viewer, World};
use crate::view::{self, Gate, NumberUse, Verdict};

use super::Api;
use super::caller::Caller;
use super::params::Query;
use super::problem::{Problem, Problems};

/// Whether a number would be admitted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Explained {
    pub number: String,
    pub verdict: Verdict,
    pub cause: Option<String>,
    /// The gate that bound, or where one stands that is not yours to see.
    pub bound_by: Option<String>,
    /// Whose it is: a group's path or `user:NAME`.
    pub owner: Option<String>,
    pub kind: Option<String>,
    /// `created`, or the claim by which it comes.
    pub source: Option<String>,
    /// Whether it holds a SIP seat now.
    pub live: bool,
    pub gates: Vec<ExplainedGate>,
}

/// One gate above the number. Limits and uses are null where it is not yours to see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedGate {
    pub gate: String,
    /// Whether it is yours to see.
    pub seen: bool,
    /// What this gate alone would refuse for.
    pub cause: Option<String>,
    pub valid_until: Option<String>,
    pub status: Option<String>,
    pub sip_numbers: Option<NumberUse>,
    pub mobile_apps: Option<NumberUse>,
    /// SIP seats that claimed numbers may hold together here, where that binds this number.
    pub claimed: Option<NumberUse>,
    pub monitor: Option<bool>,
}

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
    responses((status = 200, description = "The verdict, gate by gate", body = Explained), Problems))]
async fn explain(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(asked): Query<Asked>,
) -> Result<Json<Explained>, Problem> {
    let number = api.live.number(&asked.number);
    let number = number.map_err(|fault| Problem::parameter("number", fault))?;
    let world = api.live.world();
    let owner = world.directory.owner_of(&number).map(|owned| owned.holder);
    let seen = owner.filter(|owner| by.viewer.sees(&world.tree, *owner));
    Ok(Json(explained(&api, &world, &by.viewer, &number, seen)))
}

fn explained(
    api: &Api,
    world: &World,
    viewer: &Viewer,
    number: &str,
    owner: Option<Holder>,
) -> Explained {
    let tree = &world.tree;
    let unowned = crate::license::Directory::new();
    // What is not seen is as if nobody owned it.
    let directory = if owner.is_some() { &world.directory } else { &unowned };
    let usage = api.live.in_use(world);
    let said = view::explain(tree, directory, number, api.live.now(), &usage);
    let path = owner.map(|owner| tree.path(owner)).unwrap_or_default();
    let gates = said.gates.into_iter().zip(&path);
    let gates: Vec<ExplainedGate> = gates
        .map(|(row, gate)| {
            let name = viewer.name_of(tree, *gate, owner);
            ExplainedGate::of(row, name, viewer.sees(tree, *gate))
        })
        .collect();
    let named = |name: &String| path.iter().find(|gate| tree.name_of(**gate) == *name);
    let bound = said.bound_by.as_ref().and_then(named);
    Explained {
        number: said.number,
        verdict: said.verdict,
        cause: said.cause,
        bound_by: bound.map(|gate| viewer.name_of(tree, *gate, owner)),
        owner: owner.map(|owner| viewer.name_of(tree, owner, None)),
        kind: said.kind,
        source: said.source,
        live: said.live,
        gates,
    }
}

impl ExplainedGate {
    fn of(row: Gate, gate: String, seen: bool) -> Self {
        let Gate { sip_numbers, mobile_apps, status, valid_until, cause, claimed, monitor, .. } =
            row;
        Self {
            gate,
            seen,
            cause,
            valid_until,
            status: seen.then_some(status),
            sip_numbers: seen.then_some(sip_numbers),
            mobile_apps: seen.then_some(mobile_apps),
            claimed: claimed.filter(|_| seen),
            monitor: seen.then_some(monitor),
        }
    }
}
