//! Lists in pages: so many items, and where the next page starts. The place is the key of the last item
//! shown, so that what comes or goes meanwhile shifts nothing.

use std::str::FromStr;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::params;
use super::problem::Problem;

/// The parameters that are read here.
pub(super) const PAGING: [&str; 2] = ["limit", "cursor"];
const MOST: u32 = 500;
const USUAL: u32 = 100;
/// Bytes of a place, at most: a name of 200 characters fits.
const CURSOR_MAX: usize = 2048;

/// Which page of a list.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Items of a page, at most.
    #[param(minimum = 1, maximum = 500, default = 100)]
    limit: Option<u32>,
    /// `next` of the page before.
    #[param(max_length = 2048)]
    cursor: Option<String>,
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The cursor of the next page; null where there is none.
    pub next: Option<String>,
}

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let own = parts.uri.query().unwrap_or_default().split('&').filter(|pair| {
            let name = pair.split('=').next().unwrap_or_default();
            PAGING.contains(&name)
        });
        let paging: Self = params::read(&own.collect::<Vec<_>>().join("&"))?;
        match paging.limit {
            Some(limit) if !(1..=MOST).contains(&limit) => {
                Err(Problem::parameter("limit", format!("write 1 to {MOST}")))
            }
            _ => Ok(paging),
        }
    }
}

impl Paging {
    /// The key after which the page starts; `None` is the first page.
    pub fn after<K: FromStr>(&self) -> Result<Option<K>, Problem> {
        let wrong = || Problem::parameter("cursor", "this is no place in this list");
        let Some(cursor) = &self.cursor else { return Ok(None) };
        if cursor.len() > CURSOR_MAX {
            return Err(wrong());
        }
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
        let key = String::from_utf8(bytes).map_err(|_| wrong())?;
        key.parse().map(Some).map_err(|_| wrong())
    }

    /// Items of a page, at most.
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(USUAL) as usize
    }

    /// The page of `sorted`, which starts after [`Paging::after`]: each item with its key.
    pub fn page<K: ToString, I, T>(
        &self,
        sorted: impl IntoIterator<Item = (K, I)>,
        row: impl Fn(I) -> T,
    ) -> Page<T> {
        let mut sorted = sorted.into_iter();
        let mut last = None;
        let mut items = Vec::new();
        for (key, item) in sorted.by_ref().take(self.limit()) {
            last = Some(key);
            items.push(row(item));
        }
        let more = sorted.next().is_some();
        let next = last.filter(|_| more).map(|key| URL_SAFE_NO_PAD.encode(key.to_string()));
        Page { items, next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paging(limit: u32, cursor: Option<String>) -> Paging {
        Paging { limit: Some(limit), cursor }
    }

    #[test]
    fn pages_follow_each_other_until_there_are_no_more() {
        let mut seen = Vec::new();
        let mut cursor = None;

        loop {
            let paging = paging(2, cursor);
            let after: i64 = paging.after().unwrap().unwrap_or(0);
            let page = paging.page((after + 1..=5).map(|id| (id, id)), |id| id);
            seen.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }

        assert_eq!(seen, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn a_forged_place_is_told() {
        for cursor in ["!", "eHh4", &"a".repeat(5000)] {
            assert!(paging(1, Some(cursor.to_owned())).after::<i64>().is_err(), "{cursor}");
        }
    }
}
