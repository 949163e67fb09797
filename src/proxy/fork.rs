//! One request to several bindings of a number: a bounded response context (RFC 3261 16.7). The
//! first 2xx wins and the other branches are cancelled; else the best refusal goes back.

use std::collections::BTreeMap;

use dashmap::DashMap;

use super::pending::Branch;
use crate::sip::{Index, Limits, Message, Method, compose};
use crate::transport::{Destination, Outbox};

/// Timer C: nobody rings longer.
const LIFE_MS: u64 = 185_000;
/// Copies of the last answer may be asked for so long: 64·T1.
const AFTER_MS: u64 = 32_000;

struct Leg {
    to: Destination,
    /// The request as it went out: CANCEL and ACK are made of it.
    request: Box<[u8]>,
    /// Its final answer.
    status: Option<u16>,
    /// A provisional answer came.
    ringing: bool,
    /// Its CANCEL waits for the first provisional (RFC 3261 9.1).
    owes_cancel: bool,
}

struct Fork {
    answer_to: Destination,
    is_invite: bool,
    legs: BTreeMap<usize, Leg>,
    /// The best refusal so far, its Via ours taken off.
    best: Option<(u16, Box<[u8]>)>,
    /// The final answer that went back.
    last: Option<Box<[u8]>>,
    until_ms: u64,
}

/// What the answers to a fork came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing final yet.
    Nothing,
    /// This final status went back.
    Final(u16),
}

/// All forked requests.
pub struct Forks {
    live: DashMap<Branch, Fork, foldhash::fast::RandomState>,
    max: usize,
}

impl Forks {
    /// At most `max` at once.
    pub fn new(max: usize) -> Self {
        Self { live: DashMap::default(), max }
    }

    /// Whether a request with this branch was forked.
    pub fn owns(&self, branch: Branch) -> bool {
        self.live.contains_key(&branch)
    }

    /// Opens a context; `false` where there is no room.
    pub fn open(
        &self,
        branch: Branch,
        answer_to: Destination,
        is_invite: bool,
        now_ms: u64,
    ) -> bool {
        if self.live.len() >= self.max {
            return false;
        }
        let fork = Fork {
            answer_to,
            is_invite,
            legs: BTreeMap::new(),
            best: None,
            last: None,
            until_ms: now_ms + LIFE_MS,
        };
        self.live.insert(branch, fork);
        true
    }

    /// A copy went out to one binding.
    pub fn sent(&self, branch: Branch, leg: usize, to: Destination, request: &[u8]) {
        if let Some(mut fork) = self.live.get_mut(&branch) {
            let request = request.into();
            let leg_state = Leg { to, request, status: None, ringing: false, owes_cancel: false };
            fork.legs.insert(leg, leg_state);
        }
    }

    /// A copy of the forked request came: the legs that have no final answer get it again, and a
    /// final answer that went back is said again.
    pub fn copied(&self, branch: Branch, out: &mut Outbox) {
        let Some(fork) = self.live.get(&branch) else { return };
        if let Some(last) = &fork.last {
            return out.push(fork.answer_to, last);
        }
        for leg in fork.legs.values().filter(|leg| leg.status.is_none() && !leg.owes_cancel) {
            out.push(leg.to, &leg.request);
        }
    }

    /// The caller gave up: every leg without a final answer is cancelled (RFC 3261 16.10).
    pub fn cancel(&self, branch: Branch, out: &mut Outbox) {
        if let Some(mut fork) = self.live.get_mut(&branch) {
            fork.cancel_open_legs(None, out);
        }
    }

