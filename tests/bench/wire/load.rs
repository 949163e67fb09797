//! The load: exchanges at a fixed rate or so many at once, and the registrar behind the server, both in
//! one thread that never sleeps. Times are taken from when a request was due, not from when it left.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::endpoint::{Endpoint, Peer};
use super::message::{self, Mark, Template};

/// How requests come.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many under way, each followed by the next.
    Closed(usize),
    /// So many a second, whatever comes back.
    Open(u32),
}

/// Which numbers ask.
#[derive(Clone, Copy, Debug)]
pub struct Numbers {
    pub first: u32,
    pub count: u32,
    /// Each once, in order; else at random.
    pub once: bool,
}

/// What came of a run.
pub struct Outcome {
    pub completed: u64,
    pub lost: u64,
    /// Answers with another status than was expected.
    pub unexpected: u64,
    pub took: Duration,
    /// Nanoseconds.
    pub latency: Histogram<u64>,
}

/// An exchange under way.
#[derive(Clone, Copy)]
struct Slot {
    round: u32,
    due: Instant,
    busy: bool,
}

/// The devices' side and the registrar's.
pub struct Load {
    devices: Endpoint,
    registrar: Endpoint,
    connections: usize,
    register: Template,
    slots: Vec<Slot>,
    free: Vec<usize>,
    round: u32,
    random: u64,
    buffer: Vec<u8>,
    reply: Vec<u8>,
}

const SLOTS: usize = 4096;
/// A device would send again; so long is lost.
const PATIENCE: Duration = Duration::from_secs(1);

impl Load {
    /// Sockets for a server at `server`: UDP, or so many TCP connections.
    pub fn new(server: SocketAddr, registrar: Endpoint, connections: usize) -> Self {
        let devices = if connections == 0 {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let devices = Endpoint::new().udp(any).expect("a socket");
            devices.connected(server).expect("a route")
        } else {
            Endpoint::new().connecting(server, connections).expect("connections")
        };
        let local = devices.address().expect("an address");
        let register = message::register(local, if connections == 0 { "UDP" } else { "TCP" });
        let now = Instant::now();
        let slots = vec![Slot { round: 0, due: now, busy: false }; SLOTS];
        Self {
            devices,
            registrar,
            connections,
            register,
            slots,
            free: (0..SLOTS).rev().collect(),
            round: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            buffer: Vec::with_capacity(65_536),
            reply: Vec::with_capacity(65_536),
        }
    }

    /// Asks for so long, or until every number has asked; `expected` is the status that is right.
    pub fn run(&mut self, pace: Pace, numbers: Numbers, expected: u32, time: Duration) -> Outcome {
        let began = Instant::now();
        let mut outcome = Outcome {
            completed: 0,
            lost: 0,
            unexpected: 0,
            took: time,
            latency: Histogram::new_with_bounds(1, 60_000_000_000, 3).expect("a minute"),
        };
        let mut begun = 0u64;
        let limit = if numbers.once { u64::from(numbers.count) } else { u64::MAX };
        let mut looked = began;
        loop {
            let now = Instant::now();
            let over = now - began >= time || begun >= limit;
            let under_way = SLOTS - self.free.len();
            if over && under_way == 0 {
                break;
            }
            if !over {
                begun += self.begin(pace, numbers, begun, limit, began);
            }
            self.devices.flush();
            self.answer();
            self.devices.look();
            self.collect(expected, &mut outcome);
            if now - looked > Duration::from_millis(20) {
                looked = now;
                outcome.lost += self.give_up(now);
            }
        }
        outcome.took = began.elapsed();
        outcome
    }

    /// Begins what is due; gives how many.
    fn begin(
        &mut self,
        pace: Pace,
        numbers: Numbers,
        begun: u64,
        limit: u64,
        began: Instant,
    ) -> u64 {
        let mut count = 0;
        while begun + count < limit {
            let now = Instant::now();
            let due = match pace {
                Pace::Closed(most) if SLOTS - self.free.len() < most => now,
                Pace::Closed(_) => break,
                Pace::Open(rate) => began + at_rate(begun + count, rate),
            };
            if due > now {
                break;
            }
            let Some(slot) = self.free.pop() else { break };
            self.round = self.round.wrapping_add(1);
            self.slots[slot] = Slot { round: self.round, due, busy: true };
            let place = if numbers.once { begun + count } else { self.draw() };
            let number = numbers.first + (place % u64::from(numbers.count)) as u32;
            let mark = Mark { step: b'r', slot, round: self.round };
            let to = match self.connections {
                0 => Peer::Connected,
                // A device keeps its connection.
                connections => Peer::Tcp(number as usize % connections),
            };
            self.devices.send(to, self.register.fill(number, number, mark));
            count += 1;
        }
        count
    }

    /// The registrar says 200 to what reached it.
    fn answer(&mut self) {
        let mut burst = 0;
        while burst < 32
            && let Some(peer) = self.registrar.next(&mut self.buffer)
        {
            message::answer(&self.buffer, b"200 OK", &mut self.reply);
            self.registrar.send(peer, &self.reply);
            burst += 1;
        }
    }

    fn collect(&mut self, expected: u32, outcome: &mut Outcome) {
        let mut burst = 0;
        while burst < 32 && self.devices.next(&mut self.buffer).is_some() {
            burst += 1;
            let Some(mark) = message::mark(&self.buffer) else { continue };
            let status = message::status(&self.buffer);
            let Some(slot) = self.slots.get_mut(mark.slot) else { continue };
            if !slot.busy || slot.round != mark.round || (100..200).contains(&status) {
                continue;
            }
            slot.busy = false;
            self.free.push(mark.slot);
            outcome.completed += 1;
            // A floor gives the request back.
            outcome.unexpected += u64::from(status != 0 && status != expected);
            let nanos = u64::try_from(slot.due.elapsed().as_nanos()).unwrap_or(u64::MAX);
            outcome.latency.saturating_record(nanos);
        }
    }

    fn give_up(&mut self, now: Instant) -> u64 {
        let mut lost = 0;
        for (index, slot) in self.slots.iter_mut().enumerate() {
            if slot.busy && now.saturating_duration_since(slot.due) > PATIENCE {
                slot.busy = false;
                self.free.push(index);
                lost += 1;
            }
        }
        lost
    }

    fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }
}

/// When a request of an even stream is due.
fn at_rate(index: u64, rate: u32) -> Duration {
    Duration::from_nanos(index * 1_000_000_000 / u64::from(rate))
}
