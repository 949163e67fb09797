//! The values that routing and admission stand on, read once for all who ask. It tells what is sound;
//! what to do with it is for others.

use super::lines::Lines;
use super::message::parse_hops;
use super::{
    CSeq, Contact, Fault, Message, Method, Name, NameAddr, Params, StartLine, Uri, Value, Via,
    grammar, scan,
};

/// From or To.
#[derive(Clone, Copy, Debug)]
pub(super) struct Party<'a> {
    /// All of it as received.
    pub text: &'a [u8],
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
    /// Max-Forwards: what is there may be no number.
    pub hops: Option<Option<u8>>,
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

    #[inline]
    fn add(&mut self, value: Value<'a>) {
        if self.first.is_some() {
            return self.add_other(value);
        }
        self.broken |= !in_place(&mut self.first, Contact::empty(), |first| first.read(value));
    }

    #[cold]
    fn add_other(&mut self, value: Value<'a>) {
        let mut contact = Contact::empty();
        match contact.read(value) {
            Some(()) => self.others.push(contact),
            None => self.broken = true,
        }
    }
}

/// Reads what is large where it stays; what is none is taken away again.
#[inline(always)]
fn in_place<T>(place: &mut Option<T>, empty: T, read: impl FnOnce(&mut T) -> Option<()>) -> bool {
    let found = read(place.insert(empty)).is_some();
    if !found {
        *place = None;
    }
    found
}

impl<'a> Party<'a> {
    #[inline(always)]
    fn empty() -> Self {
        Self { text: &[], addr: NameAddr::empty(), tag: None, two_tags: false }
    }

    /// Reads one into an empty one. `twin` is the other party: who registers is mostly whom it is for, and
    /// then the address is read already.
    fn read(&mut self, text: &'a [u8], twin: Option<&Self>) -> Option<()> {
        self.text = text;
        let pieces = match twin.and_then(|twin| twin.again(text)) {
            Some((addr, params)) => {
                self.addr = *addr;
                self.addr.params = params;
                params.pieces()
            }
            None => self.addr.read(text)?,
        };
        for param in pieces {
            if grammar::is(param.name, b"tag") {
                self.two_tags = self.tag.is_some();
                self.tag.get_or_insert(param.value);
            }
        }
        Some(())
    }

    /// Address and parameters of a text that begins with the same address; `None` where only reading it
    /// tells.
    fn again(&self, text: &'a [u8]) -> Option<(&NameAddr<'a>, Params<'a>)> {
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
        Some((&self.addr, Params::new(params)))
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
        if let Some(text) = lines.request_uri_text() {
            in_place(&mut self.request_uri, Uri::empty(), |uri| uri.read_whole(text));
        }
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
        let text = |name| lines.text(name);
        if let Some(text) = text(Name::Via) {
            in_place(&mut self.top_via, Via::empty(), |via| via.read(text));
        }
        if let Some(text) = text(Name::To) {
            in_place(&mut self.to, Party::empty(), |to| to.read(text, None));
        }
        if let Some(text) = text(Name::From) {
            in_place(&mut self.from, Party::empty(), |from| from.read(text, self.to.as_ref()));
        }
        self.call_id = text(Name::CallId).unwrap_or_default();
        if let Some(text) = text(Name::CSeq) {
            self.cseq = CSeq::parse(text);
        }
        self.hops = text(Name::MaxForwards).map(parse_hops);
        match lines.lone(Name::Contact) {
            Some(value) => self.contacts.add(value),
            None => lines.all(Name::Contact).for_each(|value| self.contacts.add(value)),
        }
    }

    /// Whether all of them can be read in one way only.
    pub fn check(&self, message: &Message<'_>) -> Result<(), Fault> {
        let sound =
            |name: Name, good: bool| if good { Ok(()) } else { Err(Fault::Malformed(name)) };
        let one_branch = |via: &Via<'_>| !via.has_two_branches();
        sound(Name::Via, self.top_via.as_ref().is_some_and(one_branch))?;
        sound(Name::From, self.from.as_ref().is_some_and(Party::is_sound))?;
        sound(Name::To, self.to.as_ref().is_some_and(Party::is_sound))?;
        let spaced = scan::has(self.call_id, *b" \t\r\n");
        sound(Name::CallId, !self.call_id.is_empty() && !spaced)?;
        let cseq = self.cseq.as_ref().ok_or(Fault::Malformed(Name::CSeq))?;
        if message.is_request() && cseq.method_text != message.method_text() {
            return Err(Fault::CSeqMismatch);
        }
        sound(Name::MaxForwards, self.hops != Some(None))?;
        let register = message.is_request() && message.method() == Method::Register;
        sound(Name::Contact, !register || !self.contacts.broken)
    }
}
