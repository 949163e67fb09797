//! Answers on their way back: only under our own MAC, only from where the request went, settled
//! before they go on (RFC 3261 16.7, 16.11).

use std::sync::atomic::Ordering;

use super::Proxy;
use super::arrival::{Arrival, destination};
use super::fork::Came;
use super::forward::read_branch;
use super::hold::written;
use super::parts::{Registry, Upstream};
use super::pending::Branch;
use super::settle::{Asked, Listed};
use super::token::{Errand, Receiver, RouteToken, ViaToken};
use super::transaction::{Handling, Key};
use crate::admission::{Registration, address_of, has_name, ids_of};
use crate::quota::Refusal;
use crate::sip::{Index, Message, Method, Name, Patch, Via, compose};
use crate::transport::{Destination, Outbox, Protocol};

/// An answer whose token is ours.
pub(super) struct Returned<'a> {
    pub token: ViaToken,
    pub branch: Branch,
    pub branch_text: &'a str,
    pub fork: Option<usize>,
    pub status: u16,
}

/// A Via of ours, as a request went out with it.
struct OurVia<'a> {
    token: ViaToken,
    branch: Branch,
    branch_text: &'a str,
    fork: Option<usize>,
}

impl Proxy {
    /// A response, from either side.
    pub(super) fn answer(&self, arrival: &Arrival<'_>, out: &mut Outbox) {
        let Some(returned) = self.returned(arrival) else {
            return self.drop_counted("foreign_response", out);
        };
        if returned.token.own || self.is_of_our_cancel(arrival, &returned) {
            return;
        }
        if self.is_copy(arrival, &returned, out) {
            return;
        }
        let mut patch = Patch::new();
        patch.pop_top_via(&arrival.message);
        let popped = |patch: &Patch| written(|bytes| patch.apply(&arrival.message, bytes));
        match self.settle(arrival, &returned, &mut patch, out) {
            Some(Replaced::Refused(refused)) => {
                self.say_late_refusal(&returned, &popped(&patch), arrival, refused, out)
            }
            Some(Replaced::Unavailable) => self.say_unavailable(&returned, &popped(&patch), out),
            None => self.pass_back(arrival, &returned, &patch, out),
        }
    }

