//! Answers of our own: refusals, faults, OPTIONS. One datagram each, made from the request.

use super::Proxy;
use super::arrival::{Arrival, destination};
use super::token::{Flow, Purpose};
use crate::admission::{agent_of, refusal};
use crate::license::Cause;
use crate::quota::Refusal;
use crate::sip::{Message, Method, Name, compose};
use crate::telemetry::RefusalLine;
use crate::transport::Outbox;

/// How many letters of a refusal's id people must read out.
const ID_LEN: usize = 10;

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
        let to_tag = self.to_tag(&arrival.message);
        let reply = compose::Reply {
            status,
            phrase,
            to_tag: &to_tag,
            source: arrival.message.is_request().then(|| arrival.remote()),
            headers,
            body: None,
        };
        let mut bytes = Vec::with_capacity(512);
        compose::reply(&arrival.message, &reply, &mut bytes);
        if status == 200 && arrival.message.method() == Method::Register {
            return self.promise(destination(flow), &bytes, out);
        }
        out.push(destination(flow), &bytes);
    }

    /// Our To tag for a request: the same for every copy, so that an ACK to it is known.
    pub(super) fn to_tag(&self, message: &Message<'_>) -> String {
        let mut tag = self.keys.word(Purpose::ToTag, &identity(message));
        tag.truncate(16);
        tag
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
        let id = self.refusal_id(message);
        self.refusals.push(|| RefusalLine {
            at_ms: arrival.now.wall_ms,
            method: method_name(message),
            number: number.as_bytes().to_vec(),
            source: flow.remote,
            user_agent: agent_of(message).to_vec(),
            cause: refused.cause,
            bound_by: refused.gate.map(|gate| (self.gate_name)(gate)),
            detail: String::new(),
            id: id.clone(),
        });
        self.tell(arrival, flow, refused, &id, out);
    }

    /// Says a refusal that was decided before: to a copy of an INVITE.
    pub(super) fn tell_again(&self, arrival: &Arrival<'_>, cause: Cause, out: &mut Outbox) {
        let id = self.refusal_id(&arrival.message);
        self.tell(arrival, &arrival.answer_flow(), Refusal::without_gate(cause), &id, out);
    }

    fn tell(
        &self,
        arrival: &Arrival<'_>,
        flow: &Flow,
        refused: Refusal,
        id: &str,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        let is_register = message.method() == Method::Register;
        let settings = self.admission.settings();
        let jitter = self.keys.mac(Purpose::RefusalId, &identity(message)) as u32;
        let told = refusal::tell(
            &settings.refusals,
            (refused.cause, refused.next_change),
            is_register,
            agent_of(message),
            arrival.now.moment(),
            jitter,
        );
        let warning = format!("399 admitd \"{} (id {id})\"", told.warning);
        let retry_after = told.retry_after_secs.map(|secs| secs.to_string());
        let mut headers = vec![("Warning", warning.as_str())];
        headers.extend(retry_after.as_deref().map(|secs| ("Retry-After", secs)));
        self.reply_to(arrival, flow, (told.status, &told.phrase), &headers, out);
    }

    fn refusal_id(&self, message: &Message<'_>) -> String {
        let mut id = self.keys.word(Purpose::RefusalId, &identity(message));
        id.truncate(ID_LEN);
        id
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

/// What makes a request this request: equal in all its copies.
fn identity<'a>(message: &Message<'a>) -> [&'a [u8]; 4] {
    let via = message.first(Name::Via).map_or(&[][..], |value| value.text);
    let tag = message.from().and_then(|from| from.tag()).unwrap_or(&[]);
    // The number only: the ACK to our answer has another method.
    let cseq = message.first(Name::CSeq).map_or(&[][..], |value| value.text);
    let number = cseq.split(|byte| byte.is_ascii_whitespace()).next().unwrap_or(&[]);
    [via, message.call_id(), tag, number]
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
