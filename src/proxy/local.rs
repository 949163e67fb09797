//! A REGISTER at the built-in registrar, the upstream that answers at once: its digest is checked
//! before anything is reserved, and its answer settled like any other.

use super::Proxy;
use super::arrival::Arrival;
use super::built_in::{BuiltIn, Check};
use super::parts::Registry;
use super::pending::Held;
use super::register::subject;
use super::reply::unregistrable;
use super::settle::{Asked, Listed};
use crate::admission::{Address, Admission, Registration, address_of, device_name};
use crate::quota::{Decision, Ids, Standing, Ticket};
use crate::registrar::{Asked as Wish, Bound, CallId, Registering, Which};
use crate::transport::Outbox;

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
            .and_then(|addr| address_of(&addr.uri, arrival.settings))
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
        if let Some(unsupported) = unregistrable(&arrival.message) {
            let headers = [("Unsupported", unsupported.as_str())];
            return self.reply(arrival, 420, "Bad Extension", &headers, out);
        }
        let aor = &*address.aor;
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
        let wishes: Vec<Wish<'_>> = message.contacts().filter_map(Wish::read).collect();
        let device = registration.adds.first().map_or(0, |shown| device_name(&shown.ids));
        let path = self.keys.flow_text(&arrival.flow(), device);
        let request = Registering {
            aor,
            contacts: &wishes,
            star: registration.star,
            call_id: CallId::of(message.call_id()),
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
        let (errand, device, contact) = subject(&registration);
        let flow = arrival.flow();
        let asked = Asked {
            aor,
            flow: &flow,
            errand,
            device,
            contact,
            order: u64::try_from(arrival.now.wall_ms).unwrap_or(0),
            unchallenged: false,
            held: Held { ticket, registration, dialog: None },
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