    /// Reads our Via; `None` for what is not ours, or does not come from where the request went.
    fn returned<'a>(&self, arrival: &Arrival<'a>) -> Option<Returned<'a>> {
        let OurVia { token, branch, branch_text, fork } = self.our_via(&arrival.message)?;
        if token.receiver == Receiver::Upstream && !self.is_upstream(arrival) {
            return None;
        }
        let status = arrival.message.status()?;
        Some(Returned { token, branch, branch_text, fork, status })
    }

    /// Reads the top Via; `None` where it is not ours.
    fn our_via<'a>(&self, message: &Message<'a>) -> Option<OurVia<'a>> {
        let via = message.top_via()?;
        let branch_text = std::str::from_utf8(via.branch()?).ok()?;
        let token = self.keys.open_via(sealed_in(&via)?, branch_text)?;
        let (branch, fork) = read_branch(branch_text)?;
        Some(OurVia { token, branch, branch_text, fork })
    }

    /// The answer to a CANCEL that we made of an INVITE, and so with its Via: it ends here.
    fn is_of_our_cancel(&self, arrival: &Arrival<'_>, returned: &Returned<'_>) -> bool {
        let ours =
            returned.token.errand == Errand::Invite && arrival.message.method() == Method::Cancel;
        if ours {
            let key = self.key(arrival, returned);
            self.transactions.answered(&key, returned.status, arrival.now.mono_ms);
        }
        ours
    }

    /// Copies of an answer end here where the hop it came by is less reliable than the next.
    fn is_copy(&self, arrival: &Arrival<'_>, returned: &Returned<'_>, out: &mut Outbox) -> bool {
        if arrival.source.protocol == returned.token.flow.protocol {
            return false;
        }
        if arrival.source.protocol == Protocol::Tcp {
            return false;
        }
        let key = self.key(arrival, returned);
        match self.transactions.answered(&key, returned.status, arrival.now.mono_ms) {
            Handling::Forward => {
                if self.transactions.owes_cancel(&key) {
                    self.send_cancel(&key, arrival.now, out);
                }
                false
            }
            Handling::ForwardAndAck => {
                self.acknowledge(&key, &arrival.message, out);
                false
            }
            Handling::Absorb { ack } => {
                if ack {
                    self.acknowledge(&key, &arrival.message, out);
                }
                true
            }
        }
    }

    fn key(&self, arrival: &Arrival<'_>, returned: &Returned<'_>) -> Key {
        Key { branch: returned.branch_text.into(), method: arrival.message.method() }
    }

    /// Our own ACK to a refusal of an INVITE that we resent (RFC 3261 17.1.1.3).
    fn acknowledge(&self, key: &Key, response: &Message<'_>, out: &mut Outbox) {
        let Some((to, invite)) = self.transactions.request(key) else { return };
        let Ok(index) = Index::parse(&invite, &self.limits) else { return };
        out.write(to, |bytes| compose::ack(&index.message(), response, bytes));
    }

    fn settle(
        &self,
        arrival: &Arrival<'_>,
        returned: &Returned<'_>,
        patch: &mut Patch,
        out: &Outbox,
    ) -> Option<Replaced> {
        match (returned.token.errand, &self.registry) {
            (Errand::Invite, _) if returned.fork.is_none() => {
                self.settle_invite(arrival, returned);
                None
            }
            (Errand::Dialog, _) => {
                self.settle_in_dialog(arrival, returned);
                None
            }
            (Errand::Register | Errand::Leave | Errand::LeaveAll, Registry::Upstream(upstream)) => {
                self.settle_upstream(upstream, arrival, returned, patch, out)
            }
            _ => None,
        }
    }

    fn settle_in_dialog(&self, arrival: &Arrival<'_>, returned: &Returned<'_>) {
        if returned.status < 200 {
            return;
        }
        let held = self.pending.answered(returned.branch);
        if let Some(dialog) = held.and_then(|held| held.dialog) {
            let session = session_secs(&arrival.message);
            self.settle_dialog(&dialog, returned.status, session, arrival.now);
        }
    }

    fn settle_invite(&self, arrival: &Arrival<'_>, returned: &Returned<'_>) {
        let now = arrival.now;
        if returned.status < 200 {
            if returned.status > 100 {
                self.pending.ringing(returned.branch, now.mono_ms);
            }
            return;
        }
        let message = &arrival.message;
        let is_2xx = (200..300).contains(&returned.status);
        match self.pending.answered(returned.branch) {
            Some(held) => self.settle_call(held.ticket, message, now),
            None if is_2xx => self.another_2xx(message, returned.token.bare, now),
            None => {}
        }
    }

    fn settle_upstream(
        &self,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        returned: &Returned<'_>,
        patch: &mut Patch,
        out: &Outbox,
    ) -> Option<Replaced> {
        let message = &arrival.message;
        let (token, status) = (&returned.token, returned.status);
        if status < 200 {
            return None;
        }
        let held = self.pending.answered(returned.branch);
        if held.is_none()
            && (200..300).contains(&status)
            && let Some(told) = self.settle_refresh(upstream, arrival, token)
        {
            tell(message, &[Some(told)], patch);
            return None;
        }
        let held = held.unwrap_or_default();
        if upstream.rewrites_contact {
            self.restore_contacts(message, &held.registration, patch);
        }
        if status == 423 && token.clamped {
            self.learn_min_expires(message);
            return Some(Replaced::Unavailable);
        }
        if status >= 300 {
            // Dropped here, the ticket gives back what it reserved and marks the number.
            return None;
        }
        let aor = address_of(&message.to()?.uri, arrival.settings)?.aor;
        let listed = self.listed(message);
        let asked = Asked {
            aor: &aor,
            flow: &token.flow,
            errand: token.errand,
            device: token.device,
            contact: token.contact,
            order: token.order,
            unchallenged: token.bare && arrival.settings.challenges,
            held,
        };
        let outcome = self.settle_register(asked, &listed, arrival.now);
        if let Some(refused) = outcome.refused {
            if let Some(cell) = self.cell(out) {
                cell.late_refusal();
            }
            self.deregister_refused(upstream, &aor, token, &listed, arrival.now);
            return Some(Replaced::Refused(refused));
        }
        tell(message, &outcome.told, patch);
        None
    }

    fn learn_min_expires(&self, message: &Message<'_>) {
        let least = message
            .first(Name::MinExpires)
            .and_then(|value| std::str::from_utf8(value.text).ok()?.trim().parse().ok());
        if let Some(least) = least {
            // Relaxed: a hint; the next request reads it or learns it again. An hour is beyond any
            // registrar's sense.
            self.learned_min_expires.fetch_max(3600.min(least), Ordering::Relaxed);
        }
    }

    /// The Contacts of a 2xx, as the registrar lists them.
    fn listed(&self, message: &Message<'_>) -> Vec<Listed> {
        let nowhere = ([0, 0, 0, 0], 0).into();
        message
            .contacts()
            .filter_map(|contact| {
                let addr = contact.addr()?;
                let mut ids = ids_of(contact, message, nowhere)?;
                ids.user_agent = Box::default();
                ids.source = None;
                let named = self.named(addr.uri.user);
                if let Some((_, Some(own))) = &named {
                    ids.contacts = vec![own.clone()];
                }
                Some(Listed {
                    ids,
                    contact: addr.uri.raw.into(),
                    expires_secs: message.expires_of(contact),
                    reg_id: contact.reg_id(),
                    push: contact.push().is_some(),
                    named: named.map(|(name, _)| name),
                })
            })
            .collect()
    }

    /// The device that a rewritten Contact names, and its own Contact where a seat has it.
    fn named(&self, user: Option<&[u8]>) -> Option<(u32, Option<Box<[u8]>>)> {
        match self.keys.open_flow(std::str::from_utf8(user?).ok()?)? {
            RouteToken::Device { seat, .. } => Some((seat.device, self.contact_of(&seat))),
            RouteToken::Upstream { .. } => None,
        }
    }

    /// Our Contacts become the devices' own again; those of seats that are gone are left out.
    fn restore_contacts(
        &self,
        message: &Message<'_>,
        registration: &Registration,
        patch: &mut Patch,
    ) {
        for contact in message.contacts() {
            let Some(addr) = contact.addr() else { continue };
            let Some(text) = addr.uri.user.and_then(|user| std::str::from_utf8(user).ok()) else {
                continue;
            };
            let Some(RouteToken::Device { seat, .. }) = self.keys.open_flow(text) else { continue };
            // Of a new device only its request knows the Contact.
            let shown = registration.adds.iter().chain(&registration.leaves);
            let mut shown = shown.filter(|shown| has_name(&shown.ids, seat.device));
            let asked = shown.next().and_then(|shown| shown.ids.contacts.first().cloned());
            if let Some(own) = asked.or_else(|| self.contact_of(&seat)) {
                patch.replace_contact_uri(message, contact, &own);
            }
        }
    }

    fn say_late_refusal(
        &self,
        returned: &Returned<'_>,
        popped: &[u8],
        arrival: &Arrival<'_>,
        refused: Refusal,
        out: &mut Outbox,
    ) {
        let Ok(index) = Index::parse(popped, &self.limits) else { return };
        let message = index.message();
        // Without a Request-URI it is not the request's own: only a word for the log is made of it.
        let arrival = Arrival { message, branch: self.marks.branch(&message), ..*arrival };
        let aor = message.to().and_then(|to| address_of(&to.uri, arrival.settings));
        let aor = aor.map(|address| address.aor).unwrap_or_default();
        let flow = returned.token.answer_flow();
        self.refuse_to(&arrival, &flow, &aor, refused, out);
    }

    fn say_unavailable(&self, returned: &Returned<'_>, popped: &[u8], out: &mut Outbox) {
        let Ok(index) = Index::parse(popped, &self.limits) else { return };
        let reply = compose::Reply {
            status: 503,
            phrase: "Try Again",
            headers: &[("Retry-After", "2")],
            ..compose::Reply::default()
        };
        let to = destination(&returned.token.answer_flow());
        out.write(to, |bytes| compose::reply(&index.message(), &reply, bytes));
    }

    fn pass_back(
        &self,
        arrival: &Arrival<'_>,
        returned: &Returned<'_>,
        patch: &Patch,
        out: &mut Outbox,
    ) {
        let write = |bytes: &mut Vec<u8>| patch.apply(&arrival.message, bytes);
        if let Some(index) = returned.fork {
            return self.fork_answered(arrival, returned, index, &written(write), out);
        }
        let flow = returned.token.answer_flow();
        let to = destination(&flow);
        if flow.protocol == Protocol::Udp && arrival.source.protocol == Protocol::Tcp {
            let (key, now_ms) = (self.key(arrival, returned), arrival.now.mono_ms);
            self.transactions.answers(&key, returned.status, to, &written(write), now_ms);
        }
        let is_2xx = (200..300).contains(&returned.status);
        match returned.token.errand {
            Errand::Register | Errand::Invite if is_2xx => self.promise(to, write, out),
            _ => out.write(to, write),
        }
    }

    /// A message that the network would not take: what was reserved for it is given back, and who
    /// sent it is told, where it came by a connection (RFC 3261 16.9).
    pub(super) fn return_undelivered(
        &self,
        bytes: &[u8],
        to: &Destination,
        now: crate::clock::Now,
        out: &mut Outbox,
    ) {
        let Ok(index) = Index::parse(bytes, &self.limits) else { return };
        let message = index.message();
        if !message.is_request() || message.method() == Method::Ack {
            return;
        }
        let Some(OurVia { token, branch, fork, .. }) = self.our_via(&message) else { return };
        if token.own {
            return;
        }
        if let Some(leg) = fork
            && self.forks.undelivered(branch, leg, now.mono_ms, out) == Came::Nothing
        {
            return;
        }
        self.never_answered(self.pending.answered(branch), now);
        let mut patch = Patch::new();
        patch.pop_top_via(&message);
        let popped = written(|bytes| patch.apply(&message, bytes));
        let Ok(index) = Index::parse(&popped, &self.limits) else { return };
        let to_device =
            matches!(to, Destination::Connection(_)) && token.receiver == Receiver::Device;
        let (status, phrase) = match to_device {
            true => (480, "Temporarily Unavailable"),
            false => (503, "Service Unavailable"),
        };
        let branch = self.marks.branch(&index.message());
        let to_tag = self.marks.answer(branch).to_tag();
        let reply = compose::Reply {
            status,
            phrase,
            to_tag: to_tag.letters(),
            headers: &[("Retry-After", "5")],
            ..compose::Reply::default()
        };
        let to = destination(&token.answer_flow());
        out.write(to, |bytes| compose::reply(&index.message(), &reply, bytes));
    }
}

