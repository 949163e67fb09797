//! Via values (RFC 3261 20.42; `rport` RFC 3581).

use super::{Param, Params, grammar, uri};

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// UDP, TCP, TLS, WS … as received.
    pub transport: &'a [u8],
    /// The host of sent-by, IPv6 in brackets.
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub params: Params<'a>,
    known: Known<'a>,
}

/// The first parameter of each name that has a rule, found in one pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Known<'a> {
    branch: Option<Param<'a>>,
    received: Option<Param<'a>>,
    rport: Option<Param<'a>>,
    two_branches: bool,
}

impl<'a> Via<'a> {
    /// Reads one value; `None` for what is none, empty parameters included.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let rest = protocol(text)?;
        let length = grammar::TOKEN.span(rest);
        let (transport, rest) = rest.split_at_checked(length)?;
        let spaced = rest.first().is_some_and(|&byte| grammar::is_lws(byte));
        if transport.is_empty() || !spaced {
            return None;
        }
        let (host, port, rest) = sent_by(grammar::trim_start(rest))?;
        let params = match rest {
            [] => None,
            [b';', params @ ..] => Some(Params::new(params)),
            _ => return None,
        };
        let known = params.map_or(Some(Known::default()), Known::read)?;
        let params = params.unwrap_or(Params::new(&[]));
        Some(Self { transport, host, port, params, known })
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.known.branch?.value
    }

    /// Whether there is more than one branch.
    pub(super) fn has_two_branches(&self) -> bool {
        self.known.two_branches
    }

    /// The `received` parameter: where the request really came from.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.known.received?.value
    }

    /// The `received` and the `rport` parameter as they stand.
    pub(super) fn stamps(&self) -> (Option<Param<'a>>, Option<Param<'a>>) {
        (self.known.received, self.known.rport)
    }

    /// The port of `rport`; `None` where it is absent, has no value yet, or is no port.
    pub fn rport(&self) -> Option<u16> {
        let value = self.known.rport?.value?;
        grammar::number(value).and_then(|port| u16::try_from(port).ok())
    }

    /// Whether an answer is wanted at the port that the request came from (RFC 3581).
    pub fn wants_rport(&self) -> bool {
        self.known.rport.is_some()
    }
}

/// What follows `SIP/2.0/`; `None` for another protocol or version.
fn protocol(text: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = text.strip_prefix(b"SIP/2.0/") {
        return Some(grammar::trim_start(rest));
    }
    let (protocol, rest) = grammar::split_once(text, b'/');
    let (version, rest) = grammar::split_once(rest?, b'/');
    let known =
        grammar::trim(protocol).eq_ignore_ascii_case(b"SIP") && grammar::trim(version) == b"2.0";
    rest.filter(|_| known).map(grammar::trim_start)
}

/// `host [":" port]`, with white space allowed between, and what follows it.
fn sent_by(text: &[u8]) -> Option<(&[u8], Option<u16>, &[u8])> {
    let (host, rest) = uri::host(text)?;
    match grammar::trim_start(rest) {
        [b':', digits @ ..] => {
            let (port, rest) = uri::port(grammar::trim_start(digits))?;
            Some((host, Some(port), grammar::trim_start(rest)))
        }
        rest => Some((host, None, rest)),
    }
}

impl<'a> Known<'a> {
    /// `None` where a parameter is empty.
    fn read(params: Params<'a>) -> Option<Self> {
        let mut known = Self::default();
        for param in params.pieces() {
            if param.raw.is_empty() {
                return None;
            }
            let place = match param.name {
                name if name.eq_ignore_ascii_case(b"branch") => {
                    known.two_branches |= known.branch.is_some();
                    &mut known.branch
                }
                name if name.eq_ignore_ascii_case(b"received") => &mut known.received,
                name if name.eq_ignore_ascii_case(b"rport") => &mut known.rport,
                _ => continue,
            };
            place.get_or_insert(param);
        }
        Some(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_folds_are_allowed_everywhere() {
        let via = Via::parse(
            b"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 : 5060 ; branch =\r\n z9hG4bK1;rport",
        )
        .unwrap();

        assert_eq!(
            (via.transport, via.host, via.port),
            (&b"UDP"[..], &b"192.0.2.2"[..], Some(5060))
        );
        assert_eq!(via.branch(), Some(&b"z9hG4bK1"[..]));
        assert!(via.wants_rport());
        assert_eq!(via.rport(), None);
    }

    #[test]
    fn ipv6_and_answers_of_servers_are_read() {
        let via = Via::parse(b"SIP/2.0/TCP [::1]:5061;received=::2;rport=99;branch=x").unwrap();

        assert_eq!((via.host, via.port, via.rport()), (&b"[::1]"[..], Some(5061), Some(99)));
        assert_eq!(via.received(), Some(&b"::2"[..]));
    }

    #[test]
    fn broken_values_are_none() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/7.0/UDP a",
            "SIP/2.0/UDP a;;",
            "SIP/2.0/UDP a;",
            "UDP a",
            "SIP/2.0/UDP a:x",
        ] {
            assert!(Via::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
