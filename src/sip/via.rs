//! Via values (RFC 3261 20.42; `rport` RFC 3581).

use super::{Params, grammar, uri::host_port};

/// One Via value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Via<'a> {
    /// UDP, TCP, TLS, WS … as received.
    pub transport: &'a [u8],
    /// The host of sent-by, IPv6 in brackets.
    pub host: &'a [u8],
    pub port: Option<u16>,
    pub params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Reads one value; `None` for what is none, empty parameters included.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (protocol, rest) = grammar::split_once(text, b'/');
        let (version, rest) = grammar::split_once(rest?, b'/');
        let known = grammar::trim(protocol).eq_ignore_ascii_case(b"SIP")
            && grammar::trim(version) == b"2.0";
        let rest = grammar::trim(rest?);
        let length = rest.iter().position(|&byte| grammar::is_lws(byte))?;
        let (transport, rest) = rest.split_at_checked(length)?;
        let (sent_by, params) = grammar::split_once(rest, b';');
        let (host, port) = host_port(grammar::trim(sent_by))?;
        let via = Self { transport, host, port, params: Params::new(params.unwrap_or_default()) };
        let sound = known && grammar::is_token(transport) && params.is_none_or(no_empty_param);
        sound.then_some(via)
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&'a [u8]> {
        self.params.value("branch")
    }

    /// The `received` parameter: where the request really came from.
    pub fn received(&self) -> Option<&'a [u8]> {
        self.params.value("received")
    }

    /// The port of `rport`; `None` where it is absent, has no value yet, or is no port.
    pub fn rport(&self) -> Option<u16> {
        self.params
            .value("rport")
            .and_then(grammar::number)
            .and_then(|port| u16::try_from(port).ok())
    }

    /// Whether an answer is wanted at the port that the request came from (RFC 3581).
    pub fn wants_rport(&self) -> bool {
        self.params.has("rport")
    }
}

fn no_empty_param(mut text: &[u8]) -> bool {
    while let Some(end) = grammar::find_outside(text, |byte| byte == b';') {
        if grammar::trim(text.get(..end).unwrap_or_default()).is_empty() {
            return false;
        }
        text = text.get(end + 1..).unwrap_or_default();
    }
    !grammar::trim(text).is_empty()
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
