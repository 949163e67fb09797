//! Parameters: `;name=value` in headers and URIs, `,name=value` in credentials. Quoted values keep
//! their quotes here.

use super::grammar;
use super::walk::Walk;
use std::borrow::Cow;

/// One parameter, with the slice that it stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Param<'a> {
    pub name: &'a [u8],
    /// Absent without `=`.
    pub value: Option<&'a [u8]>,
    /// Name and value as received, trimmed.
    pub raw: &'a [u8],
}

impl<'a> Param<'a> {
    /// The value without quotes and escapes; empty where there is none.
    pub fn unquoted(&self) -> Cow<'a, [u8]> {
        self.value.map_or(Cow::Borrowed(&[]), grammar::unquote)
    }
}

/// Parameters as received, the first separator included or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Params<'a, const SEPARATOR: u8 = b';'> {
    raw: &'a [u8],
}

impl<'a> Params<'a> {
    /// None.
    #[inline(always)]
    pub(super) fn empty() -> Self {
        Self { raw: &[] }
    }

    /// Parameters separated by semicolons.
    pub fn new(raw: &'a [u8]) -> Self {
        Self { raw }
    }
}

impl<'a> Params<'a, b','> {
    /// Parameters separated by commas (RFC 3261 25.1, credentials and challenges).
    pub fn commas(raw: &'a [u8]) -> Self {
        Self { raw }
    }
}

impl<'a, const SEPARATOR: u8> Params<'a, SEPARATOR> {
    /// The text as received.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The first parameter of this name, in any case.
    pub fn get(&self, name: &str) -> Option<Param<'a>> {
        self.iter().find(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// The value of the first parameter of this name, quotes kept; `None` without a value.
    pub fn value(&self, name: &str) -> Option<&'a [u8]> {
        self.get(name)?.value
    }

    /// Whether a parameter of this name is there.
    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Whether a parameter of this name is there more than once (RFC 3261 7.3.1 forbids it).
    pub fn repeats(&self, name: &str) -> bool {
        self.iter()
            .filter(|param| param.name.eq_ignore_ascii_case(name.as_bytes()))
            .nth(1)
            .is_some()
    }

    /// The parameters in order; empty ones between two separators are left out.
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a, SEPARATOR> {
        self.pieces().filter(|param| !param.raw.is_empty())
    }

    /// What stands between two separators, or one and an end, empty pieces too.
    pub(super) fn pieces(&self) -> Pieces<'a, SEPARATOR> {
        Pieces { walk: Walk::from(self.raw, 0), at: 0 }
    }
}

/// The pieces of [`Params::pieces`].
pub(super) struct Pieces<'a, const SEPARATOR: u8 = b';'> {
    walk: Walk<'a>,
    /// Where the next one begins; beyond the end: nowhere.
    at: usize,
}

impl<'a, const SEPARATOR: u8> Pieces<'a, SEPARATOR> {
    /// Those from `at` on, which lies behind what `walk` has told.
    #[inline(always)]
    pub fn from(mut walk: Walk<'a>, at: usize) -> Self {
        walk.skip_to(at);
        Self { walk, at }
    }

    /// Not even an empty one.
    pub fn none(walk: Walk<'a>) -> Self {
        Self { walk, at: usize::MAX }
    }

    /// Where the next piece ends, where its first `=` stands (behind that: nowhere), and whether there is
    /// white space in it. A separator inside quotes or brackets is text; what is never closed reaches to the
    /// end.
    #[inline(always)]
    fn end(&mut self) -> (usize, usize, bool) {
        let (mut equals, mut spaced) = (usize::MAX, false);
        while let Some((at, sign)) = self.walk.sign() {
            match sign {
                b'=' => equals = equals.min(at),
                b'"' => _ = self.walk.close_quote(),
                b'<' => _ = self.walk.close_bracket(),
                0..=b' ' => spaced = true,
                _ if sign == SEPARATOR => {
                    self.at = at + 1;
                    return (at, equals, spaced);
                }
                _ => {}
            }
        }
        self.at = usize::MAX;
        (self.walk.text.len(), equals, spaced)
    }
}

impl<'a, const SEPARATOR: u8> Iterator for Pieces<'a, SEPARATOR> {
    type Item = Param<'a>;

    #[inline(always)]
    fn next(&mut self) -> Option<Param<'a>> {
        let (start, text) = (self.at, self.walk.text);
        if start > text.len() {
            return None;
        }
        let (end, equals, spaced) = self.end();
        let raw = trimmed(text.get(start..end)?, spaced);
        if equals > end {
            return Some(Param { name: raw, value: None, raw });
        }
        let name = trimmed(text.get(start..equals)?, spaced);
        let value = trimmed(text.get(equals + 1..end)?, spaced);
        Some(Param { name, value: Some(value), raw })
    }
}

#[inline(always)]
fn trimmed(text: &[u8], spaced: bool) -> &[u8] {
    if spaced { grammar::trim(text) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_may_be_quoted_and_spaced() {
        let params = Params::new(br#" ; a = 1 ;B;c="x;\"y" ;; d= "#);

        let names: Vec<_> = params.iter().map(|param| param.name).collect();
        assert_eq!(names, [&b"a"[..], b"B", b"c", b"d"]);
        assert_eq!(params.value("A"), Some(&b"1"[..]));
        assert_eq!(params.value("b"), None);
        assert!(params.has("b"));
        assert_eq!(params.get("c").unwrap().unquoted().as_ref(), br#"x;"y"#);
        assert_eq!(params.value("d"), Some(&b""[..]));
    }

    #[test]
    fn a_repeated_name_is_noticed() {
        assert!(Params::new(b";expires=0;Expires=3600").repeats("expires"));
        assert!(!Params::new(b";expires=0").repeats("expires"));
    }
}