/// Our token in a Via of ours: it stands last, if nobody has put something behind it or set it otherwise.
/// Where it is taken from does not matter: whether it is one tells its MAC.
fn sealed_in<'a>(via: &Via<'a>) -> Option<&'a [u8]> {
    let params = via.params.raw();
    let last = memchr::memrchr(b';', params).and_then(|at| params.get(at + 1..));
    let last = last.and_then(|param| param.strip_prefix(b"adm="));
    last.or_else(|| via.params.value("adm"))
}

/// The session timer that an answer grants (RFC 4028 4), in seconds.
pub(super) fn session_secs(message: &Message<'_>) -> Option<u32> {
    let text = std::str::from_utf8(message.first(Name::SessionExpires)?.text).ok()?;
    text.split(';').next()?.trim().parse().ok()
}

/// What a device gets in place of its answer.
enum Replaced {
    Refused(Refusal),
    /// Our own clamp was too short for the registrar: the device tries again at once.
    Unavailable,
}

/// Writes what the device is told into its own Contacts, and into Expires where that rules.
fn tell(message: &Message<'_>, told: &[Option<u32>], patch: &mut Patch) {
    let addrs = message.contacts().filter(|contact| !contact.is_star());
    let mut least: Option<u32> = None;
    for (contact, told) in addrs.zip(told) {
        let Some(secs) = *told else { continue };
        patch.set_contact_expires(message, contact, secs);
        least = Some(least.map_or(secs, |least| least.min(secs)));
    }
    if let Some(secs) = least
        && message.first(Name::Expires).is_some()
    {
        patch.set_expires(message, secs);
    }
}
