//! All that one number holds: its SIP seat, its devices and calls, its unsettled reservations.
//! It lives behind its shard's mutex; what it holds at the gates is one guard, dropped with it.

use std::sync::Arc;

use smallvec::SmallVec;
use thin_vec::ThinVec;

use super::device::{Call, Device, Ids, Spans, State};
use super::known::Known;
use super::measure::Units;
use super::reservation::Reservation;
use super::snapshot::{Owned, Snapshot};
use crate::clock::Now;
use crate::license::{Holder, NumberKind, RevokeClass, RevokeOrder, Text};

/// How long a device that a 2xx removed is remembered, so that an older 2xx does not bring it back.
const REMOVED_MS: u64 = 40_000;
/// How many removed devices are remembered.
const REMOVED_MAX: usize = 4;
/// How long a failed reservation marks its number.
const FAILED_MS: u64 = 600_000;

/// How well a device matches what a request shows: `None` not at all; the lowest wins.
pub type Matcher<'a> = &'a dyn Fn(&Device) -> Option<u8>;

/// A reservation that waits for its answer.
#[derive(Clone, Debug)]
pub struct Unsettled {
    pub(super) ticket: u32,
    /// The devices that it would register; none for a call.
    pub(super) devices: Vec<Device>,
    /// How many app seats it holds.
    pub(super) apps: u32,
    pub(super) since_ms: i64,
}

#[derive(Debug)]
struct Removed {
    device: Device,
    order: u64,
    until_mono_ms: u64,
}

/// One number.
#[derive(Debug)]
pub struct Entry {
    pub(super) aor: Text,
    pub(super) hash: u64,
    pub(super) holder: Holder,
    pub(super) kind: NumberKind,
    /// What it holds, and where.
    pub(super) held: Reservation,
    /// Wall time since which it has held its SIP seat.
    pub(super) since_ms: i64,
    /// Tells those apart that took theirs in one millisecond: newer ones have more.
    pub(super) serial: u64,
    /// Most numbers have one.
    pub(super) devices: SmallVec<[Device; 1]>,
    // The rest is mostly empty.
    pub(super) calls: ThinVec<Call>,
    pub(super) unsettled: ThinVec<Unsettled>,
    removed: ThinVec<Removed>,
    next_no: u32,
    next_ticket: u32,
    /// The snapshot under which owner, kind and path were last known to be the right ones; 0: none.
    stood_in: u32,
    /// The last reservation ended without a 2xx; forgotten at this time. 0: it did not.
    failed_until_mono_ms: u64,
    pub(super) unchallenged: bool,
    /// The ledger must hear of what was done since the entry was last finished.
    pub(super) changed: bool,
    /// In the ledger's queue.
    pub(super) dirty: bool,
    /// In the shard's list of those that wait for allowance.
    pub(super) dormant_listed: bool,
    /// The ledger has a record of it.
    pub(super) stored: bool,
    /// The second of the ring in which it is filed; `u64::MAX`: none.
    pub(super) filed: u64,
}

impl Entry {
    /// An entry that holds nothing.
    pub(super) fn new(aor: &str, hash: u64, owned: &Owned) -> Self {
        Self {
            aor: aor.into(),
            hash,
            holder: owned.holder,
            kind: owned.kind,
            held: Reservation::empty(Arc::clone(&owned.path), !owned.created),
            since_ms: 0,
            serial: 0,
            devices: SmallVec::new(),
            calls: ThinVec::new(),
            unsettled: ThinVec::new(),
            removed: ThinVec::new(),
            next_no: 1,
            next_ticket: 1,
            stood_in: 0,
            failed_until_mono_ms: 0,
            unchallenged: false,
            changed: false,
            dirty: false,
            dormant_listed: false,
            stored: false,
            filed: u64::MAX,
        }
    }

    /// The number.
    pub fn aor(&self) -> &str {
        self.aor.as_str()
    }

    /// The same to hand out.
    pub(super) fn name(&self) -> Arc<str> {
        self.aor().into()
    }

    /// Who owns it.
    pub fn holder(&self) -> Holder {
        self.holder
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
        &self.calls
    }

    /// How many reservations wait for an answer.
    pub fn unsettled(&self) -> usize {
        self.unsettled.len()
    }

    /// Whether the last reservation ended without a 2xx.
    pub fn failed(&self, now: Now) -> bool {
        now.mono_ms < self.failed_until_mono_ms
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
        let reserved: u32 = self.unsettled.iter().map(|one| one.apps).sum();
        let seats = settled.sip > 0 || !self.unsettled.is_empty();
        Units { sip: u32::from(seats), apps: settled.apps.saturating_add(reserved) }
    }

    /// What its devices and calls hold.
    pub(super) fn settled(&self) -> Units {
        let counted = self.devices.iter().filter(|device| device.counts());
        let apps = counted.clone().filter(|device| device.app).count();
        let seats = counted.count() + self.calls.len();
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
        self.holder = owned.holder;
        self.kind = owned.kind;
        if !self.stands_on(owned) {
            self.held.move_to(&owned.path, !owned.created);
        }
    }

