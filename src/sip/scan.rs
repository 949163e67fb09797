//! Searches through the bytes of a message, sixteen at a time. They are what most of reading is, and most
//! texts are too short for a search that has to get going first.

use wide::{i8x16, u8x16};

/// What one vector holds.
const WIDTH: usize = 16;

/// A set of bytes, told for a whole vector at once.
pub trait Class: Copy {
    /// A bit in the place of each byte that is in it.
    fn hits(self, bytes: &[u8; WIDTH]) -> u64;

    /// The hits in the block of `text` that begins at `from`. Not inlined: that is rare beside all that is
    /// done with what it tells, which has the registers for itself then.
    #[inline(never)]
    fn look(self, text: &[u8], from: usize) -> u64 {
        let rest = text.get(from..).unwrap_or_default();
        let (vectors, short) = rest.as_chunks();
        if let [one, two, three, four, ..] = vectors {
            return told(self, [one, two, three, four], 0);
        }
        let last = tail(self, text, short);
        match vectors {
            [one, two, three] => told(self, [one, two, three], last),
            [one, two] => told(self, [one, two], last),
            [one] => told(self, [one], last),
            _ => last,
        }
    }

    /// The first byte of `text` that is in it.
    #[inline(always)]
    fn find(self, text: &[u8]) -> Option<usize> {
        let (vectors, rest) = text.as_chunks();
        for (at, vector) in vectors.iter().enumerate() {
            if let Some(found) = first(self, vector) {
                return Some(at * WIDTH + found);
            }
        }
        let hits = tail(self, text, rest);
        (hits != 0).then(|| text.len() - rest.len() + hits.trailing_zeros() as usize)
    }
}

/// A few bytes.
#[derive(Clone, Copy, Debug)]
pub struct Any<const N: usize>(pub [u8; N]);

/// Controls up to CR: all that can end a line.
#[derive(Clone, Copy, Debug)]
pub struct Control;

/// What stands in no name of a host: so all that has a meaning in a header value.
#[derive(Clone, Copy, Debug)]
pub struct NoHost;

/// What stands in no address of most people's: neither in a user nor in a host, nor between the two.
#[derive(Clone, Copy, Debug)]
pub struct NoPlainAddress;

impl<const N: usize> Class for Any<N> {
    #[inline(always)]
    fn hits(self, bytes: &[u8; WIDTH]) -> u64 {
        bits(equals(u8x16::new(*bytes), &self.0))
    }
}

impl Class for Control {
    #[inline(always)]
    fn hits(self, bytes: &[u8; WIDTH]) -> u64 {
        bits(is_at_most(u8x16::new(*bytes), b'\r'))
    }

    /// Inlined: a head is gone through by one loop.
    #[inline(always)]
    fn look(self, text: &[u8], from: usize) -> u64 {
        let rest = text.get(from..).unwrap_or_default();
        match rest.as_chunks() {
            ([one, two, three, four, ..], _) => told(self, [one, two, three, four], 0),
            (vectors, short) => told_last(self, text, vectors, short),
        }
    }
}

impl Class for NoHost {
    #[inline(always)]
    fn hits(self, bytes: &[u8; WIDTH]) -> u64 {
        let bytes = i8x16::new(bytes.map(u8::cast_signed));
        let is = |byte: u8| bytes.simd_eq(i8x16::splat(byte.cast_signed()));
        // The bit that tells small letters from capitals.
        let letter = is_among(bytes | i8x16::splat(0x20), b'a', b'z');
        let other = is_among(bytes, b'-', b'9') & !is(b'/');
        !u64::from((letter | other | is(b'_')).to_bitmask()) & ALL
    }
}

impl Class for NoPlainAddress {
    #[inline(always)]
    fn hits(self, bytes: &[u8; WIDTH]) -> u64 {
        let bytes = i8x16::new(bytes.map(u8::cast_signed));
        let is = |byte: u8| bytes.simd_eq(i8x16::splat(byte.cast_signed()));
        let other = is_among(bytes, b'-', b'9') & !is(b'/');
        !u64::from((is_among(bytes, b'a', b'z') | other | is(b'@')).to_bitmask()) & ALL
    }
}

const ALL: u64 = (1 << WIDTH) - 1;

fn bits(hits: u8x16) -> u64 {
    u64::from(hits.to_bitmask())
}

/// Moved so that `first` is the lowest number there is, one comparison tells.
#[inline(always)]
fn is_among(bytes: i8x16, first: u8, last: u8) -> i8x16 {
    let lowest = i8x16::splat(i8::MIN.wrapping_sub(first.cast_signed()));
    let behind = i8::MIN.wrapping_add((last - first + 1).cast_signed());
    (bytes + lowest).simd_lt(i8x16::splat(behind))
}

#[inline(always)]
fn equals<const N: usize>(bytes: u8x16, wanted: &[u8; N]) -> u8x16 {
    wanted.iter().fold(u8x16::ZERO, |hits, &byte| hits | bytes.simd_eq(u8x16::splat(byte)))
}

#[inline(always)]
fn is_at_most(bytes: u8x16, most: u8) -> u8x16 {
    bytes.min(u8x16::splat(most)).simd_eq(bytes)
}

/// The first `wanted`.
#[inline]
pub fn byte(text: &[u8], wanted: u8) -> Option<usize> {
    Any([wanted]).find(text)
}

