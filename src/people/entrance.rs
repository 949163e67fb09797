//! Who it is that shows a token or a session.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use subtle::ConstantTimeEq;

use super::known::{Age, Somebody, Way};
use super::{People, secret};
use crate::license::{Assignments, Moment, Role, Viewer};
use crate::store::{self, Author, SecretHash, Session, Token};

/// A database that takes longer is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a request shows of its sender.
#[derive(Clone, Copy, Debug)]
pub struct Credentials<'a> {
    /// A token; it comes before the cookie.
    pub bearer: Option<&'a str>,
    /// The secret of a session.
    pub cookie: Option<&'a str>,
    /// The word that only a session's own pages know.
    pub csrf: Option<&'a str>,
    /// Whether the request changes nothing.
    pub safe_method: bool,
    pub from: Option<SocketAddr>,
}

/// Why somebody is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turned {
    /// Not known, no longer valid, or not the password.
    Unknown,
    /// A change in a session without its word.
    Forged,
    /// A change by a token that only reads.
    ReadOnly,
    /// Too many attempts.
    TooOften { retry_secs: u32 },
    /// It could not be looked up.
    Away,
}

impl People {
    /// Who it is that shows these.
    pub async fn authenticate(&self, shown: Credentials<'_>) -> Result<Author, Turned> {
        let (hash, is_token) = match (shown.bearer, shown.cookie) {
            (Some(token), _) => (secret::hash(token), true),
            (None, Some(session)) => (secret::hash(session), false),
            (None, None) => return Err(Turned::Unknown),
        };
        let found = self.somebody(hash, is_token).await?.ok_or(Turned::Unknown)?;
        let at = self.clock.now().moment();
        if found.expires_at.is_some_and(|end| end <= at) {
            return Err(Turned::Unknown);
        }
        if !shown.safe_method {
            if found.read_only {
                return Err(Turned::ReadOnly);
            }
            if let Way::Session { csrf_hash, .. } = &found.way {
                let word = shown.csrf.map(secret::hash).unwrap_or_default();
                if !bool::from(word.ct_eq(csrf_hash)) {
                    return Err(Turned::Forged);
                }
            }
        }
        self.uses.note(&found.way, hash, at);
        let from = shown.from.map_or_else(|| "http".to_owned(), |from| from.to_string());
        Ok(Author { who: found.who.clone(), from, viewer: found.viewer.clone() })
    }

    async fn somebody(
        &self,
        hash: SecretHash,
        is_token: bool,
    ) -> Result<Option<Arc<Somebody>>, Turned> {
        let now = self.clock.now().mono_ms;
        if let Some(found) = self.known.fresh(&hash, now) {
            return Ok(Some(found).filter(|found| found.is_token() == is_token));
        }
        if !self.known.is_away(now) {
            let begun = self.known.age();
            match tokio::time::timeout(PATIENCE, self.look_up(hash, is_token, begun)).await {
                Ok(Ok(found)) => {
                    let found = found.map(Arc::new);
                    self.known.keep(begun, now, hash, found.as_ref());
                    return Ok(found);
                }
                Ok(Err(fault)) => self.note_away(&fault),
                Err(late) => self.note_away(&late),
            }
        }
        let found = self.known.stale(&hash, now).filter(|found| found.is_token() == is_token);
        found.map(Some).ok_or(Turned::Away)
    }

    async fn look_up(
        &self,
        hash: SecretHash,
        is_token: bool,
        begun: Age,
    ) -> store::Result<Option<Somebody>> {
        if is_token {
            let Some(token) = self.store.bearer(hash).await?.map(|bearer| bearer.token) else {
                return Ok(None);
            };
            return Ok(Some(by_token(token, self.roles(begun).await?)));
        }
        let Some(session) = self.store.session(hash).await? else { return Ok(None) };
        Ok(Some(by_session(session, self.roles(begun).await?)))
    }

    async fn roles(&self, begun: Age) -> store::Result<Arc<Assignments>> {
        let now = self.clock.now().mono_ms;
        if let Some(roles) = self.known.roles(now) {
            return Ok(roles);
        }
        let rows = self.store.roles().await?;
        let roles: Arc<Assignments> =
            Arc::new(rows.into_iter().map(|one| (one.user, one.what)).collect());
        self.known.keep_roles(begun, now, &roles);
        Ok(roles)
    }

    pub(super) fn note_away(&self, fault: &dyn std::fmt::Display) {
        if self.known.note_away(self.clock.now().mono_ms) {
            tracing::warn!(%fault, "who asks cannot be looked up; who was known lately stays so");
        }
    }
}

impl Somebody {
    fn is_token(&self) -> bool {
        matches!(self.way, Way::Token { .. })
    }
}

/// A token of the role user acts as its user; any other has its role and is nobody.
fn by_token(token: Token, all: Arc<Assignments>) -> Somebody {
    let user = token.user.filter(|_| token.role == Role::User);
    let assignments = token.assignment().into_iter().collect();
    Somebody {
        who: format!("token:{}", token.name),
        viewer: Viewer { user, assignments, until: token.expires_at, others: Some(all) },
        read_only: token.read_only,
        expires_at: token.expires_at,
        way: Way::Token { id: token.id },
    }
}

fn by_session(session: Session, all: Arc<Assignments>) -> Somebody {
    let Session { csrf_hash, user, name, roles, created_at, expires_at, .. } = session;
    Somebody {
        who: format!("user:{name}"),
        viewer: Viewer { user: Some(user), assignments: roles, until: None, others: Some(all) },
        read_only: false,
        expires_at: Some(expires_at.min(last_end(created_at))),
        way: Way::Session { csrf_hash, created_at },
    }
}

/// However much it is used, a session ends then.
pub(super) fn last_end(created_at: Moment) -> Moment {
    const LONGEST_SECS: i64 = 7 * 24 * 3600;
    Moment(created_at.0.saturating_add(LONGEST_SECS))
}

/// As long as nobody uses it, it ends then.
pub(super) fn next_end(created_at: Moment, at: Moment) -> Moment {
    const IDLE_SECS: i64 = 12 * 3600;
    Moment(at.0.saturating_add(IDLE_SECS)).min(last_end(created_at))
}
