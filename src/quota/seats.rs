//! The seat table: who holds a seat, and the first half of taking one. Every number has one entry
//! behind the mutex of its shard, which is held for the few steps on that entry only.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::quality::RandomState;
use smallvec::SmallVec;

use super::entry::{Entry, Matcher, newcomer};
use super::measure::{Ask, Units};
use super::path::Refusal;
use super::rare::Unsettled;
use super::shard::Shard;
use super::snapshot::{Owned, Snapshot};
use super::sync::{AtomicBool, AtomicU64, Mutex, Ordering, Slot};
use super::ticket::Ticket;
use super::{Ids, device::Device};
use crate::clock::Now;
use crate::license::{Cause, FeatureSet};

/// At most this many reservations of one number wait for an answer.
pub(super) const UNSETTLED_MAX: usize = 2;

#[cfg(not(feature = "loom"))]
const SHARDS: usize = 64;
#[cfg(feature = "loom")]
const SHARDS: usize = 1;

/// Bounds and margins, from the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The most live devices of one number.
    pub max_devices: usize,
    /// The most calls of one number without a device.
    pub max_calls: usize,
    /// For how long an expired seat stays held for its device.
    pub late_margin_ms: u64,
    /// How long an app device must have been silent to be replaced.
    pub replace_after_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_devices: 10,
            max_calls: 32,
            late_margin_ms: 30_000,
            replace_after_ms: 86_400_000,
        }
    }
}

/// What the request says for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Checked here, or from where nobody is challenged.
    Proved,
    /// Carries credentials that only the registrar can check, or comes from a seat's source.
    Presented,
    /// Carries none and will be challenged.
    Bare,
}

/// A device that a REGISTER adds or refreshes.
pub struct Wanted<'a> {
    pub matcher: Matcher<'a>,
    /// Asked only when the device is new.
    pub ids: &'a dyn Fn() -> Ids,
    pub app: bool,
    pub push: bool,
    /// Features without which it is refused.
    pub needs: FeatureSet,
}

/// A REGISTER before it is sent on.
pub struct Registering<'a> {
    pub adds: &'a [Wanted<'a>],
    /// The devices that it removes: they pay for what it adds.
    pub leaves: &'a [Matcher<'a>],
    pub standing: Standing,
}

/// Why a request goes on without a reservation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unreserved {
    /// It has still to be challenged.
    Bare,
    /// The number's last reservation ended without a 2xx.
    LastFailed,
    /// Two of the number wait for an answer, or one for this very device.
    TwoUnsettled,
    /// Room is made by replacing a silent device, once the 2xx has proved this one.
    Replaces,
}

/// Devices of one number; a request mostly names one.
pub(super) type Nos = SmallVec<[u32; 4]>;

/// What becomes of a request.
#[derive(Debug)]
#[must_use]
pub enum Decision {
    /// Its devices, by number, hold their seats already.
    Renew(Nos),
    /// A reservation, to be settled by the answer.
    Take(Ticket),
    /// It goes on, and takes its seat at the 2xx.
    Unreserved(Unreserved),
    Refuse(Refusal),
}

/// The seat table and the published facts beside it.
pub struct Seats {
    shards: Box<[Mutex<Shard>]>,
    /// Keyed, for whoever claims a domain may make up numbers.
    hasher: RandomState,
    pub(super) published: Slot<Snapshot>,
    pub(super) limits: Limits,
    /// Monotonic time of the last sweep that a full gate asked for.
    pub(super) swept_mono_ms: AtomicU64,
    /// A seat followed its owner past a limit outside a publish.
    pub(super) uneven: AtomicBool,
    /// A look ahead is worth its time.
    pub(super) wide: AtomicBool,
}

enum Judged {
    Renew(Nos),
    Unreserved(Unreserved),
    Refuse(Refusal),
    Take(Units),
}

