//! Requests of devices that begin something: who calls, whether they may, and where it goes.

use std::sync::atomic::Ordering;

use super::Proxy;
use super::arrival::Arrival;
use super::built_in::Check;
use super::forward::{Hop, Onward};
use super::parts::Registry;
use super::pending::Held;
use super::routes::Routed;
use super::token::{Errand, SeatName};
use crate::admission::{Admission, Caller, FlowKey, Pattern, Proof, Told, address_of};
use crate::license::{Cause, Feature, FeatureSet};
use crate::quota::{Ask, CallDecision, Refusal, Ticket, Units};
use crate::sip::{Message, Method, Name, Patch};
use crate::transport::Outbox;

/// What is to be done with a request that begins something.
enum Verdict {
    /// It goes on; `Ticket` waits for its answer.
    Pass(Option<Ticket>),
    Refuse(Refusal),
    /// The built-in registrar wants credentials first.
    Challenge {
        stale: bool,
    },
}

impl Proxy {
    /// An out-of-dialog request from a device.
    pub(super) fn originate(&self, arrival: &Arrival<'_>, routed: &Routed, out: &mut Outbox) {
        let message = &arrival.message;
        let is_invite = message.method() == Method::Invite;
        let branch = arrival.branch;
        let now_ms = arrival.now.mono_ms;
        if is_invite && let Some(cause) = self.verdicts.of(branch, now_ms) {
            return self.tell_again(arrival, cause, out);
        }
        if self.forks.owns(branch) || (is_invite && self.pending.contains(branch)) {
            return self.send_on(arrival, routed, &SeatName::default(), out);
        }
        let caller = self.caller(arrival);
        let origin = caller.as_ref().map(origin_of).unwrap_or_default();
        let verdict = if self.is_emergency(arrival) && self.emergencies.passes(now_ms) {
            self.emergencies.note(&origin.aor, now_ms);
            Verdict::Pass(None)
        } else {
            self.judge(arrival, caller.as_ref())
        };
        match verdict {
            Verdict::Pass(ticket) => {
                if let Some(cell) = self.cell(out) {
                    cell.verdict(None);
                }
                if let Some(ticket) = ticket {
                    if self.pending.is_full() {
                        ticket.withdraw();
                        let over = Refusal::without_gate(Cause::OverCapacity);
                        return self.refuse(arrival, &origin.aor, over, out);
                    }
                    let held = Held { ticket: Some(ticket), ..Held::default() };
                    self.pending.wait(branch, held, self.patience(), now_ms);
                }
                self.send_on(arrival, routed, &origin, out);
            }
            Verdict::Refuse(refused) => {
                if is_invite {
                    self.verdicts.keep(branch, refused.cause, now_ms);
                }
                self.refuse(arrival, &origin.aor, refused, out);
            }
            Verdict::Challenge { stale } => self.challenge(arrival, 407, stale, out),
        }
    }

    fn send_on(&self, arrival: &Arrival<'_>, routed: &Routed, origin: &SeatName, out: &mut Outbox) {
        match &self.registry {
            Registry::BuiltIn(built_in) => {
                self.route_built_in(built_in, arrival, routed, origin, out)
            }
            Registry::Upstream(_) => {
                let errand = errand_of(arrival.message.method());
                let mut onward = Onward::to(Hop::Upstream, errand);
                onward.origin = origin.clone();
                self.forward(arrival, routed, &onward, session_timer(&arrival.message), out);
            }
        }
    }

    fn caller(&self, arrival: &Arrival<'_>) -> Option<Caller> {
        let checked = match &self.registry {
            Registry::BuiltIn(_) => false,
            Registry::Upstream(_) => arrival.settings.challenges,
        };
        let told = Told {
            message: arrival.message,
            flow: flow_key(arrival),
            peer: arrival.peer(),
            checked,
        };
        self.admission.caller(&told, arrival.now)
    }

    /// Whether the caller may, and with what seat.
    fn judge(&self, arrival: &Arrival<'_>, caller: Option<&Caller>) -> Verdict {
        let settings = arrival.settings;
        if let Some(refused) = self.refused_callee(arrival) {
            return Verdict::Refuse(refused);
        }
        let Some(caller) = caller else {
            return match self.will_be_challenged(arrival) {
                true => Verdict::Pass(None),
                false => Verdict::Refuse(Admission::unknown()),
            };
        };
        if caller.proof == Proof::From {
            if self.will_be_challenged(arrival) {
                return Verdict::Pass(None);
            }
            if let Some(verdict) = self.checked_here(arrival, caller) {
                return verdict;
            }
        }
        let now = arrival.now.moment();
        let needs = self.needs(arrival);
        if caller.rides {
            return match caller.owned.path.invalid(now, needs) {
                Some(refused) => Verdict::Refuse(refused),
                None => Verdict::Pass(None),
            };
        }
        // Somebody else's word for a number whose phone is registered elsewhere.
        let borrowed =
            caller.elsewhere && caller.proof == Proof::From && !self.checks_digest(caller);
        if borrowed || !settings.calls_unregistered {
            return Verdict::Refuse(Refusal::without_gate(Cause::NotRegistered));
        }
        match arrival.message.method() {
            Method::Invite => self.call_seat(arrival, caller, needs),
            _ => {
                let units = Units { sip: 1, apps: 0 };
                let claimed = !caller.owned.created;
                let ask = Ask { units, claimed, needs };
                match caller.owned.path.cause(now, ask).filter(|_| !caller.elsewhere) {
                    Some(refused) => Verdict::Refuse(refused),
                    None => Verdict::Pass(None),
                }
            }
        }
    }

