//! Splits a header block into lines: the one place that decides where a header begins and ends,
//! for whole messages and for streams alike, so the two can never disagree about a length.

use super::name::{Start, named};
use super::scan::{self, Class, Controls, Marks, NoHost};
use super::{Fault, Name, grammar};
use std::ops::Range;

/// One header: its name, its trimmed value (folds inside), and the whole of its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    name: (u32, u32),
    value: (u32, u32),
    whole: (u32, u32),
}

/// What stands at an offset of a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A header.
    Line(Name, Line),
    /// Lines that end properly but are no header.
    Broken,
    /// The empty line; the body begins here.
    End(usize),
}

impl Line {
    /// Where the name stands.
    pub fn name(&self) -> Range<usize> {
        widen(self.name)
    }

    /// Where the value stands, without white space at its ends.
    pub fn value(&self) -> Range<usize> {
        widen(self.value)
    }

    /// Where the line stands, with its folds and its last line end.
    pub fn whole(&self) -> Range<usize> {
        widen(self.whole)
    }
}

fn widen((start, end): (u32, u32)) -> Range<usize> {
    start as usize..end as usize
}

/// Offsets of a message that fits: see [`fits`].
fn narrow(start: usize, end: usize) -> (u32, u32) {
    (start as u32, end as u32)
}

/// Reads a head line by line.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    controls: Marks<'a, Controls, 4>,
    at: usize,
    stray_nul: bool,
}

impl<'a> Reader<'a> {
    /// A reader from the start line on, which begins at `at`. Every offset of a message must fit: what is
    /// longer is a fault.
    pub fn new(bytes: &'a [u8], at: usize) -> Result<Self, Fault> {
        u32::try_from(bytes.len()).map_err(|_| Fault::TooLarge)?;
        Ok(Self { bytes, controls: Marks::new(bytes, at, Controls), at, stray_nul: false })
    }

    /// The start line without its CRLF.
    pub fn start_line(&mut self) -> Result<Range<usize>, Fault> {
        let end = self.line_end()?;
        let line = self.at..end;
        self.at = end + 2;
        Ok(line)
    }

    /// What stands behind what was read.
    #[inline(always)]
    pub fn step(&mut self) -> Result<Step, Fault> {
        let (bytes, at) = (self.bytes, self.at);
        let text = bytes.get(at..).unwrap_or_default();
        if let [b'\r', b'\n', ..] = text {
            return Ok(Step::End(at + 2));
        }
        let mut end = self.line_end()?;
        let found = match plain_name(text, end - at) {
            None => text.get(..end - at).and_then(spaced_name),
            plain => plain,
        };
        match bytes.get(end + 2) {
            Some(b' ' | b'\t') => end = self.fold_end()?,
            Some(_) => {}
            None => return Err(Fault::HeadUnfinished),
        }
        self.at = end + 2;
        let Some(Named { name, length, colon }) = found else { return Ok(Step::Broken) };
        let value = value(bytes, at + colon + 1, end);
        let line = Line {
            name: narrow(at, at + length),
            value: narrow(value.start, value.end),
            whole: narrow(at, end + 2),
        };
        Ok(Step::Line(name, line))
    }

    /// Whether a NUL stands where none may: not behind a backslash (RFC 3261 25.1, quoted-pair).
    pub fn has_stray_nul(&self) -> bool {
        self.stray_nul
    }

    /// The offset of the CRLF that ends the last of the folds that follow.
    #[cold]
    fn fold_end(&mut self) -> Result<usize, Fault> {
        loop {
            let end = self.line_end()?;
            match self.bytes.get(end + 2) {
                Some(b' ' | b'\t') => {}
                Some(_) => return Ok(end),
                None => return Err(Fault::HeadUnfinished),
            }
        }
    }

