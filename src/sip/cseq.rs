//! CSeq (RFC 3261 20.16).

use super::{Method, grammar};

/// Sequence number and method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CSeq<'a> {
    pub number: u32,
    pub method: Method,
    pub method_text: &'a [u8],
}

impl<'a> CSeq<'a> {
    /// Reads the value; numbers of 2^31 and more are none (RFC 3261 8.1.1.5).
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = grammar::trim(text);
        let (mut number, mut rest) = (0u64, text);
        while let [digit @ b'0'..=b'9', behind @ ..] = rest {
            number = number * 10 + u64::from(digit - b'0');
            if number >= 1 << 31 {
                return None;
            }
            rest = behind;
        }
        let number = u32::try_from(number).ok()?;
        let method_text = grammar::trim_start(rest);
        let method = Method::parse(method_text);
        let is_method = method != Method::Other || grammar::is_token(method_text);
        let apart = method_text.len() < rest.len() && rest.len() < text.len();
        (apart && is_method).then_some(Self { number, method, method_text })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_method_may_be_folded_apart() {
        let cseq = CSeq::parse(b"0009\r\n  INVITE").unwrap();

        assert_eq!((cseq.number, cseq.method), (9, Method::Invite));
    }

    #[test]
    fn numbers_beyond_the_range_are_none() {
        assert!(CSeq::parse(b"2147483648 INVITE").is_none());
        assert!(CSeq::parse(b"36893488147419103232 REGISTER").is_none());
        assert!(CSeq::parse(b"4294967297 INVITE").is_none());
        assert!(CSeq::parse(b"1").is_none());
        assert!(CSeq::parse(b"1INVITE").is_none());
        assert!(CSeq::parse(b" INVITE").is_none());
        assert!(CSeq::parse(b"1 IN VITE").is_none());
    }
}