impl Seats {
    pub(super) fn new(limits: Limits) -> Self {
        let hasher = RandomState::default();
        Self {
            shards: (0..SHARDS).map(|_| Mutex::new(Shard::new(&hasher))).collect(),
            hasher,
            published: Slot::new(Snapshot::new()),
            limits,
            swept_mono_ms: AtomicU64::new(u64::MAX),
            uneven: AtomicBool::new(false),
            wide: AtomicBool::new(false),
        }
    }

    pub(super) fn shards(&self) -> &[Mutex<Shard>] {
        &self.shards
    }

    pub(super) fn hash(&self, aor: &str) -> u64 {
        self.hasher.hash_one(aor)
    }

    pub(super) fn shard(&self, hash: u64) -> &Mutex<Shard> {
        // Of the lower half: the table inside goes by the upper one. There is always one shard.
        &self.shards[hash as usize % SHARDS]
    }

    pub(super) fn owned(&self, aor: &str) -> Option<Owned> {
        self.published.load().owned(aor)
    }

    /// Looks at a number's entry; `f` runs under the shard's mutex and must be short.
    pub fn look<R>(&self, aor: &str, f: impl FnOnce(&Entry) -> R) -> Option<R> {
        self.at(aor, |shard, slot| shard.get(slot).map(f))
    }

    /// Looks at the entry of a number that is what the tree in force says: then whose it is and what it
    /// stands on need not be looked up. `f` as above.
    pub fn look_standing<R>(&self, aor: &str, f: impl FnOnce(&Entry) -> R) -> Option<R> {
        self.standing(aor, |shard, slot| shard.get(slot).map(f))
    }

    /// The same, to change it.
    pub(super) fn standing<R>(
        &self,
        aor: &str,
        f: impl FnOnce(&mut Shard, u32) -> Option<R>,
    ) -> Option<R> {
        let published = self.published.load();
        self.at(aor, |shard, slot| {
            let stands = shard.get_mut(slot)?.stands_in(&published, aor);
            if stands { f(shard, slot) } else { None }
        })
    }

    /// Changes a number's entry, if there is one, and sees to what follows from it.
    pub(super) fn alter<R>(
        &self,
        aor: &str,
        now: Now,
        f: impl FnOnce(&mut Entry) -> R,
    ) -> Option<R> {
        self.at(aor, |shard, slot| {
            let done = shard.get_mut(slot).map(f);
            shard.finish(slot, self.limits.late_margin_ms, now);
            done
        })
    }

    /// Finds a number's entry; `f` runs under the shard's mutex.
    pub(super) fn at<R>(
        &self,
        aor: &str,
        f: impl FnOnce(&mut Shard, u32) -> Option<R>,
    ) -> Option<R> {
        let hash = self.hash(aor);
        let mut shard = self.shard(hash).lock();
        let slot = shard.find(aor, hash)?;
        f(&mut shard, slot)
    }

    /// Decides a REGISTER. All its new devices get their seats reserved, or none does.
    pub fn reserve(
        self: &Arc<Self>,
        aor: &str,
        owned: &Owned,
        request: &Registering,
        now: Now,
    ) -> Decision {
        match self.try_reserve(aor, owned, request, now) {
            Decision::Refuse(refusal) if is_full(&refusal) && self.end_overdue(now) => {
                self.try_reserve(aor, owned, request, now)
            }
            decision => decision,
        }
    }

    /// What [`Self::reserve`] would refuse to a number of which nothing is known; no device of the request
    /// is looked at. `None` where it would not be refused, or something is known.
    pub fn refuse_newcomer(
        &self,
        aor: &str,
        owned: &Owned,
        request: &Registering,
        now: Now,
    ) -> Option<Refusal> {
        let hash = self.hash(aor);
        let refused = || {
            let shard = self.shard(hash).lock();
            if shard.find(aor, hash).is_some() {
                return None;
            }
            match judge(None, owned, request, &self.limits, now) {
                Judged::Refuse(refusal) => Some(refusal),
                _ => None,
            }
        };
        match refused() {
            Some(refusal) if is_full(&refusal) && self.end_overdue(now) => refused(),
            first => first,
        }
    }

