//! The load: exchanges at a fixed rate or so many at once, and who is behind the server, in one thread
//! that never sleeps. Times are taken from when a request was due, not from when it left.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::behind::Behind;
use super::beside::{Beside, Nobody};
use super::endpoint::{Endpoint, Peer};
use super::message::{self, Mark, Step, Template};
use super::work::{Exchange, Numbers, Order, Outcome, Pace, Work};

/// An exchange under way.
#[derive(Clone, Copy)]
struct Slot {
    round: u32,
    number: u32,
    due: Instant,
    busy: bool,
}

/// What is asked from when on.
#[derive(Clone, Copy)]
struct Run<'a> {
    pace: Pace,
    work: &'a Work,
    began: Instant,
    time: Duration,
    limit: u64,
}

/// The devices' side, and who is behind the server.
pub struct Load {
    devices: Endpoint,
    pub behind: Behind,
    connections: usize,
    via: String,
    register: Template,
    leave: Template,
    invite: Template,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// No slot from here on was ever busy.
    used: usize,
    round: u32,
    random: u64,
    buffer: Vec<u8>,
    request: Vec<u8>,
}

/// Exchanges under way at most: as many as a mark can name.
pub const SLOTS: usize = 1 << 16;
/// A device would send again by then (T1 of RFC 3261 17.1.1.1): it counts as lost.
const PATIENCE: Duration = Duration::from_millis(500);
const BURST: usize = 32;
/// From one number to the next; a prime, so that all have their turn.
const STRIDE: u64 = 7_919;

impl Load {
    /// Sockets for a server at `server`: so many TCP connections, or none and UDP.
    pub fn new(server: SocketAddr, behind: Behind, connections: usize) -> Self {
        let (devices, name) = if connections == 0 {
            let any = SocketAddr::from(([127, 0, 0, 1], 0));
            let devices = Endpoint::new().udp(any).expect("a socket");
            (devices.connected(server).expect("a route"), "UDP")
        } else {
            (Endpoint::new().connecting(server, connections).expect("connections"), "TCP")
        };
        let local = devices.address().expect("an address");
        let slot = Slot { round: 0, number: 0, due: Instant::now(), busy: false };
        Self {
            devices,
            behind,
            connections,
            via: format!("SIP/2.0/{name} {local}"),
            register: message::register(local, name, 3600),
            leave: message::register(local, name, 0),
            invite: message::invite(local, name),
            slots: vec![slot; SLOTS],
            free: (0..SLOTS).rev().collect(),
            used: 0,
            round: 0,
            random: 0x9e37_79b9_7f4a_7c15,
            buffer: Vec::with_capacity(65_536),
            request: Vec::with_capacity(65_536),
        }
    }

    /// Asks for so long, or until every number has asked.
    pub fn run(&mut self, pace: Pace, work: &Work, time: Duration) -> Outcome {
        self.run_beside(pace, work, time, &mut Nobody)
    }

    /// The same while somebody else does something, too.
    pub fn run_beside(
        &mut self,
        pace: Pace,
        work: &Work,
        time: Duration,
        beside: &mut impl Beside,
    ) -> Outcome {
        let began = Instant::now();
        let mut outcome = Outcome::none();
        let mut begun = 0u64;
        let (limit, grace) = (limit(pace, work, time), grace(pace));
        let run = Run { pace, work, began, time, limit };
        let mut looked = began;
        loop {
            let now = Instant::now();
            let over = now - began >= time + grace || begun >= limit;
            if over && self.free.len() == SLOTS {
                break;
            }
            if !over {
                begun += self.begin(&run, begun);
            }
            self.devices.flush();
            self.behind.answer();
            self.devices.look();
            self.collect(&run, &mut outcome);
            beside.step(now);
            if now - looked > Duration::from_millis(20) {
                looked = now;
                outcome.lost += self.give_up(now);
            }
        }
        outcome.begun = begun;
        if let Pace::Open(_) = pace {
            outcome.lost += limit.saturating_sub(begun);
        }
        outcome
    }