    /// Whether it is what a snapshot says: asks it once, and not again until there is another.
    pub(super) fn stands_in(&mut self, snapshot: &Snapshot) -> bool {
        if self.stood_in == snapshot.serial() {
            return true;
        }
        let stands = snapshot.owned(self.aor()).is_some_and(|owned| {
            self.stands_on(&owned) && (self.holder, self.kind) == (owned.holder, owned.kind)
        });
        if stands {
            self.stood_in = snapshot.serial();
        }
        stands
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

    pub(super) fn next_ticket(&mut self) -> u32 {
        let ticket = self.next_ticket;
        self.next_ticket = self.next_ticket.wrapping_add(1).max(1);
        ticket
    }

    pub(super) fn take_unsettled(&mut self, ticket: u32) -> Option<Unsettled> {
        let index = self.unsettled.iter().position(|one| one.ticket == ticket)?;
        let one = self.unsettled.swap_remove(index);
        if self.unsettled.is_empty() {
            self.unsettled = ThinVec::new();
        }
        Some(one)
    }

    /// The counted app device that was silent longest, if for longer than `after_ms`; none of `kept`.
    pub(super) fn silent_app(&self, after_ms: u64, kept: &[u32], now: Now) -> Option<u32> {
        let silent = |device: &&Device| {
            device.app
                && device.counts()
                && !kept.contains(&device.no)
                && device.heard_mono_ms.saturating_add(after_ms) <= now.mono_ms
        };
        let devices = self.devices.iter().filter(silent);
        devices.min_by_key(|device| device.heard_mono_ms).map(|device| device.no)
    }

    /// Takes a device out of whatever reservation holds it, with its app seat: that is free then for
    /// the device itself.
    pub(super) fn release_reserved(&mut self, matcher: Matcher) {
        for one in &mut self.unsettled {
            let held = one.devices.iter().position(|device| matcher(device).is_some());
            let Some(device) = held.map(|index| one.devices.swap_remove(index)) else { continue };
            one.apps = one.apps.saturating_sub(u32::from(device.app));
        }
    }

    /// Whether a reservation of another request is for this device.
    pub(super) fn is_reserved(&self, matcher: Matcher) -> bool {
        self.unsettled.iter().flat_map(|one| &one.devices).any(|device| matcher(device).is_some())
    }

    /// Takes a device out, and remembers that it went by the request with this `order`.
    pub(super) fn remove(&mut self, no: u32, order: Option<u64>, now: Now) -> Option<Device> {
        let index = self.devices.iter().position(|device| device.no == no)?;
        let device = self.devices.remove(index);
        self.changed = true;
        if let Some(order) = order {
            self.removed.retain(|old| now.mono_ms < old.until_mono_ms);
            self.removed.drain(..self.removed.len().saturating_sub(REMOVED_MAX - 1));
            let until_mono_ms = now.mono_ms + REMOVED_MS;
            self.removed.push(Removed { device: device.clone(), order, until_mono_ms });
        }
        Some(device)
    }

    /// Whether a request forwarded after `order` removed this device.
    pub(super) fn was_removed_after(&self, order: u64, matcher: Matcher) -> bool {
        self.removed.iter().any(|old| old.order > order && matcher(&old.device).is_some())
    }

    pub(super) fn mark_failed(&mut self, now_mono_ms: u64) {
        self.failed_until_mono_ms = now_mono_ms + FAILED_MS;
    }

    pub(super) fn clear_failed(&mut self) {
        self.failed_until_mono_ms = 0;
    }

    /// Whether nothing would be lost with it.
    pub(super) fn is_empty(&self, now: Now) -> bool {
        !self.has_seats()
            && self.unsettled.is_empty()
            && !self.failed(now)
            && self.removed.iter().all(|old| old.until_mono_ms <= now.mono_ms)
    }

    /// Whether the ledger has anything to keep of it.
    pub(super) fn has_seats(&self) -> bool {
        !self.devices.is_empty() || !self.calls.is_empty()
    }

    /// It took its SIP seat at `since_ms`, after all others that did so until now.
    pub(super) fn seated(&mut self, since_ms: i64) {
        static NEXT: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
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
        let calls = self.calls.iter().map(|call| call.until_mono_ms);
        let removed = self.removed.iter().map(|old| old.until_mono_ms);
        let failed = (self.failed_until_mono_ms > 0).then_some(self.failed_until_mono_ms);
        devices.chain(calls).chain(removed).chain(failed).min()
    }

    pub(super) fn forget_past(&mut self, now: Now) {
        self.removed.retain(|old| now.mono_ms < old.until_mono_ms);
        let calls = self.calls.len();
        self.calls.retain(|call| now.mono_ms < call.until_mono_ms);
        self.changed |= self.calls.len() != calls;
        if !self.failed(now) {
            self.failed_until_mono_ms = 0;
        }
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
        since_ms: now.wall_ms,
        heard_mono_ms: now.mono_ms,
        order: 0,
        dormant: false,
        over: false,
        stored_until_mono_ms: 0,
    }
}
