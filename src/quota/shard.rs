//! One part of the seat table: entries found by number, and the ring by which they come due.
//! It neither decides nor counts.

use std::collections::VecDeque;
use std::sync::Arc;

use hashbrown::HashTable;

use super::entry::Entry;
use crate::clock::Now;

/// How far ahead entries are filed; one that is due later is filed again when its second comes.
const RING_SECS: u64 = 512;

/// How many marks of failure a shard keeps: made-up credentials for made-up numbers of a claimed
/// domain must not fill the memory.
const MARKS_MAX: usize = 1_024;

/// A part of the table.
#[derive(Default)]
pub(super) struct Shard {
    table: HashTable<u32>,
    slots: Vec<Option<Box<Entry>>>,
    free: Vec<u32>,
    ring: Ring,
    /// Slots whose entry changed since the ledger last looked; each at most once while it lives.
    pub dirty: Vec<u32>,
    /// Numbers that the ledger has a record of and that are gone: at most what it stored.
    pub gone: Vec<Arc<str>>,
    /// Slots whose number was marked as failed, oldest first: see [`Shard::mark_failed`].
    marked: VecDeque<u32>,
    /// Slots with a dormant device; some may have none any more.
    pub dormant: Vec<u32>,
}

impl Shard {
    pub fn find(&self, aor: &str, hash: u64) -> Option<u32> {
        let same = |slot: &u32| {
            let entry = self.slots.get(*slot as usize).and_then(Option::as_deref);
            entry.is_some_and(|entry| entry.hash == hash && *entry.aor == *aor)
        };
        self.table.find(hash, same).copied()
    }

    pub fn get(&self, slot: u32) -> Option<&Entry> {
        self.slots.get(slot as usize)?.as_deref()
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut Entry> {
        self.slots.get_mut(slot as usize)?.as_deref_mut()
    }

    pub fn insert(&mut self, entry: Entry) -> u32 {
        let hash = entry.hash;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(place) = self.slots.get_mut(slot as usize) {
            *place = Some(Box::new(entry));
        }
        let slots = &self.slots;
        let rehash = |slot: &u32| {
            slots.get(*slot as usize).and_then(Option::as_ref).map_or(0, |entry| entry.hash)
        };
        self.table.insert_unique(hash, slot, rehash);
        slot
    }

    /// Takes an entry out; dropped, it gives back all it holds.
    pub fn remove(&mut self, slot: u32) -> Option<Box<Entry>> {
        let entry = self.slots.get_mut(slot as usize)?.take()?;
        if let Ok(found) = self.table.find_entry(entry.hash, |other| *other == slot) {
            found.remove();
        }
        self.free.push(slot);
        if entry.stored {
            self.gone.push(Arc::clone(&entry.aor));
        }
        Some(entry)
    }

    /// How many slots there are, empty ones included: passes go over them by number.
    pub fn slots(&self) -> u32 {
        u32::try_from(self.slots.len()).unwrap_or(u32::MAX)
    }

    pub fn mark_dirty(&mut self, slot: u32) {
        let Some(entry) = self.get_mut(slot) else { return };
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(slot);
        }
    }

    /// Marks a number whose reservation ended without a 2xx. Beyond the bound the oldest mark is
    /// forgotten, and the entry that it kept alive.
    pub fn mark_failed(&mut self, slot: u32, late_margin_ms: u64, now: Now) {
        let Some(entry) = self.get_mut(slot) else { return };
        entry.mark_failed(now.mono_ms);
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
                && entry.filed == at
            {
                entry.filed = u64::MAX;
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
    fn file(&mut self, slot: u32, due_mono_ms: u64, filed: u64) -> u64 {
        let second = (due_mono_ms / 1000).clamp(self.at, self.at + RING_SECS - 1);
        if second >= filed {
            return filed;
        }
        if let Some(bucket) = self.buckets.get_mut((second % RING_SECS) as usize) {
            bucket.push(slot);
        }
        second
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
