//! What a seat keeps of its device: the ids and the places where it is bound, in one allocation. It is
//! read in place at every packet, and written anew only when something of it changes.

use std::fmt;
use std::net::SocketAddr;
use std::ops::Deref;

use super::agents::{self, Agent};
use super::device::{Binding, Ids, Reach};
use super::packed::{
    Items, Packing, Sort, place_of, put, put_contact, put_headed, put_place, put_source, put_urn,
    take_address,
};
use super::parts::Parts;
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
    fn contacts(&self) -> impl Iterator<Item = Parts<'_>>;

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
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub reach: Reach,
    pub reg_id: Option<u32>,
    pub contact: Parts<'a>,
}

impl Place<'_> {
    /// Whether this is it.
    pub fn is(&self, reach: Reach, reg_id: Option<u32>, contact: &[u8]) -> bool {
        (self.reach, self.reg_id) == (reach, reg_id) && self.contact.is(contact)
    }
}

impl Names for Ids {
    fn instances(&self) -> impl Iterator<Item = Id<'_>> {
        self.instances.iter().map(|id| Id::Text(id))
    }

    fn pushes(&self) -> impl Iterator<Item = &[u8]> {
        self.pushes.iter().map(|id| &**id)
    }

    fn contacts(&self) -> impl Iterator<Item = Parts<'_>> {
        self.contacts.iter().map(|id| Parts::whole(id))
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

    fn contacts(&self) -> impl Iterator<Item = Parts<'_>> {
        Items(&self.packed).filter_map(|(sort, value)| contact_of(sort, value))
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
        ids.contacts.iter().for_each(|contact| put_contact(&mut packed, contact));
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
            contacts: self.contacts().map(|contact| Box::from(&*contact.text())).collect(),
            user_agent: Box::from(&*self.agent().text()),
            source: self.source(),
        }
    }

    /// Where ids and places stand.
    pub(super) fn whereabouts(&self) -> Whereabouts {
        Whereabouts::of(&*self.packed)
    }

    /// Whether this is the User-Agent; empty where it showed none.
    pub fn has_agent(&self, shown: &[u8]) -> bool {
        self.agent().is(shown)
    }

    fn agent(&self) -> Parts<'_> {
        let unit = self.of(Sort::Unit).next().and_then(<[u8]>::split_first);
        let parts = unit.and_then(|(at, own)| {
            let (before, behind) = self.agent.split_at_checked(usize::from(*at))?;
            Some(Parts::of(before, own, behind))
        });
        parts.unwrap_or(Parts::whole(&self.agent))
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
        let last = |values: &[Box<[u8]>], is: &dyn Fn(&[u8]) -> bool| match values {
            [] => true,
            [value] => is(value),
            // Rare: who merges them finds out.
            _ => false,
        };
        last(&newer.instances, &|id| self.kept_instances().last().is_some_and(|last| last.is(id)))
            && last(&newer.pushes, &|id| self.pushes().last() == Some(id))
            && last(&newer.contacts, &|id| self.contacts().last().is_some_and(|last| last.is(id)))
            && (newer.user_agent.is_empty() || self.has_agent(&newer.user_agent))
            && (newer.source.is_none() || newer.source == self.source())
    }

    /// The place of each binding, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = Place<'_>> {
        let own = self.contacts().last().unwrap_or(Parts::whole(&[]));
        let mut items = Items(&self.packed).peekable();
        std::iter::from_fn(move || {
            let (reach, reg_id) = items.find_map(|(sort, value)| place_of(sort, value))?;
            let other = items.next_if(|(sort, _)| *sort == Sort::BoundContact);
            Some(Place {
                reach,
                reg_id,
                contact: other.map_or(own, |(_, text)| Parts::whole(text)),
            })
        })
    }

    /// Whether its first binding is this one, and the device was last heard from there: in one go, for
    /// this is asked at every renewal.
    pub(super) fn stays_at(&self, reach: Reach, reg_id: Option<u32>, contact: &[u8]) -> bool {
        let (mut last, mut source, mut here) = (None, None, false);
        let mut items = Items(&self.packed);
        for (sort, value) in &mut items {
            match sort {
                Sort::Contact | Sort::PlainContact => last = contact_of(sort, value),
                Sort::Source => source = Some(value),
                Sort::Place | Sort::FarPlace => {
                    here = place_of(sort, value) == Some((reach, reg_id));
                    break;
                }
                _ => {}
            }
        }
        if let Some((Sort::BoundContact, other)) = items.next() {
            last = Some(Parts::whole(other));
        }
        let source = source.map(|mut own| take_address(&mut own));
        here && last.unwrap_or(Parts::whole(&[])).is(contact)
            && source.is_none_or(|own| own == Some(reach.remote))
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

/// The contact of an item; `None` where it is no contact of the device itself.
fn contact_of(sort: Sort, value: &[u8]) -> Option<Parts<'_>> {
    match sort {
        Sort::Contact => Some(Parts::whole(value)),
        Sort::PlainContact => Parts::of_plain(value),
        _ => None,
    }
}

/// Adds what of a User-Agent is the device's own; gives the rest.
fn put_agent(packed: &mut Packing, agent: &[u8]) -> Agent {
    let parts = agents::own(agent).and_then(|own| {
        let at = u8::try_from(own.start).ok()?;
        Some((at, agent.get(..own.start)?, agent.get(own.clone())?, agent.get(own.end..)?))
    });
    let Some((at, before, own, behind)) = parts else { return agents::shared(agent) };
    put_headed(packed, Sort::Unit, at, own);
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
        let kept = known.places().map(|one| (one.reach, one.reg_id, one.contact.text().to_vec()));
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
    fn a_contact_as_most_are_is_kept_without_what_they_share() {
        let contact = b"sip:1000000@192.168.100.200:12345;transport=udp".as_slice();
        let bound = binding(contact, "192.168.100.200:12345", None);
        let of = |contact: &[u8]| Ids {
            contacts: vec![contact.into()],
            source: Some(bound.reach.remote),
            ..Ids::default()
        };
        let ids = of(contact);

        let known = Known::pack(&ids, std::slice::from_ref(&bound));

        let other = binding(
            b"xip:1000000@192.168.100.200:12345;transport=udp",
            "192.168.100.200:12345",
            None,
        );
        let whole = Known::pack(&of(&other.contact), std::slice::from_ref(&other));
        let shared = b"sip:;transport=udp".len();
        assert_eq!(known.packed.len() + shared, whole.packed.len() + 1, "one tells the tail");
        assert_eq!(known.ids(), ids);
        assert!(known.has_all(&ids) && known.stays_at(bound.reach, None, contact));
        for other in [&contact[..contact.len() - 1], &contact[1..], b""] {
            assert!(!known.stays_at(bound.reach, None, other));
            assert!(!known.has_all(&of(other)));
        }
        assert!(!known.stays_at(bound.reach, Some(0), contact));
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
