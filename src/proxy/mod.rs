//! The life of a message: whose it is, where it goes, what its answer settles. Stateless between
//! hops of the same reliability (RFC 3261 16.11): the only state is what licensing needs.

mod ahead;
mod answers;
mod arrival;
mod built_in;
mod codec;
mod dialog;
mod emergency;
mod fork;
mod forward;
mod hold;
mod invite;
mod local;
mod marks;
mod names;
mod parts;
mod pending;
mod register;
mod reply;
mod revoke;
mod routes;
mod settle;
mod spread;
mod terminate;
mod token;
mod transaction;
mod verdicts;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use dashmap::DashSet;

use crate::admission::{Admission, FlowKey};
use crate::clock::Now;
use crate::sip::{Fault, Index, Limits, Method, Scheme};
use crate::telemetry::{Cells, RefusalLog};
use crate::transport::{
    ConnectionId, Destination, Handler, Outbox, Protocol, Received, Side, Source,
};

pub use built_in::{BuiltIn, Secrets};
pub use hold::{Hold, Letter};
pub use marks::{Mark, Marks};
pub use names::{Advertise, Names, OwnAddress};
pub use parts::{Parts, Registry, Upstream};
pub use token::{Flow, Keys, Purpose};

use arrival::Arrival;
use emergency::Emergencies;
use fork::Forks;
use hold::Mail;
use pending::{Held, Pending};
use transaction::Transactions;
use verdicts::Verdicts;

/// Everything that a message can meet.
pub struct Proxy {
    keys: Keys,
    marks: Marks,
    names: Names,
    admission: Arc<Admission>,
    registry: Registry,
    /// Counters, one cell for each worker.
    cells: Vec<Arc<Cells>>,
    refusals: RefusalLog,
    limits: Limits,
    pending: Pending,
    verdicts: Verdicts,
    transactions: Transactions,
    forks: Forks,
    emergencies: Emergencies,
    /// Where 2xx wait until their seats are durable; absent: they don't.
    hold: Option<Hold>,
    /// Connections that something came by and that stand: what a flow may lead to.
    open: DashSet<ConnectionId, foldhash::fast::RandomState>,
    /// Requests of our own that wait for a worker.
    mail: Mail,
    /// The shortest expiry that the upstream has taught us (423), in seconds.
    learned_min_expires: AtomicU32,
    /// The upstream took a TCP connection when last asked.
    upstream_takes_tcp: AtomicBool,
    /// The upstream answered an INVITE without asking for credentials.
    unchallenged_calls: AtomicBool,
    beat: parts::Beat,
}

impl Proxy {
    /// A proxy of these parts.
    pub fn new(parts: Parts) -> Self {
        Self {
            marks: Marks::new(&parts.keys),
            keys: parts.keys,
            names: parts.names,
            admission: parts.admission,
            registry: parts.registry,
            cells: parts.cells,
            refusals: parts.refusals,
            limits: Limits::default(),
            pending: Pending::new(parts.max_pending),
            verdicts: Verdicts::new(),
            transactions: Transactions::new(parts.max_pending),
            forks: Forks::new(parts.max_pending),
            emergencies: Emergencies::new(),
            hold: parts.hold,
            open: DashSet::default(),
            learned_min_expires: AtomicU32::new(0),
            upstream_takes_tcp: AtomicBool::new(false),
            unchallenged_calls: AtomicBool::new(false),
            beat: parts.beat,
            mail: Mail::default(),
        }
    }

    /// Sends a message by the next worker that ticks.
    pub fn post(&self, letter: Letter) {
        let (to, bytes) = letter;
        // Who asked asks again; what ends a binding is made up for by its own expiry.
        if !self.mail.put(to, bytes)
            && let Some(cell) = self.cells.first()
        {
            cell.dropped("mail_full");
        }
    }