    fn try_reserve(
        self: &Arc<Self>,
        aor: &str,
        owned: &Owned,
        request: &Registering,
        now: Now,
    ) -> Decision {
        let hash = self.hash(aor);
        let mut shard = self.shard(hash).lock();
        let found = shard.find(aor, hash);
        let fresh;
        let mut owned = owned;
        if let Some(slot) = found
            && let Some(entry) = shard.get_mut(slot)
            && !entry.stands_on(owned)
        {
            // Either the caller read an older snapshot, or the sweep has not been here yet.
            let Some(found) = self.owned(aor) else {
                return Decision::Refuse(Refusal::without_gate(Cause::UnknownNumber));
            };
            fresh = found;
            owned = &fresh;
            self.follow(entry, owned);
        }
        let entry = found.and_then(|slot| shard.get(slot));
        let units = match judge(entry, owned, request, &self.limits, now) {
            Judged::Renew(nos) => return Decision::Renew(nos),
            Judged::Unreserved(why) => return Decision::Unreserved(why),
            Judged::Refuse(refusal) => return Decision::Refuse(refusal),
            Judged::Take(units) => units,
        };
        let devices = newcomers(entry, request, now);
        let reserving = Reserving { units, devices, needs: needs(request) };
        match self.hold(&mut shard, found, (aor, hash), owned, reserving, now) {
            Ok(ticket) => Decision::Take(ticket),
            Err(refusal) => Decision::Refuse(refusal),
        }
    }

    /// Takes units for a reservation and notes it in the number's entry.
    pub(super) fn hold(
        self: &Arc<Self>,
        shard: &mut Shard,
        found: Option<u32>,
        (aor, hash): (&str, u64),
        owned: &Owned,
        reserving: Reserving,
        now: Now,
    ) -> Result<Ticket, Refusal> {
        let slot = found.unwrap_or_else(|| shard.insert(Entry::new(aor, owned), hash));
        let ticket = shard.next_ticket();
        let Some(entry) = shard.get_mut(slot) else {
            return Err(Refusal::without_gate(Cause::OverCapacity));
        };
        let Reserving { units, devices, needs } = reserving;
        let ask = Ask { units, claimed: !owned.created, needs };
        if let Err(refusal) = entry.held.take(now.moment(), ask) {
            shard.finish(slot, self.limits.late_margin_ms, now);
            return Err(refusal);
        }
        if units.sip > 0 {
            entry.seated(now.wall_ms);
        }
        self.note_over(entry);
        let reservation = Unsettled { ticket, apps: units.apps, devices, since_ms: now.wall_ms };
        entry.rare_mut().unsettled.push(reservation);
        // Insert, then look again: the sweep of a publish sees this entry, or this look sees it.
        match self.owned(aor) {
            Some(fresh) => self.follow(entry, &fresh),
            None => {
                entry.take_unsettled(ticket);
                shard.finish(slot, self.limits.late_margin_ms, now);
                return Err(Refusal::without_gate(Cause::UnknownNumber));
            }
        }
        let aor = entry.aor();
        Ok(Ticket::new(Arc::clone(self), aor, ticket, now))
    }

    /// Counts an entry where its owner stands now; a limit that this passes is seen to at the next
    /// tick, if no publish is under way that does.
    pub(super) fn follow(&self, entry: &mut Entry, owned: &Owned) {
        let stood = entry.stands_on(owned);
        entry.follow(owned);
        if !stood {
            self.note_over(entry);
        }
    }

    /// After units were taken: above a limit only on monitor, or where monitor ended or a seat
    /// followed its owner at this moment. The next tick looks which.
    pub(super) fn note_over(&self, entry: &Entry) {
        if entry.held.is_over() {
            // Release: the tick that sees this sees the units.
            self.uneven.store(true, Ordering::Release);
        }
    }
}

/// What a reservation is to hold.
pub(super) struct Reserving {
    pub units: Units,
    pub devices: Vec<Device>,
    pub needs: FeatureSet,
}

