//! URIs as slices of the message (RFC 3261 19.1, RFC 3966). Schemes without a rule here are opaque.

use super::Params;
use super::grammar::{self, Bytes};

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

/// What stands in no URI.
static STRAY: Bytes = Bytes::blank_and(b"<>\"");
static SCHEME: Bytes = Bytes::alphanumeric_and(b"+-.");
static HOST: Bytes = Bytes::alphanumeric_and(b"-._");

impl<'a> Uri<'a> {
    /// Reads a URI that stands alone; `None` for what is none.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let (colon, at) = marks(raw)?;
        let (scheme, rest) = raw.split_at_checked(colon)?;
        let rest = rest.get(1..).filter(|rest| !rest.is_empty())?;
        // From where the rest begins.
        let at = at.and_then(|at| at.checked_sub(colon + 1));
        match scheme {
            _ if scheme.eq_ignore_ascii_case(b"sip") => Self::parse_sip(raw, Scheme::Sip, rest, at),
            _ if scheme.eq_ignore_ascii_case(b"sips") => {
                Self::parse_sip(raw, Scheme::Sips, rest, at)
            }
            _ if scheme.eq_ignore_ascii_case(b"tel") => Self::parse_tel(raw, rest),
            [first, others @ ..] if first.is_ascii_alphabetic() => {
                SCHEME.all(others).then(|| Self { host: rest, ..Self::empty(raw, Scheme::Other) })
            }
            _ => None,
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

    /// `at`: where the first `@` of `rest` stands.
    fn parse_sip(raw: &'a [u8], scheme: Scheme, rest: &'a [u8], at: Option<usize>) -> Option<Self> {
        let (user, password, rest) = match at.and_then(|at| rest.split_at_checked(at)) {
            Some((userinfo, rest)) => {
                let (user, password) = grammar::split_once(userinfo, b':');
                (Some(user).filter(|user| !user.is_empty()).map(Some)?, password, rest.get(1..)?)
            }
            None => (None, None, rest),
        };
        let ends = rest.iter().position(|&byte| matches!(byte, b';' | b'?'));
        let (hostport, rest) = rest.split_at_checked(ends.unwrap_or(rest.len()))?;
        let (host, port) = host_port(hostport)?;
        let (params, headers) = match rest {
            [] => (&[][..], None),
            [b'?', headers @ ..] => (&[][..], Some(headers)),
            [_, rest @ ..] => grammar::split_once(rest, b'?'),
        };
        Some(Self { raw, scheme, user, password, host, port, params: Params::new(params), headers })
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

/// Where the first `:` stands, and the first `@` behind it; `None` for what has no `:`, or a byte that no
/// URI has.
fn marks(raw: &[u8]) -> Option<(usize, Option<usize>)> {
    let mut bytes = raw.iter().enumerate();
    let mut find = |wanted: u8| {
        for (at, &byte) in bytes.by_ref() {
            if byte == wanted {
                return Some(Some(at));
            }
            if STRAY.has(byte) {
                return None;
            }
        }
        Some(None)
    };
    let colon = find(b':')??;
    let at = find(b'@')?;
    let rest = at.map_or(&[][..], |at| raw.get(at..).unwrap_or_default());
    (!STRAY.any(rest)).then_some((colon, at))
}

/// `host [":" port]`, with white space around the colon allowed (Via); `None` for no host.
pub(super) fn host_port(text: &[u8]) -> Option<(&[u8], Option<u16>)> {
    let host_len = match text {
        [b'[', ..] => memchr::memchr(b']', text)? + 1,
        _ => text.iter().position(|&byte| !HOST.has(byte)).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(host_len)?;
    let legal = match host {
        [b'[', inner @ .., b']'] => {
            !inner.is_empty()
                && inner.iter().all(|byte| byte.is_ascii_hexdigit() || b":.".contains(byte))
        }
        _ => !host.is_empty(),
    };
    if !legal {
        return None;
    }
    let rest = grammar::trim(rest);
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = grammar::trim(rest.strip_prefix(b":")?);
    let port = grammar::number(digits).and_then(|port| u16::try_from(port).ok())?;
    Some((host, Some(port)))
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
