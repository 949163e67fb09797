//! Secrets that are drawn, not chosen: tokens, sessions, links. They have 256 bits, so their hash needs
//! neither salt nor work; whoever reads the database learns none of them.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::store::SecretHash;

const BYTES: usize = 32;
/// What a token begins with: whoever finds one in a log knows what it is.
const TOKEN: &str = "admt_";

/// A secret, shown once.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// A new one for an API token.
    pub fn token() -> Result<Self, getrandom::Error> {
        Ok(Self(format!("{TOKEN}{}", drawn()?)))
    }

    /// A new one for a session or a link.
    pub fn word() -> Result<Self, getrandom::Error> {
        drawn().map(Self)
    }

    /// What is stored instead of it.
    pub fn hash(&self) -> SecretHash {
        hash(&self.0)
    }

    /// The secret itself, for whoever it is for.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

/// What is stored instead of a secret that somebody shows.
pub fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// Bytes as they are written in a header.
pub fn text(bytes: [u8; BYTES]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn drawn() -> Result<String, getrandom::Error> {
    let mut bytes = [0; BYTES];
    getrandom::fill(&mut bytes)?;
    Ok(text(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_beginning_and_never_shown_by_accident() {
        let (one, two) = (Secret::token().unwrap(), Secret::token().unwrap());

        assert!(one.reveal().starts_with("admt_"));
        assert_eq!(one.reveal().len(), "admt_".len() + 43);
        assert_ne!(one, two);
        assert_eq!(hash(one.reveal()), one.hash());
        assert_eq!(format!("{one:?}"), "Secret(***)");
    }
}
