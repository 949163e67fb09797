//! What a seat keeps of its device: the ids and the places where it is bound, in one allocation. It is
//! read in place at every packet, and written anew only when something of it changes.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::agents;
use super::device::{Binding, Ids, Reach};

/// Ids and places of a device.
#[derive(Clone)]
pub struct Known {
    /// One item after the other: its sort, its length, its bytes. Of one sort the oldest comes first.
    packed: Box<[u8]>,
    /// Most devices share theirs with many.
    agent: Arc<[u8]>,
}

/// What an item of [`Known`] is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Instance = 0,
    Push = 1,
    Contact = 2,
    Source = 3,
    /// Where one binding leads.
    Place = 4,
    /// The Contact of the binding before it; absent where that is the device's last.
    BoundContact = 5,
}

/// Lengths from this one on take four bytes more.
const LONG: u8 = 255;

/// The values by which a device may be recognised, oldest first.
pub trait Names {
    fn instances(&self) -> impl Iterator<Item = &[u8]>;
    fn pushes(&self) -> impl Iterator<Item = &[u8]>;
    fn contacts(&self) -> impl Iterator<Item = &[u8]>;
}

impl Names for Ids {
    fn instances(&self) -> impl Iterator<Item = &[u8]> {
        self.instances.iter().map(|id| &**id)
    }

    fn pushes(&self) -> impl Iterator<Item = &[u8]> {
        self.pushes.iter().map(|id| &**id)
    }

    fn contacts(&self) -> impl Iterator<Item = &[u8]> {
        self.contacts.iter().map(|id| &**id)
    }
}

impl Names for Known {
    fn instances(&self) -> impl Iterator<Item = &[u8]> {
        self.of(Sort::Instance)
    }

    fn pushes(&self) -> impl Iterator<Item = &[u8]> {
        self.of(Sort::Push)
    }

    fn contacts(&self) -> impl Iterator<Item = &[u8]> {
        self.of(Sort::Contact)
    }
}

impl Known {
    /// Packs ids, and the place of each binding in order.
    pub(super) fn pack(ids: &Ids, bindings: &[Binding]) -> Self {
        let mut packed = Vec::new();
        let sorts = [
            (Sort::Instance, &ids.instances),
            (Sort::Push, &ids.pushes),
            (Sort::Contact, &ids.contacts),
        ];
        for (sort, values) in sorts {
            values.iter().for_each(|value| put(&mut packed, sort, value));
        }
        if let Some(source) = ids.source {
            let mut bytes = Vec::new();
            put_address(&mut bytes, source);
            put(&mut packed, Sort::Source, &bytes);
        }
        for binding in bindings {
            put(&mut packed, Sort::Place, &place_of(&binding.reach));
            if ids.contacts.last() != Some(&binding.contact) {
                put(&mut packed, Sort::BoundContact, &binding.contact);
            }
        }
        Self { packed: packed.into(), agent: agents::shared(&ids.user_agent) }
    }

    /// The ids as a request shows them.
    pub fn ids(&self) -> Ids {
        Ids {
            instances: self.instances().map(Box::from).collect(),
            pushes: self.pushes().map(Box::from).collect(),
            contacts: self.contacts().map(Box::from).collect(),
            user_agent: self.user_agent().into(),
            source: self.source(),
        }
    }

    /// The User-Agent; empty where it showed none.
    pub fn user_agent(&self) -> &[u8] {
        &self.agent
    }

    /// Where it was last heard from.
    pub fn source(&self) -> Option<SocketAddr> {
        self.of(Sort::Source).next().and_then(|mut bytes| take_address(&mut bytes))
    }

    /// Whether taking over what `newer` shows would change nothing.
    pub(super) fn has_all(&self, newer: &Ids) -> bool {
        let last = |sort, values: &[Box<[u8]>]| match values {
            [] => true,
            [value] => self.of(sort).last() == Some(&**value),
            // Rare: who merges them finds out.
            _ => false,
        };
        last(Sort::Instance, &newer.instances)
            && last(Sort::Push, &newer.pushes)
            && last(Sort::Contact, &newer.contacts)
            && (newer.user_agent.is_empty() || *newer.user_agent == *self.agent)
            && (newer.source.is_none() || newer.source == self.source())
    }

    /// The place and the Contact of each binding, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = (Reach, &[u8])> {
        let own = self.contacts().last().unwrap_or_default();
        let mut items = Items(&self.packed).peekable();
        std::iter::from_fn(move || {
            let (_, place) = items.find(|(sort, _)| *sort == Sort::Place as u8)?;
            let other = items.next_if(|(sort, _)| *sort == Sort::BoundContact as u8);
            Some((reach_of(place)?, other.map_or(own, |(_, contact)| contact)))
        })
    }

    fn of(&self, sort: Sort) -> impl Iterator<Item = &[u8]> {
        Items(&self.packed).filter(move |item| item.0 == sort as u8).map(|(_, value)| value)
    }
}