    /// The offset of the CRLF that ends the physical line.
    #[inline(always)]
    fn line_end(&mut self) -> Result<usize, Fault> {
        loop {
            let at = self.controls.next().ok_or(Fault::HeadUnfinished)?;
            match self.bytes.get(at..) {
                Some([b'\r', b'\n', ..]) => {
                    self.controls.next();
                    return Ok(at);
                }
                Some([b'\r']) => return Err(Fault::HeadUnfinished),
                Some([b'\r' | b'\n', ..]) => return Err(Fault::BareLineBreak),
                Some([0, ..]) => {
                    let before = at.checked_sub(1).and_then(|before| self.bytes.get(before));
                    self.stray_nul |= before != Some(&b'\\');
                }
                _ => {}
            }
        }
    }
}

/// A name and its colon.
#[derive(Clone, Copy)]
struct Named {
    name: Name,
    length: usize,
    colon: usize,
}

/// A name of usual length with its colon right behind it.
#[inline(always)]
fn plain_name(text: &[u8], line: usize) -> Option<Named> {
    let start: &Start = text.first_chunk()?;
    let colon = scan::byte_in(start, b':').filter(|colon| *colon < line)?;
    let name = named(start, colon);
    let known = name != Name::Other || is_name(start.get(..colon)?);
    known.then_some(Named { name, length: colon, colon })
}

/// The range of a value that follows a colon, without white space at its ends.
#[inline(always)]
fn value(bytes: &[u8], from: usize, to: usize) -> Range<usize> {
    match bytes.get(from..to) {
        Some([b' ', first, .., last]) if *first > b' ' && *last > b' ' => from + 1..to,
        _ => grammar::trim_range(bytes, from..to),
    }
}

/// Whether this is a token: most names are made of what hosts are made of.
fn is_name(text: &[u8]) -> bool {
    let rest = NoHost.find(text).and_then(|plain| text.get(plain..));
    !text.is_empty() && rest.is_none_or(|rest| grammar::TOKEN.all(rest))
}

/// Any name, with blanks behind it or none; `None` where the line has none.
#[cold]
fn spaced_name(line: &[u8]) -> Option<Named> {
    let colon = scan::byte(line, b':')?;
    let name = line.get(..colon)?.trim_ascii_end();
    grammar::is_token(name).then(|| Named { name: Name::parse(name), length: name.len(), colon })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(bytes: &[u8]) -> Result<Step, Fault> {
        Reader::new(bytes, 0)?.step()
    }

    fn line(bytes: &[u8]) -> (&[u8], &[u8], usize) {
        let Ok(Step::Line(_, line)) = step(bytes) else { panic!("not a header") };
        (&bytes[line.name()], &bytes[line.value()], line.whole().end)
    }

    #[test]
    fn a_folded_header_is_one_line() {
        let bytes = b"TO :\r\n sip:a@b ;\r\n\ttag=1  \r\nX: y\r\n";

        assert_eq!(line(bytes), (&b"TO"[..], &b"sip:a@b ;\r\n\ttag=1"[..], 28));
    }

    #[test]
    fn an_empty_value_is_a_header() {
        assert_eq!(line(b"s :\r\nX"), (&b"s"[..], &b""[..], 5));
        assert_eq!(line(b"s: \r\n \r\nX"), (&b"s"[..], &b""[..], 8));
    }

    #[test]
    fn a_line_without_a_name_is_broken() {
        assert_eq!(step(b"Foobar roobar\r\nX"), Ok(Step::Broken));
        assert_eq!(step(b": x\r\nX"), Ok(Step::Broken));
        assert_eq!(step(b"a b: x\r\nX"), Ok(Step::Broken));
    }

    #[test]
    fn a_lone_cr_or_lf_is_a_fault() {
        assert_eq!(step(b"a: b\nc: d\r\n\r\n"), Err(Fault::BareLineBreak));
        assert_eq!(step(b"a: b\rc: d\r\n\r\n"), Err(Fault::BareLineBreak));
    }

    #[test]
    fn a_cut_block_is_unfinished() {
        for cut in [&b"a: b"[..], b"a: b\r", b"a: b\r\n"] {
            assert_eq!(step(cut), Err(Fault::HeadUnfinished));
        }
    }
}
