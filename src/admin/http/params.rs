//! What stands in the address: ids and filters. A path that names nothing is not found; a filter that
//! cannot be read is told by its name.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use super::body::located;
use super::paging::PAGING;
use super::problem::Problem;

/// Ids in the path. What is no id names nothing.
#[derive(Clone, Copy, Debug)]
pub struct Path<T>(pub T);

/// Filters after the `?`; `limit` and `cursor` are for [`super::paging::Paging`].
#[derive(Clone, Copy, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let read = axum::extract::Path::from_request_parts(parts, state).await;
        read.map(|axum::extract::Path(ids)| Self(ids)).map_err(|_| Problem::not_found())
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let own = parts.uri.query().unwrap_or_default().split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            !PAGING.contains(&name)
        });
        let own = own.collect::<Vec<_>>().join("&");
        read(&own).map(Self)
    }
}

/// Reads the text after the `?`.
pub(super) fn read<T: DeserializeOwned>(query: &str) -> Result<T, Problem> {
    let uri = format!("/?{query}").parse().map_err(|_| Problem::unreadable("no query"))?;
    axum::extract::Query::try_from_uri(&uri).map(|axum::extract::Query(read)| read).map_err(
        |fault| {
            let mut fault = located(&fault);
            // A fault without a place names the parameter in its text.
            if let Some(name) = fault.message.split('`').nth(1).filter(|_| fault.field == "body") {
                fault.field = name.to_owned();
            }
            Problem::parameter(fault.field, fault.message)
        },
    )
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Filter {
        under: Option<i64>,
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_named() {
        let field =
            |query: &str| read::<Filter>(query).unwrap_err().details().errors[0].field.clone();

        assert_eq!(read::<Filter>("under=7").unwrap().under, Some(7));
        assert_eq!(field("under=x"), "under");
        assert_eq!(field("over=1"), "over");
    }
}
