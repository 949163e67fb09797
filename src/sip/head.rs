//! Splits a header block into lines: the one place that decides where a header begins and ends,
//! for whole messages and for streams alike, so the two can never disagree about a length.

use super::name::Start;
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
    /// Lines that end properly but are no header; they end here.
    Broken(usize),
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

/// Whether every offset of a message can be kept; to be asked before [`step`].
pub fn fits(bytes: &[u8]) -> Result<(), Fault> {
    u32::try_from(bytes.len()).map(drop).map_err(|_| Fault::TooLarge)
}

/// The offset of the CRLF that ends the physical line at `at`.
#[inline]
pub fn line_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    let rest = bytes.get(at..).ok_or(Fault::HeadUnfinished)?;
    let found = memchr::memchr2(b'\r', b'\n', rest).ok_or(Fault::HeadUnfinished)?;
    match (rest.get(found), rest.get(found + 1)) {
        (Some(b'\r'), Some(b'\n')) => Ok(at + found),
        (Some(b'\r'), None) => Err(Fault::HeadUnfinished),
        _ => Err(Fault::BareLineBreak),
    }
}

/// Reads what stands at `at`, which is the beginning of a line after the start line.
#[inline(always)]
pub fn step(bytes: &[u8], at: usize) -> Result<Step, Fault> {
    if let Some([b'\r', b'\n', ..]) = bytes.get(at..) {
        return Ok(Step::End(at + 2));
    }
    let first_end = line_end(bytes, at)?;
    let mut end = first_end;
    loop {
        match bytes.get(end + 2) {
            Some(b' ' | b'\t') => end = line_end(bytes, end + 2)?,
            Some(_) => break,
            None => return Err(Fault::HeadUnfinished),
        }
    }
    let Some((name, name_len, colon)) = name(bytes.get(at..).unwrap_or_default(), first_end - at)
    else {
        return Ok(Step::Broken(end + 2));
    };
    let value_at = at + colon + 1;
    let raw = bytes.get(value_at..end).unwrap_or_default();
    let blank = raw.iter().take_while(|&&byte| grammar::is_lws(byte)).count();
    let value_at = value_at + blank;
    let value = grammar::trim(raw.get(blank..).unwrap_or_default());
    let line = Line {
        name: narrow(at, at + name_len),
        value: narrow(value_at, value_at + value.len()),
        whole: narrow(at, end + 2),
    };
    Ok(Step::Line(name, line))
}

/// The name of a header line of `length` bytes, how long it is, and where its colon stands; `None` where
/// it has none.
#[inline]
fn name(text: &[u8], length: usize) -> Option<(Name, usize, usize)> {
    let start = Start::of(text);
    if let Some(colon) = start.colon().filter(|colon| *colon < length) {
        let name = start.name(colon);
        if name != Name::Other || grammar::is_token(text.get(..colon)?) {
            return Some((name, colon, colon));
        }
    }
    // A longer name, or one with blanks behind it.
    let line = text.get(..length)?;
    let colon = memchr::memchr(b':', line)?;
    let name = line.get(..colon)?.trim_ascii_end();
    grammar::is_token(name).then(|| (Name::parse(name), name.len(), colon))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(bytes: &[u8]) -> (&[u8], &[u8], usize) {
        let Ok(Step::Line(_, line)) = step(bytes, 0) else { panic!("not a header") };
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
        assert_eq!(step(b"Foobar roobar\r\nX", 0), Ok(Step::Broken(15)));
        assert_eq!(step(b": x\r\nX", 0), Ok(Step::Broken(5)));
        assert_eq!(step(b"a b: x\r\nX", 0), Ok(Step::Broken(8)));
    }

    #[test]
    fn a_lone_cr_or_lf_is_a_fault() {
        assert_eq!(step(b"a: b\nc: d\r\n\r\n", 0), Err(Fault::BareLineBreak));
        assert_eq!(step(b"a: b\rc: d\r\n\r\n", 0), Err(Fault::BareLineBreak));
    }

    #[test]
    fn a_cut_block_is_unfinished() {
        for cut in [&b"a: b"[..], b"a: b\r", b"a: b\r\n"] {
            assert_eq!(step(cut, 0), Err(Fault::HeadUnfinished));
        }
    }
}
