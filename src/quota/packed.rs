//! Ids and places as bytes, one item after the other: its sort, its length where that may differ, its
//! value.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use smallvec::SmallVec;

use super::device::Reach;
use super::numbered::Numbered;
use super::parts::plain;
use super::urn::Letters;

/// What an item is. Of one sort the oldest comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Sort {
    Instance,
    Push,
    Contact,
    /// Where the device was last heard from; absent where its first binding leads there, empty for none.
    Source,
    /// Where one binding leads.
    Place,
    /// The Contact of the binding before it; absent where that is the device's last.
    BoundContact,
    /// An instance of 16 bytes, by the case of its letters.
    LowerUrn,
    UpperUrn,
    /// A place whose end on our side has no number.
    FarPlace,
    /// What of the User-Agent is the device's own, behind the byte that tells where it stands.
    Unit,
    /// A contact as most are: what of it is its own, behind the number of its tail.
    PlainContact,
}

const SORTS: [Sort; 11] = [
    Sort::Instance,
    Sort::Push,
    Sort::Contact,
    Sort::Source,
    Sort::Place,
    Sort::BoundContact,
    Sort::LowerUrn,
    Sort::UpperUrn,
    Sort::FarPlace,
    Sort::Unit,
    Sort::PlainContact,
];

/// Bytes of an instance that is kept as such.
const URN: usize = 16;
/// Bytes of an IPv6 address with port; an IPv4 address with all that may follow it takes fewer.
const V6: usize = 26;
/// Lengths from this one on take four bytes more.
const LONG: u8 = 255;

/// Our ends of flows: they are ours, so there are few.
static ENDS: Numbered<End, 1_024> = Numbered::new();

/// The end of a flow on our side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct End {
    transport: u8,
    socket: u32,
    local: SocketAddr,
}

impl From<&End> for End {
    fn from(end: &End) -> Self {
        *end
    }
}

/// Where items are written: mostly on the stack.
pub(super) type Packing = SmallVec<[u8; 128]>;

/// Items in order.
pub(super) struct Items<'a>(pub &'a [u8]);

