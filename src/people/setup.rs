//! The first administrator: made by whoever holds the link that the daemon printed.

use std::net::SocketAddr;

use super::{People, Refused, Secret, Turned, password, secret};
use crate::license::{Moment, NoSeats, UserId, Viewer};
use crate::store::{Author, FirstAdministrator, Store, Terms};

/// How long a link is good.
pub const LINK_SECS: i64 = 24 * 3600;

/// Makes a link, in place of those before it.
pub async fn new_link(store: &Store, at: Moment) -> Result<Secret, Refused> {
    let link = Secret::word()?;
    store.put_setup(link.hash(), Moment(at.0.saturating_add(LINK_SECS))).await?;
    Ok(link)
}

impl People {
    /// A link, where nobody could administer the server otherwise.
    pub async fn invite(&self) -> Result<Option<Secret>, Refused> {
        let at = self.clock.now().moment();
        if self.store.has_administrator().await? || self.store.has_server_token(at).await? {
            return Ok(None);
        }
        new_link(&self.store, at).await.map(Some)
    }

    /// Makes the first administrator; the link then is nothing any more.
    pub async fn set_up(
        &self,
        link: &str,
        (name, password, email): (&str, &str, Option<&str>),
        from: Option<SocketAddr>,
    ) -> Result<UserId, Refused> {
        let too_often = |retry_secs| Turned::TooOften { retry_secs };
        self.throttle.address(from.map(|from| from.ip())).map_err(too_often)?;
        let (hash, at) = (secret::hash(link), self.clock.now().moment());
        if !self.store.is_setup(hash, at).await? {
            return Err(Refused::Link);
        }
        if let Some(fault) = password::fault(password) {
            return Err(Refused::Password(fault));
        }
        let first = FirstAdministrator {
            name: name.to_owned(),
            email: email.map(str::to_owned),
            password_hash: self.hasher.hash(password).await?,
        };
        let from = from.map_or_else(|| "http".to_owned(), |from| from.to_string());
        let by = Author { who: "setup".into(), from, viewer: Viewer::server() };
        let terms = Terms { by: &by, usage: &NoSeats, ..Terms::at(at) };
        let id = self.store.set_up(hash, &first, terms).await?;
        self.known.forget();
        Ok(id)
    }
}
