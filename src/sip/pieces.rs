//! The edits that a proxy makes (RFC 3261 16.6, 16.7), each as one call on a patch. What to edit is
//! for the caller to decide; Content-Length and the body are never touched.

use super::{Message, Name, Patch, StartLine, Value, print};
use core::net::{IpAddr, SocketAddr};
use std::ops::Range;

/// What becomes of Max-Forwards (RFC 3261 16.3, 16.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hops {
    /// The request goes on with this many hops left.
    Left(u8),
    /// It must not be forwarded: 483.
    Exhausted,
}

const FIRST_MAX_FORWARDS: u8 = 70;

/// A note in a Via of where its request came from.
pub(super) struct Note {
    /// What it takes the place of.
    pub at: Range<usize>,
    says: Says,
}

enum Says {
    Rport(u16),
    Received(IpAddr),
    /// The same behind all parameters.
    AlsoReceived(IpAddr),
}

impl Note {
    /// Writes it.
    pub fn put(&self, out: &mut Vec<u8>) {
        match self.says {
            Says::Rport(port) => {
                out.extend_from_slice(b"rport=");
                print::number(out, u64::from(port));
            }
            Says::Received(ip) => {
                out.extend_from_slice(b"received=");
                print::ip(out, ip);
            }
            Says::AlsoReceived(ip) => {
                out.extend_from_slice(b";received=");
                print::ip(out, ip);
            }
        }
    }
}

/// What the top Via of a request from `source`, whose value is `top`, is to say, in the order of the places: `received` where
/// sent-by says something else or `rport` is asked for (RFC 3261 18.2.1, RFC 3581 4). What the sender
/// wrote there itself is overwritten.
pub(super) fn notes(
    message: &Message<'_>,
    top: &Value<'_>,
    source: SocketAddr,
) -> [Option<Note>; 2] {
    let Some(via) = message.top_via() else { return [None, None] };
    let ip = source.ip().to_canonical();
    let (received, rport) = via.stamps();
    let port = rport
        .and_then(|param| message.range_of(param.raw))
        .map(|at| Note { at, says: Says::Rport(source.port()) });
    let end = top.range().end;
    let address = match received.and_then(|param| message.range_of(param.raw)) {
        Some(at) => Some(Note { at, says: Says::Received(ip) }),
        None if rport.is_some() || host_ip(via.host) != Some(ip) => {
            Some(Note { at: end..end, says: Says::AlsoReceived(ip) })
        }
        None => None,
    };
    match (&port, &address) {
        (Some(late), Some(early)) if early.at.start < late.at.start => [address, port],
        _ => [port, address],
    }
}

impl Patch {
    /// Puts a Via of our own on top; `value` is `SIP/2.0/UDP host:port;branch=…`.
    pub fn push_via(&mut self, message: &Message<'_>, value: &[u8]) {
        self.write_via(message, |out| out.extend_from_slice(value));
    }

    /// The same with a value that `write` appends.
    pub fn write_via(&mut self, message: &Message<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        self.write_first(message, Name::Via, write);
    }

    /// Takes the top Via value off; the caller has made sure that it is ours.
    pub fn pop_top_via(&mut self, message: &Message<'_>) {
        self.remove_first(message, Name::Via, 1);
    }

    /// Notes in the top Via where the request came from.
    pub fn stamp_top_via(&mut self, message: &Message<'_>, source: SocketAddr) {
        let Some(top) = message.first(Name::Via) else { return };
        for note in notes(message, &top, source).into_iter().flatten() {
            self.write(note.at.clone(), |out| note.put(out));
        }
    }

    /// Counts one hop down; a request without Max-Forwards gets 70.
    pub fn step_max_forwards(&mut self, message: &Message<'_>) -> Hops {
        let Some(value) = message.first(Name::MaxForwards) else {
            self.add_header(
                message,
                Name::MaxForwards.text(),
                FIRST_MAX_FORWARDS.to_string().as_bytes(),
            );
            return Hops::Left(FIRST_MAX_FORWARDS);
        };
        match message.max_forwards().and_then(|hops| hops.checked_sub(1)) {
            Some(left) => {
                self.write(value.range(), |out| print::number(out, u64::from(left)));
                Hops::Left(left)
            }
            None => Hops::Exhausted,
        }
    }

