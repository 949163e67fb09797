//! `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route, Record-Route,
//! Path (RFC 3261 20.10, 25.1).

use super::scan::{Any, Class};
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
    /// Reads one value; `None` for what is none.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let text = grammar::trim(text);
        let (display, rest) = split_display(text)?;
        let Some(open) = rest.strip_prefix(b"<") else {
            // RFC 3261 20.10: a URI with a comma, question mark or semicolon must be in brackets.
            let (uri, params) = grammar::split_once(rest, b';');
            let uri = Uri::parse(grammar::trim(uri)).filter(|uri| uri.headers.is_none())?;
            let params = Params::new(params.unwrap_or_default());
            return Some(Self { display: &[], uri, params, bracketed: false });
        };
        let (uri, rest) = grammar::split_once(open, b'>');
        let rest = grammar::trim(rest?);
        let params = if rest.is_empty() { rest } else { rest.strip_prefix(b";")? };
        let uri = Uri::parse(grammar::trim(uri))?;
        Some(Self { display, uri, params: Params::new(params), bracketed: true })
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

/// Display name, and what follows it: `<` or, without a display name, the URI itself.
fn split_display(text: &[u8]) -> Option<(&[u8], &[u8])> {
    if let Some(length) = grammar::quoted_len(text) {
        let (display, rest) = text.split_at_checked(length)?;
        let rest = grammar::trim_start(rest);
        return rest.starts_with(b"<").then_some((display, rest));
    }
    match Any(*b"<;\"").find(text) {
        Some(at) if text.get(at) == Some(&b'<') => {
            let (display, rest) = text.split_at_checked(at)?;
            let display = grammar::trim(display);
            let plain = !display.iter().any(|byte| b",:@>".contains(byte));
            plain.then_some((display, rest))
        }
        _ => Some((&[], text)),
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
