//! URIs as slices of the message (RFC 3261 19.1, RFC 3966). Schemes without a rule here are opaque.

use super::Params;
use super::grammar::{self, Bytes};
use super::scan::{self, Class, NoHost};
use super::walk::Walk;

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
    /// None yet.
    #[inline(always)]
    pub(super) fn empty() -> Self {
        Self {
            raw: &[],
            scheme: Scheme::Other,
            user: None,
            password: None,
            host: &[],
            port: None,
            params: Params::empty(),
            headers: None,
        }
    }

    /// Reads a URI that stands alone; `None` for what is none.
    pub fn parse(raw: &'a [u8]) -> Option<Self> {
        let mut uri = Self::empty();
        uri.read_whole(raw).map(|()| uri)
    }

    /// Reads into an empty one a URI that stands alone; `None` for what is none.
    pub(super) fn read_whole(&mut self, raw: &'a [u8]) -> Option<()> {
        self.read(&mut Walk::from(raw, 0), 0)?;
        (self.raw.len() == raw.len()).then_some(())
    }

    /// Reads into an empty one the URI that begins at `at`, of which `walk` has told nothing, and ends
    /// before the first byte that no URI has; `None` where there is none.
    #[inline(always)]
    pub(super) fn read(&mut self, walk: &mut Walk<'a>, at: usize) -> Option<()> {
        let text = walk.text.get(at..)?;
        let (scheme, from) = if grammar::begins(text, b"sip:") {
            (Scheme::Sip, at + 4)
        } else if grammar::begins(text, b"sips:") {
            (Scheme::Sips, at + 5)
        } else {
            return self.read_other(text.get(..STRAY.first(text))?);
        };
        self.scheme = scheme;
        self.read_sip(walk, at, from)
    }

    /// What follows the scheme stands at `from`.
    #[inline(always)]
    fn read_sip(&mut self, walk: &mut Walk<'a>, at: usize, from: usize) -> Option<()> {
        let text = walk.text;
        walk.skip_to(from);
        let start = *walk;
        let mut host_at = from;
        if let Some((colon, end)) = userinfo(walk) {
            let user = text.get(from..colon).filter(|user| !user.is_empty())?;
            self.user = Some(user);
            self.password = text.get(colon + 1..end);
            host_at = end + 1;
        } else {
            *walk = start;
        }
        let next = self.read_host(walk, host_at)?;
        let next = self.read_port(walk, next)?;
        self.read_tail(walk, at, next)
    }

    /// The host that stands at `at`; gives what follows it.
    #[inline(always)]
    fn read_host(&mut self, walk: &mut Walk<'a>, at: usize) -> Option<Mark> {
        let next = mark(walk);
        if next.at > at {
            self.host = walk.text.get(at..next.at)?;
            return Some(next);
        }
        (self.host, _) = host(walk.text.get(at..)?)?;
        let end = at + self.host.len();
        walk.skip_to(end);
        Some(mark(walk)).filter(|next| next.at == end)
    }

    /// The port behind a colon; gives what follows it.
    #[inline(always)]
    fn read_port(&mut self, walk: &mut Walk<'a>, colon: Mark) -> Option<Mark> {
        if colon.byte != Some(b':') {
            return Some(colon);
        }
        let next = mark(walk);
        let (port, []) = port(walk.text.get(colon.at + 1..next.at)?)? else { return None };
        self.port = Some(port);
        Some(next)
    }

    /// Parameters and headers, of which the first begin at `next`, and the whole.
    #[inline(always)]
    fn read_tail(&mut self, walk: &mut Walk<'a>, at: usize, mut next: Mark) -> Option<()> {
        let text = walk.text;
        let (params_at, mut question) = (next.at + 1, usize::MAX);
        if !matches!(next.byte, None | Some(b';' | b'?')) {
            return None;
        }
        while let Some(byte) = next.byte {
            if byte == b'?' {
                question = question.min(next.at);
            }
            next = mark(walk);
        }
        let question = question.min(next.at);
        self.params = Params::new(text.get(params_at..question).unwrap_or_default());
        self.headers = text.get(question + 1..next.at);
        self.raw = text.get(at..next.at)?;
        Some(())
    }

    #[cold]
    fn read_other(&mut self, raw: &'a [u8]) -> Option<()> {
        let (scheme, rest) = grammar::split_once(raw, b':');
        let rest = rest.filter(|rest| !rest.is_empty())?;
        self.raw = raw;
        match scheme {
            _ if scheme.eq_ignore_ascii_case(b"tel") => self.read_tel(rest),
            [first, others @ ..] if first.is_ascii_alphabetic() => {
                self.host = rest;
                SCHEME.all(others).then_some(())
            }
            _ => None,
        }
    }

    fn read_tel(&mut self, rest: &'a [u8]) -> Option<()> {
        let (number, params) = grammar::split_once(rest, b';');
        self.scheme = Scheme::Tel;
        self.user = Some(number).filter(|number| !number.is_empty());
        self.params = Params::new(params.unwrap_or_default());
        self.user.map(|_| ())
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

static STRAY: Bytes = Bytes::controls_and(b" \x7f<>\"");

/// A sign of a URI.
#[derive(Clone, Copy)]
struct Mark {
    at: usize,
    /// Absent where the URI ends.
    byte: Option<u8>,
}

#[inline(always)]
fn mark(walk: &mut Walk<'_>) -> Mark {
    match walk.sign() {
        Some((at, byte)) => Mark { at, byte: Some(byte).filter(|byte| !STRAY.has(*byte)) },
        None => Mark { at: walk.text.len(), byte: None },
    }
}

/// Where the first colon and the first `@` stand, both there without a colon; `None` without an `@`.
#[inline(always)]
fn userinfo(walk: &mut Walk<'_>) -> Option<(usize, usize)> {
    let mut colon = usize::MAX;
    loop {
        let mark = mark(walk);
        match mark.byte? {
            b'@' => return Some((colon.min(mark.at), mark.at)),
            b':' => colon = colon.min(mark.at),
            _ => {}
        }
    }
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
    let (mut port, mut rest) = (0, text);
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        port = port * 10 + u32::from(digit - b'0');
        if port > u32::from(u16::MAX) {
            return None;
        }
        rest = behind;
    }
    let port = u16::try_from(port).ok().filter(|_| rest.len() < text.len())?;
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
