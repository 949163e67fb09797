//! The address-of-record of an entry in little room: the user in place, as its bytes or, a phone number, as
//! half-bytes; the domain by its number.

use std::sync::Arc;

use super::numbered::Numbered;

/// Bytes of a user. Longer ones stand on the heap unless they are digits, and so does what is no
/// `sip:user@domain`.
const USER: usize = 12;
/// The most digits that stand in place.
const DIGITS: usize = 2 * USER;
const SCHEME: &[u8] = b"sip:";

/// Domains are those of the configuration and of created numbers.
static DOMAINS: Numbered<Box<str>, 4_096> = Numbered::new();

/// A normalized address-of-record.
#[derive(Debug)]
pub(super) struct Name(Form);

#[derive(Debug)]
enum Form {
    Parts {
        len: u8,
        domain: u16,
        user: [u8; USER],
    },
    /// A user of digits, two to a byte.
    Digits {
        len: u8,
        domain: u16,
        user: [u8; USER],
    },
    Whole(Box<Box<str>>),
}

impl Name {
    pub fn new(aor: &str) -> Self {
        Self(parts(aor).unwrap_or_else(|| Form::Whole(Box::new(aor.into()))))
    }

    /// Whether it is this one.
    pub fn is(&self, aor: &str) -> bool {
        let aor = aor.as_bytes();
        match &self.0 {
            Form::Parts { len, domain, user } => are(aor, of_len(user, *len), *domain),
            Form::Digits { len, domain, user } => are(aor, of_len(&digits(user), *len), *domain),
            Form::Whole(whole) => whole.as_bytes() == aor,
        }
    }

    /// Hands the text to `f`.
    pub fn with<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        match &self.0 {
            Form::Whole(whole) => f(whole),
            Form::Parts { len, domain, user } => whole(of_len(user, *len), *domain, f),
            Form::Digits { len, domain, user } => whole(of_len(&digits(user), *len), *domain, f),
        }
    }

    /// The text to hand out.
    pub fn shared(&self) -> Arc<str> {
        self.with(|aor| aor.into())
    }
}

#[inline]
fn of_len(user: &[u8], len: u8) -> &[u8] {
    user.get(..usize::from(len)).unwrap_or_default()
}

/// Whether these are the parts of a number.
#[inline]
fn are(aor: &[u8], user: &[u8], domain: u16) -> bool {
    let rest = aor.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix(user));
    let domain = DOMAINS.get(domain).map(|domain| domain.as_bytes());
    rest.and_then(|rest| rest.strip_prefix(b"@")) == domain
}

/// Hands the number of these parts to `f`.
fn whole<R>(user: &[u8], domain: u16, f: impl FnOnce(&str) -> R) -> R {
    let domain = DOMAINS.get(domain).map_or("", |domain| domain);
    join(&[SCHEME, user, b"@", domain.as_bytes()], f)
}

/// The digits of half-bytes. Aside: mostly a user is kept as it is.
#[inline(never)]
fn digits(halves: &[u8; USER]) -> [u8; DIGITS] {
    let mut digits = [0; DIGITS];
    for (two, byte) in digits.chunks_exact_mut(2).zip(halves) {
        two.copy_from_slice(&[b'0' + (byte >> 4), b'0' + (byte & 0xf)]);
    }
    digits
}

/// The half-bytes of digits; `None` for other text.
fn halves(name: &[u8]) -> Option<[u8; USER]> {
    if name.len() > DIGITS || !name.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut halves = [0; USER];
    for (byte, two) in halves.iter_mut().zip(name.chunks(2)) {
        let [first, second] = [two.first(), two.get(1)].map(|digit| digit.map_or(0, |d| d - b'0'));
        *byte = first << 4 | second;
    }
    Some(halves)
}

/// Hands the parts of a text to `f`, joined; for most of them on the stack.
fn join<R>(parts: &[&[u8]], f: impl FnOnce(&str) -> R) -> R {
    let (mut short, mut long) = ([0; 64], Vec::new());
    let len = parts.iter().map(|part| part.len()).sum();
    let text = match short.get_mut(..len) {
        Some(text) => text,
        None => {
            long.resize(len, 0);
            &mut long[..]
        }
    };
    let mut rest = &mut *text;
    for part in parts {
        let (here, after) = rest.split_at_mut(part.len());
        here.copy_from_slice(part);
        rest = after;
    }
    // They are parts of a whole text.
    f(std::str::from_utf8(text).unwrap_or_default())
}

fn parts(aor: &str) -> Option<Form> {
    let (name, domain) = aor.strip_prefix("sip:")?.rsplit_once('@')?;
    let (name, len) = (name.as_bytes(), u8::try_from(name.len()).ok()?);
    let mut user = [0; USER];
    if let Some(place) = user.get_mut(..name.len()) {
        place.copy_from_slice(name);
        return Some(Form::Parts { len, domain: DOMAINS.number(domain)?, user });
    }
    let user = halves(name)?;
    Some(Form::Digits { len, domain: DOMAINS.number(domain)?, user })
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_whole_and_is_no_other() {
        let all = [
            "sip:1@example.com",
            "sip:1@example.org",
            "sip:123456789012@example.com",
            "sip:1234567890123@example.com",
            "sip:12345678901230@example.com",
            "sip:00000000000000@example.com",
            "sip:00000000000001@example.com",
            "sip:123456789012345678901234@example.com",
            "sip:1234567890123456789012345@example.com",
            "sip:+1234567890123@example.com",
            "sip:a@b@example.com",
            "sip:1@a-domain-that-is-longer-than-what-is-joined-on-the-stack.example.com",
            "sip:@",
            "tel:1",
            "",
        ];
        for (at, aor) in all.iter().enumerate() {
            let name = Name::new(aor);

            assert_eq!(&*name.shared(), *aor);
            all.iter().enumerate().for_each(|(other, aor)| assert_eq!(name.is(aor), at == other));
        }
        assert_eq!(size_of::<Name>(), 16);
    }
}
