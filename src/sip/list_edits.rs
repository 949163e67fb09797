//! Edits of single header values, Contacts and whole headers, each as one call on a patch.

use super::value::Values;
use super::{Contact, Message, Name, Patch, Value, print};
use smallvec::SmallVec;
use std::ops::Range;

impl Patch {
    /// Takes the first `count` values of a header out.
    pub(super) fn remove_first(&mut self, message: &Message<'_>, name: Name, count: usize) {
        // Mostly it is one, and its line has no other.
        if let Some(line) = line_of_first(message, name).filter(|_| count == 1) {
            return self.delete(line);
        }
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
        let index = message.index();
        let Some(first) = index.lines.first_of(name) else { return };
        for (at, line) in index.lines.block.named(name, first) {
            let values: SmallVec<[(Value<'_>, bool); 4]> =
                Values::of_entry(message.bytes(), &index.lines.block, at)
                    .map(|value| (value, gone(&value)))
                    .collect();
            if values.iter().all(|(_, gone)| *gone) {
                if !values.is_empty() {
                    self.delete(line.whole());
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
        if contact.is_star() {
            return;
        }
        let there = contact.expires_param().and_then(|param| message.range_of(param.raw));
        let end = contact.value.range().end;
        self.write(there.clone().unwrap_or(end..end), |out| {
            if there.is_none() {
                out.push(b';');
            }
            out.extend_from_slice(b"expires=");
            print::number(out, u64::from(secs));
        });
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

    /// Adds a value behind all others of its header (a strict router's Route, RFC 3261 16.6 step 6).
    pub fn append_value(&mut self, message: &Message<'_>, name: Name, value: &[u8]) {
        match message.lines(name).last() {
            Some(line) => {
                self.splice(line.end..line.end, &[name.text().as_bytes(), b": ", value, b"\r\n"])
            }
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
}

/// The line of the first value of a header, where it has that one only.
fn line_of_first(message: &Message<'_>, name: Name) -> Option<Range<usize>> {
    let value = message.first(name)?;
    let line = message.index().lines.block.get(value.entry)?;
    let (at, text) = line.value(message.bytes());
    (value.range() == (at..at + text.len())).then(|| line.whole())
}

#[cfg(test)]
mod tests {
    use super::super::patch::tests::{VIA, patched};
    use super::*;

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
                patch.replace_contact_uri(message, contact, b"sip:us");
                patch.set_contact_expires(message, contact, 30);
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
    fn a_value_is_appended_behind_its_header() {
        let append = |patch: &mut Patch, message: &Message<'_>| {
            patch.append_value(message, Name::Route, b"<sip:z>")
        };

        let headers = format!("{VIA}route: <sip:a>,\r\n <sip:b>\r\nX: y\r\n");
        assert_eq!(
            patched(&headers, append),
            format!("{VIA}route: <sip:a>,\r\n <sip:b>\r\nRoute: <sip:z>\r\nX: y\r\n")
        );
        assert_eq!(patched(VIA, append), format!("{VIA}Route: <sip:z>\r\n"));
    }
}
