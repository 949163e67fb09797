//! Templates of mails: what each says, for server administrators.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::license::NoSeats;
use crate::reminders::{self, Event, TemplateFault};
use crate::store::{TemplateRow, Terms};

use super::super::Api;
use super::super::body::Body;
use super::super::caller::Caller;
use super::super::fields::{MailEventWord, TemplatePart};
use super::super::params::Path;
use super::super::problem::{Problem, Problems};
use super::for_server;

/// A template as it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Template {
    pub event: MailEventWord,
    pub subject: String,
    pub text: String,
    pub html: String,
    /// Whether somebody changed the built-in one.
    pub changed: bool,
}

/// A template to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TemplateBody {
    subject: TemplatePart,
    text: TemplatePart,
    html: TemplatePart,
}

/// Show a template
#[utoipa::path(get, path = "/mail/templates/{event}", tag = "mail", operation_id = "show_template",
    params(("event" = MailEventWord, Path)),
    responses((status = 200, description = "The template", body = Template), Problems))]
pub(super) async fn show(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(event): Path<String>,
) -> Result<Json<Template>, Problem> {
    for_server(&api.live.world().tree, &by.viewer)?;
    stands(&api, named(&event)?).await
}

/// Change a template
///
/// One that cannot be rendered is refused.
#[utoipa::path(put, path = "/mail/templates/{event}", tag = "mail", operation_id = "set_template",
    params(("event" = MailEventWord, Path)), request_body = TemplateBody,
    responses((status = 200, description = "As it is now", body = Template), Problems))]
pub(super) async fn set(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(event): Path<String>,
    Body(sent): Body<TemplateBody>,
) -> Result<Json<Template>, Problem> {
    for_server(&api.live.world().tree, &by.viewer)?;
    let event = named(&event)?;
    let new = TemplateRow { subject: sent.subject.0, text: sent.text.0, html: sent.html.0 };
    reminders::check(&new).map_err(faulty)?;
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    api.store.set_template(event.name(), Some(&new), terms).await?;
    stands(&api, event).await
}

/// Go back to the built-in template
#[utoipa::path(delete, path = "/mail/templates/{event}", tag = "mail",
    operation_id = "reset_template", params(("event" = MailEventWord, Path)),
    responses((status = 200, description = "The built-in one", body = Template), Problems))]
pub(super) async fn reset(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(event): Path<String>,
) -> Result<Json<Template>, Problem> {
    for_server(&api.live.world().tree, &by.viewer)?;
    let event = named(&event)?;
    let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(api.live.now()) };
    api.store.set_template(event.name(), None, terms).await?;
    stands(&api, event).await
}

/// What is no event has no template.
fn named(event: &str) -> Result<Event, Problem> {
    event.parse().map_err(|_| Problem::not_found())
}

fn faulty(fault: TemplateFault) -> Problem {
    let place = fault.line.map(|line| format!("line {line}: ")).unwrap_or_default();
    Problem::field(fault.part, format!("{place}{}", fault.message))
}

async fn stands(api: &Api, event: Event) -> Result<Json<Template>, Problem> {
    let (found, changed) = reminders::template(&api.store, event).await?;
    let TemplateRow { subject, text, html } = found;
    Ok(Json(Template { event: MailEventWord(event), subject, text, html, changed }))
}
