//! A time in little room: a device keeps three, and of devices there are very many.

use std::fmt;

/// Milliseconds in six bytes: they do for 8,900 years. What lies beyond is the last that there is, what
/// lies before 0 is 0.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millis([u16; 3]);

impl Millis {
    const MAX: u64 = (1 << 48) - 1;

    /// The number.
    pub fn get(self) -> u64 {
        // The highest comes first, so that they compare as numbers do.
        self.0.into_iter().fold(0, |all, part| all << 16 | u64::from(part))
    }
}

impl From<u64> for Millis {
    fn from(ms: u64) -> Self {
        let ms = ms.min(Self::MAX);
        Self([32, 16, 0].map(|shift| (ms >> shift & 0xffff) as u16))
    }
}

impl From<i64> for Millis {
    fn from(ms: i64) -> Self {
        Self::from(ms.max(0).cast_unsigned())
    }
}

impl From<Millis> for i64 {
    fn from(ms: Millis) -> Self {
        ms.get().cast_signed()
    }
}

impl fmt::Debug for Millis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_fits_comes_back_and_compares_as_numbers_do(
            one in 0..1u64 << 48, shift in 0..48u32, other: u64,
        ) {
            let near = (one >> shift).wrapping_add(other % 3) & Millis::MAX;
            for ms in [one, one >> shift, near] {
                prop_assert_eq!(Millis::from(ms).get(), ms);
                prop_assert_eq!(i64::from(Millis::from(ms.cast_signed())), ms.cast_signed());
            }
            prop_assert_eq!(Millis::from(one >> shift).cmp(&near.into()), (one >> shift).cmp(&near));
            prop_assert_eq!(Millis::from(other).get(), other.min(Millis::MAX));
        }
    }

    #[test]
    fn what_lies_beyond_is_the_nearest_that_there_is() {
        assert_eq!(Millis::from(u64::MAX), Millis::from(Millis::MAX));
        assert_eq!(Millis::from(i64::MAX), Millis::from(Millis::MAX));
        assert_eq!(Millis::from(-1i64), Millis::default());
    }
}
