//! Requests of devices that begin something: who calls, whether they may, and where it goes.

use super::Proxy;
use super::arrival::Arrival;
use super::forward::{Hop, Onward};
use super::parts::Registry;
use super::pending::{Held, Patience};
use super::routes::Routed;
use super::token::{Errand, SeatName};
use crate::admission::{Admission, Caller, FlowKey, Proof, Told, address_of};
use crate::license::{Cause, FeatureSet};
use crate::quota::{Ask, CallDecision, Refusal, Ticket, Units};
use crate::sip::{Method, Name, Patch};
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
        let branch = self.branch(message);
        let now_ms = arrival.now.mono_ms;
        if is_invite && let Some(cause) = self.verdicts.of(branch, now_ms) {
            return self.tell_again(arrival, cause, out);
        }
        if self.forks.owns(branch) || (is_invite && self.pending.contains(branch)) {
            return self.send_on(arrival, routed, &SeatName::default(), out);
        }
        let caller = self.caller(arrival);
        let origin = caller.as_ref().map(origin_of).unwrap_or_default();
        let verdict = match self.is_emergency(arrival) {
            true => Verdict::Pass(None),
            false => self.judge(arrival, caller.as_ref()),
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
                    self.pending.wait(branch, held, Patience::Transaction, now_ms);
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
                self.forward(arrival, routed, &onward, Patch::new(), out);
            }
        }
    }

    fn caller(&self, arrival: &Arrival<'_>) -> Option<Caller> {
        let checked = match &self.registry {
            Registry::BuiltIn(_) => false,
            Registry::Upstream(_) => self.admission.settings().challenges,
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
        let settings = self.admission.settings();
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
        if caller.rides {
            return match caller.owned.path.invalid(now, FeatureSet::NONE) {
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
            Method::Invite => self.call_seat(arrival, caller),
            _ => {
                let units = Units { sip: 1, apps: 0 };
                let claimed = !caller.owned.created;
                let ask = Ask { units, claimed, needs: FeatureSet::NONE };
                match caller.owned.path.cause(now, ask).filter(|_| !caller.elsewhere) {
                    Some(refused) => Verdict::Refuse(refused),
                    None => Verdict::Pass(None),
                }
            }
        }
    }

    fn call_seat(&self, arrival: &Arrival<'_>, caller: &Caller) -> Verdict {
        let decision = self.admission.quota().reserve_call(
            &caller.aor,
            &caller.owned,
            arrival.message.call_id(),
            FeatureSet::NONE,
            arrival.now,
        );
        match decision {
            CallDecision::Rides => Verdict::Pass(None),
            CallDecision::Take(ticket) => Verdict::Pass(Some(ticket)),
            CallDecision::Refuse(refused) => Verdict::Refuse(refused),
        }
    }

    /// The built-in registrar's digest, for a caller known by its own word only.
    fn checked_here(&self, arrival: &Arrival<'_>, caller: &Caller) -> Option<Verdict> {
        let Registry::BuiltIn(built_in) = &self.registry else { return None };
        if !caller.owned.has_password {
            return None;
        }
        match built_in.verify(arrival, &caller.aor) {
            super::local::Check::Verified => None,
            super::local::Check::Absent => Some(Verdict::Challenge { stale: false }),
            super::local::Check::Stale => Some(Verdict::Challenge { stale: true }),
            super::local::Check::Wrong => Some(Verdict::Refuse(Admission::unknown())),
        }
    }

    fn checks_digest(&self, caller: &Caller) -> bool {
        matches!(self.registry, Registry::BuiltIn(_)) && caller.owned.has_password
    }

    /// An upstream that challenges sees a request without credentials first.
    fn will_be_challenged(&self, arrival: &Arrival<'_>) -> bool {
        let has = |name| arrival.message.first(name).is_some();
        matches!(self.registry, Registry::Upstream(_))
            && self.admission.settings().challenges
            && !has(Name::ProxyAuthorization)
            && !has(Name::Authorization)
    }

    fn refused_callee(&self, arrival: &Arrival<'_>) -> Option<Refusal> {
        if arrival.message.method() != Method::Invite {
            return None;
        }
        let uri = arrival.message.request_uri()?;
        let address = address_of(&uri, &self.admission.settings())?;
        self.admission.refuses_callee(&address, arrival.now)
    }

    fn is_emergency(&self, arrival: &Arrival<'_>) -> bool {
        let settings = self.admission.settings();
        arrival.message.request_uri().is_some_and(|uri| {
            uri.is_emergency()
                || uri.user.is_some_and(|user| {
                    settings.emergency_users.iter().any(|known| known.as_bytes() == user)
                })
        })
    }
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
