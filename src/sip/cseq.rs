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
        let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let (number, spaced) = text.split_at_checked(digits)?;
        let method_text = grammar::trim_start(spaced);
        let number = grammar::number(number).and_then(|number| u32::try_from(number).ok())?;
        let method = Method::parse(method_text);
        let is_method = method != Method::Other || grammar::is_token(method_text);
        let sound = number < 1 << 31 && method_text.len() < spaced.len() && is_method;
        sound.then_some(Self { number, method, method_text })
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
        assert!(CSeq::parse(b"1").is_none());
        assert!(CSeq::parse(b"1 IN VITE").is_none());
    }
}
