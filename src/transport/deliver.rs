//! What the handler wants sent, on its way: to sockets at once, to connections together. It refuses to
//! know what came in.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use smallvec::SmallVec;

use super::each::Datagram;
use super::line::{Message, TOGETHER};
use super::link::{self, Link};
use super::udp::Datagrams;
use super::worker::Worker;
use super::{ConnectionId, Destination, Discard, Handler, Outbox, UpstreamTarget};

/// Delivers what connections had to say once all that were ready have said it: what goes to one
/// connection leaves together.
pub(super) async fn in_turn(worker: Rc<Worker>) {
    loop {
        poll_fn(|cx| {
            if worker.has_mail() {
                return Poll::Ready(());
            }
            worker.postman.set(Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
        worker.deliver();
    }
}

impl Worker {
    /// Calls the handler; what it pushes is delivered with the next [`Self::deliver`], or at once where
    /// that is much.
    pub(super) fn call(self: &Rc<Self>, ask: impl FnOnce(&dyn Handler, &mut Outbox)) {
        const MOST_BYTES: usize = 65_536;
        self.calls.set(self.calls.get().wrapping_add(1));
        let mut out = self.outbox.take().unwrap_or_else(|| Outbox::new(self.index));
        ask(&*self.shared.handler, &mut out);
        let is_much = out.len() >= TOGETHER || out.size() >= MOST_BYTES;
        self.outbox.set(Some(out));
        if is_much {
            self.deliver();
        }
    }

    /// Delivers when everything that is ready has had its turn.
    pub(super) fn deliver_soon(&self) {
        if let Some(postman) = self.postman.take() {
            postman.wake();
        }
    }

    /// Whether anything waits to be delivered.
    pub(super) fn has_mail(&self) -> bool {
        let out = self.outbox.take();
        let any = out.as_ref().is_some_and(|out| !out.is_empty());
        self.outbox.set(out);
        any
    }

    /// Sends what the handler pushed.
    pub(super) fn deliver(self: &Rc<Self>) {
        let Some(mut out) = self.outbox.take() else { return };
        self.send_all(&out);
        out.clear();
        self.outbox.set(Some(out));
    }

    fn send_all(self: &Rc<Self>, out: &Outbox) {
        let mut by_line: SmallVec<[(ConnectionId, usize); TOGETHER]> = SmallVec::new();
        let mut upstream: SmallVec<[Message<'_>; TOGETHER]> = SmallVec::new();
        let mut devices: SmallVec<[Message<'_>; TOGETHER]> = SmallVec::new();
        for (place, (to, bytes)) in out.iter().enumerate() {
            match (to, self.connection(to)) {
                (_, Some(id)) => by_line.push((id, place)),
                (Destination::Upstream(UpstreamTarget::Udp), None) => upstream.push((to, bytes)),
                (Destination::Datagram { .. }, None) => devices.push((to, bytes)),
                _ => self.send_or_report(bytes, to),
            }
        }
        self.send_upstream(&upstream);
        for run in devices.chunk_by(|one, other| socket_of(one) == socket_of(other)) {
            let socket = run.first().and_then(socket_of);
            self.send_each(socket.and_then(|socket| self.sockets.udp.get(socket)), run);
        }
        // By place, too: the order in which they were pushed.
        by_line.sort_unstable();
        for places in by_line.chunk_by(|one, other| one.0 == other.0) {
            self.write(out, places);
        }
    }

    /// Sends datagrams to the upstream, runs of equal length by one call, and those between them by one.
    fn send_upstream(self: &Rc<Self>, mut messages: &[Message<'_>]) {
        let own = self.sockets.own.as_ref();
        while !messages.is_empty() {
            let (run, rest) = self.together.split(messages);
            let is_run = self.together.run(run) > 1;
            if !(is_run && own.is_some_and(|own| self.together.send(own, run))) {
                self.send_each(own, run);
            }
            messages = rest;
        }
    }

    /// Sends datagrams from one socket by as few calls as it takes.
    fn send_each(self: &Rc<Self>, from: Option<&Datagrams>, mut messages: &[Message<'_>]) {
        while let [_, _, ..] = messages
            && let Some(socket) = from
        {
            let mut sent = socket.send_each(messages.iter().map(datagram));
            // What is not taken is tried again, alone: then it is known why.
            if let (0, Some((to, bytes))) = (sent, messages.first()) {
                self.send_or_report(bytes, to);
                sent = 1;
            }
            messages = messages.get(sent..).unwrap_or_default();
        }
        messages.iter().for_each(|(to, bytes)| self.send_or_report(bytes, to));
    }

    /// Which connection takes it, where it is open.
    fn connection(&self, to: &Destination) -> Option<ConnectionId> {
        match (to, &*self.link.borrow()) {
            (Destination::Connection(id), _)
            | (Destination::Upstream(UpstreamTarget::Tcp), Link::Up(id)) => Some(*id),
            _ => None,
        }
    }

    /// Writes messages to one connection, as many as its socket takes; others wait in its queue.
    fn write(self: &Rc<Self>, out: &Outbox, places: &[(ConnectionId, usize)]) {
        let messages: SmallVec<[Message<'_>; TOGETHER]> =
            places.iter().filter_map(|(_, place)| out.get(*place)).collect();
        let line = places.first().and_then(|(id, _)| self.lines.borrow().get(id).cloned());
        let written = line.map_or(0, |line| line.write(&messages));
        for (to, bytes) in messages.iter().skip(written) {
            self.send_or_report(bytes, to);
        }
    }

    /// Sends one message; what can't be sent is counted and the handler told.
    pub(super) fn send_or_report(self: &Rc<Self>, bytes: &[u8], to: &Destination) {
        if let Err(reason) = self.send(to, bytes) {
            self.shared.discards.count(reason);
            self.undelivered(bytes, to);
        }
    }

    /// Tells the handler, and sends what it wants instead; a second failure is only counted, or two
    /// dead destinations would go round for ever.
    pub(super) fn undelivered(self: &Rc<Self>, bytes: &[u8], to: &Destination) {
        let mut instead = Outbox::new(self.index);
        self.shared.handler.undelivered(bytes, to, self.now(), &mut instead);
        for (to, bytes) in instead.iter() {
            if let Err(reason) = self.send(to, bytes) {
                self.shared.discards.count(reason);
            }
        }
    }

    fn send(self: &Rc<Self>, to: &Destination, bytes: &[u8]) -> Result<(), Discard> {
        let sockets = &self.sockets;
        let bound = || sockets.bind_udp.as_ref().ok_or(Discard::NoSocket);
        let sent = match *to {
            Destination::Datagram { socket, from, to } => {
                let socket = sockets.udp.get(usize::from(socket)).ok_or(Discard::NoSocket)?;
                socket.send(&self.io, bytes, to, from)
            }
            Destination::UpstreamDatagram { to } => bound()?.send(&self.io, bytes, to, None),
            Destination::Upstream(UpstreamTarget::Udp) => {
                sockets.own.as_ref().ok_or(Discard::NoSocket)?.send_connected(bytes)
            }
            Destination::Upstream(UpstreamTarget::UdpFromBind) => {
                let upstream = self.shared.settings.upstream.as_ref().ok_or(Discard::NoSocket)?;
                bound()?.send(&self.io, bytes, upstream.address, None)
            }
            Destination::Connection(id) => return self.shared.connections.send(id, *to, bytes),
            Destination::Upstream(UpstreamTarget::Tcp) => return link::send(self, bytes),
        };
        sent.map_err(|_| Discard::SendFailed)
    }
}

/// Which of the devices' sockets it leaves from.
fn socket_of((to, _): &Message<'_>) -> Option<usize> {
    match to {
        Destination::Datagram { socket, .. } => Some(usize::from(*socket)),
        _ => None,
    }
}

/// A message as a socket sends it: to the upstream it is connected.
fn datagram<'a>((to, bytes): &Message<'a>) -> Datagram<'a> {
    match to {
        Destination::Datagram { to, .. } => (Some(*to), bytes),
        _ => (None, bytes),
    }
}
