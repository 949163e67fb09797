//! The second half of taking a seat: what a 2xx grants, removes and lists. A 2xx without a
//! reservation takes its seats there and then.

use smallvec::{SmallVec, smallvec};

use super::device::{Binding, Device, Ids};
use super::entry::{Entry, Matcher, newcomer};
use super::measure::{Ask, Units};
use super::path::Refusal;
use super::seats::{Limits, Nos, Seats};
use super::snapshot::Owned;
use super::ticket::Ticket;
use crate::clock::Now;
use crate::license::{Cause, FeatureSet};

/// One Contact that the 2xx grants.
pub struct Granted<'a> {
    pub matcher: Matcher<'a>,
    pub ids: Ids,
    pub app: bool,
    pub push: bool,
    pub needs: FeatureSet,
    /// Its seat is cut to what the license allows; `upstream_until_mono_ms` is not.
    pub binding: Binding,
}

/// What a 2xx says.
pub struct Answer<'a> {
    pub granted: &'a [Granted<'a>],
    /// Devices that it shows gone.
    pub gone: &'a [Matcher<'a>],
    /// Of its request, as we sent them on.
    pub order: u64,
    /// Whether the answer lists a device, where the registrar lists all.
    pub listed: Option<&'a dyn Fn(&Device) -> bool>,
    /// Granted to a request without credentials.
    pub unchallenged: bool,
}

/// What became of one granted Contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// Device `no` holds its seat until then.
    Until { no: u32, until_mono_ms: u64 },
    /// A later request was settled before: nothing changed.
    Stale,
    /// There was no room: see `late_refusal`.
    Refused,
}

/// What a 2xx changed.
#[derive(Debug, Default)]
pub struct Settled {
    /// For each of `granted`, in order.
    pub kept: SmallVec<[Kept; 1]>,
    /// Devices that the answer shows gone.
    pub gone: Vec<Device>,
    /// Devices that the answer lists no longer, or whose place was taken.
    pub replaced: Vec<Device>,
    /// Why new devices got no seat although the registrar granted them.
    pub late_refusal: Option<Refusal>,
}

/// What a granted Contact is to the entry.
#[derive(Clone, Copy)]
enum Fate {
    Stale,
    /// It holds its seat.
    Renew(u32),
    /// It is known, but dormant.
    Wake(u32),
    New,
}

impl Seats {
    /// Settles a REGISTER that was answered 2xx, with or without a reservation.
    pub fn settle(
        &self,
        aor: &str,
        owned: &Owned,
        ticket: Option<Ticket>,
        answer: &Answer,
        now: Now,
    ) -> Settled {
        // Redeemed before the shard is locked: a dropped ticket locks it too.
        let ticket = ticket.filter(|ticket| ticket.aor() == aor).map(Ticket::redeem);
        let mut settled = Settled::default();
        if !self.try_settle((aor, owned), ticket, answer, &mut settled, Attempt::First, now) {
            self.end_overdue(now);
            self.try_settle((aor, owned), ticket, answer, &mut settled, Attempt::Last, now);
        }
        settled
    }

    /// Returns false where a first attempt found a gate full: nothing was added then.
    fn try_settle(
        &self,
        (aor, owned): (&str, &Owned),
        ticket: Option<u32>,
        answer: &Answer,
        settled: &mut Settled,
        attempt: Attempt,
        now: Now,
    ) -> bool {
        let hash = self.hash(aor);
        let mut shard = self.shard(hash).lock();
        let found = shard.find(aor, hash);
        if found.is_none() && answer.granted.is_empty() {
            return true;
        }
        let slot = found.unwrap_or_else(|| shard.insert(Entry::new(aor, owned), hash));
        let Some(entry) = shard.get_mut(slot) else { return true };
        // Look again under the lock: the sweep of a publish sees this entry, or this look sees it.
        let done = match self.owned(aor) {
            Some(fresh) => {
                self.follow(entry, &fresh);
                let added = entry.devices.len();
                let done = entry.apply(ticket, answer, settled, (attempt, &self.limits), now);
                if entry.devices.len() > added {
                    self.note_over(entry);
                }
                done
            }
            None => {
                ticket.and_then(|ticket| entry.take_unsettled(ticket));
                settled.kept = smallvec![Kept::Refused; answer.granted.len()];
                settled.late_refusal = Some(Refusal::without_gate(Cause::UnknownNumber));
                true
            }
        };
        shard.finish(slot, self.limits.late_margin_ms, now);
        done
    }
}

