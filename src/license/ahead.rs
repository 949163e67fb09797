//! Memory that is read soon, asked for ahead: what is far away comes while other work is done. A hint
//! to the processor; it reads nothing and changes nothing.

use std::ptr;
use std::sync::Arc;

use prefetch_index::prefetch_index;

/// What a processor fetches at once.
const LINE: usize = 64;
/// Lines asked for of one value: more than this few would push out what was asked for before.
const MOST_LINES: usize = 8;
/// Where addresses are counted from: an index past the end is a hint like any other.
const NOTHING: &[u8] = &[];
/// What stands before the value that an `Arc` holds.
const COUNTS: usize = 2 * size_of::<usize>();

/// Where a value stands. It may be gone when it is asked for: then the hint leads nowhere.
#[derive(Clone, Copy, Debug)]
pub struct Whereabouts {
    begins: usize,
    ends: usize,
}

impl Whereabouts {
    /// Of a value, which is not looked at.
    pub fn of<T: ?Sized>(value: &T) -> Self {
        let begins = ptr::from_ref(value).addr();
        Self { begins, ends: begins + size_of_val(value) }
    }

    /// Of a shared value and its counters.
    pub fn of_shared<T>(value: &Arc<T>) -> Self {
        let Self { begins, ends } = Self::of(&**value);
        Self { begins: begins - COUNTS, ends }
    }

    /// Asks for its first lines.
    #[inline]
    pub fn fetch(self) {
        let lines = (self.begins / LINE * LINE..self.ends).step_by(LINE);
        for at in lines.take(MOST_LINES) {
            prefetch_index(NOTHING, at.wrapping_sub(NOTHING.as_ptr().addr()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_takes_values_of_any_size_and_what_is_gone() {
        Whereabouts::of(&()).fetch();
        Whereabouts::of(&[0u64; 1_000]).fetch();
        Whereabouts::of::<[u8]>(&[]).fetch();
        let gone = Whereabouts::of_shared(&Arc::new([7u8; 1_000]));

        gone.fetch();

        assert_eq!(gone.ends - gone.begins, 1_016);
    }
}
