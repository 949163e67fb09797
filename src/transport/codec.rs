//! The framing of SIP over a stream: whole messages and pings come out, whatever the pieces are that
//! went in. It keeps only what is not whole yet: most connections hold nothing.

use crate::sip::{self, Fault, Frame};

/// What a stream holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// One whole message.
    Message(&'a [u8]),
    /// A keep-alive that wants an answer (RFC 5626 3.5.1).
    Ping,
}

/// What one connection sent and nobody took yet.
pub(super) struct Codec {
    framer: sip::Framer,
    rest: Vec<u8>,
}

impl Codec {
    pub(super) fn new(limits: sip::Limits) -> Self {
        Self { framer: sip::Framer::new(limits), rest: Vec::new() }
    }

    /// Whether no message is begun in what is left of the stream.
    pub(super) fn may_end(&self) -> bool {
        self.framer.may_end(&self.rest)
    }

    /// Bytes of a message that is not whole yet.
    pub(super) fn held(&self) -> usize {
        self.rest.len()
    }

    /// Goes on with what was received; [`Received::keep`] puts away what is left of it.
    pub(super) fn receive<'a>(&'a mut self, bytes: &'a [u8]) -> Received<'a> {
        let carried = std::mem::take(&mut self.rest);
        let at = 0;
        if carried.is_empty() {
            return Received { codec: self, carried, bytes, at };
        }
        let mut carried = carried;
        carried.extend_from_slice(bytes);
        Received { codec: self, carried, bytes: &[], at }
    }
}

/// What a stream holds now: what was left, and what came.
pub(super) struct Received<'a> {
    codec: &'a mut Codec,
    /// The left and the new, where something was left.
    carried: Vec<u8>,
    /// The new, where nothing was left.
    bytes: &'a [u8],
    at: usize,
}

impl Received<'_> {
    /// The next that is whole.
    pub(super) fn next(&mut self) -> Result<Option<Piece<'_>>, Fault> {
        loop {
            let left = left(&self.carried, self.bytes, self.at);
            let Some(frame) = self.codec.framer.next(left)? else { return Ok(None) };
            self.at += frame.end();
            match frame {
                Frame::Message(range) => return Ok(left.get(range).map(Piece::Message)),
                Frame::Ping(_) => return Ok(Some(Piece::Ping)),
                Frame::Blank(_) => {}
            }
        }
    }

    /// What is not taken.
    pub(super) fn left(&self) -> &[u8] {
        left(&self.carried, self.bytes, self.at)
    }

    /// Keeps what is not whole until more comes.
    pub(super) fn keep(mut self) {
        if self.carried.is_empty() || self.at > 0 {
            self.carried = self.left().to_vec();
        }
        self.codec.rest = self.carried;
    }
}

fn left<'a>(carried: &'a [u8], bytes: &'a [u8], at: usize) -> &'a [u8] {
    let all = if carried.is_empty() { bytes } else { carried };
    all.get(at..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

    /// What comes of `stream` in pieces of `size` bytes; pings as `ping`.
    fn fed(codec: &mut Codec, stream: &[u8], size: usize) -> Vec<Vec<u8>> {
        let mut out = Vec::new();
        for bytes in stream.chunks(size) {
            let mut received = codec.receive(bytes);
            while let Some(piece) = received.next().unwrap() {
                out.push(match piece {
                    Piece::Message(bytes) => bytes.to_vec(),
                    Piece::Ping => b"ping".to_vec(),
                });
            }
            received.keep();
        }
        out
    }

    #[test]
    fn messages_and_pings_are_told_apart_in_pieces_of_any_size() {
        let stream = [b"\r\n", MESSAGE, b"\r\n\r\n\r\n", MESSAGE, MESSAGE].concat();

        for size in 4..stream.len() {
            let mut codec = Codec::new(sip::Limits::default());
            let out = fed(&mut codec, &stream, size);

            assert_eq!(out.iter().filter(|piece| *piece == MESSAGE).count(), 3, "{size}");
            assert!(codec.may_end() && codec.held() == 0, "{size}");
        }
    }

    #[test]
    fn what_is_not_whole_is_kept_and_nothing_else() {
        let mut codec = Codec::new(sip::Limits::default());

        let out = fed(&mut codec, &[MESSAGE, b"OPTIONS"].concat(), 1000);

        assert_eq!(out, [MESSAGE]);
        assert!(!codec.may_end());
        assert_eq!((codec.held(), codec.rest.capacity()), (7, 7));
    }
}