    /// An answer came on a leg. `popped` is the answer without our Via.
    pub fn answered(
        &self,
        branch: Branch,
        leg: usize,
        answer: (&Message<'_>, &[u8]),
        now_ms: u64,
        out: &mut Outbox,
    ) -> Came {
        let (message, popped) = answer;
        let Some(status) = message.status() else { return Came::Nothing };
        let Some(mut fork) = self.live.get_mut(&branch) else { return Came::Nothing };
        if status < 200 {
            fork.rings(leg, out);
            if status > 100 && fork.last.is_none() {
                out.push(fork.answer_to, popped);
            }
            return Came::Nothing;
        }
        if fork.is_invite && status >= 300 {
            fork.acknowledge(leg, message, out);
        }
        let first_of_leg = fork.finish_leg(leg, status);
        if status < 300 {
            return fork.succeed(leg, (status, popped), now_ms, out);
        }
        if !first_of_leg || fork.last.is_some() {
            return Came::Nothing;
        }
        fork.keep_best(status, popped);
        if status >= 600 {
            // Nobody there: the others need not ring on (RFC 3261 16.7, 5).
            fork.cancel_open_legs(Some(leg), out);
        }
        fork.conclude(now_ms, out)
    }

    /// A leg leads nowhere: as if it had answered 480 (RFC 3261 16.9).
    pub fn undelivered(&self, branch: Branch, leg: usize, now_ms: u64, out: &mut Outbox) -> Came {
        let Some(mut fork) = self.live.get_mut(&branch) else { return Came::Nothing };
        fork.finish_leg(leg, 480);
        fork.conclude(now_ms, out)
    }

    /// Forgets what is over.
    pub fn tick(&self, now_ms: u64) {
        if !self.live.is_empty() {
            self.live.retain(|_, fork| fork.until_ms > now_ms);
        }
    }
}

impl Fork {
    /// Notes a leg's final answer; whether it is the first.
    fn finish_leg(&mut self, leg: usize, status: u16) -> bool {
        self.legs.get_mut(&leg).is_some_and(|leg| leg.status.replace(status).is_none())
    }

    /// Every 2xx goes back; the first one ends the other legs.
    fn succeed(
        &mut self,
        leg: usize,
        (status, popped): (u16, &[u8]),
        now_ms: u64,
        out: &mut Outbox,
    ) -> Came {
        let is_first = self.last.is_none();
        if is_first || self.is_invite {
            out.push(self.answer_to, popped);
        }
        if !is_first {
            return Came::Nothing;
        }
        self.last = Some(popped.into());
        self.until_ms = now_ms + AFTER_MS;
        self.cancel_open_legs(Some(leg), out);
        Came::Final(status)
    }

    /// RFC 3261 16.7, 6: 6xx before all, then the lowest class; of 4xx those that the caller can do
    /// something about.
    fn keep_best(&mut self, status: u16, popped: &[u8]) {
        let better = self.best.as_ref().is_none_or(|(best, _)| rank(status) < rank(*best));
        if better {
            self.best = Some((status, popped.into()));
        }
    }

    fn conclude(&mut self, now_ms: u64, out: &mut Outbox) -> Came {
        if self.last.is_some() || self.legs.values().any(|leg| leg.status.is_none()) {
            return Came::Nothing;
        }
        self.until_ms = now_ms + AFTER_MS;
        let Some((status, popped)) = self.best.take() else { return Came::Final(480) };
        out.push(self.answer_to, &popped);
        self.last = Some(popped);
        Came::Final(status)
    }

    /// A leg's first provisional: a CANCEL that waited for it goes out.
    fn rings(&mut self, leg: usize, out: &mut Outbox) {
        let Some(leg) = self.legs.get_mut(&leg) else { return };
        leg.ringing = true;
        if leg.status.is_none() && std::mem::take(&mut leg.owes_cancel) {
            made_of(&leg.request, out, leg.to, compose::cancel);
        }
    }

    fn cancel_open_legs(&mut self, but: Option<usize>, out: &mut Outbox) {
        if !self.is_invite {
            return;
        }
        for (_, leg) in self.legs.iter_mut().filter(|(index, _)| Some(**index) != but) {
            match (leg.status, leg.ringing) {
                (None, true) => made_of(&leg.request, out, leg.to, compose::cancel),
                (None, false) => leg.owes_cancel = true,
                _ => {}
            }
        }
    }

