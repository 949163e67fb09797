//! The built-in registrar as the upstream that answers at once: digests checked before anything is
//! reserved, bindings kept, requests routed to the flows that Path names.

use std::sync::Arc;

use super::Proxy;
use super::answers::Returned;
use super::arrival::{Arrival, destination};
use super::fork::Came;
use super::forward::{Hop, Onward};
use super::invite::{errand_of, session_timer};
use super::parts::Registry;
use super::pending::Held;
use super::register::path_value;
use super::routes::Routed;
use super::settle::{Asked, Listed};
use super::token::{Errand, RouteToken, SeatName};
use crate::admission::{
    Address, Admission, Pattern, Registration, address_of, agent_of, contact_name, credentials_of,
    device_name,
};
use crate::quota::{Decision, Ids, Refusal, Standing, Ticket};
use crate::registrar::{
    Asked as Wish, Asking, Bound, Digest, Offer, Outcome as Checked, Registering, Registrar,
    Target, Which,
};
use crate::sip::digest::{Credentials, Secret};
use crate::sip::{Index, Message, Method, NameAddr};
use crate::transport::Outbox;

/// Passwords by number.
pub trait Secrets: Send + Sync {
    /// The password of a number, where it has one.
    fn password(&self, aor: &str) -> Option<String>;
}

/// The built-in registrar with what it needs to know people.
pub struct BuiltIn {
    pub registrar: Arc<Registrar>,
    pub digest: Digest,
    pub secrets: Arc<dyn Secrets>,
    /// From here numbers without a password register without a challenge.
    pub trusted: Vec<ipnet::IpNet>,
    /// `None`: the domain of the number.
    pub realm: Option<String>,
    /// User-Agents that are offered SHA-256 as well as MD5.
    pub sha256_agents: Vec<Pattern>,
}

/// What the credentials of a request are worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Verified,
    Absent,
    Stale,
    Wrong,
}

impl BuiltIn {
    /// The realm of a number.
    fn realm<'a>(&'a self, aor: &'a str) -> &'a str {
        self.realm
            .as_deref()
            .unwrap_or_else(|| aor.rsplit_once('@').map_or("", |(_, domain)| domain))
    }

    fn offer(&self, message: &Message<'_>) -> Offer {
        let agent = agent_of(message);
        match self.sha256_agents.iter().any(|pattern| pattern.matches(agent)) {
            true => Offer::Md5AndSha256,
            false => Offer::Md5,
        }
    }

    /// Checks the credentials of a request for a number.
    pub fn verify(&self, arrival: &Arrival<'_>, aor: &str) -> Check {
        let message = &arrival.message;
        let Some(value) = credentials_of(message) else { return Check::Absent };
        let Some(credentials) = Credentials::parse(value) else { return Check::Wrong };
        let password = self.secrets.password(aor);
        let via = message.top_via();
        let asking = Asking {
            credentials: &credentials,
            realm: self.realm(aor),
            aor,
            secret: password.as_deref().map(|password| Secret::Password(password.as_bytes())),
            method: message.method_text(),
            request_uri: message.request_uri_text(),
            branch: via.and_then(|via| via.branch()).unwrap_or(&[]),
            cseq: message.cseq().map_or(0, |cseq| cseq.number),
        };
        match self.digest.verify(&asking, arrival.now) {
            Checked::Verified => Check::Verified,
            Checked::Stale | Checked::Replay => Check::Stale,
            Checked::Wrong => Check::Wrong,
        }
    }
}

impl Proxy {
    /// Asks for credentials: 401 to a REGISTER, 407 to everything else.
    pub(super) fn challenge(
        &self,
        arrival: &Arrival<'_>,
        status: u16,
        stale: bool,
        out: &mut Outbox,
    ) {
        let Registry::BuiltIn(built_in) = &self.registry else { return };
        let message = &arrival.message;
        let of = if status == 401 { message.to() } else { message.from() };
        let aor = of
            .and_then(|addr| address_of(&addr.uri, &self.admission.settings()))
            .map(|address| address.aor)
            .unwrap_or_default();
        let values = built_in.digest.challenges(
            built_in.realm(&aor),
            built_in.offer(message),
            stale,
            arrival.now,
        );
        let (name, phrase) = match status {
            401 => ("WWW-Authenticate", "Unauthorized"),
            _ => ("Proxy-Authenticate", "Proxy Authentication Required"),
        };
        let headers: Vec<_> = values.iter().map(|value| (name, value.as_str())).collect();
        self.reply(arrival, status, phrase, &headers, out);
    }

