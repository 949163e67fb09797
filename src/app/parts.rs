//! From the configuration to the parts of the daemon: each value in the shape that its room takes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::lookup_host;

use super::answers::Desk;
use super::{Fault, Rooms};
use crate::admin::http;
use crate::admission::{self, Admission, key_of};
use crate::clock::Now;
use crate::config::{Config, Hop, PathMode};
use crate::license::Moment;
use crate::people::People;
use crate::proxy::{
    Advertise, BuiltIn, Hold, Keys, Names, Parts, Proxy, Registry, Secrets, Upstream,
};
use crate::quota::{Limits, Quota};
use crate::refresh::{Passwords, Shared};
use crate::registrar::{self, Digest, Registrar};
use crate::store::Store;
use crate::systemd::Liveness;
use crate::telemetry::{Metrics, RefusalLog};
use crate::transport::{Addresses, Protocol, Settings, UpstreamSettings, address_facing};
use crate::webhooks::{self, Courier};

/// The setting under which the workers' own ports are kept between starts.
const PORTS: &str = "upstream_ports";

/// How many workers move packets.
pub fn workers(config: &Config) -> usize {
    match config.listen.workers {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        count => count,
    }
}

/// Bounds and margins of the seats.
pub fn limits(config: &Config) -> Limits {
    let millis =
        |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Limits {
        max_devices: config.admission.max_devices as usize,
        late_margin_ms: millis(config.admission.late_margin),
        replace_after_ms: millis(config.admission.replace_after),
        ..Limits::default()
    }
}

/// Settings of admission: what a reload puts in force.
pub fn admission(config: &Config) -> admission::Settings {
    let names = config.domains.iter().flat_map(|domain| {
        let aliases = domain.aliases.iter().map(|alias| (alias.clone(), domain.name.clone()));
        aliases.chain([(domain.name.clone(), domain.name.clone())])
    });
    let set = &config.admission;
    admission::Settings {
        domains: names.collect(),
        default_domain: config.domains.first().map(|domain| domain.name.clone()),
        fold_user_case: !set.case_sensitive_users,
        app_agents: set.app_user_agents.clone(),
        challenges: config.upstream.as_ref().is_some_and(|upstream| upstream.challenges),
        calls_unregistered: set.calls_unregistered,
        call_seat_max: set.call_seat_max,
        trusted_from: set.trusted_from.clone(),
        trusted_identity: set.trusted_identity.clone(),
        emergency_users: set.emergency_users.clone(),
        door_messages: set.door_messages.clone(),
        refusals: config.refusals.clone(),
    }
}

/// What the API works with.
pub fn api(
    config: &Config,
    rooms: &Rooms,
    desk: &Arc<Desk>,
    people: &Arc<People>,
    courier: Courier,
) -> Arc<http::Api> {
    Arc::new(http::Api {
        store: Arc::clone(&rooms.store),
        live: Arc::clone(desk) as Arc<dyn http::Live>,
        people: Arc::clone(people),
        mailing: http::Mailing { server: config.mail.clone(), at: config.reminders.at },
        courier,
        tries: http::Tries::default(),
    })
}

/// The built-in registrar, without bindings yet.
pub fn registrar(config: &Config) -> Registrar {
    let secs =
        |duration: std::time::Duration| u32::try_from(duration.as_secs()).unwrap_or(u32::MAX);
    Registrar::new(registrar::Limits {
        min_expires_secs: secs(config.registrar.min_expires),
        max_expires_secs: secs(config.registrar.max_expires),
        ..registrar::Limits::default()
    })
}

