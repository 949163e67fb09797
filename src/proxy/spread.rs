//! An admitted request at the built-in registrar: to every device of the number, by the flow that
//! each one registered by.

use super::Proxy;
use super::answers::Returned;
use super::arrival::{Arrival, destination};
use super::built_in::BuiltIn;
use super::fork::Came;
use super::forward::{Hop, Onward};
use super::invite::{errand_of, session_timer};
use super::parts::Registry;
use super::pending::Branch;
use super::routes::Routed;
use super::token::SeatName;
use crate::admission::{Address, address_of};
use crate::license::Cause;
use crate::quota::Refusal;
use crate::sip::{Index, Method};
use crate::transport::Outbox;

impl Proxy {
    /// Routes an admitted request to the bindings of the number that it asks for.
    pub(super) fn route_built_in(
        &self,
        built_in: &BuiltIn,
        arrival: &Arrival<'_>,
        routed: &Routed,
        origin: &SeatName,
        out: &mut Outbox,
    ) {
        let branch = arrival.branch;
        if self.forks.owns(branch) {
            return self.forks.copied(branch, out);
        }
        let address = self.callee(arrival);
        let owned = address.as_ref().and_then(|address| self.admission.quota().owned(&address.aor));
        let (Some(address), Some(_)) = (address, owned) else {
            self.give_back(branch);
            return self.reply(arrival, 404, "Not Found", &[], out);
        };
        let legs = self.legs(built_in, &address.aor, arrival);
        match legs.as_slice() {
            [] => {
                self.give_back(branch);
                self.gone(arrival, out);
            }
            [(hop, contact)] => {
                let onward = self.leg(arrival, hop, origin, None);
                let mut patch = session_timer(&arrival.message);
                patch.replace_request_uri(&arrival.message, contact.as_bytes());
                self.forward(arrival, routed, &onward, patch, out);
            }
            several => self.fork(arrival, routed, origin, several, out),
        }
    }

    fn fork(
        &self,
        arrival: &Arrival<'_>,
        routed: &Routed,
        origin: &SeatName,
        legs: &[(Hop, String)],
        out: &mut Outbox,
    ) {
        let branch = arrival.branch;
        let is_invite = arrival.message.method() == Method::Invite;
        let answer_to = destination(&arrival.answer_flow());
        if !self.forks.open(branch, answer_to, is_invite, arrival.now.mono_ms) {
            self.give_back(branch);
            let over = Refusal::without_gate(Cause::OverCapacity);
            return self.refuse(arrival, &origin.aor, over, out);
        }
        for (index, (hop, contact)) in legs.iter().enumerate() {
            let onward = self.leg(arrival, hop, origin, Some(index));
            let mut patch = session_timer(&arrival.message);
            patch.replace_request_uri(&arrival.message, contact.as_bytes());
            self.forward(arrival, routed, &onward, patch, out);
        }
    }

    fn leg(
        &self,
        arrival: &Arrival<'_>,
        hop: &Hop,
        origin: &SeatName,
        fork: Option<usize>,
    ) -> Onward {
        let mut onward = Onward::to(hop.clone(), errand_of(arrival.message.method()));
        onward.origin = origin.clone();
        onward.fork = fork;
        onward
    }

    fn callee<'a>(&self, arrival: &Arrival<'a>) -> Option<Address<'a>> {
        let uri = arrival.message.request_uri()?;
        address_of(&uri, arrival.settings).filter(|address| address.ours)
    }

    /// Every device of a number that may be called now: one leg for each, by its best binding.
    fn legs(&self, built_in: &BuiltIn, aor: &str, arrival: &Arrival<'_>) -> Vec<(Hop, String)> {
        let mut seen: Vec<u32> = Vec::new();
        let mut legs = Vec::new();
        for target in built_in.registrar.targets(aor, arrival.now) {
            let named = target.path.and_then(|path| self.keys.read_flow_text(&path));
            let Some((flow, device)) = named.filter(|(_, device)| !seen.contains(device)) else {
                continue;
            };
            let seat = SeatName { aor: aor.to_owned(), device };
            let Some(flow) = self.reachable(&flow, &seat, arrival) else { continue };
            seen.push(device);
            legs.push((Hop::Device { flow, seat }, target.contact));
        }
        legs
    }

    /// Where a request for a number with exactly one device went: what its ACK and CANCEL need.
    pub(super) fn only_target(&self, arrival: &Arrival<'_>) -> Option<(Hop, String)> {
        let Registry::BuiltIn(built_in) = &self.registry else { return None };
        let address = self.callee(arrival)?;
        let mut legs = self.legs(built_in, &address.aor, arrival);
        if legs.len() == 1 { legs.pop() } else { None }
    }

    /// An answer on one leg of a fork.
    pub(super) fn fork_answered(
        &self,
        arrival: &Arrival<'_>,
        returned: &Returned<'_>,
        leg: usize,
        popped: &[u8],
        out: &mut Outbox,
    ) {
        let Ok(index) = Index::parse(popped, &self.limits) else { return };
        let answer = (&index.message(), popped);
        let now_ms = arrival.now.mono_ms;
        let came = self.forks.answered(returned.branch, leg, answer, now_ms, out);
        if returned.status > 100 && returned.status < 200 {
            self.pending.ringing(returned.branch, now_ms);
        }
        match came {
            Came::Final(_) => {
                if let Some(held) = self.pending.answered(returned.branch) {
                    self.settle_call(held.ticket, &arrival.message, arrival.now);
                }
            }
            Came::Nothing if (200..300).contains(&returned.status) => {
                self.another_2xx(&arrival.message, false, arrival.now);
            }
            Came::Nothing => {}
        }
    }

    /// The request goes nowhere: its call seat is given back without blame.
    fn give_back(&self, branch: Branch) {
        if let Some(ticket) = self.pending.answered(branch).and_then(|held| held.ticket) {
            ticket.withdraw();
        }
    }
}
