//! A request on its way out: bytes in, patches out (RFC 3261 16.6). Our Via on top, our Record-Route
//! where a dialog may begin, and a transaction where one hop is reliable and the other is not.

use std::sync::atomic::Ordering;

use super::Proxy;
use super::arrival::{Arrival, destination};
use super::names::via_transport;
use super::pending::Branch;
use super::routes::Routed;
use super::token::{Errand, Flow, Purpose, Receiver, RouteToken, SeatName, ViaToken};
use super::transaction::Key;
use crate::proxy::{Registry, Upstream};
use crate::sip::{Hops, Message, Method, Name, Patch};
use crate::transport::{Destination, Outbox, Protocol, Side, UpstreamTarget};

/// Where a request goes on.
#[derive(Clone, Debug)]
pub enum Hop {
    Upstream,
    Device { flow: Flow, seat: SeatName },
}

/// What a forwarded request is about.
#[derive(Clone, Debug)]
pub struct Onward {
    pub hop: Hop,
    pub errand: Errand,
    /// The device, by name; 0 where none.
    pub device: u32,
    /// The hash of its Contact URI; 0 where none.
    pub contact: u32,
    /// It asks for less time than the device did.
    pub clamped: bool,
    /// The seat on the side that it came from: what an in-dialog request back to it needs.
    pub origin: SeatName,
    /// One of several copies of the request, each with a branch of its own.
    pub fork: Option<usize>,
}

impl Onward {
    /// A request about no device in particular.
    pub fn to(hop: Hop, errand: Errand) -> Self {
        let origin = SeatName::default();
        Self { hop, errand, device: 0, contact: 0, clamped: false, origin, fork: None }
    }
}

/// The magic cookie of RFC 3261 8.1.1.7.
const COOKIE: &str = "z9hG4bK";

impl Proxy {
    /// The branch of a request: the same for its copies, its CANCEL and its ACK (RFC 3261 16.11).
    pub(super) fn branch(&self, message: &Message<'_>) -> Branch {
        let via = message.first(Name::Via).map_or(&[][..], |value| value.text);
        let tag = message.from().and_then(|from| from.tag()).unwrap_or(&[]);
        let number = message.cseq().map_or(0, |cseq| cseq.number).to_be_bytes();
        let uri = message.request_uri_text();
        self.keys.mac(Purpose::Branch, &[via, message.call_id(), tag, &number, uri])
    }

    /// Forwards a request with what `patch` already changes.
    pub(super) fn forward(
        &self,
        arrival: &Arrival<'_>,
        routed: &Routed,
        onward: &Onward,
        mut patch: Patch,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        let branch = branch_text(self.branch(message), onward.fork);
        let (to, protocol) = self.way(&onward.hop, arrival.source.protocol);
        patch.stamp_top_via(message, arrival.remote());
        if patch.step_max_forwards(message) == Hops::Exhausted {
            return self.reply(arrival, 483, "Too Many Hops", &[], out);
        }
        self.take_our_routes(message, routed, &mut patch);
        patch.push_via(
            message,
            self.via(arrival, onward, protocol, &branch, out.worker()).as_bytes(),
        );
        if opens_dialog(message) {
            self.push_record_routes(arrival, onward, protocol, &mut patch);
        }
        let mut bytes = Vec::with_capacity(message.whole().len() + 512);
        patch.apply(message, &mut bytes);
        if let Some(leg) = onward.fork {
            self.forks.sent(self.branch(message), leg, to, &bytes);
        }
        self.send(arrival, protocol, &branch, to, &bytes, out);
    }

    fn send(
        &self,
        arrival: &Arrival<'_>,
        protocol: Protocol,
        branch: &str,
        to: Destination,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let method = arrival.message.method();
        let now_ms = arrival.now.mono_ms;
        let mixed = arrival.source.protocol != protocol && method != Method::Ack;
        if mixed {
            let key = Key { branch: branch.into(), method };
            if self.transactions.absorbs(&key, out) {
                return;
            }
            if self.transactions.is_full() {
                let headers = [("Retry-After", "2")];
                return self.reply(arrival, 503, "Over Capacity", &headers, out);
            }
            match protocol {
                Protocol::Udp => self.transactions.sent(key, to, bytes, now_ms),
                Protocol::Tcp => self.transactions.received(key, now_ms),
            }
        }
        out.push(to, bytes);
    }

    /// The destination and protocol of a hop for what came by `device`.
    fn way(&self, hop: &Hop, device: Protocol) -> (Destination, Protocol) {
        match (hop, &self.registry) {
            (Hop::Device { flow, .. }, _) => (destination(flow), flow.protocol),
            (Hop::Upstream, Registry::Upstream(upstream)) if self.goes_by_tcp(upstream, device) => {
                (Destination::Upstream(UpstreamTarget::Tcp), Protocol::Tcp)
            }
            (Hop::Upstream, _) => (Destination::Upstream(UpstreamTarget::Udp), Protocol::Udp),
        }
    }

