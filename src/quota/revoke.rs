//! Who gives way where a limit fell below use. One pass over the seats finds those under the gates
//! that are over; the order of the rules picks; what went is told as data, in portions.

use std::cmp::Reverse;
use std::sync::Arc;

use super::device::Device;
use super::entry::Entry;
use super::path::Stop;
use super::seats::{Nos, Seats};
use crate::clock::Now;
use crate::license::{Cause, Holder, RevokeOrder};

/// How many slots are looked at under one lock.
const BATCH: u32 = 16;
/// After so many slots whoever hears may rest; fewer are looked at without, for nobody is to hold a seat
/// beyond its end for the sake of it.
const LOOKS: u32 = 2_048;
/// How many give way in one portion.
const PORTION: usize = 64;
/// Reservations may come and go meanwhile: so often the pass is made again.
const PASSES: usize = 4;

/// What a number lost.
#[derive(Clone, Debug)]
pub struct Revoked {
    pub aor: Arc<str>,
    pub owner: Holder,
    pub created: bool,
    pub cause: Cause,
    /// The gate that was over; none where the number is nobody's any more.
    pub gate: Option<Holder>,
    /// The devices that lost their seats. Those that are dormant keep their bindings.
    pub devices: Vec<Device>,
    /// The number holds no SIP seat any more.
    pub number: bool,
    /// How many calls held a seat; they are left to end.
    pub calls: usize,
}

/// One seat that may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    class: Class,
    order: RevokeOrder,
    /// Among those of one millisecond the newest first.
    serial: Reverse<u32>,
    shard: usize,
    slot: u32,
}

/// SIP seats go before app seats: an app seat goes with its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Class {
    Sip,
    App,
}

impl Seats {
    /// Revokes as long as `is_over` says that a gate is. `hears` is told after each portion, and now and
    /// then while seats are only looked at; no lock of a seat is held then.
    pub(super) fn revoke(
        &self,
        is_over: impl Fn() -> bool,
        now: Now,
        hears: &mut dyn FnMut(Vec<Revoked>),
    ) {
        for _ in 0..PASSES {
            if !is_over() {
                break;
            }
            let (mut candidates, mut looked) = (Vec::new(), 0);
            for index in 0..self.shards().len() {
                looked += self.find_candidates(index, &mut candidates);
                if looked >= LOOKS {
                    looked = 0;
                    hears(Vec::new());
                }
            }
            candidates.sort_unstable();
            for portion in candidates.chunks(PORTION) {
                hears(portion.iter().filter_map(|one| self.evict(*one, now)).collect());
            }
        }
    }

    /// Gives how many slots were looked at.
    fn find_candidates(&self, shard: usize, found: &mut Vec<Candidate>) -> u32 {
        self.each_of(shard, &mut |slot, entry| {
            let place = |class, since| Candidate {
                class,
                order: entry.revoke_order(since),
                serial: Reverse(entry.serial),
                shard,
                slot,
            };
            if entry.sip_over().is_some() {
                found.push(place(Class::Sip, entry.since_ms));
            }
            if entry.apps_over().is_some() {
                found.extend(entry.app_seats().map(|since| place(Class::App, since)));
            }
        })
    }

    fn evict(&self, candidate: Candidate, now: Now) -> Option<Revoked> {
        let mut shard = self.shards().get(candidate.shard)?.lock();
        let entry = shard
            .get_mut(candidate.slot)
            .filter(|entry| Reverse(entry.serial) == candidate.serial)?;
        // Looked at again: seats may have gone by themselves since the pass.
        let mut revoked = match candidate.class {
            Class::Sip => {
                let stop = entry.sip_over()?.clone();
                entry.evict_all(&stop, Cause::SipLimit, now)
            }
            Class::App => {
                let stop = entry.apps_over()?.clone();
                entry.evict_newest_app(&stop, now)
            }
        };
        entry.give_surplus();
        revoked.number = entry.held.units().sip == 0;
        shard.finish(candidate.slot, self.limits.late_margin_ms, now);
        let reserved_only = revoked.devices.is_empty() && revoked.calls == 0;
        (!reserved_only).then_some(revoked)
    }

    /// Calls `f` for every entry. Each lock is held for a few entries only; entries that come meanwhile
    /// may be missed.
    pub(super) fn each(&self, mut f: impl FnMut(&Entry)) {
        for index in 0..self.shards().len() {
            self.each_of(index, &mut |_, entry| f(entry));
        }
    }

