//! Edits against a received message: recorded with offsets, applied once into a buffer that is used
//! again. What no edit touches leaves as it came.

use super::Message;
use smallvec::SmallVec;
use std::ops::Range;

/// A set of edits; offsets are those of the message that it is applied to.
#[derive(Clone, Debug)]
pub struct Patch {
    /// By place: see [`Edit::place`].
    edits: SmallVec<[Edit; 8]>,
    text: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Edit {
    at: Range<usize>,
    text: Range<usize>,
}

impl Edit {
    /// What was inserted at a place stands before what replaces it.
    fn place(&self) -> (usize, bool) {
        (self.at.start, !self.at.is_empty())
    }
}

impl Patch {
    /// A patch of nothing, with room for what a proxy writes into a request.
    pub fn new() -> Self {
        const ROOM: usize = 512;
        Self { edits: SmallVec::new(), text: Vec::with_capacity(ROOM) }
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
        self.write(at, |out| pieces.iter().for_each(|piece| out.extend_from_slice(piece)));
    }

    /// Puts what `write` appends in place of `at`.
    pub(super) fn write(&mut self, at: Range<usize>, write: impl FnOnce(&mut Vec<u8>)) {
        let at = at.start..at.end.max(at.start);
        let start = self.text.len();
        write(&mut self.text);
        let edit = Edit { at, text: start..self.text.len() };
        // Of those at one place the first stays first. Most come in order.
        let before = self.edits.iter().rposition(|other| other.place() <= edit.place());
        match before.map_or(0, |before| before + 1) {
            end if end == self.edits.len() => self.edits.push(edit),
            between => self.edits.insert(between, edit),
        }
    }

    /// Writes the message with all edits to the end of `out`.
    pub fn apply(&self, message: &Message<'_>, out: &mut Vec<u8>) {
        let part = message.whole_range();
        let bytes = message.bytes();
        out.reserve(part.len() + self.text.len());
        let mut done = part.start;
        for edit in &self.edits {
            if edit.at.start < done || edit.at.end > part.end {
                done = done.max(edit.at.end.min(part.end));
                continue;
            }
            out.extend_from_slice(bytes.get(done..edit.at.start).unwrap_or_default());
            out.extend_from_slice(self.text.get(edit.text.clone()).unwrap_or_default());
            done = edit.at.end;
        }
        out.extend_from_slice(bytes.get(done..part.end).unwrap_or_default());
    }
}

impl Default for Patch {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::{Index, Limits, Name};
    use super::*;

    pub const HEAD: &str = "REGISTER sip:102@example.com SIP/2.0\r\n";
    pub const BASE: &str = "From: sip:101@example.com;tag=1\r\nTo: sip:102@example.com\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n";
    pub const VIA: &str = "Via: SIP/2.0/UDP 192.0.2.9:5062;branch=z9hG4bK1\r\n";

    /// Patches a request made of these headers; gives its headers besides `BASE`, and the body.
    pub fn patched(headers: &str, edit: impl Fn(&mut Patch, &Message<'_>)) -> String {
        let text = format!("{HEAD}{headers}{BASE}\r\nbody");
        let index = Index::parse(text.as_bytes(), &Limits::default()).unwrap();
        let message = index.message();
        let (mut patch, mut out) = (Patch::new(), Vec::new());
        edit(&mut patch, &message);
        patch.apply(&message, &mut out);
        let out = String::from_utf8(out).unwrap();
        assert!(out.ends_with("\r\n\r\nbody"));
        assert!(
            Index::parse(out.as_bytes(), &Limits::default())
                .is_ok_and(|index| index.body.len() == 4)
        );
        out.trim_start_matches(HEAD).replacen(BASE, "", 1).trim_end_matches("\r\nbody").to_string()
    }

    #[test]
    fn a_patch_of_nothing_is_identity() {
        let headers = format!("{VIA}X:  odd \r\n\tfold\r\nroute: <sip:a>,<sip:b>\r\n");

        assert_eq!(patched(&headers, |_, _| ()), headers);
    }

    #[test]
    fn an_edit_inside_what_is_removed_goes_with_it() {
        let headers = format!("{VIA}m: <sip:a@b>\r\n");

        let out = patched(&headers, |patch, message| {
            let contact = message.contacts().next().unwrap();
            patch.set_contact_expires(message, contact, 30);
            patch.remove_value(message, Name::Contact, &contact.value);
        });

        assert_eq!(out, VIA);
    }
}
