//! What an answer settles: a 2xx to a REGISTER commits, renews and removes seats; a final answer to
//! an INVITE commits or gives back a call seat. What the device is told is cut to what it has.

use super::Proxy;
use super::answers::session_secs;
use super::arrival::Arrival;
use super::dialog::{reach_of, tag_hash};
use super::parts::{Registry, Upstream};
use super::pending::Held;
use super::register::{key_of_flow, refused_within_a_second};
use super::token::{Errand, Flow, ViaToken};
use std::sync::atomic::Ordering;

use crate::admission::{
    Admission, Shown, address_of, contact_name, has_name, is_named, is_same_contact, key_of,
    match_device, same_uri,
};
use crate::clock::Now;
use crate::license::FeatureSet;
use crate::quota::{
    Answer, Binding, Call, Device, Granted, Ids, Kept, Matcher, Names, Owned, Refusal, Renewal,
    Settled, State, Ticket,
};
use crate::sip::Message;

/// One Contact of a 2xx to a REGISTER.
#[derive(Clone, Debug)]
pub struct Listed {
    /// As the device wrote it, where we know it; else as the registrar lists it.
    pub ids: Ids,
    /// As the registrar knows it.
    pub contact: Box<[u8]>,
    pub expires_secs: u32,
    pub reg_id: Option<u32>,
    pub push: bool,
    /// By our own token in a rewritten Contact: the device's name.
    pub named: Option<u32>,
}

/// The request that a 2xx answers, as far as it is known.
pub struct Asked<'a> {
    pub aor: &'a str,
    pub flow: &'a Flow,
    pub errand: Errand,
    /// The device and its Contact URI, by name.
    pub device: u32,
    pub contact: u32,
    pub order: u64,
    pub unchallenged: bool,
    pub held: Held,
}

/// What a 2xx to a REGISTER came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// For each listed Contact: how many seconds the device is told, where it is its own.
    pub told: Vec<Option<u32>>,
    /// There was no room: the device gets this in place of its 2xx.
    pub refused: Option<Refusal>,
}

/// Shorter times are told as they are: a cut would only be noticed.
const CUT_ABOVE_SECS: u32 = 60;

impl Proxy {
    /// Settles a REGISTER that was answered 2xx.
    pub(super) fn settle_register(
        &self,
        mut asked: Asked<'_>,
        listed: &[Listed],
        now: Now,
    ) -> Outcome {
        let told = vec![None; listed.len()];
        let own: Vec<usize> = (0..listed.len())
            .filter(|index| listed.get(*index).is_some_and(|one| self.is_own(&asked, one, listed)))
            .collect();
        let refuse = |refused| Outcome { told: told.clone(), refused };
        let Some(owned) = self.admission.quota().owned(asked.aor) else {
            // The number is nobody's any more; what leaves may leave.
            return refuse((!own.is_empty()).then(Admission::unknown));
        };
        let late = refused_within_a_second(now, &owned.path).filter(|_| !own.is_empty());
        if late.is_some() {
            return refuse(late);
        }
        let ticket = asked.held.ticket.take();
        let settled = self.settle_own(&asked, ticket, &owned, listed, &own, now);
        self.note_flows(asked.aor, asked.flow, &settled);
        let mut outcome = refuse(None);
        for (index, kept) in own.iter().zip(&settled.kept) {
            let Some(told) = outcome.told.get_mut(*index) else { continue };
            *told = told_secs(kept, listed.get(*index), now);
        }
        outcome.refused = settled.late_refusal.filter(|_| settled.kept.contains(&Kept::Refused));
        outcome
    }

