//! Signing in and out, and passwords.

use std::net::SocketAddr;

use super::entrance::next_end;
use super::{People, Refused, Secret, Turned, password, secret};
use crate::license::{Moment, UserId};
use crate::store::{NewSession, Terms};

/// Somebody who signed in.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub user: UserId,
    pub name: String,
    /// For the cookie.
    pub session: Secret,
    /// The word that changes in the session take.
    pub csrf: String,
    /// Unless it is used.
    pub expires_at: Moment,
}

impl People {
    /// Signs somebody in. Whoever is unknown and whoever has another password get the same answer
    /// after the same work.
    pub async fn sign_in(
        &self,
        name: &str,
        password: &str,
        from: Option<SocketAddr>,
    ) -> Result<SignedIn, Turned> {
        let too_often = |retry_secs| Turned::TooOften { retry_secs };
        self.throttle.address(from.map(|from| from.ip())).map_err(too_often)?;
        self.throttle.name(name).map_err(too_often)?;
        let found = self.store.password_of(name).await.map_err(|fault| self.away(&fault))?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.as_deref());
        let is_it = self.hasher.is(password, hash).await;
        let (Some((user, Some(hash))), true) = (&found, is_it) else {
            return Err(Turned::Unknown);
        };
        let at = self.clock.now().moment();
        let session = Secret::word().map_err(|fault| self.away(&fault))?;
        let csrf = csrf_of(session.reveal());
        let expires_at = next_end(at, at);
        let new = NewSession {
            hash: session.hash(),
            csrf_hash: secret::hash(&csrf),
            user: *user,
            at,
            expires_at,
            from: from.map(|from| from.to_string()).unwrap_or_default(),
        };
        let begun = self.store.begin_session(&new, hash).await;
        match begun.map_err(|fault| self.away(&fault))? {
            true => {
                let (user, name) = (*user, name.to_owned());
                Ok(SignedIn { user, name, session, csrf, expires_at })
            }
            // The password was changed meanwhile.
            false => Err(Turned::Unknown),
        }
    }

    /// Ends the session of a cookie; whether there was one.
    pub async fn sign_out(&self, session: &str) -> Result<bool, Turned> {
        let ended = self.store.end_session(secret::hash(session)).await;
        self.known.forget();
        ended.map_err(|fault| self.away(&fault))
    }

    /// Sets a password. One's own takes the old one too, whoever was left signed in is not enough.
    pub async fn change_password(
        &self,
        user: UserId,
        old: Option<&str>,
        new: &str,
        terms: Terms<'_>,
    ) -> Result<(), Refused> {
        if let Some(fault) = password::fault(new) {
            return Err(Refused::Password(fault));
        }
        if terms.by.viewer.user == Some(user) {
            self.expect_password(user, old.unwrap_or_default()).await?;
        }
        let hash = self.hasher.hash(new).await?;
        self.store.set_password(user, &hash, terms).await?;
        self.known.forget();
        Ok(())
    }

    async fn expect_password(&self, user: UserId, old: &str) -> Result<(), Refused> {
        let Some((name, _)) = self.store.person(user).await? else {
            return Err(Turned::Unknown.into());
        };
        let too_often = |retry_secs| Turned::TooOften { retry_secs };
        self.throttle.name(&name).map_err(too_often)?;
        let found = self.store.password_of(&name).await?;
        let hash = found.as_ref().and_then(|(_, hash)| hash.as_deref());
        match hash {
            // Whoever never had one sets the first.
            None => Ok(()),
            Some(hash) if self.hasher.is(old, Some(hash)).await => Ok(()),
            Some(_) => Err(Refused::OldPassword),
        }
    }

    pub(super) fn away(&self, fault: &dyn std::fmt::Display) -> Turned {
        self.note_away(fault);
        Turned::Away
    }
}

/// The word of a session: whoever has the cookie can be told it again, and it gives the cookie to
/// nobody.
pub fn csrf_of(session: &str) -> String {
    secret::text(secret::hash(&format!("csrf:{session}")))
}