impl<'a> Iterator for Items<'a> {
    type Item = (Sort, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (sort, rest) = self.0.split_first()?;
        let sort = *SORTS.get(usize::from(*sort))?;
        let (len, rest) = match sort {
            Sort::LowerUrn | Sort::UpperUrn => (URN, rest),
            _ => match rest.split_first()? {
                (&LONG, rest) => {
                    let (len, rest) = rest.split_first_chunk::<4>()?;
                    (u32::from_le_bytes(*len) as usize, rest)
                }
                (short, rest) => (usize::from(*short), rest),
            },
        };
        let (value, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((sort, value))
    }
}

/// Adds an instance of 16 bytes.
pub(super) fn put_urn(packed: &mut Packing, letters: Letters, uuid: &[u8; URN]) {
    let sort = match letters {
        Letters::Lower => Sort::LowerUrn,
        Letters::Upper => Sort::UpperUrn,
    };
    packed.push(sort as u8);
    packed.extend_from_slice(uuid);
}

/// Adds an item of another sort.
pub(super) fn put(packed: &mut Packing, sort: Sort, value: &[u8]) {
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

/// Adds a contact.
pub(super) fn put_contact(packed: &mut Packing, contact: &[u8]) {
    match plain(contact) {
        Some((tail, own)) => put_headed(packed, Sort::PlainContact, tail, own),
        None => put(packed, Sort::Contact, contact),
    }
}

/// Adds an item whose value is one byte and what stands behind it.
pub(super) fn put_headed(packed: &mut Packing, sort: Sort, head: u8, rest: &[u8]) {
    let mut value = Packing::from_slice(&[head]);
    value.extend_from_slice(rest);
    put(packed, sort, &value);
}

/// Adds where the device was last heard from.
pub(super) fn put_source(packed: &mut Packing, source: Option<SocketAddr>) {
    let mut bytes = Packing::new();
    source.into_iter().for_each(|source| put_address(&mut bytes, source));
    put(packed, Sort::Source, &bytes);
}

/// Adds where a binding leads, and its reg-id.
pub(super) fn put_place(packed: &mut Packing, reach: &Reach, reg_id: Option<u32>) {
    let Reach { transport, remote, local, socket, connection } = *reach;
    let mut bytes = Packing::new();
    let sort = match ENDS.number(&End { transport, socket, local }) {
        Some(number) => {
            bytes.extend(number.to_le_bytes());
            Sort::Place
        }
        None => {
            bytes.push(transport);
            bytes.extend(socket.to_le_bytes());
            put_address(&mut bytes, local);
            Sort::FarPlace
        }
    };
    put_bare(&mut bytes, remote);
    // Which address it is, and what follows, is told by the length of all.
    if connection != 0 {
        bytes.extend(connection.to_le_bytes());
    }
    bytes.extend(reg_id.into_iter().flat_map(u32::to_le_bytes));
    put(packed, sort, &bytes);
}

/// The place of an item; `None` where it is no place.
pub(super) fn place_of(sort: Sort, mut value: &[u8]) -> Option<(Reach, Option<u32>)> {
    let end = match sort {
        Sort::Place => *ENDS.get(u16::from_le_bytes(take(&mut value)?))?,
        Sort::FarPlace => {
            let [transport] = take(&mut value)?;
            let socket = u32::from_le_bytes(take(&mut value)?);
            End { transport, socket, local: take_address(&mut value)? }
        }
        _ => return None,
    };
    let End { transport, socket, local } = end;
    let version = if value.len() < V6 { 4 } else { 6 };
    let remote = take_bare(&mut value, version)?;
    let connection =
        if value.len() >= 8 { take(&mut value).map_or(0, u64::from_le_bytes) } else { 0 };
    let reg_id = take(&mut value).map(u32::from_le_bytes);
    Some((Reach { transport, remote, local, socket, connection }, reg_id))
}

fn put_address(bytes: &mut Packing, address: SocketAddr) {
    bytes.push(if address.is_ipv4() { 4 } else { 6 });
    put_bare(bytes, address);
}

fn put_bare(bytes: &mut Packing, address: SocketAddr) {
    match address {
        SocketAddr::V4(address) => bytes.extend(address.ip().octets()),
        SocketAddr::V6(address) => {
            bytes.extend(address.ip().octets());
            bytes.extend(address.flowinfo().to_le_bytes());
            bytes.extend(address.scope_id().to_le_bytes());
        }
    }
    bytes.extend(address.port().to_le_bytes());
}

/// Takes an address off the front.
pub(super) fn take_address(bytes: &mut &[u8]) -> Option<SocketAddr> {
    let [version] = take(bytes)?;
    take_bare(bytes, version)
}

fn take_bare(bytes: &mut &[u8], version: u8) -> Option<SocketAddr> {
    if version == 4 {
        let ip: [u8; 4] = take(bytes)?;
        return Some((IpAddr::from(ip), u16::from_le_bytes(take(bytes)?)).into());
    }
    let ip: [u8; 16] = take(bytes)?;
    let flow = u32::from_le_bytes(take(bytes)?);
    let scope = u32::from_le_bytes(take(bytes)?);
    let port = u16::from_le_bytes(take(bytes)?);
    Some(SocketAddrV6::new(ip.into(), port, flow, scope).into())
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*taken)
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn a_place_comes_back_whether_our_end_has_a_number_or_not() {
        let remotes = ["192.0.2.1:9", "[2001:db8::1%3]:5060"].map(|text| text.parse().unwrap());
        for socket in 0..1_100u32 {
            let remote: SocketAddr = remotes[socket as usize / 6 % 2];
            let local = "[fe80::1%7]:5060".parse().unwrap();
            let connection = u64::from(socket % 2) * u64::MAX;
            let reach = Reach { transport: 9, remote, local, socket, connection };
            let reg_id = (socket % 3 == 0).then_some(socket);
            let mut packed = Packing::new();

            put_place(&mut packed, &reach, reg_id);

            let (sort, value) = Items(&packed).next().unwrap();
            assert_eq!(place_of(sort, value), Some((reach, reg_id)));
        }
    }
}
