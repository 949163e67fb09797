//! One part of the seat table: entries found by number, and the ring by which they come due.
//! It neither decides nor counts.

use std::collections::VecDeque;

use foldhash::quality::RandomState;

use super::entry::Entry;
use super::name::Name;
use super::slab::Slab;
use crate::clock::Now;
use crate::license::{Places, Whereabouts};

/// How far ahead entries are filed; one that is due later is filed again when its second comes.
const RING_SECS: u64 = 512;

/// How many marks of failure a shard keeps: made-up credentials for made-up numbers of a claimed
/// domain must not fill the memory.
const MARKS_MAX: usize = 1_024;

/// Room for so many changed entries is kept when none is left.
const DIRTY_KEPT: usize = 1_024;

/// A part of the table.
#[derive(Default)]
pub(super) struct Shard {
    /// That of the whole table.
    hasher: RandomState,
    places: Places,
    entries: Slab<Entry>,
    ring: Ring,
    /// Slots whose entry changed since the ledger last looked; each at most once while it lives.
    pub dirty: Vec<u32>,
    /// Numbers that the ledger has a record of and that are gone: at most what it stored.
    pub gone: Vec<Name>,
    /// Slots whose number was marked as failed, oldest first: see [`Shard::mark_failed`].
    marked: VecDeque<u32>,
    /// Slots with a dormant device; some may have none any more.
    pub dormant: Vec<u32>,
    /// Of the last reservation: none of two that wait in one shard have the same.
    ticket: u32,
}

impl Shard {
    /// Without entries; numbers are hashed by `hasher`.
    pub fn new(hasher: &RandomState) -> Self {
        Self { hasher: hasher.clone(), ..Self::default() }
    }

    pub fn find(&self, aor: &str, hash: u64) -> Option<u32> {
        self.places.find(hash, |slot| self.get(slot).is_some_and(|entry| entry.is(aor)))
    }

    /// Where the search for a hash begins.
    pub fn whereabouts_of_place(&self, hash: u64) -> Option<Whereabouts> {
        self.places.whereabouts(hash)
    }

    /// The slot that most likely has this hash, and where it is.
    pub fn likely(&self, hash: u64) -> Option<(u32, Whereabouts)> {
        let slot = self.places.likely(hash)?;
        Some((slot, self.entries.whereabouts(slot)?))
    }

    pub fn get(&self, slot: u32) -> Option<&Entry> {
        self.entries.get(slot)
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.entries.get_mut(slot)
    }

    /// Puts in the entry of a number with this hash.
    pub fn insert(&mut self, entry: Entry, hash: u64) -> u32 {
        let slot = self.entries.insert(entry);
        self.places.insert(hash, slot);
        slot
    }

    /// Takes an entry out; dropped, it gives back all it holds.
    fn remove(&mut self, slot: u32) {
        let Some(hash) = self.get(slot).map(|entry| entry.hash(&self.hasher)) else { return };
        self.places.remove(hash, |other| other == slot);
        if let Some(entry) = self.entries.remove(slot).filter(|entry| entry.stored) {
            self.gone.push(entry.into_name());
        }
    }

    /// Names a reservation.
    pub fn next_ticket(&mut self) -> u32 {
        self.ticket = self.ticket.wrapping_add(1);
        self.ticket
    }

    /// How many slots there are, empty ones included: passes go over them by number.
    pub fn slots(&self) -> u32 {
        self.entries.slots()
    }

