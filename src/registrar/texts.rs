//! The texts of a binding, in one allocation.

/// Where a text that is absent would end.
const ABSENT: u16 = u16::MAX;

/// Contact URI, `+sip.instance` and what leads there, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    all: Box<str>,
    contact: u16,
    /// Its length, or [`ABSENT`].
    instance: u16,
    /// Whether there is more behind them.
    path: bool,
}

impl Texts {
    /// The longest text, in bytes; the head of a message has no longer one.
    pub const LONGEST: usize = ABSENT as usize - 1;

    pub fn new(contact: &str, path: Option<&str>, instance: Option<&str>) -> Self {
        let all = [contact, instance.unwrap_or_default(), path.unwrap_or_default()];
        let len = |text: &str| u16::try_from(text.len()).unwrap_or(ABSENT);
        Self {
            all: all.concat().into(),
            contact: len(contact),
            instance: instance.map_or(ABSENT, len),
            path: path.is_some(),
        }
    }

    pub fn contact(&self) -> &str {
        self.part(0, self.contact).unwrap_or_default()
    }

    pub fn path(&self) -> Option<&str> {
        let before = usize::from(self.contact) + usize::from(present(self.instance));
        self.path.then(|| self.all.get(before..).unwrap_or_default())
    }

    pub fn instance(&self) -> Option<&str> {
        self.part(self.contact.into(), self.instance)
    }

    fn part(&self, from: usize, len: u16) -> Option<&str> {
        (len != ABSENT).then(|| self.all.get(from..from + usize::from(len)).unwrap_or_default())
    }
}

fn present(len: u16) -> u16 {
    if len == ABSENT { 0 } else { len }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_back_and_what_is_absent_is_not_what_is_empty() {
        for path in [None, Some(""), Some("<sip:p;lr>")] {
            for instance in [None, Some(""), Some("<urn:uuid:1>")] {
                let texts = Texts::new("sip:é@h", path, instance);

                assert_eq!((texts.contact(), texts.path()), ("sip:é@h", path));
                assert_eq!(texts.instance(), instance);
            }
        }
    }
}
