//! Webhooks: who is told of what happens in a group and below it. The secret of the signature is shown
//! once, when one is made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{NoSeats, Tree, Viewer};
use crate::store::{Delivery, Due, Issued, NewWebhook, Webhook, WebhookEdit};
use crate::webhooks::{new_secret, test_payload};

use super::body::Body;
use super::caller::Caller;
use super::fields::{DaysNotice, HookEventWord, HookEvents, WebhookUrl};
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::tries::Tried;
use super::writes::{Asked, Removed};
use super::{Api, names};

/// How many days before its end a license is told of, unless somebody says otherwise.
const USUAL_DAYS: DaysNotice = DaysNotice(30);

/// A webhook without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookRow {
    pub id: i64,
    pub group: i64,
    /// The group's path.
    pub path: String,
    pub url: String,
    pub events: Vec<HookEventWord>,
    /// How many days before its end a license is told of.
    pub days: u32,
    pub enabled: bool,
    /// `cli:root`, `user:anna`, `token:ci`.
    pub created_by: String,
    pub created_at: String,
    /// Deliveries that gave way to newer ones.
    pub dropped: i64,
}

/// A new webhook: the only time that its secret is shown.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct MadeWebhook {
    /// The key of the signature in `Admitd-Signature`. Null in the answer to a call that is repeated
    /// with its `Idempotency-Key`: the secret was shown the first time.
    pub secret: Option<String>,
    #[serde(flatten)]
    pub row: WebhookRow,
}

/// A delivery.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct DeliveryRow {
    pub id: i64,
    /// `limit_reached`, `license_ending` or `device_refused`.
    pub event: String,
    /// `queued`, `done` or `failed`.
    pub state: String,
    pub attempts: i64,
    pub created_at: String,
    /// When it is tried next, while it is queued.
    pub next_attempt_at: Option<String>,
    /// What the other side answered last.
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
    /// What is told.
    #[schema(value_type = Object)]
    pub payload: Value,
}

/// How a test was answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WebhookTest {
    pub id: i64,
    /// The status that the other side answered.
    pub status: Option<u16>,
    /// Null: it arrived.
    pub error: Option<String>,
}

/// Which webhooks.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct WebhookFilter {
    /// Those of this group.
    group: Option<i64>,
}

/// A webhook to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookBody {
    /// It is told of what happens in this group and below it.
    group: i64,
    url: WebhookUrl,
    events: HookEvents,
    /// How many days before its end a license is told of; 30 where nothing is said.
    #[serde(default)]
    days: Option<DaysNotice>,
}

/// What changes of a webhook; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WebhookPatch {
    /// While it is off nothing is queued for it.
    #[serde(default)]
    enabled: Option<bool>,
    #[serde(default)]
    events: Option<HookEvents>,
    #[serde(default)]
    days: Option<DaysNotice>,
}

/// The routes of webhooks.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default()
        .routes(routes!(list, add))
        .routes(routes!(one, edit, remove))
        .routes(routes!(test))
        .routes(routes!(deliveries))
}

/// List webhooks
///
/// Those of the groups that you administer.
#[utoipa::path(get, path = "/webhooks", tag = "webhooks", operation_id = "list_webhooks",
    params(WebhookFilter, Paging),
    responses((status = 200, description = "A page of webhooks", body = Page<WebhookRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<WebhookFilter>,
    paging: Paging,
) -> Result<Json<Page<WebhookRow>>, Problem> {
    let world = api.live.world();
    let group = filter.group.map(|id| names::group(&world.tree, &by.viewer, id)).transpose()?;
    let after: i64 = paging.after()?.unwrap_or(0);
    let found = api.store.webhooks(&by.viewer).await?;
    let wanted = found
        .into_iter()
        .filter(|hook| hook.id > after && group.is_none_or(|group| hook.group == group.id));
    let placed = wanted.map(|hook| (hook.id, hook));
    Ok(Json(paging.page(placed, |hook| WebhookRow::of(&world.tree, &by.viewer, hook))))
}

/// Add a webhook
#[utoipa::path(post, path = "/webhooks", tag = "webhooks", operation_id = "add_webhook",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = WebhookBody,
    responses((status = 201, description = "Added; the secret is shown this once", body = MadeWebhook),
        Problems))]
async fn add(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    asked: Asked,
    Body(sent): Body<WebhookBody>,
) -> Result<impl IntoResponse, Problem> {
    let world = api.live.world();
    let group = names::group(&world.tree, &by.viewer, sent.group)?.id;
    by.viewer.may_webhook(&world.tree, group)?;
    let WebhookUrl(url) = sent.url;
    let reached = api.courier.accepts(&url, by.viewer.is_server());
    reached.map_err(|fault| Problem::field("url", fault))?;
    let secret = new_secret().map_err(failed)?;
    let days = sent.days.unwrap_or(USUAL_DAYS).0;
    let new = NewWebhook { group, url, events: sent.events.0, days, secret: secret.clone() };
    let terms = asked.terms(&by, false, (api.live.now(), &NoSeats));
    let Issued { record, replayed } = api.store.add_webhook(new, terms).await?;
    let row = WebhookRow::of(&world.tree, &by.viewer, record);
    let made = MadeWebhook { secret: (!replayed).then_some(secret), row };
    Ok((StatusCode::CREATED, Json(made)))
}

