//! The edits that a proxy makes (RFC 3261 16.6, 16.7), each as one call on a patch. What to edit is
//! for the caller to decide; Content-Length and the body are never touched.

use super::value::Values;
use super::{Contact, Message, Name, Patch, StartLine, Value};
use core::net::{IpAddr, SocketAddr};
use smallvec::SmallVec;

/// What becomes of Max-Forwards (RFC 3261 16.3, 16.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hops {
    /// The request goes on with this many hops left.
    Left(u8),
    /// It must not be forwarded: 483.
    Exhausted,
}

const FIRST_MAX_FORWARDS: u8 = 70;

impl Patch {
    /// Puts a Via of our own on top; `value` is `SIP/2.0/UDP host:port;branch=…`.
    pub fn push_via(&mut self, message: &Message<'_>, value: &[u8]) {
        self.push_first(message, Name::Via, value);
    }

    /// Takes the top Via value off; the caller has made sure that it is ours.
    pub fn pop_top_via(&mut self, message: &Message<'_>) {
        self.remove_first(message, Name::Via, 1);
    }

    /// Notes in the top Via where the request came from: `received` where sent-by says something
    /// else or `rport` is asked for (RFC 3261 18.2.1, RFC 3581 4). What the sender wrote there
    /// itself is overwritten.
    pub fn stamp_top_via(&mut self, message: &Message<'_>, source: SocketAddr) {
        let (Some(value), Some(via)) = (message.first(Name::Via), message.top_via()) else {
            return;
        };
        let ip = source.ip().to_canonical();
        let (received, rport) = (via.params.get("received"), via.params.get("rport"));
        if let Some(range) = rport.and_then(|param| message.range_of(param.raw)) {
            self.replace(range, format!("rport={}", source.port()).as_bytes());
        }
        let text = format!("received={ip}");
        if let Some(range) = received.and_then(|param| message.range_of(param.raw)) {
            self.replace(range, text.as_bytes());
        } else if rport.is_some() || host_ip(via.host) != Some(ip) {
            self.splice(value.range().end..value.range().end, &[b";", text.as_bytes()]);
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
                self.replace(value.range(), left.to_string().as_bytes());
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
        self.push_first(message, Name::Path, value);
        if !message.has_option(Name::Supported, "path") {
            self.add_header(message, Name::Supported.text(), b"path");
        }
    }

    /// Takes the first `count` Route values off.
    pub fn remove_routes(&mut self, message: &Message<'_>, count: usize) {
        self.remove_first(message, Name::Route, count);
    }

    fn remove_first(&mut self, message: &Message<'_>, name: Name, count: usize) {
        let mut left = count;
        self.remove_values(message, name, |_| {
            let first = left > 0;
            left = left.saturating_sub(1);
            first
        });
    }

    /// Takes one value out, the header line with it when it was the only one. To take several of
    /// one header out use `remove_values`.
    pub fn remove_value(&mut self, message: &Message<'_>, name: Name, value: &Value<'_>) {
        let gone = value.range();
        self.remove_values(message, name, |value| value.range() == gone);
    }

    /// Takes the values out that `gone` picks; a line of which none remain goes whole.
    pub fn remove_values(
        &mut self,
        message: &Message<'_>,
        name: Name,
        mut gone: impl FnMut(&Value<'_>) -> bool,
    ) {
        for (at, entry) in message.index().entries.iter().enumerate() {
            if entry.name != name {
                continue;
            }
            let values: SmallVec<[(Value<'_>, bool); 4]> =
                Values::of_entry(*message, at).map(|value| (value, gone(&value))).collect();
            if values.iter().all(|(_, gone)| *gone) {
                if !values.is_empty() {
                    self.delete(entry.line.whole());
                }
            } else {
                self.cut_elements(&values);
            }
        }
    }

    /// Each element goes with the comma that joins it to the line: the one before it when an
    /// element before it stays, else the one after it.
    fn cut_elements(&mut self, values: &[(Value<'_>, bool)]) {
        let mut end_before = None;
        for (at, (value, gone)) in values.iter().enumerate() {
            let range = value.range();
            let next = values.get(at + 1).map(|(next, _)| next.range().start);
            match (*gone, end_before, next) {
                (true, Some(before), _) => self.delete(before..range.end),
                (true, None, Some(next)) => self.delete(range.start..next),
                (true, None, None) => {}
                (false, _, _) => {}
            }
            if !*gone || end_before.is_some() {
                end_before = Some(range.end);
            }
        }
    }

    /// Puts another Request-URI in place.
    pub fn replace_request_uri(&mut self, message: &Message<'_>, uri: &[u8]) {
        if let StartLine::Request { uri: at, .. } = message.start_line() {
            self.replace(at.clone(), uri);
        }
    }

    /// Puts another status and phrase in place; line breaks in the phrase become spaces.
    pub fn replace_status(&mut self, message: &Message<'_>, code: u16, phrase: &str) {
        let at = message.index().start_at.clone();
        let line = format!("SIP/2.0 {code} {}", phrase.replace(['\r', '\n', '\0'], " "));
        self.splice(at, &[line.as_bytes(), b"\r\n"]);
    }

    /// Puts another value in the place of one value of a list.
    pub fn replace_value(&mut self, value: &Value<'_>, text: &[u8]) {
        self.replace(value.range(), text);
    }

    /// Puts another URI into a Contact, in brackets; display name and parameters stay.
    pub fn replace_contact_uri(
        &mut self,
        message: &Message<'_>,
        contact: &Contact<'_>,
        uri: &[u8],
    ) {
        let Some(addr) = contact.addr() else { return };
        let Some(range) = message.range_of(addr.uri.raw) else { return };
        if addr.bracketed {
            self.replace(range, uri);
        } else {
            self.splice(range, &[b"<", uri, b">"]);
        }
    }

    /// Sets the `expires` parameter of a Contact, added at its end where it is missing.
    pub fn set_contact_expires(&mut self, message: &Message<'_>, contact: &Contact<'_>, secs: u32) {
        let Some(addr) = contact.addr() else { return };
        let text = format!("expires={secs}");
        match addr.params.get("expires").and_then(|param| message.range_of(param.raw)) {
            Some(range) => self.replace(range, text.as_bytes()),
            None => {
                let end = contact.value.range().end;
                self.splice(end..end, &[b";", text.as_bytes()]);
            }
        }
    }

    /// Sets the Expires header, added where it is missing.
    pub fn set_expires(&mut self, message: &Message<'_>, secs: u32) {
        self.set_header(message, Name::Expires, secs.to_string().as_bytes());
    }

    /// Sets the first value of a header that is no list, added where it is missing.
    pub fn set_header(&mut self, message: &Message<'_>, name: Name, value: &[u8]) {
        match message.first(name) {
            Some(found) if !found.text.is_empty() => self.replace(found.range(), value),
            Some(found) => self.splice(found.range(), &[b" ", value]),
            None => self.add_header(message, name.text(), value),
        }
    }

    /// Adds a header line before the body.
    pub fn add_header(&mut self, message: &Message<'_>, name: &str, value: &[u8]) {
        let end = message.index().body.start.saturating_sub(2);
        self.splice(end..end, &[name.as_bytes(), b": ", value, b"\r\n"]);
    }

    /// Takes all lines of a header out.
    pub fn remove_header(&mut self, message: &Message<'_>, name: Name) {
        for line in message.lines(name) {
            self.delete(line);
        }
    }

    /// A line before the first of its name; where there is none, before all headers (Via) or the
    /// body (others).
    fn push_first(&mut self, message: &Message<'_>, name: Name, value: &[u8]) {
        let first = message.lines(name).next().map(|line| line.start);
        let start = match (first, name) {
            (Some(start), _) => start,
            (None, Name::Via) => message.index().start_at.end,
            (None, _) => return self.add_header(message, name.text(), value),
        };
        self.splice(start..start, &[name.text().as_bytes(), b": ", value, b"\r\n"]);
    }
}

fn host_ip(host: &[u8]) -> Option<IpAddr> {
    let host = std::str::from_utf8(host).ok()?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::super::{Index, Limits};
    use super::*;

    const HEAD: &str = "INVITE sip:102@example.com SIP/2.0\r\n";
    const BASE: &str = "From: sip:101@example.com;tag=1\r\nTo: sip:102@example.com\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n";
    const VIA: &str = "Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1\r\n";

    /// Patches a request made of these headers; gives its headers besides `BASE`, and the body.
    fn patched(headers: &str, edit: impl Fn(&mut Patch, &Message<'_>)) -> String {
        let text = format!("{HEAD}{headers}{BASE}\r\nbody");
        let index = Index::parse(text.as_bytes(), &Limits::default()).unwrap();
        let message = index.message(text.as_bytes());
        let (mut patch, mut out) = (Patch::new(), Vec::new());
        edit(&mut patch, &message);
        patch.apply(&message, &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with("\r\n\r\nbody"));
        assert!(
            Index::parse(out.as_bytes(), &Limits::default())
                .is_ok_and(|index| index.body.len() == 4)
        );
        out.trim_start_matches(HEAD).replacen(BASE, "", 1).trim_end_matches("\r\nbody").to_string()
    }

    #[test]
    fn a_patch_of_nothing_is_identity() {
        let headers = format!("{VIA}X:  odd \r\n\tfold\r\nroute: <sip:a>,<sip:b>\r\n");

        assert_eq!(patched(&headers, |_, _| ()), headers);
    }

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
    fn any_elements_of_a_list_can_go() {
        let headers = format!("{VIA}Contact: <sip:0>, <sip:1>,,\r\n <sip:2> ,<sip:3>\r\n");
        let without = |gone: &[usize]| {
            let out = patched(&headers, |patch, message| {
                let mut at = 0;
                patch.remove_values(message, Name::Contact, |_| {
                    at += 1;
                    gone.contains(&(at - 1))
                });
            });
            out.replacen(VIA, "", 1)
        };

        assert_eq!(without(&[0]), "Contact: <sip:1>,,\r\n <sip:2> ,<sip:3>\r\n");
        assert_eq!(without(&[1]), "Contact: <sip:0>,,\r\n <sip:2> ,<sip:3>\r\n");
        assert_eq!(without(&[0, 2]), "Contact: <sip:1> ,<sip:3>\r\n");
        assert_eq!(without(&[1, 2, 3]), "Contact: <sip:0>\r\n");
        assert_eq!(without(&[0, 1, 2]), "Contact: <sip:3>\r\n");
        assert_eq!(without(&[0, 1, 2, 3]), "");
    }

    #[test]
    fn contacts_are_rewritten_in_place() {
        let headers = format!("{VIA}m: sip:a@b;q=0.1, \"N\" <sip:c@d;x>;expires=60;ob\r\n");

        let out = patched(&headers, |patch, message| {
            for contact in message.contacts() {
                patch.replace_contact_uri(message, &contact, b"sip:us");
                patch.set_contact_expires(message, &contact, 30);
            }
        });

        assert_eq!(
            out,
            format!("{VIA}m: <sip:us>;q=0.1;expires=30, \"N\" <sip:us>;expires=30;ob\r\n")
        );
    }

    #[test]
    fn headers_are_set_added_and_removed() {
        let headers =
            format!("{VIA}expires: 9\r\nServer:\r\nX-A: 1\r\nWarning: 1\r\nWarning: 2\r\n");

        let out = patched(&headers, |patch, message| {
            patch.set_expires(message, 60);
            patch.set_header(message, Name::Server, b"us");
            patch.set_header(message, Name::MinExpires, b"5");
            patch.remove_header(message, Name::Warning);
        });

        assert_eq!(out, format!("{VIA}expires: 60\r\nServer: us\r\nX-A: 1\r\nMin-Expires: 5\r\n"));
    }

    #[test]
    fn an_edit_inside_what_is_removed_goes_with_it() {
        let headers = format!("{VIA}m: <sip:a@b>\r\n");

        let out = patched(&headers, |patch, message| {
            let contact = message.contacts().next().unwrap();
            patch.set_contact_expires(message, &contact, 30);
            patch.remove_value(message, Name::Contact, &contact.value);
        });

        assert_eq!(out, VIA);
    }

    #[test]
    fn start_lines_are_replaced() {
        let text = format!("SIP/2.0 200 OK\r\n{VIA}{BASE}\r\n");
        let index = Index::parse(text.as_bytes(), &Limits::default()).unwrap();
        let message = index.message(text.as_bytes());
        let (mut patch, mut out) = (Patch::new(), Vec::new());

        patch.replace_status(&message, 403, "No\r\nWay");
        patch.apply(&message, &mut out);

        assert_eq!(out, format!("SIP/2.0 403 No  Way\r\n{VIA}{BASE}\r\n").into_bytes());
        let request = patched(VIA, |patch, message| patch.replace_request_uri(message, b"sip:x@y"));
        assert!(request.starts_with("INVITE sip:x@y SIP/2.0\r\nVia:"));
    }
}