/// What the sockets are opened with.
pub async fn transport(config: &Config, store: &Store) -> Result<Settings, Fault> {
    let upstream = match &config.upstream {
        None => None,
        Some(upstream) => {
            let address = resolve(&upstream.uri.host, upstream.uri.port).await?;
            let bind = match upstream.bind {
                Some(bind) => bind,
                None => default_bind(config, address)?,
            };
            let ports = store.setting(PORTS).await?.unwrap_or_default();
            let ports = ports.split(',').filter_map(|port| port.parse().ok()).collect();
            Some(UpstreamSettings { address, bind, ports })
        }
    };
    Ok(Settings {
        listen_udp: config.listen.udp.clone(),
        listen_tcp: config.listen.tcp.clone(),
        workers: workers(config),
        upstream,
        ..Settings::default()
    })
}

async fn resolve(host: &str, port: u16) -> Result<SocketAddr, Fault> {
    let found = lookup_host((host, port)).await.map_err(|error| format!("{host}: {error}"))?;
    found.into_iter().next().ok_or_else(|| format!("{host} has no address").into())
}

/// The first UDP port + 2, on that address if it is not a wildcard, else on the one that faces the
/// upstream.
fn default_bind(config: &Config, upstream: SocketAddr) -> Result<SocketAddr, Fault> {
    let wildcard = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 5060);
    let first =
        config.listen.udp.first().or(config.listen.tcp.first()).copied().unwrap_or(wildcard);
    let ip = match first.ip() {
        ip if ip.is_unspecified() => address_facing(upstream)?,
        ip => ip,
    };
    let port = if first.port() == 0 { 0 } else { first.port().saturating_add(2) };
    Ok(SocketAddr::new(ip, port))
}

/// Keeps the workers' own ports for the next start: answers under way then find their way.
pub async fn keep_ports(store: &Store, addresses: &Addresses) -> Result<(), Fault> {
    if addresses.upstream_own.is_empty() {
        return Ok(());
    }
    let ports: Vec<_> = addresses.upstream_own.iter().map(|own| own.port().to_string()).collect();
    let ports = ports.join(",");
    let before = store.setting(PORTS).await?;
    if before.as_deref() != Some(&ports) {
        if let Some(before) = before {
            tracing::warn!(%before, now = %ports, "ports towards the upstream were taken: replaced");
        }
        store.set_setting(PORTS, &ports).await?;
    }
    Ok(())
}

/// The proxy over all of it.
pub async fn proxy(
    config: &Config,
    rooms: &Rooms,
    shared: Arc<Shared>,
    addresses: &Addresses,
    (metrics, refusals, liveness): (&Arc<Metrics>, RefusalLog, Arc<Liveness>),
    hold: Option<Hold>,
) -> Result<Arc<Proxy>, Fault> {
    let now = rooms.clock.now().moment();
    let clock = rooms.clock;
    let registry = match (&config.upstream, &rooms.registrar) {
        (Some(_), _) => Registry::Upstream(upstream(config).await?),
        (None, Some(registrar)) => {
            let built_in = built_in(config, &rooms.store, registrar, &shared, now).await?;
            Registry::BuiltIn(Box::new(built_in))
        }
        (None, None) => return Err("neither an upstream nor a registrar".into()),
    };
    let names = Names {
        advertise: advertise(config),
        bind: addresses.upstream_bind.map(Into::into),
        own: addresses.upstream_own.iter().copied().map(Into::into).collect(),
    };
    let pulses: Vec<_> = (0..workers(config)).map(|worker| liveness.pulse(worker)).collect();
    Ok(Arc::new(Proxy::new(Parts {
        keys: keys(&rooms.store, now).await?,
        names,
        admission: Arc::clone(&rooms.admission),
        registry,
        cells: pulses.iter().map(|_| metrics.worker()).collect(),
        refusals,
        max_pending: config.admission.max_pending,
        hold,
        beat: Box::new(move |worker| {
            if let Some(pulse) = pulses.get(worker) {
                pulse.tick(clock.now().mono_ms);
            }
        }),
    })))
}

/// The upstream's address where devices on TCP may go out over TCP.
pub async fn asked_for_tcp(config: &Config) -> Option<SocketAddr> {
    let upstream = config.upstream.as_ref().filter(|upstream| upstream.uri.hop == Hop::Auto)?;
    resolve(&upstream.uri.host, upstream.uri.port).await.ok()
}

