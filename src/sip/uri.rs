//! URIs as slices of the message (RFC 3261 19.1, RFC 3966). Schemes without a rule here are opaque.

use super::Params;
use super::grammar::{self, Bytes};
use super::scan::{self, Class, Marks, NoHost, Stray, Userinfo};

/// The scheme of a URI.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    Sip,
    Sips,
    Tel,
    /// Any other; the rest of the URI is in `Uri::host`, unread.
    Other,
}

/// A URI, zero-copy; every part is a slice of `raw`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uri<'a> {
    pub raw: &'a [u8],
    pub scheme: Scheme,
    /// The user as received, escapes inside; of `tel:` the number.
    pub user: Option<&'a [u8]>,
    pub password: Option<&'a [u8]>,
    /// Host as received, IPv6 in brackets; empty for `tel:`.
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub params: Params<'a>,
    /// What follows the question mark.
    pub headers: Option<&'a [u8]>,
}

static SCHEME: Bytes = Bytes::alphanumeric_and(b"+-.");

impl<'a> Uri<'a> {
    /// Reads a URI that stands alone; `None` for what is none.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        const CASE: u8 = 0x20;
        match raw {
            [s, i, p, b':', rest @ ..] if [s | CASE, i | CASE, p | CASE] == *b"sip" => {
                Self::parse_sip(raw, Scheme::Sip, rest)
            }
            [s, i, p, end, b':', rest @ ..]
                if [s | CASE, i | CASE, p | CASE, end | CASE] == *b"sips" =>
            {
                Self::parse_sip(raw, Scheme::Sips, rest)
            }
            _ => Self::parse_other(raw),
        }
    }

    fn empty(raw: &'a [u8], scheme: Scheme) -> Self {
        let params = Params::new(&[]);
        Self {
            raw,
            scheme,
            user: None,
            password: None,
            host: &[],
            port: None,
            params,
            headers: None,
        }
    }

    fn parse_sip(raw: &'a [u8], scheme: Scheme, rest: &'a [u8]) -> Option<Self> {
        let (user, password, rest) = userinfo(rest)?;
        let (host, rest) = host(rest)?;
        let (port, rest) = match rest {
            [b':', digits @ ..] => port(digits).map(|(port, rest)| (Some(port), rest))?,
            rest => (None, rest),
        };
        let (params, headers) = match rest {
            [] => (&[][..], None),
            _ if Stray.find(rest).is_some() => return None,
            [b'?', headers @ ..] => (&[][..], Some(headers)),
            [b';', rest @ ..] => grammar::split_once(rest, b'?'),
            _ => return None,
        };
        let params = Params::new(params);
        Some(Self { raw, scheme, user, password, host, port, params, headers })
    }

    fn parse_other(raw: &'a [u8]) -> Option<Self> {
        let (scheme, rest) = grammar::split_once(raw, b':');
        let rest = rest.filter(|rest| !rest.is_empty() && Stray.find(raw).is_none())?;
        match scheme {
            _ if scheme.eq_ignore_ascii_case(b"tel") => Self::parse_tel(raw, rest),
            [first, others @ ..] if first.is_ascii_alphabetic() => {
                SCHEME.all(others).then(|| Self { host: rest, ..Self::empty(raw, Scheme::Other) })
            }
            _ => None,
        }
    }

    fn parse_tel(raw: &'a [u8], rest: &'a [u8]) -> Option<Self> {
        let (number, params) = grammar::split_once(rest, b';');
        let user = Some(number).filter(|number| !number.is_empty()).map(Some)?;
        Some(Self {
            user,
            params: Params::new(params.unwrap_or_default()),
            ..Self::empty(raw, Scheme::Tel)
        })
    }

    /// Whether it is `sip:` or `sips:`.
    pub fn is_sip(&self) -> bool {
        matches!(self.scheme, Scheme::Sip | Scheme::Sips)
    }

    /// The scheme as received.
    pub fn scheme_text(&self) -> &'a [u8] {
        grammar::split_once(self.raw, b':').0
    }

    /// Whether it names an emergency service (RFC 5031): `urn:service:sos` or below.
    pub fn is_emergency(&self) -> bool {
        const SOS: &[u8] = b"service:sos";
        self.scheme_text().eq_ignore_ascii_case(b"urn")
            && self.host.get(..SOS.len()).is_some_and(|start| start.eq_ignore_ascii_case(SOS))
            && matches!(self.host.get(SOS.len()), None | Some(b'.'))
    }
}

