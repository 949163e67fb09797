//! Who calls: the seat on the flow, else credentials that somebody checks, else a trusted peer's
//! assertion, else a claimed source address, else From. Never Contact.

use std::net::IpAddr;

use super::identity::address_of;
use super::{Admission, FlowKey};
use crate::clock::Now;
use crate::quota::{Device, Owned, State};
use crate::sip::digest::Credentials;
use crate::sip::{Message, Name};

/// How a caller is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// A live seat on the flow that the request came by.
    Seat,
    /// Credentials that are checked, here or by the upstream.
    Credentials,
    /// A trusted peer, or a claimed source address.
    Peer,
    /// Its own word.
    From,
}

/// The number whose request it is.
#[derive(Clone, Debug)]
pub struct Caller {
    pub aor: String,
    pub owned: Owned,
    pub proof: Proof,
    /// A registered device of the number is at the same address, or the peer is trusted: the call
    /// rides on its seat.
    pub rides: bool,
    /// Registered somewhere, at another address.
    pub elsewhere: bool,
}

/// What of a request tells its caller.
pub struct Told<'a> {
    pub message: Message<'a>,
    pub flow: FlowKey,
    pub peer: IpAddr,
    /// Whether credentials in it are checked by somebody.
    pub checked: bool,
}

impl Admission {
    /// The caller of a request; `None` for nobody that we know.
    pub fn caller(&self, told: &Told<'_>, now: Now) -> Option<Caller> {
        let from = self.number_in(&told.message, Name::From);
        if let Some(aor) = &from
            && let Some(caller) = self.by_seat(aor, told.flow, now)
        {
            return Some(caller);
        }
        let numbers = self.flows.numbers(told.flow);
        if let Some(caller) = numbers.iter().find_map(|aor| self.by_seat(aor, told.flow, now)) {
            return Some(caller);
        }
        if told.checked
            && let Some(aor) = self.username(&told.message)
        {
            return self.known(aor, Proof::Credentials, told.peer, now);
        }
        let settings = self.settings.load();
        let holds = |nets: &[ipnet::IpNet]| nets.iter().any(|net| net.contains(&told.peer));
        if holds(&settings.trusted_identity)
            && let Some(aor) = self.number_in(&told.message, Name::PAssertedIdentity)
        {
            return self.known(aor, Proof::Peer, told.peer, now);
        }
        if let Some(owned) = self.quota.owned_address(told.peer) {
            let aor = format!("sip:{}", told.peer);
            return Some(Caller { aor, owned, proof: Proof::Peer, rides: false, elsewhere: false });
        }
        let proof = if holds(&settings.trusted_from) { Proof::Peer } else { Proof::From };
        self.known(from?, proof, told.peer, now)
    }

    fn number_in(&self, message: &Message<'_>, name: Name) -> Option<String> {
        let (_, addr) = message.addrs(name).next()?;
        let address = address_of(&addr.uri, &self.settings.load())?;
        address.ours.then(|| address.aor.into_owned())
    }

    /// The digest username as a number: in the domain of From where it has none of its own.
    fn username(&self, message: &Message<'_>) -> Option<String> {
        let value = credentials_of(message)?;
        let credentials = Credentials::parse(value)?;
        let username = String::from_utf8_lossy(&credentials.username).into_owned();
        let uri = match username.contains('@') {
            true if username.starts_with("sip:") => username,
            true => format!("sip:{username}"),
            false => {
                let from = self.number_in(message, Name::From)?;
                format!("sip:{username}@{}", from.rsplit_once('@')?.1)
            }
        };
        let uri = crate::sip::Uri::parse(uri.as_bytes())?;
        let address = address_of(&uri, &self.settings.load())?;
        address.ours.then(|| address.aor.into_owned())
    }

    /// Whether a device of the number is registered by this flow.
    pub fn has_seat_on(&self, aor: &str, flow: FlowKey, now: Now) -> bool {
        let on_flow = |device: &Device| {
            device.state(now) == State::Live
                && device.bindings().any(|binding| key_of(&binding.reach) == flow)
        };
        self.quota.look(aor, |entry| entry.devices().iter().any(on_flow)) == Some(true)
    }

    fn by_seat(&self, aor: &str, flow: FlowKey, now: Now) -> Option<Caller> {
        if !self.has_seat_on(aor, flow, now) {
            return None;
        }
        let owned = self.quota.owned(aor)?;
        let aor = aor.to_owned();
        Some(Caller { aor, owned, proof: Proof::Seat, rides: true, elsewhere: false })
    }

    fn known(&self, aor: String, proof: Proof, peer: IpAddr, now: Now) -> Option<Caller> {
        let owned = self.quota.owned(&aor)?;
        let live = |device: &Device| device.state(now) == State::Live;
        let here = |device: &Device| {
            live(device) && device.bindings().any(|one| one.reach.remote.ip() == peer)
        };
        let (registered, at_peer) = self
            .quota
            .look(&aor, |entry| {
                (entry.devices().iter().any(live), entry.devices().iter().any(here))
            })
            .unwrap_or_default();
        let rides = registered && (proof != Proof::From || at_peer);
        Some(Caller { aor, owned, proof, rides, elsewhere: registered && !rides })
    }
}

/// The value of the credentials that a request carries.
pub fn credentials_of<'a>(message: &Message<'a>) -> Option<&'a [u8]> {
    message.text(Name::ProxyAuthorization).or_else(|| message.text(Name::Authorization))
}

/// The key of the flow that a binding is reached by.
pub fn key_of(reach: &crate::quota::Reach) -> FlowKey {
    match reach.connection {
        0 => FlowKey::Address(reach.remote),
        serial => FlowKey::Connection(serial),
    }
}
