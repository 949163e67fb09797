//! The created numbers, each one line of 64 bytes, found by its text. In pieces behind `Arc`s: a copy
//! costs some hundred counters, a write copies one piece. Whose claims there are it does not know.

use std::hash::BuildHasher;
use std::sync::Arc;

use foldhash::fast::RandomState;

use super::ahead::Whereabouts;
use super::directory::Entry;
use super::places::Places;
use super::shards::PIECES;
use super::text::Text;
use super::{GroupId, Holder, NumberId, NumberKind, UserId};

/// Created numbers by their text.
#[derive(Clone, Debug)]
pub(super) struct Numbers {
    pieces: Vec<Arc<Piece>>,
    hasher: RandomState,
    len: usize,
}

#[derive(Clone, Debug, Default)]
struct Piece {
    /// In `lines`, by the hash of the text.
    places: Places,
    /// Without holes.
    lines: Vec<Line>,
}

/// What is known of a number: all that a packet asks for is here.
#[derive(Clone, Debug)]
struct Line {
    aor: Text,
    id: NumberId,
    owner: i64,
    of_user: bool,
    kind: NumberKind,
    has_password: bool,
}

impl Line {
    fn new(aor: &str, entry: &Entry) -> Self {
        let (owner, of_user) = match entry.owner {
            Holder::Group(id) => (id.0, false),
            Holder::User(id) => (id.0, true),
        };
        let Entry { id, kind, has_password, .. } = *entry;
        Self { aor: aor.into(), id, owner, of_user, kind, has_password }
    }

    fn entry(&self) -> Entry {
        let owner = match self.of_user {
            true => Holder::User(UserId(self.owner)),
            false => Holder::Group(GroupId(self.owner)),
        };
        Entry { id: self.id, owner, kind: self.kind, has_password: self.has_password }
    }
}

impl Piece {
    fn find(&self, hash: u64, is: impl Fn(&Line) -> bool) -> Option<&Line> {
        let place = self.places.find(hash, |place| self.line(place).is_some_and(&is))?;
        self.line(place)
    }

    fn line(&self, place: u32) -> Option<&Line> {
        self.lines.get(place as usize)
    }

    fn push(&mut self, hash: u64, line: Line) {
        let place = u32::try_from(self.lines.len()).unwrap_or(u32::MAX);
        if self.lines.len() == self.lines.capacity() {
            // By a quarter: doubling would keep half of it empty.
            self.lines.reserve_exact(self.lines.len() / 4 + 4);
        }
        self.lines.push(line);
        self.places.insert(hash, place);
    }

    /// Takes a line out; the last one comes into its place.
    fn remove(&mut self, hash: u64, id: NumberId, hasher: &RandomState) -> Option<Line> {
        let lines = &self.lines;
        let is = |place: u32| lines.get(place as usize).is_some_and(|line| line.id == id);
        let place = self.places.remove(hash, is)?;
        let last = u32::try_from(self.lines.len().checked_sub(1)?).ok()?;
        let gone = self.lines.swap_remove(place as usize);
        if place != last {
            self.places.moved(hash_at(&self.lines, place, hasher), last, place);
        }
        Some(gone)
    }
}

/// By the half of the hash by which places are not found.
fn piece_of(hash: u64) -> usize {
    hash as u32 as usize % PIECES
}

fn hash_at(lines: &[Line], place: u32, hasher: &RandomState) -> u64 {
    lines.get(place as usize).map_or(0, |line| hasher.hash_one(line.aor.as_bytes()))
}

impl Numbers {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// What a text is found by here.
    pub fn hash(&self, aor: &str) -> u64 {
        self.hasher.hash_one(aor.as_bytes())
    }

    /// The number of this text.
    pub fn get(&self, aor: &str) -> Option<Entry> {
        let hash = self.hash(aor);
        let line = self.piece(hash)?.find(hash, |line| line.aor.as_bytes() == aor.as_bytes());
        line.map(Line::entry)
    }

    /// Where the search for a text begins.
    pub fn whereabouts_of_place(&self, aor: &str) -> Option<Whereabouts> {
        let hash = self.hash(aor);
        self.piece(hash)?.places.whereabouts(hash)
    }

    /// Where the line is that a text most likely has.
    pub fn whereabouts_of_line(&self, aor: &str) -> Option<Whereabouts> {
        let hash = self.hash(aor);
        let piece = self.piece(hash)?;
        piece.line(piece.places.likely(hash)?).map(Whereabouts::of)
    }

    /// The number with this id, which `hash` finds.
    pub fn at(&self, hash: u64, id: NumberId) -> Option<(&str, Entry)> {
        let line = self.piece(hash)?.find(hash, |line| line.id == id)?;
        Some((line.aor.as_str(), line.entry()))
    }

    fn piece(&self, hash: u64) -> Option<&Piece> {
        self.pieces.get(piece_of(hash)).map(|piece| &**piece)
    }

    /// Every number, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Entry)> {
        let lines = self.pieces.iter().flat_map(|piece| &piece.lines);
        lines.map(|line| (line.aor.as_str(), line.entry()))
    }

    /// Adds a number that is not there.
    pub fn insert(&mut self, hash: u64, aor: &str, entry: &Entry) {
        if let Some(piece) = self.pieces.get_mut(piece_of(hash)) {
            Arc::make_mut(piece).push(hash, Line::new(aor, entry));
            self.len += 1;
        }
    }

    /// Takes the number with this id out, which `hash` finds.
    pub fn remove(&mut self, hash: u64, id: NumberId) -> Option<Entry> {
        let piece = self.pieces.get_mut(piece_of(hash))?;
        let line = Arc::make_mut(piece).remove(hash, id, &self.hasher)?;
        self.len -= 1;
        Some(line.entry())
    }
}

impl Default for Numbers {
    fn default() -> Self {
        let pieces = vec![Arc::default(); PIECES];
        Self { pieces, hasher: RandomState::default(), len: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: i64) -> Entry {
        let owner = Holder::User(UserId(id % 7));
        Entry { id: NumberId(id), owner, kind: NumberKind::Panel, has_password: id % 2 == 0 }
    }

    #[test]
    fn a_number_is_a_line() {
        assert_eq!(size_of::<Line>(), 64);
    }

    #[test]
    fn what_is_taken_out_is_gone_and_the_rest_is_found() {
        let mut numbers = Numbers::default();
        let aor = |id: i64| format!("sip:{id}@example.com");
        for id in 0..5_000 {
            let hash = numbers.hash(&aor(id));
            numbers.insert(hash, &aor(id), &entry(id));
        }
        let before = numbers.clone();

        for id in (0..5_000).filter(|id| id % 3 == 0) {
            let hash = numbers.hash(&aor(id));
            assert_eq!(numbers.remove(hash, NumberId(id)), Some(entry(id)));
        }

        for id in 0..5_000 {
            let expected = Some(entry(id)).filter(|_| id % 3 != 0);
            assert_eq!(numbers.get(&aor(id)), expected);
            assert_eq!(before.get(&aor(id)), Some(entry(id)));
        }
        assert_eq!((numbers.len(), numbers.iter().count(), before.len()), (3_333, 3_333, 5_000));
    }
}
