//! The record of changes: what was changed, by whom, from where. It is only ever read here.

mod export;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::{GroupId, Moment, SERVER, Tree, Viewer};
use crate::store::{AuditQuery, AuditRow};

use super::caller::Caller;
use super::fields::{Instant, Needle};
use super::paging::{Page, Paging};
use super::params::Query;
use super::problem::{Problem, Problems};
use super::{Api, names};

/// One thing that changed.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct AuditEntry {
    pub id: i64,
    pub at: String,
    /// `cli:root`, `user:anna`, `token:ci`.
    pub who: String,
    /// `cli`, or the address that it was asked from.
    pub from: String,
    /// `add`, `edit`, `move`, `remove`, `suspend`, `resume` and others.
    pub action: String,
    /// `group`, `user`, `license`, `number`, `claim`, `reminder`, `webhook` and others.
    pub entity: String,
    pub entity_id: Option<i64>,
    /// What it is called.
    pub name: String,
    /// What it was; null where it was nothing, or stood where you don't see it.
    #[schema(value_type = Option<Object>)]
    pub before: Option<Value>,
    /// What it is since; null where it is nothing, or stands where you don't see it.
    #[schema(value_type = Option<Object>)]
    pub after: Option<Value>,
    /// Whether it was written although it did not fit.
    pub forced: bool,
}

/// Which changes.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditFilter {
    /// What happened in this group and below it.
    group: Option<i64>,
    /// `user:anna`, as it is.
    who: Option<Needle>,
    /// `group`, `user`, `license` and others.
    entity: Option<Needle>,
    entity_id: Option<i64>,
    /// From this instant on.
    since: Option<Instant>,
    /// Before this instant.
    until: Option<Instant>,
}

/// The routes of the record of changes.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list)).routes(routes!(export::csv))
}

/// List what was changed
///
/// For administrators: what happened in their groups and below, the newest first.
#[utoipa::path(get, path = "/audit", tag = "audit", operation_id = "list_audit",
    params(AuditFilter, Paging),
    responses((status = 200, description = "A page of changes, the newest first",
        body = Page<AuditEntry>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<AuditFilter>,
    paging: Paging,
) -> Result<Json<Page<AuditEntry>>, Problem> {
    let world = api.live.world();
    let mut query = filter.query(&world.tree, &by.viewer, api.live.now())?;
    query.before_id = paging.after()?;
    // One more tells whether there is a next page.
    query.limit = paging.limit() + 1;
    let found = api.store.audit(&query, &by.viewer).await?;
    let placed = found.into_iter().map(|row| (row.id, row));
    Ok(Json(paging.page(placed, AuditEntry::of)))
}

impl AuditFilter {
    fn query(self, tree: &Tree, viewer: &Viewer, now: Moment) -> Result<AuditQuery, Problem> {
        let under = self.group.map(|id| match tree.group(GroupId(id)) {
            // What was removed has a record that only the server's administrators may place.
            None if viewer.is_server() => Ok(GroupId(id)),
            _ => names::group(tree, viewer, id).map(|group| group.id),
        });
        let under = under.transpose()?;
        let zone = tree.zone_of(under.unwrap_or(SERVER));
        let instant = |name: &str, text: Option<Instant>| {
            let read = text.map(|text| text.resolve(zone, now)).transpose();
            read.map_err(|fault| Problem::parameter(name, fault))
        };
        Ok(AuditQuery {
            under,
            who: self.who.map(|Needle(text)| text),
            entity: self.entity.map(|Needle(text)| text),
            entity_id: self.entity_id,
            since: instant("since", self.since)?,
            until: instant("until", self.until)?,
            before_id: None,
            limit: 0,
        })
    }
}

impl AuditEntry {
    fn of(row: AuditRow) -> Self {
        Self {
            id: row.id,
            at: row.at.rfc3339(),
            who: row.who,
            from: row.from,
            action: row.action,
            entity: row.entity,
            entity_id: row.entity_id,
            name: row.name,
            before: row.before,
            after: row.after,
            forced: row.forced,
        }
    }
}