    pub fn mark_dirty(&mut self, slot: u32) {
        let Some(entry) = self.get_mut(slot) else { return };
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Takes one out of those that changed. The memory of many goes with the last.
    pub fn next_dirty(&mut self) -> Option<u32> {
        let slot = self.dirty.pop()?;
        if self.dirty.is_empty() && self.dirty.capacity() > DIRTY_KEPT {
            self.dirty = Vec::new();
        }
        Some(slot)
    }

    /// Marks a number whose reservation ended without a 2xx. Beyond the bound the oldest mark is
    /// forgotten, and the entry that it kept alive.
    pub fn mark_failed(&mut self, slot: u32, late_margin_ms: u64, now: Now) {
        let Some(entry) = self.get_mut(slot) else { return };
        entry.rare_mut().mark_failed(now);
        self.marked.push_back(slot);
        if self.marked.len() <= MARKS_MAX {
            return;
        }
        let oldest = self.marked.pop_front().filter(|oldest| *oldest != slot);
        if let Some(entry) = oldest.and_then(|oldest| self.get_mut(oldest)) {
            entry.clear_failed();
        }
        oldest.into_iter().for_each(|oldest| self.finish(oldest, late_margin_ms, now));
    }

    /// After any change: gives back what is not needed, files the entry, drops it when empty.
    pub fn finish(&mut self, slot: u32, late_margin_ms: u64, now: Now) {
        let Some(entry) = self.get_mut(slot) else { return };
        entry.give_surplus();
        entry.tidy();
        let changed = std::mem::take(&mut entry.changed);
        if entry.is_empty(now) {
            self.remove(slot);
            return;
        }
        if changed {
            self.mark_dirty(slot);
        }
        let Some(entry) = self.get_mut(slot) else { return };
        let dormant = entry.devices.iter().any(|device| device.dormant);
        if let Some(due) = entry.due_mono_ms(late_margin_ms, now) {
            let filed = entry.filed;
            let second = self.ring.file(slot, due, filed);
            if let Some(entry) = self.get_mut(slot) {
                entry.filed = second;
            }
        }
        if let Some(entry) = self.get_mut(slot)
            && dormant
            && !entry.dormant_listed
        {
            entry.dormant_listed = true;
            self.dormant.push(slot);
        }
    }

    /// Takes out one entry whose second has come, until there is none; then that of the running
    /// second starts over at the next call. `scan` keeps the place between two calls.
    pub fn next_due(&mut self, now: Now, scan: &mut Scan) -> Option<u32> {
        loop {
            let slot = self.ring.next(now.mono_ms / 1000, scan)?;
            let at = scan.second;
            if let Some(entry) = self.get_mut(slot)
                && u64::from(entry.filed) == at
            {
                entry.filed = u32::MAX;
                return Some(slot);
            }
        }
    }
}

/// Buckets of a second each.
struct Ring {
    buckets: Vec<Vec<u32>>,
    /// The second that is being emptied; all before it are empty.
    at: u64,
}

/// The place of one sweep.
#[derive(Default)]
pub(super) struct Scan {
    second: u64,
    /// Taken out of the ring and not looked at yet.
    waiting: Vec<u32>,
    done: bool,
}

impl Default for Ring {
    fn default() -> Self {
        Self { buckets: (0..RING_SECS).map(|_| Vec::new()).collect(), at: 0 }
    }
}

impl Ring {
    /// Files a slot under the second of `due`, if that is before where it is filed.
    fn file(&mut self, slot: u32, due_mono_ms: u64, filed: u32) -> u32 {
        let second = (due_mono_ms / 1000).clamp(self.at, self.at + RING_SECS - 1);
        // A process does not run for 136 years.
        let Some(at) = u32::try_from(second).ok().filter(|at| *at < filed) else { return filed };
        if let Some(bucket) = self.buckets.get_mut((second % RING_SECS) as usize) {
            bucket.push(slot);
        }
        at
    }

    fn next(&mut self, now_secs: u64, scan: &mut Scan) -> Option<u32> {
        loop {
            if let Some(slot) = scan.waiting.pop() {
                return Some(slot);
            }
            if scan.done || self.at > now_secs {
                return None;
            }
            scan.second = self.at;
            scan.done = self.at == now_secs;
            let bucket = self.buckets.get_mut((self.at % RING_SECS) as usize)?;
            scan.waiting = std::mem::take(bucket);
            if !scan.done {
                self.at += 1;
            }
        }
    }
}
