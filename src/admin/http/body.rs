//! Bodies as they come: JSON, bounded, without fields that nobody asked for. What cannot be read is
//! told by the name of the field.

use axum::Json;
use std::fmt;
use std::marker::PhantomData;

use axum::extract::rejection::{BytesRejection, JsonRejection};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::IntoResponse;
use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeOwned, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::problem::{FieldFault, Problem};

/// The longest body that is read, unless a route says otherwise.
pub const BODY_MAX: usize = 1024 * 1024;

/// A body of JSON.
#[derive(Clone, Copy, Debug)]
pub struct Body<T>(pub T);

/// A JSON object and nothing else: as they come, structs may also be written as lists of their fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object<T>(pub T);

/// A field of a PATCH: left out, emptied, or set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Patch<T> {
    #[default]
    Absent,
    Null,
    Value(T),
}

impl<T> Patch<T> {
    /// The new value where the field is named: `None` is emptied.
    pub fn named(self) -> Option<Option<T>> {
        match self {
            Self::Absent => None,
            Self::Null => Some(None),
            Self::Value(value) => Some(Some(value)),
        }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Patch<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Option::deserialize(deserializer)?;
        Ok(value.map_or(Self::Null, Self::Value))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        match Json::from_request(request, state).await {
            Ok(Json(Object(body))) => Ok(Self(body)),
            Err(rejection) => Err(unread(rejection)),
        }
    }
}

fn unread(rejection: JsonRejection) -> Problem {
    match rejection {
        JsonRejection::JsonDataError(fault) => Problem::fields(vec![located(&fault)]),
        JsonRejection::JsonSyntaxError(fault) => Problem::unreadable(innermost(&fault)),
        JsonRejection::MissingJsonContentType(_) => {
            Problem::of_status(StatusCode::UNSUPPORTED_MEDIA_TYPE)
        }
        JsonRejection::BytesRejection(fault) => unread_bytes(fault),
        _ => Problem::unreadable("the body cannot be read"),
    }
}

/// Why the bytes of a body did not come.
pub fn unread_bytes(fault: BytesRejection) -> Problem {
    let status = fault.into_response().status();
    Problem::of_status(status)
}

/// The field that a fault is about: `licenses[0].sip_numbers: invalid type …`.
pub(super) fn located(fault: &dyn std::error::Error) -> FieldFault {
    let text = innermost(fault);
    let (place, message) = text.split_once(": ").unwrap_or(("", &text));
    let is_place = !place.contains(' ') && !place.contains('`');
    let (place, message) = if is_place { (place, message) } else { ("", &*text) };
    let place = place.trim_matches('.');
    // What is missing is named by the message alone.
    let missing = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next());
    let field = match (place, missing) {
        ("", Some(field)) => field.to_owned(),
        (place, Some(field)) => format!("{place}.{field}"),
        ("", None) => "body".to_owned(),
        (place, None) => place.to_owned(),
    };
    // Where in the text it stands is no news to whoever wrote the field.
    let message = message.split(" at line ").next().unwrap_or(message);
    FieldFault { field: short(&field), message: short(message) }
}

/// The last cause, which says most.
fn innermost(fault: &dyn std::error::Error) -> String {
    match fault.source() {
        // With the place; the one below it has none.
        Some(source) => source.to_string(),
        None => fault.to_string(),
    }
}

/// What was sent comes back in part only.
fn short(text: &str) -> String {
    const LONGEST: usize = 200;
    let mut shown: String = text.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
    if text.chars().count() > LONGEST {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use axum::body;
    use axum::http::header::CONTENT_TYPE;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[serde(default)]
        list: Vec<Object<Inner>>,
        #[serde(default)]
        text: Patch<String>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        count: u32,
    }

    async fn read(text: &str) -> Result<Outer, Problem> {
        let request = Request::post("/").header(CONTENT_TYPE, "application/json");
        let request = request.body(body::Body::from(text.to_owned())).unwrap();
        let Body(read) = Body::<Outer>::from_request(request, &()).await?;
        assert!(read.list.iter().all(|inner| inner.0.count > 0));
        Ok(read)
    }

    async fn field(text: &str) -> String {
        read(text).await.unwrap_err().details().errors[0].field.clone()
    }

    #[tokio::test]
    async fn a_fault_names_its_field() {
        assert_eq!(field(r#"{"list":[{"count":1},{"count":"x"}]}"#).await, "list[1].count");
        assert_eq!(field(r#"{"list":[{}]}"#).await, "list[0].count");
        assert_eq!(field(r#"{"lost":1}"#).await, "lost");
        assert_eq!(field(r#"{"list":[{"count":1,"b":2}]}"#).await, "list[0].b");
        assert_eq!(field(r#"{"list":[[1]]}"#).await, "list[0]");
        assert_eq!(field("[]").await, "body");
    }

    #[tokio::test]
    async fn what_is_no_json_or_endlessly_deep_is_unreadable() {
        let deep = "[".repeat(100_000);

        for text in ["", "{", "\u{0}", &format!("{{\"list\":{deep}")] {
            let problem = read(text).await.unwrap_err();
            assert!(matches!(problem.details().status, 400 | 422), "{problem:?}");
        }
    }

    #[tokio::test]
    async fn left_out_emptied_and_set_differ() {
        assert_eq!(read("{}").await.unwrap().text, Patch::Absent);
        assert_eq!(read(r#"{"text":null}"#).await.unwrap().text, Patch::Null);
        assert_eq!(read(r#"{"text":"a"}"#).await.unwrap().text, Patch::Value("a".into()));
    }
}
