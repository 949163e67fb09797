//! A REGISTER on its way in: whose it is, what it would take, and how it goes on (RFC 3261 10).

use std::sync::atomic::Ordering;

use super::Proxy;
use super::arrival::Arrival;
use super::forward::{Hop, Onward};
use super::invite::flow_key;
use super::parts::{Registry, Upstream};
use super::pending::{Held, Patience};
use super::routes::Routed;
use super::token::{Errand, Flow, RouteToken, SeatName};
use crate::admission::{
    Address, Admission, FlowKey, Registration, Shown, address_of, contact_name, credentials_of,
    device_name,
};
use crate::clock::Now;
use crate::license::{Cause, FeatureSet};
use crate::quota::{Decision, Device, Owned, Path, Refusal, Standing};
use crate::sip::{Message, Patch};
use crate::transport::{ConnectionId, Outbox, Protocol, Side};
use smallvec::SmallVec;

/// More than any device has; every one is compared with every one.
const MOST_CONTACTS: usize = 16;

impl Proxy {
    /// A REGISTER from a device.
    pub(super) fn register(&self, arrival: &Arrival<'_>, routed: &Routed, out: &mut Outbox) {
        let message = &arrival.message;
        let address = message.to().and_then(|to| address_of(&to.uri, arrival.settings));
        let Some(address) = address.filter(|address| address.ours) else {
            return self.refuse(arrival, "", Admission::unknown(), out);
        };
        if message.contacts().nth(MOST_CONTACTS).is_some() {
            return self.reply(arrival, 400, "Too Many Contacts", &[], out);
        }
        match &self.registry {
            Registry::BuiltIn(built_in) => {
                let registration = Registration::read(message, arrival.remote());
                self.register_here(built_in, arrival, &address, registration, out);
            }
            Registry::Upstream(upstream) => {
                if !self.refresh_upstream(upstream, arrival, routed, &address, out) {
                    self.register_upstream(upstream, arrival, routed, &address, out);
                }
            }
        }
    }

    /// Sends a REGISTER on that only renews a seat; `false` where it has to be read in full.
    fn refresh_upstream(
        &self,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        routed: &Routed,
        address: &Address,
        out: &mut Outbox,
    ) -> bool {
        let now = arrival.now;
        if upstream.rewrites_contact {
            return false;
        }
        let (message, settings) = (&arrival.message, arrival.settings);
        let Some(refresh) = self.admission.refresh(message, &address.aor, settings, now) else {
            return false;
        };
        if refused_within_a_second(now, &refresh.path).is_some() {
            return false;
        }
        let most = self.most_secs(now, &refresh.path, upstream);
        let asked = refresh.expires_secs.min(most);
        let onward = Onward {
            device: refresh.device,
            contact: refresh.contact,
            clamped: asked < refresh.expires_secs,
            ..Onward::to(Hop::Upstream, Errand::Register)
        };
        let patch = self.outgoing(upstream, arrival, address, &[asked], &onward);
        if let Some(cell) = self.cell(out) {
            cell.verdict(None);
        }
        self.forward(arrival, routed, &onward, patch, out);
        true
    }

    fn register_upstream(
        &self,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        routed: &Routed,
        address: &Address,
        out: &mut Outbox,
    ) {
        let owned = self.admission.quota().owned(&address.aor);
        let owned = owned.as_ref();
        let branch = arrival.branch;
        let waits = self.pending.contains(branch);
        if !waits && let Some(refused) = self.refuse_newcomer(arrival, address, owned) {
            return self.refuse(arrival, &address.aor, refused, out);
        }
        let registration = Registration::read(&arrival.message, arrival.remote());
        let mut held = Held::default();
        if !waits && !registration.is_harmless() {
            match self.decide(arrival, address, owned, &registration) {
                Ok(ticket) => held.ticket = ticket,
                Err(refused) => return self.refuse(arrival, &address.aor, refused, out),
            }
        }
        // The answer to one Contact is told by our token alone; several must be remembered.
        let several = registration.adds.len() + registration.leaves.len() > 1;
        let asked = self.asked_secs(arrival.now, owned, &registration, upstream);
        let onward = onward(&registration, &asked);
        let patch = self.outgoing(upstream, arrival, address, &asked, &onward);
        let remembered = several || upstream.rewrites_contact;
        if !waits && (held.ticket.is_some() || remembered) {
            if self.pending.is_full() {
                if let Some(ticket) = held.ticket.take() {
                    ticket.withdraw();
                }
                let over = Refusal::without_gate(Cause::OverCapacity);
                return self.refuse(arrival, &address.aor, over, out);
            }
            held.registration = registration;
            self.pending.wait(branch, held, self.patience(), arrival.now.mono_ms);
        }
        if let Some(cell) = self.cell(out) {
            cell.verdict(None);
        }
        self.forward(arrival, routed, &onward, patch, out);
    }

