//! The seats as lists: for people, for the check that sums agree, and for the ledger that keeps
//! them over a restart.

use std::collections::HashMap;
use std::sync::Arc;

use super::device::{Call, Device, State};
use super::entry::Entry;
use super::measure::{Level, Units};
use super::millis::Millis;
use super::name::Name;
use super::path::Path;
use super::revoke::Revoked;
use super::seats::Seats;
use super::shard::Shard;
use crate::clock::Now;
use crate::license::{Cause, Holder, NumberKind};

/// What sort of seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeatKind {
    Sip,
    App,
    Call,
    /// A reservation that waits for its answer.
    Reserved,
}

impl SeatKind {
    /// The word for it in JSON and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sip => "sip",
            Self::App => "app",
            Self::Call => "call",
            Self::Reserved => "reserved",
        }
    }
}

/// One line of a list of seats. A number that has devices or calls has one `Sip` line, counted once,
/// and one for each app, call and reservation besides.
#[derive(Clone, Debug)]
pub struct Seat {
    pub aor: Arc<str>,
    pub owner: Holder,
    pub number_kind: NumberKind,
    pub created: bool,
    pub kind: SeatKind,
    /// The device, where the line is one's: of a `Sip` line that of the longest lasting device.
    pub device: Option<u32>,
    pub since_ms: i64,
    /// How many app seats the line stands for: 1 for an app, what it holds for a reservation.
    pub apps: u32,
    /// Wall time; none for a reservation.
    pub until_ms: Option<i64>,
    pub state: State,
    /// Above the limit of a gate on monitor.
    pub over: bool,
}

/// What one number holds, without its name: for sums over many.
#[derive(Clone, Copy, Debug)]
pub struct Use<'a> {
    pub owner: Holder,
    pub created: bool,
    pub path: &'a Path,
    /// What devices and calls hold.
    pub settled: Units,
    /// The same with what reservations hold.
    pub all: Units,
}

/// What the seats of a gate add up to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub sip: i64,
    pub apps: i64,
    /// Those bound by the gate's promise.
    pub claimed: i64,
}

impl Counts {
    /// The same, as a gate tells it.
    pub fn in_use(sip: Level, apps: Level, claimed: Level) -> Self {
        Self { sip: sip.in_use, apps: apps.in_use, claimed: claimed.in_use }
    }
}

/// A number as the ledger keeps it. Times named `mono` are of this process.
#[derive(Clone, Debug)]
pub struct Record {
    pub aor: Arc<str>,
    pub since_ms: i64,
    pub unchallenged: bool,
    pub devices: Vec<Device>,
    pub calls: Vec<Call>,
}

/// A number that changed: what to keep of it, or nothing.
#[derive(Clone, Debug)]
pub struct Dirty {
    pub aor: Arc<str>,
    pub record: Option<Record>,
}

impl Seats {
    /// The seats whose path `picks`; all at the same time only as far as each number goes.
    pub fn list(&self, picks: &dyn Fn(&Path) -> bool, now: Now) -> Vec<Seat> {
        let mut seats = Vec::new();
        self.each(|entry| {
            if picks(entry.held().path()) {
                entry.list(&mut seats, now);
            }
        });
        seats
    }

