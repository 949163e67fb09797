//! Requests that belong to something admitted before: in-dialog by our Record-Route token, ACK and
//! CANCEL by their branch. Never refused for want of a license.

use std::hash::Hasher;

use super::Proxy;
use super::arrival::Arrival;
use super::forward::{Hop, Onward, branch_text};
use super::parts::Registry;
use super::pending::{Held, InDialog, Patience};
use super::routes::Routed;
use super::token::{Errand, Flow, RouteToken, SeatName};
use super::transaction::{Cancelled, Key};
use crate::admission::is_named;
use crate::clock::Now;
use crate::quota::{Device, State};
use crate::sip::{Index, Method, NameAddr, Patch, compose};
use crate::transport::{ConnectionId, Outbox, Protocol, Side};

impl Proxy {
    /// A request with our token of its dialog: it goes to the flow of the other side.
    pub(super) fn in_dialog(&self, arrival: &Arrival<'_>, routed: &Routed, out: &mut Outbox) {
        let Some(token) = &routed.dialog else { return };
        let message = &arrival.message;
        let errand = match message.method() {
            Method::Bye | Method::Invite | Method::Update => self.remember(arrival, token, routed),
            _ => Errand::Other,
        };
        match self.hop_of(token, arrival) {
            Some(hop) => {
                let onward = Onward::to(hop, errand);
                self.forward(arrival, routed, &onward, Patch::new(), out);
            }
            None => self.gone(arrival, out),
        }
    }

    /// A BYE that does not show our token goes to an upstream only; it is never refused.
    pub(super) fn bye_without_token(
        &self,
        arrival: &Arrival<'_>,
        routed: &Routed,
        out: &mut Outbox,
    ) {
        match &self.registry {
            Registry::Upstream(_) => {
                let onward = Onward::to(Hop::Upstream, Errand::Other);
                self.forward(arrival, routed, &onward, Patch::new(), out);
            }
            Registry::BuiltIn(_) => {
                self.reply(arrival, 481, "Call/Transaction Does Not Exist", &[], out);
            }
        }
    }

    /// The hop that a token names, by the newest flow of its seat where its own is gone.
    pub(super) fn hop_of(&self, token: &RouteToken, arrival: &Arrival<'_>) -> Option<Hop> {
        match (token, &self.registry) {
            (RouteToken::Upstream { .. }, Registry::Upstream(_)) => Some(Hop::Upstream),
            (RouteToken::Upstream { .. }, Registry::BuiltIn(_)) => None,
            (RouteToken::Device { flow, seat }, _) => {
                let flow = self.live_flow(flow, seat, arrival)?;
                Some(Hop::Device { flow, seat: seat.clone() })
            }
        }
    }

    /// A flow that leads to the device: the given one over UDP or on a connection that stands, else
    /// the newest of the seat.
    pub(super) fn live_flow(
        &self,
        flow: &Flow,
        seat: &SeatName,
        arrival: &Arrival<'_>,
    ) -> Option<Flow> {
        let stands = match flow.connection {
            None => true,
            Some(ConnectionId(0)) => false,
            Some(connection) => self.is_open(connection),
        };
        if stands {
            return Some(*flow);
        }
        let live = |device: &&Device| device.state(arrival.now) != State::Dormant;
        let newest = |entry: &crate::quota::Entry| {
            let device = entry
                .devices()
                .iter()
                .filter(live)
                .filter(|device| seat.device == 0 || is_named(device, seat.device))
                .max_by_key(|device| device.heard_mono_ms)?;
            let binding = device.bindings().max_by_key(|binding| binding.until_mono_ms)?;
            Some(binding.reach)
        };
        let reach = self.admission.quota().look(&seat.aor, newest).flatten()?;
        let flow = flow_of(&reach);
        match flow.connection {
            Some(connection) if !self.is_open(connection) => None,
            _ => Some(flow),
        }
    }

    /// The device can't be reached.
    pub(super) fn gone(&self, arrival: &Arrival<'_>, out: &mut Outbox) {
        let headers = [("Retry-After", "30")];
        self.reply(arrival, 480, "Temporarily Unavailable", &headers, out);
    }

