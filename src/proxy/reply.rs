//! Answers of our own: refusals, faults, OPTIONS. One datagram each, made from the request.

use super::Proxy;
use super::arrival::{Arrival, destination};
use super::marks::AnswerMarks;
use super::token::Flow;
use crate::admission::{agent_of, refusal};
use crate::license::Cause;
use crate::quota::Refusal;
use crate::sip::{Message, Method, Name, compose, print};
use crate::telemetry::{Field, Refused};
use crate::transport::Outbox;

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
        let to_tag = self.marks.answer(arrival.branch).to_tag();
        let reply = compose::Reply {
            status,
            phrase,
            to_tag: to_tag.letters(),
            headers,
            ..compose::Reply::default()
        };
        self.reply_to(arrival, &arrival.answer_flow(), reply, |_| {}, out);
    }

    /// Writes an answer; `more` appends header lines to its own.
    fn reply_to(
        &self,
        arrival: &Arrival<'_>,
        flow: &Flow,
        reply: compose::Reply<'_>,
        more: impl FnOnce(&mut Vec<u8>),
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        if message.method() == Method::Ack {
            return;
        }
        let source = message.is_request().then(|| arrival.remote());
        let reply = compose::Reply { source, ..reply };
        let write = |bytes: &mut Vec<u8>| compose::reply_with(message, &reply, more, bytes);
        match (reply.status, message.method()) {
            (200, Method::Register) => self.promise(destination(flow), write, out),
            _ => out.write(destination(flow), write),
        }
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
        let marks = self.marks.answer(arrival.branch);
        let agent = agent_of(message);
        self.refusals.push(|| Refused {
            at_ms: arrival.now.wall_ms,
            method: method_name(message),
            number: Field::of(number.as_bytes()),
            source: flow.remote,
            user_agent: Field::of(agent),
            cause: refused.cause,
            gate: refused.gate,
            id: *marks.refusal_id().letters(),
        });
        self.tell(arrival, flow, (refused, agent), marks, out);
    }

    /// Says a refusal that was decided before: to a copy of an INVITE.
    pub(super) fn tell_again(&self, arrival: &Arrival<'_>, cause: Cause, out: &mut Outbox) {
        let marks = self.marks.answer(arrival.branch);
        let refused = (Refusal::without_gate(cause), agent_of(&arrival.message));
        self.tell(arrival, &arrival.answer_flow(), refused, marks, out);
    }

    fn tell(
        &self,
        arrival: &Arrival<'_>,
        flow: &Flow,
        (refused, agent): (Refusal, &[u8]),
        marks: AnswerMarks,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        let told = refusal::tell(
            &arrival.settings.refusals,
            (refused.cause, refused.next_change),
            message.method() == Method::Register,
            agent,
            arrival.now.moment(),
            marks.jitter(),
        );
        let to_tag = marks.to_tag();
        let reply = compose::Reply {
            status: told.status,
            phrase: told.phrase,
            to_tag: to_tag.letters(),
            ..compose::Reply::default()
        };
        let more = |bytes: &mut Vec<u8>| {
            bytes.extend_from_slice(b"Warning: 399 admitd \"");
            bytes.extend_from_slice(told.warning.as_bytes());
            bytes.extend_from_slice(b" (id ");
            bytes.extend_from_slice(marks.refusal_id().letters());
            bytes.extend_from_slice(b")\"\r\n");
            if let Some(retry_after) = told.retry_after_secs {
                bytes.extend_from_slice(b"Retry-After: ");
                print::number(bytes, u64::from(retry_after));
                bytes.extend_from_slice(b"\r\n");
            }
        };
        self.reply_to(arrival, flow, reply, more, out);
    }

    /// OPTIONS to ourselves: a sign of life.
    pub(super) fn options(&self, arrival: &Arrival<'_>, out: &mut Outbox) {
        let headers = [("Accept", "application/sdp"), ("Supported", "path, outbound")];
        self.reply(arrival, 200, "OK", &headers, out);
    }

    /// Whether the request is for us, not for a number through us.
    pub(super) fn is_for_us(&self, arrival: &Arrival<'_>) -> bool {
        arrival.message.request_uri().is_some_and(|uri| {
            uri.user.is_none()
                && (self.names.is_us(&uri, arrival.source.local)
                    || std::str::from_utf8(uri.host).is_ok_and(|host| {
                        arrival.settings.domain_of(&host.to_ascii_lowercase()).is_some()
                    }))
        })
    }
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
    message.first(name)?;
    let is_known = |option: &str| known.iter().any(|one| one.eq_ignore_ascii_case(option));
    let options: Vec<_> = message
        .all(name)
        .map(|value| String::from_utf8_lossy(value.text).into_owned())
        .filter(|option| !is_known(option))
        .collect();
    (!options.is_empty()).then(|| options.join(", "))
}
