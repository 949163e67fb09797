//! Edits against a received message: recorded with offsets, applied once into a buffer that is used
//! again. What no edit touches leaves as it came.

use super::Message;
use smallvec::SmallVec;
use std::ops::Range;

/// A set of edits; offsets are those of the message that it is applied to.
#[derive(Clone, Debug, Default)]
pub struct Patch {
    edits: SmallVec<[Edit; 12]>,
    text: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Edit {
    at: Range<usize>,
    text: Range<usize>,
}

impl Patch {
    /// A patch of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets all edits and keeps the memory.
    pub fn clear(&mut self) {
        self.edits.clear();
        self.text.clear();
    }

    /// Whether there are no edits.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Puts `text` in place of `at`.
    pub fn replace(&mut self, at: Range<usize>, text: &[u8]) {
        self.splice(at, &[text]);
    }

    /// Puts `text` before what stands at `at`; several at one place keep their order.
    pub fn insert(&mut self, at: usize, text: &[u8]) {
        self.splice(at..at, &[text]);
    }

    /// Takes `at` out. Edits that begin inside it go with it.
    pub fn delete(&mut self, at: Range<usize>) {
        self.splice(at, &[]);
    }

    /// Puts the joined pieces in place of `at`.
    pub(super) fn splice(&mut self, at: Range<usize>, pieces: &[&[u8]]) {
        let at = at.start..at.end.max(at.start);
        let start = self.text.len();
        for piece in pieces {
            self.text.extend_from_slice(piece);
        }
        self.edits.push(Edit { at, text: start..self.text.len() });
    }

    /// Writes the message with all edits to the end of `out`.
    pub fn apply(&self, message: &Message<'_>, out: &mut Vec<u8>) {
        let whole = message.whole_range();
        let bytes = message.bytes();
        let mut order: SmallVec<[&Edit; 12]> = self.edits.iter().collect();
        // Stable: what was inserted first at a place stands first, and before what replaces it.
        order.sort_by_key(|edit| (edit.at.start, !edit.at.is_empty()));
        out.reserve(whole.len() + self.text.len());
        let mut done = whole.start;
        for edit in order {
            if edit.at.start < done || edit.at.end > whole.end {
                done = done.max(edit.at.end.min(whole.end));
                continue;
            }
            out.extend_from_slice(bytes.get(done..edit.at.start).unwrap_or_default());
            out.extend_from_slice(self.text.get(edit.text.clone()).unwrap_or_default());
            done = edit.at.end;
        }
        out.extend_from_slice(bytes.get(done..whole.end).unwrap_or_default());
    }
}
