//! The first administrator: made by whoever holds the link that the daemon printed.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{People, Refused, Secret, Turned, password, secret};
use crate::license::{Moment, NoSeats, UserId, Viewer};
use crate::store::{Author, FirstAdministrator, Store, Terms};

/// How long a link is good.
pub const LINK_SECS: i64 = 24 * 3600;

/// Makes a link, in place of those before it.
pub async fn new_link(store: &Store, terms: Terms<'_>) -> Result<Secret, Refused> {
    let link = Secret::word()?;
    let expires_at = Moment(terms.at.0.saturating_add(LINK_SECS));
    store.put_setup(link.hash(), expires_at, terms).await?;
    Ok(link)
}

/// The link as a browser on this machine opens it; `address` is where the API listens.
pub fn link_url(mut address: SocketAddr, link: &Secret) -> String {
    if address.ip().is_unspecified() {
        let loopback = |ip: IpAddr| match ip {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::LOCALHOST),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::LOCALHOST),
        };
        address.set_ip(loopback(address.ip()));
    }
    format!("http://{address}/setup#{}", link.reveal())
}

impl People {
    /// A link, where nobody could administer the server otherwise.
    pub async fn invite(&self) -> Result<Option<Secret>, Refused> {
        let at = self.clock.now().moment();
        if self.store.has_administrator().await? || self.store.has_server_token(at).await? {
            return Ok(None);
        }
        new_link(&self.store, Terms::at(at)).await.map(Some)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_to_an_address_that_can_be_opened() {
        let link = Secret::word().unwrap();
        let opens = |listen: &str| {
            let url = link_url(listen.parse().unwrap(), &link);
            url.split_once("/setup#").map(|(place, _)| place.to_owned()).unwrap()
        };

        assert_eq!(opens("0.0.0.0:8060"), "http://127.0.0.1:8060");
        assert_eq!(opens("[::]:8060"), "http://[::1]:8060");
        assert_eq!(opens("192.0.2.1:8060"), "http://192.0.2.1:8060");
    }
}
