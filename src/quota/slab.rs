//! Entries by number, in chunks that never move: a table that grows copies nothing while its mutex is
//! held, and an entry is found without a pointer to follow.

use crate::license::Whereabouts;

/// Entries of one chunk.
const CHUNK: usize = 64;

/// Numbered places; those that are free are taken again.
pub(super) struct Slab<T> {
    chunks: Vec<Vec<Option<T>>>,
    free: Vec<u32>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self { chunks: Vec::new(), free: Vec::new() }
    }
}

impl<T> Slab<T> {
    pub fn get(&self, slot: u32) -> Option<&T> {
        self.chunks.get(slot as usize / CHUNK)?.get(slot as usize % CHUNK)?.as_ref()
    }

    pub fn get_mut(&mut self, slot: u32) -> Option<&mut T> {
        self.chunks.get_mut(slot as usize / CHUNK)?.get_mut(slot as usize % CHUNK)?.as_mut()
    }

    /// Where a place is, taken or not.
    pub fn whereabouts(&self, slot: u32) -> Option<Whereabouts> {
        let chunk = self.chunks.get(slot as usize / CHUNK)?;
        chunk.get(slot as usize % CHUNK).map(Whereabouts::of)
    }

    pub fn insert(&mut self, value: T) -> u32 {
        if let Some(slot) = self.free.pop()
            && let Some(chunk) = self.chunks.get_mut(slot as usize / CHUNK)
            && let Some(place) = chunk.get_mut(slot as usize % CHUNK)
        {
            *place = Some(value);
            return slot;
        }
        let slot = self.slots();
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(Some(value)),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(Some(value));
                self.chunks.push(chunk);
            }
        }
        slot
    }

    pub fn remove(&mut self, slot: u32) -> Option<T> {
        let chunk = self.chunks.get_mut(slot as usize / CHUNK)?;
        let value = chunk.get_mut(slot as usize % CHUNK)?.take()?;
        self.free.push(slot);
        Some(value)
    }

    /// How many slots there are, empty ones included.
    pub fn slots(&self) -> u32 {
        let last = self.chunks.last().map_or(CHUNK, Vec::len);
        let all = self.chunks.len() * CHUNK - if self.chunks.is_empty() { 0 } else { CHUNK - last };
        u32::try_from(all).unwrap_or(u32::MAX)
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn a_slot_keeps_its_number_and_a_free_one_is_taken_again() {
        let mut slab = Slab::default();
        let slots: Vec<u32> = (0..600).map(|n| slab.insert(n)).collect();
        assert_eq!(slots, (0..600).collect::<Vec<u32>>());

        assert_eq!(slab.remove(300), Some(300));
        assert_eq!(slab.remove(300), None);
        assert_eq!(slab.get(300), None);

        assert_eq!((slab.insert(7), slab.insert(8), slab.slots()), (300, 600, 601));
        assert_eq!((slab.get(300), slab.get(600)), (Some(&7), Some(&8)));
        assert_eq!(slab.get(601), None);
    }
}