    fn call_seat(&self, arrival: &Arrival<'_>, caller: &Caller, needs: FeatureSet) -> Verdict {
        let decision = self.admission.quota().reserve_call(
            &caller.aor,
            &caller.owned,
            arrival.message.call_id(),
            needs,
            arrival.now,
        );
        match decision {
            CallDecision::Rides => Verdict::Pass(None),
            CallDecision::Take(ticket) => Verdict::Pass(Some(ticket)),
            CallDecision::Refuse(refused) => Verdict::Refuse(refused),
        }
    }

    /// The features that a request needs on its caller's path: a call to a domain that is not ours
    /// leaves by a trunk; a message of the configured form opens a door.
    fn needs(&self, arrival: &Arrival<'_>) -> FeatureSet {
        let settings = arrival.settings;
        let message = &arrival.message;
        let mut needs = FeatureSet::NONE;
        if message.method() == Method::Invite
            && let Some(uri) = message.request_uri()
            && address_of(&uri, settings).is_some_and(|address| !address.ours)
            && !self.names.is_us(&uri, arrival.source.local)
        {
            needs.insert(Feature::SipTrunks);
        }
        let opens = |pattern: &Pattern| pattern.matches(message.body());
        if matches!(message.method(), Method::Message | Method::Info)
            && settings.door_messages.iter().any(opens)
        {
            needs.insert(Feature::RemoteDoorOpening);
        }
        needs
    }

    /// The built-in registrar's digest, for a caller known by its own word only.
    fn checked_here(&self, arrival: &Arrival<'_>, caller: &Caller) -> Option<Verdict> {
        let Registry::BuiltIn(built_in) = &self.registry else { return None };
        if !caller.owned.has_password {
            return None;
        }
        match built_in.verify(arrival, &caller.aor) {
            Check::Verified => None,
            Check::Absent => Some(Verdict::Challenge { stale: false }),
            Check::Stale => Some(Verdict::Challenge { stale: true }),
            Check::Wrong => Some(Verdict::Refuse(Admission::unknown())),
        }
    }

    fn checks_digest(&self, caller: &Caller) -> bool {
        matches!(self.registry, Registry::BuiltIn(_)) && caller.owned.has_password
    }

    /// An upstream that challenges sees a request without credentials first.
    fn will_be_challenged(&self, arrival: &Arrival<'_>) -> bool {
        let has = |name| arrival.message.first(name).is_some();
        // Relaxed: see where it is set.
        let known_not_to = arrival.message.method() == Method::Invite
            && self.unchallenged_calls.load(Ordering::Relaxed);
        matches!(self.registry, Registry::Upstream(_))
            && arrival.settings.challenges
            && !known_not_to
            && !has(Name::ProxyAuthorization)
            && !has(Name::Authorization)
    }

    fn refused_callee(&self, arrival: &Arrival<'_>) -> Option<Refusal> {
        if arrival.message.method() != Method::Invite {
            return None;
        }
        let uri = arrival.message.request_uri()?;
        let address = address_of(&uri, arrival.settings)?;
        if self.emergencies.is_called_back(&address.aor, arrival.now.mono_ms) {
            return None;
        }
        self.admission.refuses_callee(&address, arrival.now)
    }

    fn is_emergency(&self, arrival: &Arrival<'_>) -> bool {
        let settings = arrival.settings;
        arrival.message.request_uri().is_some_and(|uri| {
            uri.is_emergency()
                || uri.user.is_some_and(|user| {
                    settings.emergency_users.iter().any(|known| known.as_bytes() == user)
                })
        })
    }
}

/// Asks for a session timer where the caller can have one and asks for none itself (RFC 4028 8.1):
/// a call seat then ends soon after a call that nobody hung up.
pub(super) fn session_timer(message: &Message<'_>) -> Patch {
    let mut patch = Patch::new();
    if message.method() == Method::Invite
        && message.has_option(Name::Supported, "timer")
        && message.first(Name::SessionExpires).is_none()
    {
        patch.add_header(message, Name::SessionExpires.text(), b"1800");
    }
    patch
}

/// What the answer to this method settles.
pub(super) fn errand_of(method: Method) -> Errand {
    match method {
        Method::Register => Errand::Register,
        Method::Invite => Errand::Invite,
        _ => Errand::Other,
    }
}

/// How the flow of an arrival is known to admission.
pub(super) fn flow_key(arrival: &Arrival<'_>) -> FlowKey {
    match arrival.source.connection {
        Some(connection) => FlowKey::Connection(connection.0),
        None => FlowKey::Address(arrival.remote()),
    }
}

/// The seat that a caller's side of the dialog belongs to.
fn origin_of(caller: &Caller) -> SeatName {
    SeatName { aor: caller.aor.clone(), device: 0 }
}
