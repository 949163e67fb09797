//! A REGISTER as admission sees it: the number, what each Contact adds or removes, and by which
//! device. The same reading serves the request and its 2xx.

use std::net::SocketAddr;

use super::identity::{agent_of, ids_of, is_app, is_app_showing, match_device};
use super::{Admission, Settings};
use crate::clock::Now;
use crate::license::{FeatureSet, NumberKind};
use crate::quota::{Decision, Device, Ids, Owned, Refusal, Registering, Standing, State, Wanted};
use crate::sip::Message;

/// One Contact of a REGISTER.
#[derive(Clone, Debug)]
pub struct Shown {
    pub ids: Ids,
    /// What it asks for, in seconds; 0 removes.
    pub expires_secs: u32,
    pub reg_id: Option<u32>,
    pub push: bool,
}

/// What a REGISTER asks.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    pub adds: Vec<Shown>,
    pub leaves: Vec<Shown>,
    /// `Contact: *`.
    pub star: bool,
}

impl Registration {
    /// Reads the Contacts of a REGISTER that came from `source`.
    pub fn read(message: &Message<'_>, source: SocketAddr) -> Self {
        let mut registration = Self::default();
        for contact in message.contacts() {
            let Some(ids) = ids_of(contact, message, source) else {
                registration.star = true;
                continue;
            };
            let expires_secs = message.expires_of(contact);
            let push = contact.push().is_some();
            let shown = Shown { ids, expires_secs, reg_id: contact.reg_id(), push };
            match expires_secs {
                0 => registration.leaves.push(shown),
                _ => registration.adds.push(shown),
            }
        }
        registration
    }

    /// Whether it only removes or asks: never refused.
    pub fn is_harmless(&self) -> bool {
        self.adds.is_empty()
    }
}

impl Admission {
    /// Decides a REGISTER of an owned number.
    pub fn register(
        &self,
        aor: &str,
        owned: &Owned,
        registration: &Registration,
        standing: Standing,
        is_dead: &dyn Fn(&Device) -> bool,
        now: Now,
    ) -> Decision {
        let settings = self.settings.load();
        let dead = |device: &Device| device.state(now) == State::Held || is_dead(device);
        let matchers: Vec<_> =
            registration.adds.iter().map(|shown| matcher_of(shown, &dead)).collect();
        let leaving: Vec<_> =
            registration.leaves.iter().map(|shown| matcher_of(shown, &dead)).collect();
        let ids: Vec<_> = registration.adds.iter().map(|shown| move || shown.ids.clone()).collect();
        let adds: Vec<Wanted<'_>> = registration
            .adds
            .iter()
            .zip(&matchers)
            .zip(&ids)
            .map(|((shown, matcher), ids)| Wanted {
                matcher,
                ids,
                app: is_app(owned.kind, &shown.ids, &settings),
                push: shown.push,
                needs: FeatureSet::NONE,
            })
            .collect();
        let leaves: Vec<_> =
            leaving.iter().map(|matcher| matcher as crate::quota::Matcher<'_>).collect();
        let request = Registering { adds: &adds, leaves: &leaves, standing };
        self.quota.reserve(aor, owned, &request, now)
    }

    /// Why a REGISTER with one Contact is refused to a number that has no device. A full building asks all
    /// day: it is told before the ids of the newcomer are read. `None` where all of it has to be read.
    pub fn refuse_newcomer(
        &self,
        message: &Message<'_>,
        aor: &str,
        owned: &Owned,
        now: Now,
    ) -> Option<Refusal> {
        let contact = message.only_contact().filter(|contact| !contact.is_star())?;
        if message.expires_of(contact) == 0 {
            return None;
        }
        let push = contact.push().is_some();
        let wanted = Wanted {
            matcher: &|_| None,
            ids: &Ids::default,
            app: is_app_showing(owned.kind, push, agent_of(message), &self.settings.load()),
            push,
            needs: FeatureSet::NONE,
        };
        // A number without a device has none that leaves, and credentials change nothing for it.
        let request = Registering { adds: &[wanted], leaves: &[], standing: Standing::Presented };
        self.quota.refuse_newcomer(aor, owned, &request, now)
    }

    /// Whether a device of this kind of number is a mobile app.
    pub fn is_app(&self, kind: NumberKind, ids: &Ids) -> bool {
        let settings: &Settings = &self.settings.load();
        is_app(kind, ids, settings)
    }
}

fn matcher_of<'a>(
    shown: &'a Shown,
    dead: &'a dyn Fn(&Device) -> bool,
) -> impl Fn(&Device) -> Option<u8> + 'a {
    move |device| match_device(device, &shown.ids, dead)
}
