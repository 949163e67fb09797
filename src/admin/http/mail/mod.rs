//! Mails: what became of each, and what server administrators do to see that they arrive and how they
//! read.

mod sample;
mod sight;
mod templates;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use chrono::NaiveTime;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::config;
use crate::license::{GroupId, Holder, Moment, SERVER, Tree, Viewer, What};
use crate::store::{MailRow, MailState};

use super::caller::Caller;
use super::fields::MailStateWord;
use super::paging::{Page, Paging};
use super::params::Query;
use super::problem::{Problem, Problems};
use super::{Api, names};

use sight::Contacts;

/// How the daemon mails.
#[derive(Clone, Debug)]
pub struct Mailing {
    /// Where mails go out; `None`: they don't.
    pub server: Option<config::Mail>,
    /// When reminders leave, by the clock of the group's zone.
    pub at: NaiveTime,
}

/// A mail and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Mail {
    pub id: i64,
    pub group: i64,
    /// The group's path.
    pub path: String,
    pub event: String,
    /// The end that it is about.
    pub due_end: String,
    /// The day that it is for, as 2024-11-24.
    pub date: String,
    /// Null where it is not yours to see.
    pub address: Option<String>,
    pub state: MailStateWord,
    pub attempts: i64,
    pub made_at: String,
    /// When it is tried next, while it is queued.
    pub next_attempt_at: Option<String>,
    pub sent_at: Option<String>,
    /// Null too where the address is not yours to see: the other side may have named it.
    pub error: Option<String>,
}

/// Which mails.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MailFilter {
    /// Those about this group and all below it; all are for server administrators.
    group: Option<i64>,
    state: Option<MailStateWord>,
}

/// The routes of mails.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list))
        .routes(routes!(templates::show, templates::set, templates::reset))
        .routes(routes!(sample::preview))
        .routes(routes!(sample::send))
}

/// List mails and what became of them
#[utoipa::path(get, path = "/mails", tag = "mail", operation_id = "list_mails",
    params(MailFilter, Paging),
    responses((status = 200, description = "A page of mails, the newest first", body = Page<Mail>),
        Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<MailFilter>,
    paging: Paging,
) -> Result<Json<Page<Mail>>, Problem> {
    let world = api.live.world();
    let tree = &world.tree;
    let top = match filter.group {
        None => {
            for_server(tree, &by.viewer)?;
            None
        }
        Some(id) => {
            let group = names::group(tree, &by.viewer, id)?.id;
            by.viewer.may_read(tree, What::Reminder, Holder::Group(group))?;
            Some(group)
        }
    };
    // One more tells whether there is a next page.
    let most = i64::try_from(paging.limit()).unwrap_or_default() + 1;
    let state = filter.state.map(|MailStateWord(state)| state);
    let found = api.store.mails(top, state, paging.after()?, most).await?;
    let contacts = Contacts::of(&api.store, tree, &by.viewer, &found).await?;
    let placed = found.into_iter().map(|mail| (mail.id, mail));
    Ok(Json(paging.page(placed, |mail| Mail::of(tree, &by.viewer, &contacts, mail))))
}

/// What is the server's alone. That it is there is no secret.
fn for_server(tree: &Tree, viewer: &Viewer) -> Result<(), Problem> {
    let may = viewer.may_read(tree, What::Settings, Holder::Group(SERVER));
    may.map_err(|_| Problem::forbidden())
}

impl Mail {
    fn of(tree: &Tree, viewer: &Viewer, contacts: &Contacts, mail: MailRow) -> Self {
        let GroupId(group) = mail.group;
        let waits = mail.state == MailState::Queued;
        let known = contacts.know(mail.group, &mail.address);
        Self {
            id: mail.id,
            group,
            path: viewer.path_name(tree, mail.group),
            event: mail.event,
            due_end: mail.due_end.rfc3339(),
            date: mail.day,
            address: known.then_some(mail.address),
            state: MailStateWord(mail.state),
            attempts: mail.attempts,
            made_at: mail.made_at.rfc3339(),
            next_attempt_at: waits.then(|| mail.next_attempt_at.rfc3339()),
            sent_at: mail.sent_at.map(Moment::rfc3339),
            error: mail.error.filter(|_| known),
        }
    }
}