    /// How long the answer is awaited: who may be lying waits less.
    pub(super) fn patience(&self) -> Patience {
        match self.admission.settings().challenges {
            true => Patience::Unproved,
            false => Patience::Transaction,
        }
    }

    /// What [`Self::decide`] would refuse to a number without a device.
    fn refuse_newcomer(
        &self,
        arrival: &Arrival<'_>,
        address: &Address,
        owned: Option<&Owned>,
    ) -> Option<Refusal> {
        let (message, now) = (&arrival.message, arrival.now);
        if self.is_bare(arrival) {
            return None;
        }
        let owned = owned.filter(|owned| refused_within_a_second(now, &owned.path).is_none())?;
        self.admission.refuse_newcomer(message, &address.aor, owned, arrival.settings, now)
    }

    /// Whether it has still to be challenged.
    fn is_bare(&self, arrival: &Arrival<'_>) -> bool {
        arrival.settings.challenges && credentials_of(&arrival.message).is_none()
    }

    /// Whether it may go on, and with what reservation.
    fn decide(
        &self,
        arrival: &Arrival<'_>,
        address: &Address,
        owned: Option<&Owned>,
        registration: &Registration,
    ) -> Result<Option<crate::quota::Ticket>, Refusal> {
        let challenges = arrival.settings.challenges;
        let bare = self.is_bare(arrival);
        let Some(owned) = owned else {
            // It is challenged like everybody else, or a scanner learns who exists.
            return if bare { Ok(None) } else { Err(Admission::unknown()) };
        };
        let has_seat = || self.admission.has_seat_on(&address.aor, flow_key(arrival), arrival.now);
        let standing = match (challenges, bare && !has_seat()) {
            (false, _) => Standing::Proved,
            (true, true) => Standing::Bare,
            (true, false) => Standing::Presented,
        };
        match self.decision(arrival, &address.aor, owned, registration, standing) {
            Decision::Renew(_) | Decision::Unreserved(_) => Ok(None),
            Decision::Take(ticket) => Ok(Some(ticket)),
            Decision::Refuse(_) if standing == Standing::Bare => Ok(None),
            Decision::Refuse(refused) => Err(refused),
        }
    }

    /// What the quota says; where less than a second is left, as of the instant that ends it.
    pub(super) fn decision(
        &self,
        arrival: &Arrival<'_>,
        aor: &str,
        owned: &Owned,
        registration: &Registration,
        standing: Standing,
    ) -> Decision {
        if let Some(refused) = refused_within_a_second(arrival.now, &owned.path) {
            return Decision::Refuse(refused);
        }
        let dead = |device: &Device| self.is_dead(device);
        self.admission.register(aor, owned, registration, standing, &dead, arrival.now)
    }

    /// Whether no flow of a device leads anywhere any more.
    pub(super) fn is_dead(&self, device: &Device) -> bool {
        device.bindings().next().is_some()
            && device.bindings().all(|binding| {
                binding.reach.transport != 0
                    && !self.is_open(ConnectionId(binding.reach.connection))
            })
    }

    /// What the registrar is asked for, by added Contact: no more than the license lasts, except for
    /// what sleeps.
    fn asked_secs(
        &self,
        now: Now,
        owned: Option<&Owned>,
        registration: &Registration,
        upstream: &Upstream,
    ) -> SmallVec<[u32; 1]> {
        let most = owned.map_or(u32::MAX, |owned| self.most_secs(now, &owned.path, upstream));
        let asked = |shown: &Shown| match shown.push {
            true => shown.expires_secs,
            false => shown.expires_secs.min(most),
        };
        registration.adds.iter().map(asked).collect()
    }

    /// As long as the license lasts, but no less than the registrar grants.
    fn most_secs(&self, now: Now, path: &Path, upstream: &Upstream) -> u32 {
        let least = upstream.min_expires_secs.max(self.learned_min_expires.load(Ordering::Relaxed));
        let clamp = path.clamp(now.moment(), FeatureSet::NONE);
        clamp.map_or(u32::MAX, |at| remaining_secs(now, at.0)).max(least)
    }

