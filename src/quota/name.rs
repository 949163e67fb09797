//! The address-of-record of an entry in little room: the user in place, the domain by its number.

use std::sync::Arc;

use super::numbered::Numbered;

/// Longer users, and what is no `sip:user@domain`, stand on the heap.
const USER: usize = 20;
const SCHEME: &[u8] = b"sip:";

/// Domains are those of the configuration and of created numbers.
static DOMAINS: Numbered<Box<str>, 4_096> = Numbered::new();

/// A normalized address-of-record.
#[derive(Debug)]
pub(super) struct Name(Form);

#[derive(Debug)]
enum Form {
    Parts { len: u8, domain: u16, user: [u8; USER] },
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
            Form::Whole(whole) => whole.as_bytes() == aor,
            Form::Parts { len, domain, user } => {
                let user = user.get(..usize::from(*len)).unwrap_or_default();
                let rest = aor.strip_prefix(SCHEME).and_then(|rest| rest.strip_prefix(user));
                let domain = DOMAINS.get(*domain).map(|domain| domain.as_bytes());
                rest.and_then(|rest| rest.strip_prefix(b"@")) == domain
            }
        }
    }

    /// Hands the text to `f`.
    pub fn with<R>(&self, f: impl FnOnce(&str) -> R) -> R {
        match &self.0 {
            Form::Whole(whole) => f(whole),
            Form::Parts { len, domain, user } => {
                let user = user.get(..usize::from(*len)).unwrap_or_default();
                let domain = DOMAINS.get(*domain).map_or("", |domain| domain);
                join(&[SCHEME, user, b"@", domain.as_bytes()], f)
            }
        }
    }

    /// The text to hand out.
    pub fn shared(&self) -> Arc<str> {
        self.with(|aor| aor.into())
    }
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
    let mut user = [0; USER];
    user.get_mut(..name.len())?.copy_from_slice(name.as_bytes());
    Some(Form::Parts { len: u8::try_from(name.len()).ok()?, domain: DOMAINS.number(domain)?, user })
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_whole_and_is_no_other() {
        let all = [
            "sip:1@example.com",
            "sip:1@example.org",
            "sip:12345678901234567890@example.com",
            "sip:123456789012345678901@example.com",
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
        assert_eq!(size_of::<Name>(), 24);
    }
}
