//! A message on arrival: what it is, by which flow it came, and when.

use std::net::{IpAddr, SocketAddr};

use super::marks::Marks;
use super::pending::Branch;
use super::token::Flow;
use crate::admission::Settings;
use crate::clock::Now;
use crate::sip::Message;
use crate::transport::{Destination, Protocol, Side, Source};

/// The port of SIP where none is given (RFC 3261 18.2.2).
const SIP_PORT: u16 = 5060;

/// A received message.
#[derive(Clone, Copy)]
pub struct Arrival<'a> {
    pub message: Message<'a>,
    pub source: &'a Source,
    pub now: Now,
    /// Our branch of a request; 0 of an answer.
    pub branch: Branch,
    /// Those in force when it came: all of it is done under the same.
    pub settings: &'a Settings,
}

impl<'a> Arrival<'a> {
    /// A message that came from `source`.
    pub fn new(
        marks: &Marks,
        message: Message<'a>,
        source: &'a Source,
        settings: &'a Settings,
        now: Now,
    ) -> Self {
        let branch = if message.is_request() { marks.branch(&message) } else { 0 };
        Self { message, source, now, branch, settings }
    }

    /// The flow it came by.
    pub fn flow(&self) -> Flow {
        *self.source
    }

    /// The port that its answer goes to over UDP: where it came from, or without `rport` that of
    /// sent-by (RFC 3261 18.2.2, RFC 3581 4).
    pub fn answer_port(&self) -> u16 {
        match self.message.top_via() {
            Some(via) if !via.wants_rport() => via.port.unwrap_or(SIP_PORT),
            _ => self.source.remote.port(),
        }
    }

    /// Where its answer goes.
    pub fn answer_flow(&self) -> Flow {
        let mut flow = self.flow();
        if flow.protocol == Protocol::Udp {
            flow.remote.set_port(self.answer_port());
        }
        flow
    }

    /// Whether it came from the upstream's side.
    pub fn is_from_upstream(&self) -> bool {
        self.source.side == Side::Upstream
    }

    /// The peer's address.
    pub fn peer(&self) -> IpAddr {
        self.source.remote.ip().to_canonical()
    }

    /// Where the peer is.
    pub fn remote(&self) -> SocketAddr {
        self.source.remote
    }
}

/// How a flow is written to.
pub fn destination(flow: &Flow) -> Destination {
    match (flow.connection, flow.side) {
        (Some(connection), _) => Destination::Connection(connection),
        (None, Side::Device) => Destination::Datagram {
            socket: flow.socket,
            from: Some(flow.local.ip()).filter(|ip| !ip.is_unspecified()),
            to: flow.remote,
        },
        (None, Side::Upstream) => Destination::UpstreamDatagram { to: flow.remote },
    }
}
