//! Via values (RFC 3261 20.42; `rport` RFC 3581).

use super::params::Pieces;
use super::walk::Walk;
use super::{Param, Params, grammar, uri};

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// All of it as received.
    pub(super) raw: &'a [u8],
    /// UDP, TCP, TLS, WS … as received.
    pub transport: &'a [u8],
    /// The host of sent-by, IPv6 in brackets.
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub params: Params<'a>,
    known: Known<'a>,
}

/// The first parameter of each name that has a rule, found in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known<'a> {
    /// Its value may be missing.
    branch: Option<Option<&'a [u8]>>,
    received: Option<Param<'a>>,
    rport: Option<Param<'a>>,
    two_branches: bool,
}

impl<'a> Via<'a> {
    /// None yet.
    #[inline(always)]
    pub(super) fn empty() -> Self {
        Self {
            raw: &[],
            transport: &[],
            host: &[],
            port: None,
            params: Params::empty(),
            known: Known { branch: None, received: None, rport: None, two_branches: false },
        }
    }

    /// Reads one value into an empty one; `None` for what is none, empty parameters included.
    pub(super) fn read(&mut self, text: &'a [u8]) -> Option<()> {
        self.raw = text;
        let rest = protocol(text)?;
        let at = text.len() - rest.len();
        let end = at + grammar::TOKEN.span(rest);
        let host_at = grammar::skip_lws(text, end);
        if end == at || host_at == end {
            return None;
        }
        self.transport = text.get(at..end)?;
        let mut walk = Walk::from(text, host_at);
        let at = self.read_sent_by(&mut walk, host_at)?;
        match text.get(at..)? {
            [] => Some(()),
            [b';', params @ ..] => {
                self.params = Params::new(params);
                self.known.read(Pieces::from(walk, at + 1))
            }
            _ => None,
        }
    }

    /// `host [":" port]`, with white space allowed between; gives where that ends.
    #[inline(always)]
    fn read_sent_by(&mut self, walk: &mut Walk<'a>, at: usize) -> Option<usize> {
        let text = walk.text;
        let end = match walk.sign() {
            Some((end, _)) if end > at => end,
            None => text.len(),
            _ => at + uri::host(text.get(at..)?)?.0.len(),
        };
        self.host = text.get(at..end).filter(|host| !host.is_empty())?;
        let colon = grammar::skip_lws(text, end);
        if text.get(colon) != Some(&b':') {
            return Some(colon);
        }
        let (port, rest) = uri::port(text.get(grammar::skip_lws(text, colon + 1)..)?)?;
        self.port = Some(port);
        Some(grammar::skip_lws(text, text.len() - rest.len()))
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.known.branch?
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

impl<'a> Known<'a> {
    /// `None` where a parameter is empty.
    #[inline(always)]
    fn read(&mut self, pieces: Pieces<'a>) -> Option<()> {
        for param in pieces {
            if param.raw.is_empty() {
                return None;
            }
            if grammar::is(param.name, b"branch") {
                self.two_branches |= self.branch.is_some();
                self.branch.get_or_insert(param.value);
            } else if grammar::is(param.name, b"received") {
                self.received.get_or_insert(param);
            } else if grammar::is(param.name, b"rport") {
                self.rport.get_or_insert(param);
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Option<Via<'_>> {
        let mut via = Via::empty();
        via.read(text).map(|()| via)
    }

    #[test]
    fn white_space_and_folds_are_allowed_everywhere() {
        let via =
            read(b"SIP  /   2.0\r\n /UDP\r\n    192.0.2.2 : 5060 ; branch =\r\n z9hG4bK1;rport")
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
        let via = read(b"SIP/2.0/TCP [::1]:5061;received=::2;rport=99;branch=x").unwrap();

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
            assert!(read(text.as_bytes()).is_none(), "{text}");
        }
    }
}
