//! The built-in registrar with what it needs to know people: digests and passwords. It forwards
//! nothing.

use std::sync::Arc;

use super::arrival::Arrival;
use crate::admission::{Pattern, agent_of, credentials_of};
use crate::registrar::{Asking, Digest, Offer, Outcome as Checked, Registrar};
use crate::sip::Message;
use crate::sip::digest::{Credentials, Secret};

/// Passwords by number.
pub trait Secrets: Send + Sync {
    /// The password of a number, where it has one.
    fn password(&self, aor: &str) -> Option<String>;
}

/// The built-in registrar with what it needs to know people.
pub struct BuiltIn {
    pub registrar: Arc<Registrar>,
    pub digest: Digest,
    pub secrets: Arc<dyn Secrets>,
    /// From here numbers without a password register without a challenge.
    pub trusted: Vec<ipnet::IpNet>,
    /// `None`: the domain of the number.
    pub realm: Option<String>,
    /// User-Agents that are offered SHA-256 as well as MD5.
    pub sha256_agents: Vec<Pattern>,
}

/// What the credentials of a request are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Verified,
    Absent,
    Stale,
    Wrong,
}

impl BuiltIn {
    /// The realm of a number.
    pub(super) fn realm<'a>(&'a self, aor: &'a str) -> &'a str {
        self.realm
            .as_deref()
            .unwrap_or_else(|| aor.rsplit_once('@').map_or("", |(_, domain)| domain))
    }

    pub(super) fn offer(&self, message: &Message<'_>) -> Offer {
        let agent = agent_of(message);
        match self.sha256_agents.iter().any(|pattern| pattern.matches(agent)) {
            true => Offer::Md5AndSha256,
            false => Offer::Md5,
        }
    }

    /// Checks the credentials of a request for a number.
    pub fn verify(&self, arrival: &Arrival<'_>, aor: &str) -> Check {
        let message = &arrival.message;
        let Some(value) = credentials_of(message) else { return Check::Absent };
        let Some(credentials) = Credentials::parse(value) else { return Check::Wrong };
        let password = self.secrets.password(aor);
        let via = message.top_via();
        let asking = Asking {
            credentials: &credentials,
            realm: self.realm(aor),
            aor,
            secret: password.as_deref().map(|password| Secret::Password(password.as_bytes())),
            method: message.method_text(),
            request_uri: message.request_uri_text(),
            branch: via.and_then(|via| via.branch()).unwrap_or(&[]),
            cseq: message.cseq().map_or(0, |cseq| cseq.number),
        };
        match self.digest.verify(&asking, arrival.now) {
            Checked::Verified => Check::Verified,
            Checked::Stale | Checked::Replay => Check::Stale,
            Checked::Wrong => Check::Wrong,
        }
    }
}