/// Whether what is overdue elsewhere has been ended already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Attempt {
    First,
    Last,
}

impl Entry {
    fn apply(
        &mut self,
        ticket: Option<u32>,
        answer: &Answer,
        settled: &mut Settled,
        (attempt, limits): (Attempt, &Limits),
        now: Now,
    ) -> bool {
        let reserved = ticket.and_then(|ticket| self.take_unsettled(ticket));
        self.remove_gone(answer, settled, now);
        let fates: SmallVec<[Fate; 4]> =
            answer.granted.iter().map(|granted| self.fate(granted, answer.order)).collect();
        let admitted = self.admit(answer, &fates, settled, limits, now);
        let full = |refusal: &Refusal| matches!(refusal.cause, Cause::SipLimit | Cause::AppLimit);
        if attempt == Attempt::First && admitted.is_err_and(|refusal| full(&refusal)) {
            reserved.into_iter().for_each(|one| self.rare_mut().unsettled.push(one));
            return false;
        }
        // Validity stops renewals too; a full gate stops only who is new.
        let renews = admitted.is_ok_and(|()| true) || admitted.is_err_and(|refusal| full(&refusal));
        for (fate, granted) in fates.iter().zip(answer.granted) {
            let no = match *fate {
                Fate::Stale => {
                    settled.kept.push(Kept::Stale);
                    continue;
                }
                Fate::Renew(no) if renews => Some(no),
                Fate::Wake(no) if admitted.is_ok() => Some(no),
                Fate::New if admitted.is_ok() => Some(self.add(granted, limits, now)),
                _ => None,
            };
            let kept = no.and_then(|no| self.register(no, granted, answer.order, now));
            settled.kept.push(kept.unwrap_or(Kept::Refused));
        }
        self.remove_unlisted(answer, settled, now);
        settled.late_refusal = admitted.err();
        if admitted.is_ok() {
            self.clear_failed();
            self.changed |= answer.unchallenged && !self.unchallenged;
            self.unchallenged |= answer.unchallenged;
        }
        true
    }

    fn remove_gone(&mut self, answer: &Answer, settled: &mut Settled, now: Now) {
        for gone in answer.gone {
            let older = |device: &&Device| device.order.get() <= answer.order;
            let Some(no) = self.find(gone).filter(older).map(|device| device.no) else { continue };
            settled.gone.extend(self.remove(no, Some(answer.order), now));
        }
    }

    fn fate(&mut self, granted: &Granted, order: u64) -> Fate {
        match self.find(granted.matcher) {
            Some(known) if known.order.get() > order => Fate::Stale,
            Some(known) if known.counts() => Fate::Renew(known.no),
            Some(known) => Fate::Wake(known.no),
            None if self.was_removed_after(order, granted.matcher) => Fate::Stale,
            None => {
                // Another request of this device holds the seat that this answer grants.
                self.release_reserved(granted.matcher);
                Fate::New
            }
        }
    }

