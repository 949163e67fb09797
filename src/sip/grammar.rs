//! Basic rules of RFC 3261 25.1 over raw bytes. A CR or LF inside a header value can only be part
//! of a fold here (the head splitter refuses every other), so it counts as white space.

use super::scan::{self, Any, Class};
use std::borrow::Cow;
use std::ops::Range;

/// Whether `byte` is linear white space, folds included.
pub fn is_lws(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// `text` without white space at both ends.
#[inline]
pub fn trim(text: &[u8]) -> &[u8] {
    if let ([first, ..], [.., last]) = (text, text)
        && *first > b' '
        && *last > b' '
    {
        return text;
    }
    let mut text = trim_start(text);
    while let [rest @ .., last] = text
        && is_lws(*last)
    {
        text = rest;
    }
    text
}

/// `text` without white space before it.
pub fn trim_start(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_lws(*first)
    {
        text = rest;
    }
    text
}

/// The offset of the first byte of `text` from `at` on that is no white space.
#[inline]
pub fn skip_lws(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(|byte| is_lws(*byte)) {
        at += 1;
    }
    at
}

/// The range of what is left of a range of `text` without white space at both ends.
#[inline]
pub fn trim_range(text: &[u8], range: Range<usize>) -> Range<usize> {
    let raw = text.get(range.clone()).unwrap_or_default();
    let rest = trim_start(raw);
    let start = range.end - rest.len();
    start..start + trim(rest).len()
}

/// A set of bytes as a table: every byte of every name, host and URI is asked.
pub struct Bytes([bool; 256]);

impl Bytes {
    /// Letters, digits and `marks`.
    pub const fn alphanumeric_and(marks: &[u8]) -> Self {
        let mut table = Self::of(marks).0;
        let mut byte = 0u8;
        while byte < 128 {
            table[byte as usize] |= byte.is_ascii_alphanumeric();
            byte += 1;
        }
        Self(table)
    }

    /// Controls and `marks`.
    pub const fn controls_and(marks: &[u8]) -> Self {
        let mut table = Self::of(marks).0;
        let mut byte = 0u8;
        while byte < b' ' {
            table[byte as usize] = true;
            byte += 1;
        }
        Self(table)
    }

    const fn of(marks: &[u8]) -> Self {
        let mut table = [false; 256];
        let mut at = 0;
        while at < marks.len() {
            table[marks[at] as usize] = true;
            at += 1;
        }
        Self(table)
    }

    /// Whether `byte` is in it.
    pub fn has(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte)).copied().unwrap_or(false)
    }

    /// Whether every byte of `text` is in it.
    pub fn all(&self, text: &[u8]) -> bool {
        text.iter().all(|&byte| self.has(byte))
    }

    /// How many bytes stand before the first of `text` that is in it.
    pub fn first(&self, text: &[u8]) -> usize {
        text.iter().position(|&byte| self.has(byte)).unwrap_or(text.len())
    }

    /// How many bytes at the start of `text` are in it.
    pub fn span(&self, text: &[u8]) -> usize {
        text.iter().position(|&byte| !self.has(byte)).unwrap_or(text.len())
    }
}

/// What tokens are made of.
pub static TOKEN: Bytes = Bytes::alphanumeric_and(b"-.!%*_+`'~");

/// Whether `byte` may stand in a token.
pub fn is_token_byte(byte: u8) -> bool {
    TOKEN.has(byte)
}

/// Whether `text` is a token.
pub fn is_token(text: &[u8]) -> bool {
    !text.is_empty() && TOKEN.all(text)
}

/// Whether `text` is this word of up to sixteen small letters and marks, in any case.
#[inline(always)]
pub fn is<const N: usize>(text: &[u8], word: &[u8; N]) -> bool {
    /// The bit that tells small letters from capitals.
    const CASE: u8 = 0x20;
    const { assert!(N <= 16) };
    let whole = |text: &[u8; N]| {
        let mut whole = [0; 16];
        if let Some(start) = whole.first_chunk_mut() {
            *start = *text;
        }
        u128::from_le_bytes(whole)
    };
    let letters = word.map(|byte| if byte.is_ascii_lowercase() { CASE } else { 0 });
    let same = |text| whole(text) | whole(&letters) == whole(word);
    text.try_into().is_ok_and(same)
}