    /// Settles the 2xx to a REGISTER that only renews a seat; gives what the device is told, in seconds.
    /// `None`, and nothing done, where it has to be read in full.
    pub(super) fn settle_refresh(
        &self,
        upstream: &Upstream,
        arrival: &Arrival<'_>,
        token: &ViaToken,
    ) -> Option<u32> {
        let (message, now) = (&arrival.message, arrival.now);
        if token.errand != Errand::Register || upstream.rewrites_contact {
            return None;
        }
        let contact = message.only_contact()?;
        let uri = contact.addr()?.uri.raw;
        let granted_secs = message.expires_of(contact);
        if granted_secs == 0 || contact_name(uri) != token.contact {
            return None;
        }
        let settings = self.admission.settings();
        let aor = address_of(&message.to()?.uri, &settings)?.aor;
        let renewal = Renewal {
            is_it: &|device| is_named(device, token.device),
            contact: uri,
            reg_id: contact.reg_id(),
            reach: reach_of(&token.flow),
            granted_ms: u64::from(granted_secs) * 1000,
            order: token.order,
            alone: self.lists_all(),
            unchallenged: token.bare && settings.challenges,
            may: &|path| refused_within_a_second(now, path).is_none(),
        };
        // By this flow it is known since it was bound there.
        let until_mono_ms = self.admission.quota().renew(&aor, &renewal, now)?;
        Some(told_until(until_mono_ms, granted_secs, now))
    }

    /// Hands the quota what the answer grants to the request's own Contacts, and what it shows gone.
    fn settle_own(
        &self,
        asked: &Asked<'_>,
        ticket: Option<Ticket>,
        owned: &Owned,
        listed: &[Listed],
        own: &[usize],
        now: Now,
    ) -> Settled {
        let dead = |device: &Device| self.is_dead(device);
        let own: Vec<(Ids, &Listed)> = own
            .iter()
            .filter_map(|index| listed.get(*index))
            .map(|one| (ids_of_own(asked, one, listed), one))
            .collect();
        let (device, alone) = (asked.device, own.len() == 1);
        let matchers: Vec<_> = own
            .iter()
            .map(|(ids, _)| {
                move |known: &Device| {
                    let named = (alone && is_named(known, device)).then_some(0);
                    named.or_else(|| match_device(known, ids, &dead))
                }
            })
            .collect();
        let granted: Vec<Granted<'_>> = own
            .iter()
            .zip(&matchers)
            .map(|((ids, one), matcher)| Granted {
                matcher,
                ids: ids.clone(),
                app: self.admission.is_app(owned.kind, ids),
                push: one.push,
                needs: FeatureSet::NONE,
                binding: binding_of(one, asked.flow, now),
            })
            .collect();
        let gone = gone_matchers(asked, listed);
        let gone: Vec<Matcher<'_>> = gone.iter().map(|one| one.as_ref() as _).collect();
        // Who is late is not replaced: its place is kept for the margin.
        let lists = |device: &Device| device.state(now) == State::Held || is_listed(device, listed);
        let answer = Answer {
            granted: &granted,
            gone: &gone,
            order: asked.order,
            listed: if self.lists_all() { Some(&lists) } else { None },
            unchallenged: asked.unchallenged && !granted.is_empty(),
        };
        self.admission.quota().settle(asked.aor, owned, ticket, &answer, now)
    }

    /// Whether a 2xx lists every binding of the number.
    fn lists_all(&self) -> bool {
        match &self.registry {
            Registry::BuiltIn(_) => true,
            Registry::Upstream(upstream) => upstream.lists_all,
        }
    }

    /// Whether a listed Contact is one that the request registers.
    fn is_own(&self, asked: &Asked<'_>, one: &Listed, listed: &[Listed]) -> bool {
        if asked.errand != Errand::Register || one.expires_secs == 0 {
            return false;
        }
        if !asked.held.registration.adds.is_empty() {
            return request_of(asked, one, listed).is_some();
        }
        match one.named {
            Some(name) => name == asked.device,
            None => {
                one.ids.contacts.iter().any(|uri| contact_name(uri) == asked.contact)
                    || has_name(&one.ids, asked.device) && asked.device != asked.contact
            }
        }
    }