    /// The changes that a REGISTER leaves with: how long, and the way back to the device.
    fn outgoing(
        &self,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        address: &Address,
        asked: &[u32],
        onward: &Onward,
    ) -> Patch {
        let message = &arrival.message;
        let mut patch = Patch::new();
        if onward.clamped {
            clamp_request(message, asked, &mut patch);
        }
        if upstream.rewrites_contact {
            self.rewrite_contacts(upstream, arrival, address, &mut patch);
        } else if !asked.is_empty() {
            let local = self.names.bound(arrival.source.local);
            let (flow, aor) = (arrival.flow(), &address.aor);
            patch.write_path(message, |out| {
                let token = |out: &mut Vec<u8>| {
                    self.keys.put_device_token(out, &flow, onward.device, aor);
                };
                self.names.put_route(out, token, Side::Upstream, local, upstream.protocol);
            });
        }
        patch
    }

    /// Contact to us and back: for registrars that ignore Path. Parameters stay. The Contact of a
    /// device is the same by whatever flow it registers, or the registrar takes each new connection
    /// for another binding, and a de-registration finds none.
    fn rewrite_contacts(
        &self,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        address: &Address,
        patch: &mut Patch,
    ) {
        let message = &arrival.message;
        for contact in message.contacts() {
            let Some(ids) = crate::admission::ids_of(contact, message, arrival.remote()) else {
                continue;
            };
            let seat = SeatName { aor: address.aor.to_string(), device: device_name(&ids) };
            let flow = Flow::newest_of_seat();
            let token = self.keys.seal_flow(&RouteToken::Device { flow, seat });
            let name = self.names.sent_by(Side::Upstream, arrival.source.local);
            let mut uri = format!("sip:{token}@{name}");
            if upstream.protocol == Protocol::Tcp {
                uri.push_str(";transport=tcp");
            }
            if let Some(addr) = contact.addr() {
                for param in addr.uri.params.iter() {
                    if param.name.to_ascii_lowercase().starts_with(b"pn-") {
                        uri.push(';');
                        uri.push_str(&String::from_utf8_lossy(param.raw));
                    }
                }
            }
            patch.replace_contact_uri(message, contact, uri.as_bytes());
        }
    }
}

/// Whole seconds until `at`, rounded down.
pub(super) fn remaining_secs(now: Now, at_secs: i64) -> u32 {
    let left_ms = at_secs.saturating_mul(1000).saturating_sub(now.wall_ms);
    u32::try_from(left_ms.div_euclid(1000)).unwrap_or(if left_ms < 0 { 0 } else { u32::MAX })
}

/// Where the license lasts less than a second more, no whole second can be told any more: it is
/// decided as of that instant.
pub(super) fn refused_within_a_second(now: Now, path: &Path) -> Option<Refusal> {
    let at = path.clamp(now.moment(), FeatureSet::NONE)?;
    match remaining_secs(now, at.0) {
        0 => path.invalid_as_of(at, FeatureSet::NONE),
        _ => None,
    }
}

/// What a REGISTER is about: what its answer settles, its first device and that one's Contact, by name.
pub(super) fn subject(registration: &Registration) -> (Errand, u32, u32) {
    let first = registration.adds.first().or(registration.leaves.first());
    let errand = match (registration.star, registration.adds.is_empty()) {
        (true, _) => Errand::LeaveAll,
        (false, true) if first.is_some() => Errand::Leave,
        (false, true) => Errand::Other,
        (false, false) => Errand::Register,
    };
    let device = first.map_or(0, |shown| device_name(&shown.ids));
    let contact = first.and_then(|shown| shown.ids.contacts.first());
    (errand, device, contact.map_or(0, |uri| contact_name(uri)))
}

fn onward(registration: &Registration, asked: &[u32]) -> Onward {
    let (errand, device, contact) = subject(registration);
    let mut wishes = registration.adds.iter().zip(asked);
    let clamped = wishes.any(|(shown, asked)| *asked < shown.expires_secs);
    Onward { device, contact, clamped, ..Onward::to(Hop::Upstream, errand) }
}

/// Writes what the registrar is asked for in place of what the device wanted.
fn clamp_request(message: &Message<'_>, asked: &[u32], patch: &mut Patch) {
    let adds =
        message.contacts().filter(|contact| !contact.is_star() && message.expires_of(contact) > 0);
    let mut header = None;
    for (contact, secs) in adds.zip(asked.iter().copied()) {
        if contact.expires().is_some() {
            patch.set_contact_expires(message, contact, secs);
        } else {
            header = Some(header.map_or(secs, |other: u32| other.min(secs)));
        }
    }
    if let Some(secs) = header {
        patch.set_expires(message, secs);
    }
}

/// The key of a flow, as admission knows it.
pub(super) fn key_of_flow(flow: &super::token::Flow) -> FlowKey {
    match flow.connection {
        Some(connection) => FlowKey::Connection(connection.0),
        None => FlowKey::Address(flow.remote),
    }
}
