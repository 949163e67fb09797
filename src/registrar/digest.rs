//! Digest authentication as a server (RFC 7616, RFC 8760; RFC 2069 for devices without qop): the
//! challenge, and whether credentials are right, new, and for this request. It refuses to know what
//! a request may do with them; the password comes in as an argument.

use std::borrow::Cow;
use std::hash::Hasher;

use siphasher::sip::SipHasher13;

use super::nonce::{Found, Key, NonceLimits, Nonces, Use};
use crate::clock::Now;
use crate::sip::digest::{Algorithm, Challenge, Credentials, Secret};
use crate::sip::{Rules, Uri, normalize};

/// A request that carries credentials.
#[derive(Clone, Copy)]
pub struct Asking<'a> {
    /// What it carries.
    pub credentials: &'a Credentials<'a>,
    /// The realm it was challenged with.
    pub realm: &'a str,
    /// The number that it says it is: `sip:user@domain`.
    pub aor: &'a str,
    /// What is known of the number; `None`: nothing, which takes as long to refuse.
    pub secret: Option<Secret<'a>>,
    /// The method as received.
    pub method: &'a [u8],
    /// The Request-URI as received.
    pub request_uri: &'a [u8],
    /// The branch of the top Via.
    pub branch: &'a [u8],
    /// The number of the CSeq.
    pub cseq: u32,
}

/// What credentials are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Right, and for this request. A copy of a request is verified like the first.
    Verified,
    /// Right, but the nonce is old or forgotten: challenge again with `stale`.
    Stale,
    /// Right, but made for another request that came before: challenge again with `stale`.
    Replay,
    /// Not of this number, or not made with its password.
    Wrong,
}

/// The algorithms that a challenge offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// What everybody understands. Clients built on libre before 2.0 (baresip 1.0) take the last
    /// challenge of a realm and give up where that is SHA-256.
    Md5,
    /// MD5, which many devices expect first, then SHA-256 (RFC 8760 2.4 lets a client pick).
    Md5AndSha256,
}

impl Offer {
    fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Md5 => &[Algorithm::Md5],
            Self::Md5AndSha256 => &[Algorithm::Md5, Algorithm::Sha256],
        }
    }
}

/// Challenges and checks.
pub struct Digest {
    nonces: Nonces,
    request_key: Key,
}

impl Digest {
    /// `keys`: the first signs, all are accepted. `seed` tells the nonces of two daemons or two
    /// starts apart; any random number.
    pub fn new(keys: Vec<Key>, seed: u64, limits: NonceLimits) -> Self {
        let request_key = keys.first().copied().unwrap_or_default();
        Self { nonces: Nonces::new(keys, seed, limits), request_key }
    }

    /// The values of the challenge headers, in order, all with one nonce.
    pub fn challenges(&self, realm: &str, offer: Offer, stale: bool, now: Now) -> Vec<String> {
        let nonce = self.nonces.issue(now);
        let value = |algorithm: &Algorithm| {
            Challenge {
                realm: realm.as_bytes().into(),
                nonce: nonce.as_bytes().into(),
                opaque: None,
                algorithm: *algorithm,
                qop_auth: true,
                stale,
            }
            .to_value()
        };
        offer.algorithms().iter().map(value).collect()
    }

    /// Checks credentials; a right one is noted as used.
    pub fn verify(&self, asking: &Asking<'_>, now: Now) -> Outcome {
        let credentials = asking.credentials;
        // Checked before anything can be refused, so that a refusal tells nothing by its time.
        let secret = asking.secret.unwrap_or(Secret::Password(b""));
        let right = credentials.matches(secret, asking.method) & asking.secret.is_some();
        if !right || !is_acceptable(asking) {
            return Outcome::Wrong;
        }
        let Found::Fresh(nonce) = self.nonces.find(&credentials.nonce, now) else {
            return Outcome::Stale;
        };
        let count = credentials.qop.as_ref().and_then(|_| credentials.nonce_count());
        match self.nonces.note(nonce, count, self.request(asking), now) {
            Use::New | Use::Copy => Outcome::Verified,
            Use::Forgotten => Outcome::Stale,
            Use::Replay => Outcome::Replay,
        }
    }

    fn request(&self, asking: &Asking<'_>) -> u64 {
        let mut hash = SipHasher13::new_with_key(&self.request_key);
        for part in [asking.branch, asking.method, &asking.credentials.response] {
            hash.write_usize(part.len());
            hash.write(part);
        }
        hash.write_u32(asking.cseq);
        hash.finish()
    }
}

/// Whether credentials are of the kind that we asked for, of this number, and for this request.
fn is_acceptable(asking: &Asking<'_>) -> bool {
    let credentials = asking.credentials;
    let offered = match credentials.algorithm {
        Algorithm::Md5 => true,
        // Only MD5 has a time before qop (RFC 7616 3.4.3).
        Algorithm::Sha256 => credentials.qop.is_some(),
        Algorithm::Md5Sess | Algorithm::Sha256Sess => false,
    };
    offered
        && credentials.realm.as_ref() == asking.realm.as_bytes()
        && is_user_of(&credentials.username, asking.aor)
        && is_target(&credentials.uri, asking.request_uri)
}

/// Whether a username is the number's: `101`, `101@example.com` or `sip:101@example.com`. A domain
/// is not compared: the password is of one number, whatever its domain is called.
fn is_user_of(username: &[u8], aor: &str) -> bool {
    let user = |text: &[u8]| {
        let scheme = text.get(..4).filter(|start| start.eq_ignore_ascii_case(b"sip:"));
        let text = text.get(scheme.map_or(0, <[u8]>::len)..).unwrap_or_default().to_vec();
        text.split(|byte| *byte == b'@').next().map(<[u8]>::to_vec).unwrap_or_default()
    };
    let username = user(username);
    !username.is_empty() && username == user(aor.as_bytes())
}

/// Whether the digest's URI can be the one asked for. Devices put the registrar's name, its address,
/// a port more or less; proxies rewrite hosts. Two different users are two targets.
fn is_target(digest_uri: &[u8], request_uri: &[u8]) -> bool {
    let user = |text| {
        let uri = Uri::parse(text)?;
        uri.user?;
        normalize(&uri, &Rules { alias: &|_| Some("any"), fold_user_case: false })
            .map(Cow::into_owned)
    };
    match (user(digest_uri), user(request_uri)) {
        (Some(signed), Some(asked)) => signed == asked,
        _ => true,
    }
}

#[cfg(test)]
mod tests;