    /// ACK: to the other side by our token; to our own refusals it ends here.
    pub(super) fn ack(&self, arrival: &Arrival<'_>, routed: &Routed, out: &mut Outbox) {
        let message = &arrival.message;
        let branch = arrival.branch;
        if let Some(token) = &routed.dialog {
            if let Some(hop) = self.hop_of(token, arrival) {
                let onward = Onward::to(hop, Errand::Other);
                self.forward(arrival, routed, &onward, Patch::new(), out);
            }
            return;
        }
        let ours = self.verdicts.of(branch, arrival.now.mono_ms).is_some()
            || message.to_tag() == Some(self.marks.answer(branch).to_tag().letters());
        if ours || self.forks.owns(branch) {
            return;
        }
        if self.transactions.acknowledged(&branch_text(branch, None)) {
            return;
        }
        match self.hop_of_invite(arrival, routed) {
            Some(hop) => {
                let onward = Onward::to(hop, Errand::Other);
                let patch = self.restored(arrival, routed);
                self.forward(arrival, routed, &onward, patch, out);
            }
            None => self.drop_counted("stray_ack", out),
        }
    }

    /// CANCEL goes where its INVITE went, by the same branch (RFC 3261 16.10).
    pub(super) fn cancel(&self, arrival: &Arrival<'_>, routed: &Routed, out: &mut Outbox) {
        let branch = arrival.branch;
        if self.verdicts.of(branch, arrival.now.mono_ms).is_some() {
            return self.reply(arrival, 200, "OK", &[], out);
        }
        if self.forks.owns(branch) {
            self.reply(arrival, 200, "OK", &[], out);
            return self.forks.cancel(branch, out);
        }
        let invite = Key { branch: branch_text(branch, None).into(), method: Method::Invite };
        if let Some(cancelled) = self.transactions.cancel(&invite) {
            if cancelled == Cancelled::Now {
                self.send_cancel(&invite, arrival.now, out);
            }
            return self.reply(arrival, 200, "OK", &[], out);
        }
        let dialog = routed.dialog.as_ref().and_then(|token| self.hop_of(token, arrival));
        match dialog.or_else(|| self.hop_of_invite(arrival, routed)) {
            Some(hop) => {
                let onward = Onward::to(hop, Errand::Other);
                let patch = self.restored(arrival, routed);
                self.forward(arrival, routed, &onward, patch, out);
            }
            None => self.reply(arrival, 481, "Call/Transaction Does Not Exist", &[], out),
        }
    }

    /// Our own CANCEL of an INVITE that we resend, with its Via (RFC 3261 9.1).
    pub(super) fn send_cancel(&self, invite: &Key, now: Now, out: &mut Outbox) {
        let Some((to, request)) = self.transactions.request(invite) else { return };
        let Ok(index) = Index::parse(&request, &self.limits) else { return };
        let mut bytes = Vec::with_capacity(512);
        compose::cancel(&index.message(), &mut bytes);
        let key = Key { branch: invite.branch.clone(), method: Method::Cancel };
        self.transactions.sent(key, to, &bytes, now.mono_ms);
        out.push(to, &bytes);
    }

    /// Where the INVITE with this Request-URI and Route went when it was not in-dialog.
    fn hop_of_invite(&self, arrival: &Arrival<'_>, routed: &Routed) -> Option<Hop> {
        if arrival.is_from_upstream() {
            return self.hop_of(routed.flow.as_ref()?, arrival);
        }
        match &self.registry {
            Registry::Upstream(_) => Some(Hop::Upstream),
            Registry::BuiltIn(_) => self.only_target(arrival).map(|(hop, _)| hop),
        }
    }

    /// The Request-URI that the INVITE went out with: what ACK and CANCEL must have too.
    fn restored(&self, arrival: &Arrival<'_>, routed: &Routed) -> Patch {
        let mut patch = Patch::new();
        let contact = match &routed.flow {
            Some(RouteToken::Device { seat, .. }) if routed.rewritten => self.contact_of(seat),
            _ if arrival.is_from_upstream() => None,
            _ => self.only_target(arrival).map(|(_, contact)| contact.into_bytes().into()),
        };
        if let Some(contact) = contact {
            patch.replace_request_uri(&arrival.message, &contact);
        }
        patch
    }

