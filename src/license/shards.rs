//! A map in pieces behind `Arc`s: a copy costs some hundred counters, a write copies one piece.
//! It knows nothing of what it holds.

use std::borrow::Borrow;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

use foldhash::fast::RandomState;
use hashbrown::HashTable;

/// Pieces of one map. At 1,000,000 entries one piece holds about 2,000.
pub(super) const PIECES: usize = 512;

/// A copy-on-write hash map.
#[derive(Clone)]
pub(super) struct Shards<K, V> {
    pieces: Vec<Arc<HashTable<(K, V)>>>,
    hasher: RandomState,
    len: usize,
}

impl<K: Hash + Eq + Clone, V: Clone> Shards<K, V> {
    /// An empty map.
    pub fn new() -> Self {
        let empty = Arc::new(HashTable::new());
        Self { pieces: vec![empty; PIECES], hasher: RandomState::default(), len: 0 }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// The value at `key`.
    pub fn get<Q: Hash + Eq + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let piece = self.pieces.get(piece_of(hash))?;
        piece.find(hash, |(held, _)| held.borrow() == key).map(|(_, value)| value)
    }

    /// The value at `key`, for writing; copies its piece where it is shared.
    pub fn get_mut<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<&mut V>
    where
        K: Borrow<Q>,
    {
        let hash = self.hasher.hash_one(key);
        let piece = self.pieces.get_mut(piece_of(hash))?;
        if Arc::get_mut(piece).is_none() {
            // Shared: copied only for what is there.
            piece.find(hash, |(held, _)| held.borrow() == key)?;
        }
        let found = Arc::make_mut(piece).find_mut(hash, |(held, _)| (*held).borrow() == key);
        found.map(|(_, value)| value)
    }

    /// Puts `value` at `key` and gives back what stood there.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        if let Some(held) = self.get_mut(&key) {
            return Some(std::mem::replace(held, value));
        }
        let hash = self.hasher.hash_one(&key);
        let hasher = &self.hasher;
        if let Some(piece) = self.pieces.get_mut(piece_of(hash)) {
            Arc::make_mut(piece)
                .insert_unique(hash, (key, value), |(held, _)| hasher.hash_one(held));
            self.len += 1;
        }
        None
    }

    /// Takes the value at `key` out.
    pub fn remove<Q: Hash + Eq + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        self.get(key)?;
        let hash = self.hasher.hash_one(key);
        let piece = Arc::make_mut(self.pieces.get_mut(piece_of(hash))?);
        let entry = piece.find_entry(hash, |(held, _)| held.borrow() == key).ok()?;
        let ((_, value), _) = entry.remove();
        self.len -= 1;
        Some(value)
    }

    /// Every entry, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.pieces.iter().flat_map(|piece| piece.iter()).map(|(key, value)| (key, value))
    }
}

/// The bits above those that choose a bucket inside a piece and below those that tag it.
pub(super) fn piece_of(hash: u64) -> usize {
    usize::try_from(hash >> 40).unwrap_or_default() % PIECES
}

impl<K: Hash + Eq + Clone, V: Clone> Default for Shards<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K, V> fmt::Debug for Shards<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} entries", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_does_not_see_later_writes() {
        let mut map = Shards::new();
        map.insert(1, "one");
        let copy = map.clone();

        map.insert(1, "uno");
        map.insert(2, "due");
        map.remove(&1);

        assert_eq!(copy.get(&1), Some(&"one"));
        assert_eq!(copy.len(), 1);
        assert_eq!(map.get(&1), None);
        assert_eq!(map.get(&2), Some(&"due"));
        assert_eq!(map.len(), 1);
    }

    #[test]
    fn holds_what_was_put_in_over_many_pieces() {
        let mut map = Shards::new();
        for key in 0..10_000 {
            map.insert(key, key * 2);
        }

        assert_eq!(map.len(), 10_000);
        assert_eq!(map.iter().count(), 10_000);
        assert!((0..10_000).all(|key| map.get(&key) == Some(&(key * 2))));
    }
}