    fn note_flows(&self, aor: &str, flow: &Flow, settled: &Settled) {
        let flows = self.admission.flows();
        for device in settled.gone.iter().chain(&settled.replaced) {
            for binding in device.bindings() {
                flows.forget(key_of(&binding.reach), aor);
            }
        }
        if settled.kept.iter().any(|kept| matches!(kept, Kept::Until { .. })) {
            flows.note(key_of_flow(flow), aor);
        }
    }

    /// A 2xx to an INVITE that holds no reservation: another answer to a forked call, or one to a
    /// call that the upstream let through unasked. That one takes its seat there and then, and from
    /// now on such calls are decided before they go on.
    pub(super) fn another_2xx(&self, answer: &Message<'_>, bare: bool, now: Now) {
        if bare && self.admission.settings().challenges {
            // Relaxed: a hint that one call more or less may miss.
            self.unchallenged_calls.store(true, Ordering::Relaxed);
        }
        let Some(from) = answer.from() else { return };
        let address = address_of(&from.uri, &self.admission.settings());
        let Some(address) = address.filter(|address| address.ours) else { return };
        let quota = self.admission.quota();
        let Some(owned) = quota.owned(&address.aor) else { return };
        let known = quota.has_call(&address.aor, answer.call_id());
        let rides = quota.look(&address.aor, |entry| entry.is_live(now)) == Some(true);
        if known || bare && !rides {
            // No room: the one call that taught us passes uncounted.
            let call = self.call_of(answer, now);
            let _ = quota.commit_call(&address.aor, &owned, None, call, now);
        }
    }

    /// Settles a final answer to an INVITE whose call seat was reserved.
    pub(super) fn settle_call(&self, ticket: Option<Ticket>, answer: &Message<'_>, now: Now) {
        let Some(ticket) = ticket else { return };
        if !answer.status().is_some_and(|status| (200..300).contains(&status)) {
            return ticket.withdraw();
        }
        let aor = ticket.aor().to_owned();
        let Some(owned) = self.admission.quota().owned(&aor) else { return };
        let call = self.call_of(answer, now);
        // A refusal here lets the call be: it was admitted, and its limit has fallen since.
        let _ = self.admission.quota().commit_call(&aor, &owned, Some(ticket), call, now);
    }

    /// The call that a 2xx begins: it lasts as long as its session, at most `call_seat_max`.
    fn call_of(&self, answer: &Message<'_>, now: Now) -> Call {
        let longest = self.admission.settings().call_seat_max.as_millis();
        let longest_ms = u64::try_from(longest).unwrap_or(u64::MAX);
        let session_ms = session_secs(answer).map(|secs| u64::from(secs) * 1000);
        let life_ms = session_ms.map_or(longest_ms, |session_ms| longest_ms.min(session_ms));
        Call {
            call_id: answer.call_id().into(),
            since_ms: now.wall_ms,
            until_mono_ms: now.mono_ms.saturating_add(life_ms),
            legs: vec![tag_hash(answer.to_tag())],
        }
    }

    /// A request has had no answer and will have none: what it held is given back, and a BYE ends its
    /// dialog all the same.
    pub(super) fn never_answered(&self, held: Option<Held>, now: Now) {
        let Some(held) = held else { return };
        if let Some(ticket) = held.ticket {
            ticket.withdraw();
        }
        if let Some(dialog) = held.dialog {
            self.settle_dialog(&dialog, 408, None, now);
        }
    }
}

/// The Contact of the request that a listed one answers: by URI comparison with the one sent on; where
/// the answer lists none such, by instance and reg-id.
fn request_of<'a>(asked: &'a Asked<'_>, one: &Listed, listed: &[Listed]) -> Option<&'a Shown> {
    let adds = &asked.held.registration.adds;
    adds.iter().find(|shown| is_same(shown, one)).or_else(|| {
        adds.iter().find(|shown| {
            !shown.ids.instances.is_empty()
                && shown.ids.instances == one.ids.instances
                && shown.reg_id == one.reg_id
                && !listed.iter().any(|other| is_same(shown, other))
        })
    })
}

