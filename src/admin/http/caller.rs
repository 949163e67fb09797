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

/// What a request shows of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proof {
    /// `Authorization: Bearer TOKEN`.
    Token(String),
    /// The session's cookie.
    Session {
        id: String,
        /// `X-CSRF-Token`.
        csrf: Option<String>,
        /// Whether the request is of a kind that changes something, and so needs the word.
        changes: bool,
    },
}

/// What a request shows, and where it came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    pub proof: Proof,
    pub from: Option<SocketAddr>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Not known, no longer valid, or locked.
    Unknown,
    /// A change in a session without its word.
    Forged,
    /// Too many attempts.
    TooOften { retry_secs: u32 },
    /// It could not be looked up.
    Away,
}

/// Answers that take a while.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Whoever knows the tokens and sessions.
pub trait Entrance: Send + Sync + 'static {
    /// Who it is that shows these.
    fn admit<'a>(&'a self, shown: &'a Credentials) -> Later<'a, Result<Author, Turned>>;
}

/// Whoever asks, let in.
#[derive(Clone, Debug)]
pub struct Caller(pub Author);

impl From<Turned> for Problem {
    fn from(turned: Turned) -> Self {
        match turned {
            Turned::Unknown => Self::unknown_caller(),
            Turned::Forged => Self::forged(),
            Turned::TooOften { retry_secs } => Self::too_often(retry_secs),
            Turned::Away => Self::away(),
        }
    }
}

impl FromRequestParts<Arc<Api>> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<Api>) -> Result<Self, Problem> {
        let proof = proof(&parts.method, &parts.headers).ok_or_else(Problem::unknown_caller)?;
        let shown = Credentials { proof, from: peer(parts) };
        Ok(Self(api.entrance.admit(&shown).await?))
    }
}

/// The address that a request came from.
pub fn peer(parts: &Parts) -> Option<SocketAddr> {
    parts.extensions.get::<ConnectInfo<Peer>>().map(|ConnectInfo(Peer(from))| *from)
}

/// A token before a session: whoever sends one means it, and no page of another site can.
pub fn proof(method: &Method, headers: &HeaderMap) -> Option<Proof> {
    if let Some(value) = headers.get(AUTHORIZATION) {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        let token = token.trim();
        let fits = scheme.eq_ignore_ascii_case("bearer") && is_word(token);
        return fits.then(|| Proof::Token(token.to_owned()));
    }
    let id = cookie(headers, SESSION_COOKIE).filter(|id| is_word(id))?;
    let csrf = headers.get(CSRF_HEADER).and_then(|value| value.to_str().ok());
    Some(Proof::Session {
        id: id.to_owned(),
        csrf: csrf.filter(|csrf| is_word(csrf)).map(str::to_owned),
        changes: !method.is_safe(),
    })
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

    #[test]
    fn a_token_comes_before_a_session_and_a_broken_one_hides_none() {
        let both = headers(&[("authorization", "bearer abc"), ("cookie", "admitd_session=xyz")]);
        let basic = headers(&[("authorization", "Basic YTpi"), ("cookie", "admitd_session=xyz")]);

        assert_eq!(proof(&Method::GET, &both), Some(Proof::Token("abc".into())));
        assert_eq!(proof(&Method::GET, &basic), None);
        assert_eq!(proof(&Method::GET, &HeaderMap::new()), None);
    }

    #[test]
    fn a_change_in_a_session_says_so() {
        let sent = headers(&[("cookie", "a=b; admitd_session=xyz"), ("x-csrf-token", "w")]);
        let session =
            |changes| Proof::Session { id: "xyz".into(), csrf: Some("w".into()), changes };

        assert_eq!(proof(&Method::GET, &sent), Some(session(false)));
        assert_eq!(proof(&Method::DELETE, &sent), Some(session(true)));
    }
}
