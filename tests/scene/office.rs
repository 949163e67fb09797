//! A daemon with people who ask over HTTP, each with a token of their own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::http::Client;
use super::{Daemon, eventually};

/// The daemon behind the API.
pub struct Office {
    pub address: SocketAddr,
    pub daemon: Daemon,
    made: AtomicU32,
}

impl Office {
    /// An empty server.
    pub fn open() -> Self {
        Self::with("")
    }

    /// The same with more in the configuration.
    pub fn with(more: &str) -> Self {
        let daemon = Daemon::start(more);
        Self { address: daemon.admin, daemon, made: AtomicU32::new(0) }
    }

    /// A server administrator.
    pub fn server(&self) -> Client {
        self.with_token(&["--role", "server_administrator"])
    }

    /// Somebody with a role in the group at a path.
    pub fn with_role(&self, role: &str, path: &str) -> Client {
        self.with_token(&["--role", role, "--group", path])
    }

    fn with_token(&self, more: &[&str]) -> Client {
        let name = format!("key-{}", self.made.fetch_add(1, Ordering::Relaxed));
        let words = [&["token", "add", &name], more].concat();
        let made = self.daemon.ask(&words);
        let client = Client::new(self.address, made["token"].as_str().expect("a token"));
        let known = || client.get("/groups?limit=1").status == 200;
        eventually(Duration::from_secs(10), "the token is known", known);
        client
    }
}