    /// Sends an answer that promises a seat: at once, or when the seat is durable.
    fn promise(&self, to: Destination, write: impl FnOnce(&mut Vec<u8>), out: &mut Outbox) {
        let Some(hold) = &self.hold else { return out.write(to, write) };
        // Full: the store is away. A device over UDP asks again; its seat is held meanwhile.
        if hold.try_send((to, hold::written(write))).is_err() {
            self.drop_counted("held_back", out);
        }
    }

    /// Says whether the upstream takes TCP connections.
    pub fn upstream_takes_tcp(&self, takes: bool) {
        self.upstream_takes_tcp.store(takes, Ordering::Relaxed);
    }

    /// Requests that hold a reservation now.
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// No answer came in time. A dropped ticket gives back, and marks its number as one whose last
    /// reservation ended without a 2xx.
    fn overdue(&self, mut held: Held, now: Now) {
        drop(held.ticket.take());
        self.never_answered(Some(held), now);
    }

    /// Whether a connection stands.
    fn is_open(&self, connection: ConnectionId) -> bool {
        self.open.contains(&connection)
    }

    fn cell(&self, out: &Outbox) -> Option<&Cells> {
        self.cells.get(out.worker()).or(self.cells.first()).map(Arc::as_ref)
    }

    /// Counts what ends here without an answer.
    fn drop_counted(&self, reason: &'static str, out: &Outbox) {
        if let Some(cell) = self.cell(out) {
            cell.dropped(reason);
        }
    }

    /// A message that could not be read: 400 where a reply is due, else silence; counted always.
    fn reject(&self, fault: Fault, index: &Index<'_>, source: &Source, now: Now, out: &mut Outbox) {
        self.drop_counted(fault.label(), out);
        if fault == Fault::KeepAlive {
            return;
        }
        let Some(message) = index.answerable() else { return };
        let settings = self.admission.settings();
        let arrival = Arrival::new(&self.marks, message, source, &settings, now);
        if arrival.is_from_upstream() && !self.is_upstream(&arrival) {
            return;
        }
        let (status, phrase) = fault.status();
        self.reply(&arrival, status, phrase, &[], out);
    }
}

impl Handler for Proxy {
    fn message(&self, bytes: &[u8], source: &Source, now: Now, out: &mut Outbox) {
        self.alone(bytes, source, now, out);
    }

