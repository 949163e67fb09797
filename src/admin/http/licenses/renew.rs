//! Many licenses get a new end, together or not at all; the preview shows each, and every obstacle.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::license::distribution::Change;
use crate::license::{GroupId, License, LicenseId, Moment, Tree, Validity, Viewer};
use crate::store::{self, Author};
use crate::view::{self, RenewedRow};

use super::super::body::Body;
use super::super::caller::Caller;
use super::super::fields::Instant;
use super::super::problem::{ObstacleRow, Problem, Problems};
use super::super::writes::{Asked, WarningRow};
use super::super::{Api, names};
use super::seen;

/// Licenses that are named one by one, at most.
const IDS: usize = 10_000;

/// Which licenses get which end.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RenewBody {
    /// Those of this group, of all below it and of the users in them; this or `ids`.
    #[serde(default)]
    below: Option<i64>,
    /// These.
    #[serde(default)]
    #[schema(max_items = 10000)]
    ids: Option<Vec<i64>>,
    /// Only those that end before this instant; with `below` it must be there.
    #[serde(default)]
    ending_before: Option<Instant>,
    /// The new end.
    until: Instant,
    /// Only say what would come of it.
    #[serde(default)]
    #[schema(required = false)]
    dry_run: bool,
}

/// What was renewed, or would be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Renewal {
    pub dry_run: bool,
    pub licenses: Vec<RenewedRow>,
    /// What the renewal does not fit; only in a dry run, else it is a problem.
    pub obstacles: Vec<ObstacleRow>,
    /// Why it would be refused, in words.
    pub refused: Option<String>,
    pub warnings: Vec<WarningRow>,
}

/// Which licenses, with everything resolved.
#[derive(Clone)]
enum Which {
    Below(GroupId, Moment),
    Ids(BTreeSet<LicenseId>, Option<Moment>),
}

/// Renew licenses
///
/// All of them get the new end in one transaction, or none does.
#[utoipa::path(post, path = "/licenses/renew", tag = "licenses", operation_id = "renew_licenses",
    params(("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = RenewBody,
    responses((status = 200, description = "What was renewed, or would be", body = Renewal),
        Problems))]
pub(super) async fn renew(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    asked: Asked,
    Body(body): Body<RenewBody>,
) -> Result<Json<Renewal>, Problem> {
    let world = api.live.world();
    let (which, until) = body.resolve(&world.tree, &by.viewer, api.live.now())?;
    if body.dry_run {
        return preview(&api, &by, &world.tree, which.change(&world.tree, until)).await.map(Json);
    }
    let mut licenses = Vec::new();
    let make = |tree: &Tree| {
        let change = which.change(tree, until);
        licenses = view::renewal(tree, &by.viewer, &change);
        Ok::<_, store::Error>(change)
    };
    let done = api.compose(&by, &asked, false, make).await?;
    let (obstacles, warnings) = (Vec::new(), done.warnings);
    Ok(Json(Renewal { dry_run: false, licenses, obstacles, refused: None, warnings }))
}

async fn preview(api: &Api, by: &Author, tree: &Tree, change: Change) -> Result<Renewal, Problem> {
    let licenses = view::renewal(tree, &by.viewer, &change);
    match api.preview(by, &Asked::default(), false, change).await {
        Ok(warnings) => {
            let obstacles = Vec::new();
            Ok(Renewal { dry_run: true, licenses, obstacles, refused: None, warnings })
        }
        Err(problem) => {
            let (refused, obstacles) = problem.refusal()?;
            Ok(Renewal { dry_run: true, licenses, obstacles, refused, warnings: Vec::new() })
        }
    }
}

impl RenewBody {
    fn resolve(
        &self,
        tree: &Tree,
        viewer: &Viewer,
        now: Moment,
    ) -> Result<(Which, Moment), Problem> {
        let instant = |field: &str, instant: &Instant, zone| {
            instant.resolve(zone, now).map_err(|fault| Problem::field(field, fault))
        };
        match (self.below, &self.ids) {
            (Some(top), None) => {
                let top = names::group(tree, viewer, top)?.id;
                let zone = tree.zone_of(top);
                let before = self.ending_before.as_ref();
                let before =
                    before.ok_or_else(|| Problem::field("ending_before", "it must be there"))?;
                let before = instant("ending_before", before, zone)?;
                Ok((Which::Below(top, before), instant("until", &self.until, zone)?))
            }
            (None, Some(ids)) if ids.is_empty() || ids.len() > IDS => {
                Err(Problem::field("ids", format!("name 1 to {IDS}")))
            }
            (None, Some(ids)) => {
                let licenses: Vec<&License> =
                    ids.iter().map(|id| seen(tree, viewer, *id)).collect::<Result<_, _>>()?;
                let first = licenses.first().map(|license| license.holder);
                let zone = first.map_or(chrono_tz::Tz::UTC, |holder| tree.zone_of_holder(holder));
                let before = self.ending_before.as_ref();
                let before = before.map(|before| instant("ending_before", before, zone));
                let ids = licenses.iter().map(|license| license.id).collect();
                let which = Which::Ids(ids, before.transpose()?);
                Ok((which, instant("until", &self.until, zone)?))
            }
            _ => Err(Problem::field("below", "name either a group or ids")),
        }
    }
}

impl Which {
    fn change(&self, tree: &Tree, until: Moment) -> Change {
        match self {
            Self::Below(top, before) => Change::renewal(tree, *top, *before, until),
            Self::Ids(ids, before) => {
                let licenses = ids.iter().filter_map(|id| tree.license(*id)).filter(|license| {
                    let ends = |before| license.validity.until.is_some_and(|until| until < before);
                    before.is_none_or(ends)
                });
                let renewed = licenses.map(|license| {
                    let validity = Validity { until: Some(until), ..license.validity };
                    Change::EditLicense(License { validity, ..license.clone() })
                });
                Change::All(renewed.collect())
            }
        }
    }
}
