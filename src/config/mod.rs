//! What an operator sets: one strict TOML file, every key of it with a type, a unit and a default.
//! It knows the file and nothing else; what a value does is the business of the room that takes it.

mod addresses;
mod fault;
mod mail;
mod read;
mod sections;
mod values;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ipnet::IpNet;

use crate::admission::Pattern;
use crate::admission::refusal::Refusals;

use read::Disk;

pub use fault::{Fault, Report};
pub use mail::{Mail, Reminders, Smtp, Tls};
pub use values::{Database, Domain, Hop, LogFormat, PathMode, Upstream, UpstreamUri};

/// Where the file is looked for when none is named, in this order.
const PLACES: [&str; 2] = ["admitd.toml", "/etc/admitd/admitd.toml"];

/// Everything that can be set. `Config::default()` is what runs without a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The file that was read, if any.
    pub file: Option<PathBuf>,
    /// Where the license tree is kept.
    pub database: Database,
    /// Zone of groups that have and inherit none.
    pub time_zone: chrono_tz::Tz,
    /// Our SIP domains, each with its aliases.
    pub domains: Vec<Domain>,
    pub listen: Listen,
    /// `None`: the built-in registrar answers.
    pub upstream: Option<Upstream>,
    pub registrar: Registrar,
    pub admission: Admission,
    pub refusals: Refusals,
    pub admin: Admin,
    pub metrics: Metrics,
    pub log: Log,
    pub ledger: Ledger,
    pub webhooks: Webhooks,
    /// `None`: no mails are sent.
    pub mail: Option<Mail>,
    pub reminders: Reminders,
}

/// `[listen]`: where devices reach us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    pub udp: Vec<SocketAddr>,
    pub tcp: Vec<SocketAddr>,
    /// Host, or host:port, that names us towards devices; default: the address a datagram came to.
    pub advertise: Option<String>,
    /// Threads that move packets; 0: one for each core.
    pub workers: usize,
}

/// `[registrar]`: the built-in registrar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registrar {
    /// From here numbers without a password register without a challenge.
    pub trusted: Vec<IpNet>,
    /// Shorter wishes are answered 423.
    pub min_expires: Duration,
    /// Longer wishes are granted this.
    pub max_expires: Duration,
    /// Digest realm; default: the domain of the number.
    pub realm: Option<String>,
    /// User-Agents that are offered SHA-256 as well as MD5; default: none.
    pub sha256_user_agents: Vec<Pattern>,
}

/// `[admission]`: what is asked before a seat is given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admission {
    /// How long an expired seat stays held for its device.
    pub late_margin: Duration,
    /// Silence after which a new phone of a number may take an old one's place.
    pub replace_after: Duration,
    /// Live devices of one number.
    pub max_devices: u32,
    /// Whether a number without a seat may call (it then takes a call seat).
    pub calls_unregistered: bool,
    /// The longest a call seat lasts.
    pub call_seat_max: Duration,
    /// Whether a 2xx waits until its seat is on disk.
    pub commit_before_answer: bool,
    /// User-Agents that are mobile apps though they send no push parameters.
    pub app_user_agents: Vec<Pattern>,
    /// Requests that may hold a reservation at once.
    pub max_pending: usize,
    /// Sources whose From is believed.
    pub trusted_from: Vec<IpNet>,
    /// Sources whose P-Asserted-Identity is believed.
    pub trusted_identity: Vec<IpNet>,
    /// Whether `Anna` and `anna` are two numbers.
    pub case_sensitive_users: bool,
    /// Bodies of MESSAGE and INFO that open a door, and so need `remote_door_opening`.
    pub door_messages: Vec<Pattern>,
    /// User parts that are emergency calls, besides `urn:service:sos`.
    pub emergency_users: Vec<String>,
}

/// `[admin]`: how the daemon is asked and told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// API and console.
    pub listen: SocketAddr,
    /// Control socket of the command line.
    pub socket: PathBuf,
    /// Permissions of the control socket.
    pub socket_mode: u32,
}

/// `[metrics]`: the Prometheus endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    pub listen: SocketAddr,
    /// Groups that get time series of their own; the others are summed.
    pub max_groups: usize,
}

/// `[log]`: what goes to stderr.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    /// A level, or directives as of tracing's `EnvFilter`.
    pub level: String,
    /// Lines about refusals in one second; the others are counted.
    pub refusals_per_second: u32,
}

/// `[ledger]`: how seats reach the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ledger {
    /// How long changes are collected before they are written together.
    pub batch: Duration,
}

/// `[webhooks]`: who may be told of what happens.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Webhooks {
    /// Whether those of administrators below the server may lead to addresses that are not public.
    pub allow_private: bool,
}

impl Config {
    /// The file to read: the one that is named, else the first of the usual places that exists.
    pub fn find(named: Option<&Path>) -> Option<PathBuf> {
        match named {
            Some(path) => Some(path.to_owned()),
            None => PLACES.iter().map(PathBuf::from).find(|path| path.exists()),
        }
    }

    /// Reads the file that [`Config::find`] finds, or gives the defaults where there is none.
    pub fn locate(named: Option<&Path>) -> Result<Self, Report> {
        match Self::find(named) {
            Some(path) => Self::load(&path),
            None => Ok(Self::default()),
        }
    }

    /// Reads one file. The error lists all faults at once.
    pub fn load(path: &Path) -> Result<Self, Report> {
        let source = match std::fs::read_to_string(path) {
            Ok(source) => source,
            Err(error) => return Err(Report::unreadable(path, &error)),
        };
        Self::read(&source, path, Disk::Look)
    }

    /// Reads the text of a file, not what it names; relative paths start at the folder of `path`.
    pub fn parse(source: &str, path: &Path) -> Result<Self, Report> {
        Self::read(source, path, Disk::Ignore)
    }

    fn read(source: &str, path: &Path, disk: Disk) -> Result<Self, Report> {
        let (config, faults) = sections::read(source, path, disk);
        if faults.is_empty() { Ok(config) } else { Err(Report::new(path, source, faults)) }
    }

    /// Which sections of `new` differ but take a restart; the others are taken over at once.
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let changed = [
            ("database", self.database != new.database),
            ("time_zone", self.time_zone != new.time_zone),
            ("listen", self.listen != new.listen),
            ("upstream", self.upstream != new.upstream),
            ("registrar", self.registrar != new.registrar),
            ("admission.late_margin", self.admission.late_margin != new.admission.late_margin),
            (
                "admission.replace_after",
                self.admission.replace_after != new.admission.replace_after,
            ),
            ("admission.max_devices", self.admission.max_devices != new.admission.max_devices),
            ("admission.max_pending", self.admission.max_pending != new.admission.max_pending),
            (
                "admission.commit_before_answer",
                self.admission.commit_before_answer != new.admission.commit_before_answer,
            ),
            ("admin", self.admin != new.admin),
            ("metrics", self.metrics != new.metrics),
            ("log.format", self.log.format != new.log.format),
            (
                "log.refusals_per_second",
                self.log.refusals_per_second != new.log.refusals_per_second,
            ),
            ("ledger", self.ledger != new.ledger),
            ("webhooks", self.webhooks != new.webhooks),
            ("mail", self.mail != new.mail),
            ("reminders", self.reminders != new.reminders),
        ];
        changed.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name).collect()
    }

    /// The domain that `host` names, itself or by an alias; case does not matter.
    pub fn domain_of(&self, host: &str) -> Option<&Domain> {
        self.domains.iter().find(|domain| domain.is_named(host))
    }
}

impl Default for Config {
    fn default() -> Self {
        sections::defaults()
    }
}

#[cfg(test)]
mod tests;
