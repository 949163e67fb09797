//! `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route, Record-Route,
//! Path (RFC 3261 20.10, 25.1).

use super::params::Pieces;
use super::walk::Walk;
use super::{Params, Uri, grammar};
use std::borrow::Cow;

/// An address with an optional display name and the parameters of its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameAddr<'a> {
    /// As received, quotes included; empty where there is none.
    pub display: &'a [u8],
    pub uri: Uri<'a>,
    pub params: Params<'a>,
    /// Whether the URI stands in angle brackets; without them it ends at the first `;`.
    pub bracketed: bool,
}

impl<'a> NameAddr<'a> {
    /// None yet.
    #[inline(always)]
    pub(super) fn empty() -> Self {
        Self { display: &[], uri: Uri::empty(), params: Params::empty(), bracketed: false }
    }

    /// Reads one value; `None` for what is none.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let mut addr = Self::empty();
        addr.read(text)?;
        Some(addr)
    }

    /// Reads one value into an empty one; gives the pieces of the parameters, and `None` where there is no
    /// address.
    pub(super) fn read(&mut self, text: &'a [u8]) -> Option<Pieces<'a>> {
        let text = grammar::trim(text);
        let mut walk = Walk::from(text, 0);
        let at = self.read_display(&mut walk)?;
        if text.get(at) != Some(&b'<') {
            return self.read_bare(text);
        }
        let uri_at = grammar::skip_lws(text, at + 1);
        self.uri.read(&mut walk, uri_at)?;
        let end = grammar::skip_lws(text, uri_at + self.uri.raw.len());
        if text.get(end) != Some(&b'>') {
            return None;
        }
        self.bracketed = true;
        let at = grammar::skip_lws(text, end + 1);
        match text.get(at..)? {
            [] => Some(Pieces::none(walk)),
            [b';', params @ ..] => {
                self.params = Params::new(params);
                Some(Pieces::from(walk, at + 1))
            }
            _ => None,
        }
    }

    /// Display name; gives where the `<` stands that follows it, and the start where there is none.
    #[inline(always)]
    fn read_display(&mut self, walk: &mut Walk<'a>) -> Option<usize> {
        let text = walk.text;
        let mut plain = true;
        while let Some((at, sign)) = walk.sign() {
            match sign {
                b'<' => {
                    self.display = grammar::trim(text.get(..at)?);
                    return plain.then_some(at);
                }
                b'"' if at == 0 => {
                    let end = walk.close_quote()? + 1;
                    let at = grammar::skip_lws(text, end);
                    self.display = text.get(..end)?;
                    return (text.get(at) == Some(&b'<')).then_some(at);
                }
                b'"' | b';' => break,
                b',' | b':' | b'@' | b'>' => plain = false,
                _ => {}
            }
        }
        Some(0)
    }

    /// RFC 3261 20.10: a URI with a comma, question mark or semicolon must be in brackets.
    fn read_bare(&mut self, text: &'a [u8]) -> Option<Pieces<'a>> {
        let (uri, params) = grammar::split_once(text, b';');
        self.uri = Uri::parse(grammar::trim(uri)).filter(|uri| uri.headers.is_none())?;
        self.params = Params::new(params.unwrap_or_default());
        Some(self.params.pieces())
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.params.value("tag")
    }

    /// The display name without quotes and escapes.
    pub fn display_name(&self) -> Cow<'a, [u8]> {
        grammar::unquote(self.display)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_shapes_are_read() {
        for (text, display, uri, tag) in [
            ("sip:a@b;tag=1", "", "sip:a@b", Some("1")),
            ("<sip:a@b;lr>;tag=1", "", "sip:a@b;lr", Some("1")),
            ("caller<sip:a@b>;tag=323", "caller", "sip:a@b", Some("323")),
            (
                "\"A, \\\"B\\\" <x>\"  \r\n < sip:a@b >\r\n ;\r\n tag = 9",
                "A, \"B\" <x>",
                "sip:a@b",
                Some("9"),
            ),
            ("token1~` token2'+_ <sip:a@b>", "token1~` token2'+_", "sip:a@b", None),
            ("sip:a@b;x=\"<\"", "", "sip:a@b", None),
            ("<http://www.example.com>", "", "http://www.example.com", None),
        ] {
            let addr = NameAddr::parse(text.as_bytes()).expect(text);

            assert_eq!(addr.display_name().as_ref(), display.as_bytes(), "{text}");
            assert_eq!(addr.uri.raw, uri.as_bytes(), "{text}");
            assert_eq!(addr.tag(), tag.map(str::as_bytes), "{text}");
        }
    }

    #[test]
    fn broken_addresses_are_none() {
        for text in [
            "",
            "\"Mr. J. User <sip:j.user@example.com>",
            "Bell, Alexander <sip:a@b>",
            "<sip:a@b",
            "<sip:a@b> x",
            "<>",
            "\"x\" sip:a@b",
            "sip:user@example.com?Route=%3Csip:x%3E",
        ] {
            assert!(NameAddr::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