    /// Hands what each number holds to `sees`; no name is copied, so a million of them are a matter of
    /// milliseconds.
    pub fn uses(&self, mut sees: impl FnMut(Use<'_>)) {
        self.each(|entry| {
            sees(Use {
                owner: entry.holder(),
                created: entry.created(),
                path: entry.held().path(),
                settled: entry.settled(),
                all: entry.needed(),
            });
        });
    }

    /// What devices, calls and reservations hold at each gate, counted from the seats themselves.
    pub fn counted(&self) -> HashMap<Holder, Counts> {
        let mut counts: HashMap<Holder, Counts> = HashMap::new();
        self.each(|entry| {
            let Units { sip, apps } = entry.needed();
            for stop in entry.held().path().stops() {
                let here = counts.entry(stop.gate.holder()).or_default();
                here.sip += i64::from(sip);
                here.apps += i64::from(apps);
                let binds = stop.promises && !entry.created();
                here.claimed += if binds { i64::from(sip) } else { 0 };
            }
        });
        counts
    }

    /// Takes up to `max` changed numbers out of their queue. Whoever cannot keep them says so by
    /// [`Seats::dirty_again`].
    pub fn changed(&self, max: usize) -> Vec<Dirty> {
        self.drain(max, |shard| {
            let slot = shard.next_dirty()?;
            Some(shard.get_mut(slot).and_then(Entry::drain))
        })
    }

    /// The same of numbers that the ledger has a record of and that are not here any more.
    pub fn gone(&self, max: usize) -> Vec<Dirty> {
        self.drain(max, |shard| {
            let aor = shard.gone.pop()?.shared();
            // It may have come back, and its new record may be kept already.
            let back = shard.find(&aor, self.hash(&aor)).and_then(|slot| shard.get(slot));
            let is_kept = back.is_some_and(|entry| entry.stored);
            Some((!is_kept).then(|| Dirty { aor, record: None }))
        })
    }

    /// Takes up to `max` out of the shards' queues; `next` takes one, of which there may be nothing to tell.
    fn drain(&self, max: usize, next: impl Fn(&mut Shard) -> Option<Option<Dirty>>) -> Vec<Dirty> {
        let mut drained = Vec::new();
        for shard in self.shards() {
            while drained.len() < max
                && let Some(one) = next(&mut shard.lock())
            {
                drained.extend(one);
            }
        }
        drained
    }

    /// The ledger could not keep these: they are told again.
    pub fn dirty_again(&self, aors: impl IntoIterator<Item = Arc<str>>) {
        for aor in aors {
            let hash = self.hash(&aor);
            let mut shard = self.shard(hash).lock();
            match shard.find(&aor, hash) {
                Some(slot) => shard.mark_dirty(slot),
                None => shard.gone.push(Name::new(&aor)),
            }
        }
    }

    /// Whether the ledger has anything to write.
    pub fn is_dirty(&self) -> bool {
        self.shards().iter().any(|shard| {
            let shard = shard.lock();
            !shard.dirty.is_empty() || !shard.gone.is_empty()
        })
    }

    /// Takes back what the ledger kept, whatever the limits are now. A seat lasts a tenth longer than
    /// its record says: renewals within that were not written. Returns numbers that are nobody's.
    pub(super) fn restore(&self, records: Vec<Record>, now: Now) -> Vec<Revoked> {
        let mut orphans = Vec::new();
        for record in records {
            let hash = self.hash(&record.aor);
            let mut shard = self.shard(hash).lock();
            if shard.find(&record.aor, hash).is_some() {
                continue;
            }
            let Some(owned) = self.owned(&record.aor) else {
                shard.gone.push(Name::new(&record.aor));
                orphans.push(orphan(record));
                continue;
            };
            let slot = shard.insert(Entry::new(&record.aor, &owned), hash);
            if let Some(entry) = shard.get_mut(slot) {
                entry.restore(record, now);
            }
            shard.finish(slot, self.limits.late_margin_ms, now);
        }
        orphans
    }
}

fn orphan(record: Record) -> Revoked {
    Revoked {
        aor: record.aor,
        owner: Holder::Group(crate::license::SERVER),
        created: false,
        cause: Cause::UnknownNumber,
        gate: None,
        devices: record.devices,
        number: true,
        calls: record.calls.len(),
    }
}

impl Entry {
    fn list(&self, seats: &mut Vec<Seat>, now: Now) {
        let seat = |kind, since_ms, until: Option<u64>| Seat {
            aor: self.aor(),
            owner: self.holder(),
            number_kind: self.kind,
            created: self.created(),
            kind,
            device: None,
            since_ms,
            apps: 0,
            until_ms: until.map(|until| now.wall_at(until)),
            state: State::Live,
            over: false,
        };
        let of_device = |kind, device: &Device| Seat {
            device: Some(device.no),
            state: device.state(now),
            over: device.over,
            apps: u32::from(kind == SeatKind::App && device.counts()),
            ..seat(kind, device.since_ms.into(), Some(device.until_mono_ms()))
        };
        let counted = self.devices.iter().filter(|device| device.counts());
        if let Some(device) = counted.clone().max_by_key(|device| device.until_mono_ms()) {
            let since_ms = self.since_ms;
            seats.push(Seat { since_ms, ..of_device(SeatKind::Sip, device) });
        }
        seats.extend(counted.filter(|device| device.app).map(|app| of_device(SeatKind::App, app)));
        let dormant = self.devices.iter().filter(|device| device.dormant);
        seats.extend(dormant.map(|device| {
            let kind = if device.app { SeatKind::App } else { SeatKind::Sip };
            of_device(kind, device)
        }));
        let calls = self.calls().iter();
        seats.extend(
            calls.map(|call| seat(SeatKind::Call, call.since_ms, Some(call.until_mono_ms))),
        );
        seats.extend(
            self.reservations()
                .iter()
                .map(|one| Seat { apps: one.apps, ..seat(SeatKind::Reserved, one.since_ms, None) }),
        );
    }

    /// What is to be kept of it, where it is in the queue.
    fn drain(&mut self) -> Option<Dirty> {
        if !std::mem::take(&mut self.dirty) {
            return None;
        }
        let record = self.has_seats().then(|| self.record());
        let was_stored = std::mem::replace(&mut self.stored, record.is_some());
        (was_stored || record.is_some()).then(|| Dirty { aor: self.aor(), record })
    }

    fn record(&mut self) -> Record {
        for device in &mut *self.devices {
            device.note_record();
        }
        Record {
            aor: self.aor(),
            since_ms: self.since_ms,
            unchallenged: self.unchallenged,
            devices: self.devices.to_vec(),
            calls: self.calls().to_vec(),
        }
    }

    fn restore(&mut self, record: Record, now: Now) {
        self.seated(record.since_ms);
        self.unchallenged = record.unchallenged;
        self.stored = true;
        if !record.calls.is_empty() {
            self.rare_mut().calls = record.calls.into();
        }
        self.devices = record.devices.into_iter().collect();
        let path = Arc::clone(self.held.path());
        for at in 0..self.devices.len() {
            let Some(device) = self.devices.get_mut(at) else { break };
            let no = device.no;
            // Orders start over with the process: whatever comes now is later.
            device.order = Millis::default();
            device.heard_mono_ms = device.heard_mono_ms.min(now.mono_ms.into());
            device.note_record();
            let clamp = path.clamp(now.moment(), device.needs);
            let clamp = clamp.map(|at| now.mono_at(at.0.saturating_mul(1000)));
            device.outlast_record(clamp.unwrap_or(u64::MAX));
            self.skip_no(no);
        }
        let needed = self.needed();
        self.held.force(needed);
    }
}
