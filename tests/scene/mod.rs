//! A scene for behaviour tests: a daemon of its own in a folder of its own, phones that speak bytes,
//! and a scripted upstream. Shared by the tests; each uses its part of it.
#![allow(dead_code, reason = "every test file uses another part of the scene")]

mod answer;
mod daemon;
pub mod http;
mod office;
mod phone;
mod post;
mod server;
mod upstream;

#[allow(unused_imports, reason = "every test file uses another part")]
pub use answer::Message;
#[allow(unused_imports, reason = "every test file uses another part")]
pub use daemon::Daemon;
#[allow(unused_imports, reason = "every test file uses another part")]
pub use office::Office;
#[allow(unused_imports, reason = "every test file uses another part")]
pub use phone::{Link, Phone, answer_text, authorize, take_message};
#[allow(unused_imports, reason = "every test file uses another part")]
pub use post::Post;
#[allow(unused_imports, reason = "every test file uses another part")]
pub use upstream::Upstream;

use std::time::{Duration, Instant};

/// Waits until `holds` does, for at most `limit`.
pub fn eventually(limit: Duration, what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {limit:?}: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
