//! Cuts a byte stream into messages by Content-Length (RFC 3261 18.3) and keep-alives (RFC 5626
//! 3.5.1). It holds offsets only; the bytes belong to the caller, and no byte is looked at twice
//! however small the pieces are that they arrive in.

use super::head::{Reader, Step};
use super::index::content_length;
use super::{Fault, Limits, Name, grammar};
use std::ops::Range;

/// What a ping is answered with.
pub const PONG: &[u8] = b"\r\n";

/// What stands at the front of the stream. The caller drops everything up to the end of the range
/// before it asks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// One whole message.
    Message(Range<usize>),
    /// A double CRLF between messages: answer with `PONG`.
    Ping(Range<usize>),
    /// A lone CRLF between messages: a pong, or the tail of a sloppy message; nothing to do.
    Blank(Range<usize>),
}

impl Frame {
    /// How many bytes of the stream it and what stood before it take.
    pub fn end(&self) -> usize {
        match self {
            Self::Message(range) | Self::Ping(range) | Self::Blank(range) => range.end,
        }
    }
}

/// Where the reading of one connection stands.
#[derive(Clone, Debug)]
pub struct Framer {
    limits: Limits,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// No empty line before this offset.
    Head {
        searched: usize,
    },
    /// The message ends here.
    Body {
        end: usize,
    },
    Failed(Fault),
}

