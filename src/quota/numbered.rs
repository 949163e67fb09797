//! Values of which a process meets few, each under a number of two bytes: domains, and our own ends of
//! flows. They are never forgotten; where there are too many, the rest has no number.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use parking_lot::Mutex;

/// Up to `MOST` values by number.
pub(super) struct Numbered<T, const MOST: usize> {
    /// Read without a lock.
    places: [OnceLock<T>; MOST],
    numbers: Mutex<BTreeMap<T, u16>>,
}

impl<T: Ord + Clone, const MOST: usize> Numbered<T, MOST> {
    /// None yet.
    pub const fn new() -> Self {
        let places = [const { OnceLock::new() }; MOST];
        Self { places, numbers: Mutex::new(BTreeMap::new()) }
    }

    /// The number of this value, which it has from now on; none where all are given.
    pub fn number<Q: Ord + ?Sized>(&self, value: &Q) -> Option<u16>
    where
        T: Borrow<Q> + for<'a> From<&'a Q>,
    {
        let mut numbers = self.numbers.lock();
        if let Some(number) = numbers.get(value) {
            return Some(*number);
        }
        let number = u16::try_from(numbers.len()).ok()?;
        let owned = T::from(value);
        self.places.get(usize::from(number))?.set(owned.clone()).ok()?;
        numbers.insert(owned, number);
        Some(number)
    }

    /// The value of this number.
    pub fn get(&self, number: u16) -> Option<&T> {
        self.places.get(usize::from(number))?.get()
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn a_value_keeps_its_number_and_the_last_ones_have_none() {
        let few: Numbered<Box<str>, 2> = Numbered::new();

        assert_eq!((few.number("a"), few.number("b")), (Some(0), Some(1)));
        assert_eq!((few.number("c"), few.number("a")), (None, Some(0)));
        assert_eq!(few.get(1).map(|value| &**value), Some("b"));
        assert_eq!(few.get(2), None);
    }
}
