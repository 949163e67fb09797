//! The texts of a binding, in one allocation.

/// Where a text that is absent would end.
const ABSENT: u32 = u32::MAX;

/// Contact URI, Path, `+sip.instance` and Call-ID, one after the other.
#[derive(Clone, Debug)]
pub(super) struct Texts {
    all: Box<str>,
    contact: u32,
    /// Their lengths, or [`ABSENT`].
    path: u32,
    instance: u32,
}

impl Texts {
    pub fn new(contact: &str, path: Option<&str>, instance: Option<&str>, call_id: &str) -> Self {
        let all = [contact, path.unwrap_or_default(), instance.unwrap_or_default(), call_id];
        // Messages are far shorter than this can tell.
        let len = |text: &str| u32::try_from(text.len()).unwrap_or(ABSENT);
        Self {
            all: all.concat().into(),
            contact: len(contact),
            path: path.map_or(ABSENT, len),
            instance: instance.map_or(ABSENT, len),
        }
    }

    pub fn contact(&self) -> &str {
        self.part(0, self.contact).unwrap_or_default()
    }

    pub fn path(&self) -> Option<&str> {
        self.part(self.contact, self.path)
    }

    pub fn instance(&self) -> Option<&str> {
        self.part(self.contact + present(self.path), self.instance)
    }

    pub fn call_id(&self) -> &str {
        let before = self.contact + present(self.path) + present(self.instance);
        self.all.get(before as usize..).unwrap_or_default()
    }

    /// The same of another request.
    pub fn with_call_id(&self, call_id: &str) -> Self {
        Self::new(self.contact(), self.path(), self.instance(), call_id)
    }

    fn part(&self, from: u32, len: u32) -> Option<&str> {
        let from = from as usize;
        (len != ABSENT).then(|| self.all.get(from..from + len as usize).unwrap_or_default())
    }
}

fn present(len: u32) -> u32 {
    if len == ABSENT { 0 } else { len }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_comes_back_and_what_is_absent_is_not_what_is_empty() {
        for path in [None, Some(""), Some("<sip:p;lr>")] {
            for instance in [None, Some(""), Some("<urn:uuid:1>")] {
                let texts = Texts::new("sip:é@h", path, instance, "1@h");

                assert_eq!((texts.contact(), texts.path()), ("sip:é@h", path));
                assert_eq!((texts.instance(), texts.call_id()), (instance, "1@h"));
                assert_eq!(texts.with_call_id("").call_id(), "");
            }
        }
    }
}