fn is_same(shown: &Shown, one: &Listed) -> bool {
    shown.ids.contacts.iter().any(|uri| same_uri(uri, &one.contact))
        || one.named.is_some_and(|name| has_name(&shown.ids, name))
        || one.ids.contacts.iter().any(|uri| shown.ids.contacts.contains(uri))
}

/// The ids of a granted device: what its request showed where that is known, else what the answer
/// shows.
fn ids_of_own(asked: &Asked<'_>, one: &Listed, listed: &[Listed]) -> Ids {
    let shown = request_of(asked, one, listed);
    let mut ids = shown.map_or_else(|| one.ids.clone(), |shown| shown.ids.clone());
    ids.source = Some(asked.flow.remote);
    ids
}

fn binding_of(one: &Listed, flow: &Flow, now: Now) -> Binding {
    let granted_ms = u64::from(one.expires_secs) * 1000;
    let until_mono_ms = now.mono_ms.saturating_add(granted_ms);
    Binding {
        reg_id: one.reg_id,
        contact: one.contact.clone(),
        reach: reach_of(flow),
        until_mono_ms,
        upstream_until_mono_ms: until_mono_ms,
        granted_ms,
    }
}

type Gone<'a> = Box<dyn Fn(&Device) -> Option<u8> + 'a>;

/// The devices that the answer shows gone: those that were to leave and are not listed any more.
fn gone_matchers<'a>(asked: &'a Asked<'_>, listed: &'a [Listed]) -> Vec<Gone<'a>> {
    let left = move |device: &Device| (!is_listed(device, listed)).then_some(0u8);
    match asked.errand {
        Errand::LeaveAll => {
            // One matcher takes out one device, so there is one for each that a number may have.
            (0..16).map(|_| Box::new(left) as Gone<'a>).collect()
        }
        _ if !asked.held.registration.leaves.is_empty() => {
            let gone = |shown: &'a crate::admission::Shown| -> Gone<'a> {
                Box::new(move |device: &Device| {
                    left(device)?;
                    match_device(device, &shown.ids, &|_| false)
                })
            };
            asked.held.registration.leaves.iter().map(gone).collect()
        }
        Errand::Leave => {
            let (name, contact) = (asked.device, asked.contact);
            vec![Box::new(move |device: &Device| {
                left(device)?;
                (is_named(device, name) || is_named(device, contact)).then_some(0)
            })]
        }
        _ => Vec::new(),
    }
}

/// Whether a 2xx lists a device: one of its bindings, by URI or by its name in our own token.
fn is_listed(device: &Device, listed: &[Listed]) -> bool {
    listed.iter().any(|one| {
        one.expires_secs > 0
            && (one.named.is_some_and(|name| is_named(device, name))
                || device.bindings().any(|known| is_same_contact(known.contact, &one.contact))
                || device.ids.contacts().any(|known| is_same_contact(known, &one.contact))
                || one.ids.instances.iter().any(|id| device.ids.has_instance(id)))
    })
}

/// What a device is told: what it has, rounded down, cut by up to a tenth so that a building's
/// devices do not come back in the same second.
fn told_secs(kept: &Kept, listed: Option<&Listed>, now: Now) -> Option<u32> {
    let granted = listed?.expires_secs;
    match *kept {
        Kept::Until { until_mono_ms, .. } => Some(told_until(until_mono_ms, granted, now)),
        Kept::Stale | Kept::Refused => None,
    }
}

fn told_until(until_mono_ms: u64, granted_secs: u32, now: Now) -> u32 {
    let left_ms = until_mono_ms.saturating_sub(now.mono_ms);
    let left_secs = u32::try_from(left_ms / 1000).unwrap_or(u32::MAX);
    cut(left_secs.min(granted_secs).max(1), now)
}

fn cut(secs: u32, now: Now) -> u32 {
    if secs <= CUT_ABOVE_SECS {
        return secs;
    }
    let most = secs / 10;
    let noise =
        (now.wall_ms.unsigned_abs() ^ now.mono_ms).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    secs - u32::try_from(noise % u64::from(most + 1)).unwrap_or(0)
}
