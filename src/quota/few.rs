//! A list that mostly has one element: that one stands in place, with nothing beside it.

use std::ops::{Deref, DerefMut};

use thin_vec::ThinVec;

/// A list without an overhead where it has one element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Few<T>(List<T>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum List<T> {
    One(T),
    /// None, or more than one.
    Many(ThinVec<T>),
}

impl<T> Few<T> {
    /// None.
    pub fn new() -> Self {
        Self(List::Many(ThinVec::new()))
    }

    /// Adds one at the end.
    pub fn push(&mut self, value: T) {
        if self.is_empty() {
            self.0 = List::One(value);
            return;
        }
        let mut all = self.take();
        all.push(value);
        self.0 = List::Many(all);
    }

    /// Takes one out; those behind it move up.
    pub fn remove(&mut self, index: usize) -> Option<T> {
        let mut all = match std::mem::take(self).0 {
            List::One(one) if index == 0 => return Some(one),
            List::One(one) => {
                self.0 = List::One(one);
                return None;
            }
            List::Many(all) => all,
        };
        let taken = (index < all.len()).then(|| all.remove(index));
        *self = Self::from(all);
        taken
    }

    /// Takes all of them out.
    pub fn take(&mut self) -> ThinVec<T> {
        match std::mem::replace(&mut self.0, List::Many(ThinVec::new())) {
            List::One(one) => ThinVec::from_iter([one]),
            List::Many(all) => all,
        }
    }
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> From<ThinVec<T>> for Few<T> {
    fn from(mut all: ThinVec<T>) -> Self {
        match (all.pop(), all.is_empty()) {
            (None, _) => Self::new(),
            (Some(one), true) => Self(List::One(one)),
            (Some(last), false) => {
                all.push(last);
                Self(List::Many(all))
            }
        }
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut few = Self::new();
        values.into_iter().for_each(|value| few.push(value));
        few
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match &self.0 {
            List::One(one) => std::slice::from_ref(one),
            List::Many(all) => all,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match &mut self.0 {
            List::One(one) => std::slice::from_mut(one),
            List::Many(all) => all,
        }
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn it_does_what_a_list_does() {
        let mut few = Few::new();
        assert!(few.is_empty());

        (1..=3).for_each(|value| few.push(value));
        assert_eq!(*few, [1, 2, 3]);
        assert_eq!((few.remove(3), few.remove(0)), (None, Some(1)));
        assert_eq!(few.remove(0), Some(2));
        few[0] = 4;

        assert_eq!(few, [4].into_iter().collect());
        assert_eq!(few.remove(0), Some(4));
        assert_eq!(few, Few::default());
    }

    #[test]
    fn one_takes_no_more_room_than_itself() {
        assert_eq!(size_of::<Few<Box<[u8]>>>(), 16);
        assert_eq!(size_of::<Few<(u64, bool)>>(), 16);
    }
}
