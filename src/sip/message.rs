//! A message: its bytes and their index together, read-only. Every slice that it gives out lies in
//! the bytes, so a place can be told from a slice.

use super::value::Values;
use super::{
    CSeq, Contact, Fault, Index, Method, Name, NameAddr, Params, StartLine, Uri, Value, Via,
};
use super::{grammar, parse_expires};
use std::ops::Range;

/// The view over a message; cheap to copy.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    bytes: &'a [u8],
    index: &'a Index,
}

impl<'a> Message<'a> {
    pub(super) fn new(bytes: &'a [u8], index: &'a Index) -> Self {
        Self { bytes, index }
    }

    /// All bytes that the index was made from.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The index.
    pub fn index(&self) -> &'a Index {
        self.index
    }

    fn slice(&self, range: Range<usize>) -> &'a [u8] {
        self.bytes.get(range).unwrap_or_default()
    }

    /// The message from start line to the end of its body, without what stood before or after.
    pub fn whole(&self) -> &'a [u8] {
        self.slice(self.whole_range())
    }

    pub(super) fn whole_range(&self) -> Range<usize> {
        self.index.start_at.start..self.index.body.end
    }

    /// The start line.
    pub fn start_line(&self) -> &'a StartLine {
        &self.index.start
    }

    /// Whether it is a request.
    pub fn is_request(&self) -> bool {
        matches!(self.index.start, StartLine::Request { .. })
    }

    /// The method of a request, the CSeq method of a response.
    pub fn method(&self) -> Method {
        match self.index.start {
            StartLine::Request { method, .. } => method,
            StartLine::Response { .. } => self.cseq().map_or(Method::Other, |cseq| cseq.method),
        }
    }

    /// The method of a request as received; of a response, of its CSeq.
    pub fn method_text(&self) -> &'a [u8] {
        match &self.index.start {
            StartLine::Request { method_at, .. } => self.slice(method_at.clone()),
            StartLine::Response { .. } => self.cseq().map_or(&[], |cseq| cseq.method_text),
        }
    }

    /// The status code; `None` for a request.
    pub fn status(&self) -> Option<u16> {
        match self.index.start {
            StartLine::Request { .. } => None,
            StartLine::Response { code, .. } => Some(code),
        }
    }

    /// The reason phrase as received; empty for a request.
    pub fn reason(&self) -> &'a [u8] {
        match &self.index.start {
            StartLine::Request { .. } => &[],
            StartLine::Response { reason, .. } => self.slice(reason.clone()),
        }
    }

    /// The Request-URI as received; empty for a response.
    pub fn request_uri_text(&self) -> &'a [u8] {
        match &self.index.start {
            StartLine::Request { uri, .. } => self.slice(uri.clone()),
            StartLine::Response { .. } => &[],
        }
    }

    /// The Request-URI.
    pub fn request_uri(&self) -> Option<Uri<'a>> {
        Uri::parse(self.request_uri_text())
    }

    /// All values of a header, lists split, in order.
    pub fn all(&self, name: Name) -> Values<'a> {
        Values::new(*self, name)
    }

    /// The first value of a header.
    pub fn first(&self, name: Name) -> Option<Value<'a>> {
        self.all(name).next()
    }

    /// The ranges of the whole lines of a header.
    pub fn lines(&self, name: Name) -> impl Iterator<Item = Range<usize>> + use<'a> {
        self.index
            .entries
            .iter()
            .filter(move |entry| entry.name == name)
            .map(|entry| entry.line.whole())
    }

    /// All headers in order, each as name and value as received (value with its folds).
    pub fn headers(&self) -> impl Iterator<Item = (Name, &'a [u8], &'a [u8])> + use<'a> {
        let message = *self;
        self.index.entries.iter().map(move |entry| {
            (entry.name, message.slice(entry.line.name()), message.slice(entry.line.value()))
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
        Via::parse(self.first(Name::Via)?.text)
    }

    /// The Call-ID; empty only in what was rejected.
    pub fn call_id(&self) -> &'a [u8] {
        self.first(Name::CallId).map_or(&[], |value| value.text)
    }

    /// From.
    pub fn from(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.first(Name::From)?.text)
    }

    /// To.
    pub fn to(&self) -> Option<NameAddr<'a>> {
        NameAddr::parse(self.first(Name::To)?.text)
    }

    /// CSeq.
    pub fn cseq(&self) -> Option<CSeq<'a>> {
        CSeq::parse(self.first(Name::CSeq)?.text)
    }

    /// The Contact values that are sound (in an accepted REGISTER: all).
    pub fn contacts(&self) -> impl Iterator<Item = Contact<'a>> + use<'a> {
        self.all(Name::Contact).filter_map(Contact::parse)
    }

    /// The addresses of a header whose values are addresses, with their places; broken ones left out.
    pub fn addrs(&self, name: Name) -> impl Iterator<Item = (Value<'a>, NameAddr<'a>)> + use<'a> {
        self.all(name).filter_map(|value| NameAddr::parse(value.text).map(|addr| (value, addr)))
    }

    /// The Expires header in seconds; 3600 where it is malformed, `None` where it is absent.
    pub fn expires(&self) -> Option<u32> {
        self.first(Name::Expires).map(|value| parse_expires(value.text))
    }

    /// Max-Forwards; `None` where it is absent.
    pub fn max_forwards(&self) -> Option<u8> {
        grammar::number(self.first(Name::MaxForwards)?.text)
            .and_then(|hops| u8::try_from(hops).ok())
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
        let start = (slice.as_ptr() as usize).checked_sub(self.bytes.as_ptr() as usize)?;
        let end = start.checked_add(slice.len())?;
        (end <= self.bytes.len()).then_some(start..end)
    }

    /// Whether the values that routing and admission stand on can be read in one way only.
    pub(super) fn check_values(&self) -> Result<(), Fault> {
        let sound =
            |name: Name, good: bool| if good { Ok(()) } else { Err(Fault::Malformed(name)) };
        sound(Name::Via, self.top_via().is_some_and(|via| !via.params.repeats("branch")))?;
        let tagged = |params: Params<'_>| match params.get("tag") {
            Some(tag) => tag.value.is_some_and(|tag| !tag.is_empty()) && !params.repeats("tag"),
            None => true,
        };
        let addr = |found: Option<NameAddr<'_>>| found.is_some_and(|addr| tagged(addr.params));
        sound(Name::From, addr(self.from()))?;
        sound(Name::To, addr(self.to()))?;
        let call_id = self.call_id();
        let spaced = call_id.iter().any(|&byte| grammar::is_lws(byte));
        sound(Name::CallId, !call_id.is_empty() && !spaced)?;
        let cseq = self.cseq().ok_or(Fault::Malformed(Name::CSeq))?;
        if self.is_request() && cseq.method_text != self.method_text() {
            return Err(Fault::CSeqMismatch);
        }
        let hops = self.first(Name::MaxForwards).is_none() || self.max_forwards().is_some();
        sound(Name::MaxForwards, hops)?;
        let register = self.is_request() && self.method() == Method::Register;
        let contacts = || self.all(Name::Contact).all(|value| Contact::parse(value).is_some());
        sound(Name::Contact, !register || contacts())
    }
}
