//! Seats as they are listed, and their sums at every holder: what is counted can always be listed.

use std::collections::{HashMap, HashSet};

use crate::license::{Holder, Moment, Tree, Usage, Viewer};
use crate::quota::{Seat, SeatKind as Held, State};

use super::mask::Eye;
use super::{SeatKind, SeatRow, SeatState, Seating};

/// Seats summed at every holder above them, gate or not.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    sums: HashMap<Holder, Sums>,
    sip: HashSet<String>,
    apps: HashSet<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    sip: u64,
    app: u64,
    claimed: u64,
    promised: u64,
}

/// One row for each SIP seat and each app seat, by number. A number that only calls hold has one row
/// for them; reservations have none.
pub fn seats(tree: &Tree, seats: &[Seat]) -> Vec<SeatRow> {
    seats_for(&Viewer::server(), tree, seats)
}

/// The rows that `viewer` may read.
pub fn seats_for(viewer: &Viewer, tree: &Tree, seats: &[Seat]) -> Vec<SeatRow> {
    let registered: HashSet<&str> =
        seats.iter().filter(|seat| seat.kind == Held::Sip).map(|seat| &*seat.aor).collect();
    let mut calls = HashSet::new();
    let shown = seats.iter().filter(|seat| match seat.kind {
        Held::Sip | Held::App => true,
        Held::Call => !registered.contains(&*seat.aor) && calls.insert(&*seat.aor),
        Held::Reserved => false,
    });
    let shown = shown.filter(|seat| viewer.is_server() || viewer.sees(tree, seat.owner));
    let mut rows: Vec<SeatRow> = shown.map(|seat| row(viewer, tree, seat)).collect();
    rows.sort_by(|a, b| (&a.number, a.kind, &a.device).cmp(&(&b.number, b.kind, &b.device)));
    rows
}

fn row(viewer: &Viewer, tree: &Tree, seat: &Seat) -> SeatRow {
    let eye = Eye { viewer, tree, subject: seat.owner };
    let monitor = |gate: &Holder| tree.is_monitored(*gate) && eye.sees(*gate);
    let time = |wall_ms: i64| Moment(wall_ms.div_euclid(1000)).rfc3339();
    SeatRow {
        number: seat.aor.to_string(),
        kind: match seat.kind {
            Held::App => SeatKind::App,
            Held::Call => SeatKind::Call,
            Held::Sip | Held::Reserved => SeatKind::Sip,
        },
        device: seat.device.map(|device| device.to_string()).unwrap_or_default(),
        group: eye.listed_in().map(|group| viewer.path_name(tree, group)),
        since: time(seat.since_ms),
        until: seat.until_ms.map(time),
        state: match seat.state {
            State::Live => SeatState::Live,
            State::Held => SeatState::Held,
            State::Dormant => SeatState::Dormant,
        },
        // What an unseen gate lets pass above its limit is use of it.
        over: seat.over && (viewer.is_server() || tree.path(seat.owner).iter().any(monitor)),
    }
}

impl Tally {
    /// Sums seats, reservations too: they are in use until they are answered. Dormant ones count nowhere; a number's SIP seat counts once, whatever holds it.
    pub fn of(tree: &Tree, seats: &[Seat]) -> Self {
        let mut tally = Self::default();
        // Summed by owner first: what stands above an owner is looked up once.
        let mut owners: HashMap<(Holder, bool), Sums> = HashMap::new();
        for seat in seats.iter().filter(|seat| seat.state != State::Dormant) {
            let sums = owners.entry((seat.owner, seat.created)).or_default();
            // A reservation stands for the apps it asks for, and for its number's SIP seat.
            sums.app += u64::from(seat.apps);
            if seat.kind == Held::App {
                tally.apps.insert(seat.aor.to_string());
            } else if tally.sip.insert(seat.aor.to_string()) {
                sums.sip += 1;
            }
        }
        for ((owner, created), sums) in owners {
            tally.add(tree, owner, created, sums);
        }
        tally
    }

    fn add(&mut self, tree: &Tree, owner: Holder, created: bool, of_owner: Sums) {
        let user = matches!(owner, Holder::User(_)).then_some(owner);
        let above = tree.ancestry(owner).into_iter().map(Holder::Group);
        for holder in user.into_iter().chain(above) {
            let sums = self.sums.entry(holder).or_default();
            sums.sip += of_owner.sip;
            sums.app += of_owner.app;
            sums.claimed += if created { 0 } else { of_owner.sip };
        }
        let Holder::Group(group) = owner else { return };
        for gate in tree.promises(group).into_iter().filter(|_| !created) {
            self.sums.entry(gate).or_default().promised += of_owner.sip;
        }
    }

    fn sums(&self, holder: Holder) -> Sums {
        self.sums.get(&holder).copied().unwrap_or_default()
    }
}

impl Seating for Tally {
    fn has_sip(&self, number: &str) -> bool {
        self.sip.contains(number)
    }

    fn has_app(&self, number: &str) -> bool {
        self.apps.contains(number)
    }
}

impl Usage for Tally {
    fn sip_seats(&self, holder: Holder) -> u64 {
        self.sums(holder).sip
    }

    fn app_seats(&self, holder: Holder) -> u64 {
        self.sums(holder).app
    }

    fn claimed_seats(&self, holder: Holder) -> u64 {
        self.sums(holder).claimed
    }

    fn promised_seats(&self, gate: Holder) -> u64 {
        self.sums(gate).promised
    }
}
