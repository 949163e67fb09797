//! How a request writes: under whose name, from what state, once or each time, in earnest or to see
//! what would come of it. Then it waits until the daemon knows what was written.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Json;
use axum::body::{self, Body};
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{ETAG, IF_MATCH, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use crate::license::distribution::{Change, Warning, WarningKind};
use crate::license::{Moment, Tree, Usage, World};
use crate::store::{self, Author, Once, Terms, Written};

use super::Api;
use super::body::BODY_MAX;
use super::problem::Problem;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Characters of a key, at most.
const KEY_MAX: usize = 255;

/// What the headers say of a write.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// The tag of `If-Match`.
    expect: Option<String>,
    /// The key of `Idempotency-Key`, with what was sent under it.
    once: Option<Once>,
}

/// What the query says of a write.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Flags {
    /// Write what would be refused, where the rules allow force.
    #[serde(default)]
    #[param(required = false)]
    pub force: bool,
    /// Only say what would come of it.
    #[serde(default)]
    #[param(required = false)]
    pub dry_run: bool,
}

/// Whether to write at all.
#[derive(Clone, Copy, Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DryRun {
    /// Only say what would come of it.
    #[serde(default)]
    #[param(required = false)]
    pub dry_run: bool,
}

/// What came of a write.
#[derive(Debug)]
pub struct Done {
    /// The ids of new records, in order.
    pub ids: Vec<i64>,
    pub warnings: Vec<WarningRow>,
    /// The records with what was written, unless the daemon lags behind by more than a second.
    pub world: Arc<World>,
}

/// Something about an accepted write that its author should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct WarningRow {
    /// `over`: more is promised than there is; `revokes`: seats end; `removes`: records go along.
    pub kind: String,
    pub gate: String,
    pub resource: String,
    /// By how much, or how many; null where the gate is not yours to see.
    pub by: Option<i64>,
    pub at: String,
    pub text: String,
}

/// A record as written, with what is to be known of it.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Recorded<T> {
    #[serde(flatten)]
    pub record: T,
    pub warnings: Vec<WarningRow>,
}

/// What would come of a write.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Preview {
    /// Always true: nothing was written.
    pub dry_run: bool,
    pub warnings: Vec<WarningRow>,
}

/// What a removal took along.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Removed {
    pub removed: i64,
    pub warnings: Vec<WarningRow>,
}

/// What went, or would go.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape of the description alone")]
#[serde(untagged)]
pub enum RemovedOrPreview {
    Removed(Removed),
    Preview(Preview),
}

/// A record with its tag.
#[derive(Debug)]
pub struct Tagged<T>(pub String, pub T);

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        (tag_header(&self.0), Json(self.1)).into_response()
    }
}

/// A new record: where it is, its tag, and itself.
fn created(place: &str, tag: &str, body: impl Serialize) -> Response {
    let place = [(LOCATION, format!("{}{place}", super::describe::ROOT))];
    (StatusCode::CREATED, place, tag_header(tag), Json(body)).into_response()
}

fn tag_header(tag: &str) -> [(HeaderName, String); 1] {
    [(ETAG, format!("\"{tag}\""))]
}

impl Preview {
    /// As an answer.
    pub fn of(warnings: Vec<WarningRow>) -> Response {
        Json(Self { dry_run: true, warnings }).into_response()
    }
}

impl Asked {
    /// The terms of a write by somebody.
    pub fn terms<'a>(
        &'a self,
        by: &'a Author,
        force: bool,
        (at, usage): (Moment, &'a (dyn Usage + Sync)),
    ) -> Terms<'a> {
        let (expect, once) = (self.expect.as_deref(), self.once.as_ref());
        Terms { at, force, usage, by, expect, once }
    }
}

impl Api {
    /// Writes a change.
    pub async fn write(
        &self,
        by: &Author,
        asked: &Asked,
        force: bool,
        change: Change,
    ) -> Result<Done, Problem> {
        self.compose(by, asked, force, |_| Ok(change)).await
    }

    /// Writes what `make` makes of the records as they are under the writer's lock.
    pub async fn compose(
        &self,
        by: &Author,
        asked: &Asked,
        force: bool,
        make: impl FnOnce(&Tree) -> store::Result<Change>,
    ) -> Result<Done, Problem> {
        let known = self.live.world();
        let usage = self.live.in_use(&known);
        let terms = asked.terms(by, force, (self.live.now(), &usage));
        self.done(self.store.compose(make, terms).await).await
    }

    /// Adds a record under `place` and answers with what `record` says of it and its tag, or says what
    /// would come of it.
    pub async fn add<T: Serialize>(
        &self,
        by: &Author,
        asked: &Asked,
        dry_run: bool,
        change: Change,
        (place, record): (&str, impl FnOnce(i64, Done) -> Result<(String, Recorded<T>), Problem>),
    ) -> Result<Response, Problem> {
        if dry_run {
            return Ok(Preview::of(self.preview(by, asked, false, change).await?));
        }
        let done = self.write(by, asked, false, change).await?;
        let id = done.ids.first().copied().unwrap_or_default();
        let (tag, record) = record(id, done)?;
        Ok(created(&format!("{place}/{id}"), &tag, record))
    }

