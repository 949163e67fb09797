//! A request on its way out: bytes in, patches out (RFC 3261 16.6). Our Via on top, our Record-Route
//! where a dialog may begin, and a transaction where one hop is reliable and the other is not.

use std::sync::atomic::Ordering;

use super::Proxy;
use super::arrival::{Arrival, destination};
use super::codec::{WORD, Word, read_base32};
use super::names::via_transport;
use super::pending::Branch;
use super::routes::Routed;
use super::token::{Errand, Flow, Receiver, RouteToken, SeatName, ViaToken};
use super::transaction::Key;
use crate::proxy::{Registry, Upstream};
use crate::sip::{Hops, Message, Method, Name, Patch, print};
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
        let branch = branch_bytes(arrival.branch, onward.fork);
        let (to, protocol) = self.way(&onward.hop, arrival.source.protocol);
        patch.stamp_top_via(message, arrival.remote());
        if patch.step_max_forwards(message) == Hops::Exhausted {
            return self.reply(arrival, 483, "Too Many Hops", &[], out);
        }
        self.take_our_routes(message, routed, &mut patch);
        patch.write_via(message, |value| {
            self.put_via(value, arrival, onward, protocol, &branch, out.worker());
        });
        if opens_dialog(message) {
            self.push_record_routes(arrival, onward, protocol, &mut patch);
        }
        let method = message.method();
        if onward.fork.is_none() && arrival.source.protocol == protocol {
            return out.write(to, |bytes| patch.apply(message, bytes));
        }
        let mut bytes = Vec::with_capacity(message.whole().len() + 512);
        patch.apply(message, &mut bytes);
        if let Some(leg) = onward.fork {
            self.forks.sent(arrival.branch, leg, to, &bytes);
        }
        if arrival.source.protocol == protocol || method == Method::Ack {
            return out.push(to, &bytes);
        }
        let key = Key { branch: branch_text(arrival.branch, onward.fork).into(), method };
        self.send_over_mixed_hops(arrival, protocol, key, to, &bytes, out);
    }

    fn send_over_mixed_hops(
        &self,
        arrival: &Arrival<'_>,
        protocol: Protocol,
        key: Key,
        to: Destination,
        bytes: &[u8],
        out: &mut Outbox,
    ) {
        let now_ms = arrival.now.mono_ms;
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

    fn put_via(
        &self,
        value: &mut Vec<u8>,
        arrival: &Arrival<'_>,
        onward: &Onward,
        protocol: Protocol,
        branch: &[u8],
        worker: usize,
    ) {
        value.extend_from_slice(b"SIP/2.0/");
        value.extend_from_slice(via_transport(protocol).as_bytes());
        value.push(b' ');
        let receiver = match &onward.hop {
            Hop::Upstream => {
                let local = arrival.source.local;
                self.names.put_sent_by_worker(value, worker, protocol, local);
                Receiver::Upstream
            }
            Hop::Device { flow, .. } => {
                self.names.put_sent_by(value, Side::Device, flow.local);
                Receiver::Device
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
        value.extend_from_slice(b";branch=");
        value.extend_from_slice(branch);
        if protocol == Protocol::Udp {
            value.extend_from_slice(b";rport");
        }
        value.extend_from_slice(b";adm=");
        self.keys.put_via(value, &token, branch);
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
        let tag = message.from_tag().unwrap_or(&[]);
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
    String::from_utf8(branch_bytes(branch, fork)).unwrap_or_default()
}

fn branch_bytes(branch: Branch, fork: Option<usize>) -> Vec<u8> {
    let mut text = Vec::with_capacity(COOKIE.len() + WORD + 6);
    text.extend_from_slice(COOKIE.as_bytes());
    text.extend_from_slice(Word::<WORD>::of(branch).letters());
    if let Some(index) = fork {
        text.push(b'.');
        print::number(&mut text, index as u64);
    }
    text
}

/// Our branch of a Via, and which copy of a fork it is.
pub(super) fn read_branch(text: &str) -> Option<(Branch, Option<usize>)> {
    let rest = text.strip_prefix(COOKIE)?;
    let (word, index) = rest.split_at_checked(WORD)?;
    let branch = read_base32(word)?;
    match index {
        "" => Some((branch, None)),
        index => Some((branch, index.strip_prefix('.')?.parse().ok())),
    }
}
