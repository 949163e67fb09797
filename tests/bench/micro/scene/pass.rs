//! Whole messages through the proxy, from the datagram to what is to be sent, without sockets.

use std::hint::black_box;

use admitd::transport::{Handler, Outbox, Received};

use super::Operation;
use super::message::{self, Letter, register};
use super::site::{FULL, NOW, OTHERS, Picks, SEATED, Site, from_device, from_registrar, site};

/// How many answers are prepared.
const ANSWERS: u32 = 10_000;

/// A refresh is admitted and forwarded.
pub fn request(numbers: u32) -> Operation {
    let site = site(numbers);
    send(site, Picks::new(SEATED, site.seated), b"REGISTER ")
}

/// A REGISTER of a number under a full gate is answered 403.
pub fn refusal(numbers: u32) -> Operation {
    let site = site(numbers);
    let operation = send(site, Picks::new(FULL, OTHERS), b"SIP/2.0 403 ");
    Operation { rest: Box::new(|| site.take_refused()), ..operation }
}

fn send(site: &'static Site, mut picks: Picks, becomes: &'static [u8]) -> Operation {
    let (mut letter, mut out) = (register(), Outbox::new(0));
    Operation::new(move || {
        let aor = picks.next();
        site.proxy.message(letter.address(aor), &from_device(aor), NOW, &mut out);
        expect(&out, becomes);
        out.clear();
    })
}

/// Refreshes that came together are admitted and forwarded.
pub fn requests_together(numbers: u32) -> Operation {
    const TURN: usize = 16;
    let site = site(numbers);
    let mut picks = Picks::new(SEATED, site.seated);
    let mut letters: [Letter; TURN] = std::array::from_fn(|_| register());
    let mut out = Outbox::new(0);
    Operation::batch(TURN as u64, move || {
        let aors = picks.some::<TURN>();
        let mut letters = letters.iter_mut().zip(aors);
        let turn: [Received<'_>; TURN] = std::array::from_fn(|_| {
            let (letter, aor) = letters.next().expect("one for each");
            Received { bytes: letter.address(aor), source: from_device(aor) }
        });
        site.proxy.messages(&turn, NOW, &mut out);
        assert_eq!(out.len(), TURN);
        expect(&out, b"REGISTER ");
        out.clear();
    })
}

/// The registrar's 200 renews a seat and is brought back.
pub fn answer(numbers: u32) -> Operation {
    let site = site(numbers);
    let mut picks = Picks::new(SEATED, site.seated);
    let (mut letter, mut out) = (register(), Outbox::new(0));
    let answers: Vec<Vec<u8>> = (0..site.seated.min(ANSWERS))
        .map(|_| {
            let aor = picks.next();
            message::answer(&site.forwarded(letter.address(aor), aor, &mut out))
        })
        .collect();
    let source = from_registrar();
    let mut at = 0;
    Operation::new(move || {
        at = (at + 1) % answers.len();
        site.proxy.message(&answers[at], &source, NOW, &mut out);
        expect(&out, b"SIP/2.0 200 ");
        out.clear();
    })
}

fn expect(out: &Outbox, becomes: &[u8]) {
    let (_, bytes) = out.iter().next().expect("something is to be sent");
    assert!(bytes.starts_with(becomes), "{}", String::from_utf8_lossy(bytes));
    black_box(bytes);
}
