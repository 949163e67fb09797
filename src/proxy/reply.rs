//! Answers of our own: refusals, faults, OPTIONS. One datagram each, made from the request.

use super::Proxy;
use super::arrival::{Arrival, destination};
use super::codec::Word;
use super::pending::Branch;
use super::token::{Flow, Purpose};
use crate::admission::{agent_of, refusal};
use crate::license::Cause;
use crate::quota::Refusal;
use crate::sip::{Message, Method, Name, compose, print};
use crate::telemetry::{Field, REFUSAL_ID, Refused};
use crate::transport::Outbox;
use smallvec::SmallVec;

/// How many letters our To tags have.
pub(super) const TO_TAG: usize = 16;

/// A header value that is put together.
type Line = SmallVec<[u8; 128]>;

impl Proxy {
    /// Answers a request ourselves.
    pub(super) fn reply(
        &self,
        arrival: &Arrival<'_>,
        status: u16,
        phrase: &str,
        headers: &[(&str, &str)],
        out: &mut Outbox,
    ) {
        self.reply_to(arrival, &arrival.answer_flow(), (status, phrase), headers, out);
    }

    fn reply_to(
        &self,
        arrival: &Arrival<'_>,
        flow: &Flow,
        (status, phrase): (u16, &str),
        headers: &[(&str, &str)],
        out: &mut Outbox,
    ) {
        if arrival.message.method() == Method::Ack {
            return;
        }
        let to_tag = self.to_tag(arrival.branch);
        let reply = compose::Reply {
            status,
            phrase,
            to_tag: to_tag.first(TO_TAG),
            source: arrival.message.is_request().then(|| arrival.remote()),
            headers,
            body: None,
        };
        if status == 200 && arrival.message.method() == Method::Register {
            let mut bytes = Vec::with_capacity(512);
            compose::reply(&arrival.message, &reply, &mut bytes);
            return self.promise(destination(flow), &bytes, out);
        }
        out.write(destination(flow), |bytes| compose::reply(&arrival.message, &reply, bytes));
    }

    /// Our To tag for a request: the same for every copy, so that an ACK to it is known.
    pub(super) fn to_tag(&self, branch: Branch) -> Word {
        self.keys.word(Purpose::ToTag, &[&branch.to_be_bytes()])
    }

    /// Refuses a request for a reason; logged and counted once.
    pub(super) fn refuse(
        &self,
        arrival: &Arrival<'_>,
        number: &str,
        refused: Refusal,
        out: &mut Outbox,
    ) {
        self.refuse_to(arrival, &arrival.answer_flow(), number, refused, out);
    }

    /// The same over another flow: in place of an upstream's answer.
    pub(super) fn refuse_to(
        &self,
        arrival: &Arrival<'_>,
        flow: &Flow,
        number: &str,
        refused: Refusal,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        if let Some(cell) = self.cell(out) {
            cell.verdict(Some(refused.cause));
        }
        let mac = self.refusal_mac(arrival.branch);
        self.refusals.push(|| Refused {
            at_ms: arrival.now.wall_ms,
            method: method_name(message),
            number: Field::of(number.as_bytes()),
            source: flow.remote,
            user_agent: Field::of(agent_of(message)),
            cause: refused.cause,
            gate: refused.gate,
            id: Word::of(mac).array(),
        });
        self.tell(arrival, flow, refused, mac, out);
    }

    /// Says a refusal that was decided before: to a copy of an INVITE.
    pub(super) fn tell_again(&self, arrival: &Arrival<'_>, cause: Cause, out: &mut Outbox) {
        let mac = self.refusal_mac(arrival.branch);
        self.tell(arrival, &arrival.answer_flow(), Refusal::without_gate(cause), mac, out);
    }

    fn tell(
        &self,
        arrival: &Arrival<'_>,
        flow: &Flow,
        refused: Refusal,
        mac: u128,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        let settings = self.admission.settings();
        let told = refusal::tell(
            &settings.refusals,
            (refused.cause, refused.next_change),
            message.method() == Method::Register,
            agent_of(message),
            arrival.now.moment(),
            mac as u32,
        );
        let id = Word::of(mac);
        let mut warning = Line::from_slice(b"399 admitd \"");
        for part in [told.warning, " (id ", id.first(REFUSAL_ID), ")\""] {
            warning.extend_from_slice(part.as_bytes());
        }
        let mut secs = Vec::new();
        if let Some(retry_after) = told.retry_after_secs {
            print::number(&mut secs, u64::from(retry_after));
        }
        let headers = [("Warning", text(&warning)), ("Retry-After", text(&secs))];
        let headers = headers.get(..1 + usize::from(!secs.is_empty())).unwrap_or_default();
        self.reply_to(arrival, flow, (told.status, told.phrase), headers, out);
    }

    /// What the id of a refusal is made of: the same for every copy of a request.
    fn refusal_mac(&self, branch: Branch) -> u128 {
        self.keys.mac(Purpose::RefusalId, &[&branch.to_be_bytes()])
    }

    /// OPTIONS to ourselves: a sign of life.
    pub(super) fn options(&self, arrival: &Arrival<'_>, out: &mut Outbox) {
        let headers = [("Accept", "application/sdp"), ("Supported", "path, outbound")];
        self.reply(arrival, 200, "OK", &headers, out);
    }

    /// Whether the request is for us, not for a number through us.
    pub(super) fn is_for_us(&self, arrival: &Arrival<'_>) -> bool {
        let settings = self.admission.settings();
        arrival.message.request_uri().is_some_and(|uri| {
            uri.user.is_none()
                && (self.names.is_us(&uri, arrival.source.local)
                    || std::str::from_utf8(uri.host)
                        .is_ok_and(|host| settings.domain_of(&host.to_ascii_lowercase()).is_some()))
        })
    }
}

fn text(line: &[u8]) -> &str {
    std::str::from_utf8(line).unwrap_or_default()
}

fn method_name(message: &Message<'_>) -> &'static str {
    match message.method() {
        Method::Other => "other",
        known => known.name(),
    }
}

/// The options of Proxy-Require that we don't have: all of them (RFC 3261 16.3).
pub(super) fn unsupported(message: &Message<'_>) -> Option<String> {
    options(message, Name::ProxyRequire, &[])
}

/// The options of Require that the built-in registrar does not have (RFC 3261 10.3).
pub(super) fn unregistrable(message: &Message<'_>) -> Option<String> {
    options(message, Name::Require, &["path", "outbound"])
}

fn options(message: &Message<'_>, name: Name, known: &[&str]) -> Option<String> {
    let is_known = |option: &str| known.iter().any(|one| one.eq_ignore_ascii_case(option));
    let options: Vec<_> = message
        .all(name)
        .map(|value| String::from_utf8_lossy(value.text).into_owned())
        .filter(|option| !is_known(option))
        .collect();
    (!options.is_empty()).then(|| options.join(", "))
}
