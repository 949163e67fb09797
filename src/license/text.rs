//! The text of a number in little room: what is short stands in place, with nothing to follow.

use std::fmt;

/// The longest text that stands in place.
const SHORT: usize = 38;

/// A text of up to 38 bytes in place, a longer one on the heap.
#[derive(Clone)]
pub struct Text(Place);

#[derive(Clone)]
enum Place {
    Here { len: u8, bytes: [u8; SHORT] },
    Heap(Box<str>),
}

impl Text {
    /// As bytes: to compare with, they need not be looked at as text.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Place::Here { len, bytes } => bytes.get(..usize::from(*len)).unwrap_or_default(),
            Place::Heap(text) => text.as_bytes(),
        }
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // It was made of a whole text.
            Place::Here { .. } => std::str::from_utf8(self.as_bytes()).unwrap_or_default(),
            Place::Heap(text) => text,
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let mut bytes = [0; SHORT];
        match (bytes.get_mut(..text.len()), u8::try_from(text.len())) {
            (Some(place), Ok(len)) => {
                place.copy_from_slice(text.as_bytes());
                Self(Place::Here { len, bytes })
            }
            _ => Self(Place::Heap(text.into())),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_whole_whatever_its_length() {
        for len in [0, 1, SHORT - 1, SHORT, SHORT + 1, 300] {
            let text = "é".repeat(len / 2) + &"x".repeat(len % 2);

            assert_eq!(Text::from(&*text).as_str(), text);
            assert_eq!(Text::from(&*text).as_bytes(), text.as_bytes());
        }
        assert_eq!(size_of::<Text>(), 40);
    }
}
