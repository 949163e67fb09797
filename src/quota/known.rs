//! What a seat keeps of its device: the ids and the places where it is bound, in one allocation. It is
//! read in place at every packet, and written anew only when something of it changes.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use super::agents::{self, Agent};
use super::device::{Binding, Ids, Reach};
use super::packed::{
    Items, Packing, Sort, place_of, put, put_place, put_source, put_urn, take_address,
};
use super::urn::{self, Letters};
use crate::license::Whereabouts;

/// Ids and places of a device.
#[derive(Clone, PartialEq, Eq)]
pub struct Known {
    packed: Box<[u8]>,
    /// Most devices share theirs with many, but for a number of their own.
    agent: Agent,
}

/// The values by which a device may be recognised, oldest first.
pub trait Names {
    fn instances(&self) -> impl Iterator<Item = Id<'_>>;
    fn pushes(&self) -> impl Iterator<Item = &[u8]>;
    fn contacts(&self) -> impl Iterator<Item = &[u8]>;

    /// Whether this is one of the instances.
    fn has_instance(&self, instance: &[u8]) -> bool {
        self.instances().any(|one| *one == *instance)
    }
}

/// An instance as the device shows it.
#[derive(Clone, Copy)]
pub enum Id<'a> {
    Text(&'a [u8]),
    /// `<urn:uuid:…>`, kept in fewer bytes.
    Urn([u8; urn::LEN]),
}

impl Deref for Id<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text,
            Self::Urn(text) => text,
        }
    }
}

/// Where one binding leads, and as what it is known there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place<'a> {
    pub reach: Reach,
    pub reg_id: Option<u32>,
    pub contact: &'a [u8],
}

impl Names for Ids {
    fn instances(&self) -> impl Iterator<Item = Id<'_>> {
        self.instances.iter().map(|id| Id::Text(id))
    }

    fn pushes(&self) -> impl Iterator<Item = &[u8]> {
        self.pushes.iter().map(|id| &**id)
    }

    fn contacts(&self) -> impl Iterator<Item = &[u8]> {
        self.contacts.iter().map(|id| &**id)
    }
}

impl Names for Known {
    fn instances(&self) -> impl Iterator<Item = Id<'_>> {
        self.kept_instances().map(|one| match one {
            Instance::Text(text) => Id::Text(text),
            Instance::Urn(uuid, letters) => Id::Urn(urn::text(uuid, letters)),
        })
    }

    fn pushes(&self) -> impl Iterator<Item = &[u8]> {
        self.of(Sort::Push)
    }

    fn contacts(&self) -> impl Iterator<Item = &[u8]> {
        self.of(Sort::Contact)
    }

    fn has_instance(&self, instance: &[u8]) -> bool {
        self.kept_instances().any(|one| one.is(instance))
    }
}

/// An instance as it is kept.
enum Instance<'a> {
    Text(&'a [u8]),
    Urn(&'a [u8; 16], Letters),
}

impl Instance<'_> {
    fn is(&self, shown: &[u8]) -> bool {
        match self {
            Self::Text(text) => *text == shown,
            Self::Urn(uuid, letters) => urn::is(uuid, *letters, shown),
        }
    }
}

impl Known {
    /// Packs ids, and the place of each binding in order.
    pub(super) fn pack(ids: &Ids, bindings: &[Binding]) -> Self {
        // Written aside, so that what is kept is allocated as long as it is.
        let mut packed = Packing::new();
        for instance in &ids.instances {
            match urn::pack(instance) {
                Some((letters, uuid)) => put_urn(&mut packed, letters, &uuid),
                None => put(&mut packed, Sort::Instance, instance),
            }
        }
        ids.pushes.iter().for_each(|push| put(&mut packed, Sort::Push, push));
        ids.contacts.iter().for_each(|contact| put(&mut packed, Sort::Contact, contact));
        if ids.source != bindings.first().map(|first| first.reach.remote) {
            put_source(&mut packed, ids.source);
        }
        for binding in bindings {
            put_place(&mut packed, &binding.reach, binding.reg_id);
            if ids.contacts.last() != Some(&binding.contact) {
                put(&mut packed, Sort::BoundContact, &binding.contact);
            }
        }
        let agent = put_agent(&mut packed, &ids.user_agent);
        Self { packed: Box::from(&*packed), agent }
    }

