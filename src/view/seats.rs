//! Seats as a list, and their sums at every holder: what is counted can always be listed.

use std::collections::{HashMap, HashSet};

use crate::license::{Directory, Holder, Moment, Owned, Tree, Usage};

use super::{SeatKind, SeatRow, SeatState};

/// A seat as whoever holds it knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seat {
    pub number: String,
    pub kind: SeatKind,
    pub device: String,
    pub since: Moment,
    pub until: Moment,
    pub state: SeatState,
}

/// Seats summed at every holder above them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    sums: HashMap<Holder, Sums>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    sip: u64,
    app: u64,
    claimed: u64,
    promised: u64,
}

/// A seat with the group it stands in.
pub fn seat(tree: &Tree, directory: &Directory, seat: &Seat) -> SeatRow {
    let owner = directory.owner_of(&seat.number).map(|owned| owned.holder);
    let group = owner.and_then(|owner| match owner {
        Holder::Group(id) => Some(id),
        Holder::User(id) => tree.user(id).and_then(|user| user.groups.first().copied()),
    });
    SeatRow {
        number: seat.number.clone(),
        kind: seat.kind,
        device: seat.device.clone(),
        group: group.map(|group| tree.path_name(group)),
        since: seat.since.rfc3339(),
        until: seat.until.rfc3339(),
        state: seat.state,
    }
}

impl Tally {
    /// Sums seats; dormant ones and those of numbers that nobody owns count nowhere.
    pub fn of<'s>(
        tree: &Tree,
        directory: &Directory,
        seats: impl IntoIterator<Item = &'s Seat>,
    ) -> Self {
        let mut tally = Self::default();
        let mut counted = HashSet::new();
        for seat in seats {
            let Some(owned) = directory.owner_of(&seat.number) else { continue };
            // A number has one SIP seat, whatever holds it.
            let counts = seat.state != SeatState::Dormant
                && (seat.kind == SeatKind::App || counted.insert(seat.number.as_str()));
            if counts {
                tally.add(tree, owned, seat.kind);
            }
        }
        tally
    }

    fn add(&mut self, tree: &Tree, owned: Owned, kind: SeatKind) {
        let user = matches!(owned.holder, Holder::User(_)).then_some(owned.holder);
        let above = tree.ancestry(owned.holder).into_iter().map(Holder::Group);
        for holder in user.into_iter().chain(above) {
            let sums = self.sums.entry(holder).or_default();
            match kind {
                SeatKind::App => sums.app += 1,
                SeatKind::Sip | SeatKind::Call => {
                    sums.sip += 1;
                    sums.claimed += u64::from(!owned.is_created());
                }
            }
        }
        let Holder::Group(group) = owned.holder else { return };
        if kind != SeatKind::App && !owned.is_created() {
            for gate in tree.promises(group) {
                self.sums.entry(gate).or_default().promised += 1;
            }
        }
    }

    fn sums(&self, holder: Holder) -> Sums {
        self.sums.get(&holder).copied().unwrap_or_default()
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
