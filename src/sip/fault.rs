//! Why bytes are not a message. Each fault has a counter label and the status that a sender who
//! can be answered gets; whether to answer at all is for the caller to say.

use super::{Index, Message, Name};

/// What is wrong with received bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Fault {
    /// Nothing but line ends or zeros: a keep-alive, not a message.
    #[error("no message, only a keep-alive")]
    KeepAlive,
    #[error("larger than the limit")]
    TooLarge,
    #[error("the header block never ends")]
    HeadUnfinished,
    #[error("more headers than the limit")]
    TooManyHeaders,
    #[error("neither a request line nor a status line of SIP")]
    BadStartLine,
    #[error("not version 2.0")]
    BadVersion,
    #[error("the Request-URI is no URI")]
    BadRequestUri,
    #[error("a CR or LF that ends no line")]
    BareLineBreak,
    #[error("a NUL outside a quoted pair")]
    Nul,
    #[error("a header line without a name")]
    BadHeader,
    #[error("more than one {}", .0.text())]
    Duplicate(Name),
    #[error("no {}", .0.text())]
    Missing(Name),
    #[error("malformed {}", .0.text())]
    Malformed(Name),
    #[error("the CSeq names another method")]
    CSeqMismatch,
    #[error("the body is shorter than Content-Length")]
    BodyTruncated,
    #[error("no Content-Length on a stream")]
    NoContentLength,
}

impl Fault {
    /// The counter label.
    pub fn label(self) -> &'static str {
        match self {
            Self::KeepAlive => "keep_alive",
            Self::TooLarge => "too_large",
            Self::HeadUnfinished => "head_unfinished",
            Self::TooManyHeaders => "too_many_headers",
            Self::BadStartLine => "bad_start_line",
            Self::BadVersion => "bad_version",
            Self::BadRequestUri => "bad_request_uri",
            Self::BareLineBreak => "bare_line_break",
            Self::Nul => "nul",
            Self::BadHeader => "bad_header",
            Self::Duplicate(_) => "duplicate_header",
            Self::Missing(_) => "missing_header",
            Self::Malformed(_) => "malformed_header",
            Self::CSeqMismatch => "cseq_mismatch",
            Self::BodyTruncated => "body_truncated",
            Self::NoContentLength => "no_content_length",
        }
    }

    /// Status and phrase for a sender who can be answered (RFC 3261 21.4.1, 21.5.6, 21.5.7).
    pub fn status(self) -> (u16, &'static str) {
        match self {
            Self::BadVersion => (505, "Version Not Supported"),
            Self::TooLarge | Self::TooManyHeaders => (513, "Message Too Large"),
            Self::BadRequestUri => (400, "Bad Request-URI"),
            Self::Duplicate(_) => (400, "Duplicate Header"),
            Self::Missing(_) => (400, "Missing Header"),
            Self::Malformed(_) => (400, "Malformed Header"),
            Self::CSeqMismatch => (400, "CSeq Mismatch"),
            Self::BodyTruncated => (400, "Content Length Mismatch"),
            _ => (400, "Bad Request"),
        }
    }
}

/// A refused message: the fault, and what could be read of it all the same.
#[derive(Debug, thiserror::Error)]
#[error("{fault}")]
pub struct Rejected<'a> {
    pub fault: Fault,
    /// Start line and headers as far as they are sound; never to be forwarded.
    pub partial: Option<Box<Index<'a>>>,
}

impl Rejected<'_> {
    /// The request to answer with `fault.status()`, where one is due: see [`Index::answerable`].
    pub fn answerable(&self) -> Option<Message<'_>> {
        self.partial.as_ref()?.answerable()
    }
}

impl From<Fault> for Rejected<'_> {
    fn from(fault: Fault) -> Self {
        Self { fault, partial: None }
    }
}

impl From<Rejected<'_>> for Fault {
    fn from(rejected: Rejected<'_>) -> Self {
        rejected.fault
    }
}
