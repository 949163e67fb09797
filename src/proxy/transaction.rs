//! Hops of unequal reliability: where one side is UDP and the other TCP, a transaction stands on
//! the UDP side (RFC 3261 17). It resends what may be lost and absorbs what was sent twice.
//! Knows bytes, branches and time only.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use dashmap::DashMap;
use parking_lot::Mutex;

use crate::sip::Method;
use crate::transport::{Destination, Outbox};

const T1_MS: u64 = 500;
const T2_MS: u64 = 4_000;
/// 64·T1.
const LIFE_MS: u64 = 32_000;
/// Timer C: an INVITE that had a provisional answer.
const RINGING_MS: u64 = 185_000;

/// Which transaction: our branch as text, and the method (a CANCEL has its INVITE's branch).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub branch: Box<str>,
    pub method: Method,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handling {
    /// It goes on.
    Forward,
    /// It goes on, and we acknowledge it on the UDP hop (RFC 3261 17.1.1.3).
    ForwardAndAck,
    /// A copy: it ends here; `ack` where it wants the acknowledgement again.
    Absorb { ack: bool },
}

/// When the CANCEL of an INVITE goes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    Now,
    /// With the first provisional answer, if one comes.
    Wait,
}

struct Sending {
    to: Destination,
    bytes: Box<[u8]>,
    interval_ms: u64,
    at_ms: u64,
}

struct Transaction {
    /// The INVITE as it went out: its ACK is made of it.
    request: Option<(Destination, Box<[u8]>)>,
    /// Being resent: the request on its way out, or a final answer to an INVITE.
    sending: Option<Sending>,
    /// The last answer, for copies of the request.
    last: Option<(Destination, Box<[u8]>)>,
    finished: bool,
    /// A provisional answer came: the other side knows of the request.
    provisional: bool,
    /// The caller gave up; its CANCEL waits for the first provisional (RFC 3261 9.1).
    owes_cancel: bool,
    until_ms: u64,
}

/// The table.
pub struct Transactions {
    live: DashMap<Key, Transaction, foldhash::fast::RandomState>,
    timers: Mutex<BinaryHeap<Reverse<(u64, u64)>>>,
    /// Timer entries name their transaction by a serial: keys are long.
    serials: DashMap<u64, Key, foldhash::fast::RandomState>,
    next: std::sync::atomic::AtomicU64,
    max: usize,
}

impl Transactions {
    /// At most `max` transactions at once.
    pub fn new(max: usize) -> Self {
        Self {
            live: DashMap::default(),
            timers: Mutex::default(),
            serials: DashMap::default(),
            next: std::sync::atomic::AtomicU64::new(0),
            max,
        }
    }

    /// Whether no further one fits.
    pub fn is_full(&self) -> bool {
        self.live.len() >= self.max
    }

    /// A request goes out over UDP that came over TCP: resent until answered.
    pub fn sent(&self, key: Key, to: Destination, bytes: &[u8], now_ms: u64) {
        let sending =
            Sending { to, bytes: bytes.into(), interval_ms: T1_MS, at_ms: now_ms + T1_MS };
        self.insert(key, Some(sending), now_ms);
    }

    /// A request that came over UDP goes out over TCP: its copies are absorbed.
    pub fn received(&self, key: Key, now_ms: u64) {
        self.insert(key, None, now_ms);
    }

    fn insert(&self, key: Key, sending: Option<Sending>, now_ms: u64) {
        let due = sending.as_ref().map_or(now_ms + LIFE_MS, |sending| sending.at_ms);
        let request = sending
            .as_ref()
            .filter(|_| key.method == Method::Invite)
            .map(|sending| (sending.to, sending.bytes.clone()));
        let until_ms = now_ms + LIFE_MS;
        let transaction = Transaction {
            request,
            sending,
            last: None,
            finished: false,
            provisional: false,
            owes_cancel: false,
            until_ms,
        };
        self.live.insert(key.clone(), transaction);
        let serial = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.serials.insert(serial, key);
        self.timers.lock().push(Reverse((due, serial)));
    }

    /// Whether this request is a copy; the answer it had so far is sent again.
    pub fn absorbs(&self, key: &Key, out: &mut Outbox) -> bool {
        let Some(transaction) = self.live.get(key) else { return false };
        if let Some((to, bytes)) = &transaction.last {
            out.push(*to, bytes);
        }
        true
    }

