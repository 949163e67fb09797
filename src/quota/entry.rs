//! All that one number holds: its SIP seat, its devices and calls, its unsettled reservations.
//! It lives behind its shard's mutex; what it holds at the gates is one guard, dropped with it.

use std::hash::BuildHasher;
use std::sync::Arc;

use super::device::{Call, Device, Ids, Spans, State};
use super::few::Few;
use super::known::Known;
use super::measure::Units;
use super::millis::Millis;
use super::name::Name;
use super::rare::{Rare, Unsettled};
use super::reservation::Reservation;
use super::snapshot::{Owned, Snapshot};
use crate::clock::Now;
use crate::license::{GroupId, Holder, NumberKind, RevokeClass, RevokeOrder, UserId};

/// How well a device matches what a request shows: `None` not at all; the lowest wins.
pub type Matcher<'a> = &'a dyn Fn(&Device) -> Option<u8>;

/// One number. Of a million each has one: what is mostly absent is in `rare`. What a renewal reads and
/// writes stands together.
#[derive(Debug)]
#[repr(C)]
pub struct Entry {
    name: Name,
    /// The snapshot under which owner, kind and path were last known to be the right ones; 0: none.
    stood_in: u32,
    /// The second of the ring in which it is filed; `u32::MAX`: none.
    pub(super) filed: u32,
    /// What it holds, and where.
    pub(super) held: Reservation,
    rare: Option<Box<Rare>>,
    pub(super) unchallenged: bool,
    /// The ledger must hear of what was done since the entry was last finished.
    pub(super) changed: bool,
    /// In the ledger's queue.
    pub(super) dirty: bool,
    /// In the shard's list of those that wait for allowance.
    pub(super) dormant_listed: bool,
    /// The ledger has a record of it.
    pub(super) stored: bool,
    pub(super) kind: NumberKind,
    of_user: bool,
    pub(super) devices: Few<Device>,
    owner: i64,
    /// Wall time since which it has held its SIP seat.
    pub(super) since_ms: i64,
    /// Tells those apart that took theirs in one millisecond: newer ones have more.
    pub(super) serial: u32,
    next_no: u32,
}

impl Entry {
    /// An entry that holds nothing.
    pub(super) fn new(aor: &str, owned: &Owned) -> Self {
        let (of_user, owner) = packed(owned.holder);
        Self {
            name: Name::new(aor),
            stood_in: 0,
            filed: u32::MAX,
            held: Reservation::empty(Arc::clone(&owned.path), !owned.created),
            rare: None,
            unchallenged: false,
            changed: false,
            dirty: false,
            dormant_listed: false,
            stored: false,
            kind: owned.kind,
            of_user,
            devices: Few::new(),
            owner,
            since_ms: 0,
            serial: 0,
            next_no: 1,
        }
    }

    /// Whether it is that of this number.
    pub(super) fn is(&self, aor: &str) -> bool {
        self.name.is(aor)
    }

    /// By what it is found.
    pub(super) fn hash(&self, hasher: &impl BuildHasher) -> u64 {
        self.name.with(|aor| hasher.hash_one(aor))
    }

    /// Its name is all that is left of it.
    pub(super) fn into_name(self) -> Name {
        self.name
    }

    /// The number.
    pub fn aor(&self) -> Arc<str> {
        self.name.shared()
    }

    /// Who owns it.
    pub fn holder(&self) -> Holder {
        match self.of_user {
            true => Holder::User(UserId(self.owner)),
            false => Holder::Group(GroupId(self.owner)),
        }
    }

    /// What it is used for.
    pub fn kind(&self) -> NumberKind {
        self.kind
    }

    /// Whether somebody created it; else it comes by a claim.
    pub fn created(&self) -> bool {
        !self.held.claimed()
    }

    /// What it holds at the gates, and at which.
    pub fn held(&self) -> &Reservation {
        &self.held
    }

    /// Its devices: live, held and dormant.
    pub fn devices(&self) -> &[Device] {
        &self.devices
    }

    /// Its calls without a device.
    pub fn calls(&self) -> &[Call] {
        self.rare.as_deref().map_or(&[], |rare| &rare.calls)
    }

    /// How many reservations wait for an answer.
    pub fn unsettled(&self) -> usize {
        self.reservations().len()
    }

    /// Those that wait for an answer.
    pub(super) fn reservations(&self) -> &[Unsettled] {
        self.rare.as_deref().map_or(&[], |rare| &rare.unsettled)
    }

    /// Whether the last reservation ended without a 2xx.
    pub fn failed(&self, now: Now) -> bool {
        self.rare.as_deref().is_some_and(|rare| rare.failed(now))
    }