/// Show a webhook
#[utoipa::path(get, path = "/webhooks/{id}", tag = "webhooks", operation_id = "show_webhook",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The webhook", body = WebhookRow), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<WebhookRow>, Problem> {
    let (hook, _) = api.store.webhook(id, &by.viewer).await?;
    Ok(Json(WebhookRow::of(&api.live.world().tree, &by.viewer, hook)))
}

/// Change a webhook
#[utoipa::path(patch, path = "/webhooks/{id}", tag = "webhooks", operation_id = "edit_webhook",
    params(("id" = i64, Path)), request_body = WebhookPatch,
    responses((status = 200, description = "As it is now", body = WebhookRow), Problems))]
async fn edit(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Body(patch): Body<WebhookPatch>,
) -> Result<Json<WebhookRow>, Problem> {
    let edit = WebhookEdit {
        enabled: patch.enabled,
        events: patch.events.map(|HookEvents(events)| events),
        days: patch.days.map(|DaysNotice(days)| days),
    };
    api.store.edit_webhook(id, edit, &by, api.live.now()).await?;
    let (hook, _) = api.store.webhook(id, &by.viewer).await?;
    Ok(Json(WebhookRow::of(&api.live.world().tree, &by.viewer, hook)))
}

/// Remove a webhook and what it was still to be told
#[utoipa::path(delete, path = "/webhooks/{id}", tag = "webhooks", operation_id = "remove_webhook",
    params(("id" = i64, Path)),
    responses((status = 200, description = "It is gone", body = Removed), Problems))]
async fn remove(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<Removed>, Problem> {
    api.store.remove_webhook(id, &by, api.live.now()).await?;
    Ok(Json(Removed { removed: id, warnings: Vec::new() }))
}

/// Try whether deliveries arrive
///
/// Sends one of the event `test` now, whatever is queued; it is not tried again. A few at once, then
/// one now and then.
#[utoipa::path(post, path = "/webhooks/{id}/test", tag = "webhooks", operation_id = "test_webhook",
    params(("id" = i64, Path)),
    responses((status = 200, description = "How it was answered", body = WebhookTest), Problems))]
async fn test(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Json<WebhookTest>, Problem> {
    let (hook, secret) = api.store.webhook(id, &by.viewer).await?;
    api.tries.count(Tried::Webhook(id))?;
    let now = api.live.now();
    let payload = test_payload(&api.live.world().tree, &hook, now).map_err(failed)?;
    let due = Due { id: 0, url: hook.url, secret, trusted: hook.trusted, payload };
    let attempt = api.courier.send(&due, now).await;
    Ok(Json(WebhookTest { id, status: attempt.status, error: attempt.error }))
}

/// List the last deliveries of a webhook
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", tag = "webhooks",
    operation_id = "list_deliveries", params(("id" = i64, Path), Paging),
    responses((status = 200, description = "A page of deliveries, the newest first",
        body = Page<DeliveryRow>), Problems))]
async fn deliveries(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    paging: Paging,
) -> Result<Json<Page<DeliveryRow>>, Problem> {
    // One more tells whether there is a next page.
    let most = paging.limit() + 1;
    let found = api.store.deliveries(id, paging.after()?, most, &by.viewer).await?;
    Ok(Json(paging.page(found.into_iter().map(|one| (one.id, one)), DeliveryRow::of)))
}

fn failed(fault: String) -> Problem {
    tracing::error!(%fault, "a request of the API failed");
    Problem::of_status(StatusCode::INTERNAL_SERVER_ERROR)
}

impl WebhookRow {
    fn of(tree: &Tree, viewer: &Viewer, hook: Webhook) -> Self {
        Self {
            id: hook.id,
            group: hook.group.0,
            path: viewer.path_name(tree, hook.group),
            url: hook.url,
            events: hook.events.into_iter().map(HookEventWord).collect(),
            days: hook.days,
            enabled: hook.enabled,
            created_by: hook.created_by,
            created_at: hook.created_at.rfc3339(),
            dropped: hook.dropped,
        }
    }
}

impl DeliveryRow {
    fn of(one: Delivery) -> Self {
        let waits = one.state == "queued";
        Self {
            id: one.id,
            event: one.event,
            state: one.state,
            attempts: one.attempts,
            created_at: one.created_at.rfc3339(),
            next_attempt_at: waits.then(|| one.next_attempt_at.rfc3339()),
            last_status: one.last_status,
            last_error: one.last_error,
            payload: serde_json::from_str(&one.payload).unwrap_or_default(),
        }
    }
}
