//! The shapes of the registrar: what a REGISTER asks, what is kept of it, what is given out.

use std::borrow::Cow;
use std::num::{NonZeroU32, NonZeroU64};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher13;

use super::texts::Texts;
use crate::clock::Now;
use crate::sip::{Contact, Uri, uri_eq};

/// Bounds of the registrar.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Shorter times are refused with 423.
    pub min_expires_secs: u32,
    /// Longer times are cut to this.
    pub max_expires_secs: u32,
    /// What a request without a time gets.
    pub default_expires_secs: u32,
    /// Bindings of one number.
    pub bindings_per_number: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            min_expires_secs: 1,
            max_expires_secs: 7200,
            default_expires_secs: 3600,
            bindings_per_number: 10,
        }
    }
}

/// One Contact of a REGISTER.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The URI as received.
    pub contact: &'a str,
    /// Its own `expires`.
    pub expires_secs: Option<u32>,
    /// `+sip.instance` (RFC 5626 4.1), without quotes.
    pub instance: Option<Cow<'a, str>>,
    /// `reg-id` (RFC 5626 4.2).
    pub reg_id: Option<u32>,
    /// `q` in thousandths.
    pub q: u16,
}

impl<'a> Asked<'a> {
    /// What a Contact value asks; `None` for `*`, for a URI that is no UTF-8 and for an instance that becomes
    /// longer than any message in UTF-8.
    pub fn read(contact: &Contact<'a>) -> Option<Self> {
        let uri = contact.addr()?.uri;
        let lossy = |bytes: Cow<'a, [u8]>| match bytes {
            Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
            Cow::Owned(bytes) => Cow::Owned(String::from_utf8_lossy(&bytes).into_owned()),
        };
        let instance = contact.instance().map(lossy);
        if instance.as_ref().is_some_and(|instance| instance.len() > Texts::LONGEST) {
            return None;
        }
        Some(Self {
            contact: std::str::from_utf8(uri.raw).ok()?,
            expires_secs: contact.expires(),
            instance,
            reg_id: contact.reg_id(),
            q: contact.q(),
        })
    }

    /// The key of RFC 5626 6, where the device uses it.
    pub(super) fn flow(&self) -> Option<(&str, u32)> {
        self.instance.as_deref().zip(self.reg_id)
    }
}

/// Which Call-ID a request has: its hash, for one is kept of each binding. It is the same after a restart,
/// so it has no key; whoever looks for two Call-IDs of one hash mistakes requests of his own number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallId(u64);

impl CallId {
    /// Of this text (RFC 3261 20.8).
    pub fn of(text: &[u8]) -> Self {
        Self(SipHasher13::new().hash(text))
    }
}

/// One REGISTER.
#[derive(Clone, Debug)]
pub struct Registering<'a> {
    /// The number.
    pub aor: &'a str,
    /// Its Contacts without `*`.
    pub contacts: &'a [Asked<'a>],
    /// Whether there is a Contact `*`.
    pub star: bool,
    /// Call-ID.
    pub call_id: CallId,
    /// The number of the CSeq.
    pub cseq: u32,
    /// What leads to the device, in the words of whoever asks for its targets.
    pub path: Option<&'a str>,
    /// The Expires header.
    pub expires_secs: Option<u32>,
    /// When it came.
    pub now: Now,
}

impl Registering<'_> {
    /// Whether it only asks what is bound.
    pub fn is_query(&self) -> bool {
        self.contacts.is_empty() && !self.star
    }
}

/// A binding as a 200 lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// The URI as it was received.
    pub contact: String,
    /// What is left, rounded up.
    pub expires_secs: u32,
    /// `+sip.instance`, without quotes.
    pub instance: Option<String>,
    /// `reg-id`.
    pub reg_id: Option<u32>,
    /// `q` in thousandths.
    pub q: u16,
}

/// Where a request for a number can go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The Request-URI.
    pub contact: String,
    /// What leads there, as it was told.
    pub path: Option<String>,
    /// `q` in thousandths.
    pub q: u16,
    /// `+sip.instance`: several targets with one instance are flows to one device.
    pub instance: Option<String>,
    /// `reg-id`.
    pub reg_id: Option<u32>,
}

/// Which bindings of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Those of this Contact URI, by URI comparison.
    Contact(&'a str),
    /// Those of this `+sip.instance`.
    Instance(&'a str),
}

/// A REGISTER that is refused; nothing of it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Status code.
    pub status: u16,
    /// Reason phrase.
    pub phrase: &'static str,
    /// A header that goes with it.
    pub header: Option<(&'static str, String)>,
}

impl Failure {
    pub(super) fn new(status: u16, phrase: &'static str) -> Self {
        Self { status, phrase, header: None }
    }
}

/// A binding on its way to or from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Saved {
    /// Tells it from the number's other bindings.
    pub key: String,
    /// Wall time of its end, in milliseconds.
    pub until_ms: i64,
    /// The rest, in JSON.
    pub details: String,
}

/// What of a binding outlives a restart.
#[derive(Serialize, Deserialize)]
struct Kept<'a> {
    contact: Cow<'a, str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    instance: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reg_id: Option<u32>,
    q: u16,
    /// Rows of the first builds have the whole text, under another name.
    #[serde(default)]
    call: CallId,
    cseq: u32,
    granted_secs: u32,
}

/// A copy of a request can arrive for so long after the first: 64·T1 (RFC 3261 17.1.2.2).
pub(super) const COPIES_MS: u64 = 32_000;

