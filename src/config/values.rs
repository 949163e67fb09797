//! Values of the file that have a shape of their own: database, domain, upstream, pattern, answer.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;

/// Where the license tree is kept. Prints its password as `***`.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file; relative ones have been resolved against the config file.
    Sqlite(PathBuf),
    /// A PostgreSQL URL, which may hold a password.
    Postgres(String),
}

/// One of our SIP domains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Domain {
    /// Lower-case.
    pub name: String,
    /// Lower-case host names and addresses that mean the same.
    pub aliases: Vec<String>,
}

/// `[upstream]`: the registrar behind us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    pub uri: UpstreamUri,
    /// Where it sends requests to us; default: the first UDP port + 2.
    pub bind: Option<SocketAddr>,
    /// Whether it challenges REGISTERs.
    pub challenges: bool,
    pub path: PathMode,
    /// It is asked for no shorter registration.
    pub min_expires: Duration,
    /// Addresses it may send from, besides the one of `uri`.
    pub sources: Vec<IpNet>,
    /// Whether its 2xx lists all bindings of a number.
    pub lists_all: bool,
    /// Whether it takes a de-registration from us without a challenge.
    pub trusts_us: bool,
}

/// Where the upstream registrar listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamUri {
    /// Host name or address, IPv6 without brackets.
    pub host: String,
    pub port: u16,
    pub hop: Hop,
}

/// How the hop to the upstream is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hop {
    /// As the device came, where the upstream has it.
    #[default]
    Auto,
    Udp,
    Tcp,
}

/// How the upstream is made to send calls back through us.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PathMode {
    /// RFC 3327.
    #[default]
    Path,
    /// The Contact is rewritten to us and back.
    Contact,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

impl Database {
    /// Reads `sqlite:PATH` or a PostgreSQL URL; `folder` is where relative paths start.
    pub fn parse(text: &str, folder: &Path) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let Some(path) = text.strip_prefix("sqlite:") else {
            return Err("starts neither with sqlite: nor with postgres://".to_owned());
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() || path.starts_with(':') || path.contains('?') {
            return Err("names no file; write sqlite:admitd.db".to_owned());
        }
        Ok(Self::Sqlite(folder.join(path)))
    }

    /// The URL to connect to, password included: not to be printed.
    pub fn url(&self) -> String {
        match self {
            Self::Sqlite(path) => format!("sqlite:{}", path.display()),
            Self::Postgres(url) => url.clone(),
        }
    }

    /// Why no file can be there: the folder is not, or the file is one. What may not be looked at is
    /// left to whoever opens it.
    pub(super) fn missing_place(&self) -> Option<String> {
        let Self::Sqlite(path) = self else { return None };
        if path.is_dir() {
            return Some(format!("{} is a folder; name a file in it", path.display()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty())?;
        let absent = match std::fs::metadata(folder) {
            Ok(found) => !found.is_dir(),
            Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        };
        absent.then(|| format!("there is no folder {}", folder.display()))
    }

    /// The folder in which files of ours stand: beside the file; with a server beside the config, or
    /// where systemd lets a service write whose config is the system's.
    pub fn folder(&self, config: &Path) -> PathBuf {
        match self {
            Self::Sqlite(path) => path.parent().map_or_else(PathBuf::new, Path::to_owned),
            Self::Postgres(_) if config.starts_with("/etc") => PathBuf::from("/run/admitd"),
            Self::Postgres(_) => config.to_owned(),
        }
    }
}

impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&masked(url)),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The byte range of the password in a URL that starts at `start` of `text`, up to a quote or space.
pub(super) fn password_span(text: &str, start: usize) -> Option<std::ops::Range<usize>> {
    let authority = start + text.get(start..)?.find("://")? + 3;
    let rest = text.get(authority..)?;
    let end = rest.find(|c: char| c == '"' || c == '\'' || c.is_whitespace()).unwrap_or(rest.len());
    let rest = rest.get(..end)?;
    let at = rest.rfind('@')?;
    let colon = rest.get(..at)?.find(':')?;
    Some(authority + colon + 1..authority + at)
}

fn masked(url: &str) -> String {
    let mut shown = url.to_owned();
    if let Some(span) = password_span(url, 0) {
        shown.replace_range(span, "***");
    }
    match shown.split_once("password=") {
        Some((before, after)) => {
            let rest = after.find('&').and_then(|end| after.get(end..)).unwrap_or_default();
            format!("{before}password=***{rest}")
        }
        None => shown,
    }
}

impl Domain {
    /// Whether `host` is this domain or an alias of it.
    pub fn is_named(&self, host: &str) -> bool {
        let host = host.strip_suffix('.').unwrap_or(host);
        self.name.eq_ignore_ascii_case(host)
            || self.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(host))
    }
}

impl FromStr for UpstreamUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("sip:").ok_or("does not start with sip:")?;
        let (place, params) = rest.split_once(';').unwrap_or((rest, ""));
        if place.contains('@') {
            return Err("has a user part; write sip:HOST:PORT".to_owned());
        }
        let (host, port) = host_port(place)?;
        Ok(Self { host, port: port.unwrap_or(5060), hop: hop_of(params)? })
    }
}

impl fmt::Display for UpstreamUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.host.parse() {
            Ok(IpAddr::V6(address)) => write!(f, "sip:[{address}]:{}", self.port)?,
            _ => write!(f, "sip:{}:{}", self.host, self.port)?,
        }
        match self.hop {
            Hop::Auto => Ok(()),
            Hop::Udp => f.write_str(";transport=udp"),
            Hop::Tcp => f.write_str(";transport=tcp"),
        }
    }
}

fn hop_of(params: &str) -> Result<Hop, String> {
    let mut hop = Hop::Auto;
    for param in params.split(';').filter(|param| !param.is_empty()) {
        let (name, value) = param.split_once('=').unwrap_or((param, ""));
        match (name, value.to_ascii_lowercase().as_str()) {
            ("transport", "udp") => hop = Hop::Udp,
            ("transport", "tcp") => hop = Hop::Tcp,
            ("transport", _) => return Err(format!("transport {value:?} is not udp or tcp")),
            ("lr", _) => {}
            _ => return Err(format!("has a parameter that means nothing here: {param:?}")),
        }
    }
    Ok(hop)
}

/// Splits `host`, `host:port`, `[v6]` or `[v6]:port`; hosts come back without brackets.
pub(super) fn host_port(text: &str) -> Result<(String, Option<u16>), String> {
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, "")) => (host, None),
        Some((host, rest)) => {
            (host, Some(rest.strip_prefix(':').ok_or("has text after the bracket")?))
        }
        None => match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        },
    };
    if !is_host(host) {
        return Err(format!("{host:?} is no host name or address"));
    }
    let port = match port {
        None => None,
        Some(port) => match port.parse() {
            Ok(port) if port > 0 => Some(port),
            _ => return Err(format!("{port:?} is no port")),
        },
    };
    Ok((host.to_ascii_lowercase(), port))
}

/// Whether `text` can be the host of a SIP URI.
pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    text.parse::<IpAddr>().is_ok() || (text.len() <= 253 && text.split('.').all(label))
}