impl Default for Known {
    fn default() -> Self {
        Self::pack(&Ids::default(), &[])
    }
}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.packed == other.packed && self.agent == other.agent
    }
}

impl Eq for Known {}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.ids().fmt(f)
    }
}

struct Items<'a>(&'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (head, rest) = self.0.split_first_chunk::<2>()?;
        let [sort, short] = *head;
        let (len, rest) = match short {
            LONG => {
                let (len, rest) = rest.split_first_chunk::<4>()?;
                (u32::from_le_bytes(*len) as usize, rest)
            }
            short => (usize::from(short), rest),
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((sort, value))
    }
}

fn put(packed: &mut Vec<u8>, sort: Sort, value: &[u8]) {
    packed.push(sort as u8);
    match u8::try_from(value.len()) {
        Ok(short) if short < LONG => packed.push(short),
        _ => {
            packed.push(LONG);
            // Messages are far shorter than this can tell.
            packed.extend(u32::try_from(value.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
    }
    packed.extend_from_slice(value);
}

fn put_address(bytes: &mut Vec<u8>, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => {
            bytes.push(4);
            bytes.extend(address.ip().octets());
        }
        SocketAddr::V6(address) => {
            bytes.push(6);
            bytes.extend(address.ip().octets());
            bytes.extend(address.flowinfo().to_le_bytes());
            bytes.extend(address.scope_id().to_le_bytes());
        }
    }
    bytes.extend(address.port().to_le_bytes());
}

fn take_address(bytes: &mut &[u8]) -> Option<SocketAddr> {
    let [version] = take(bytes)?;
    if version == 4 {
        let ip: [u8; 4] = take(bytes)?;
        return Some((IpAddr::from(ip), u16::from_le_bytes(take(bytes)?)).into());
    }
    let ip: [u8; 16] = take(bytes)?;
    let flow = u32::from_le_bytes(take(bytes)?);
    let scope = u32::from_le_bytes(take(bytes)?);
    let port = u16::from_le_bytes(take(bytes)?);
    Some(std::net::SocketAddrV6::new(ip.into(), port, flow, scope).into())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

fn place_of(reach: &Reach) -> Vec<u8> {
    let mut bytes = vec![reach.transport];
    bytes.extend(reach.socket.to_le_bytes());
    put_address(&mut bytes, reach.remote);
    put_address(&mut bytes, reach.local);
    if reach.connection != 0 {
        bytes.extend(reach.connection.to_le_bytes());
    }
    bytes
}

fn reach_of(mut place: &[u8]) -> Option<Reach> {
    let [transport] = take(&mut place)?;
    let socket = u32::from_le_bytes(take(&mut place)?);
    let remote = take_address(&mut place)?;
    let local = take_address(&mut place)?;
    let connection = take(&mut place).map_or(0, u64::from_le_bytes);
    Some(Reach { transport, remote, local, socket, connection })
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    fn binding(contact: &[u8], remote: &str, connection: u64) -> Binding {
        let remote = remote.parse().unwrap();
        let local = "[fe80::1%7]:5060".parse().unwrap();
        Binding {
            reg_id: None,
            contact: contact.into(),
            reach: Reach { transport: 2, remote, local, socket: 70_000, connection },
            until_mono_ms: 0,
            upstream_until_mono_ms: 0,
            granted_ms: 0,
        }
    }

    #[test]
    fn all_of_it_comes_back() {
        let long = vec![b'x'; 300];
        let ids = Ids {
            instances: vec![b"a".as_slice().into(), b"".as_slice().into()],
            pushes: vec![vec![7; 255].into(), vec![8; 254].into()],
            contacts: vec![b"sip:1@192.0.2.1".as_slice().into(), long.clone().into()],
            user_agent: b"agent".as_slice().into(),
            source: Some("192.0.2.7:1024".parse().unwrap()),
        };
        let bindings = [
            binding(b"sip:other", "192.0.2.1:9", 0),
            binding(&long, "[2001:db8::1]:5060", u64::MAX),
            binding(b"", "127.0.0.1:0", 1),
        ];

        let known = Known::pack(&ids, &bindings);

        assert_eq!(known.ids(), ids);
        let expected: Vec<_> = bindings.iter().map(|one| (one.reach, &*one.contact)).collect();
        assert_eq!(known.places().collect::<Vec<_>>(), expected);
        assert!(known.has_all(&Ids { user_agent: ids.user_agent.clone(), ..Ids::default() }));
        let older = Ids { contacts: ids.contacts[..1].to_vec(), ..Ids::default() };
        assert!(!known.has_all(&older));
    }

    #[test]
    fn one_user_agent_is_kept_once() {
        let ids = |agent: &[u8]| Ids { user_agent: agent.into(), ..Ids::default() };

        let [one, other] = [Known::pack(&ids(b"same"), &[]), Known::pack(&ids(b"same"), &[])];

        assert!(Arc::ptr_eq(&one.agent, &other.agent));
    }
}