async fn upstream(config: &Config) -> Result<Upstream, Fault> {
    let Some(upstream) = &config.upstream else { return Err("no upstream".into()) };
    let address = resolve(&upstream.uri.host, upstream.uri.port).await?;
    Ok(Upstream {
        protocol: if upstream.uri.hop == Hop::Tcp { Protocol::Tcp } else { Protocol::Udp },
        address,
        follows_device: upstream.uri.hop == Hop::Auto,
        sources: upstream.sources.clone(),
        rewrites_contact: upstream.path == PathMode::Contact,
        min_expires_secs: u32::try_from(upstream.min_expires.as_secs()).unwrap_or(u32::MAX),
        lists_all: upstream.lists_all,
        trusts_us: upstream.trusts_us,
    })
}

async fn built_in(
    config: &Config,
    store: &Store,
    registrar: &Arc<Registrar>,
    shared: &Shared,
    now: Moment,
) -> Result<BuiltIn, Fault> {
    let secret = store.secret("digest", now).await?;
    let keys = [Some(&secret.current), secret.previous.as_ref()];
    let keys = keys.into_iter().flatten().map(|key| first_bytes(key)).collect();
    let seed = getrandom::u64()?;
    Ok(BuiltIn {
        registrar: Arc::clone(registrar),
        digest: Digest::new(keys, seed, registrar::NonceLimits::default()),
        secrets: Arc::new(Known(shared.passwords.clone())),
        trusted: config.registrar.trusted.clone(),
        realm: config.registrar.realm.clone(),
        sha256_agents: config.registrar.sha256_user_agents.clone(),
    })
}

/// The passwords of created numbers, as last read.
struct Known(Passwords);

impl Secrets for Known {
    fn password(&self, aor: &str) -> Option<String> {
        self.0.get(aor).map(String::from)
    }
}

async fn keys(store: &Store, now: Moment) -> Result<Keys, Fault> {
    let secret = store.secret("tokens", now).await?;
    Ok(Keys {
        current: first_bytes(&secret.current),
        previous: secret.previous.as_deref().map(first_bytes),
        epoch: getrandom::u32()?,
    })
}

fn first_bytes(key: &[u8]) -> [u8; 16] {
    let mut bytes = [0; 16];
    for (byte, from) in bytes.iter_mut().zip(key) {
        *byte = *from;
    }
    bytes
}

fn advertise(config: &Config) -> Option<Advertise> {
    let text = config.listen.advertise.as_deref()?;
    // An IPv6 address in brackets has colons of its own.
    let port = text.rsplit_once(':').filter(|(host, _)| !host.contains(':') || host.ends_with(']'));
    match port.and_then(|(host, port)| Some((host, port.parse().ok()?))) {
        Some((host, port)) => Some(Advertise { host: host.to_owned(), port: Some(port) }),
        None => Some(Advertise { host: text.to_owned(), port: None }),
    }
}

/// What brings news to webhooks.
pub fn webhooks(courier: Courier, rooms: &Rooms, desk: &Desk) -> webhooks::Parts {
    let shared = Arc::clone(&desk.shared);
    webhooks::Parts {
        store: Arc::clone(&rooms.store),
        courier,
        clock: rooms.clock,
        world: Box::new(move || shared.world()),
    }
}

/// After a restart: which numbers are reached by which flow.
pub fn note_flows(admission: &Admission, quota: &Quota, now: Now) {
    for seat in quota.list(&|_| true, now) {
        let flows = quota.look(&seat.aor, |entry| {
            let bindings = entry.devices().iter().flat_map(|device| device.bindings());
            bindings.map(|binding| key_of(&binding.reach)).collect::<Vec<_>>()
        });
        for flow in flows.into_iter().flatten() {
            admission.flows().note(flow, &seat.aor);
        }
    }
}
