//! Contact values (RFC 3261 20.10, RFC 5626, RFC 8599).

use super::params::Pieces;
use super::{NameAddr, Param, Push, Value, grammar, parse_expires};
use std::borrow::Cow;

/// What a Contact value names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// `*`: all bindings, in a REGISTER that removes them.
    Star,
    Addr(NameAddr<'a>),
}

/// One Contact value and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact<'a> {
    pub value: Value<'a>,
    pub target: Target<'a>,
    known: Known<'a>,
}

/// The first parameter of each name that has a rule, found in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Known<'a> {
    expires: Option<Param<'a>>,
    /// As it stands; empty without a value.
    instance: Option<&'a [u8]>,
    reg_id: Option<&'a [u8]>,
    two_expires: bool,
    /// A name of a push parameter may be among them.
    may_push: bool,
}

impl<'a> Contact<'a> {
    /// None yet.
    #[inline(always)]
    pub(super) fn empty() -> Self {
        Self {
            value: Value { text: &[], at: 0, entry: 0 },
            target: Target::Star,
            known: Known::empty(),
        }
    }

    /// Reads one value into an empty one; `None` for what is none, a repeated `expires` included.
    pub(super) fn read(&mut self, value: Value<'a>) -> Option<()> {
        self.value = value;
        if value.text == b"*" {
            return Some(());
        }
        self.target = Target::Addr(NameAddr::empty());
        let Target::Addr(addr) = &mut self.target else { return None };
        let pieces = addr.read(value.text)?;
        self.known.read(pieces);
        (!self.known.two_expires).then_some(())
    }

    /// Whether it is `*`.
    pub fn is_star(&self) -> bool {
        self.target == Target::Star
    }

    /// The address; `None` for `*`.
    pub fn addr(&self) -> Option<NameAddr<'a>> {
        match self.target {
            Target::Star => None,
            Target::Addr(addr) => Some(addr),
        }
    }

    /// The `expires` parameter in seconds; 3600 where it is malformed, `None` where it is absent.
    pub fn expires(&self) -> Option<u32> {
        Some(parse_expires(self.known.expires?.value.unwrap_or_default()))
    }

    /// The `expires` parameter as it stands.
    pub(super) fn expires_param(&self) -> Option<Param<'a>> {
        self.known.expires
    }

    /// The `q` parameter in thousandths; 1000 where it is absent or malformed.
    pub fn q(&self) -> u16 {
        let q = self.addr().and_then(|addr| addr.params.value("q"));
        q.and_then(thousandths).unwrap_or(1000)
    }

    /// `+sip.instance` without quotes (RFC 5626 4.1).
    pub fn instance(&self) -> Option<Cow<'a, [u8]>> {
        Some(grammar::unquote(self.known.instance?)).filter(|id| !id.is_empty())
    }

    /// `reg-id` (RFC 5626 4.2).
    pub fn reg_id(&self) -> Option<u32> {
        grammar::number(self.known.reg_id?).and_then(|id| u32::try_from(id).ok())
    }

    /// Whether the URI asks for outbound treatment (RFC 5626 4.3).
    pub fn ob(&self) -> bool {
        self.addr().is_some_and(|addr| addr.uri.params.has("ob"))
    }

    /// Push parameters, of the URI or else of the Contact.
    pub fn push(&self) -> Option<Push<'a>> {
        let addr = self.addr()?;
        let of_contact = || if self.known.may_push { Push::find(addr.params) } else { None };
        Push::find(addr.uri.params).or_else(of_contact)
    }
}

impl<'a> Known<'a> {
    #[inline(always)]
    fn empty() -> Self {
        Self { expires: None, instance: None, reg_id: None, two_expires: false, may_push: false }
    }

    #[inline(always)]
    fn read(&mut self, pieces: Pieces<'a>) {
        for param in pieces {
            self.may_push |= matches!(param.name, [b'p' | b'P' | b'a' | b'A', ..]);
            let value = param.value.unwrap_or_default();
            if grammar::is(param.name, b"expires") {
                self.two_expires |= self.expires.is_some();
                self.expires.get_or_insert(param);
            } else if grammar::is(param.name, b"+sip.instance") {
                self.instance.get_or_insert(value);
            } else if grammar::is(param.name, b"reg-id") {
                self.reg_id.get_or_insert(value);
            }
        }
    }
}

fn thousandths(text: &[u8]) -> Option<u16> {
    match text {
        [b'1'] | [b'1', b'.', ..] => Some(1000),
        [b'0'] => Some(0),
        [b'0', b'.', digits @ ..] if digits.len() <= 3 => {
            let scale = 10u64.pow(u32::try_from(3 - digits.len()).ok()?);
            let number = if digits.is_empty() { 0 } else { grammar::number(digits)? };
            u16::try_from(number * scale).ok()
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: Value<'_>) -> Option<Contact<'_>> {
        let mut contact = Contact::empty();
        contact.read(value).map(|()| contact)
    }

    fn contact(text: &str) -> Contact<'_> {
        read(Value { text: text.as_bytes(), at: 0, entry: 0 }).unwrap()
    }

    #[test]
    fn outbound_and_push_parameters_are_read() {
        let contact = contact(
            "\"X\" <sip:a@1.2.3.4;ob;pn-provider=fcm;pn-param=p;pn-prid=t>;expires=60;q=0.5;\
             +sip.instance=\"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>\";reg-id=2",
        );

        assert_eq!(contact.expires(), Some(60));
        assert_eq!(contact.q(), 500);
        assert_eq!(
            contact.instance().unwrap().as_ref(),
            b"<urn:uuid:00000000-0000-1000-8000-AABBCCDDEEFF>"
        );
        assert_eq!(contact.reg_id(), Some(2));
        assert!(contact.ob());
        assert_eq!(contact.push().unwrap().prid, b"t");
    }

    #[test]
    fn push_parameters_may_stand_outside_the_uri() {
        assert_eq!(contact("<sip:a@b>;pn-tok=z;app-id=q").push().unwrap().prid, b"z");
        assert!(contact("<sip:a@b>").push().is_none());
    }

    #[test]
    fn star_has_no_address() {
        assert!(contact("*").is_star());
        assert!(contact("*").addr().is_none());
    }

    #[test]
    fn two_expiries_are_no_contact() {
        let value = Value { text: b"<sip:a@b>;expires=0;expires=60", at: 0, entry: 0 };

        assert!(read(value).is_none());
    }
}