    /// The ids as a request shows them.
    pub fn ids(&self) -> Ids {
        Ids {
            instances: self.instances().map(|id| Box::from(&*id)).collect(),
            pushes: self.pushes().map(Box::from).collect(),
            contacts: self.contacts().map(Box::from).collect(),
            user_agent: self.user_agent().into(),
            source: self.source(),
        }
    }

    /// Where ids and places stand.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts::of(&*self.packed)
    }

    /// The User-Agent; empty where it showed none.
    pub fn user_agent(&self) -> Cow<'_, [u8]> {
        match self.agent_parts() {
            [whole, [], []] => Cow::Borrowed(whole),
            parts => Cow::Owned(parts.concat()),
        }
    }

    /// Whether this is the User-Agent.
    pub fn has_agent(&self, shown: &[u8]) -> bool {
        let mut rest = Some(shown);
        for part in self.agent_parts() {
            rest = rest.and_then(|rest| rest.strip_prefix(part));
        }
        rest == Some(&[])
    }

    /// What stands before a number of the device's own, the number, and what stands behind it.
    fn agent_parts(&self) -> [&[u8]; 3] {
        let unit = self.of(Sort::Unit).next().and_then(<[u8]>::split_first);
        let parts = unit.and_then(|(at, own)| {
            let (before, behind) = self.agent.split_at_checked(usize::from(*at))?;
            Some([before, own, behind])
        });
        parts.unwrap_or([&self.agent, &[], &[]])
    }

    /// Where it was last heard from.
    pub fn source(&self) -> Option<SocketAddr> {
        match self.of(Sort::Source).next() {
            Some(mut own) => take_address(&mut own),
            None => self.places().next().map(|place| place.reach.remote),
        }
    }

    /// Whether taking over what `newer` shows would change nothing.
    pub(super) fn has_all(&self, newer: &Ids) -> bool {
        let last = |sort, values: &[Box<[u8]>]| match values {
            [] => true,
            [value] => self.of(sort).last() == Some(&**value),
            // Rare: who merges them finds out.
            _ => false,
        };
        let last_instance = match &*newer.instances {
            [] => true,
            [value] => self.kept_instances().last().is_some_and(|last| last.is(value)),
            _ => false,
        };
        last_instance
            && last(Sort::Push, &newer.pushes)
            && last(Sort::Contact, &newer.contacts)
            && (newer.user_agent.is_empty() || self.has_agent(&newer.user_agent))
            && (newer.source.is_none() || newer.source == self.source())
    }

    /// The place of each binding, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let own = self.contacts().last().unwrap_or_default();
        let mut items = Items(&self.packed).peekable();
        std::iter::from_fn(move || {
            let (reach, reg_id) = items.find_map(|(sort, value)| place_of(sort, value))?;
            let other = items.next_if(|(sort, _)| *sort == Sort::BoundContact);
            Some(Place { reach, reg_id, contact: other.map_or(own, |(_, contact)| contact) })
        })
    }

    /// Whether its first binding is this one, and the device was last heard from there: in one go, for
    /// this is asked at every renewal.
    pub(super) fn stays_at(&self, place: &Place<'_>) -> bool {
        let (mut contact, mut source, mut here) = (&[][..], None, false);
        let mut items = Items(&self.packed);
        for (sort, value) in &mut items {
            match sort {
                Sort::Contact => contact = value,
                Sort::Source => source = Some(value),
                Sort::Place | Sort::FarPlace => {
                    here = place_of(sort, value) == Some((place.reach, place.reg_id));
                    break;
                }
                _ => {}
            }
        }
        if let Some((Sort::BoundContact, other)) = items.next() {
            contact = other;
        }
        let source = source.map(|mut own| take_address(&mut own));
        here && contact == place.contact && source.is_none_or(|own| own == Some(place.reach.remote))
    }

    fn kept_instances(&self) -> impl Iterator<Item = Instance<'_>> {
        Items(&self.packed).filter_map(|(sort, value)| {
            let urn = |letters| Some(Instance::Urn(value.try_into().ok()?, letters));
            match sort {
                Sort::LowerUrn => urn(Letters::Lower),
                Sort::UpperUrn => urn(Letters::Upper),
                Sort::Instance => Some(Instance::Text(value)),
                _ => None,
            }
        })
    }

    fn of(&self, sort: Sort) -> impl Iterator<Item = &[u8]> {
        Items(&self.packed).filter(move |item| item.0 == sort).map(|(_, value)| value)
    }
}

