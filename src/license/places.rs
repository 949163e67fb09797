//! Places in a list, found by hash: one word each, the upper half of the hash beside the place, so that
//! a look-up follows a place only where that half is the same. It knows nothing of what stands there, and
//! the lower half of the hash is for others to use.

use super::ahead::Whereabouts;

/// Open addressing, linear probing; at most three quarters are taken, and at least two thirds once there
/// are some. 0 is a free word.
#[derive(Clone, Debug, Default)]
pub struct Places {
    words: Vec<u64>,
    len: usize,
}

impl Places {
    /// The place of what has this hash and `is` so.
    pub fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.seek(hash, is).map(|(_, place)| place)
    }

    /// The place of what has nearly all of this hash: mostly what has all of it.
    pub fn likely(&self, hash: u64) -> Option<u32> {
        self.find(hash, |_| true)
    }

    /// Where the search for a hash begins.
    pub fn whereabouts(&self, hash: u64) -> Option<Whereabouts> {
        self.words.get(self.home(hash)).map(Whereabouts::of)
    }

    fn seek(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<(usize, u32)> {
        let mut at = self.home(hash);
        loop {
            let word = *self.words.get(at)?;
            if word == 0 {
                return None;
            }
            if word >> 32 == hash >> 32
                && let Some(place) = place_of(word)
                && is(place)
            {
                return Some((at, place));
            }
            at = self.next(at);
        }
    }

    /// Adds a place.
    pub fn insert(&mut self, hash: u64, place: u32) {
        if (self.len + 1) * 4 > self.words.len() * 3 {
            self.grow();
        }
        self.put(word_of(hash, place));
        self.len += 1;
    }

    /// Takes the place of what has this hash and `is` so out.
    pub fn remove(&mut self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        let (mut free, place) = self.seek(hash, is)?;
        self.len -= 1;
        // Whatever was pushed past the free word comes back, or it would not be found any more.
        let mut at = self.next(free);
        while let Some(word) = self.words.get(at).copied().filter(|word| *word != 0) {
            let home = self.home(word);
            let distance = |from: usize| self.distance(from, at);
            if distance(home) >= distance(free) {
                self.set(free, word);
                free = at;
            }
            at = self.next(at);
        }
        self.set(free, 0);
        Some(place)
    }

    /// What stood at `old` stands at `new` now.
    pub fn moved(&mut self, hash: u64, old: u32, new: u32) {
        if let Some((at, _)) = self.seek(hash, |place| place == old) {
            self.set(at, word_of(hash, new));
        }
    }

    /// Where the search for a hash, or for a word with it, begins.
    fn home(&self, hash: u64) -> usize {
        // The upper half of the hash, as a fraction of one, by how many words there are.
        (((hash >> 32) * self.words.len() as u64) >> 32) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 < self.words.len() { at + 1 } else { 0 }
    }

    /// How many steps it is from one word to another.
    fn distance(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.words.len() - from }
    }

    fn set(&mut self, at: usize, word: u64) {
        if let Some(place) = self.words.get_mut(at) {
            *place = word;
        }
    }

    fn put(&mut self, word: u64) {
        let mut at = self.home(word);
        while self.words.get(at).is_some_and(|word| *word != 0) {
            at = self.next(at);
        }
        self.set(at, word);
    }

    /// What stands at the places need not be looked at: the words know where they belong.
    fn grow(&mut self) {
        let old = std::mem::take(&mut self.words);
        // By an eighth: doubling would keep half of them empty.
        self.words = vec![0; old.len() + (old.len() / 8).max(8)];
        old.into_iter().filter(|word| *word != 0).for_each(|word| self.put(word));
    }
}

fn word_of(hash: u64, place: u32) -> u64 {
    hash >> 32 << 32 | u64::from(place.wrapping_add(1))
}

fn place_of(word: u64) -> Option<u32> {
    (word as u32).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Few bits, so that many meet.
    fn hash(key: u32) -> u64 {
        let few = u64::from(key % 37);
        few | few << 33
    }

    #[test]
    fn it_does_what_a_map_does() {
        let mut places = Places::default();
        let mut expected = BTreeMap::new();
        let mut dice = 7u64;
        for _ in 0..50_000 {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let key = (dice >> 40) as u32 % 200;
            if expected.remove(&key).is_some() {
                assert_eq!(places.remove(hash(key), |place| place == key), Some(key));
            } else {
                assert_eq!(places.find(hash(key), |place| place == key), None);
                places.insert(hash(key), key);
                expected.insert(key, ());
            }
        }

        for key in 0..200 {
            let found = places.find(hash(key), |place| place == key);
            assert_eq!(found.is_some(), expected.contains_key(&key));
        }
        assert_eq!(places.len, expected.len());
    }

    #[test]
    fn what_moved_is_found_where_it_is() {
        let mut places = Places::default();
        places.insert(5, 1);

        places.moved(5, 1, 9);

        assert_eq!(places.find(5, |_| true), Some(9));
        assert_eq!(Places::default().find(5, |_| true), None);
    }
}
