//! What a seat remembers of the device that holds it. Identity is compared elsewhere: here it is
//! bytes.

use std::net::SocketAddr;
use std::num::NonZeroU32;

use super::few::Few;
use super::known::{Known, Place};
use super::millis::Millis;
use super::parts::Parts;
use super::renew::Renewal;
use crate::clock::Now;
use crate::license::FeatureSet;

/// The most values of one sort of id that a device keeps; the oldest go first.
const IDS_MAX: usize = 4;
/// The most bindings of one device; the one that ends first goes first.
const BINDINGS_MAX: usize = 4;

/// Everything a device was recognised by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// `+sip.instance` values.
    pub instances: Vec<Box<[u8]>>,
    /// Push ids: provider, parameter and resource id in one value.
    pub pushes: Vec<Box<[u8]>>,
    /// Contact URIs.
    pub contacts: Vec<Box<[u8]>>,
    pub user_agent: Box<[u8]>,
    /// Where it was last heard from.
    pub source: Option<SocketAddr>,
}

impl Ids {
    /// Takes over what `newer` shows, keeping what was known. Returns whether any of it is new.
    pub fn merge(&mut self, newer: &Ids) -> bool {
        let mut changed = keep(&mut self.instances, &newer.instances);
        changed |= keep(&mut self.pushes, &newer.pushes);
        changed |= keep(&mut self.contacts, &newer.contacts);
        if !newer.user_agent.is_empty() && self.user_agent != newer.user_agent {
            self.user_agent = newer.user_agent.clone();
            changed = true;
        }
        if newer.source.is_some() && self.source != newer.source {
            self.source = newer.source;
            changed = true;
        }
        changed
    }
}

/// Most recent last, so that what goes is what was not seen for longest.
fn keep(known: &mut Vec<Box<[u8]>>, newer: &[Box<[u8]>]) -> bool {
    let mut changed = false;
    for id in newer {
        if known.last() == Some(id) {
            continue;
        }
        known.retain(|other| other != id);
        known.reserve_exact(1);
        known.push(id.clone());
        changed = true;
    }
    known.drain(..known.len().saturating_sub(IDS_MAX));
    changed
}

/// How a device is reached: where packets to it go out, and by what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// The transport's own number for itself.
    pub transport: u8,
    pub remote: SocketAddr,
    pub local: SocketAddr,
    /// The listening socket.
    pub socket: u32,
    /// Serial of the connection; 0 where there is none.
    pub connection: u64,
}

/// One registered contact of a device, as it is granted and recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// RFC 5626 `reg-id`.
    pub reg_id: Option<u32>,
    /// The Contact as the registrar knows it, byte for byte.
    pub contact: Box<[u8]>,
    pub reach: Reach,
    /// When the seat ends that it gives, by the monotonic clock.
    pub until_mono_ms: u64,
    /// When the registrar forgets it; later than `until_mono_ms` where a license cuts the seat.
    pub upstream_until_mono_ms: u64,
    /// For how long it was granted.
    pub granted_ms: u64,
}

impl Binding {
    fn is_same_place(&self, other: &Self) -> bool {
        self.contact == other.contact && self.reach == other.reach
    }

    fn span(&self) -> Span {
        Span::new(self.until_mono_ms, self.upstream_until_mono_ms, self.granted_ms)
    }
}

/// One registered contact as a device keeps it; the fields are those of [`Binding`].
#[derive(Clone, Copy, Debug)]
pub struct Bound<'a> {
    pub reg_id: Option<u32>,
    pub contact: Parts<'a>,
    pub reach: Reach,
    pub until_mono_ms: u64,
    pub upstream_until_mono_ms: u64,
    pub granted_ms: u64,
}

impl From<Bound<'_>> for Binding {
    fn from(bound: Bound<'_>) -> Self {
        Self {
            reg_id: bound.reg_id,
            contact: Box::from(&*bound.contact.text()),
            reach: bound.reach,
            until_mono_ms: bound.until_mono_ms,
            upstream_until_mono_ms: bound.upstream_until_mono_ms,
            granted_ms: bound.granted_ms,
        }
    }
}

/// The times of one binding: what a renewal changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    until_mono_ms: u64,
    /// When the registrar forgets it, counted from the end of the seat: at most 24 days either way.
    upstream_after_ms: i32,
    /// From one millisecond to 49 days: a tenth of it is all that is asked for.
    granted_ms: NonZeroU32,
}

