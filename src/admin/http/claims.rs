//! Claims: numbers that a group owns by domain, range or source address.

use std::net::IpAddr;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::license::distribution::Change;
use crate::license::{Claim, ClaimId, ClaimRule, GroupId, Holder, Tree, Viewer, World};
use crate::store::{Record, Written, tag};

use super::body::{Body, Object};
use super::caller::Caller;
use super::fields::{Address, Digits, Domain, KindWord};
use super::paging::{Page, Paging};
use super::params::{Path, Query};
use super::problem::{Problem, Problems};
use super::writes::{Asked, Done, DryRun, Flags, Preview, Recorded, RemovedOrPreview, Tagged};
use super::{Api, names};

/// A claim.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClaimRow {
    pub id: i64,
    pub group: i64,
    pub path: String,
    /// What its numbers are used for.
    pub kind: KindWord,
    pub domain: Option<String>,
    /// The user parts; null: all of the domain.
    pub range: Option<RangeRow>,
    /// The source address of calls.
    pub address: Option<String>,
}

/// User parts of digits, both ends included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct RangeRow {
    pub first: String,
    pub last: String,
}

/// Which claims.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ClaimFilter {
    /// Those of this group.
    group: Option<i64>,
    /// And of all groups below it.
    #[serde(default)]
    #[param(required = false)]
    below: bool,
    /// The one that covers this number most closely.
    #[param(max_length = 300)]
    number: Option<String>,
}

/// A new claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClaimBody {
    group: i64,
    #[serde(default)]
    kind: Option<KindWord>,
    /// A SIP domain; this or `address`.
    #[serde(default)]
    domain: Option<Domain>,
    /// User parts in the domain; without it all of them.
    #[serde(default)]
    #[schema(required = false, value_type = Option<RangeBody>)]
    range: Option<Object<RangeBody>>,
    /// The source address of calls; this or `domain`.
    #[serde(default)]
    address: Option<Address>,
}

/// User parts of digits of one length, both ends included.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct RangeBody {
    first: Digits,
    last: Digits,
}

/// What changes of a claim.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct ClaimPatch {
    kind: KindWord,
}

/// A claim, or what would come of the write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape of the description alone")]
#[serde(untagged)]
enum ClaimOrPreview {
    Claim(Recorded<ClaimRow>),
    Preview(Preview),
}

/// The routes of claims.
pub(super) fn routes() -> OpenApiRouter<Arc<Api>> {
    OpenApiRouter::default().routes(routes!(list, add)).routes(routes!(one, edit, remove))
}

/// List claims
#[utoipa::path(get, path = "/claims", tag = "claims", operation_id = "list_claims",
    params(ClaimFilter, Paging),
    responses((status = 200, description = "A page of claims", body = Page<ClaimRow>), Problems))]
async fn list(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(filter): Query<ClaimFilter>,
    paging: Paging,
) -> Result<Json<Page<ClaimRow>>, Problem> {
    let world = api.live.world();
    let (tree, viewer) = (&world.tree, &by.viewer);
    let top = filter.group.map(|id| names::group(tree, viewer, id).map(|group| group.id));
    let top = top.transpose()?;
    if top.is_none() && filter.below {
        return Err(Problem::parameter("below", "name the group"));
    }
    let over = filter.number.as_deref().map(|text| api.live.number(text)).transpose();
    let over = over.map_err(|fault| Problem::parameter("number", fault))?;
    let after: i64 = paging.after()?.unwrap_or(0);
    let stands = |group: GroupId| match top {
        None => true,
        Some(top) if filter.below => tree.stands_under(group, top),
        Some(top) => group == top,
    };
    let mut found: Vec<&Claim> = match &over {
        Some(aor) => world.directory.claim_over(aor).into_iter().collect(),
        None => world.directory.claims().collect(),
    };
    found.retain(|claim| {
        claim.id.0 > after && stands(claim.group) && viewer.sees(tree, Holder::Group(claim.group))
    });
    found.sort_unstable_by_key(|claim| claim.id);
    let found = found.into_iter().map(|claim| (claim.id, claim));
    Ok(Json(paging.page(found, |claim| ClaimRow::of(tree, viewer, claim))))
}

/// Show a claim
#[utoipa::path(get, path = "/claims/{id}", tag = "claims", operation_id = "show_claim",
    params(("id" = i64, Path)),
    responses((status = 200, description = "The claim", body = ClaimRow,
        headers(("ETag" = String, description = "For If-Match"))), Problems))]
async fn one(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
) -> Result<Tagged<ClaimRow>, Problem> {
    let world = api.live.world();
    let claim = seen(&world, &by.viewer, id)?;
    Ok(Tagged(tag(Record::Claim(claim)), ClaimRow::of(&world.tree, &by.viewer, claim)))
}

/// Give a group numbers by a claim
///
/// Server administrators claim anything that is free, everybody else ranges within a claim of their own
/// group or one above.
#[utoipa::path(post, path = "/claims", tag = "claims", operation_id = "add_claim",
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = ClaimBody,
    responses((status = 201, description = "The claim", body = Recorded<ClaimRow>,
        headers(("ETag" = String), ("Location" = String))),
        (status = 200, description = "What would come of it", body = Preview), Problems))]
