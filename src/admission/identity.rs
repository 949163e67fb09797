//! Whose request it is and by which device: the number, the device's ids, and how well a seat's
//! device matches what a request shows. Knows no limits.

use std::borrow::Cow;
use std::cell::Cell;
use std::net::SocketAddr;

use super::Settings;
use crate::license::NumberKind;
use crate::quota::{Device, Ids, Names, Parts};
use crate::sip::{Contact, Message, Name, Rules, Uri, normalize, uri_eq};

/// A number as a request names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address<'a> {
    /// `sip:user@domain`, normalized; as it stands in the request, where that is spelled so.
    pub aor: Cow<'a, str>,
    /// Whether its domain is one of ours.
    pub ours: bool,
}

/// The address-of-record that a URI names, under the alias table; `None` for what names no number.
pub fn address_of<'a>(uri: &Uri<'a>, settings: &Settings) -> Option<Address<'a>> {
    uri.user?;
    let ours = Cell::new(false);
    let alias = |host: &str| {
        let domain = settings.domain_of(host)?;
        ours.set(domain == host || settings.domain_of(domain) == Some(domain));
        Some(domain)
    };
    let rules = Rules { alias: &alias, fold_user_case: settings.fold_user_case };
    let aor = normalize(uri, &rules)?;
    Some(Address { aor, ours: ours.get() })
}

/// Every id that one Contact of a request shows. `None` for `*`.
pub fn ids_of(contact: &Contact<'_>, message: &Message<'_>, source: SocketAddr) -> Option<Ids> {
    let addr = contact.addr()?;
    let instances = contact.instance().map(|id| Box::from(id.as_ref())).into_iter().collect();
    let pushes = contact
        .push()
        .map(|push| [push.provider, push.param, push.prid].join(&b'|').into_boxed_slice())
        .into_iter()
        .collect();
    Some(Ids {
        instances,
        pushes,
        contacts: vec![addr.uri.raw.into()],
        user_agent: agent_of(message).into(),
        source: Some(source),
    })
}

/// The User-Agent of a message.
pub fn agent_of<'a>(message: &Message<'a>) -> &'a [u8] {
    message.text(Name::UserAgent).unwrap_or_default()
}

/// How well a seat's device matches `shown`: 0 instance, 1 push id, 2 the same Contact, 3 the same
/// sort of phone at the same place; `None`: another device. `is_dead` tells flows that are gone.
pub fn match_device(device: &Device, shown: &Ids, is_dead: &dyn Fn(&Device) -> bool) -> Option<u8> {
    let known = &device.ids;
    if shown.instances.iter().any(|id| known.has_instance(id)) {
        return Some(0);
    }
    if shown.pushes.iter().any(|id| known.pushes().any(|one| *one == **id)) {
        return Some(1);
    }
    let other_instance = !shown.instances.is_empty() && known.instances().next().is_some();
    if !other_instance && same_contact(known, shown) {
        return Some(2);
    }
    let same_phone = is_plain(known)
        && is_plain(shown)
        && known.has_agent(&shown.user_agent)
        && same_contact_user(known, shown)
        && (known.source() == shown.source || is_dead(device));
    same_phone.then_some(3)
}

/// RFC 3261 19.1.4.
fn same_contact(known: &impl Names, shown: &Ids) -> bool {
    known.contacts().any(|one| shown.contacts.iter().any(|other| is_same_contact(one, other)))
}

/// Shows nothing that only this very device has.
fn is_plain(ids: &impl Names) -> bool {
    ids.instances().next().is_none() && ids.pushes().next().is_none()
}

/// Whether two URIs, as bytes, are equal (RFC 3261 19.1.4).
pub fn same_uri(one: &[u8], other: &[u8]) -> bool {
    one == other
        || match (Uri::parse(one), Uri::parse(other)) {
            (Some(one), Some(other)) => uri_eq(&one, &other),
            _ => false,
        }
}

/// Whether a device's contact is this URI, as [`same_uri`] tells.
pub fn is_same_contact(known: Parts<'_>, uri: &[u8]) -> bool {
    known.is(uri) || same_uri(&known.text(), uri)
}

fn same_contact_user(one: &impl Names, other: &impl Names) -> bool {
    let [one, other] = [one.contacts().last(), other.contacts().last()];
    let [one, other] = [one, other].map(|contact| contact.map(|contact| contact.text()));
    let [one, other] = [&one, &other].map(|contact| Uri::parse(contact.as_ref()?)?.user);
    one == other
}

/// Whether this device is a mobile app and so takes an app seat.
pub fn is_app(kind: NumberKind, ids: &Ids, settings: &Settings) -> bool {
    is_app_showing(kind, !ids.pushes.is_empty(), || &ids.user_agent, settings)
}

/// The same, told by whether it sends push parameters and by its User-Agent.
pub(super) fn is_app_showing<'a>(
    kind: NumberKind,
    push: bool,
    agent: impl Fn() -> &'a [u8],
    settings: &Settings,
) -> bool {
    match kind {
        NumberKind::App => true,
        NumberKind::Panel | NumberKind::Monitor | NumberKind::Concierge | NumberKind::Dialer => {
            false
        }
        NumberKind::Phone => {
            push || settings.app_agents.iter().any(|pattern| pattern.matches(agent()))
        }
    }
}

