//! When tokens and sessions were used last: noted in memory, written behind, at most once a minute.

use std::collections::HashMap;

use parking_lot::Mutex;

use super::entrance::next_end;
use super::known::Way;
use crate::license::Moment;
use crate::store::{Result, SecretHash, Store};

/// A use this soon after one that was written is not written.
const EVERY_SECS: i64 = 60;
/// With so many entries the old ones go.
const MANY: usize = 1_000;

/// Uses that were seen.
#[derive(Debug, Default)]
pub struct Uses(Mutex<HashMap<SecretHash, Use>>);

#[derive(Clone, Debug)]
struct Use {
    way: Way,
    at: Moment,
    written: bool,
}

impl Uses {
    /// Notes a use.
    pub fn note(&self, way: &Way, hash: SecretHash, at: Moment) {
        let mut uses = self.0.lock();
        if uses.get(&hash).is_some_and(|last| (at.0 - last.at.0).abs() < EVERY_SECS) {
            return;
        }
        if uses.len() > MANY {
            uses.retain(|_, last| !last.written || (at.0 - last.at.0).abs() < EVERY_SECS);
        }
        uses.insert(hash, Use { way: way.clone(), at, written: false });
    }

    /// Writes what was noted; what cannot be written is tried again.
    pub async fn write(&self, store: &Store) -> Result<()> {
        let noted: Vec<(SecretHash, Use)> = {
            let uses = self.0.lock();
            let waiting = uses.iter().filter(|(_, one)| !one.written);
            waiting.map(|(hash, one)| (*hash, one.clone())).collect()
        };
        let (mut tokens, mut sessions) = (Vec::new(), Vec::new());
        for (hash, Use { way, at, .. }) in &noted {
            match way {
                Way::Token { id } => tokens.push((*id, *at)),
                Way::Session { created_at, .. } => {
                    sessions.push((*hash, *at, next_end(*created_at, *at)));
                }
            }
        }
        if !tokens.is_empty() {
            store.note_token_use(&tokens).await?;
        }
        if !sessions.is_empty() {
            store.note_session_use(&sessions).await?;
        }
        let mut uses = self.0.lock();
        for (hash, one) in noted {
            if let Some(last) = uses.get_mut(&hash).filter(|last| last.at == one.at) {
                last.written = true;
            }
        }
        Ok(())
    }
}
