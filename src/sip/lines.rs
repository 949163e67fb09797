//! The start line and the header lines of a message, found by name. It looks into no value.

use super::head::{self, Line, Step};
use super::start_line::StartLine;
use super::value::{Value, Values};
use super::{Fault, Limits, Name};
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
        }
    }

    /// Reads header lines up to the empty one; gives where the body begins.
    pub fn read(&mut self, limits: &Limits, fault: &mut Option<Fault>) -> Result<usize, Fault> {
        let bytes = self.bytes;
        head::fits(bytes)?;
        let mut at = self.start_at.end;
        let mut lines = 0;
        loop {
            match head::step(bytes, at)? {
                Step::End(body_at) if body_at - self.start_at.start > limits.max_head => {
                    return Err(Fault::TooLarge);
                }
                Step::End(body_at) => {
                    return stray_nul(bytes, self.start_at.start..body_at).map(|()| body_at);
                }
                Step::Broken(next) => {
                    fault.get_or_insert(Fault::BadHeader);
                    at = next;
                }
                Step::Line(name, line) => {
                    self.add(Entry { name, line });
                    at = line.whole().end;
                }
            }
            lines += 1;
            if lines > limits.max_headers {
                return Err(Fault::TooManyHeaders);
            }
        }
    }

    fn add(&mut self, entry: Entry) {
        if let Some(first) = self.firsts.get_mut(entry.name as usize)
            && *first == NOWHERE
        {
            *first = u16::try_from(self.entries.len()).unwrap_or(NOWHERE);
        }
        self.entries.push(entry);
    }

    /// All values of a header, lists split, in order.
    pub fn all<'i>(&'i self, name: Name) -> Values<'i, 'a> {
        Values::new(self.bytes, &self.entries, name, self.first_of(name))
    }

    /// The first value of a header.
    pub fn first(&self, name: Name) -> Option<Value<'a>> {
        let entry = self.first_of(name)?;
        let at = self.entries.get(entry)?.line.value();
        let text = self.bytes.get(at.clone())?;
        let lone = !text.is_empty() && (!name.is_list() || memchr::memchr(b',', text).is_none());
        if lone {
            return Some(Value { text, at: at.start, entry });
        }
        self.all(name).next()
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

/// A NUL may stand in a header only behind a backslash (RFC 3261 25.1, quoted-pair).
fn stray_nul(bytes: &[u8], head: Range<usize>) -> Result<(), Fault> {
    let head = bytes.get(head).unwrap_or_default();
    let stray = memchr::memchr_iter(0, head)
        .any(|at| at.checked_sub(1).and_then(|before| head.get(before)) != Some(&b'\\'));
    if stray { Err(Fault::Nul) } else { Ok(()) }
}
