//! The start line and the header lines of a message, found by name. It looks into no value.

use super::block::Block;
use super::head::{Line, Reader, Step};
use super::name::Names;
use super::start_line::StartLine;
use super::value::{Value, Values};
use super::{Fault, Limits, Name, scan};
use std::ops::Range;

/// Start line and headers.
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    pub bytes: &'a [u8],
    pub start: StartLine,
    pub start_at: Range<usize>,
    pub block: Block,
    /// By name: the place of its first line, [`NOWHERE`] for none.
    firsts: [u32; Name::COUNT],
    /// Which names are there more than once.
    repeated: Names,
}

const NOWHERE: u32 = u32::MAX;

impl<'a> Lines<'a> {
    /// None yet.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            start: StartLine::Response { code: 0, reason: 0..0 },
            start_at: 0..0,
            block: Block::new(),
            firsts: [NOWHERE; Name::COUNT],
            repeated: Names::NONE,
        }
    }

    /// Reads header lines up to the empty one; gives where the body begins.
    #[inline(never)]
    pub fn read(
        &mut self,
        reader: &Reader<'a>,
        limits: &Limits,
        fault: &mut Option<Fault>,
    ) -> Result<usize, Fault> {
        // One of its own, which nobody else sees: it stays in registers.
        let mut reader = reader.clone();
        let mut most = limits.max_headers;
        loop {
            match reader.step()? {
                Step::Line(line) => self.add(line),
                Step::Broken => {
                    fault.get_or_insert(Fault::BadHeader);
                    most = most.checked_sub(1).ok_or(Fault::TooManyHeaders)?;
                }
                Step::End(body_at) if body_at - self.start_at.start > limits.max_head => {
                    return Err(Fault::TooLarge);
                }
                Step::End(_) if reader.has_stray_nul() => return Err(Fault::Nul),
                Step::End(body_at) => return Ok(body_at),
            }
            if self.block.count() > most {
                return Err(Fault::TooManyHeaders);
            }
        }
    }

    #[inline(always)]
    fn add(&mut self, line: Line) {
        match self.firsts.get_mut(line.name as usize) {
            Some(first) if *first == NOWHERE => *first = self.block.count() as u32,
            _ => self.repeated = self.repeated.with(line.name),
        }
        self.block.push(line);
    }

    /// Those of these names that are there more than once.
    pub fn repeated(&self, names: Names) -> Names {
        names.both(self.repeated)
    }

    /// All values of a header, lists split, in order.
    pub fn all<'i>(&'i self, name: Name) -> Values<'i, 'a> {
        Values::new(self.bytes, &self.block, name, self.first_of(name))
    }

    /// The first value of a header.
    #[inline]
    pub fn first(&self, name: Name) -> Option<Value<'a>> {
        // Most names are asked for in vain.
        self.first_of(name).and_then(|_| self.first_there(name))
    }

    #[inline(never)]
    fn first_there(&self, name: Name) -> Option<Value<'a>> {
        self.plain(name).or_else(|| self.all(name).next())
    }

    /// The text of the first value of a header.
    #[inline(always)]
    pub fn text(&self, name: Name) -> Option<&'a [u8]> {
        self.first_of(name)?;
        match self.plain(name) {
            Some(value) => Some(value.text),
            None => self.first_of_all(name),
        }
    }

    #[cold]
    fn first_of_all(&self, name: Name) -> Option<&'a [u8]> {
        self.all(name).next().map(|value| value.text)
    }

    /// The value of a header that has one only.
    pub fn lone(&self, name: Name) -> Option<Value<'a>> {
        self.plain(name).filter(|_| !self.repeated.has(name))
    }

    /// All that the only line of a header holds, a list unsplit.
    pub fn only(&self, name: Name) -> Option<Value<'a>> {
        let entry = self.first_of(name).filter(|_| !self.repeated.has(name))?;
        let (at, text) = self.block.get(entry)?.value(self.bytes);
        Some(Value { text, at, entry })
    }

    /// The first line of a header, where it is one value and no list.
    #[inline(always)]
    fn plain(&self, name: Name) -> Option<Value<'a>> {
        let entry = self.first_of(name)?;
        let (at, text) = self.block.get(entry)?.value(self.bytes);
        let plain = !text.is_empty() && (!name.is_list() || !scan::has(text, *b","));
        plain.then_some(Value { text, at, entry })
    }

    /// Whether a header has more than one line.
    pub fn repeats(&self, name: Name) -> bool {
        self.repeated.has(name)
    }

    /// The header lines of a name, in order.
    pub fn of(&self, name: Name) -> impl Iterator<Item = &Line> {
        let from = self.first_of(name).unwrap_or(usize::MAX);
        // A look through the rest only where there is another one.
        let most = if self.repeated.has(name) { usize::MAX } else { 1 };
        self.block.named(name, from).take(most).map(|(_, line)| line)
    }

    /// The Request-URI as received; `None` for a response.
    pub fn request_uri_text(&self) -> Option<&'a [u8]> {
        match &self.start {
            StartLine::Request { uri, .. } => self.bytes.get(uri.clone()),
            StartLine::Response { .. } => None,
        }
    }

    /// The place of the first line of a name.
    #[inline(always)]
    pub fn first_of(&self, name: Name) -> Option<usize> {
        self.firsts.get(name as usize).filter(|at| **at != NOWHERE).map(|at| *at as usize)
    }
}