    /// Removes a record, or says what would go along.
    pub async fn remove(
        &self,
        by: &Author,
        asked: &Asked,
        Flags { force, dry_run }: Flags,
        id: i64,
        change: Change,
    ) -> Result<Response, Problem> {
        if dry_run {
            return Ok(Preview::of(self.preview(by, asked, force, change).await?));
        }
        let Done { warnings, .. } = self.write(by, asked, force, change).await?;
        Ok(Json(Removed { removed: id, warnings }).into_response())
    }

    /// Waits until the daemon knows what was written, and says what came of it.
    pub async fn done(&self, written: store::Result<Written<Vec<i64>>>) -> Result<Done, Problem> {
        let Written { id, warnings, mark, .. } = written?;
        self.live.followed(mark).await;
        Ok(Done { ids: id, warnings: rows(&warnings), world: self.live.world() })
    }

    /// Says what `write` would say, and writes nothing.
    pub async fn preview(
        &self,
        by: &Author,
        asked: &Asked,
        force: bool,
        change: Change,
    ) -> Result<Vec<WarningRow>, Problem> {
        let known = self.live.world();
        let usage = self.live.in_use(&known);
        let expect = asked.expect.as_deref();
        let terms = Terms { at: self.live.now(), force, usage: &usage, by, expect, once: None };
        Ok(rows(&self.store.preview(change, terms).await?))
    }
}

fn rows(warnings: &[Warning]) -> Vec<WarningRow> {
    warnings.iter().map(WarningRow::of).collect()
}

impl WarningRow {
    fn of(warning: &Warning) -> Self {
        let kind = match warning.kind {
            WarningKind::Over => "over",
            WarningKind::Revokes => "revokes",
            WarningKind::Removes => "removes",
        };
        Self {
            kind: kind.to_owned(),
            gate: warning.gate.clone(),
            resource: warning.resource.clone(),
            by: warning.by,
            at: warning.at.rfc3339(),
            text: warning.text.clone(),
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let expect = match parts.headers.get(IF_MATCH) {
            Some(value) => expected(value)?,
            None => None,
        };
        Ok(Self { expect, once: parts.extensions.get::<Once>().cloned() })
    }
}

/// The tag in quotes; `*` is any.
fn expected(value: &HeaderValue) -> Result<Option<String>, Problem> {
    let wrong = || Problem::parameter("If-Match", "write the ETag of the record, or *");
    let text = value.to_str().map_err(|_| wrong())?.trim();
    if text == "*" {
        return Ok(None);
    }
    let tag = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).ok_or_else(wrong)?;
    let fits = !tag.is_empty() && tag.len() <= 64 && !tag.contains('"');
    if fits { Ok(Some(tag.to_owned())) } else { Err(wrong()) }
}

/// A write with a key: what was sent under it is read here, so that the same key with something else is
/// told from a repetition.
pub async fn keyed(request: Request, next: Next) -> Result<Response, Infallible> {
    let Some(key) = request.headers().get(IDEMPOTENCY_KEY).cloned() else {
        return Ok(next.run(request).await);
    };
    Ok(match once(&key, request).await {
        Ok(request) => next.run(request).await,
        Err(problem) => problem.into_response(),
    })
}

async fn once(key: &HeaderValue, request: Request) -> Result<Request, Problem> {
    let wrong = || {
        let told = format!("write 1 to {KEY_MAX} visible characters");
        Problem::parameter("Idempotency-Key", told)
    };
    let key = key.to_str().map_err(|_| wrong())?.trim().to_owned();
    if key.is_empty() || key.len() > KEY_MAX {
        return Err(wrong());
    }
    let (mut parts, sent) = request.into_parts();
    let too_long = |_| Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE);
    let sent = body::to_bytes(sent, BODY_MAX).await.map_err(too_long)?;
    let mut digest = Sha256::new();
    for piece in [parts.method.as_str().as_bytes(), parts.uri.to_string().as_bytes(), &sent[..]] {
        digest.update(piece.len().to_be_bytes());
        digest.update(piece);
    }
    parts.extensions.insert(Once { key, digest: digest.finalize().to_vec() });
    Ok(Request::from_parts(parts, Body::from(sent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_read_with_its_quotes() {
        let read = |text: &'static str| expected(&HeaderValue::from_static(text));

        assert_eq!(read("\"0a1b\""), Ok(Some("0a1b".into())));
        assert_eq!(read("*"), Ok(None));
        for wrong in ["0a1b", "\"", "\"\"", "W/\"0a1b\"", "\"a\", \"b\""] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