/// Whether `text` begins with this word.
#[inline(always)]
pub fn begins<const N: usize>(text: &[u8], word: &[u8; N]) -> bool {
    text.first_chunk::<N>().is_some_and(|start| is(start, word))
}

/// A decimal number of at most `u64`; `None` for anything but digits or for too many of them.
pub fn number(text: &[u8]) -> Option<u64> {
    /// So many nines fit.
    const SHORT: usize = 19;
    let digit = |byte: u8| byte.is_ascii_digit().then(|| u64::from(byte - b'0'));
    match text.len() {
        0 => None,
        1..=SHORT => text.iter().try_fold(0, |sum: u64, &byte| Some(sum * 10 + digit(byte)?)),
        _ => {
            text.iter().try_fold(0u64, |sum, &byte| sum.checked_mul(10)?.checked_add(digit(byte)?))
        }
    }
}

/// Splits at the first `separator`; without one the second half is absent.
pub fn split_once(text: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match scan::byte(text, separator).and_then(|at| text.split_at_checked(at)) {
        Some((left, right)) => (left, right.get(1..)),
        None => (text, None),
    }
}

/// Where the first comma stands outside quoted strings and angle brackets.
pub fn find_comma(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let rest = text.get(at..)?;
        let found = Any(*b",\"<").find(rest)?;
        match rest.get(found) {
            Some(b',') => return Some(at + found),
            _ => at += found + enclosed_len(rest.get(found..)?)?,
        }
    }
}

/// The length of the quoted string or the bracketed text at the start of `text`, both its ends included.
pub fn enclosed_len(text: &[u8]) -> Option<usize> {
    match text {
        [b'<', ..] => scan::byte(text, b'>').map(|end| end + 1),
        _ => quoted_len(text),
    }
}

/// The length of the quoted string at the start of `text`, quotes included.
pub fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    let [b'"', ..] = text else { return None };
    loop {
        let found = at + Any(*b"\"\\").find(text.get(at..)?)?;
        match text.get(found) {
            Some(b'"') => return Some(found + 1),
            _ => at = found + 2,
        }
    }
}

/// The content of a quoted string with its escapes resolved; other text as it is.
pub fn unquote(text: &[u8]) -> Cow<'_, [u8]> {
    let Some(inner) = text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")) else {
        return Cow::Borrowed(text);
    };
    if memchr::memchr(b'\\', inner).is_none() {
        return Cow::Borrowed(inner);
    }
    let mut out = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => out.extend(bytes.next()),
            _ => out.push(byte),
        }
    }
    Cow::Owned(out)
}

/// The byte that two hexadecimal digits after a `%` stand for.
pub fn unescape_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? * 16 + digit(low)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_separator_inside_quotes_or_brackets_is_text() {
        let text = br#""a,\"b" <sip:c,d>,e"#;

        assert_eq!(find_comma(text), Some(17));
        assert_eq!(find_comma(br#""never closed, "#), None);
    }

    #[test]
    fn quoted_strings_lose_quotes_and_escapes() {
        assert_eq!(unquote(br#""a\"b\\c""#).as_ref(), br#"a"b\c"#);
        assert_eq!(unquote(b"plain").as_ref(), b"plain");
        assert_eq!(quoted_len(br#""a\"b" rest"#), Some(6));
        assert_eq!(quoted_len(br#""a"#), None);
    }

    #[test]
    fn words_are_the_same_in_any_case_only() {
        assert!(is(b"+SIP.Instance", b"+sip.instance"));
        assert!(is(b"reg-ID", b"reg-id"));
        assert!(!is(b"reg\rid", b"reg-id"));
        assert!(!is(b"reg-i", b"reg-id"));
        assert!(!is(b"reg-idd", b"reg-id"));
    }

    #[test]
    fn numbers_that_do_not_fit_are_none() {
        assert_eq!(number(b"0068"), Some(68));
        assert_eq!(number(b"9999999999999999999"), Some(9_999_999_999_999_999_999));
        assert_eq!(number(b"00018446744073709551615"), Some(u64::MAX));
        assert_eq!(number(b"36893488147419103232"), None);
        assert_eq!(number(b"-1"), None);
        assert_eq!(number(b""), None);
    }
}
