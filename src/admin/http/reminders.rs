//! Reminders: the mails before the licenses of a group end.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{Every, GroupId, Holder, NoSeats, Reminder, What};
use crate::reminders::{UpcomingMail, standing};
use crate::store::{Author, Terms};

use super::body::Body;
use super::caller::Caller;
use super::fields::{DaysAhead, Emails, EveryWord};
use super::params::Path;
use super::problem::{Problem, Problems};
use super::{Api, names};

/// A reminder and what comes of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReminderRow {
    pub group: i64,
    /// The group's path.
    pub path: String,
    pub enabled: bool,
    /// The first mail comes so many days before an end.
    pub days: u32,
    pub every: EveryWord,
    /// Mail addresses of partners.
    pub also: Vec<String>,
    /// Whether the users of the group and of all below are told too.
    pub users: bool,
    /// Who is mailed; administrators of a group that is not yours to see are one entry without their
    /// addresses.
    pub recipients: Vec<String>,
    /// The mails to come, at most 100.
    pub next: Vec<NextMail>,
}

/// A mail that will be sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextMail {
    /// When; one that is due already lies in the past.
    pub at: String,
    /// The end that it is about.
    pub due_end: String,
}

/// A reminder to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReminderBody {
    days: DaysAhead,
    #[serde(default = "once")]
    #[schema(required = false)]
    every: EveryWord,
    /// Mail addresses of partners.
    #[serde(default)]
    #[schema(required = false)]
    also: Emails,
    /// Whether the users of the group and of all below are told too.
    #[serde(default)]
    #[schema(required = false)]
    users: bool,
    #[serde(default = "on")]
    #[schema(required = false, default = true)]
    enabled: bool,
}

/// The routes of reminders.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(show, set, switch_off))
}

/// Show the reminder of a group
#[utoipa::path(get, path = "/groups/{id}/reminder", tag = "reminders",
    operation_id = "show_reminder", params(("id" = i64, Path)),
    responses((status = 200, description = "The reminder", body = ReminderRow), Problems))]
async fn show(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<ReminderRow>, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, id)?.id;
    by.viewer.may_read(&world.tree, What::Reminder, Holder::Group(group))?;
    row(&api, &by, group).await
}

/// Set the reminder of a group
#[utoipa::path(put, path = "/groups/{id}/reminder", tag = "reminders",
    operation_id = "set_reminder", params(("id" = i64, Path)), request_body = ReminderBody,
    responses((status = 200, description = "As it is set", body = ReminderRow), Problems))]
async fn set(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Body(sent): Body<ReminderBody>,
) -> Result<Json<ReminderRow>, Problem> {
    let group = names::group(&api.live.world().tree, &by.viewer, id)?.id;
    let reminder = Reminder {
        group,
        days: sent.days.0,
        every: sent.every.0,
        also: sent.also.0,
        users: sent.users,
        enabled: sent.enabled,
    };
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    api.store.set_reminder(&reminder, terms).await?;
    row(&api, &by, group).await
}

/// Switch the reminder of a group off; what it says is kept
#[utoipa::path(delete, path = "/groups/{id}/reminder", tag = "reminders",
    operation_id = "switch_reminder_off", params(("id" = i64, Path)),
    responses((status = 200, description = "It is off", body = ReminderRow), Problems))]
async fn switch_off(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<ReminderRow>, Problem> {
    let group = names::group(&api.live.world().tree, &by.viewer, id)?.id;
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    api.store.switch_reminder_off(group, terms).await?;
    row(&api, &by, group).await
}

/// The reminder of a group that the author administers.
async fn row(api: &Api, by: &Author, group: GroupId) -> Result<Json<ReminderRow>, Problem> {
    let reminder = api.store.reminder(group).await?.ok_or_else(Problem::not_found)?;
    let (world, now) = (api.live.world(), api.live.now());
    let clock = api.mailing.at;
    let stands = standing(&api.store, &world.tree, &reminder, clock, now, &by.viewer).await?;
    let next =
        stands.next.into_iter().map(|UpcomingMail { at, due_end, .. }| NextMail { at, due_end });
    Ok(Json(ReminderRow {
        group: group.0,
        path: by.viewer.path_name(&world.tree, group),
        enabled: reminder.enabled,
        days: reminder.days,
        every: EveryWord(reminder.every),
        also: reminder.also,
        users: reminder.users,
        recipients: stands.recipients,
        next: next.collect(),
    }))
}

fn once() -> EveryWord {
    EveryWord(Every::Once)
}

fn on() -> bool {
    true
}