/// Adds what of a User-Agent is the device's own; gives the rest.
fn put_agent(packed: &mut Packing, agent: &[u8]) -> Agent {
    let parts = agents::own(agent).and_then(|own| {
        let at = u8::try_from(own.start).ok()?;
        Some((at, agent.get(..own.start)?, agent.get(own.clone())?, agent.get(own.end..)?))
    });
    let Some((at, before, own, behind)) = parts else { return agents::shared(agent) };
    put(packed, Sort::Unit, &[&[at], own].concat());
    agents::shared(&[before, behind].concat())
}

impl Default for Known {
    fn default() -> Self {
        Self::pack(&Ids::default(), &[])
    }
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ids().fmt(f)
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    fn binding(contact: &[u8], remote: &str, reg_id: Option<u32>) -> Binding {
        let remote = remote.parse().unwrap();
        let local = "[fe80::1%7]:5060".parse().unwrap();
        Binding {
            reg_id,
            contact: contact.into(),
            reach: Reach { transport: 2, remote, local, socket: 70_000, connection: 0 },
            until_mono_ms: 0,
            upstream_until_mono_ms: 0,
            granted_ms: 0,
        }
    }

    #[test]
    fn all_of_it_comes_back() {
        let long = vec![b'x'; 300];
        let urn = b"<urn:uuid:5d3f9a10-7c2e-11ee-b962-0123456789ab>".as_slice();
        let ids = Ids {
            instances: vec![b"a".as_slice().into(), urn.into(), b"".as_slice().into()],
            pushes: vec![vec![7; 255].into(), vec![8; 254].into()],
            contacts: vec![b"sip:1@192.0.2.1".as_slice().into(), long.clone().into()],
            user_agent: b"agent".as_slice().into(),
            source: Some("192.0.2.7:1024".parse().unwrap()),
        };
        let bindings = [
            binding(b"sip:other", "192.0.2.1:9", None),
            binding(&long, "[2001:db8::1]:5060", Some(7)),
            binding(b"", "127.0.0.1:0", Some(0)),
        ];

        let known = Known::pack(&ids, &bindings);

        assert_eq!(known.ids(), ids);
        let place = |one: &Binding| (one.reach, one.reg_id, one.contact.to_vec());
        let kept = known.places().map(|one| (one.reach, one.reg_id, one.contact.to_vec()));
        assert_eq!(kept.collect::<Vec<_>>(), bindings.iter().map(place).collect::<Vec<_>>());
        assert!(ids.instances.iter().all(|id| known.has_instance(id)));
        assert!(!known.has_instance(b"b"));
        assert!(known.has_all(&Ids { user_agent: ids.user_agent.clone(), ..Ids::default() }));
        let older = Ids { contacts: ids.contacts[..1].to_vec(), ..Ids::default() };
        assert!(!known.has_all(&older));
    }

    #[test]
    fn agents_that_differ_in_a_number_of_their_own_come_back_and_share_the_rest() {
        let agents =
            ["00012345 a", "a 00012345", "00012346 a", "a", "", "00012345", "aa 12345678:"];
        for agent in agents {
            let ids = Ids { user_agent: agent.as_bytes().into(), ..Ids::default() };

            let known = Known::pack(&ids, &[binding(b"sip:1", "192.0.2.1:9", None)]);

            assert_eq!(known.ids(), Ids { source: None, ..ids });
            assert!(
                agents.iter().all(|other| known.has_agent(other.as_bytes()) == (*other == agent))
            );
        }
    }

    #[test]
    fn the_source_is_kept_beside_the_first_place_only_where_it_is_another() {
        let bindings = [binding(b"sip:1", "192.0.2.1:9", None)];
        for source in [None, Some("192.0.2.1:9"), Some("192.0.2.1:10")] {
            let source = source.map(|source| source.parse().unwrap());
            let ids = Ids { source, ..Ids::default() };

            assert_eq!(Known::pack(&ids, &bindings).source(), source);
            assert_eq!(Known::pack(&ids, &[]).source(), source);
        }
    }
}