impl Span {
    fn new(until_mono_ms: u64, upstream_until_mono_ms: u64, granted_ms: u64) -> Self {
        let mut span = Self {
            until_mono_ms,
            upstream_after_ms: 0,
            granted_ms: u32::try_from(granted_ms)
                .map_or(NonZeroU32::MAX, |ms| NonZeroU32::new(ms).unwrap_or(NonZeroU32::MIN)),
        };
        span.end(until_mono_ms, upstream_until_mono_ms);
        span
    }

    fn end(&mut self, until_mono_ms: u64, upstream_until_mono_ms: u64) {
        let after = upstream_until_mono_ms.wrapping_sub(until_mono_ms).cast_signed();
        let longest = if after < 0 { i32::MIN } else { i32::MAX };
        self.until_mono_ms = until_mono_ms;
        self.upstream_after_ms = i32::try_from(after).unwrap_or(longest);
    }

    fn upstream_until_mono_ms(&self) -> u64 {
        self.until_mono_ms.saturating_add_signed(self.upstream_after_ms.into())
    }

    fn tenth_ms(&self) -> u64 {
        u64::from(self.granted_ms.get() / 10)
    }
}

/// The times of a device's bindings, in the order of their places; most devices have one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spans(Few<Span>);

/// Where a device's seat stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Counted and reachable.
    Live,
    /// Expired, counted, kept for its device for the late margin.
    Held,
    /// Bound at the registrar, not counted, waits for allowance.
    Dormant,
}

impl State {
    /// The word for it in SQL, JSON, logs and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Held => "held",
            Self::Dormant => "dormant",
        }
    }
}

/// A device of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    /// Stable while the number has seats.
    pub no: u32,
    pub ids: Known,
    /// Takes an app seat.
    pub app: bool,
    /// Sleeps, and is woken by push.
    pub push: bool,
    /// Features without which it may not be registered.
    pub needs: FeatureSet,
    /// With [`Device::bindings`] in view of their places, which `ids` keeps.
    pub spans: Spans,
    /// Wall time at which it took its seat.
    pub since_ms: Millis,
    /// Monotonic time at which it last registered.
    pub heard_mono_ms: Millis,
    /// Of the request that was last settled for it.
    pub order: Millis,
    /// Lost its seat for want of allowance.
    pub dormant: bool,
    /// Let in above the limit by a gate on monitor.
    pub over: bool,
    /// The end that the ledger was last given, by the monotonic clock, as a whole second.
    pub stored_until_secs: u32,
}

impl Device {
    /// When its seat ends: with the longest of its bindings.
    pub fn until_mono_ms(&self) -> u64 {
        self.spans.0.iter().map(|span| span.until_mono_ms).max().unwrap_or(0)
    }

    /// When the registrar forgets it.
    pub fn upstream_until_mono_ms(&self) -> u64 {
        self.spans.0.iter().map(Span::upstream_until_mono_ms).max().unwrap_or(0)
    }

    /// Where its seat stands at `now`.
    pub fn state(&self, now: Now) -> State {
        match (self.dormant, now.mono_ms < self.until_mono_ms()) {
            (true, _) => State::Dormant,
            (false, true) => State::Live,
            (false, false) => State::Held,
        }
    }

    /// Whether it is counted at the gates.
    pub fn counts(&self) -> bool {
        !self.dormant
    }

    /// Whether it comes back by itself: it sleeps, and the registrar still knows it.
    pub fn sleeps(&self, now: Now) -> bool {
        self.push && now.mono_ms < self.upstream_until_mono_ms()
    }

