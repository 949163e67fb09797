//! Searches through the bytes of a message, sixteen at a time. They are what most of reading is, and most
//! texts are too short for a search that has to get going first.

use wide::u8x16;

/// What one vector holds.
const WIDTH: usize = 16;

/// A set of bytes, told for a whole vector at once.
pub trait Class: Copy {
    /// Ones in the place of each byte that is in it.
    fn hits(self, bytes: u8x16) -> u8x16;

    /// The first byte of `text` that is in it.
    #[inline(always)]
    fn find(self, text: &[u8]) -> Option<usize> {
        Marks::<_, 1>::new(text, 0, self).next()
    }
}

/// A few bytes.
#[derive(Clone, Copy, Debug)]
pub struct Any<const N: usize>(pub [u8; N]);

/// What can end a parameter or its name, or hide such an end.
#[derive(Clone, Copy, Debug)]
pub struct Piece<const SEPARATOR: u8>;

/// What stands in no URI: controls, blanks, quotes, angle brackets.
#[derive(Clone, Copy, Debug)]
pub struct Stray;

/// What stands in no URI, and the marks that split what stands before a host from it.
#[derive(Clone, Copy, Debug)]
pub struct Userinfo;

/// What stands in no name of a host.
#[derive(Clone, Copy, Debug)]
pub struct NoHost;

/// Controls up to CR: all that can end a line.
#[derive(Clone, Copy, Debug)]
pub struct Controls;

impl<const N: usize> Class for Any<N> {
    #[inline(always)]
    fn hits(self, bytes: u8x16) -> u8x16 {
        self.0.iter().fold(u8x16::ZERO, |hits, &byte| hits | bytes.simd_eq(u8x16::splat(byte)))
    }
}

impl<const SEPARATOR: u8> Class for Piece<SEPARATOR> {
    #[inline(always)]
    fn hits(self, bytes: u8x16) -> u8x16 {
        Any([SEPARATOR, b'=', b'"', b'<']).hits(bytes)
    }
}

impl Class for Stray {
    #[inline(always)]
    fn hits(self, bytes: u8x16) -> u8x16 {
        is_at_most(bytes, b' ') | Any([0x7f, b'<', b'>', b'"']).hits(bytes)
    }
}

impl Class for Userinfo {
    #[inline(always)]
    fn hits(self, bytes: u8x16) -> u8x16 {
        Stray.hits(bytes) | Any(*b":@").hits(bytes)
    }
}

impl Class for NoHost {
    #[inline(always)]
    fn hits(self, bytes: u8x16) -> u8x16 {
        // The bit that tells small letters from capitals.
        let small = bytes | u8x16::splat(0x20);
        let letter = is_at_most(small - u8x16::splat(b'a'), b'z' - b'a');
        let digit = is_at_most(bytes - u8x16::splat(b'0'), 9);
        !(letter | digit | Any(*b"-._").hits(bytes))
    }
}

impl Class for Controls {
    #[inline(always)]
    fn hits(self, bytes: u8x16) -> u8x16 {
        is_at_most(bytes, b'\r')
    }
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

/// The first `wanted` of up to two vectors' bytes: the vectors overlap.
#[inline(always)]
pub fn byte_in<const N: usize>(text: &[u8; N], wanted: u8) -> Option<usize> {
    let hits = |bytes: Option<&[u8; WIDTH]>| {
        bytes.map_or(0, |bytes| Any([wanted]).hits(u8x16::new(*bytes)).to_bitmask())
    };
    let marks = hits(text.first_chunk()) | hits(text.last_chunk()) << (text.len() - WIDTH);
    (marks != 0).then(|| marks.trailing_zeros() as usize)
}

/// Where bytes of a class stand in a text, in order. It looks at so many vectors at once, four at most.
#[derive(Clone, Debug)]
pub struct Marks<'a, C, const VECTORS: usize = 1> {
    text: &'a [u8],
    class: C,
    /// Where the block begins that was looked at last, and what is left to tell of it.
    block: usize,
    marks: u64,
}

impl<'a, C: Class, const VECTORS: usize> Marks<'a, C, VECTORS> {
    const BLOCK: usize = VECTORS * WIDTH;

    /// Those from `from` on.
    #[inline(always)]
    pub fn new(text: &'a [u8], from: usize, class: C) -> Self {
        let mut marks = Self { text, class, block: from, marks: 0 };
        marks.look();
        marks
    }

    /// Goes on at `at`, which lies behind what was told.
    #[inline]
    pub fn skip_to(&mut self, at: usize) {
        match at.checked_sub(self.block) {
            Some(inside) if inside < Self::BLOCK => self.marks &= u64::MAX << inside,
            Some(_) => {
                self.block = at;
                self.look();
            }
            // All that was before `at` is told.
            None => {}
        }
    }

    #[inline(always)]
    fn look(&mut self) {
        let hits = |bytes| u64::from(self.class.hits(u8x16::new(bytes)).to_bitmask());
        let (vectors, tail) = self.text.get(self.block..).unwrap_or_default().as_chunks();
        if let Some(block) = vectors.first_chunk::<VECTORS>() {
            self.marks = block.iter().rev().fold(0, |marks, vector| marks << WIDTH | hits(*vector));
        } else {
            let last = hits(filled(tail).to_le_bytes()) & ((1 << tail.len()) - 1);
            self.marks =
                vectors.iter().rev().fold(last, |marks, vector| marks << WIDTH | hits(*vector));
        }
    }
}

impl<C: Class, const VECTORS: usize> Iterator for Marks<'_, C, VECTORS> {
    type Item = usize;

    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        while self.marks == 0 {
            self.block += Self::BLOCK;
            if self.block >= self.text.len() {
                return None;
            }
            self.look();
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
        for length in 0..70 {
            for at in 0..=length {
                let mut text = vec![b'x'; length];
                text[at..].fill(b':');
                let found = Some(at).filter(|at| *at < length);

                assert_eq!(byte(&text, b':'), found);
                assert_eq!(Any(*b";:").find(&text), found);
                assert_eq!(Userinfo.find(&text), found);
                assert_eq!(NoHost.find(&text), found);
                text[at..].fill(b'\n');
                assert!(Marks::<_, 1>::new(&text, 0, Controls).eq(at..length));
                assert!(Marks::<_, 4>::new(&text, at, Controls).eq(at..length));
                let mut marks = Marks::<_, 4>::new(&text, 0, Controls);
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
            let is_stray = one <= b' ' || one == 0x7f || b"<>\"".contains(&one);
            assert_eq!(Stray.find(&text).is_some(), is_stray, "{one}");
            assert_eq!(Userinfo.find(&text).is_some(), is_stray || b"@:".contains(&one), "{one}");
            let in_host = one.is_ascii_alphanumeric() || b"-._".contains(&one);
            assert_eq!(NoHost.find(&text).is_none(), in_host, "{one}");
            assert_eq!(Controls.find(&text).is_some(), one <= b'\r', "{one}");
        }
    }
}
