//! Seats: who is registered or calls now, and the end of that.

use std::collections::HashMap;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{GroupId, Holder, Tree, Viewer};
use crate::quota::Seat;
use crate::view::{self, Freed, SeatRow};

use super::caller::Caller;
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::{Api, names};

/// Which seats.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeatFilter {
    /// Those of numbers that this group owns itself.
    group: Option<i64>,
    /// With those of all groups below, and of the users in them.
    #[serde(default)]
    #[param(required = false)]
    below: bool,
    /// Those of this user.
    user: Option<i64>,
    /// Those of this number.
    #[param(max_length = 300)]
    number: Option<String>,
}

/// Which of a number's seats.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct SeatOf {
    /// The device, as the list has it; default: all of the number.
    #[param(max_length = 300)]
    device: Option<String>,
}

/// The routes of seats.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(free))
}

/// List seats
#[utoipa::path(get, path = "/seats", tag = "seats", operation_id = "list_seats",
    params(SeatFilter, Paging),
    responses((status = 200, description = "A page of seats", body = Page<SeatRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<SeatFilter>,
    paging: Paging,
) -> Result<Json<Page<SeatRow>>, Problem> {
    let world = api.live.world();
    let (tree, viewer) = (&world.tree, &by.viewer);
    let number = filter.number.as_deref().map(|text| api.live.number(text)).transpose();
    let number = number.map_err(|fault| Problem::parameter("number", fault))?;
    let top = filter.top(tree, viewer)?;
    let after: Option<String> = paging.after()?;
    let mut known: HashMap<Holder, bool> = HashMap::new();
    let mut seats = api.live.seats();
    seats.retain(|seat| {
        number.as_deref().is_none_or(|number| *seat.aor == *number)
            && *known
                .entry(seat.owner)
                .or_insert_with(|| stands(tree, top, seat.owner) && viewer.sees(tree, seat.owner))
    });
    let owners: HashMap<&str, Holder> =
        seats.iter().map(|seat: &Seat| (&*seat.aor, seat.owner)).collect();
    let rows = view::seats(tree, &seats).into_iter().map(|row| {
        let group =
            owners.get(row.number.as_str()).and_then(|owner| group_of(tree, viewer, *owner));
        (key(&row), SeatRow { group, ..row })
    });
    let rows = rows.filter(|(key, _)| after.as_ref().is_none_or(|after| key > after));
    Ok(Json(paging.page(rows, |row| row)))
}

/// End the seats of a number
///
/// All of them, or the one of a device; its devices register anew.
#[utoipa::path(delete, path = "/seats/{number}", tag = "seats", operation_id = "free_seats",
    params(("number" = String, Path), SeatOf),
    responses((status = 200, description = "What was ended", body = Freed), Problems))]
async fn free(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(number): Path<String>,
    Query(SeatOf { device }): Query<SeatOf>,
) -> Result<Json<Freed>, Problem> {
    let number = api.live.number(&number).map_err(|_| Problem::not_found())?;
    let seats = api.live.seats();
    let held = seats.iter().find(|seat| *seat.aor == *number).ok_or_else(Problem::not_found)?;
    by.viewer.may_free(&api.live.world().tree, held.owner)?;
    let freed = api.live.free(&number, device.as_deref()).map_err(|_| Problem::not_found())?;
    match freed.freed {
        0 => Err(Problem::not_found()),
        _ => Ok(Json(freed)),
    }
}

/// The order in which they are listed, as one text.
fn key(row: &SeatRow) -> String {
    format!("{}\n{}\n{}", row.number, row.kind as u8, row.device)
}

/// The group that owns the number, or of its user the first that is seen.
fn group_of(tree: &Tree, viewer: &Viewer, owner: Holder) -> Option<String> {
    let sees = |group: &&GroupId| viewer.sees(tree, Holder::Group(**group));
    tree.places(owner).iter().find(sees).map(|group| viewer.path_name(tree, *group))
}

/// Whose are asked for: of a group with or without what is below, of a user, or everybody.
#[derive(Clone, Copy, Debug)]
enum Top {
    Everybody,
    Below(GroupId),
    Only(Holder),
}

fn stands(tree: &Tree, top: Top, owner: Holder) -> bool {
    match top {
        Top::Everybody => true,
        Top::Below(top) => tree.places(owner).iter().any(|place| tree.stands_under(*place, top)),
        Top::Only(holder) => owner == holder,
    }
}

impl SeatFilter {
    fn top(&self, tree: &Tree, viewer: &Viewer) -> Result<Top, Problem> {
        match (self.group, self.user) {
            (Some(_), Some(_)) => Err(Problem::parameter("user", "name either group or user")),
            (Some(id), None) => {
                let group = names::group(tree, viewer, id)?.id;
                let only = Top::Only(Holder::Group(group));
                Ok(if self.below { Top::Below(group) } else { only })
            }
            (None, Some(id)) => Ok(Top::Only(Holder::User(names::user(tree, viewer, id)?.id))),
            (None, None) if self.below => Err(Problem::parameter("below", "name the group")),
            (None, None) => Ok(Top::Everybody),
        }
    }
}