/// A binding, or for the time that copies can arrive, what is known of one that was removed. There is one
/// for each device: it is kept small.
#[derive(Clone, Debug)]
pub(super) struct Binding {
    pub(super) texts: Texts,
    pub(super) call_id: CallId,
    pub(super) reg_id: Option<u32>,
    pub(super) cseq: u32,
    pub(super) granted_secs: u32,
    pub(super) q: u16,
    /// When it ends; `None`: removed.
    pub(super) until_ms: Option<NonZeroU64>,
    pub(super) updated_ms: u64,
    /// The end that the store knows of, in whole seconds, if what it knows is true but for that.
    pub(super) saved_until_secs: Option<NonZeroU32>,
}

/// An end, which is never at 0.
pub(super) fn end_at(ms: u64) -> Option<NonZeroU64> {
    NonZeroU64::new(ms.max(1))
}

/// The same as the store's, which is known to the second: never later.
fn saved_end(ms: u64) -> NonZeroU32 {
    let secs = u32::try_from(ms / 1000).unwrap_or(u32::MAX);
    NonZeroU32::new(secs).unwrap_or(NonZeroU32::MIN)
}

impl Binding {
    pub(super) fn is_gone(&self) -> bool {
        self.until_ms.is_none()
    }

    pub(super) fn is_live(&self, now: Now) -> bool {
        self.until_ms.is_some_and(|until| until.get() > now.mono_ms)
    }

    pub(super) fn is_fresh(&self, now: Now) -> bool {
        now.mono_ms.saturating_sub(self.updated_ms) < COPIES_MS
    }

    pub(super) fn is_remembered(&self, now: Now) -> bool {
        self.is_live(now) || (self.is_gone() && self.is_fresh(now))
    }

    pub(super) fn uri_is(&self, other: &str) -> bool {
        let parsed = (Uri::parse(self.texts.contact().as_bytes()), Uri::parse(other.as_bytes()));
        match parsed {
            (Some(mine), Some(other)) => uri_eq(&mine, &other),
            _ => self.texts.contact() == other,
        }
    }

    pub(super) fn is(&self, which: &Which<'_>) -> bool {
        match which {
            Which::Contact(contact) => self.uri_is(contact),
            Which::Instance(instance) => self.texts.instance() == Some(*instance),
        }
    }

    pub(super) fn flow(&self) -> Option<(&str, u32)> {
        self.texts.instance().zip(self.reg_id)
    }

    pub(super) fn bound(&self, now: Now) -> Bound {
        let left_ms = self.until_ms.map_or(0, NonZeroU64::get).saturating_sub(now.mono_ms);
        Bound {
            contact: self.texts.contact().to_owned(),
            expires_secs: u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX),
            instance: self.texts.instance().map(str::to_owned),
            reg_id: self.reg_id,
            q: self.q,
        }
    }

    pub(super) fn target(&self) -> Target {
        Target {
            contact: self.texts.contact().to_owned(),
            path: self.texts.path().map(str::to_owned),
            q: self.q,
            instance: self.texts.instance().map(str::to_owned),
            reg_id: self.reg_id,
        }
    }

    fn tenth_ms(&self) -> u64 {
        u64::from(self.granted_secs) * 100
    }

    /// Whether what the store knows is wrong, or ends more than a tenth of the granted time early.
    pub(super) fn needs_saving(&self) -> bool {
        match (self.until_ms, self.saved_until_secs) {
            (Some(until), Some(saved)) => {
                let later = (until.get() / 1000).saturating_sub(saved.get().into());
                later * 1000 > self.tenth_ms()
            }
            (None, None) => false,
            _ => true,
        }
    }

    /// What to save, taken as saved; `None` for what is removed.
    pub(super) fn save(&mut self, now: Now) -> Option<Saved> {
        self.saved_until_secs = self.until_ms.map(|until| saved_end(until.get()));
        let until_ms = now.wall_at(self.until_ms?.get());
        let contact = self.texts.contact();
        let key = match (self.texts.instance(), self.reg_id) {
            (None, _) => contact.to_owned(),
            (Some(instance), None) => format!("{contact} {instance}"),
            (Some(instance), Some(id)) => format!("{contact} {instance} {id}"),
        };
        let kept = Kept {
            contact: contact.into(),
            path: self.texts.path().map(Cow::from),
            instance: self.texts.instance().map(Cow::from),
            reg_id: self.reg_id,
            q: self.q,
            call: self.call_id,
            cseq: self.cseq,
            granted_secs: self.granted_secs,
        };
        Some(Saved { key, until_ms, details: serde_json::to_string(&kept).ok()? })
    }

    /// `None` for what ended meanwhile or can't be read.
    pub(super) fn restore(saved: &Saved, now: Now) -> Option<Self> {
        let kept: Kept<'_> = serde_json::from_str(&saved.details).ok()?;
        let (path, instance) = (kept.path.as_deref(), kept.instance.as_deref());
        let mut binding = Self {
            texts: Texts::new(&kept.contact, path, instance),
            call_id: kept.call,
            reg_id: kept.reg_id,
            cseq: kept.cseq,
            granted_secs: kept.granted_secs,
            q: kept.q,
            until_ms: None,
            // The last request may have come just before the stop; its copies are still on the way.
            updated_ms: now.mono_ms,
            saved_until_secs: Some(saved_end(now.mono_at(saved.until_ms))),
        };
        let left_ms = saved.until_ms.saturating_sub(now.wall_ms);
        let longer = left_ms.saturating_add_unsigned(binding.tenth_ms());
        let left_ms = u64::try_from(longer).ok().filter(|left| *left > 0)?;
        binding.until_ms = end_at(now.mono_ms.saturating_add(left_ms));
        Some(binding)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binding_is_small() {
        assert_eq!(size_of::<Binding>(), 72);
    }
}
