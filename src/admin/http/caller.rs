//! Who asks. A request shows a token, or a session's cookie; whether that is somebody, the entrance
//! knows. A change in a session needs the word that only its own pages know (CSRF).

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method};

use crate::people::{Credentials, Turned};
use crate::store::Author;

use super::Api;
use super::problem::Problem;
use super::serve::Peer;

/// The cookie that holds a session.
pub const SESSION_COOKIE: &str = "admitd_session";
/// The header with the word of a session's own pages.
pub const CSRF_HEADER: &str = "x-csrf-token";
/// Longer tokens and cookies are none of ours.
const LONGEST: usize = 512;

/// Answers that take a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whoever asks, let in.
#[derive(Clone, Debug)]
pub struct Caller(pub Author);

/// The address that a request came from, where it is known.
#[derive(Clone, Copy, Debug)]
pub struct From(pub Option<SocketAddr>);

impl std::convert::From<Turned> for Problem {
    fn from(turned: Turned) -> Self {
        match turned {
            Turned::Unknown => Self::unknown_caller(),
            Turned::Forged => Self::forged(),
            Turned::ReadOnly => Self::forbidden(),
            Turned::TooOften { retry_secs } => Self::too_often(retry_secs),
            Turned::Away => Self::away(),
        }
    }
}

/// Whoever asks what is too long for an address and so comes as a POST: nothing changes by it, and whoever
/// may only read may ask.
#[derive(Clone, Debug)]
pub struct Asker(pub Author);

impl FromRequestParts<Arc<Api>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let shown = shown(&Method::GET, &parts.headers, peer(parts));
        let shown = shown.ok_or_else(Problem::unknown_caller)?;
        Ok(Self(api.people.authenticate(shown).await?))
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let shown = shown(&parts.method, &parts.headers, peer(parts));
        let shown = shown.ok_or_else(Problem::unknown_caller)?;
        Ok(Self(api.people.authenticate(shown).await?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        Ok(Self(peer(parts)))
    }
}

/// The address that a request came from.
pub fn peer(parts: &Parts) -> Option<SocketAddr> {
    parts.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(Peer(from))| *from)
}

/// A token before a session: whoever sends one means it, and no page of another site can.
fn shown<'r>(
    method: &Method,
    headers: &'r HeaderMap,
    from: Option<SocketAddr>,
) -> Option<Credentials<'r>> {
    let safe_method = method.is_safe();
    let nobody = Credentials { bearer: None, cookie: None, csrf: None, safe_method, from };
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        let fits = scheme.eq_ignore_ascii_case("bearer") && is_word(token);
        return fits.then_some(Credentials { bearer: Some(token), ..nobody });
    }
    let cookie = Some(session(headers)?);
    let csrf = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    Some(Credentials { cookie, csrf: csrf.filter(|csrf| is_word(csrf)), ..nobody })
}

/// The secret in the session's cookie; a request with a token has no session.
pub fn session(headers: &HeaderMap) -> Option<&str> {
    let cookie = cookie(headers, SESSION_COOKIE).filter(|id| is_word(id));
    cookie.filter(|_| !headers.contains_key(AUTHORIZATION))
}

fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().split_once('='));
    values.find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn is_word(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST && text.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let lines = lines.iter().map(|(name, value)| {
            (axum::http::HeaderName::from_static(name), value.parse().unwrap())
        });
        lines.collect()
    }

    fn read(method: &Method, headers: &HeaderMap) -> Option<String> {
        let shown = shown(method, headers, None)?;
        let Credentials { bearer, cookie, csrf, safe_method, .. } = shown;
        Some(format!("{bearer:?} {cookie:?} {csrf:?} {safe_method}"))
    }

    #[test]
    fn a_token_comes_before_a_session_and_a_broken_one_hides_none() {
        let both = headers(&[("authorization", "bearer abc"), ("cookie", "admitd_session=xyz")]);
        let basic = headers(&[("authorization", "Basic YTpi"), ("cookie", "admitd_session=xyz")]);

        assert_eq!(read(&Method::GET, &both).unwrap(), "Some(\"abc\") None None true");
        assert_eq!(read(&Method::GET, &basic), None);
        assert_eq!(session(&both), None);
        assert_eq!(read(&Method::GET, &HeaderMap::new()), None);
    }

    #[test]
    fn a_change_in_a_session_says_so() {
        let sent = headers(&[("cookie", "a=b; admitd_session=xyz"), ("x-csrf-token", "w")]);
        let session = "None Some(\"xyz\") Some(\"w\")";

        assert_eq!(read(&Method::GET, &sent).unwrap(), format!("{session} true"));
        assert_eq!(read(&Method::DELETE, &sent).unwrap(), format!("{session} false"));
    }
}
