//! Parameters: `;name=value` in headers and URIs, `,name=value` in credentials. Quoted values keep
//! their quotes here.

use super::grammar;
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
pub struct Params<'a> {
    raw: &'a [u8],
    separator: u8,
}

impl<'a> Params<'a> {
    /// Parameters separated by semicolons.
    pub fn new(raw: &'a [u8]) -> Self {
        Self { raw, separator: b';' }
    }

    /// Parameters separated by commas (RFC 3261 25.1, credentials and challenges).
    pub fn commas(raw: &'a [u8]) -> Self {
        Self { raw, separator: b',' }
    }

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
    pub fn iter(&self) -> impl Iterator<Item = Param<'a>> + use<'a> {
        self.pieces().filter(|param| !param.raw.is_empty())
    }

    /// What stands between two separators, or one and an end, empty pieces too.
    pub(super) fn pieces(&self) -> Pieces<'a> {
        Pieces { rest: Some(self.raw), separator: self.separator }
    }
}

/// The pieces of [`Params::pieces`].
pub(super) struct Pieces<'a> {
    rest: Option<&'a [u8]>,
    separator: u8,
}

impl<'a> Iterator for Pieces<'a> {
    type Item = Param<'a>;

    fn next(&mut self) -> Option<Param<'a>> {
        let text = self.rest?;
        let end = grammar::find_outside(text, self.separator);
        let (piece, rest) = match end.and_then(|end| text.split_at_checked(end)) {
            Some((piece, rest)) => (piece, rest.get(1..)),
            None => (text, None),
        };
        self.rest = rest;
        let raw = grammar::trim(piece);
        let (name, value) = grammar::split_once(raw, b'=');
        Some(Param { name: grammar::trim(name), value: value.map(grammar::trim), raw })
    }
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