    /// Puts a Record-Route value on top; of several the one pushed first stands first.
    pub fn push_record_route(&mut self, message: &Message<'_>, value: &[u8]) {
        self.push_first(message, Name::RecordRoute, value);
    }

    /// Puts a Route value on top.
    pub fn push_route(&mut self, message: &Message<'_>, value: &[u8]) {
        self.push_first(message, Name::Route, value);
    }

    /// Puts a Path value on top, and `Supported: path` where it is missing (RFC 3327 5.2).
    pub fn push_path(&mut self, message: &Message<'_>, value: &[u8]) {
        self.write_path(message, |out| out.extend_from_slice(value));
    }

    /// The same with a value that `write` appends.
    pub fn write_path(&mut self, message: &Message<'_>, write: impl FnOnce(&mut Vec<u8>)) {
        self.write_first(message, Name::Path, write);
        if !message.has_option(Name::Supported, "path") {
            self.add_header(message, Name::Supported.text(), b"path");
        }
    }

    /// Takes the first `count` Route values off.
    pub fn remove_routes(&mut self, message: &Message<'_>, count: usize) {
        self.remove_first(message, Name::Route, count);
    }

    /// Puts another Request-URI in place.
    pub fn replace_request_uri(&mut self, message: &Message<'_>, uri: &[u8]) {
        if let StartLine::Request { uri: at, .. } = message.start_line() {
            self.replace(at.clone(), uri);
        }
    }

    /// Puts another status and phrase in place; line breaks in the phrase become spaces.
    pub fn replace_status(&mut self, message: &Message<'_>, code: u16, phrase: &str) {
        let at = message.index().lines.start_at.clone();
        let line = format!("SIP/2.0 {code} {}", phrase.replace(['\r', '\n', '\0'], " "));
        self.splice(at, &[line.as_bytes(), b"\r\n"]);
    }

    fn push_first(&mut self, message: &Message<'_>, name: Name, value: &[u8]) {
        self.write_first(message, name, |out| out.extend_from_slice(value));
    }

    /// A line before the first of its name; where there is none, before all headers (Via) or the
    /// body (others).
    fn write_first(&mut self, message: &Message<'_>, name: Name, write: impl FnOnce(&mut Vec<u8>)) {
        let first = message.lines(name).next().map(|line| line.start);
        let start = match (first, name) {
            (Some(start), _) => start,
            (None, Name::Via) => message.index().lines.start_at.end,
            (None, _) => message.index().body.start.saturating_sub(2),
        };
        self.write(start..start, |out| {
            out.extend_from_slice(name.text().as_bytes());
            out.extend_from_slice(b": ");
            write(out);
            out.extend_from_slice(b"\r\n");
        });
    }
}

