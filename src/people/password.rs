//! Passwords that people choose: their rules, and argon2id. It takes memory and a core for a while, so
//! only a few are worked on at once, away from the tasks that answer.

use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::Semaphore;

/// Memory in KiB, passes and lanes.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// Each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
const SHORTEST: usize = 8;
const LONGEST: usize = 256;

/// What is worked on where there is nobody of that name: it takes as long as a real one.
const DECOY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5IGlzIGNhbGxlZCBzbw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Why there is no hash: the system gave no memory, or no randomness.
#[derive(Debug, thiserror::Error)]
#[error("the password cannot be hashed: {0}")]
pub struct Unhashed(String);

/// Hashes and compares passwords.
#[derive(Clone, Debug)]
pub struct Hasher {
    turns: Arc<Semaphore>,
}

/// What is wrong with a password, if anything is.
pub fn fault(password: &str) -> Option<&'static str> {
    let length = password.chars().count();
    if !(SHORTEST..=LONGEST).contains(&length) {
        Some("a password has 8 to 256 characters")
    } else if password.trim().is_empty() {
        Some("a password is more than spaces")
    } else if password.contains(char::is_control) {
        Some("a password has no control characters")
    } else {
        None
    }
}

impl Default for Hasher {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Hasher {
    /// The hash of a password, as it is stored.
    pub async fn hash(&self, password: &str) -> Result<String, Unhashed> {
        let password = password.to_owned();
        let hash = self.work(move || {
            let hash: PasswordHash = argon2().ok()?.hash_password(password.as_bytes()).ok()?;
            Some(hash.to_string())
        });
        hash.await.ok_or_else(|| Unhashed("no memory or no randomness".into()))
    }

    /// Whether it is the password with that hash; without a hash it is not, and takes as long.
    pub async fn is(&self, password: &str, hash: Option<&str>) -> bool {
        let is_somebody = hash.is_some();
        let (password, hash) = (password.to_owned(), hash.unwrap_or(DECOY).to_owned());
        let same = self.work(move || {
            let hash = PasswordHash::new(&hash).ok()?;
            argon2().ok()?.verify_password(password.as_bytes(), &hash).ok()
        });
        same.await.is_some() && is_somebody
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Option<T> + Send + 'static,
    ) -> Option<T> {
        // The turn ends with the work, even where nobody waits for it any more.
        let turn = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        let worked = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            work()
        });
        worked.await.ok().flatten()
    }
}

fn argon2() -> Result<Argon2<'static>, argon2::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_the_password_itself_is_it() {
        let hasher = Hasher::default();

        let hash = hasher.hash("correct horse").await.unwrap();

        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(hash, hasher.hash("correct horse").await.unwrap());
        assert!(hasher.is("correct horse", Some(&hash)).await);
        assert!(!hasher.is("correct hors", Some(&hash)).await);
        assert!(!hasher.is("correct horse", None).await);
        assert!(!hasher.is("correct horse", Some("$argon2id$broken")).await);
    }

    #[test]
    fn whoever_is_nobody_costs_as_much_as_somebody() {
        let decoy = PasswordHash::new(DECOY).unwrap();
        let params = Params::try_from(&decoy).unwrap();

        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY_KIB, PASSES, LANES)
        );
    }

    #[test]
    fn a_password_is_long_enough_and_not_endless() {
        assert_eq!(fault("ein Pässwort"), None);
        assert_eq!(fault(&"ä".repeat(256)), None);
        for wrong in ["", "seven77", "        ", &"a".repeat(257), "with\nline break"] {
            assert!(fault(wrong).is_some(), "{wrong:?}");
        }
    }
}
