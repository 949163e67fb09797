//! Splits a header block into lines: the one place that decides where a header begins and ends,
//! for whole messages and for streams alike, so the two can never disagree about a length.

use super::name::{WORD, named};
use super::scan::{self, Any, Class, Control, Marks, NoHost};
use super::{Fault, Name, grammar};
use std::ops::Range;

/// One header line, and which header it is. Offsets of a message that fits: see [`Reader::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    pub name: Name,
    start: u32,
    colon: u32,
    /// Of its folds too: where its last CRLF stands.
    end: u32,
}

/// What stands at an offset of a header block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A header.
    Line(Line),
    /// Lines that end properly but are no header.
    Broken,
    /// The empty line; the body begins here.
    End(usize),
}

impl Line {
    /// None.
    pub const NONE: Self = Self { name: Name::To, start: 0, colon: 0, end: 0 };

    /// Where the name stands.
    pub fn name_at(&self, bytes: &[u8]) -> Range<usize> {
        let (start, colon) = (self.start as usize, self.colon as usize);
        let name = bytes.get(start..colon).unwrap_or_default().trim_ascii_end();
        start..start + name.len()
    }

    /// The value, folds inside, without white space at its ends, and where it begins.
    #[inline(always)]
    pub fn value<'a>(&self, bytes: &'a [u8]) -> (usize, &'a [u8]) {
        let (from, to) = (self.colon as usize + 1, self.end as usize);
        if let Some([b' ', text @ ..]) = bytes.get(from..to)
            && let ([first, ..], [.., last]) = (text, text)
            && *first > b' '
            && *last > b' '
        {
            return (from + 1, text);
        }
        trimmed(bytes, from..to)
    }

    /// Where the line stands, with its folds and its last line end.
    pub fn whole(&self) -> Range<usize> {
        self.start as usize..self.end as usize + 2
    }
}

/// The same where white space stands otherwise than most people put it.
#[inline(never)]
fn trimmed(bytes: &[u8], range: Range<usize>) -> (usize, &[u8]) {
    let range = grammar::trim_range(bytes, range);
    (range.start, bytes.get(range).unwrap_or_default())
}

/// Reads a head line by line.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    controls: Marks<'a, Control>,
    /// Where the next physical line begins.
    at: usize,
    stray_nul: bool,
}

impl<'a> Reader<'a> {
    /// A reader from the start line on, which begins at `at`. Every offset of a message must fit: what is
    /// longer is a fault.
    pub fn new(bytes: &'a [u8], at: usize) -> Result<Self, Fault> {
        u32::try_from(bytes.len()).map_err(|_| Fault::TooLarge)?;
        Ok(Self { controls: Marks::new(bytes, at, Control), at, stray_nul: false })
    }

    /// The start line without its CRLF.
    #[inline(always)]
    pub fn start_line(&mut self) -> Result<Range<usize>, Fault> {
        Ok(self.at..self.line_end()?)
    }

    /// What stands behind what was read.
    #[inline(always)]
    pub fn step(&mut self) -> Result<Step, Fault> {
        let (bytes, start) = (self.controls.text, self.at);
        loop {
            if self.line_end()? == start {
                return Ok(Step::End(self.at));
            }
            match bytes.get(self.at) {
                Some(next) if *next > b' ' => break,
                // A fold.
                Some(b' ' | b'\t') => {}
                Some(_) => break,
                None => return Err(Fault::HeadUnfinished),
            }
        }
        let end = self.at - 2;
        let text = bytes.get(start..).ok_or(Fault::HeadUnfinished)?;
        let plain = text.first_chunk().and_then(plain_name);
        let Some((name, colon)) = plain.or_else(|| spaced_name(text.get(..end - start)?)) else {
            return Ok(Step::Broken);
        };
        let (colon, start, end) = ((start + colon) as u32, start as u32, end as u32);
        Ok(Step::Line(Line { name, start, colon, end }))
    }

    /// Whether a NUL stands where none may: not behind a backslash (RFC 3261 25.1, quoted-pair).
    pub fn has_stray_nul(&self) -> bool {
        self.stray_nul
    }

    /// The offset of the CRLF that ends the physical line.
    #[inline(always)]
    fn line_end(&mut self) -> Result<usize, Fault> {
        loop {
            let at = self.controls.next().ok_or(Fault::HeadUnfinished)?;
            let rest = self.controls.text.get(at..).ok_or(Fault::HeadUnfinished)?;
            if rest.first_chunk() == Some(b"\r\n") {
                self.at = at + 2;
                self.controls.leave_out();
                return Ok(at);
            }
            match rest {
                // Of the line end before, where a block begins between the two.
                [b'\n', ..] if at < self.at => {}
                [b'\r'] => return Err(Fault::HeadUnfinished),
                [b'\r' | b'\n', ..] => return Err(Fault::BareLineBreak),
                [0, ..] => self.stray_nul |= !is_escaped(self.controls.text, at),
                _ => {}
            }
        }
    }
}

#[cold]
fn is_escaped(bytes: &[u8], at: usize) -> bool {
    at.checked_sub(1).and_then(|before| bytes.get(before)) == Some(&b'\\')
}

/// A name of usual length with its colon right behind it, and where that stands. One that reaches over the
/// end of the line is none: it has bytes that no name has.
#[inline(always)]
fn plain_name(start: &[u8; WORD]) -> Option<(Name, usize)> {
    let colon = scan::first(Any(*b":"), start)?;
    match named(start, colon) {
        Some(name) => Some((name, colon)),
        None => is_name(start, colon).then_some((Name::Other, colon)),
    }
}

/// Whether what stands before the colon is a token: most names are made of what hosts are made of.
fn is_name(start: &[u8; WORD], colon: usize) -> bool {
    let plain = || scan::first(NoHost, start) == Some(colon);
    colon > 0 && (plain() || start.get(..colon).is_some_and(grammar::is_token))
}

/// Any name, with blanks behind it or none; `None` where the line has none before its first fold.
#[cold]
fn spaced_name(line: &[u8]) -> Option<(Name, usize)> {
    let colon = Any(*b":\r").find(line).filter(|at| line.get(*at) == Some(&b':'))?;
    let name = line.get(..colon)?.trim_ascii_end();
    let plain = !name.is_empty() && NoHost.find(name).is_none();
    (plain || grammar::is_token(name)).then(|| (Name::parse(name), colon))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(bytes: &[u8]) -> Result<Step, Fault> {
        Reader::new(bytes, 0)?.step()
    }

    fn line(bytes: &[u8]) -> (&[u8], &[u8], usize) {
        let Ok(Step::Line(line)) = step(bytes) else { panic!("not a header") };
        (&bytes[line.name_at(bytes)], line.value(bytes).1, line.whole().end)
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
        for text in ["Foobar roobar", ": x", "a b: x", " a: x", "a\r\n : b", "Foobar\r\n roobar: x"]
        {
            assert_eq!(step(format!("{text}\r\nX").as_bytes()), Ok(Step::Broken), "{text}");
        }
    }

    #[test]
    fn a_lone_cr_or_lf_is_a_fault() {
        assert_eq!(step(b"a: b\nc: d\r\n\r\n"), Err(Fault::BareLineBreak));
        assert_eq!(step(b"a: b\rc: d\r\n\r\n"), Err(Fault::BareLineBreak));
    }

    #[test]
    fn a_cut_block_is_unfinished() {
        for cut in [&b"a: b"[..], b"a: b\r", b"a: b\r\n", b"\r"] {
            assert_eq!(step(cut), Err(Fault::HeadUnfinished));
        }
    }
}