impl Framer {
    /// A framer for a new connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, state: State::Head { searched: 0 } }
    }

    /// The next frame at the front of `buffer`, which holds everything not dropped yet; `None` when
    /// more bytes are needed. After an error every further call gives the same error: the place of
    /// the next message is unknown, so the connection must be closed.
    pub fn next(&mut self, buffer: &[u8]) -> Result<Option<Frame>, Fault> {
        let found = self.advance(buffer);
        match found {
            Err(fault) => self.state = State::Failed(fault),
            Ok(Some(_)) => self.state = State::Head { searched: 0 },
            Ok(None) => {}
        }
        found
    }

    /// Whether the stream may end after `buffer` without a message being cut.
    pub fn may_end(&self, buffer: &[u8]) -> bool {
        !matches!(self.state, State::Failed(_))
            && buffer.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
    }

    /// How long a buffer can get before `next` gives a frame or an error.
    pub fn max_buffer(&self) -> usize {
        self.limits.max_head.saturating_add(self.limits.max_body)
    }

    fn advance(&mut self, buffer: &[u8]) -> Result<Option<Frame>, Fault> {
        loop {
            match self.state {
                State::Failed(fault) => return Err(fault),
                State::Body { end } => {
                    return Ok((buffer.len() >= end).then_some(Frame::Message(0..end)));
                }
                State::Head { searched } => {
                    match buffer {
                        [b'\r', b'\n', b'\r', b'\n', ..] => return Ok(Some(Frame::Ping(0..4))),
                        [] | [b'\r'] | [b'\r', b'\n'] | [b'\r', b'\n', b'\r'] => return Ok(None),
                        [b'\r', b'\n', ..] => return Ok(Some(Frame::Blank(0..2))),
                        [first, ..] if !grammar::is_token_byte(*first) => {
                            return Err(Fault::BadStartLine);
                        }
                        _ => {}
                    }
                    let Some(end) = self.head_end(buffer, searched)? else { return Ok(None) };
                    self.state = State::Body { end };
                }
            }
        }
    }

    /// Looks for the empty line where nobody has looked yet; gives the end of the message.
    fn head_end(&mut self, buffer: &[u8], searched: usize) -> Result<Option<usize>, Fault> {
        let unseen = buffer.get(searched..).unwrap_or_default();
        let Some(found) = memchr::memmem::find(unseen, b"\r\n\r\n") else {
            if buffer.len() > self.limits.max_head {
                return Err(Fault::TooLarge);
            }
            // The last three bytes may be the beginning of the empty line.
            self.state = State::Head { searched: buffer.len().saturating_sub(3).max(searched) };
            return Ok(None);
        };
        let body_at = searched + found + 4;
        if body_at > self.limits.max_head {
            return Err(Fault::TooLarge);
        }
        let length = self.declared_length(buffer, body_at)?;
        if length > self.limits.max_body {
            return Err(Fault::TooLarge);
        }
        Ok(Some(body_at + length))
    }

    fn declared_length(&self, buffer: &[u8], body_at: usize) -> Result<usize, Fault> {
        let head = buffer.get(..body_at).unwrap_or_default();
        let mut reader = Reader::new(head, 0)?;
        reader.start_line()?;
        let mut lengths = Vec::new();
        let mut lines = 0;
        loop {
            match reader.step()? {
                Step::End(_) => break,
                Step::Line(line) if line.name == Name::ContentLength => lengths.push(line),
                Step::Line(_) | Step::Broken => {}
            }
            lines += 1;
            if lines > self.limits.max_headers {
                return Err(Fault::TooManyHeaders);
            }
        }
        content_length(head, lengths.iter())?.ok_or(Fault::NoContentLength)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &str = "OPTIONS sip:a@b SIP/2.0\r\nTo: x\r\nContent-Length:\r\n 4\r\n\r\nbo\r\n";

    /// Feeds `text` in pieces of `size` bytes; gives what came out, pings as `ping`.
    fn fed(text: &str, size: usize, limits: Limits) -> Result<Vec<String>, Fault> {
        let (mut framer, mut buffer, mut out) = (Framer::new(limits), Vec::new(), Vec::new());
        for piece in text.as_bytes().chunks(size) {
            buffer.extend_from_slice(piece);
            while let Some(frame) = framer.next(&buffer)? {
                match &frame {
                    Frame::Message(range) => {
                        out.push(String::from_utf8_lossy(&buffer[range.clone()]).into_owned())
                    }
                    Frame::Ping(_) => out.push("ping".into()),
                    Frame::Blank(_) => {}
                }
                buffer.drain(..frame.end());
            }
        }
        assert!(framer.may_end(&buffer));
        Ok(out)
    }

    #[test]
    fn messages_and_pings_come_out_whatever_the_pieces() {
        let text = format!("\r\n\r\n{MESSAGE}{MESSAGE}\r\n\r\n\r\n{MESSAGE}\r\n");

        for size in 1..text.len() {
            let out = fed(&text, size, Limits::default()).unwrap();
            assert_eq!(out, ["ping", MESSAGE, MESSAGE, "ping", MESSAGE], "{size}");
        }
    }

    #[test]
    fn a_stream_needs_content_length() {
        for (from, to, fault) in [
            ("Content-Length:\r\n 4", "X: 4", Fault::NoContentLength),
            ("Content-Length:\r\n 4", "l: 4\r\nl: 5", Fault::Duplicate(Name::ContentLength)),
            ("\r\n 4", " -4", Fault::Malformed(Name::ContentLength)),
            ("\r\n 4", " 99999999999999999999999", Fault::Malformed(Name::ContentLength)),
            ("\r\n 4", " 99999999", Fault::TooLarge),
            ("OPTIONS", "\u{16}\u{3}\u{1}", Fault::BadStartLine),
            ("To: x\r\n", "To: x\n", Fault::BareLineBreak),
        ] {
            assert_eq!(fed(&MESSAGE.replace(from, to), 7, Limits::default()), Err(fault), "{to}");
        }
    }

    #[test]
    fn a_head_without_end_is_bounded() {
        let limits = Limits { max_head: 100, max_body: 10, max_headers: 5 };

        assert_eq!(fed(&"X".repeat(200), 1, limits), Err(Fault::TooLarge));
        assert_eq!(
            fed(&MESSAGE.replace("To: x\r\n", &"a:b\r\n".repeat(9)), 9, limits),
            Err(Fault::TooManyHeaders)
        );
    }

    #[test]
    fn an_error_stays() {
        let mut framer = Framer::new(Limits::default());

        assert_eq!(framer.next(b"\0"), Err(Fault::BadStartLine));
        assert_eq!(framer.next(MESSAGE.as_bytes()), Err(Fault::BadStartLine));
    }

    #[test]
    fn a_cut_message_is_noticed_at_the_end() {
        let mut framer = Framer::new(Limits::default());
        let cut = &MESSAGE.as_bytes()[..MESSAGE.len() - 1];

        assert_eq!(framer.next(cut), Ok(None));
        assert!(!framer.may_end(cut));
        assert!(framer.may_end(b"\r\n"));
    }
}
