//! The start line (RFC 3261 7.1, 7.2): exactly one space between its parts, no control characters,
//! nothing after them. What is lenient here lets somebody smuggle.

use super::{Fault, Method, grammar, scan};
use std::ops::Range;

/// The first line of a message, as ranges over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartLine {
    Request { method: Method, method_at: Range<usize>, uri: Range<usize> },
    Response { code: u16, reason: Range<usize> },
}

impl StartLine {
    /// The method of a request.
    pub fn method(&self) -> Option<Method> {
        match self {
            Self::Request { method, .. } => Some(*method),
            Self::Response { .. } => None,
        }
    }
}

/// Reads the start line, which stands at `range`; a fault that still lets a reply be composed goes into `fault`.
pub(super) fn start_line(
    bytes: &[u8],
    range: Range<usize>,
    fault: &mut Option<Fault>,
) -> Result<StartLine, Fault> {
    let at = range.start;
    let line = bytes.get(range).unwrap_or_default();
    if line.get(..4).is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/")) {
        return status_line(line, at);
    }
    let (method_text, rest) = grammar::split_once(line, b' ');
    let method = Method::parse(method_text);
    let rest = rest.filter(|_| method != Method::Other || grammar::is_token(method_text));
    let rest = rest.ok_or(Fault::BadStartLine)?;
    let uri_len = match request_line(rest) {
        Ok(uri_len) => uri_len,
        Err(found) => {
            *fault = Some(found);
            0
        }
    };
    let method_end = at + method_text.len();
    let uri_at = method_end + 1;
    Ok(StartLine::Request { method, method_at: at..method_end, uri: uri_at..uri_at + uri_len })
}

/// `Request-URI SP SIP-Version` and nothing else; gives the length of what stands for the URI.
fn request_line(rest: &[u8]) -> Result<usize, Fault> {
    if let Some(uri) = rest.strip_suffix(b" SIP/2.0").filter(|uri| !scan::has(uri, *b" ")) {
        return Ok(uri.len());
    }
    let (uri, version) = grammar::split_once(rest, b' ');
    let version = version.ok_or(Fault::BadStartLine)?;
    let is_version = version.get(..4).is_some_and(|text| text.eq_ignore_ascii_case(b"SIP/"))
        && version.iter().all(|byte| byte.is_ascii_graphic());
    if !is_version {
        return Err(Fault::BadStartLine);
    }
    if version.get(4..) == Some(b"2.0") { Ok(uri.len()) } else { Err(Fault::BadVersion) }
}

fn status_line(line: &[u8], at: usize) -> Result<StartLine, Fault> {
    let (version, rest) = grammar::split_once(line, b' ');
    if version.get(4..) != Some(b"2.0") {
        return Err(Fault::BadVersion);
    }
    let (code, reason) = grammar::split_once(rest.ok_or(Fault::BadStartLine)?, b' ');
    let code = (code.len() == 3).then(|| grammar::number(code)).flatten();
    let code =
        code.and_then(|code| u16::try_from(code).ok()).filter(|code| (100..700).contains(code));
    let reason = reason.unwrap_or_default();
    if reason.iter().any(|&byte| (byte < b' ' && byte != b'\t') || byte == 0x7f) {
        return Err(Fault::BadStartLine);
    }
    let end = at + line.len();
    Ok(StartLine::Response {
        code: code.ok_or(Fault::BadStartLine)?,
        reason: end - reason.len()..end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Result<StartLine, Fault> {
        let mut fault = None;
        let found = start_line(line.as_bytes(), 0..line.len(), &mut fault)?;
        fault.map_or(Ok(found), Err)
    }

    #[test]
    fn status_lines_need_three_digits_and_no_phrase() {
        for (line, code) in
            [("SIP/2.0 100 ", 100), ("SIP/2.0 200", 200), ("sip/2.0 699 = 2**3 \u{43d}\t", 699)]
        {
            assert!(
                matches!(read(line), Ok(StartLine::Response { code: found, .. }) if found == code),
                "{line}"
            );
        }
        for line in [
            "SIP/2.0 4294967301 x",
            "SIP/2.0 099 x",
            "SIP/2.0 700 x",
            "SIP/2.0  200 x",
            "SIP/2.0 200 a\u{7}",
        ] {
            assert_eq!(read(line), Err(Fault::BadStartLine), "{line}");
        }
        assert_eq!(read("SIP/3.0 200 OK"), Err(Fault::BadVersion));
    }

    #[test]
    fn request_lines_have_three_parts() {
        assert!(read("INVITE sip:a@b sip/2.0").is_ok());
        assert_eq!(read("INVITE sip:a@b"), Err(Fault::BadStartLine));
        assert_eq!(read("INVITE sip:a@b; lr SIP/2.0"), Err(Fault::BadStartLine));
        assert_eq!(read("INVITE sip:a@b SIP/2.00"), Err(Fault::BadVersion));
        assert_eq!(read("INVITE"), Err(Fault::BadStartLine));
    }
}