    /// Its registered contacts.
    pub fn bindings(&self) -> impl Iterator<Item = Bound<'_>> {
        self.spans.0.iter().zip(self.ids.places()).map(|(span, place)| Bound {
            reg_id: place.reg_id,
            contact: place.contact,
            reach: place.reach,
            until_mono_ms: span.until_mono_ms,
            upstream_until_mono_ms: span.upstream_until_mono_ms(),
            granted_ms: span.granted_ms.get().into(),
        })
    }

    /// The same device with these ids and contacts.
    pub fn with(self, ids: &Ids, bindings: &[Binding]) -> Self {
        let spans = Spans(bindings.iter().map(Binding::span).collect());
        Self { ids: Known::pack(ids, bindings), spans, ..self }
    }

    /// Takes over what a granted request showed, and its binding, whose seat is cut at
    /// `clamp_mono_ms`. Returns whether more than times is new.
    pub fn note(&mut self, shown: &Ids, granted: &Binding, clamp_mono_ms: u64, now: Now) -> bool {
        let until_mono_ms = granted.until_mono_ms.min(clamp_mono_ms);
        let same = |place: &(usize, Place<'_>)| place.1.reg_id == granted.reg_id;
        let old = self.ids.places().enumerate().find(same);
        if let Some((at, place)) = old
            && place.is(granted.reach, granted.reg_id, &granted.contact)
            && self.ids.has_all(shown)
        {
            if let Some(span) = self.spans.0.get_mut(at) {
                *span =
                    Span::new(until_mono_ms, granted.upstream_until_mono_ms, granted.granted_ms);
            }
            return false;
        }
        let mut ids = self.ids.ids();
        let mut bindings: Vec<Binding> = self.bindings().map(Binding::from).collect();
        let mut changed = ids.merge(shown);
        changed |= bind(&mut bindings, Binding { until_mono_ms, ..granted.clone() }, now);
        self.ids = Known::pack(&ids, &bindings);
        self.spans = Spans(bindings.iter().map(Binding::span).collect());
        changed
    }

    /// Renews the one binding that it has, if that is the one granted; gives when its seat ends.
    pub(super) fn renew(
        &mut self,
        renewal: &Renewal<'_>,
        clamp_mono_ms: u64,
        now: Now,
    ) -> Option<u64> {
        let [span] = &mut *self.spans.0 else { return None };
        let Renewal { reach, reg_id, contact, granted_ms, order, .. } = *renewal;
        if !self.ids.stays_at(reach, reg_id, contact) || self.order.get() > order {
            return None;
        }
        let upstream_until_mono_ms = now.mono_ms.saturating_add(granted_ms);
        let until_mono_ms = upstream_until_mono_ms.min(clamp_mono_ms);
        *span = Span::new(until_mono_ms, upstream_until_mono_ms, granted_ms);
        (self.order, self.heard_mono_ms) = (order.into(), now.mono_ms.into());
        Some(until_mono_ms)
    }

    /// After a restart each seat lasts a tenth longer than its record says, but not beyond the clamp.
    pub(super) fn outlast_record(&mut self, clamp_mono_ms: u64) {
        for span in &mut *self.spans.0 {
            let longer = span.until_mono_ms.saturating_add(span.tenth_ms());
            span.end(longer.min(clamp_mono_ms), span.upstream_until_mono_ms());
        }
    }

    /// The ledger is told the end as it is now.
    pub(super) fn note_record(&mut self) {
        self.stored_until_secs = secs(self.until_mono_ms());
    }

    /// Whether its seat lasts longer than the ledger knows, by more than a tenth of what was granted, or
    /// ends in an earlier second.
    pub(super) fn outlives_record(&self) -> bool {
        let tenth_ms = self.spans.0.iter().map(Span::tenth_ms).max().unwrap_or(0);
        let until_mono_ms = self.until_mono_ms();
        until_mono_ms > u64::from(self.stored_until_secs) * 1000 + tenth_ms
            || secs(until_mono_ms) < self.stored_until_secs
    }

    /// Lets the seat last as long as the registrar's binding, but not beyond `clamp_mono_ms`.
    pub fn stretch(&mut self, clamp_mono_ms: u64) {
        for span in &mut *self.spans.0 {
            let upstream_until_mono_ms = span.upstream_until_mono_ms();
            span.end(upstream_until_mono_ms.min(clamp_mono_ms), upstream_until_mono_ms);
        }
    }
}

/// Whole seconds: they do for 136 years.
fn secs(mono_ms: u64) -> u32 {
    u32::try_from(mono_ms / 1000).unwrap_or(u32::MAX)
}

/// Adds a binding, or replaces the one that it refreshes. Returns whether more than its times is new.
fn bind(bindings: &mut Vec<Binding>, binding: Binding, now: Now) -> bool {
    if let Some(old) = bindings.iter_mut().find(|old| old.reg_id == binding.reg_id) {
        let changed = !old.is_same_place(&binding);
        *old = binding;
        return changed;
    }
    bindings.retain(|old| now.mono_ms < old.upstream_until_mono_ms);
    if bindings.len() >= BINDINGS_MAX {
        let ends = |at: &(usize, &Binding)| at.1.until_mono_ms;
        if let Some((index, _)) = bindings.iter().enumerate().min_by_key(ends) {
            bindings.swap_remove(index);
        }
    }
    bindings.push(binding);
    true
}

/// An admitted call of a number that had no device registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub call_id: Box<[u8]>,
    /// Wall time of its 2xx.
    pub since_ms: i64,
    pub until_mono_ms: u64,
    /// The dialogs that it made, by the hash of the answering side's tag; empty after a restart.
    pub legs: Vec<u64>,
}