/// User, password, and what follows the first `@`; without one both are absent and all of it follows. `None`
/// for an empty user, or where a byte stands that no URI has.
#[expect(clippy::type_complexity, reason = "three parts of one text")]
fn userinfo(text: &[u8]) -> Option<(Option<&[u8]>, Option<&[u8]>, &[u8])> {
    let mut colon = None;
    let mut marks = Marks::<_, 1>::new(text, 0, Userinfo);
    let at = loop {
        let Some(at) = marks.next() else { return Some((None, None, text)) };
        match text.get(at) {
            Some(b'@') => break at,
            Some(b':') => colon = colon.or(Some(at)),
            _ => return None,
        }
    };
    let user = text.get(..colon.unwrap_or(at)).filter(|user| !user.is_empty())?;
    let password = colon.and_then(|colon| text.get(colon + 1..at));
    Some((Some(user), password, text.get(at + 1..)?))
}

/// The host at the start of `text`, IPv6 in brackets, and what follows it; `None` for no host.
pub(super) fn host(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let length = match text {
        [b'[', inner @ ..] => {
            let length = scan::byte(inner, b']').filter(|length| *length > 0)?;
            let legal = |byte: &u8| byte.is_ascii_hexdigit() || b":.".contains(byte);
            inner.get(..length)?.iter().all(legal).then_some(length + 2)?
        }
        _ => Some(NoHost.find(text).unwrap_or(text.len())).filter(|length| *length > 0)?,
    };
    text.split_at_checked(length)
}

/// The port at the start of `text` and what follows it; `None` for no port.
pub(super) fn port(text: &[u8]) -> Option<(u16, &[u8])> {
    let length = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length)?;
    let port = grammar::number(digits).and_then(|port| u16::try_from(port).ok())?;
    Some((port, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> Uri<'_> {
        Uri::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn every_part_of_a_sip_uri_is_found() {
        let uri = uri("sips:john.doe:pw@[2001:DB8::1]:5061;transport=tcp;lr?Subject=x");

        assert_eq!(uri.scheme, Scheme::Sips);
        assert_eq!(uri.user, Some(&b"john.doe"[..]));
        assert_eq!(uri.password, Some(&b"pw"[..]));
        assert_eq!(uri.host, b"[2001:DB8::1]");
        assert_eq!(uri.port, Some(5061));
        assert_eq!(uri.params.value("Transport"), Some(&b"tcp"[..]));
        assert!(uri.params.has("lr"));
        assert_eq!(uri.headers, Some(&b"Subject=x"[..]));
    }

    #[test]
    fn a_user_may_hold_what_looks_like_parameters() {
        let uri = uri("sip:user;par=u%40example.net@example.com");

        assert_eq!(uri.user, Some(&b"user;par=u%40example.net"[..]));
        assert_eq!(uri.host, b"example.com");
        assert_eq!(uri.params.iter().count(), 0);
    }

    #[test]
    fn other_schemes_are_opaque() {
        assert_eq!(uri("soap.beep://192.0.2.103:3002").scheme, Scheme::Other);
        assert_eq!(uri("tel:+1-201-555-0123;phone-context=x").user, Some(&b"+1-201-555-0123"[..]));
        assert!(uri("urn:service:sos.fire").is_emergency());
        assert!(!uri("urn:service:sosius").is_emergency());
    }

    #[test]
    fn what_two_readers_could_read_differently_is_no_uri() {
        for text in [
            "",
            "sip:",
            "alan@jasomi.com",
            "sip:@host",
            "sip:a@b@c",
            "sip:a@",
            "sip:h:",
            "sip:h:70000",
            "sip:a b@c",
        ] {
            assert!(Uri::parse(text.as_bytes()).is_none(), "{text}");
        }
        assert!(Uri::parse(b"sip:a@b\0").is_none());
        assert!(Uri::parse(b"sip:a@[::1").is_none());
    }
}