    /// An answer came from the UDP side to a request that was [`Self::sent`].
    pub fn answered(&self, key: &Key, status: u16, now_ms: u64) -> Handling {
        let Some(mut transaction) = self.live.get_mut(key) else { return Handling::Forward };
        let is_invite = key.method == Method::Invite;
        if status < 200 {
            transaction.provisional = true;
            if is_invite {
                transaction.sending = None;
                transaction.until_ms = now_ms + RINGING_MS;
            } else if let Some(sending) = &mut transaction.sending {
                // RFC 3261 17.1.2.2: after a provisional only every T2.
                sending.interval_ms = T2_MS;
            }
            return Handling::Forward;
        }
        transaction.sending = None;
        // Every 2xx to an INVITE goes on: it is resent until the caller's ACK arrives.
        if is_invite && status < 300 {
            transaction.until_ms = now_ms + LIFE_MS;
            transaction.finished = true;
            return Handling::Forward;
        }
        if transaction.finished {
            return Handling::Absorb { ack: is_invite };
        }
        transaction.finished = true;
        transaction.until_ms = now_ms + LIFE_MS;
        if is_invite { Handling::ForwardAndAck } else { Handling::Forward }
    }

    /// The caller gives an INVITE up that we resend; `None` where that is none of ours.
    pub fn cancel(&self, key: &Key) -> Option<Cancelled> {
        let mut transaction = self.live.get_mut(key)?;
        transaction.request.as_ref()?;
        if transaction.finished {
            return Some(Cancelled::Wait);
        }
        match transaction.provisional {
            true => Some(Cancelled::Now),
            false => {
                transaction.owes_cancel = true;
                Some(Cancelled::Wait)
            }
        }
    }

    /// Whether a CANCEL that waited for this answer goes out now.
    pub fn owes_cancel(&self, key: &Key) -> bool {
        self.live.get_mut(key).is_some_and(|mut transaction| {
            let due = transaction.provisional && !transaction.finished;
            due && std::mem::take(&mut transaction.owes_cancel)
        })
    }

    /// The INVITE of a transaction as it went out, and where to.
    pub fn request(&self, key: &Key) -> Option<(Destination, Box<[u8]>)> {
        self.live.get(key)?.request.clone()
    }

    /// An answer goes back over UDP to a request that was [`Self::received`]; kept for copies, and a
    /// refusal of an INVITE resent until its ACK comes.
    pub fn answers(&self, key: &Key, status: u16, to: Destination, bytes: &[u8], now_ms: u64) {
        let Some(mut transaction) = self.live.get_mut(key) else { return };
        if transaction.finished && status < 300 {
            return;
        }
        transaction.last = Some((to, bytes.into()));
        if status < 200 {
            transaction.until_ms = now_ms + RINGING_MS;
            return;
        }
        transaction.finished = true;
        transaction.until_ms = now_ms + LIFE_MS;
        if key.method == Method::Invite && status >= 300 && transaction.sending.is_none() {
            let at_ms = now_ms + T1_MS;
            transaction.sending =
                Some(Sending { to, bytes: bytes.into(), interval_ms: T1_MS, at_ms });
            drop(transaction);
            let serial = self.next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            self.serials.insert(serial, key.clone());
            self.timers.lock().push(Reverse((at_ms, serial)));
        }
    }

    /// The ACK to a refusal came; `true` when it ends here: we acknowledged on the other hop, or it
    /// was ours to wait for.
    pub fn acknowledged(&self, branch: &str) -> bool {
        let key = Key { branch: branch.into(), method: Method::Invite };
        let Some(mut transaction) = self.live.get_mut(&key) else { return false };
        transaction.sending = None;
        transaction.finished
    }

    /// Resends what is due and forgets what is over.
    pub fn tick(&self, now_ms: u64, out: &mut Outbox) {
        loop {
            let due = {
                let mut timers = self.timers.lock();
                match timers.peek() {
                    Some(Reverse((at_ms, _))) if *at_ms <= now_ms => timers.pop(),
                    _ => None,
                }
            };
            let Some(Reverse((_, serial))) = due else { return };
            if let Some(again_ms) = self.ring(serial, now_ms, out) {
                self.timers.lock().push(Reverse((again_ms, serial)));
            } else {
                self.serials.remove(&serial);
            }
        }
    }