    /// What this request means for a call seat is told by its answer, and waits for it.
    fn remember(&self, arrival: &Arrival<'_>, token: &RouteToken, routed: &Routed) -> Errand {
        let message = &arrival.message;
        let quota = self.admission.quota();
        let numbers: Vec<String> = seats_of(token, routed)
            .filter(|seat| quota.has_call(&seat.aor, message.call_id()))
            .map(|seat| seat.aor.clone())
            .collect();
        if numbers.is_empty() || self.pending.is_full() {
            // Full: the seat ends with its session.
            return Errand::Other;
        }
        let tag = |addr: Option<NameAddr<'_>>| tag_hash(addr.and_then(|addr| addr.tag()));
        let dialog = InDialog {
            numbers,
            call_id: message.call_id().into(),
            tags: [tag(message.from()), tag(message.to())],
            ends: message.method() == Method::Bye,
        };
        let held = Held { dialog: Some(dialog), ..Held::default() };
        let branch = arrival.branch;
        self.pending.wait(branch, held, Patience::Transaction, arrival.now.mono_ms);
        Errand::Dialog
    }

    /// The answer to a BYE or a session refresh; `session_secs` is what it grants. A BYE that nobody
    /// answered is over too (408).
    pub(super) fn settle_dialog(
        &self,
        dialog: &InDialog,
        status: u16,
        session_secs: Option<u32>,
        now: Now,
    ) {
        let quota = self.admission.quota();
        let is_2xx = (200..300).contains(&status);
        let longest = self.admission.settings().call_seat_max.as_millis();
        let longest_ms = u64::try_from(longest).unwrap_or(u64::MAX);
        for number in &dialog.numbers {
            if dialog.ends && (is_2xx || matches!(status, 408 | 481)) {
                quota.end_call(number, &dialog.call_id, dialog.tags, now);
            } else if let Some(secs) = session_secs.filter(|_| is_2xx && !dialog.ends) {
                let until_ms = now.mono_ms + u64::from(secs) * 1000;
                quota.extend_call(number, &dialog.call_id, until_ms, longest_ms, now);
            }
        }
    }
}

/// The name of a dialog's side: the hash of its tag.
pub(super) fn tag_hash(tag: Option<&[u8]>) -> u64 {
    let mut hasher = siphasher::sip::SipHasher13::new();
    hasher.write(tag.unwrap_or(&[]));
    hasher.finish()
}

/// The seats whose call this may be: of the last token and of the one before it.
fn seats_of<'a>(token: &'a RouteToken, routed: &'a Routed) -> impl Iterator<Item = &'a SeatName> {
    let named = |token: &'a RouteToken| match token {
        RouteToken::Device { seat, .. } | RouteToken::Upstream { seat } => seat,
    };
    let first = routed.first_dialog.as_ref().map(named);
    std::iter::once(named(token)).chain(first).filter(|seat| !seat.aor.is_empty())
}

/// How a seat's device is reached, as a flow.
pub(super) fn flow_of(reach: &crate::quota::Reach) -> Flow {
    Flow {
        side: Side::Device,
        protocol: if reach.transport == 0 { Protocol::Udp } else { Protocol::Tcp },
        remote: reach.remote,
        local: reach.local,
        socket: u16::try_from(reach.socket).unwrap_or(0),
        connection: match (reach.transport, reach.connection) {
            (0, _) => None,
            (_, serial) => Some(ConnectionId(serial)),
        },
    }
}

/// A flow as a seat keeps it.
pub(super) fn reach_of(flow: &Flow) -> crate::quota::Reach {
    crate::quota::Reach {
        transport: u8::from(flow.protocol == Protocol::Tcp),
        remote: flow.remote,
        local: flow.local,
        socket: u32::from(flow.socket),
        connection: flow.connection.map_or(0, |connection| connection.0),
    }
}
