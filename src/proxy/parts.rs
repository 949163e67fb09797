//! What a proxy is made of: the shapes that the application fills in.

use std::net::SocketAddr;
use std::sync::Arc;

use super::built_in::BuiltIn;
use super::hold::Hold;
use super::names::Names;
use super::token::Keys;
use crate::admission::Admission;
use crate::telemetry::{Cells, RefusalLog};
use crate::transport::Protocol;

/// How requests reach the registrar behind us.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// TCP where its URI says so; else UDP.
    pub protocol: Protocol,
    /// Its URI says neither: devices on TCP go out over TCP while it takes connections.
    pub follows_device: bool,
    /// Where it listens, and over UDP sends from.
    pub address: SocketAddr,
    /// Further addresses whose messages on the upstream side are believed.
    pub sources: Vec<ipnet::IpNet>,
    /// `path = "contact"`: the registrar ignores Path.
    pub rewrites_contact: bool,
    /// The shortest expiry that it is asked for, in seconds.
    pub min_expires_secs: u32,
    /// Its 200 lists every binding of the number.
    pub lists_all: bool,
    /// It takes our own de-registrations without credentials.
    pub trusts_us: bool,
}

/// To whom originating requests go.
pub enum Registry {
    BuiltIn(Box<BuiltIn>),
    Upstream(Upstream),
}

/// Told the number of a worker that is alive.
pub type Beat = Box<dyn Fn(usize) + Send + Sync>;

/// The parts.
pub struct Parts {
    pub keys: Keys,
    pub names: Names,
    pub admission: Arc<Admission>,
    pub registry: Registry,
    /// One for each worker.
    pub cells: Vec<Arc<Cells>>,
    pub refusals: RefusalLog,
    /// Requests that may hold a reservation at once.
    pub max_pending: usize,
    pub hold: Option<Hold>,
    pub beat: Beat,
}