    fn messages(&self, turn: &[Received<'_>], now: Now, out: &mut Outbox) {
        self.turn(turn, now, out);
    }

    fn fault(&self, bytes: &[u8], fault: Fault, source: &Source, now: Now, out: &mut Outbox) {
        self.drop_counted(fault.label(), out);
        if let Err(rejected) = Index::parse(bytes, &self.limits)
            && let Some(message) = rejected.answerable()
        {
            let settings = self.admission.settings();
            let arrival = Arrival::new(&self.marks, message, source, &settings, now);
            self.reply(&arrival, 400, "Bad Request", &[], out);
        }
    }
    fn closed(&self, connection: ConnectionId, side: Side, _now: Now) {
        self.open.remove(&connection);
        if side == Side::Device {
            self.admission.flows().drop_flow(FlowKey::Connection(connection.0));
        }
    }

    fn undelivered(&self, bytes: &[u8], to: &Destination, now: Now, out: &mut Outbox) {
        self.drop_counted("undelivered", out);
        self.return_undelivered(bytes, to, now, out);
    }

    fn tick(&self, worker: usize, now: Now, out: &mut Outbox) {
        (self.beat)(worker);
        if worker != 0 {
            return;
        }
        for held in self.pending.overdue(now.mono_ms) {
            self.overdue(held, now);
        }
        self.transactions.tick(now.mono_ms, out);
        self.forks.tick(now.mono_ms);
        self.mail.send(out);
    }
}

impl Proxy {
    /// Handles one message, and takes the time of one in a few; `before` was spent on it already.
    fn measured(&self, before: Duration, out: &mut Outbox, handle: impl FnOnce(&mut Outbox)) {
        let cell = self.cell(out).filter(|cell| cell.samples());
        let begun = cell.map(|_| Instant::now());
        handle(out);
        if let (Some(cell), Some(begun)) = (cell, begun) {
            let took = begun.elapsed() + before;
            cell.latency(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    fn handle(
        &self,
        index: &Index<'_>,
        read: Result<(), Fault>,
        source: &Source,
        now: Now,
        out: &mut Outbox,
    ) {
        if let Err(fault) = read {
            return self.reject(fault, index, source, now, out);
        }
        if let Some(connection) = source.connection
            && !self.open.contains(&connection)
        {
            self.open.insert(connection);
        }
        let settings = self.admission.settings();
        let arrival = Arrival::new(&self.marks, index.message(), source, &settings, now);
        if arrival.message.is_request() {
            self.request(&arrival, out);
        } else {
            self.answer(&arrival, out);
        }
    }

    fn request(&self, arrival: &Arrival<'_>, out: &mut Outbox) {
        let message = &arrival.message;
        if let Some(cell) = self.cell(out) {
            cell.request(message.method_text());
        }
        if arrival.is_from_upstream() && !self.is_upstream(arrival) {
            return self.drop_counted("foreign_request", out);
        }
        if message.method() != Method::Ack {
            if message.max_forwards() == Some(0) && !self.is_for_us(arrival) {
                return self.reply(arrival, 483, "Too Many Hops", &[], out);
            }
            if let Some(unsupported) = reply::unsupported(message) {
                let headers = [("Unsupported", unsupported.as_str())];
                return self.reply(arrival, 420, "Bad Extension", &headers, out);
            }
        }
        let routed = routes::read(message, arrival.source, &self.keys, &self.names);
        match message.method() {
            Method::Ack => self.ack(arrival, &routed, out),
            Method::Cancel => self.cancel(arrival, &routed, out),
            _ if routed.dialog.is_some() && self.has_to_tag(arrival) => {
                self.in_dialog(arrival, &routed, out);
            }
            Method::Options if routed.flow.is_none() && self.is_for_us(arrival) => {
                self.options(arrival, out);
            }
            _ if arrival.is_from_upstream() => self.terminate(arrival, &routed, out),
            Method::Bye => self.bye_without_token(arrival, &routed, out),
            Method::Register => self.register(arrival, &routed, out),
            Method::Other if self.is_for_us(arrival) => {
                let headers = [("Allow", "INVITE, ACK, CANCEL, BYE, REGISTER, OPTIONS")];
                self.reply(arrival, 405, "Method Not Allowed", &headers, out);
            }
            _ if self.has_foreign_scheme(arrival) => {
                self.reply(arrival, 416, "Unsupported URI Scheme", &[], out);
            }
            _ => self.originate(arrival, &routed, out),
        }
    }

    /// Whether a message on the upstream side comes from an upstream.
    fn is_upstream(&self, arrival: &Arrival<'_>) -> bool {
        match &self.registry {
            Registry::BuiltIn(_) => false,
            Registry::Upstream(upstream) => {
                let peer = arrival.peer();
                let itself = match arrival.source.protocol {
                    Protocol::Udp => arrival.remote() == upstream.address,
                    // It connects from any port.
                    Protocol::Tcp => peer == upstream.address.ip(),
                };
                itself || upstream.sources.iter().any(|net| net.contains(&peer))
            }
        }
    }

    /// RFC 3261 16.3, 2.
    fn has_foreign_scheme(&self, arrival: &Arrival<'_>) -> bool {
        let uri = arrival.message.request_uri();
        uri.is_some_and(|uri| uri.scheme == Scheme::Other && !uri.is_emergency())
    }

    fn has_to_tag(&self, arrival: &Arrival<'_>) -> bool {
        arrival.message.to_tag().is_some()
    }
}