    fn acknowledge(&self, leg: usize, answer: &Message<'_>, out: &mut Outbox) {
        if let Some(leg) = self.legs.get(&leg) {
            made_of(&leg.request, out, leg.to, |invite, bytes| compose::ack(invite, answer, bytes));
        }
    }
}

fn made_of(
    request: &[u8],
    out: &mut Outbox,
    to: Destination,
    make: impl FnOnce(&Message<'_>, &mut Vec<u8>),
) {
    let Ok(index) = Index::parse(request, &Limits::default()) else { return };
    let message = index.message();
    if message.method() == Method::Invite {
        out.write(to, |bytes| make(&message, bytes));
    }
}

fn rank(status: u16) -> (u16, u16) {
    match status {
        600.. => (0, status),
        401 | 407 | 415 | 420 | 484 => (1, status),
        _ => (status / 100, status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::ConnectionId;

    const CALLER: Destination = Destination::Connection(ConnectionId(1));

    fn leg(index: u64) -> Destination {
        Destination::Connection(ConnectionId(10 + index))
    }

    fn request(index: u64) -> Vec<u8> {
        format!(
            "INVITE sip:1@a SIP/2.0\r\nVia: SIP/2.0/TCP us;branch=z9hG4bKx.{index}\r\n\
             Via: SIP/2.0/TCP caller;branch=z9hG4bKc\r\nFrom: <sip:2@a>;tag=f\r\nTo: <sip:1@a>\r\n\
             Call-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
        )
        .into_bytes()
    }

    fn forked() -> Forks {
        let forks = Forks::new(10);
        assert!(forks.open(7, CALLER, true, 0));
        for index in 0..2 {
            forks.sent(7, index as usize, leg(index), &request(index));
        }
        forks
    }

    fn answer(forks: &Forks, index: usize, status: u16) -> (Came, Vec<(Destination, String)>) {
        let text = format!(
            "SIP/2.0 {status} X\r\nVia: SIP/2.0/TCP caller;branch=z9hG4bKc\r\n\
             From: <sip:2@a>;tag=f\r\nTo: <sip:1@a>;tag=t\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\
             Content-Length: 0\r\n\r\n"
        );
        let parsed = Index::parse(text.as_bytes(), &Limits::default()).unwrap();
        let mut out = Outbox::new(0);
        let message = parsed.message();
        let came = forks.answered(7, index, (&message, text.as_bytes()), 100, &mut out);
        let first_line = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).lines().next().unwrap_or_default().to_owned()
        };
        (came, out.iter().map(|(to, bytes)| (*to, first_line(bytes))).collect())
    }

    #[test]
    fn the_first_2xx_wins_and_the_others_are_cancelled() {
        let forks = forked();
        answer(&forks, 0, 180);

        let (came, sent) = answer(&forks, 1, 200);

        assert_eq!(came, Came::Final(200));
        assert_eq!(
            sent,
            [(CALLER, "SIP/2.0 200 X".into()), (leg(0), "CANCEL sip:1@a SIP/2.0".into())]
        );
        let (came, sent) = answer(&forks, 0, 487);
        assert_eq!(came, Came::Nothing);
        assert_eq!(sent, [(leg(0), "ACK sip:1@a SIP/2.0".into())]);
    }

    #[test]
    fn the_best_refusal_goes_back_when_all_have_refused() {
        let forks = forked();

        let (came, sent) = answer(&forks, 0, 486);
        assert_eq!((came, sent.len()), (Came::Nothing, 1), "only its ACK");
        let (came, sent) = answer(&forks, 1, 404);

        assert_eq!(came, Came::Final(404));
        assert_eq!(sent[1], (CALLER, "SIP/2.0 404 X".into()));
    }

    #[test]
    fn a_cancel_reaches_every_open_leg() {
        let forks = forked();
        let mut out = Outbox::new(0);
        answer(&forks, 0, 486);

        forks.cancel(7, &mut out);

        assert!(out.is_empty(), "nothing has rung yet");
        let (_, sent) = answer(&forks, 1, 180);
        assert_eq!(sent[0], (leg(1), "CANCEL sip:1@a SIP/2.0".into()));
    }

    #[test]
    fn a_6xx_ends_the_ringing_of_the_others() {
        let forks = forked();
        answer(&forks, 0, 180);

        let (came, sent) = answer(&forks, 1, 603);

        assert_eq!(came, Came::Nothing, "the other leg has still to say 487");
        assert!(sent.contains(&(leg(0), "CANCEL sip:1@a SIP/2.0".into())), "{sent:?}");
        assert_eq!(answer(&forks, 0, 487).0, Came::Final(603));
    }

    #[test]
    fn a_copy_goes_to_open_legs_or_gets_the_last_answer() {
        let forks = forked();
        let mut out = Outbox::new(0);
        answer(&forks, 0, 486);

        forks.copied(7, &mut out);
        answer(&forks, 1, 200);
        forks.copied(7, &mut out);

        assert_eq!(out.iter().map(|(to, _)| *to).collect::<Vec<_>>(), [leg(1), CALLER]);
        forks.tick(100 + AFTER_MS);
        assert!(!forks.owns(7));
    }
}
