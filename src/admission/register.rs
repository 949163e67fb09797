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
        settings: &Settings,
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
            app: is_app_showing(owned.kind, push, || agent_of(message), settings),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::Pattern;
    use crate::license::Holder;
    use crate::quota::fixture::World;
    use crate::sip::{Index, Limits};
    use std::sync::Arc;

    const NOW: Now = Now { wall_ms: 1_700_000_000_000, mono_ms: 1_000 };
    const AOR: &str = "sip:101@example.com";
    const KINDS: [NumberKind; 6] = [
        NumberKind::Phone,
        NumberKind::App,
        NumberKind::Panel,
        NumberKind::Monitor,
        NumberKind::Concierge,
        NumberKind::Dialer,
    ];
    const CONTACTS: [&str; 5] = [
        "<sip:101@192.0.2.9>",
        "<sip:101@192.0.2.9;pn-provider=fcm;pn-prid=x>",
        "<sip:101@192.0.2.9>;expires=0",
        "<sip:101@192.0.2.9>, <sip:101@192.0.2.8>",
        "*",
    ];

    /// A number of this kind in a group with so many seats.
    fn admission(kind: NumberKind, (sip_numbers, mobile_apps): (u32, u32)) -> Admission {
        let mut world = World::new();
        let group = world.root();
        world.license(group, sip_numbers, mobile_apps);
        world.number(101, Holder::Group(group), kind);
        world.publish(NOW);
        let app_agents = vec![Pattern::new("app*")];
        Admission::new(Arc::new(world.quota), Settings { app_agents, ..Settings::default() })
    }

    fn check(admission: &Admission, agent: &str, contact: &str) -> Option<Refusal> {
        let bytes = format!(
            "REGISTER sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
             From: <{AOR}>;tag=1\r\nTo: <{AOR}>\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\
             Contact: {contact}\r\nUser-Agent: {agent}\r\n\r\n"
        );
        let index = Index::parse(bytes.as_bytes(), &Limits::default()).unwrap();
        let message = index.message();
        let owned = admission.quota().owned(AOR).unwrap();
        let told = admission.refuse_newcomer(&message, AOR, &owned, &admission.settings(), NOW);

        let read = Registration::read(&message, "192.0.2.9:5060".parse().unwrap());
        let decided = (!read.is_harmless())
            .then(|| admission.register(AOR, &owned, &read, Standing::Presented, &|_| false, NOW));

        let refused = match decided {
            Some(Decision::Refuse(refused)) => Some(refused),
            _ => None,
        };
        let lone = message.only_contact().is_some();
        assert_eq!(told, refused.filter(|_| lone), "{agent}, {contact}");
        told
    }

    #[test]
    fn a_newcomer_is_refused_what_the_whole_reading_would_refuse() {
        let mut refused = 0;
        for kind in KINDS {
            for seats in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                for agent in ["App/1", "Panel/1"] {
                    for contact in CONTACTS {
                        let found = check(&admission(kind, seats), agent, contact);
                        refused += usize::from(found.is_some());
                    }
                }
            }
        }

        assert!(refused > 50, "{refused}");
    }
}