async fn add(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<ClaimBody>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let group = names::group_in(&world.tree, &by.viewer, body.group, "group")?.id;
    let kind = body.kind.map(|KindWord(kind)| kind).unwrap_or_default();
    let claim = Claim { id: ClaimId(0), group, rule: body.rule(&api)?, kind };
    let change = Change::AddClaim(claim);
    let record = |id, done| recorded(&by.viewer, id, done);
    api.add(&by, &asked, dry_run, change, ("/claims", record)).await
}

/// Change what a claim's numbers are used for
#[utoipa::path(patch, path = "/claims/{id}", tag = "claims", operation_id = "edit_claim",
    params(("id" = i64, Path), DryRun, ("If-Match" = Option<String>, Header, max_length = 66)),
    request_body = ClaimPatch,
    responses((status = 200, description = "The claim, or what would come of it",
        body = inline(ClaimOrPreview), headers(("ETag" = String))), Problems))]
async fn edit(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(ClaimPatch { kind: KindWord(kind) }): Body<ClaimPatch>,
) -> Result<Response, Problem> {
    let claim = seen(&api.live.world(), &by.viewer, id)?.clone();
    if dry_run {
        let changes =
            vec![Change::RemoveClaim(claim.id), Change::AddClaim(Claim { kind, ..claim })];
        let change = Change::All(changes);
        return Ok(Preview::of(api.preview(&by, &asked, false, change).await?));
    }
    let world = api.live.world();
    let usage = api.live.in_use(&world);
    let terms = asked.terms(&by, false, (api.live.now(), &usage));
    let written = api.store.edit_claim(claim.id, |claim| claim.kind = kind, terms).await;
    let written = written.map(|Written { id, warnings, mark, replayed }| Written {
        id: vec![id.0],
        warnings,
        mark,
        replayed,
    });
    let done = api.done(written).await?;
    let (tag, claim) = recorded(&by.viewer, id, done)?;
    Ok(Tagged(tag, claim).into_response())
}

/// Remove a claim
///
/// Its numbers become unknown.
#[utoipa::path(delete, path = "/claims/{id}", tag = "claims", operation_id = "remove_claim",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    responses((status = 200, description = "What went, or would go",
        body = inline(RemovedOrPreview)), Problems))]
async fn remove(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(flags): Query<Flags>,
    asked: Asked,
) -> Result<Response, Problem> {
    let change = Change::RemoveClaim(seen(&api.live.world(), &by.viewer, id)?.id);
    api.remove(&by, &asked, flags, id, change).await
}

/// A claim that the viewer may know of.
fn seen<'w>(world: &'w World, viewer: &Viewer, id: i64) -> Result<&'w Claim, Problem> {
    let found = world.directory.claim(ClaimId(id));
    let found = found.filter(|claim| viewer.sees(&world.tree, Holder::Group(claim.group)));
    found.ok_or_else(Problem::not_found)
}

fn recorded(
    viewer: &Viewer,
    id: i64,
    Done { warnings, world, .. }: Done,
) -> Result<(String, Recorded<ClaimRow>), Problem> {
    let claim = seen(&world, viewer, id)?;
    let record = ClaimRow::of(&world.tree, viewer, claim);
    Ok((tag(Record::Claim(claim)), Recorded { record, warnings }))
}

impl ClaimBody {
    /// What it covers; the domain that an alias means.
    fn rule(self, api: &Api) -> Result<ClaimRule, Problem> {
        let (domain, address) = match (self.domain, self.address) {
            (Some(domain), None) => (Some(domain), None),
            (None, Some(address)) => (None, Some(address)),
            _ => return Err(Problem::field("domain", "name either a domain or an address")),
        };
        if let Some(Address(text)) = address {
            if self.range.is_some() {
                return Err(Problem::field("range", "a range is one of a domain"));
            }
            let address: Result<IpAddr, _> = text.parse();
            let address =
                address.map_err(|_| Problem::field("address", "this is no IP address"))?;
            return Ok(ClaimRule::Address { address: address.to_canonical() });
        }
        let Domain(domain) = domain.unwrap_or_default();
        let spelled = api.live.number(&format!("sip:0@{domain}"));
        let spelled = spelled.map_err(|_| Problem::field("domain", "this is no domain"))?;
        let domain = spelled.trim_start_matches("sip:0@").to_owned();
        let (rule, field) = match self.range {
            None => (ClaimRule::Domain { domain }, "domain"),
            Some(Object(RangeBody { first, last })) => {
                (ClaimRule::Range { domain, first: first.0, last: last.0 }, "range")
            }
        };
        match rule.fault() {
            Some(fault) => Err(Problem::field(field, fault)),
            None => Ok(rule),
        }
    }
}

impl ClaimRow {
    /// A claim as its reader may know it.
    pub fn of(tree: &Tree, viewer: &Viewer, claim: &Claim) -> Self {
        let (domain, range, address) = match &claim.rule {
            ClaimRule::Domain { domain } => (Some(domain.clone()), None, None),
            ClaimRule::Range { domain, first, last } => {
                let range = RangeRow { first: first.clone(), last: last.clone() };
                (Some(domain.clone()), Some(range), None)
            }
            ClaimRule::Address { address } => (None, None, Some(address.to_string())),
        };
        Self {
            id: claim.id.0,
            group: claim.group.0,
            path: viewer.path_name(tree, claim.group),
            kind: KindWord(claim.kind),
            domain,
            range,
            address,
        }
    }
}
