//! Answers that are no success, as problem details (RFC 9457). One place turns what the store, the
//! rules and the framework say into a status, a type and a text.

use std::collections::BTreeMap;

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::openapi::{Content, RefOr, ResponseBuilder};
use utoipa::{IntoResponses, PartialSchema, ToSchema};

use crate::license::distribution::{Obstacle, Refused};
use crate::license::{Denial, Moment};
use crate::store;

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";
/// After how many seconds whoever found the database away may ask again.
const RETRY_SECS: u32 = 5;

/// Why a request was not done. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem(Box<Details>);

/// What a problem says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Details {
    /// Names the kind of problem: `urn:admitd:problem:refused` and others.
    #[serde(rename = "type")]
    #[schema(rename = "type")]
    pub kind: String,
    pub title: String,
    pub status: u16,
    /// What is wrong with this very request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub detail: Option<String>,
    /// The fields that are wrong.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldFault>,
    /// The sums that a write does not fit.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub obstacles: Vec<ObstacleRow>,
    /// Seconds after which to ask again; goes into the header.
    #[serde(skip)]
    #[schema(ignore)]
    retry_after: Option<u32>,
}

/// One field that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldFault {
    /// Its place in the body (`licenses[0].sip_numbers`), or the name of a parameter.
    pub field: String,
    pub message: String,
}

/// One sum that a write does not fit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ObstacleRow {
    /// A group's path, `/`, `user:NAME`, or where a gate stands that is not yours to see.
    pub gate: String,
    /// `sip_numbers`, `mobile_apps` or a feature.
    pub resource: String,
    /// The gate's allowance; null where it is not yours to see.
    pub granted: Option<i64>,
    /// What was left of it before the write.
    pub left: i64,
    /// What the write adds.
    pub asked: i64,
    /// The latest end with which the same would fit.
    pub last_date_that_fits: Option<String>,
}

impl Problem {
    /// A problem of one kind; `word` ends its type.
    fn new(status: StatusCode, word: &str, detail: impl Into<String>) -> Self {
        Self(Box::new(Details {
            kind: format!("urn:admitd:problem:{word}"),
            title: status.canonical_reason().unwrap_or("Problem").to_owned(),
            status: status.as_u16(),
            detail: Some(detail.into()),
            errors: Vec::new(),
            obstacles: Vec::new(),
            retry_after: None,
        }))
    }

    fn with_errors(mut self, errors: Vec<FieldFault>) -> Self {
        self.0.errors = errors;
        self
    }

    fn with_retry(mut self, secs: u32) -> Self {
        self.0.retry_after = Some(secs);
        self
    }