    fn goes_by_tcp(&self, upstream: &Upstream, device: Protocol) -> bool {
        // Relaxed: either hop works; the other one is made reliable by a transaction.
        upstream.protocol == Protocol::Tcp
            || upstream.follows_device
                && device == Protocol::Tcp
                && self.upstream_takes_tcp.load(Ordering::Relaxed)
    }

    fn via(
        &self,
        arrival: &Arrival<'_>,
        onward: &Onward,
        protocol: Protocol,
        branch: &str,
        worker: usize,
    ) -> String {
        let (receiver, sent_by) = match &onward.hop {
            Hop::Upstream => {
                let local = arrival.source.local;
                (Receiver::Upstream, self.names.sent_by_worker(worker, protocol, local))
            }
            Hop::Device { flow, .. } => {
                (Receiver::Device, self.names.sent_by(Side::Device, flow.local))
            }
        };
        let token = ViaToken {
            flow: arrival.flow(),
            answer_port: arrival.answer_port(),
            errand: onward.errand,
            receiver,
            order: u64::try_from(arrival.now.wall_ms).unwrap_or(0),
            device: onward.device,
            contact: onward.contact,
            clamped: onward.clamped,
            bare: crate::admission::credentials_of(&arrival.message).is_none(),
            own: false,
        };
        let token = self.keys.seal_via(&token, branch);
        let rport = if protocol == Protocol::Udp { ";rport" } else { "" };
        format!("SIP/2.0/{} {sent_by};branch={branch}{rport};adm={token}", via_transport(protocol))
    }

    /// Our Route values go; a strict router's Request-URI is put right (RFC 3261 16.4).
    fn take_our_routes(&self, message: &Message<'_>, routed: &Routed, patch: &mut Patch) {
        let last = message.addrs(Name::Route).last();
        match last.filter(|_| routed.strict) {
            Some((value, addr)) => {
                patch.replace_request_uri(message, addr.uri.raw);
                let gone = value.range();
                let mut left = routed.ours;
                patch.remove_values(message, Name::Route, |value| {
                    let first = left > 0;
                    left = left.saturating_sub(1);
                    first || value.range() == gone
                });
            }
            None if routed.ours > 0 => patch.remove_routes(message, routed.ours),
            None => {}
        }
    }

    /// Two values, one for each side (RFC 5658): the first names the side that the request goes to.
    /// Each carries the flow behind it, so that either party's requests find the other.
    fn push_record_routes(
        &self,
        arrival: &Arrival<'_>,
        onward: &Onward,
        protocol: Protocol,
        patch: &mut Patch,
    ) {
        let message = &arrival.message;
        let here = arrival.flow();
        let (ahead_token, ahead_side, ahead_local) = match &onward.hop {
            Hop::Upstream => {
                let seat = onward.origin.clone();
                (RouteToken::Upstream { seat }, Side::Upstream, here.local)
            }
            Hop::Device { flow, seat } => {
                let token = RouteToken::Device { flow: *flow, seat: seat.clone() };
                (token, Side::Device, flow.local)
            }
        };
        let behind_token = match here.side {
            Side::Upstream => RouteToken::Upstream { seat: onward.origin.clone() },
            Side::Device => RouteToken::Device { flow: here, seat: onward.origin.clone() },
        };
        let tag = message.from().and_then(|from| from.tag()).unwrap_or(&[]);
        let seal = |token: &RouteToken| self.keys.seal_dialog(token, message.call_id(), tag);
        let ahead = self.names.route(&seal(&ahead_token), ahead_side, ahead_local, protocol);
        let behind = self.names.route(&seal(&behind_token), here.side, here.local, here.protocol);
        patch.push_record_route(message, ahead.as_bytes());
        patch.push_record_route(message, behind.as_bytes());
    }
}

/// Whether we must stay in the path of what this request begins.
fn opens_dialog(message: &Message<'_>) -> bool {
    matches!(message.method(), Method::Invite | Method::Subscribe | Method::Refer)
}

/// A branch as it stands in Via.
pub(super) fn branch_text(branch: Branch, fork: Option<usize>) -> String {
    let word = super::codec::base32(branch);
    match fork {
        Some(index) => format!("{COOKIE}{word}.{index}"),
        None => format!("{COOKIE}{word}"),
    }
}

/// Our branch of a Via, and which copy of a fork it is.
pub(super) fn read_branch(text: &str) -> Option<(Branch, Option<usize>)> {
    let rest = text.strip_prefix(COOKIE)?;
    match rest.split_once('.') {
        Some((word, index)) => Some((super::codec::read_base32(word)?, index.parse().ok())),
        None => Some((super::codec::read_base32(rest)?, None)),
    }
}