    /// A REGISTER at the built-in registrar.
    pub(super) fn register_here(
        &self,
        built_in: &BuiltIn,
        arrival: &Arrival<'_>,
        address: &Address,
        registration: Registration,
        out: &mut Outbox,
    ) {
        let aor = address.aor.as_str();
        let owned = self.admission.quota().owned(aor);
        let trusted = built_in.trusted.iter().any(|net| net.contains(&arrival.peer()));
        let open = trusted && owned.as_ref().is_some_and(|owned| !owned.has_password);
        if !open {
            match built_in.verify(arrival, aor) {
                Check::Verified => {}
                Check::Absent => return self.challenge(arrival, 401, false, out),
                Check::Stale => return self.challenge(arrival, 401, true, out),
                Check::Wrong => return self.refuse(arrival, aor, Admission::unknown(), out),
            }
        }
        let Some(owned) = owned else {
            return self.refuse(arrival, aor, Admission::unknown(), out);
        };
        let mut ticket = None;
        if !registration.is_harmless() {
            match self.decision(arrival, aor, &owned, &registration, Standing::Proved) {
                Decision::Renew(_) | Decision::Unreserved(_) => {}
                Decision::Take(taken) => ticket = Some(taken),
                Decision::Refuse(refused) => return self.refuse(arrival, aor, refused, out),
            }
        }
        self.bind(built_in, arrival, aor, registration, ticket, out);
    }

    /// Writes the bindings and settles them at once.
    fn bind(
        &self,
        built_in: &BuiltIn,
        arrival: &Arrival<'_>,
        aor: &str,
        registration: Registration,
        ticket: Option<Ticket>,
        out: &mut Outbox,
    ) {
        let message = &arrival.message;
        let contacts: Vec<_> = message.contacts().collect();
        let wishes: Vec<Wish<'_>> = contacts.iter().filter_map(Wish::read).collect();
        let call_id = String::from_utf8_lossy(message.call_id());
        let device = registration.adds.first().map_or(0, |shown| device_name(&shown.ids));
        let path = path_value(&self.names, &self.flow_token(arrival, aor, device), arrival);
        let request = Registering {
            aor,
            contacts: &wishes,
            star: registration.star,
            call_id: &call_id,
            cseq: message.cseq().map_or(0, |cseq| cseq.number),
            path: Some(&path),
            expires_secs: message.expires(),
            now: arrival.now,
        };
        let bounds = match built_in.registrar.register(&request) {
            Ok(bounds) => bounds,
            Err(failure) => {
                if let Some(ticket) = ticket {
                    ticket.withdraw();
                }
                let header = failure.header.as_ref().map(|(name, value)| (*name, value.as_str()));
                let headers: Vec<_> = header.into_iter().collect();
                return self.reply(arrival, failure.status, failure.phrase, &headers, out);
            }
        };
        self.settle_here(built_in, arrival, aor, (registration, ticket), &bounds, out);
    }

    fn settle_here(
        &self,
        built_in: &BuiltIn,
        arrival: &Arrival<'_>,
        aor: &str,
        (registration, ticket): (Registration, Option<Ticket>),
        bounds: &[Bound],
        out: &mut Outbox,
    ) {
        let listed: Vec<Listed> = bounds.iter().map(|bound| listed(bound, &registration)).collect();
        let first = registration.adds.first().or(registration.leaves.first());
        let flow = arrival.flow();
        let errand = match (registration.star, registration.adds.is_empty()) {
            (true, _) => Errand::LeaveAll,
            (false, true) => Errand::Leave,
            (false, false) => Errand::Register,
        };
        let asked = Asked {
            aor,
            flow: &flow,
            errand,
            device: first.map_or(0, |shown| device_name(&shown.ids)),
            contact: first
                .and_then(|shown| shown.ids.contacts.first())
                .map_or(0, |uri| contact_name(uri)),
            order: u64::try_from(arrival.now.wall_ms).unwrap_or(0),
            unchallenged: false,
            held: Held { ticket, registration },
        };
        let outcome = self.settle_register(asked, &listed, arrival.now);
        if let Some(refused) = outcome.refused {
            for contact in arrival.message.contacts().filter_map(|contact| contact.addr()) {
                let uri = String::from_utf8_lossy(contact.uri.raw);
                built_in.registrar.remove(aor, &Which::Contact(&uri));
            }
            return self.refuse(arrival, aor, refused, out);
        }
        if let Some(cell) = self.cell(out) {
            cell.verdict(None);
        }
        let told = bounds.iter().zip(&outcome.told);
        let values: Vec<String> = told
            .map(|(bound, told)| contact_value(bound, told.unwrap_or(bound.expires_secs)))
            .collect();
        let mut headers: Vec<_> = values.iter().map(|value| ("Contact", value.as_str())).collect();
        headers.push(("Supported", "path, outbound"));
        self.reply(arrival, 200, "OK", &headers, out);
    }

