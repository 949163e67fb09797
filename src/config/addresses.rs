//! Where the daemon listens: `[listen]`, `[admin]`, `[metrics]`, and that no two of them want the same.

use std::net::{Ipv4Addr, SocketAddr};

use super::read::{Read, Section, text};
use super::values::host_port;
use super::{Listen, Metrics};

/// TCP addresses that are listened on already, with the key that says so.
pub(super) struct Taken(Vec<(SocketAddr, &'static str)>);

impl Taken {
    pub fn by(listen: &Listen) -> Self {
        Self(listen.tcp.iter().map(|address| (*address, "listen.tcp")).collect())
    }

    /// The key that keeps `address` from being bound. Port 0 is any port.
    fn holder(&self, address: SocketAddr) -> Option<&'static str> {
        let meets = |other: SocketAddr| {
            let (a, b) = (address.ip(), other.ip());
            address.port() == other.port() && (a == b || a.is_unspecified() || b.is_unspecified())
        };
        let found = self.0.iter().find(|(other, _)| address.port() != 0 && meets(*other));
        found.map(|(_, key)| *key)
    }
}

pub(super) fn listen(mut section: Section<'_, '_>) -> Listen {
    let listen = Listen {
        udp: addresses(&mut section, "udp"),
        tcp: addresses(&mut section, "tcp"),
        advertise: section.value("advertise").and_then(|value| {
            let wrong = &mut section.wrong("advertise");
            text(&value, wrong, "a host or host:port", |text| {
                host_port(text).is_ok().then(|| text.to_ascii_lowercase())
            })
        }),
        workers: section.within("workers", 0, 0..=256),
    };
    if listen.udp.is_empty() && listen.tcp.is_empty() {
        let message = "no device could reach us: udp and tcp are both empty";
        let () = section.missing("udp", message).unwrap_or(());
    }
    section.finish();
    listen
}

fn addresses(section: &mut Section<'_, '_>, key: &'static str) -> Vec<SocketAddr> {
    let anywhere = vec![SocketAddr::from((Ipv4Addr::UNSPECIFIED, 5060))];
    let Some(value) = section.value(key) else { return anywhere };
    let wrong = &mut section.wrong(key);
    let Some(found) = Vec::<SocketAddr>::read(&value, wrong) else { return anywhere };
    for (at, address) in found.iter().enumerate() {
        if address.port() != 0 && found.iter().take(at).any(|other| other == address) {
            let () = wrong.at(&value, format_args!("{address} stands here twice")).unwrap_or(());
        }
    }
    found
}

/// Reads `listen` of a section, which nobody else may have.
fn own(
    section: &mut Section<'_, '_>,
    port: u16,
    taken: &mut Taken,
    key: &'static str,
) -> SocketAddr {
    let usual = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let value = section.value("listen");
    let read = value.as_ref().map(|value| SocketAddr::read(value, &mut section.wrong("listen")));
    let address = read.flatten().unwrap_or(usual);
    if let Some(holder) = taken.holder(address) {
        let message = format!("{address} is taken by {holder}");
        let () = match &value {
            Some(value) => section.wrong("listen").at(value, message),
            None => section.missing("listen", &message),
        }
        .unwrap_or(());
    }
    taken.0.push((address, key));
    address
}

pub(super) fn metrics(mut section: Section<'_, '_>, taken: &mut Taken) -> Metrics {
    let metrics = Metrics {
        listen: own(&mut section, 9060, taken, "metrics.listen"),
        max_groups: section.within("max_groups", 100, 0..=100_000),
    };
    section.finish();
    metrics
}

/// Listener, control socket and its permissions.
pub(super) fn admin(
    mut section: Section<'_, '_>,
    taken: &mut Taken,
) -> (SocketAddr, Option<String>, u32) {
    let listen = own(&mut section, 8060, taken, "admin.listen");
    let socket = section.optional("socket");
    let mode = section.value("socket_mode").and_then(|value| {
        let wrong = &mut section.wrong("socket_mode");
        text(&value, wrong, "permissions in octal, \"0660\"", |text| {
            u32::from_str_radix(text, 8).ok().filter(|mode| *mode <= 0o777)
        })
    });
    section.finish();
    (listen, socket, mode.unwrap_or(0o660))
}
