//! Who takes half of the servers' core while they are pushed: a load that has as much as a server of its
//! own can hardly offer twice what passes.

use std::process::Child;

use super::server;

/// Is busy as long as it lives.
pub struct Rival(Child);

impl Rival {
    /// Begins at once.
    pub fn begin() -> Self {
        let busy = server::pinned("sh").args(["-c", "while :; do :; done"]).spawn();
        Self(busy.expect("sh starts"))
    }
}

impl Drop for Rival {
    fn drop(&mut self) {
        // It may be gone already, with whoever ended us all.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
