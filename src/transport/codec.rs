//! The framing of SIP over a stream as a decoder: whole messages and pings come out, whatever the
//! pieces are that went in.

use std::io;

use tokio_util::bytes::{Buf, Bytes, BytesMut};
use tokio_util::codec::Decoder;

use crate::sip;

/// What a stream holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// One whole message.
    Message(Bytes),
    /// A keep-alive that wants an answer (RFC 5626 3.5.1).
    Ping,
}

/// Why a stream can't be read on.
#[derive(Debug)]
pub(super) enum Broken {
    /// Its messages can't be told apart.
    Fault(sip::Fault),
    /// The decoder's caller could not read it; the framing has no such error of its own.
    Io,
}

impl From<io::Error> for Broken {
    fn from(_: io::Error) -> Self {
        Self::Io
    }
}

/// One connection's decoder.
pub(super) struct Codec(sip::Framer);

impl Codec {
    pub(super) fn new(limits: sip::Limits) -> Self {
        Self(sip::Framer::new(limits))
    }

    /// Whether no message is begun in what is left of the stream.
    pub(super) fn may_end(&self, rest: &[u8]) -> bool {
        self.0.may_end(rest)
    }
}

impl Decoder for Codec {
    type Item = Frame;
    type Error = Broken;

    fn decode(&mut self, stream: &mut BytesMut) -> Result<Option<Frame>, Broken> {
        while let Some(frame) = self.0.next(stream).map_err(Broken::Fault)? {
            // The framer promises that a frame lies in the buffer; `min` keeps that from being a
            // panic's business.
            let mut taken = stream.split_to(frame.end().min(stream.len()));
            match frame {
                sip::Frame::Message(range) => {
                    taken.advance(range.start.min(taken.len()));
                    return Ok(Some(Frame::Message(taken.freeze())));
                }
                sip::Frame::Ping(_) => return Ok(Some(Frame::Ping)),
                sip::Frame::Blank(_) => {}
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 2\r\n\r\nhi";

    #[test]
    fn messages_and_pings_are_told_apart() {
        let mut codec = Codec::new(sip::Limits::default());
        let mut stream = BytesMut::from(&b"\r\n"[..]);
        stream.extend_from_slice(MESSAGE);
        stream.extend_from_slice(b"\r\n\r\n\r\n");

        let mut frames = Vec::new();
        while let Some(frame) = codec.decode(&mut stream).unwrap() {
            frames.push(frame);
        }

        assert_eq!(frames, [Frame::Message(Bytes::from_static(MESSAGE)), Frame::Ping]);
        assert!(codec.may_end(&stream));
    }
}
