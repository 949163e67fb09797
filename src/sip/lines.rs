//! The start line and the header lines of a message, found by name. It looks into no value.

use super::head::{Line, Reader, Step};
use super::name::Names;
use super::start_line::StartLine;
use super::value::{Value, Values};
use super::{Fault, Limits, Name, scan};
use smallvec::SmallVec;
use std::ops::Range;

/// A header that was found: its name and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    pub name: Name,
    pub line: Line,
}

/// Start line and headers.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    pub bytes: &'a [u8],
    pub start: StartLine,
    pub start_at: Range<usize>,
    pub entries: SmallVec<[Entry; 24]>,
    /// By name: the place of its first entry, [`NOWHERE`] for none.
    firsts: [u16; Name::COUNT],
    /// Which names are there, and which more than once.
    seen: Names,
    repeated: Names,
}

const NOWHERE: u16 = u16::MAX;

impl<'a> Lines<'a> {
    /// None yet.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            start: StartLine::Response { code: 0, reason: 0..0 },
            start_at: 0..0,
            entries: SmallVec::new(),
            firsts: [NOWHERE; Name::COUNT],
            seen: Names::NONE,
            repeated: Names::NONE,
        }
    }

    /// Reads header lines up to the empty one; gives where the body begins.
    pub fn read(
        &mut self,
        mut reader: Reader<'a>,
        limits: &Limits,
        fault: &mut Option<Fault>,
    ) -> Result<usize, Fault> {
        let mut lines = 0;
        loop {
            match reader.step()? {
                Step::End(body_at) if body_at - self.start_at.start > limits.max_head => {
                    return Err(Fault::TooLarge);
                }
                Step::End(_) if reader.has_stray_nul() => return Err(Fault::Nul),
                Step::End(body_at) => return Ok(body_at),
                Step::Broken => {
                    fault.get_or_insert(Fault::BadHeader);
                }
                Step::Line(name, line) => self.add(Entry { name, line }),
            }
            lines += 1;
            if lines > limits.max_headers {
                return Err(Fault::TooManyHeaders);
            }
        }
    }

    fn add(&mut self, entry: Entry) {
        if self.seen.has(entry.name) {
            self.repeated = self.repeated.with(entry.name);
        } else if let Some(first) = self.firsts.get_mut(entry.name as usize) {
            *first = u16::try_from(self.entries.len()).unwrap_or(NOWHERE);
            self.seen = self.seen.with(entry.name);
        }
        self.entries.push(entry);
    }

    /// Which of these names are not there, and which are there more than once.
    pub fn wrong(&self, needed: Names, once: Names) -> (Names, Names) {
        (needed.without(self.seen), once.both(self.repeated))
    }

    /// All values of a header, lists split, in order.
    pub fn all<'i>(&'i self, name: Name) -> Values<'i, 'a> {
        Values::new(self.bytes, &self.entries, name, self.first_of(name))
    }

    /// The first value of a header.
    pub fn first(&self, name: Name) -> Option<Value<'a>> {
        self.plain(name).or_else(|| self.all(name).next())
    }

    /// The value of a header that has one only.
    pub fn lone(&self, name: Name) -> Option<Value<'a>> {
        self.plain(name).filter(|_| !self.repeated.has(name))
    }

    /// The first line of a header, where it is one value and no list.
    #[inline]
    fn plain(&self, name: Name) -> Option<Value<'a>> {
        let entry = self.first_of(name)?;
        let at = self.entries.get(entry)?.line.value();
        let text = self.bytes.get(at.clone())?;
        let plain = !text.is_empty() && (!name.is_list() || scan::byte(text, b',').is_none());
        plain.then_some(Value { text, at: at.start, entry })
    }

    /// The header lines of a name, in order.
    pub fn of(&self, name: Name) -> impl Iterator<Item = &Entry> {
        let from = self.first_of(name).unwrap_or(usize::MAX);
        let entries = self.entries.get(from..).unwrap_or_default();
        // A look through the rest only where there is another one.
        let least = if self.repeated.has(name) { entries.len() } else { 1 };
        entries.iter().take(least).filter(move |entry| entry.name == name)
    }

    /// The Request-URI as received; `None` for a response.
    pub fn request_uri_text(&self) -> Option<&'a [u8]> {
        match &self.start {
            StartLine::Request { uri, .. } => self.bytes.get(uri.clone()),
            StartLine::Response { .. } => None,
        }
    }

    /// The place of the first entry of a name.
    pub fn first_of(&self, name: Name) -> Option<usize> {
        self.firsts.get(name as usize).filter(|at| **at != NOWHERE).map(|at| usize::from(*at))
    }
}