/// Whether it was for want of room: there may be some, once what is past its time is ended.
fn is_full(refusal: &Refusal) -> bool {
    matches!(refusal.cause, Cause::SipLimit | Cause::AppLimit)
}

fn needs(request: &Registering) -> FeatureSet {
    request.adds.iter().fold(FeatureSet::NONE, |all, want| all.union(want.needs))
}

/// Decides without taking.
fn judge(
    entry: Option<&Entry>,
    owned: &Owned,
    request: &Registering,
    limits: &Limits,
    now: Now,
) -> Judged {
    let mut renewed = Nos::new();
    let mut apps = 0u32;
    let mut fresh = 0usize;
    for want in request.adds {
        let known = entry.and_then(|entry| entry.find(want.matcher)).filter(|known| known.counts());
        match known {
            Some(known) if known.app || !want.app => renewed.push(known.no),
            // A device that turns into an app needs an app seat, but is no further device.
            Some(_) => apps += 1,
            None => {
                fresh += 1;
                apps += u32::from(want.app);
            }
        }
    }
    let needs = needs(request);
    if renewed.len() == request.adds.len() {
        return match owned.path.invalid(now.moment(), needs) {
            Some(refusal) => Judged::Refuse(refusal),
            None => Judged::Renew(renewed),
        };
    }
    if request.standing == Standing::Bare && !entry.is_some_and(Entry::unchallenged) {
        return Judged::Unreserved(Unreserved::Bare);
    }
    let (leaving, leaving_apps) = entry.map_or((0, 0), |entry| leaving(entry, request, &renewed));
    let live = entry.map_or(0, |entry| entry.devices.iter().filter(|one| one.counts()).count());
    if (live + fresh).saturating_sub(leaving) > limits.max_devices {
        return Judged::Refuse(Refusal::without_gate(Cause::OverCapacity));
    }
    let sip = u32::from(entry.is_none_or(|entry| entry.held.units().sip == 0));
    let units = Units { sip, apps: apps.saturating_sub(leaving_apps) };
    let ask = Ask { units, claimed: !owned.created, needs };
    if let Some(refusal) = owned.path.cause(now.moment(), ask) {
        let silent = |entry: &Entry| entry.silent_app(limits.replace_after_ms, &renewed, now);
        return match refusal.cause {
            Cause::AppLimit if entry.and_then(silent).is_some() => {
                Judged::Unreserved(Unreserved::Replaces)
            }
            _ => Judged::Refuse(refusal),
        };
    }
    let Some(entry) = entry else { return Judged::Take(units) };
    if request.standing != Standing::Proved && entry.failed(now) {
        return Judged::Unreserved(Unreserved::LastFailed);
    }
    let twice = request.adds.iter().any(|want| entry.is_reserved(want.matcher));
    if twice || entry.unsettled() >= UNSETTLED_MAX {
        return Judged::Unreserved(Unreserved::TwoUnsettled);
    }
    Judged::Take(units)
}

/// How many devices the request removes, and how many of them hold an app seat.
fn leaving(entry: &Entry, request: &Registering, renewed: &[u32]) -> (usize, u32) {
    let goes = |device: &&Device| {
        device.counts()
            && !renewed.contains(&device.no)
            && request.leaves.iter().any(|leaves| leaves(device).is_some())
    };
    let devices = entry.devices.iter().filter(goes);
    let apps = devices.clone().filter(|device| device.app).count();
    (devices.count(), u32::try_from(apps).unwrap_or(u32::MAX))
}

fn newcomers(entry: Option<&Entry>, request: &Registering, now: Now) -> Vec<Device> {
    let known = |want: &&Wanted| {
        let found = entry.and_then(|entry| entry.find(want.matcher));
        found.is_none_or(|known| !known.counts() || want.app && !known.app)
    };
    let adds = request.adds.iter().filter(known);
    adds.map(|want| newcomer(&(want.ids)(), want.app, want.push, now)).collect()
}