    /// The request cannot be read.
    pub fn unreadable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "unreadable", detail)
    }

    /// One field of the body has a value that it cannot have.
    pub fn field(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::fields(vec![FieldFault { field: field.into(), message: message.into() }])
    }

    /// A field of the body names what is not there, or not theirs to know of.
    pub fn absent(field: impl Into<String>, message: &str) -> Self {
        let fault = FieldFault { field: field.into(), message: message.to_owned() };
        let detail = format!("{}: {}", fault.field, fault.message);
        Self::new(StatusCode::NOT_FOUND, "not-found", detail).with_errors(vec![fault])
    }

    /// Fields of the body have values that they cannot have.
    pub fn fields(errors: Vec<FieldFault>) -> Self {
        let told = errors.iter().take(3).map(|one| format!("{}: {}", one.field, one.message));
        let detail = told.collect::<Vec<_>>().join("; ");
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", detail).with_errors(errors)
    }

    /// The same with the sums that do not fit.
    pub fn with_obstacles(mut self, obstacles: Vec<ObstacleRow>) -> Self {
        self.0.obstacles = obstacles;
        self
    }

    /// A parameter of the query or a header cannot be read.
    pub fn parameter(name: impl Into<String>, message: impl Into<String>) -> Self {
        let fault = FieldFault { field: name.into(), message: message.into() };
        let detail = format!("{}: {}", fault.field, fault.message);
        Self::unreadable(detail).with_errors(vec![fault])
    }

    /// Nothing of that name or id, or not theirs to know whether there is.
    pub fn not_found() -> Self {
        let detail = "there is nothing of that name or id";
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// Seen, and not theirs to do.
    pub fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "this takes the right to do it")
    }

    /// Nobody signs in with these; which of them is wrong is not said.
    pub fn wrong_password() -> Self {
        let detail = "the user or the password is wrong";
        Self::new(StatusCode::UNAUTHORIZED, "unknown-caller", detail)
    }

    /// A link that is no link, or no longer.
    pub fn used_link() -> Self {
        let detail = "this link was used, replaced or has run out; `admitd setup` prints a new one";
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// Nobody we know asks.
    pub fn unknown_caller() -> Self {
        let detail = "sign in, or send a token that is valid: Authorization: Bearer TOKEN";
        Self::new(StatusCode::UNAUTHORIZED, "unknown-caller", detail)
    }

    /// A session's change came without the word that only its own pages know.
    pub fn forged() -> Self {
        let detail = "a change in a session takes its X-CSRF-Token";
        Self::new(StatusCode::FORBIDDEN, "csrf", detail)
    }

    /// Too often; may be asked again after so many seconds.
    pub fn too_often(retry_after: u32) -> Self {
        let detail = "too many attempts; wait before the next one";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "too-often", detail).with_retry(retry_after)
    }

    /// The database does not answer.
    pub fn away() -> Self {
        let detail = "the database does not answer; nothing was written";
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "away", detail).with_retry(RETRY_SECS)
    }

    /// A write that the state of things forbids.
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", detail)
    }

    /// A rule of distribution forbids it.
    pub fn refused(refused: &Refused) -> Self {
        let mut problem = Self::new(StatusCode::CONFLICT, "refused", &*refused.error);
        problem.0.obstacles = refused.obstacles.iter().map(ObstacleRow::of).collect();
        problem
    }

    /// What a bare status of the framework means.
    pub fn of_status(status: StatusCode) -> Self {
        let (word, detail) = match status {
            StatusCode::NOT_FOUND => return Self::not_found(),
            StatusCode::METHOD_NOT_ALLOWED => ("method", "this is not done here; see Allow"),
            StatusCode::PAYLOAD_TOO_LARGE => ("too-large", "the body is longer than what is read"),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("media-type", "send JSON: Content-Type: application/json")
            }
            StatusCode::SERVICE_UNAVAILABLE => return Self::away(),
            status if status.is_server_error() => ("failed", "this went wrong here, see the log"),
            _ => ("unreadable", "the request cannot be read"),
        };
        Self::new(status, word, detail)
    }

    /// What a rule forbids, in words and as data; another problem comes back.
    pub fn refusal(self) -> Result<(Option<String>, Vec<ObstacleRow>), Self> {
        let is_refusal = self.status() == StatusCode::CONFLICT;
        if is_refusal { Ok((self.0.detail, self.0.obstacles)) } else { Err(self) }
    }

    /// What it says.
    pub fn details(&self) -> &Details {
        &self.0
    }

    /// The status it is answered with.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl ObstacleRow {
    /// An obstacle as it is shown.
    pub fn of(obstacle: &Obstacle) -> Self {
        Self {
            gate: obstacle.gate.clone(),
            resource: obstacle.resource.clone(),
            granted: obstacle.granted,
            // What is over is told in words; nobody has less than nothing left.
            left: obstacle.left.max(0),
            asked: obstacle.asked,
            last_date_that_fits: obstacle.last_date_that_fits.map(Moment::rfc3339),
        }
    }
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Refused(refused) => Self::refused(&refused),
            store::Error::Denied(Denial::Forbidden) => Self::forbidden(),
            store::Error::Denied(Denial::Unseen) | store::Error::NotFound(_) => Self::not_found(),
            store::Error::Invalid(detail) => Self::conflict(detail),
            store::Error::Changed(detail) => {
                Self::new(StatusCode::PRECONDITION_FAILED, "changed", detail)
            }
            store::Error::Reused(detail) => {
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "key-reused", detail)
            }
            store::Error::Url { .. } | store::Error::Database(_) | store::Error::Schema(_) => {
                tracing::error!(%error, "a request of the API failed");
                Self::away()
            }
        }
    }
}

impl From<Denial> for Problem {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Unseen => Self::not_found(),
            Denial::Forbidden => Self::forbidden(),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, retry_after) = (self.status(), self.0.retry_after);
        let mut response = (status, Json(self.0)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(PROBLEM_JSON));
        if let Some(secs) = retry_after {
            headers.insert(RETRY_AFTER, secs.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"admitd\""));
        }
        response
    }
}

/// The problems that any request may be answered with, for the description.
pub struct Problems;

const DESCRIBED: &[(u16, &str)] = &[
    (400, "The request cannot be read"),
    (401, "No token or session, or one that is not valid"),
    (403, "Seen, and not yours to do"),
    (404, "Nothing of that name or id, or not yours to know of"),
    (405, "Not done here"),
    (409, "A rule forbids it; the obstacles are data"),
    (412, "The record is no longer what If-Match says"),
    (413, "The body is too long"),
    (415, "The body is of another type than what is read here"),
    (422, "A field has a value that it cannot have, or the key came with another write"),
    (429, "Too often"),
    (503, "The database does not answer"),
];

impl IntoResponses for Problems {
    fn responses() -> BTreeMap<String, RefOr<utoipa::openapi::Response>> {
        let describe = |(status, text): &(u16, &str)| {
            let reference = utoipa::openapi::Ref::from_schema_name(Details::name());
            let content = Content::new(Some(reference));
            let response = ResponseBuilder::new().description(*text).content(PROBLEM_JSON, content);
            (status.to_string(), RefOr::T(response.build()))
        };
        DESCRIBED.iter().map(describe).collect()
    }
}

/// Schemas that every description needs.
pub fn schemas() -> Vec<(String, RefOr<utoipa::openapi::Schema>)> {
    let mut found = vec![(Details::name().into_owned(), Details::schema())];
    Details::schemas(&mut found);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_named_and_an_empty_list_is_not_shown() {
        let problem = Problem::field("name", "it is empty");

        let json = serde_json::to_value(problem.details()).unwrap();

        assert_eq!(json["status"], 422);
        assert_eq!(json["errors"][0]["field"], "name");
        assert!(json.get("obstacles").is_none());
    }

    #[test]
    fn what_is_not_seen_and_what_is_not_there_look_the_same() {
        let unseen = Problem::from(store::Error::Denied(Denial::Unseen));
        let absent = Problem::from(store::Error::NotFound("no group is called 7".into()));

        assert_eq!(unseen, absent);
    }
}
