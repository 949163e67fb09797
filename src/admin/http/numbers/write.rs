//! Numbers are created, one or many at once, changed and removed. A password goes in and never out.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::license::distribution::Change;
use crate::license::{Holder, Number, NumberId, Tree, Viewer};
use crate::store::{Record, Written, tag};

use super::super::body::{Body, Object, Patch};
use super::super::caller::Caller;
use super::super::fields::{KindWord, NumberText, SipPassword};
use super::super::params::{Path, Query};
use super::super::problem::{Problem, Problems};
use super::super::writes::{
    Asked, Done, DryRun, Flags, Preview, Recorded, RemovedOrPreview, Tagged, WarningRow,
};
use super::super::{Api, names};
use super::{NumberRow, kind_or_default, seen, spelled};

/// Numbers of one write, at most.
const MOST: usize = 1_000;

/// A new number.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberBody {
    number: NumberText,
    /// The group that owns it; this or `user`.
    #[serde(default)]
    group: Option<i64>,
    /// The user who owns it; this or `group`.
    #[serde(default)]
    user: Option<i64>,
    #[serde(default)]
    kind: Option<KindWord>,
    /// For the built-in registrar; never shown.
    #[serde(default)]
    password: Option<SipPassword>,
}

/// New numbers: all of them, or none.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NumbersBody {
    #[schema(value_type = Vec<NumberBody>, min_items = 1, max_items = 1000)]
    numbers: Vec<Object<NumberBody>>,
}

/// What changes of a number; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NumberPatch {
    /// The group that gets it; this or `user`.
    #[serde(default)]
    group: Option<i64>,
    /// The user who gets it; this or `group`.
    #[serde(default)]
    user: Option<i64>,
    #[serde(default)]
    kind: Option<KindWord>,
    /// Null: none.
    #[serde(default)]
    #[schema(required = false, value_type = Option<SipPassword>)]
    password: Patch<SipPassword>,
}

/// The numbers that were created.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NumbersMade {
    items: Vec<NumberRow>,
    warnings: Vec<WarningRow>,
}

/// A number, or what would come of the write.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape of the description alone")]
#[serde(untagged)]
pub(super) enum NumberOrPreview {
    Number(Recorded<NumberRow>),
    Preview(Preview),
}

/// Create a number
#[utoipa::path(post, path = "/numbers", tag = "numbers", operation_id = "add_number",
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = NumberBody,
    responses((status = 201, description = "The number", body = Recorded<NumberRow>,
        headers(("ETag" = String), ("Location" = String))),
        (status = 200, description = "What would come of it", body = Preview), Problems))]
pub(super) async fn add(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<NumberBody>,
) -> Result<Response, Problem> {
    let change = Change::AddNumbers(vec![body.number(&api, &by.viewer, "")?]);
    let record = |id, done| recorded(&by.viewer, id, done);
    api.add(&by, &asked, dry_run, change, ("/numbers", record)).await
}

/// Create many numbers
///
/// All of them, or none.
#[utoipa::path(post, path = "/numbers/batch", tag = "numbers", operation_id = "add_numbers",
    params(DryRun, ("Idempotency-Key" = Option<String>, Header, max_length = 255)),
    request_body = NumbersBody,
    responses((status = 201, description = "The numbers", body = NumbersMade),
        (status = 200, description = "What would come of it", body = Preview), Problems))]
pub(super) async fn add_many(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Query(DryRun { dry_run }): Query<DryRun>,
    asked: Asked,
    Body(body): Body<NumbersBody>,
) -> Result<Response, Problem> {
    if body.numbers.is_empty() || body.numbers.len() > MOST {
        return Err(Problem::field("numbers", format!("there are 1 to {MOST}")));
    }
    let numbered = body.numbers.into_iter().enumerate();
    let numbers: Result<Vec<Number>, Problem> = numbered
        .map(|(at, Object(body))| body.number(&api, &by.viewer, &format!("numbers[{at}].")))
        .collect();
    let change = Change::AddNumbers(numbers?);
    if dry_run {
        return Ok(Preview::of(api.preview(&by, &asked, false, change).await?));
    }
    let Done { ids, warnings, world } = api.write(&by, &asked, false, change).await?;
    let found = ids.into_iter().filter_map(|id| world.directory.number(NumberId(id)));
    let items = found.map(|(aor, entry)| NumberRow::of(&world.tree, &by.viewer, aor, entry));
    let made = NumbersMade { items: items.collect(), warnings };
    Ok((StatusCode::CREATED, Json(made)).into_response())
}