/// A short name for a device that our tokens carry: the hash of its strongest id. A device answers
/// to the hash of any id it was seen with; 0 names none.
pub fn device_name(ids: &impl Names) -> u32 {
    if let Some(instance) = ids.instances().last() {
        return hash_of(&instance);
    }
    if let Some(push) = ids.pushes().last() {
        return hash_of(push);
    }
    ids.contacts().last().map_or(0, |contact| hash_of(&contact.text()))
}

/// Whether a device goes by this name.
pub fn is_named(device: &Device, name: u32) -> bool {
    has_name(&device.ids, name)
}

/// The name of a Contact URI.
pub fn contact_name(uri: &[u8]) -> u32 {
    hash_of(uri)
}

/// Whether `name` is that of any of these ids.
pub fn has_name(ids: &impl Names, name: u32) -> bool {
    name != 0
        && (ids.instances().any(|id| hash_of(&id) == name)
            || ids.pushes().any(|id| hash_of(id) == name)
            || ids.contacts().any(|id| hash_of(&id.text()) == name))
}

/// Under the token's own MAC, so it need not be keyed; it must be the same after a restart.
fn hash_of(id: &[u8]) -> u32 {
    let hash = siphasher::sip::SipHasher13::new().hash(id);
    ((hash >> 32) as u32 ^ hash as u32).max(1)
}

/// The name under which people see a device.
pub fn display_name(ids: &impl Names) -> String {
    let text = |id: &[u8]| String::from_utf8_lossy(id).into_owned();
    if let Some(instance) = ids.instances().last() {
        return text(&instance);
    }
    if let Some(contact) = ids.contacts().last() {
        return text(&contact.text());
    }
    ids.pushes().last().map_or_else(String::new, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(contact: &str) -> Ids {
        Ids {
            contacts: vec![contact.as_bytes().into()],
            user_agent: b"Panel/1".as_slice().into(),
            source: Some("192.0.2.1:5060".parse().unwrap()),
            ..Ids::default()
        }
    }

    fn with_instance(contact: &str, instance: &str) -> Ids {
        Ids { instances: vec![instance.as_bytes().into()], ..ids(contact) }
    }

    fn device(ids: Ids) -> Device {
        Device {
            no: 1,
            ids: crate::quota::Known::default(),
            app: false,
            push: false,
            needs: crate::license::FeatureSet::NONE,
            spans: crate::quota::Spans::default(),
            since_ms: crate::quota::Millis::default(),
            heard_mono_ms: crate::quota::Millis::default(),
            order: crate::quota::Millis::default(),
            dormant: false,
            over: false,
            stored_until_secs: 0,
        }
        .with(&ids, &[])
    }

    fn rank(known: Ids, shown: &Ids) -> Option<u8> {
        match_device(&device(known), shown, &|_| false)
    }

    #[test]
    fn the_instance_wins_over_everything_else() {
        let moved = with_instance("sip:101@198.51.100.9:1024", "<urn:uuid:1>");

        assert_eq!(rank(with_instance("sip:101@192.0.2.1", "<urn:uuid:1>"), &moved), Some(0));
    }

    #[test]
    fn another_instance_at_the_same_contact_is_another_device() {
        let shown = with_instance("sip:101@192.0.2.1", "<urn:uuid:2>");

        assert_eq!(rank(with_instance("sip:101@192.0.2.1", "<urn:uuid:1>"), &shown), None);
    }

    #[test]
    fn a_rotated_token_keeps_the_seat_by_its_contact() {
        let mut known = ids("sip:101@192.0.2.1");
        known.pushes = vec![b"fcm|p|old".as_slice().into()];
        let mut shown = ids("sip:101@192.0.2.1:5060;transport=udp");
        shown.contacts = vec![b"sip:101@192.0.2.1".as_slice().into()];
        shown.pushes = vec![b"fcm|p|new".as_slice().into()];

        assert_eq!(rank(known, &shown), Some(2));
    }

    #[test]
    fn two_equal_phones_are_two_and_a_moved_one_is_one() {
        let known = ids("sip:101@192.0.2.1:5060");
        let mut twin = ids("sip:101@192.0.2.1:5062");
        twin.source = Some("192.0.2.1:5062".parse().unwrap());

        assert_eq!(rank(known.clone(), &twin), None);
        assert_eq!(match_device(&device(known), &twin, &|_| true), Some(3));
    }

    #[test]
    fn a_device_answers_to_every_id_it_was_seen_with() {
        let mut known = with_instance("sip:101@192.0.2.1", "<urn:uuid:1>");
        let by_instance = device_name(&known);
        let by_contact = device_name(&ids("sip:101@192.0.2.1"));
        known.contacts.push(b"sip:101@192.0.2.9".as_slice().into());
        let known = device(known);

        assert!(is_named(&known, by_instance) && is_named(&known, by_contact));
        assert!(!is_named(&known, by_contact.wrapping_add(1)) && !is_named(&known, 0));
    }
}