    /// What few numbers have, where it has any of it.
    pub(super) fn rare(&mut self) -> Option<&mut Rare> {
        self.rare.as_deref_mut()
    }

    /// The same, to add to it.
    pub(super) fn rare_mut(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Whether the registrar once granted it unchallenged.
    pub fn unchallenged(&self) -> bool {
        self.unchallenged
    }

    /// Whether a device of it is registered now.
    pub fn is_live(&self, now: Now) -> bool {
        self.devices.iter().any(|device| device.state(now) == State::Live)
    }

    /// The device that matches best; live ones before dormant ones of the same rank.
    pub fn find(&self, matcher: Matcher) -> Option<&Device> {
        let ranked = |device: &Device| matcher(device).map(|rank| (rank, device.dormant));
        let found = self.devices.iter().filter_map(|device| Some((ranked(device)?, device)));
        found.min_by_key(|(rank, _)| *rank).map(|(_, device)| device)
    }

    /// A device by its number.
    pub fn device(&self, no: u32) -> Option<&Device> {
        self.devices.iter().find(|device| device.no == no)
    }

    pub(super) fn device_mut(&mut self, no: u32) -> Option<&mut Device> {
        self.devices.iter_mut().find(|device| device.no == no)
    }

    /// What its devices, calls and reservations must hold together.
    pub fn needed(&self) -> Units {
        let settled = self.settled();
        let reservations = self.reservations();
        let reserved: u32 = reservations.iter().map(|one| one.apps).sum();
        let seats = settled.sip > 0 || !reservations.is_empty();
        Units { sip: u32::from(seats), apps: settled.apps.saturating_add(reserved) }
    }

    /// What its devices and calls hold.
    pub(super) fn settled(&self) -> Units {
        let counted = self.devices.iter().filter(|device| device.counts());
        let apps = counted.clone().filter(|device| device.app).count();
        let seats = counted.count() + self.calls().len();
        Units { sip: u32::from(seats > 0), apps: u32::try_from(apps).unwrap_or(u32::MAX) }
    }

    /// Gives back what nothing of it needs any more.
    pub(super) fn give_surplus(&mut self) {
        let needed = self.needed();
        self.held.shrink(needed);
    }

    /// Counts at the gates of its owner as published now.
    pub(super) fn follow(&mut self, owned: &Owned) {
        self.stood_in = 0;
        (self.of_user, self.owner) = packed(owned.holder);
        self.kind = owned.kind;
        if !self.stands_on(owned) {
            self.held.move_to(&owned.path, !owned.created);
        }
    }

    /// Whether it, the entry of `aor`, is what a snapshot says: asks it once, and not again until there is
    /// another.
    pub(super) fn stands_in(&mut self, snapshot: &Snapshot, aor: &str) -> bool {
        if self.stood_in(snapshot) {
            return true;
        }
        let stands = snapshot.owned(aor).is_some_and(|owned| {
            self.stands_on(&owned) && (self.holder(), self.kind) == (owned.holder, owned.kind)
        });
        if stands {
            self.stood_in = snapshot.serial();
        }
        stands
    }

    /// Whose it is by a snapshot.
    pub(super) fn owned_in(&self, snapshot: &Snapshot) -> Option<Owned> {
        self.name.with(|aor| snapshot.owned(aor))
    }

    /// Whether it was what this snapshot says when last asked.
    pub(super) fn stood_in(&self, snapshot: &Snapshot) -> bool {
        self.stood_in == snapshot.serial()
    }

    /// Whether it counts where its owner stands.
    pub fn stands_on(&self, owned: &Owned) -> bool {
        self.created() == owned.created && self.held.path().is_same(&owned.path)
    }

    pub(super) fn next_no(&mut self) -> u32 {
        let no = self.next_no;
        self.next_no = self.next_no.wrapping_add(1).max(1);
        no
    }

    /// Numbers given from now on are above `no`.
    pub(super) fn skip_no(&mut self, no: u32) {
        self.next_no = self.next_no.max(no.wrapping_add(1)).max(1);
    }

    pub(super) fn take_unsettled(&mut self, ticket: u32) -> Option<Unsettled> {
        let waiting = &mut self.rare()?.unsettled;
        waiting.remove(waiting.iter().position(|one| one.ticket == ticket)?)
    }

    /// The counted app device that was silent longest, if for longer than `after_ms`; none of `kept`.
    pub(super) fn silent_app(&self, after_ms: u64, kept: &[u32], now: Now) -> Option<u32> {
        let silent = |device: &&Device| {
            device.app
                && device.counts()
                && !kept.contains(&device.no)
                && device.heard_mono_ms.get().saturating_add(after_ms) <= now.mono_ms
        };
        let devices = self.devices.iter().filter(silent);
        devices.min_by_key(|device| device.heard_mono_ms).map(|device| device.no)
    }

    /// Takes a device out of whatever reservation holds it, with its app seat: that is free then for
    /// the device itself.
    pub(super) fn release_reserved(&mut self, matcher: Matcher) {
        for one in self.rare().into_iter().flat_map(|rare| rare.unsettled.iter_mut()) {
            let held = one.devices.iter().position(|device| matcher(device).is_some());
            let Some(device) = held.map(|index| one.devices.swap_remove(index)) else { continue };
            one.apps = one.apps.saturating_sub(u32::from(device.app));
        }
    }

    /// Whether a reservation of another request is for this device.
    pub(super) fn is_reserved(&self, matcher: Matcher) -> bool {
        self.reservations()
            .iter()
            .flat_map(|one| &one.devices)
            .any(|device| matcher(device).is_some())
    }

    /// Takes a device out, and remembers that it went by the request with this `order`.
    pub(super) fn remove(&mut self, no: u32, order: Option<u64>, now: Now) -> Option<Device> {
        let index = self.devices.iter().position(|device| device.no == no)?;
        let device = self.devices.remove(index)?;
        self.changed = true;
        if let Some(order) = order {
            self.rare_mut().remember(&device, order, now);
        }
        Some(device)
    }

    /// Whether a request forwarded after `order` removed this device.
    pub(super) fn was_removed_after(&self, order: u64, matcher: Matcher) -> bool {
        self.rare.as_deref().is_some_and(|rare| rare.was_removed_after(order, matcher))
    }

    pub(super) fn clear_failed(&mut self) {
        self.rare().into_iter().for_each(|rare| rare.failed_until_mono_ms = 0);
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_empty(&self, now: Now) -> bool {
        !self.has_seats() && self.rare.as_deref().is_none_or(|rare| rare.is_past(now))
    }

    /// Whether the ledger has anything to keep of it.
    pub(super) fn has_seats(&self) -> bool {
        !self.devices.is_empty() || !self.calls().is_empty()
    }

    /// It took its SIP seat at `since_ms`, after all others that did so until now.
    pub(super) fn seated(&mut self, since_ms: i64) {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
        self.since_ms = since_ms;
        // Relaxed: only the numbers matter, not what was written before.
        self.serial = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }

    /// Its place in the order of revocation.
    pub(super) fn revoke_order(&self, since_ms: i64) -> RevokeOrder {
        RevokeOrder::new(RevokeClass::of(self.created(), self.kind), since_ms)
    }

    /// When something of it next ends, by the monotonic clock.
    pub(super) fn due_mono_ms(&self, late_margin_ms: u64, now: Now) -> Option<u64> {
        let devices = self.devices.iter().map(|device| match device.dormant {
            true => device.upstream_until_mono_ms(),
            false if device.sleeps(now) => device.until_mono_ms(),
            false => device.until_mono_ms() + late_margin_ms,
        });
        let rare = self.rare.as_deref().and_then(Rare::due_mono_ms);
        devices.chain(rare).min()
    }

    pub(super) fn forget_past(&mut self, now: Now) {
        let calls = self.calls().len();
        self.rare().into_iter().for_each(|rare| rare.forget_past(now));
        self.changed |= self.calls().len() != calls;
    }

    /// Returns the memory of what there is none of any more.
    pub(super) fn tidy(&mut self) {
        if self.rare.as_deref().is_some_and(Rare::is_empty) {
            self.rare = None;
        }
    }
}

fn packed(holder: Holder) -> (bool, i64) {
    match holder {
        Holder::User(id) => (true, id.0),
        Holder::Group(id) => (false, id.0),
    }
}

/// A device that is not numbered yet.
pub(super) fn newcomer(ids: &Ids, app: bool, push: bool, now: Now) -> Device {
    Device {
        no: 0,
        ids: Known::pack(ids, &[]),
        app,
        push,
        needs: crate::license::FeatureSet::NONE,
        spans: Spans::default(),
        since_ms: now.wall_ms.into(),
        heard_mono_ms: now.mono_ms.into(),
        order: Millis::default(),
        dormant: false,
        over: false,
        stored_until_secs: 0,
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn an_entry_with_one_device_takes_no_more_room_than_both() {
        assert_eq!(size_of::<Few<Device>>(), 72);
        assert_eq!(size_of::<Option<Entry>>(), 152);
    }
}