    /// Routes an admitted request to the bindings of the number that it asks for.
    pub(super) fn route_built_in(
        &self,
        built_in: &BuiltIn,
        arrival: &Arrival<'_>,
        routed: &Routed,
        origin: &SeatName,
        out: &mut Outbox,
    ) {
        let branch = self.branch(&arrival.message);
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
        let branch = self.branch(&arrival.message);
        let is_invite = arrival.message.method() == Method::Invite;
        let answer_to = destination(&arrival.answer_flow());
        if !self.forks.open(branch, answer_to, is_invite, arrival.now.mono_ms) {
            self.give_back(branch);
            let over = Refusal::without_gate(crate::license::Cause::OverCapacity);
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

    fn callee(&self, arrival: &Arrival<'_>) -> Option<Address> {
        let uri = arrival.message.request_uri()?;
        address_of(&uri, &self.admission.settings()).filter(|address| address.ours)
    }

    /// Every device of a number that may be called now: one leg for each, by its best binding.
    fn legs(&self, built_in: &BuiltIn, aor: &str, arrival: &Arrival<'_>) -> Vec<(Hop, String)> {
        let mut seen: Vec<u32> = Vec::new();
        let mut legs = Vec::new();
        for target in built_in.registrar.targets(aor, arrival.now) {
            let Some((flow, seat)) = self.flow_of_target(&target) else { continue };
            if seen.contains(&seat.device) {
                continue;
            }
            let Some(flow) = self.reachable(&flow, &seat, arrival) else { continue };
            seen.push(seat.device);
            legs.push((Hop::Device { flow, seat }, target.contact));
        }
        legs
    }

    fn flow_of_target(&self, target: &Target) -> Option<(super::Flow, SeatName)> {
        let path = NameAddr::parse(target.path.as_ref()?.as_bytes())?;
        let token = std::str::from_utf8(path.uri.user?).ok()?;
        match self.keys.open_flow(token)? {
            RouteToken::Device { flow, seat } => Some((flow, seat)),
            RouteToken::Upstream { .. } => None,
        }
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
        let answer = (&index.message(popped), popped);
        let now_ms = arrival.now.mono_ms;
        let came = self.forks.answered(returned.branch, leg, answer, now_ms, out);
        if returned.status > 100 && returned.status < 200 {
            self.pending.ringing(returned.branch, now_ms);
        }
        if let Came::Final(status) = came
            && let Some(held) = self.pending.answered(returned.branch)
        {
            self.settle_call(held.ticket, status, arrival.message.call_id(), None, arrival.now);
        }
    }

    /// The request goes nowhere: its call seat is given back without blame.
    fn give_back(&self, branch: super::pending::Branch) {
        if let Some(ticket) = self.pending.answered(branch).and_then(|held| held.ticket) {
            ticket.withdraw();
        }
    }
}

fn listed(bound: &Bound, registration: &Registration) -> Listed {
    let contact: Box<[u8]> = bound.contact.as_bytes().into();
    let instances = bound.instance.iter().map(|id| Box::from(id.as_bytes())).collect();
    let same = |uri: &[u8]| crate::admission::same_uri(uri, &contact);
    let has = |ids: &Ids| ids.contacts.iter().any(|uri| same(uri));
    let shown = registration.adds.iter().find(|shown| has(&shown.ids));
    Listed {
        ids: Ids { instances, contacts: vec![contact.clone()], ..Ids::default() },
        expires_secs: bound.expires_secs,
        reg_id: bound.reg_id,
        push: shown.is_some_and(|shown| shown.push),
        named: None,
        contact,
    }
}

/// A Contact value of our 200.
fn contact_value(bound: &Bound, secs: u32) -> String {
    use std::fmt::Write;
    let mut value = format!("<{}>;expires={secs}", bound.contact);
    if bound.q < 1000 {
        let _ = write!(value, ";q=0.{:03}", bound.q);
    }
    if let Some(instance) = &bound.instance {
        let quoted = instance.replace('\\', "\\\\").replace('"', "\\\"");
        let _ = write!(value, ";+sip.instance=\"{quoted}\"");
    }
    if let Some(reg_id) = bound.reg_id {
        let _ = write!(value, ";reg-id={reg_id}");
    }
    value
}
