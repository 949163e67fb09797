//! Deliveries: each is sent to its webhook, and how it went is noted. Only the status of an answer
//! counts; its body is not read, and nobody is followed elsewhere.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, redirect};
use tokio::task::JoinSet;

use crate::license::Moment;
use crate::store::{Attempt, Due, Store};

use super::reach::{PublicOnly, checked_url};
use super::sign::{SIGNATURE, signature};

/// What is slower is tried again.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Why deliveries cannot be made at all.
#[derive(Debug, thiserror::Error)]
#[error("webhooks: {0}")]
pub struct Fault(#[from] reqwest::Error);

/// Brings deliveries.
#[derive(Clone, Debug)]
pub struct Courier {
    /// Reaches public addresses only.
    outside: Client,
    anywhere: Client,
    allow_private: bool,
}

impl Courier {
    /// A courier; `allow_private`: every webhook may lead to addresses that are not public.
    pub fn new(allow_private: bool) -> Result<Self, Fault> {
        // Somebody else may have chosen one already; any will do.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = || {
            Client::builder()
                // A proxy would resolve names itself, and a redirect would lead past the check.
                .no_proxy()
                .redirect(redirect::Policy::none())
                .timeout(TIMEOUT)
                .pool_max_idle_per_host(0)
                .user_agent(concat!("admitd/", env!("CARGO_PKG_VERSION")))
        };
        let outside = client().dns_resolver(Arc::new(PublicOnly)).build()?;
        Ok(Self { outside, anywhere: client().build()?, allow_private })
    }

    /// Whether a webhook may be led to this URL, and why not.
    pub fn accepts(&self, url: &str, trusted: bool) -> Result<(), String> {
        checked_url(url, trusted || self.allow_private).map(|_| ())
    }

    /// One attempt.
    pub async fn send(&self, due: &Due, at: Moment) -> Attempt {
        let failed = |error: String| Attempt { status: None, error: Some(error) };
        let anywhere = due.trusted || self.allow_private;
        let url = match checked_url(&due.url, anywhere) {
            Ok(url) => url,
            Err(fault) => return failed(fault),
        };
        let client = if anywhere { &self.anywhere } else { &self.outside };
        let sent = client
            .post(url)
            .header(CONTENT_TYPE, "application/json")
            .header(SIGNATURE, signature(&due.secret, at, &due.payload))
            .body(due.payload.clone())
            .send()
            .await;
        match sent {
            Ok(answer) if answer.status().is_success() => {
                Attempt { status: Some(answer.status().as_u16()), error: None }
            }
            Ok(answer) => {
                let status = answer.status();
                Attempt { status: Some(status.as_u16()), error: Some(format!("answered {status}")) }
            }
            Err(fault) => failed(told(fault)),
        }
    }

    /// Brings all deliveries whose turn it is at `now`, one of each webhook; how many there were.
    pub async fn round(&self, store: &Arc<Store>, now: Moment) -> crate::store::Result<usize> {
        let due = store.lease_deliveries(now).await?;
        let count = due.len();
        let mut under_way = JoinSet::new();
        for due in due {
            let (courier, store) = (self.clone(), Arc::clone(store));
            under_way.spawn(async move {
                let attempt = courier.send(&due, now).await;
                if let Err(fault) = store.settle_delivery(due.id, &attempt, now).await {
                    tracing::error!(%fault, delivery = due.id, "a delivery could not be noted");
                }
            });
        }
        while under_way.join_next().await.is_some() {}
        Ok(count)
    }
}

/// The fault and its causes without the URL, which may hold a secret.
fn told(fault: reqwest::Error) -> String {
    if fault.is_timeout() {
        return "no answer within 10 s".to_owned();
    }
    let fault = fault.without_url();
    let mut text = fault.to_string();
    let mut source = std::error::Error::source(&fault);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
