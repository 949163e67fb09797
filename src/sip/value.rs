//! Header values: the elements of a list, split at the commas that are not inside quotes or
//! angle brackets, each with the place where it stands.

use super::block::Block;
use super::{Name, grammar};
use std::borrow::Cow;
use std::ops::Range;

/// One value of a header, or one element of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value<'a> {
    /// The text as received: trimmed, folds inside still there.
    pub text: &'a [u8],
    pub(super) at: usize,
    /// Which header line it stands in.
    pub(super) entry: usize,
}

impl<'a> Value<'a> {
    /// Where it stands in the message.
    pub fn range(&self) -> Range<usize> {
        self.at..self.at + self.text.len()
    }

    /// The text with each fold turned into one space (RFC 3261 7.3.1).
    pub fn unfolded(&self) -> Cow<'a, [u8]> {
        if memchr::memchr2(b'\r', b'\n', self.text).is_none() {
            return Cow::Borrowed(self.text);
        }
        let mut out = Vec::with_capacity(self.text.len());
        let mut rest = self.text;
        while let Some(fold) = memchr::memchr(b'\r', rest) {
            let (before, after) = rest.split_at_checked(fold).unwrap_or((rest, &[]));
            out.extend_from_slice(before.trim_ascii_end());
            out.push(b' ');
            rest = after.trim_ascii_start();
        }
        out.extend_from_slice(rest);
        Cow::Owned(out)
    }
}

/// All values of one header name, over all its lines, in order.
#[derive(Clone, Debug)]
pub struct Values<'i, 'a> {
    bytes: &'a [u8],
    block: &'i Block,
    name: Name,
    /// Where to look for the next line; beyond the end: nowhere.
    next_entry: usize,
    line: Option<Pending<'a>>,
}

/// What is left of a header line.
#[derive(Clone, Debug)]
struct Pending<'a> {
    rest: &'a [u8],
    at: usize,
    entry: usize,
}

impl<'i, 'a> Values<'i, 'a> {
    /// The values of the lines of `name`, of which the first stands at `first`.
    pub(super) fn new(bytes: &'a [u8], block: &'i Block, name: Name, first: Option<usize>) -> Self {
        Self { bytes, block, name, next_entry: first.unwrap_or(usize::MAX), line: None }
    }

    /// The values of one header line only.
    pub(super) fn of_entry(bytes: &'a [u8], block: &'i Block, entry: usize) -> Self {
        let name = block.get(entry).map_or(Name::Other, |line| line.name);
        let mut values = Self::new(bytes, block, name, None);
        values.open(entry);
        values
    }

    fn open(&mut self, entry: usize) {
        self.line = self.block.get(entry).map(|found| {
            let (at, rest) = found.value(self.bytes);
            Pending { at, rest, entry }
        });
    }

    fn next_line(&mut self) -> Option<()> {
        let (entry, _) = self.block.named(self.name, self.next_entry).next()?;
        self.next_entry = entry + 1;
        self.open(entry);
        Some(())
    }
}

impl<'a> Pending<'a> {
    /// Cuts the next element off; `None` when the line is used up.
    fn cut(&mut self, list: bool) -> Option<Value<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        // Most lists have one element: a look for any comma is cheaper than reading quotes.
        let listed = list && memchr::memchr(b',', self.rest).is_some();
        let comma = if listed { grammar::find_comma(self.rest) } else { None };
        let place = grammar::trim_range(self.rest, 0..comma.unwrap_or(self.rest.len()));
        let at = self.at + place.start;
        let text = self.rest.get(place).unwrap_or_default();
        let value = Value { text, at, entry: self.entry };
        let used = comma.map_or(self.rest.len(), |comma| comma + 1);
        self.at += used;
        self.rest = self.rest.get(used..).unwrap_or_default();
        Some(value)
    }
}

impl<'a> Iterator for Values<'_, 'a> {
    type Item = Value<'a>;

    #[inline]
    fn next(&mut self) -> Option<Value<'a>> {
        // Most headers are asked for in vain.
        if self.next_entry >= self.block.count() && self.line.is_none() {
            return None;
        }
        self.find_next()
    }
}

impl<'a> Values<'_, 'a> {
    #[inline(never)]
    fn find_next(&mut self) -> Option<Value<'a>> {
        let list = self.name.is_list();
        loop {
            while let Some(line) = &mut self.line {
                match line.cut(list) {
                    Some(value) if list && value.text.is_empty() => {}
                    Some(value) => return Some(value),
                    None => self.line = None,
                }
            }
            self.next_line()?;
            // A header that is there but empty is a value, where it is no list.
            if let Some(line) = self.line.as_ref().filter(|line| !list && line.rest.is_empty()) {
                let value = Value { text: &[], at: line.at, entry: line.entry };
                self.line = None;
                return Some(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Index, Limits};
    use super::*;

    fn values(headers: &str, name: Name) -> Vec<String> {
        let bytes = format!(
            "OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=1\r\nFrom: sip:a@b;tag=1\r\nTo: sip:a@b\r\n\
             Call-ID: x\r\nCSeq: 1 OPTIONS\r\n{headers}\r\n"
        );
        let index = Index::parse(bytes.as_bytes(), &Limits::default()).unwrap();
        let message = index.message();
        let found = message
            .all(name)
            .inspect(|value| assert_eq!(&bytes.as_bytes()[value.range()], value.text));
        found.map(|value| String::from_utf8(value.unfolded().into_owned()).unwrap()).collect()
    }

    #[test]
    fn lists_split_over_lines_and_commas() {
        let headers = "m: \"a,b\" <sip:c,d@e> , <sip:f@g>,,\r\nX: y\r\nContact:\r\n sip:h@i ,\r\n sip:j@k\r\n";

        assert_eq!(
            values(headers, Name::Contact),
            ["\"a,b\" <sip:c,d@e>", "<sip:f@g>", "sip:h@i", "sip:j@k"]
        );
    }

    #[test]
    fn a_header_that_is_no_list_keeps_its_commas() {
        let headers = "Date: Sat, 13 Nov 2010 23:29:00 GMT\r\n";

        assert_eq!(values(headers, Name::Date), ["Sat, 13 Nov 2010 23:29:00 GMT"]);
    }

    #[test]
    fn folds_become_one_space() {
        assert_eq!(values("User-Agent: a\r\n   b \r\n\tc\r\n", Name::UserAgent), ["a b c"]);
    }

    #[test]
    fn an_empty_header_is_one_empty_value_and_an_empty_list_none() {
        assert_eq!(values("Server:\r\n", Name::Server), [""]);
        assert_eq!(values("Supported:\r\n", Name::Supported), [""; 0]);
    }
}