/// Change a number
///
/// With another owner it moves.
#[utoipa::path(patch, path = "/numbers/{id}", tag = "numbers", operation_id = "edit_number",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    request_body = NumberPatch,
    responses((status = 200, description = "The number, or what would come of it",
        body = inline(NumberOrPreview), headers(("ETag" = String))), Problems))]
pub(super) async fn edit(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(Flags { force, dry_run }): Query<Flags>,
    asked: Asked,
    Body(patch): Body<NumberPatch>,
) -> Result<Response, Problem> {
    let world = api.live.world();
    let (aor, entry) = seen(&world, &by.viewer, id)?;
    let owner = match (patch.group, patch.user) {
        (None, None) => None,
        named => Some(owner(&world.tree, &by.viewer, named, "")?),
    };
    if dry_run {
        let (aor, password) = (aor.to_owned(), entry.has_password.then(String::new));
        let kind = entry.kind;
        let mut number = Number { id: entry.id, aor, owner: entry.owner, kind, password };
        patch.apply(owner, &mut number);
        // Whether there is one is all that is known of it here, and none is written.
        number.password = None;
        let change = Change::EditNumber(number);
        return Ok(Preview::of(api.preview(&by, &asked, force, change).await?));
    }
    let usage = api.live.in_use(&world);
    let terms = asked.terms(&by, force, (api.live.now(), &usage));
    let edit = |number: &mut Number| patch.apply(owner, number);
    let written = api.store.edit_number(entry.id, edit, terms).await;
    let written = written.map(|Written { id, warnings, mark, replayed }| Written {
        id: vec![id.0],
        warnings,
        mark,
        replayed,
    });
    let done = api.done(written).await?;
    let (tag, number) = recorded(&by.viewer, id, done)?;
    Ok(Tagged(tag, number).into_response())
}

/// Remove a number
#[utoipa::path(delete, path = "/numbers/{id}", tag = "numbers", operation_id = "remove_number",
    params(("id" = i64, Path), Flags, ("If-Match" = Option<String>, Header, max_length = 66)),
    responses((status = 200, description = "What went, or would go",
        body = inline(RemovedOrPreview)), Problems))]
pub(super) async fn remove(
    State(api): State<Arc<Api>>,
    Caller(by): Caller,
    Path(id): Path<i64>,
    Query(flags): Query<Flags>,
    asked: Asked,
) -> Result<Response, Problem> {
    let (_, entry) = seen(&api.live.world(), &by.viewer, id)?;
    let change = Change::RemoveNumbers(vec![entry.id]);
    api.remove(&by, &asked, flags, id, change).await
}

fn recorded(
    viewer: &Viewer,
    id: i64,
    Done { warnings, world, .. }: Done,
) -> Result<(String, Recorded<NumberRow>), Problem> {
    let (aor, entry) = seen(&world, viewer, id)?;
    let record = NumberRow::of(&world.tree, viewer, aor, entry);
    Ok((tag(Record::of_number((aor, entry))), Recorded { record, warnings }))
}

/// The owner that a body names: a group or a user, and seen.
fn owner(
    tree: &Tree,
    viewer: &Viewer,
    named: (Option<i64>, Option<i64>),
    place: &str,
) -> Result<Holder, Problem> {
    match named {
        (Some(id), None) => names::group_in(tree, viewer, id, &format!("{place}group"))
            .map(|group| Holder::Group(group.id)),
        (None, Some(id)) => names::user(tree, viewer, id)
            .map(|user| Holder::User(user.id))
            .map_err(|_| Problem::absent(format!("{place}user"), "there is no such user")),
        _ => Err(Problem::field(format!("{place}group"), "name either a group or a user")),
    }
}

impl NumberBody {
    /// The number, its place in the body being `place`.
    fn number(self, api: &Api, viewer: &Viewer, place: &str) -> Result<Number, Problem> {
        let world = api.live.world();
        Ok(Number {
            id: NumberId(0),
            aor: spelled(api, &self.number, &format!("{place}number"))?,
            owner: owner(&world.tree, viewer, (self.group, self.user), place)?,
            kind: kind_or_default(self.kind),
            password: self.password.map(|SipPassword(password)| password),
        })
    }
}

impl NumberPatch {
    fn apply(self, owner: Option<Holder>, number: &mut Number) {
        number.owner = owner.unwrap_or(number.owner);
        number.kind = self.kind.map_or(number.kind, |KindWord(kind)| kind);
        if let Some(password) = self.password.named() {
            number.password = password.map(|SipPassword(password)| password);
        }
    }
}
