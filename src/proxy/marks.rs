//! The names that we give to requests and to our own answers: hashes of what came, so that every copy of a
//! request gets the same ones and none has to be kept. Keyed, for who foresaw them could pass one request
//! off as a copy of another that was let in. They are many, and anybody sees them: so they come from a
//! faster hash than the tokens have, under a key of its own, and whatever they tell says nothing of theirs.

use siphasher::sip128::SipHasher13;
use smallvec::SmallVec;

use super::codec::Word;
use super::pending::Branch;
use super::token::{Keys, Purpose};
use crate::sip::Message;
use crate::telemetry::REFUSAL_ID;

/// How many letters our To tags have.
pub const TO_TAG: usize = 15;

/// What a mark is for; one use can't be passed off as another.
#[derive(Clone, Copy)]
pub enum Mark {
    Branch = 1,
    /// What our own answer to a request bears.
    Answer = 2,
    /// A request of our own.
    Own = 3,
}

/// Makes the marks.
#[derive(Clone, Copy)]
pub struct Marks(SipHasher13);

/// What our own answer to a request bears: each piece is made of bits of its own, so none tells another.
#[derive(Clone, Copy)]
pub struct AnswerMarks(u128);

impl Marks {
    /// The marks that go with the key in force.
    pub fn new(keys: &Keys) -> Self {
        let key = keys.mac(Purpose::MarkKey, &[]).to_le_bytes();
        Self(SipHasher13::new_with_key(&key))
    }

    /// A keyed hash over `parts`, each told apart from its neighbours.
    pub fn hash(&self, mark: Mark, parts: &[&[u8]]) -> u128 {
        const LEN: usize = size_of::<u32>();
        let room = parts.iter().fold(1, |sum, part| sum + LEN + part.len());
        // In one piece, over which the hash goes fastest.
        let mut whole = SmallVec::<[u8; 256]>::from_elem(mark as u8, room);
        let mut rest = whole.get_mut(1..).unwrap_or_default();
        for part in parts {
            // No message is longer than such a number tells.
            rest = put(rest, &(part.len() as u32).to_le_bytes());
            rest = put(rest, part);
        }
        self.0.hash(&whole).into()
    }

    /// Our branch of a request: the same for its copies, its CANCEL and its ACK (RFC 3261 16.11).
    pub fn branch(&self, message: &Message<'_>) -> Branch {
        let via = message.top_via_text().unwrap_or_default();
        let tag = message.from_tag().unwrap_or_default();
        let number = message.cseq().map_or(0, |cseq| cseq.number).to_be_bytes();
        let uri = message.request_uri_text();
        self.hash(Mark::Branch, &[via, message.call_id(), tag, &number, uri])
    }

    /// What our own answer to the request of this branch bears.
    pub fn answer(&self, branch: Branch) -> AnswerMarks {
        let mut whole = [Mark::Answer as u8; 1 + size_of::<Branch>()];
        if let Some(place) = whole.last_chunk_mut() {
            *place = branch.to_be_bytes();
        }
        AnswerMarks(self.0.hash(&whole).into())
    }
}

/// Puts a text at the start of a place that has room for it; gives what is left of that.
fn put<'p>(place: &'p mut [u8], text: &[u8]) -> &'p mut [u8] {
    let Some((start, rest)) = place.split_at_mut_checked(text.len()) else { return &mut [] };
    start.copy_from_slice(text);
    rest
}

impl AnswerMarks {
    /// The To tag, by which its ACK is known.
    pub fn to_tag(self) -> Word<TO_TAG> {
        Word::of(self.0)
    }

    /// The id of the refusal.
    pub fn refusal_id(self) -> Word<REFUSAL_ID> {
        Word::of(self.0 >> Word::<TO_TAG>::BITS)
    }

    /// A number that is evenly spread over requests: no secret, the id tells it too.
    pub fn jitter(self) -> u32 {
        (self.0 >> Word::<TO_TAG>::BITS) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(key: u8) -> Marks {
        Marks::new(&Keys { current: [key; 16], previous: None, epoch: 9 })
    }

    #[test]
    fn a_mark_tells_its_key_its_use_and_its_parts() {
        let long = [b'x'; 1_000];
        let mut seen = vec![
            marks(7).hash(Mark::Branch, &[b"ab", b"c"]),
            marks(8).hash(Mark::Branch, &[b"ab", b"c"]),
            marks(7).hash(Mark::Own, &[b"ab", b"c"]),
            marks(7).hash(Mark::Branch, &[b"a", b"bc"]),
            marks(7).hash(Mark::Branch, &[b"abc"]),
            marks(7).hash(Mark::Branch, &[&long]),
            marks(7).hash(Mark::Branch, &[&long, b""]),
        ];

        seen.sort_unstable();
        seen.dedup();

        assert_eq!(seen.len(), 7);
        assert_eq!(marks(7).hash(Mark::Own, &[&long]), marks(7).hash(Mark::Own, &[&long]));
    }

    #[test]
    fn an_answer_bears_the_same_whenever_it_is_made() {
        let [one, again, other] = [5, 5, 6].map(|branch| marks(7).answer(branch));

        assert_eq!(one.to_tag(), again.to_tag());
        assert_eq!(one.refusal_id(), again.refusal_id());
        assert_ne!(one.to_tag(), other.to_tag());
        assert_ne!(one.refusal_id(), other.refusal_id());
        assert!(!one.to_tag().as_str().contains(one.refusal_id().as_str()));
    }
}