    /// Takes what the devices of the answer lack, or says what refuses them.
    fn admit(
        &mut self,
        answer: &Answer,
        fates: &[Fate],
        settled: &mut Settled,
        limits: &Limits,
        now: Now,
    ) -> Result<(), Refusal> {
        let mut needs = FeatureSet::NONE;
        let (mut fresh, mut apps, mut kept) = (0, 0, Nos::new());
        for (fate, granted) in fates.iter().zip(answer.granted) {
            match *fate {
                Fate::Stale => continue,
                Fate::Renew(no) => {
                    kept.push(no);
                    let was = self.device(no).is_some_and(|device| device.app);
                    apps += u32::from(granted.app && !was);
                }
                Fate::Wake(_) | Fate::New => {
                    fresh += 1;
                    apps += u32::from(granted.app);
                }
            }
            needs = needs.union(granted.needs);
        }
        if fates.iter().all(|fate| matches!(fate, Fate::Stale)) {
            return Ok(());
        }
        let live = self.devices.iter().filter(|device| device.counts()).count();
        if fresh > 0 && live + fresh > limits.max_devices {
            return Err(Refusal::without_gate(Cause::OverCapacity));
        }
        loop {
            let needed = self.needed();
            let needed = Units { sip: 1, apps: needed.apps + apps };
            let units = needed.beyond(self.held.units());
            let ask = Ask { units, claimed: !self.created(), needs };
            let Err(refusal) = self.held.take(now.moment(), ask) else {
                if units.sip > 0 {
                    self.seated(now.wall_ms);
                }
                return Ok(());
            };
            let silent = self.silent_app(limits.replace_after_ms, &kept, now);
            let Some(no) = silent.filter(|_| refusal.cause == Cause::AppLimit) else {
                return Err(refusal);
            };
            settled.replaced.extend(self.remove(no, None, now));
        }
    }

    fn add(&mut self, granted: &Granted, limits: &Limits, now: Now) -> u32 {
        // Dormant devices are bounded too: the one that lost its seat first gives up.
        let dormant = self.devices.iter().filter(|device| device.dormant);
        if dormant.clone().count() >= limits.max_devices
            && let Some(no) = dormant.min_by_key(|device| device.since_ms).map(|device| device.no)
        {
            self.remove(no, None, now);
        }
        let mut device = newcomer(&Ids::default(), granted.app, granted.push, now);
        device.no = self.next_no();
        device.over = self.held.is_over();
        let no = device.no;
        self.devices.push(device);
        self.changed = true;
        no
    }

    /// Writes what was granted into its device.
    fn register(&mut self, no: u32, granted: &Granted, order: u64, now: Now) -> Option<Kept> {
        let clamp = self.held.path().clamp(now.moment(), granted.needs);
        let clamp = clamp.map(|at| now.mono_at(at.0.saturating_mul(1000))).unwrap_or(u64::MAX);
        let device = self.device_mut(no)?;
        if device.dormant {
            device.dormant = false;
            device.since_ms = now.wall_ms.into();
        }
        // An answer shows no User-Agent: who was an app by that still is one.
        let app = granted.app || device.app && granted.ids.user_agent.is_empty();
        (device.app, device.push, device.needs) = (app, granted.push, granted.needs);
        device.order = order.into();
        device.heard_mono_ms = now.mono_ms.into();
        let mut changed = device.note(&granted.ids, &granted.binding, clamp, now);
        changed |= device.outlives_record();
        let until_mono_ms = device.until_mono_ms();
        self.changed |= changed;
        Some(Kept::Until { no, until_mono_ms })
    }

    /// Where the registrar lists all it knows: what it no longer lists was replaced there.
    fn remove_unlisted(&mut self, answer: &Answer, settled: &mut Settled, now: Now) {
        let Some(listed) = answer.listed else { return };
        let kept = |no: u32| {
            let until = |kept: &Kept| matches!(kept, Kept::Until { no: other, .. } if *other == no);
            settled.kept.iter().any(until)
        };
        let unlisted: Vec<u32> = self
            .devices
            .iter()
            .filter(|device| {
                device.order.get() <= answer.order && !listed(device) && !kept(device.no)
            })
            .map(|device| device.no)
            .collect();
        for no in unlisted {
            settled.replaced.extend(self.remove(no, None, now));
        }
    }
}
