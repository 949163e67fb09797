//! Answers of our own: refusals, faults, OPTIONS. One datagram each, made from the request.

use super::Proxy;
use super::arrival::{Arrival, destination};
use super::token::Purpose;
use super::transaction::Key;
use crate::admission::{agent_of, refusal};
use crate::license::Cause;
use crate::quota::Refusal;
use crate::sip::{Message, Method, Name, compose};
use crate::telemetry::RefusalLine;
use crate::transport::{Outbox, Protocol};

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
        if arrival.message.method() == Method::Ack {
            return;
        }
        let to_tag = self.to_tag(&arrival.message);
        let reply = compose::Reply {
            status,
            phrase,
            to_tag: &to_tag,
            source: Some(arrival.remote()),
            headers,
            body: None,
        };
        let mut bytes = Vec::with_capacity(512);
        compose::reply(&arrival.message, &reply, &mut bytes);
        out.push(destination(&arrival.answer_flow()), &bytes);
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
        let message = &arrival.message;
        if let Some(cell) = self.cell(out) {
            cell.verdict(Some(refused.cause));
        }
        let id = self.refusal_id(message);
        self.refusals.push(|| RefusalLine {
            method: method_name(message),
            number: number.as_bytes().to_vec(),
            source: arrival.remote(),
            user_agent: agent_of(message).to_vec(),
            cause: refused.cause,
            bound_by: refused.gate.map(|gate| self.admission.quota().gate_name(gate)),
            detail: String::new(),
            id: id.clone(),
        });
        self.tell(arrival, refused.cause, refused.next_change, &id, out);
    }

    /// Says a refusal that was decided before: to a copy of an INVITE.
    pub(super) fn tell_again(&self, arrival: &Arrival<'_>, cause: Cause, out: &mut Outbox) {
        let id = self.refusal_id(&arrival.message);
        self.tell(arrival, cause, None, &id, out);
    }

    fn tell(
        &self,
        arrival: &Arrival<'_>,
        cause: Cause,
        starts: Option<crate::license::Moment>,
        id: &str,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        let is_register = message.method() == Method::Register;
        let agent = String::from_utf8_lossy(agent_of(message));
        let settings = self.admission.settings();
        let jitter = self.keys.mac(Purpose::RefusalId, &identity(message)) as u32;
        let now = arrival.now.moment();
        let told =
            refusal::tell(cause, is_register, &agent, &settings.overrides, now, starts, jitter);
        let warning = format!("399 admitd \"{} (id {id})\"", told.warning);
        let retry_after = told.retry_after_secs.map(|secs| secs.to_string());
        let mut headers = vec![("Warning", warning.as_str())];
        headers.extend(retry_after.as_deref().map(|secs| ("Retry-After", secs)));
        self.reply(arrival, told.status, &told.phrase, &headers, out);
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
                    || std::str::from_utf8(uri.host).is_ok_and(|host| {
                        settings.domain_of(&host.to_ascii_lowercase()).is_some()
                    }))
        })
    }

    /// Keeps the answer that goes back over UDP for copies of its request.
    pub(super) fn remember_answer(
        &self,
        key: &Key,
        status: u16,
        arrival_protocol: Protocol,
        to: crate::transport::Destination,
        bytes: &[u8],
        now_ms: u64,
    ) {
        if arrival_protocol == Protocol::Udp {
            self.transactions.answers(key, status, to, bytes, now_ms);
        }
    }
}

/// What makes a request this request: equal in all its copies.
fn identity<'a>(message: &Message<'a>) -> [&'a [u8]; 4] {
    let via = message.first(Name::Via).map_or(&[][..], |value| value.text);
    let tag = message.from().and_then(|from| from.tag()).unwrap_or(&[]);
    let cseq = message.first(Name::CSeq).map_or(&[][..], |value| value.text);
    [via, message.call_id(), tag, cseq]
}

fn method_name(message: &Message<'_>) -> &'static str {
    match message.method() {
        Method::Other => "other",
        known => known.name(),
    }
}

/// The options of Proxy-Require that we don't have: all of them (RFC 3261 16.3).
pub(super) fn unsupported(message: &Message<'_>) -> Option<String> {
    let options: Vec<_> = message
        .all(Name::ProxyRequire)
        .map(|value| String::from_utf8_lossy(value.text).into_owned())
        .collect();
    (!options.is_empty()).then(|| options.join(", "))
}