    /// The same for those of one shard, each with its slot; gives how many slots there were.
    fn each_of(&self, index: usize, f: &mut impl FnMut(u32, &Entry)) -> u32 {
        let Some(shard) = self.shards().get(index) else { return 0 };
        let mut slot = 0;
        loop {
            let shard = shard.lock();
            let end = shard.slots().min(slot + BATCH);
            (slot..end).for_each(|slot| {
                if let Some(entry) = shard.get(slot) {
                    f(slot, entry);
                }
            });
            if end == shard.slots() {
                return end;
            }
            slot = end;
        }
    }
}

impl Entry {
    /// The nearest gate at which SIP seats are over that this number counts in.
    fn sip_over(&self) -> Option<&Stop> {
        if self.held.units().sip == 0 {
            return None;
        }
        self.held.path().stops().iter().find(|stop| {
            let over = stop.gate.overhang();
            over.sip > 0 || over.claimed > 0 && stop.promises && self.held.claimed()
        })
    }

    /// The nearest gate at which app seats are over that this number counts in.
    fn apps_over(&self) -> Option<&Stop> {
        if self.held.units().apps == 0 {
            return None;
        }
        self.held.path().stops().iter().find(|stop| stop.gate.overhang().apps > 0)
    }

    /// Since when each of its app seats is held, reservations included.
    fn app_seats(&self) -> impl Iterator<Item = i64> {
        let counted = self.devices.iter().filter(|device| device.counts() && device.app);
        let reserved = self.reservations().iter().filter(|one| one.apps > 0);
        counted.map(|device| device.since_ms.into()).chain(reserved.map(|one| one.since_ms))
    }

    fn lost(&self, stop: &Stop, limit: Cause) -> Revoked {
        let view = stop.gate.view();
        Revoked {
            aor: self.aor(),
            owner: self.holder(),
            created: self.created(),
            cause: Cause::of_status(view.status).unwrap_or(limit),
            gate: Some(view.holder),
            devices: Vec::new(),
            number: false,
            calls: 0,
        }
    }

    /// The SIP seat goes, and with it every device, call and reservation.
    fn evict_all(&mut self, stop: &Stop, limit: Cause, now: Now) -> Revoked {
        let mut revoked = self.lost(stop, limit);
        revoked.calls = self.end_calls();
        let counted = self.devices.iter().filter(|device| device.counts());
        let nos: Nos = counted.map(|device| device.no).collect();
        revoked.devices.reserve_exact(nos.len());
        revoked.devices.extend(nos.into_iter().filter_map(|no| self.put_off(no, now)));
        self.changed = true;
        revoked
    }

    /// Everything goes, dormant devices too.
    pub(super) fn dissolve(&mut self, cause: Cause) -> Revoked {
        let revoked = Revoked {
            aor: self.aor(),
            owner: self.holder(),
            created: self.created(),
            cause,
            gate: None,
            devices: self.devices.take().into_iter().collect(),
            number: true,
            calls: self.end_calls(),
        };
        self.changed = true;
        revoked
    }

    /// Ends its calls and reservations; gives how many calls there were.
    fn end_calls(&mut self) -> usize {
        let Some(rare) = self.rare() else { return 0 };
        let calls = rare.calls.len();
        rare.calls.clear();
        rare.unsettled.take();
        calls
    }

    /// One device goes, dormant or not; with the last one goes the number's SIP seat.
    pub(super) fn free_device(&mut self, no: u32, now: Now) -> Option<Revoked> {
        let device = self.remove(no, None, now)?;
        Some(Revoked {
            aor: self.aor(),
            owner: self.holder(),
            created: self.created(),
            cause: Cause::NotRegistered,
            gate: None,
            devices: vec![device],
            number: self.needed().sip == 0,
            calls: 0,
        })
    }

    fn evict_newest_app(&mut self, stop: &Stop, now: Now) -> Revoked {
        let mut revoked = self.lost(stop, Cause::AppLimit);
        let reserved = self.reservations().iter().position(|one| one.apps > 0);
        if let (Some(index), Some(rare)) = (reserved, self.rare()) {
            rare.unsettled.remove(index);
            return revoked;
        }
        let apps = self.devices.iter().filter(|device| device.counts() && device.app);
        let newest = apps.max_by_key(|device| (device.since_ms, device.no)).map(|device| device.no);
        revoked.devices.extend(newest.and_then(|no| self.put_off(no, now)));
        revoked
    }

    /// A device loses its seat for want of allowance: one that sleeps waits, any other is gone.
    fn put_off(&mut self, no: u32, now: Now) -> Option<Device> {
        let device = self.device_mut(no)?;
        if device.sleeps(now) {
            device.dormant = true;
            let device = device.clone();
            self.changed = true;
            return Some(device);
        }
        self.remove(no, None, now)
    }
}
