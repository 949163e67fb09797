//! A User-Agent pattern, as an operator writes it.

/// `*` stands for anything, case does not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// A pattern; `*` stands for anything.
    pub fn new(text: &str) -> Self {
        Self(text.to_ascii_lowercase())
    }

    /// Whether the whole of `text` fits.
    pub fn matches(&self, text: &[u8]) -> bool {
        let mut pieces = self.0.as_bytes().split(|byte| *byte == b'*');
        let first = pieces.next().unwrap_or_default();
        let Some(mut rest) = strip_start(text, first) else { return false };
        let mut pieces = pieces.peekable();
        if pieces.peek().is_none() {
            return rest.is_empty();
        }
        while let Some(piece) = pieces.next() {
            if pieces.peek().is_none() {
                return rest.len() >= piece.len()
                    && rest.get(rest.len() - piece.len()..).is_some_and(|end| equal(end, piece));
            }
            let Some(at) = position(rest, piece) else { return false };
            rest = rest.get(at + piece.len()..).unwrap_or_default();
        }
        true
    }
}

fn equal(text: &[u8], lower: &[u8]) -> bool {
    text.eq_ignore_ascii_case(lower)
}

fn strip_start<'t>(text: &'t [u8], lower: &[u8]) -> Option<&'t [u8]> {
    let (start, rest) = text.split_at_checked(lower.len())?;
    equal(start, lower).then_some(rest)
}

fn position(text: &[u8], lower: &[u8]) -> Option<usize> {
    if lower.is_empty() {
        return Some(0);
    }
    text.windows(lower.len()).position(|window| equal(window, lower))
}
