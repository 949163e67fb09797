//! Who somebody is: passwords, sign-in, sessions, API tokens and the first administrator. What they may
//! is `license::roles`' to say; what a request looks like, `admin` knows.

mod entrance;
mod known;
mod password;
mod secret;
mod sessions;
mod setup;
mod throttle;
mod uses;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::store::{self, Store};

pub use entrance::{Credentials, Turned};
pub use password::{Hasher, Unhashed, fault as password_fault};
pub use secret::Secret;
pub use sessions::{SignedIn, csrf_of};
pub use setup::{LINK_SECS, link_url, new_link};

use known::Known;
use throttle::Throttle;
use uses::Uses;

/// How often uses are written behind.
const WRITE: Duration = Duration::from_secs(10);

/// Whoever knows who somebody is.
pub struct People {
    store: Arc<Store>,
    clock: Clock,
    hasher: Hasher,
    throttle: Throttle,
    known: Known,
    uses: Uses,
}

/// Why a password, a link or an account was not changed.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    #[error("not let in")]
    Turned(Turned),
    /// A rule that a new password breaks.
    #[error("{0}")]
    Password(&'static str),
    #[error("the old password is another one")]
    OldPassword,
    #[error("the set-up link was used, or its time is over")]
    Link,
    #[error(transparent)]
    Unhashed(#[from] Unhashed),
    #[error("no randomness: {0}")]
    Undrawn(#[from] getrandom::Error),
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Turned> for Refused {
    fn from(turned: Turned) -> Self {
        Self::Turned(turned)
    }
}

impl People {
    /// The people of a database.
    pub fn new(store: Arc<Store>, clock: Clock) -> Self {
        Self {
            store,
            clock,
            hasher: Hasher::default(),
            throttle: Throttle::default(),
            known: Known::default(),
            uses: Uses::default(),
        }
    }

    /// Forgets who was known: something changed.
    pub fn forget(&self) {
        self.known.forget();
    }

    /// Forgets whenever `changed` says so and writes uses behind, until `stop`.
    pub async fn run(
        self: Arc<Self>,
        mut changed: watch::Receiver<()>,
        stop: impl Future<Output = ()>,
    ) {
        tokio::pin!(stop);
        let mut write = tokio::time::interval(WRITE);
        loop {
            tokio::select! {
                () = &mut stop => break,
                told = changed.changed() => match told {
                    Ok(()) => self.forget(),
                    // Whoever tells is gone: it ends as the daemon does.
                    Err(_) => break,
                },
                _ = write.tick() => self.write_uses().await,
            }
        }
        self.write_uses().await;
    }

    async fn write_uses(&self) {
        // They stay noted, and who follows the store says that it is away.
        if let Err(fault) = self.uses.write(&self.store).await {
            tracing::debug!(%fault, "uses of tokens and sessions are not written yet");
        }
    }
}

#[cfg(test)]
mod tests;
