//! The way through a header value, from sign to sign: signs are the bytes that no name of a host has.

use super::scan::{Marks, NoHost};

/// Goes through a text.
pub type Walk<'a> = Marks<'a, NoHost>;

impl<'a> Walk<'a> {
    /// From `at` on.
    #[inline]
    pub fn from(text: &'a [u8], at: usize) -> Self {
        Self::new(text, at, NoHost)
    }

    /// Where the next sign stands, and which it is; `None` at the end.
    #[inline(always)]
    pub fn sign(&mut self) -> Option<(usize, u8)> {
        let at = self.next()?;
        Some((at, *self.text.get(at)?))
    }

    /// Goes behind the bracket that ends what was opened; gives where it stands.
    #[inline(always)]
    pub fn close_bracket(&mut self) -> Option<usize> {
        loop {
            let (at, sign) = self.sign()?;
            if sign == b'>' {
                return Some(at);
            }
        }
    }

    /// Goes behind the quote that ends what was opened; gives where it stands.
    #[inline(always)]
    pub fn close_quote(&mut self) -> Option<usize> {
        loop {
            match self.sign()? {
                (at, b'"') => return Some(at),
                // What follows is escaped.
                (at, b'\\') => self.skip_to(at + 2),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_come_in_order_and_what_is_enclosed_is_gone_over() {
        let mut walk = Walk::from(br#"a.b;c="x\";<" <y;">;"#, 0);

        assert_eq!(walk.sign(), Some((3, b';')));
        assert_eq!(walk.sign(), Some((5, b'=')));
        assert_eq!(walk.sign(), Some((6, b'"')));
        assert_eq!(walk.close_quote(), Some(12));
        walk.skip_to(14);
        assert_eq!(walk.sign(), Some((14, b'<')));
        assert_eq!(walk.close_bracket(), Some(18));
        assert_eq!(walk.sign(), Some((19, b';')));
        assert_eq!(walk.sign(), None);
    }

    #[test]
    fn what_is_never_closed_reaches_to_the_end() {
        for text in [&br#"""#[..], br#""a\"#, br#""a\""#] {
            let mut walk = Walk::from(text, 0);
            walk.sign();

            assert_eq!((walk.close_quote(), walk.sign()), (None, None));
        }
    }
}