    /// Begins what is due; gives how many.
    fn begin(&mut self, run: &Run<'_>, begun: u64) -> u64 {
        let Run { pace, work, began, limit, .. } = *run;
        let mut count = 0;
        // What came is looked at in between, however much is due.
        while begun + count < limit && count < BURST as u64 {
            let now = Instant::now();
            let due = match pace {
                Pace::Closed(most) if SLOTS - self.free.len() < most => now,
                Pace::Closed(_) => break,
                Pace::Open(rate) => began + at_rate(begun + count, rate),
                Pace::Push(rate) if began + at_rate(begun + count, rate) <= now => now,
                Pace::Push(_) => break,
            };
            if due > now {
                break;
            }
            let Some(slot) = self.free.pop() else { break };
            self.used = self.used.max(slot + 1);
            self.round = self.round.wrapping_add(1);
            let number = self.number(work.numbers, begun + count);
            self.slots[slot] = Slot { round: self.round, number, due, busy: true };
            let to = self.line(number);
            let (template, step, call) = match work.exchange {
                Exchange::Register => (&mut self.register, Step::Register, number),
                Exchange::Leave => (&mut self.leave, Step::Register, number),
                Exchange::Call => (&mut self.invite, Step::Invite, self.round % 100_000_000),
            };
            let mark = Mark { step, slot, round: self.round };
            self.devices.send(to, template.fill(number, call, mark));
            count += 1;
        }
        count
    }

    fn number(&mut self, numbers: Numbers, index: u64) -> u32 {
        let place = match numbers.order {
            Order::Random => self.draw(),
            Order::Once { from, .. } => (from + index) * STRIDE,
        };
        numbers.first + (place % u64::from(numbers.count)) as u32
    }

    /// A device keeps its connection.
    fn line(&self, number: u32) -> Peer {
        match self.connections {
            0 => Peer::Connected,
            connections => Peer::Tcp(number as usize % connections),
        }
    }

    fn collect(&mut self, run: &Run<'_>, outcome: &mut Outcome) {
        for _ in 0..BURST {
            if self.devices.next(&mut self.buffer).is_none() {
                break;
            }
            let Some(mark) = Mark::read(&self.buffer) else { continue };
            let status = message::status(&self.buffer);
            let Some(slot) = self.slots.get(mark.slot).copied() else { continue };
            if !slot.busy || slot.round != mark.round || (100..200).contains(&status) {
                continue;
            }
            if mark.step == Step::Invite && self.acknowledge(slot, mark, status) {
                continue;
            }
            self.slots[mark.slot].busy = false;
            self.free.push(mark.slot);
            outcome.completed += 1;
            // A floor gives the request back.
            outcome.unexpected += u64::from(status != 0 && status != run.work.expected);
            let now = Instant::now();
            outcome.took = now - run.began;
            outcome.in_time += u64::from(outcome.took <= run.time);
            let nanos = (now - slot.due).as_nanos();
            outcome.latency.saturating_record(u64::try_from(nanos).unwrap_or(u64::MAX));
        }
    }

    /// The ACK, and a BYE where there is a call to end.
    fn acknowledge(&mut self, slot: Slot, mark: Mark, status: u32) -> bool {
        let is_call = (200..300).contains(&status);
        let to = self.line(slot.number);
        let steps: &[(&str, Step)] = match is_call {
            true => &[("ACK", Step::Ack), ("BYE", Step::Bye)],
            false => &[("ACK", Step::Invite)],
        };
        for (method, step) in steps {
            let mark = Mark { step: *step, ..mark };
            message::follow(&self.buffer, method, &self.via, mark, &mut self.request);
            self.devices.send(to, &self.request);
        }
        is_call
    }

    fn give_up(&mut self, now: Instant) -> u64 {
        let mut lost = 0;
        for (index, slot) in self.slots[..self.used].iter_mut().enumerate() {
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

/// How many exchanges there are at most.
fn limit(pace: Pace, work: &Work, time: Duration) -> u64 {
    let wanted = match work.numbers.order {
        Order::Random => u64::MAX,
        Order::Once { many, .. } => many,
    };
    match pace {
        Pace::Closed(_) => wanted,
        Pace::Open(rate) | Pace::Push(rate) => {
            wanted.min((time.as_secs_f64() * f64::from(rate)) as u64)
        }
    }
}

/// What was due at the last moment may still begin.
fn grace(pace: Pace) -> Duration {
    match pace {
        Pace::Closed(_) | Pace::Push(_) => Duration::ZERO,
        Pace::Open(_) => Duration::from_millis(20),
    }
}

/// When a request of an even stream is due.
fn at_rate(index: u64, rate: u32) -> Duration {
    Duration::from_nanos(index * 1_000_000_000 / u64::from(rate))
}
