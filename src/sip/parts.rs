//! The values that routing and admission stand on, read once for all who ask. It tells what is sound;
//! what to do with it is for others.

use super::lines::Lines;
use super::scan::{Any, Class};
use super::{
    CSeq, Contact, Fault, Message, Method, Name, NameAddr, Params, StartLine, Uri, Value, Via,
};

/// From or To.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<'a> {
    text: &'a [u8],
    pub addr: NameAddr<'a>,
    /// The first tag: its value may be missing or empty.
    tag: Option<Option<&'a [u8]>>,
    two_tags: bool,
}

/// What was read; absent where it is malformed.
#[derive(Clone, Debug, Default)]
pub(super) struct Parts<'a> {
    pub request_uri: Option<Uri<'a>>,
    pub top_via: Option<Via<'a>>,
    pub from: Option<Party<'a>>,
    pub to: Option<Party<'a>>,
    pub call_id: &'a [u8],
    pub cseq: Option<CSeq<'a>>,
    pub contacts: Contacts<'a>,
}

/// The sound Contacts; nearly all messages have one.
#[derive(Clone, Debug, Default)]
pub(super) struct Contacts<'a> {
    first: Option<Contact<'a>>,
    others: Vec<Contact<'a>>,
    broken: bool,
}

impl<'a> Contacts<'a> {
    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = &Contact<'a>> {
        self.first.iter().chain(&self.others)
    }

    fn add(&mut self, value: Value<'a>) {
        match Contact::parse(value) {
            None => self.broken = true,
            found if self.first.is_none() => self.first = found,
            Some(found) => self.others.push(found),
        }
    }
}

impl<'a> Party<'a> {
    /// `twin` is the other party: who registers is mostly whom it is for, and then the address is read
    /// already.
    fn read(text: &'a [u8], twin: Option<&Self>) -> Option<Self> {
        let read = twin.and_then(|twin| twin.again(text));
        let addr = read.or_else(|| NameAddr::parse(text))?;
        let mut party = Self { text, addr, tag: None, two_tags: false };
        for param in addr.params.iter() {
            if param.name.eq_ignore_ascii_case(b"tag") {
                party.two_tags = party.tag.is_some();
                party.tag.get_or_insert(param.value);
            }
        }
        Some(party)
    }

    /// What a text is that begins with the same address; `None` where only reading it tells.
    fn again(&self, text: &'a [u8]) -> Option<NameAddr<'a>> {
        let own = match self.addr.params.raw().len() {
            0 => self.text,
            // And the semicolon.
            params => self.text.get(..self.text.len() - params - 1)?,
        };
        let params = match text.strip_prefix(own)? {
            [] => &[][..],
            [b';', params @ ..] => params,
            _ => return None,
        };
        Some(NameAddr { params: Params::new(params), ..self.addr })
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a [u8]> {
        self.tag.flatten()
    }

    fn is_sound(&self) -> bool {
        let empty = self.tag.is_some_and(|tag| tag.is_none_or(<[u8]>::is_empty));
        !empty && !self.two_tags
    }
}

impl<'a> Parts<'a> {
    /// Reads the Request-URI; says whether there is none where there should be one. What is none is
    /// forgotten, so that nobody takes it for one.
    pub fn read_request_uri(&mut self, lines: &mut Lines<'a>) -> bool {
        self.request_uri = lines.request_uri_text().and_then(Uri::parse);
        if let StartLine::Request { uri, .. } = &mut lines.start
            && self.request_uri.is_none()
        {
            uri.end = uri.start;
            return false;
        }
        true
    }

    /// Reads the values of a message whose header lines are all found.
    pub fn read(&mut self, lines: &Lines<'a>) {
        let text = |name| lines.first(name).map(|value| value.text);
        self.top_via = text(Name::Via).and_then(Via::parse);
        self.to = text(Name::To).and_then(|text| Party::read(text, None));
        self.from = text(Name::From).and_then(|text| Party::read(text, self.to.as_ref()));
        self.call_id = text(Name::CallId).unwrap_or_default();
        self.cseq = text(Name::CSeq).and_then(CSeq::parse);
        match lines.lone(Name::Contact) {
            Some(value) => self.contacts.add(value),
            None => lines.all(Name::Contact).for_each(|value| self.contacts.add(value)),
        }
    }

    /// Whether all of them can be read in one way only.
    pub fn check(&self, message: &Message<'_>) -> Result<(), Fault> {
        let sound =
            |name: Name, good: bool| if good { Ok(()) } else { Err(Fault::Malformed(name)) };
        sound(Name::Via, self.top_via.is_some_and(|via| !via.has_two_branches()))?;
        sound(Name::From, self.from.is_some_and(|from| from.is_sound()))?;
        sound(Name::To, self.to.is_some_and(|to| to.is_sound()))?;
        let spaced = Any(*b" \t\r\n").find(self.call_id).is_some();
        sound(Name::CallId, !self.call_id.is_empty() && !spaced)?;
        let cseq = self.cseq.ok_or(Fault::Malformed(Name::CSeq))?;
        if message.is_request() && cseq.method_text != message.method_text() {
            return Err(Fault::CSeqMismatch);
        }
        let hops = message.max_forwards().is_some() || message.first(Name::MaxForwards).is_none();
        sound(Name::MaxForwards, hops)?;
        let register = message.is_request() && message.method() == Method::Register;
        sound(Name::Contact, !register || !self.contacts.broken)
    }
}
