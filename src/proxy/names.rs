//! How we name ourselves: in Via, Path and Record-Route, towards devices and towards upstreams.

use std::net::SocketAddr;

use crate::sip::{Uri, print};
use crate::transport::{Protocol, Side};

/// Our names.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Towards devices: a host with or without a port; else the address that the message came to.
    pub advertise: Option<Advertise>,
    /// Towards upstreams.
    pub bind: Option<OwnAddress>,
    /// Each worker's own UDP socket towards the upstream: what Via names, so that the answer comes
    /// back to the worker that asked.
    pub own: Vec<OwnAddress>,
}

/// An address of ours, as text too: it stands in every request that leaves.
#[derive(Clone, Debug)]
pub struct OwnAddress {
    address: SocketAddr,
    text: Box<[u8]>,
}

impl OwnAddress {
    /// The address.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

impl From<SocketAddr> for OwnAddress {
    fn from(address: SocketAddr) -> Self {
        let mut text = Vec::new();
        print::address(&mut text, address);
        Self { address, text: text.into() }
    }
}

/// A name of ours as the operator wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advertise {
    /// IPv6 in brackets.
    pub host: String,
    pub port: Option<u16>,
}

/// The default port of SIP over UDP and TCP (RFC 3261 19.1.2).
const SIP_PORT: u16 = 5060;

impl Names {
    /// Where upstreams reach us, for what came to `local`.
    pub fn bound(&self, local: SocketAddr) -> SocketAddr {
        self.bind.as_ref().map_or(local, OwnAddress::address)
    }

    /// Writes `host:port` for the side that a message leaves from. `local` is the address of ours
    /// there.
    pub fn put_sent_by(&self, out: &mut Vec<u8>, side: Side, local: SocketAddr) {
        match (side, &self.advertise, &self.bind) {
            (Side::Device, Some(name), _) => {
                out.extend_from_slice(name.host.as_bytes());
                out.push(b':');
                print::number(out, u64::from(name.port.unwrap_or(local.port())));
            }
            (Side::Upstream, _, Some(bind)) => out.extend_from_slice(&bind.text),
            _ => print::address(out, local),
        }
    }

    /// Writes `host:port` of the socket that a worker's request to the upstream leaves from.
    pub fn put_sent_by_worker(
        &self,
        out: &mut Vec<u8>,
        worker: usize,
        protocol: Protocol,
        local: SocketAddr,
    ) {
        match self.own.get(worker).filter(|_| protocol == Protocol::Udp) {
            Some(own) => out.extend_from_slice(&own.text),
            None => self.put_sent_by(out, Side::Upstream, local),
        }
    }

    /// `host:port`, as [`Self::put_sent_by`] writes it.
    pub fn sent_by(&self, side: Side, local: SocketAddr) -> String {
        let mut text = Vec::new();
        self.put_sent_by(&mut text, side, local);
        String::from_utf8(text).unwrap_or_default()
    }

    /// A Path or Record-Route value that brings requests back to us.
    pub fn route(&self, user: &str, side: Side, local: SocketAddr, protocol: Protocol) -> String {
        let mut value = Vec::with_capacity(user.len() + 64);
        let user = |out: &mut Vec<u8>| out.extend_from_slice(user.as_bytes());
        self.put_route(&mut value, user, side, local, protocol);
        String::from_utf8(value).unwrap_or_default()
    }

    /// Writes that value, with a user part that `user` appends.
    pub fn put_route(
        &self,
        out: &mut Vec<u8>,
        user: impl FnOnce(&mut Vec<u8>),
        side: Side,
        local: SocketAddr,
        protocol: Protocol,
    ) {
        out.extend_from_slice(b"<sip:");
        user(out);
        out.push(b'@');
        self.put_sent_by(out, side, local);
        if protocol == Protocol::Tcp {
            out.extend_from_slice(b";transport=tcp");
        }
        out.extend_from_slice(b";lr>");
    }

    /// Whether a URI without a token of ours names us all the same. `local` is where the request
    /// came to.
    pub fn is_us(&self, uri: &Uri<'_>, local: SocketAddr) -> bool {
        let Ok(host) = std::str::from_utf8(uri.host) else { return false };
        let port = uri.port.unwrap_or(SIP_PORT);
        let bare = host.trim_matches(['[', ']']);
        let address = bare.parse().ok().map(|ip| SocketAddr::new(ip, port));
        let advertised = self.advertise.as_ref().is_some_and(|name| {
            name.host.eq_ignore_ascii_case(host) && name.port.unwrap_or(local.port()) == port
        });
        let bound = self.bind.as_ref().map(OwnAddress::address);
        advertised || address == Some(local) || address.is_some() && address == bound
    }
}

/// The name of a transport in Via.
pub fn via_transport(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "UDP",
        Protocol::Tcp => "TCP",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local() -> SocketAddr {
        "192.0.2.1:5060".parse().unwrap()
    }

    fn is_us(names: &Names, uri: &str) -> bool {
        names.is_us(&Uri::parse(uri.as_bytes()).unwrap(), local())
    }

    #[test]
    fn a_route_that_names_the_socket_it_came_to_names_us() {
        let names = Names::default();

        assert!(is_us(&names, "sip:192.0.2.1;lr"));
        assert!(is_us(&names, "sip:192.0.2.1:5060;lr"));
        assert!(!is_us(&names, "sip:192.0.2.1:5070;lr"));
        assert!(!is_us(&names, "sip:sip.example.com;lr"));
    }

    #[test]
    fn the_advertised_name_is_used_towards_devices_and_the_bind_towards_upstreams() {
        let names = Names {
            advertise: Some(Advertise { host: "sip.example.com".into(), port: None }),
            bind: Some("127.0.0.1:5062".parse::<SocketAddr>().unwrap().into()),
            own: Vec::new(),
        };

        let device = names.route("tok", Side::Device, local(), Protocol::Tcp);
        let upstream = names.route("tok", Side::Upstream, local(), Protocol::Udp);

        assert_eq!(device, "<sip:tok@sip.example.com:5060;transport=tcp;lr>");
        assert_eq!(upstream, "<sip:tok@127.0.0.1:5062;lr>");
        assert!(is_us(&names, "sip:SIP.example.com;lr"));
        assert!(is_us(&names, "sip:127.0.0.1:5062"));
    }
}