fn host_ip(host: &[u8]) -> Option<IpAddr> {
    let host = std::str::from_utf8(host).ok()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::super::patch::tests::{BASE, VIA, patched};
    use super::super::{Index, Limits};
    use super::*;

    #[test]
    fn via_is_pushed_on_top_and_popped_again() {
        let pushed = patched(VIA, |patch, message| {
            patch.push_via(message, b"SIP/2.0/UDP us;branch=z9hG4bK2")
        });

        assert_eq!(pushed, format!("Via: SIP/2.0/UDP us;branch=z9hG4bK2\r\n{VIA}"));
        assert_eq!(patched(&pushed, |patch, message| patch.pop_top_via(message)), VIA);
    }

    #[test]
    fn the_top_via_of_a_list_is_popped_alone() {
        let headers = "v: SIP/2.0/UDP us;branch=1 ,\r\n SIP/2.0/TCP them;branch=2\r\n";

        assert_eq!(
            patched(headers, |patch, message| patch.pop_top_via(message)),
            "v: SIP/2.0/TCP them;branch=2\r\n"
        );
    }

    #[test]
    fn a_via_is_stamped_with_the_source() {
        let stamp = |headers: &str, source: &str| {
            let source: SocketAddr = source.parse().unwrap();
            patched(headers, |patch, message| patch.stamp_top_via(message, source))
        };
        let via = |rest: &str| format!("Via: SIP/2.0/UDP {rest}\r\n");

        assert_eq!(stamp(&via("192.0.2.9;branch=1"), "192.0.2.9:5060"), via("192.0.2.9;branch=1"));
        assert_eq!(
            stamp(&via("a.b;branch=1"), "192.0.2.9:5060"),
            via("a.b;branch=1;received=192.0.2.9")
        );
        assert_eq!(
            stamp(&via("192.0.2.9;rport;branch=1"), "[::ffff:192.0.2.9]:7"),
            via("192.0.2.9;rport=7;branch=1;received=192.0.2.9")
        );
        assert_eq!(stamp(&via("[::1];branch=1"), "[::2]:7"), via("[::1];branch=1;received=::2"));
        assert_eq!(
            stamp(&via("a.b;received=6.6.6.6;rport=66;branch=1"), "192.0.2.9:7"),
            via("a.b;received=192.0.2.9;rport=7;branch=1")
        );
    }

    #[test]
    fn hops_are_counted_down_or_begun() {
        let step = |headers: &str| {
            patched(headers, |patch, message| {
                patch.step_max_forwards(message);
            })
        };

        assert_eq!(
            step(&format!("{VIA}max-forwards : 0068\r\n")),
            format!("{VIA}max-forwards : 67\r\n")
        );
        assert_eq!(step(VIA), format!("{VIA}Max-Forwards: 70\r\n"));
        assert_eq!(step(&format!("{VIA}Max-Forwards: 0\r\n")), format!("{VIA}Max-Forwards: 0\r\n"));
    }

    #[test]
    fn path_brings_its_option_along() {
        let push =
            |patch: &mut Patch, message: &Message<'_>| patch.push_path(message, b"<sip:us;lr>");

        assert_eq!(patched(VIA, push), format!("{VIA}Path: <sip:us;lr>\r\nSupported: path\r\n"));
        let old = format!("{VIA}Path: <sip:edge;lr>\r\nk: gruu, Path\r\n");
        assert_eq!(
            patched(&old, push),
            format!("{VIA}Path: <sip:us;lr>\r\nPath: <sip:edge;lr>\r\nk: gruu, Path\r\n")
        );
    }

    #[test]
    fn record_routes_keep_the_order_of_pushing() {
        let headers = format!("{VIA}Record-Route: <sip:old;lr>\r\n");

        let out = patched(&headers, |patch, message| {
            patch.push_record_route(message, b"<sip:one;lr>");
            patch.push_record_route(message, b"<sip:two;lr>");
        });

        let wanted = "Record-Route: <sip:one;lr>\r\nRecord-Route: <sip:two;lr>\r\nRecord-Route: <sip:old;lr>\r\n";
        assert_eq!(out, format!("{VIA}{wanted}"));
    }

    #[test]
    fn routes_are_removed_over_lines_and_lists() {
        let headers =
            format!("{VIA}Route: <sip:1>, <sip:2>\r\nroute: <sip:3>,<sip:4> , <sip:5>\r\n");
        let left = |count| {
            patched(&headers, |patch, message| patch.remove_routes(message, count))
                .replacen(VIA, "", 1)
        };

        assert_eq!(left(0), "Route: <sip:1>, <sip:2>\r\nroute: <sip:3>,<sip:4> , <sip:5>\r\n");
        assert_eq!(left(1), "Route: <sip:2>\r\nroute: <sip:3>,<sip:4> , <sip:5>\r\n");
        assert_eq!(left(2), "route: <sip:3>,<sip:4> , <sip:5>\r\n");
        assert_eq!(left(4), "route: <sip:5>\r\n");
        assert_eq!(left(9), "");
    }

    #[test]
    fn start_lines_are_replaced() {
        let text = format!("SIP/2.0 200 OK\r\n{VIA}{BASE}\r\n");
        let index = Index::parse(text.as_bytes(), &Limits::default()).unwrap();
        let message = index.message();
        let (mut patch, mut out) = (Patch::new(), Vec::new());

        patch.replace_status(&message, 403, "No\r\nWay");
        patch.apply(&message, &mut out);

        assert_eq!(out, format!("SIP/2.0 403 No  Way\r\n{VIA}{BASE}\r\n").into_bytes());
        let request = patched(VIA, |patch, message| patch.replace_request_uri(message, b"sip:x@y"));
        assert!(request.starts_with("REGISTER sip:x@y SIP/2.0\r\nVia:"));
    }
}
