//! What ends by itself: seats past their time, calls, marks. And what comes back by itself:
//! dormant push devices, oldest first, when there is allowance again.

use std::sync::Arc;

use super::device::Device;
use super::entry::Entry;
use super::measure::{Ask, Units};
use super::seats::Seats;
use super::shard::Scan;
use super::sync::Ordering;
use crate::clock::Now;

/// How many entries are looked at under one lock.
const BATCH: usize = 16;

impl Seats {
    /// Ends what is past its time. Returns how many devices are gone; a push device that the
    /// registrar still knows stays, with its seat or dormant.
    pub(super) fn expire(&self, now: Now) -> usize {
        self.swept_mono_ms.store(now.mono_ms, Ordering::Relaxed);
        let mut ended = 0;
        for shard in self.shards() {
            let mut scan = Scan::default();
            let mut more = true;
            while more {
                let mut shard = shard.lock();
                for _ in 0..BATCH {
                    let Some(slot) = shard.next_due(now, &mut scan) else {
                        more = false;
                        break;
                    };
                    if let Some(entry) = shard.get_mut(slot) {
                        ended += entry.expire(self.limits.late_margin_ms, now);
                    }
                    shard.finish(slot, self.limits.late_margin_ms, now);
                }
            }
        }
        ended
    }

    /// For a gate that was found full: ends what is past its time, at most once a millisecond.
    /// Returns whether it did look.
    pub(super) fn end_overdue(&self, now: Now) -> bool {
        // Relaxed: at worst two look at once.
        if self.swept_mono_ms.load(Ordering::Relaxed) == now.mono_ms {
            return false;
        }
        self.expire(now);
        true
    }

    /// Takes the seats of dormant devices again, oldest first, as far as there is room.
    pub(super) fn wake(&self, now: Now) -> Vec<Woken> {
        let mut waiting = Vec::new();
        for (index, shard) in self.shards().iter().enumerate() {
            let listed = std::mem::take(&mut shard.lock().dormant);
            let mut kept = Vec::with_capacity(listed.len());
            for slots in listed.chunks(BATCH) {
                let mut shard = shard.lock();
                for slot in slots {
                    let Some(entry) = shard.get_mut(*slot) else { continue };
                    let before = waiting.len();
                    let dormant = entry.devices.iter().filter(|device| device.dormant);
                    waiting
                        .extend(dormant.map(|device| (device.since_ms, device.no, index, *slot)));
                    entry.dormant_listed = waiting.len() > before;
                    if entry.dormant_listed {
                        kept.push(*slot);
                    }
                }
            }
            shard.lock().dormant.append(&mut kept);
        }
        waiting.sort_unstable();
        let mut woken = Vec::new();
        for (_, no, index, slot) in waiting {
            let Some(shard) = self.shards().get(index) else { continue };
            let mut shard = shard.lock();
            let Some(entry) = shard.get_mut(slot) else { continue };
            if entry.wake(no, self.limits.max_devices, now) {
                woken.push(Woken { aor: entry.aor(), no });
                shard.finish(slot, self.limits.late_margin_ms, now);
            }
        }
        woken
    }
}

/// A dormant device that has its seat again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Woken {
    pub aor: Arc<str>,
    pub no: u32,
}

impl Entry {
    fn expire(&mut self, late_margin_ms: u64, now: Now) -> usize {
        self.forget_past(now);
        let (mut at, mut ended) = (0, 0);
        while let Some(device) = self.devices.get(at) {
            let (no, until) = (device.no, device.until_mono_ms());
            let gone = match device.dormant {
                true => !device.sleeps(now),
                // Nobody re-registers for a sleeping device: its seat goes on, or waits.
                false if device.sleeps(now) => {
                    if until <= now.mono_ms {
                        self.renew_sleeper(no, now);
                    }
                    false
                }
                false => until.saturating_add(late_margin_ms) <= now.mono_ms,
            };
            if gone {
                self.remove(no, None, now);
                ended += 1;
            } else {
                at += 1;
            }
        }
        ended
    }

    /// A sleeping device whose seat ended before the registrar's binding: at the clamp either the
    /// path is still valid, and it keeps its seat up to the next clamp, or it waits.
    fn renew_sleeper(&mut self, no: u32, now: Now) {
        let path = Arc::clone(self.held.path());
        let Some(device) = self.device_mut(no) else { return };
        match path.invalid(now.moment(), device.needs) {
            None => device.stretch(clamp_mono_ms(&path, device, now)),
            Some(_) => device.dormant = true,
        }
        self.changed = true;
    }

    /// Takes a dormant device's seat again, if there is room.
    fn wake(&mut self, no: u32, max_devices: usize, now: Now) -> bool {
        if self.devices.iter().filter(|device| device.counts()).count() >= max_devices {
            return false;
        }
        let path = Arc::clone(self.held.path());
        let claimed = !self.created();
        let needed = self.needed();
        let Some(device) = self.devices.iter_mut().find(|device| device.no == no) else {
            return false;
        };
        if !device.dormant || !device.sleeps(now) {
            return false;
        }
        let apps = needed.apps + u32::from(device.app);
        let units = Units { sip: 1, apps }.beyond(self.held.units());
        let ask = Ask { units, claimed, needs: device.needs };
        if self.held.take(now.moment(), ask).is_err() {
            return false;
        }
        device.dormant = false;
        device.stretch(clamp_mono_ms(&path, device, now));
        if units.sip > 0 {
            self.seated(now.wall_ms);
        }
        self.changed = true;
        true
    }
}

fn clamp_mono_ms(path: &super::path::Path, device: &Device, now: Now) -> u64 {
    let clamp = path.clamp(now.moment(), device.needs);
    clamp.map(|at| now.mono_at(at.0.saturating_mul(1000))).unwrap_or(u64::MAX)
}
