//! A text in three parts: what it has of its own, and what it shares with very many others before and
//! behind that. The shared parts are kept once for all.

use smallvec::SmallVec;

/// A text, joined: mostly on the stack.
pub type Joined = SmallVec<[u8; 64]>;

/// What most contacts begin with.
const SCHEME: &[u8] = b"sip:";
/// What contacts end with; of several the longest comes first. Only the process knows their numbers: they
/// may change with the next version.
const TAILS: [&[u8]; 16] = [
    b":5060;transport=udp",
    b":5060;transport=UDP",
    b";transport=udp",
    b";transport=UDP",
    b";transport=tcp",
    b";transport=TCP",
    b";transport=tls",
    b";transport=TLS",
    b";transport=TCP;ob",
    b";transport=TLS;ob",
    b";transport=ws;ob",
    b";transport=ws",
    b":5060;ob",
    b":5060",
    b";ob",
    b"",
];

/// A text in parts.
#[derive(Clone, Copy, Debug)]
pub struct Parts<'a>([&'a [u8]; 3]);

impl<'a> Parts<'a> {
    /// A text that shares nothing.
    pub fn whole(text: &'a [u8]) -> Self {
        Self([&[], text, &[]])
    }

    /// These, one behind the other.
    pub(super) fn of(before: &'a [u8], own: &'a [u8], behind: &'a [u8]) -> Self {
        Self([before, own, behind])
    }

    /// The contact that is kept so by [`plain`].
    pub(super) fn of_plain(kept: &'a [u8]) -> Option<Self> {
        let (tail, own) = kept.split_first()?;
        Some(Self([SCHEME, own, TAILS.get(usize::from(*tail))?]))
    }

    /// Whether it is this text.
    pub fn is(&self, text: &[u8]) -> bool {
        let [before, own, behind] = self.0;
        let own_part = text.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
        own_part == Some(own)
    }

    /// The text.
    pub fn text(&self) -> Joined {
        let mut text = Joined::with_capacity(self.0.iter().map(|part| part.len()).sum());
        self.0.iter().for_each(|part| text.extend_from_slice(part));
        text
    }
}

/// The number of a contact's tail, and what is its own; `None` where it is of another scheme.
pub(super) fn plain(contact: &[u8]) -> Option<(u8, &[u8])> {
    let rest = contact.strip_prefix(SCHEME)?;
    (0..).zip(TAILS).find_map(|(number, tail)| Some((number, rest.strip_suffix(tail)?)))
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(contact: &[u8]) -> Option<Vec<u8>> {
        let (tail, own) = plain(contact)?;
        Some([&[tail], own].concat())
    }

    proptest! {
        #[test]
        fn a_contact_comes_back_and_is_no_other(
            own in "[a-z:;=0-9]{0,9}", head in 0..3usize, tail in 0..TAILS.len(), other in 0..TAILS.len(),
        ) {
            let head = [SCHEME, b"sips:", b""][head];
            let [one, two] = [tail, other].map(|tail| [head, own.as_bytes(), TAILS[tail]].concat());
            if let Some(kept) = kept(&one) {
                let parts = Parts::of_plain(&kept).unwrap();

                prop_assert_eq!(&*parts.text(), &*one);
                prop_assert!(parts.is(&one));
                prop_assert_eq!(parts.is(&two), one == two);
                prop_assert!(!parts.is(&one[1..]) && !parts.is(&[&*one, b";"].concat()));
            }
            prop_assert_eq!(kept(&one).is_some(), one.starts_with(SCHEME));
        }
    }

    #[test]
    fn the_longest_tail_is_taken() {
        let contact = b"sip:1@192.0.2.1:5060;transport=udp".as_slice();

        assert_eq!(kept(contact).unwrap()[1..], *b"1@192.0.2.1");
        assert_eq!(kept(b"sip:"), Some(vec![15]));
        assert_eq!(kept(b"sips:1@192.0.2.1"), None);
    }

    #[test]
    fn parts_that_overlap_in_a_text_are_not_it() {
        let parts = Parts::of(b"aba", b"", b"aba");

        assert!(parts.is(b"abaaba"));
        assert!(!parts.is(b"aba") && !parts.is(b"ababa"));
    }
}