    /// One timer rang; gives when it rings next.
    fn ring(&self, serial: u64, now_ms: u64, out: &mut Outbox) -> Option<u64> {
        let key = self.serials.get(&serial)?.clone();
        let mut transaction = self.live.get_mut(&key)?;
        if transaction.until_ms <= now_ms {
            drop(transaction);
            self.live.remove_if(&key, |_, transaction| transaction.until_ms <= now_ms);
            return None;
        }
        let until_ms = transaction.until_ms;
        let Some(sending) = &mut transaction.sending else { return Some(until_ms) };
        if sending.at_ms <= now_ms {
            out.push(sending.to, &sending.bytes);
            let doubled = sending.interval_ms * 2;
            // An INVITE doubles on (17.1.1.2); everything else stays at T2 (17.1.2.2).
            let is_request = key.method == Method::Invite && !transaction.finished;
            let interval_ms = if is_request { doubled } else { doubled.min(T2_MS) };
            if let Some(sending) = &mut transaction.sending {
                sending.interval_ms = interval_ms;
                sending.at_ms = now_ms + interval_ms;
                return Some(sending.at_ms.min(until_ms));
            }
        }
        transaction.sending.as_ref().map(|sending| sending.at_ms.min(until_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transport::{ConnectionId, UpstreamTarget};

    const UP: Destination = Destination::Upstream(UpstreamTarget::Udp);
    const BACK: Destination = Destination::Connection(ConnectionId(1));

    fn key(method: Method) -> Key {
        Key { branch: "z9hG4bKx".into(), method }
    }

    fn sent_within(transactions: &Transactions, ms: std::ops::Range<u64>) -> usize {
        let mut count = 0;
        for now_ms in ms.step_by(20) {
            let mut out = Outbox::new(0);
            transactions.tick(now_ms, &mut out);
            count += out.len();
        }
        count
    }

    #[test]
    fn a_request_is_resent_until_it_is_answered() {
        let transactions = Transactions::new(10);

        transactions.sent(key(Method::Message), UP, b"MESSAGE", 0);

        // 0.5, 1.5, 3.5, 7.5 s and then every 4 s.
        assert_eq!(sent_within(&transactions, 0..12_000), 5);
        assert_eq!(transactions.answered(&key(Method::Message), 200, 12_000), Handling::Forward);
        assert_eq!(sent_within(&transactions, 12_000..40_000), 0);
    }

    #[test]
    fn a_second_final_answer_is_a_copy() {
        let transactions = Transactions::new(10);
        transactions.sent(key(Method::Register), UP, b"REGISTER", 0);

        let first = transactions.answered(&key(Method::Register), 200, 100);
        let second = transactions.answered(&key(Method::Register), 200, 200);

        assert_eq!((first, second), (Handling::Forward, Handling::Absorb { ack: false }));
    }

    #[test]
    fn a_refusal_of_an_invite_is_acknowledged_on_the_unreliable_hop() {
        let transactions = Transactions::new(10);
        transactions.sent(key(Method::Invite), UP, b"INVITE", 0);

        assert_eq!(transactions.answered(&key(Method::Invite), 486, 100), Handling::ForwardAndAck);
        let copy = transactions.answered(&key(Method::Invite), 486, 200);
        assert_eq!(copy, Handling::Absorb { ack: true });
        assert!(transactions.acknowledged("z9hG4bKx"), "the caller's ACK ends here");
    }

    #[test]
    fn a_cancel_waits_for_the_first_provisional() {
        let transactions = Transactions::new(10);
        let invite = key(Method::Invite);
        transactions.sent(invite.clone(), UP, b"INVITE", 0);

        assert_eq!(transactions.cancel(&invite), Some(Cancelled::Wait));
        assert!(!transactions.owes_cancel(&invite));
        transactions.answered(&invite, 180, 700);

        assert!(transactions.owes_cancel(&invite));
        assert!(!transactions.owes_cancel(&invite), "once");
        assert_eq!(transactions.cancel(&invite), Some(Cancelled::Now));
        assert_eq!(transactions.cancel(&key(Method::Message)), None);
    }

    #[test]
    fn copies_of_a_request_get_the_last_answer() {
        let transactions = Transactions::new(10);
        transactions.received(key(Method::Message), 0);

        let mut out = Outbox::new(0);
        assert!(transactions.absorbs(&key(Method::Message), &mut out));
        assert!(out.is_empty());
        transactions.answers(&key(Method::Message), 200, BACK, b"200", 50);
        assert!(transactions.absorbs(&key(Method::Message), &mut out));

        assert_eq!(out.len(), 1);
        assert!(!transactions.absorbs(&key(Method::Info), &mut out));
    }

    #[test]
    fn a_refusal_is_resent_over_udp_until_its_ack() {
        let transactions = Transactions::new(10);
        transactions.received(key(Method::Invite), 0);
        transactions.answers(&key(Method::Invite), 486, BACK, b"486", 0);

        assert_eq!(sent_within(&transactions, 0..4_000), 3);
        assert!(transactions.acknowledged("z9hG4bKx"));
        assert_eq!(sent_within(&transactions, 4_000..20_000), 0);
    }

    #[test]
    fn nothing_stays_for_ever() {
        let transactions = Transactions::new(10);
        transactions.sent(key(Method::Message), UP, b"MESSAGE", 0);
        transactions.received(key(Method::Invite), 0);

        sent_within(&transactions, 0..40_000);

        assert!(transactions.live.is_empty());
        assert!(transactions.serials.is_empty() && transactions.timers.lock().is_empty());
    }
}
