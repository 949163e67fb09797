//! The last refusals, the newest first. The daemon remembers a bounded number of them.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Cause, GroupId, Holder, Moment, Tree, Viewer, World};
use crate::telemetry::{RefusalLine, escaped};
use crate::view;

use super::caller::Caller;
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::{Api, names};

/// A request that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refusal {
    /// What the client was told.
    pub id: String,
    pub at: String,
    pub method: String,
    /// What it was about, as it came; bytes that are no plain text are escaped.
    pub number: String,
    pub source: String,
    pub user_agent: String,
    pub cause: String,
    /// The gate that bound, or where one stands that is not yours to see.
    pub bound_by: Option<String>,
}

/// Which refusals.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct RefusalFilter {
    /// Of numbers of this group and all below it.
    group: Option<i64>,
    /// `sip_limit`, `expired` and others.
    #[param(max_length = 30)]
    cause: Option<String>,
    #[param(max_length = 300)]
    number: Option<String>,
}

/// The routes of refusals.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(one))
}

/// List the last refusals
///
/// Those of numbers that nobody owns are for server administrators.
#[utoipa::path(get, path = "/refusals", tag = "refusals", operation_id = "list_refusals",
    params(RefusalFilter, Paging),
    responses((status = 200, description = "A page of refusals, the newest first",
        body = Page<Refusal>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<RefusalFilter>,
    paging: Paging,
) -> Result<Json<Page<Refusal>>, Problem> {
    let world = api.live.world();
    let group = filter.group.map(|id| names::group(&world.tree, &by.viewer, id));
    let group = group.transpose()?.map(|group| group.id);
    let cause = filter.cause.as_deref().map(cause).transpose()?;
    let number = filter.number.as_deref().map(|text| api.live.number(text)).transpose();
    let number = number.map_err(|fault| Problem::parameter("number", fault))?;
    let after = paging.after::<Place>()?;
    let lines = api.live.refusals().newest(|line| {
        cause.is_none_or(|cause| line.cause == cause)
            && number.as_ref().is_none_or(|number| line.number == number.as_bytes())
    });
    let mut owners = HashMap::new();
    let seen = lines.into_iter().filter_map(|line| {
        let owner = *owners.entry(line.number.clone()).or_insert_with(|| owner(&world, &line));
        let shown = is_shown(&world.tree, &by.viewer, owner, group);
        shown.then_some((line, owner))
    });
    let placed = Place::each(seen).filter(|(place, _)| after.is_none_or(|after| *place > after));
    Ok(Json(
        paging.page(placed, |(line, owner)| Refusal::of(&world.tree, &by.viewer, &line, owner)),
    ))
}

/// Show a refusal by the id that the client was told
#[utoipa::path(get, path = "/refusals/{id}", tag = "refusals", operation_id = "show_refusal",
    params(("id" = String, Path)),
    responses((status = 200, description = "The refusal", body = Refusal), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<String>,
) -> Result<Json<Refusal>, Problem> {
    let world = api.live.world();
    let line = api.live.refusals().find(&id).ok_or_else(Problem::not_found)?;
    let owner = owner(&world, &line);
    match is_shown(&world.tree, &by.viewer, owner, None) {
        true => Ok(Json(Refusal::of(&world.tree, &by.viewer, &line, owner))),
        false => Err(Problem::not_found()),
    }
}

fn cause(name: &str) -> Result<Cause, Problem> {
    let found = Cause::ALL.iter().find(|cause| cause.name() == name).copied();
    found.ok_or_else(|| {
        let names: Vec<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        Problem::parameter("cause", format!("there are {}", names.join(", ")))
    })
}

fn owner(world: &World, line: &RefusalLine) -> Option<Holder> {
    world.owner_of(std::str::from_utf8(&line.number).ok()?)
}

fn is_shown(tree: &Tree, viewer: &Viewer, owner: Option<Holder>, group: Option<GroupId>) -> bool {
    let Some(owner) = owner else { return viewer.is_server() && group.is_none() };
    let below = |top| tree.places(owner).iter().any(|place| tree.stands_under(*place, top));
    viewer.sees(tree, owner) && group.is_none_or(below)
}

impl Refusal {
    fn of(tree: &Tree, viewer: &Viewer, line: &RefusalLine, owner: Option<Holder>) -> Self {
        // A gate that has another name now is told as it was to those who see all.
        let gate = line.bound_by.as_deref().map(|name| match view::find(tree, name) {
            Ok(gate) => viewer.name_of(tree, gate, owner),
            Err(_) if viewer.is_server() => name.to_owned(),
            Err(_) => "a gate that is gone".to_owned(),
        });
        Self {
            id: line.id.clone(),
            at: Moment(line.at_ms.div_euclid(1000)).rfc3339(),
            method: line.method.to_owned(),
            number: escaped(&line.number),
            source: line.source.to_string(),
            user_agent: escaped(&line.user_agent),
            cause: line.cause.name().to_owned(),
            bound_by: gate,
        }
    }
}

/// Where a refusal stands in the list: by its time, and among those of one millisecond by its turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    /// Negative, for the newest come first.
    before_ms: i64,
    turn: u32,
}

impl Place {
    fn each<T>(
        lines: impl Iterator<Item = (RefusalLine, T)>,
    ) -> impl Iterator<Item = (Self, (RefusalLine, T))> {
        let mut last = Self { before_ms: i64::MIN, turn: 0 };
        lines.map(move |line| {
            let before_ms = -line.0.at_ms;
            let turn = if before_ms == last.before_ms { last.turn + 1 } else { 0 };
            last = Self { before_ms, turn };
            (last, line)
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.before_ms, self.turn)
    }
}

impl std::str::FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (before_ms, turn) = text.split_once('.').unwrap_or((text, ""));
        Ok(Self { before_ms: before_ms.parse()?, turn: turn.parse()? })
    }
}
