//! A message: its bytes and their index together, read-only. Every slice that it gives out lies in
//! the bytes, so a place can be told from a slice.

use super::head::Line;
use super::{CSeq, Contact, Index, Method, Name, NameAddr, StartLine, Uri, Value, Values, Via};
use super::{DEFAULT_EXPIRES, grammar, parse_expires};
use std::ops::Range;

/// A number of hops left; `None` for what is none.
pub(super) fn parse_hops(text: &[u8]) -> Option<u8> {
    grammar::number(text).and_then(|hops| u8::try_from(hops).ok())
}

/// The view over a message; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    index: &'a Index<'a>,
}

impl<'a> Message<'a> {
    pub(super) fn new(index: &'a Index<'a>) -> Self {
        Self { index }
    }

    /// All bytes that the index was made from.
    pub fn bytes(&self) -> &'a [u8] {
        self.index.lines.bytes
    }

    /// The index.
    pub fn index(&self) -> &'a Index<'a> {
        self.index
    }

    fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.index.lines.bytes.get(range).unwrap_or_default()
    }

    /// The message from start line to the end of its body, without what stood before or after.
    pub fn whole(&self) -> &'a [u8] {
        self.slice(self.whole_range())
    }

    pub(super) fn whole_range(&self) -> Range<usize> {
        self.index.lines.start_at.start..self.index.body.end
    }

    /// The start line.
    pub fn start_line(&self) -> &'a StartLine {
        &self.index.lines.start
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.lines.start, StartLine::Request { .. })
    }

    /// The method of a request, the CSeq method of a response.
    pub fn method(&self) -> Method {
        let of_cseq = || self.index.parts.cseq.as_ref().map(|cseq| cseq.method);
        self.index.lines.start.method().or_else(of_cseq).unwrap_or(Method::Other)
    }

    /// The method of a request as received; of a response, of its CSeq.
    pub fn method_text(&self) -> &'a [u8] {
        match &self.index.lines.start {
            StartLine::Request { method_at, .. } => self.slice(method_at.clone()),
            StartLine::Response { .. } => self.cseq().map_or(&[], |cseq| cseq.method_text),
        }
    }

    /// The status code; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match self.index.lines.start {
            StartLine::Request { .. } => None,
            StartLine::Response { code, .. } => Some(code),
        }
    }

    /// The reason phrase as received; empty for a request.
    pub fn reason(&self) -> &'a [u8] {
        match &self.index.lines.start {
            StartLine::Request { .. } => &[],
            StartLine::Response { reason, .. } => self.slice(reason.clone()),
        }
    }

    /// The Request-URI as received; empty for a response.
    pub fn request_uri_text(&self) -> &'a [u8] {
        self.index.lines.request_uri_text().unwrap_or_default()
    }

    /// The Request-URI.
    pub fn request_uri(&self) -> Option<Uri<'a>> {
        self.index.parts.request_uri
    }

    /// All values of a header, lists split, in order.
    pub fn all(&self, name: Name) -> Values<'a, 'a> {
        self.index.lines.all(name)
    }

    /// The first value of a header.
    #[inline]
    pub fn first(&self, name: Name) -> Option<Value<'a>> {
        self.index.lines.first(name)
    }

    /// The text of the first value of a header.
    #[inline]
    pub fn text(&self, name: Name) -> Option<&'a [u8]> {
        self.index.lines.text(name)
    }

    /// The ranges of the whole lines of a header.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = Range<usize>> + use<'a> {
        self.index.lines.of(name).map(Line::whole)
    }

    /// All headers in order, each as name and value as received (value with its folds).
    pub fn headers(&self) -> impl Iterator<Item = (Name, &'a [u8], &'a [u8])> + use<'a> {
        let message = *self;
        self.index.lines.block.iter().map(move |line| {
            let (_, value) = line.value(message.bytes());
            (line.name, message.slice(line.name_at(message.bytes())), value)
        })
    }

    /// The values of a header without a rule of its own, by its name in any case; lists unsplit.
    pub fn other(&self, name: &str) -> impl Iterator<Item = &'a [u8]> {
        let name = name.as_bytes();
        self.headers()
            .filter(move |(_, found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, _, value)| value)
    }

    /// The top Via.
    pub fn top_via(&self) -> Option<Via<'a>> {
        self.index.parts.top_via
    }

    /// The top Via as received.
    #[inline]
    pub fn top_via_text(&self) -> Option<&'a [u8]> {
        self.index.parts.top_via.as_ref().map(|via| via.raw)
    }

    /// The top Via, where there is no other.
    pub(super) fn only_via(&self) -> Option<Value<'a>> {
        let top = self.top_via_text()?;
        self.index.lines.only(Name::Via).filter(|line| line.text.len() == top.len())
    }

    /// The Call-ID; empty only in what was rejected.
    pub fn call_id(&self) -> &'a [u8] {
        self.index.parts.call_id
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        self.index.parts.from.map(|from| from.addr)
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        self.index.parts.to.map(|to| to.addr)
    }

    /// From as received.
    pub(super) fn text_of_from(&self) -> Option<&'a [u8]> {
        match &self.index.parts.from {
            Some(from) => Some(from.text),
            // Malformed, but there.
            None => self.text(Name::From),
        }
    }

    /// To as received.
    pub(super) fn text_of_to(&self) -> Option<&'a [u8]> {
        match &self.index.parts.to {
            Some(to) => Some(to.text),
            None => self.text(Name::To),
        }
    }

    /// The tag of From.
    pub fn from_tag(&self) -> Option<&'a [u8]> {
        self.index.parts.from?.tag()
    }

    /// The tag of To.
    pub fn to_tag(&self) -> Option<&'a [u8]> {
        self.index.parts.to?.tag()
    }

    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        self.index.parts.cseq
    }

    /// The Contact values that are sound (in an accepted REGISTER: all).
    pub fn contacts(&self) -> impl Iterator<Item = &'a Contact<'a>> + use<'a> {
        self.index.parts.contacts.iter()
    }

    /// The Contact, where there is one only.
    pub fn only_contact(&self) -> Option<&'a Contact<'a>> {
        let mut contacts = self.contacts();
        contacts.next().filter(|_| contacts.next().is_none())
    }

    /// For how long one of its Contacts is or asks to be registered, in seconds (RFC 3261 10.2.1.1):
    /// by its parameter, else by the header, else an hour.
    pub fn expires_of(&self, contact: &Contact<'_>) -> u32 {
        contact.expires().or_else(|| self.expires()).unwrap_or(DEFAULT_EXPIRES)
    }

    /// The addresses of a header whose values are addresses, with their places; broken ones left out.
    pub fn addrs(&self, name: Name) -> impl Iterator<Item = (Value<'a>, NameAddr<'a>)> + use<'a> {
        self.all(name).filter_map(|value| NameAddr::parse(value.text).map(|addr| (value, addr)))
    }

    /// The Expires header in seconds; 3600 where it is malformed, `None` where it is absent.
    pub fn expires(&self) -> Option<u32> {
        self.text(Name::Expires).map(parse_expires)
    }

    /// Max-Forwards; `None` where it is absent.
    pub fn max_forwards(&self) -> Option<u8> {
        self.index.parts.hops?
    }

    /// Content-Length, where there is one.
    pub fn content_length(&self) -> Option<usize> {
        self.index.content_length
    }

    /// The body.
    pub fn body(&self) -> &'a [u8] {
        self.slice(self.index.body.clone())
    }

    /// Whether a list of tokens (Supported, Require, Allow …) has this one, in any case.
    pub fn has_option(&self, name: Name, token: &str) -> bool {
        self.all(name).any(|value| value.text.eq_ignore_ascii_case(token.as_bytes()))
    }

    /// Where a slice that this message gave out stands; `None` for a slice of something else.
    pub fn range_of(&self, slice: &[u8]) -> Option<Range<usize>> {
        let start =
            (slice.as_ptr() as usize).checked_sub(self.index.lines.bytes.as_ptr() as usize)?;
        let end = start.checked_add(slice.len())?;
        (end <= self.index.lines.bytes.len()).then_some(start..end)
    }
}