/// The first byte of a vector that is in `class`.
#[inline(always)]
pub fn first(class: impl Class, bytes: &[u8; WIDTH]) -> Option<usize> {
    let hits = class.hits(bytes);
    (hits != 0).then(|| hits.trailing_zeros() as usize)
}

/// Whether there is any of these bytes.
#[inline]
pub fn has<const N: usize>(text: &[u8], wanted: [u8; N]) -> bool {
    let Some(last) = text.last_chunk::<WIDTH>() else { return Any(wanted).find(text).is_some() };
    let hits = |bytes: &[u8; WIDTH]| equals(u8x16::new(*bytes), &wanted);
    text.as_chunks().0.iter().fold(hits(last), |any, vector| any | hits(vector)).any()
}

/// The hits in the last bytes of `text`, less than a vector.
#[inline(always)]
fn tail(class: impl Class, text: &[u8], rest: &[u8]) -> u64 {
    match text.last_chunk() {
        // The last vector of the text, without what stands before the rest.
        Some(last) => class.hits(last) >> (WIDTH - rest.len()),
        None => class.hits(&filled(rest).to_le_bytes()) & ((1 << rest.len()) - 1),
    }
}

/// The hits in so many vectors, and behind them.
#[inline(always)]
fn told<'v>(
    class: impl Class,
    vectors: impl IntoIterator<Item = &'v [u8; WIDTH], IntoIter: DoubleEndedIterator>,
    last: u64,
) -> u64 {
    vectors.into_iter().rev().fold(last, |marks, vector| marks << WIDTH | class.hits(vector))
}

/// The hits in the last of all blocks.
#[inline(never)]
fn told_last(class: impl Class, text: &[u8], vectors: &[[u8; WIDTH]], short: &[u8]) -> u64 {
    told(class, vectors, tail(class, text, short))
}

/// Where bytes of a class stand in a text, in order.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a, C> {
    pub text: &'a [u8],
    class: C,
    /// Where the block begins that was looked at last, and what is left to tell of it.
    block: usize,
    marks: u64,
}

impl<'a, C: Class> Marks<'a, C> {
    const BLOCK: usize = 4 * WIDTH;

    /// Those from `from` on.
    #[inline]
    pub fn new(text: &'a [u8], from: usize, class: C) -> Self {
        Self { text, class, block: from, marks: class.look(text, from) }
    }

    /// Leaves the next one out, where it stands in the same block.
    #[inline(always)]
    pub fn leave_out(&mut self) {
        self.marks &= self.marks.wrapping_sub(1);
    }

    /// Goes on at `at`, which lies behind what was told.
    #[inline]
    pub fn skip_to(&mut self, at: usize) {
        match at.checked_sub(self.block) {
            Some(inside) if inside < Self::BLOCK => self.marks &= u64::MAX << inside,
            Some(_) => *self = Self::new(self.text, at, self.class),
            // All that was before `at` is told.
            None => {}
        }
    }
}

impl<C: Class> Iterator for Marks<'_, C> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            self.block += Self::BLOCK;
            if self.block >= self.text.len() {
                return None;
            }
            self.marks = self.class.look(self.text, self.block);
        }
        let at = self.block + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(at)
    }
}

/// Less than a vector of bytes, filled up with zeros: its ends, which may overlap, laid over each other.
#[inline(always)]
fn filled(tail: &[u8]) -> u128 {
    let bits = 8 * tail.len();
    if let (Some(start), Some(end)) = (tail.first_chunk(), tail.last_chunk()) {
        u128::from(u64::from_le_bytes(*start)) | u128::from(u64::from_le_bytes(*end)) << (bits - 64)
    } else if let (Some(start), Some(end)) = (tail.first_chunk(), tail.last_chunk()) {
        let (start, end) = (u32::from_le_bytes(*start), u32::from_le_bytes(*end));
        u128::from(u64::from(start) | u64::from(end) << (bits - 32))
    } else {
        tail.iter().rev().fold(0, |word, &byte| word << 8 | u128::from(byte))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_found_is_the_first_wherever_it_stands() {
        for length in 0..150 {
            for at in 0..=length {
                let mut text = vec![b'x'; length];
                text[at..].fill(b':');
                let found = Some(at).filter(|at| *at < length);

                assert_eq!(byte(&text, b':'), found);
                assert_eq!(has(&text, *b":"), found.is_some());
                assert_eq!(Any(*b";:").find(&text), found);
                assert_eq!(NoHost.find(&text), found);
                text[at..].fill(b'\n');
                assert!(Marks::new(&text, 0, Control).eq(at..length));
                assert!(Marks::new(&text, at, Control).eq(at..length));
                let mut marks = Marks::new(&text, 0, Control);
                marks.next();
                marks.skip_to(at + 3);
                assert!(marks.eq(at + 3..length));
            }
        }
    }

    #[test]
    fn every_byte_is_in_its_classes_and_in_no_other() {
        for one in 0..=u8::MAX {
            let text = [one];

            assert_eq!(byte(&text, b':').is_some(), one == b':');
            let in_host = one.is_ascii_alphanumeric() || b"-._".contains(&one);
            assert_eq!(NoHost.find(&text).is_none(), in_host, "{one}");
            let plain = in_host && !one.is_ascii_uppercase() && one != b'_' || one == b'@';
            assert_eq!(NoPlainAddress.find(&text).is_none(), plain, "{one}");
            assert_eq!(Control.find(&text).is_some(), one <= b'\r', "{one}");
        }
    }
}
