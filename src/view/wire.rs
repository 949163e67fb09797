//! What the wire holds, asked of the seats themselves and for few holders only: for a check or a state
//! there is no need to list a million seats.

use std::collections::{HashMap, HashSet};

use parking_lot::Mutex;

use crate::clock::Now;
use crate::license::{Holder, Tree, Usage};
use crate::quota::{GateView, Quota, Use};

/// What is in use, and what one number holds of it.
pub trait Seating: Usage {
    /// Whether the number holds a SIP seat.
    fn has_sip(&self, number: &str) -> bool;
    /// Whether the number holds an app seat.
    fn has_app(&self, number: &str) -> bool;
}

/// What stands under one holder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sums {
    sip: u64,
    app: u64,
    claimed: u64,
    promised: u64,
}

/// What devices and calls hold under a holder and at each gate above it, from one pass over the seats.
/// Whoever else is asked holds nothing.
#[derive(Clone, Debug, Default)]
pub struct Occupancy {
    sums: HashMap<Holder, Sums>,
}

/// What is in use, reservations too: gates answer from their counters, others by a pass of their own,
/// made when first asked.
pub struct InUse<'a> {
    quota: &'a Quota,
    tree: &'a Tree,
    now: Now,
    passed: Mutex<HashMap<Holder, Sums>>,
}

/// Which numbers stand under a holder.
enum Under<'a> {
    /// A gate is on the path.
    Gate(Holder),
    /// Of a group that is off: its owners.
    Owners { tree: &'a Tree, owners: HashSet<Holder> },
}

impl<'a> Under<'a> {
    fn of(tree: &'a Tree, holder: Holder) -> Self {
        if tree.is_gate(holder) {
            return Self::Gate(holder);
        }
        let owners = match holder {
            Holder::User(_) => HashSet::from([holder]),
            Holder::Group(top) => {
                let groups = tree.subtree(top);
                let members = groups.iter().flat_map(|group| tree.members(*group));
                let members: Vec<_> = members.map(Holder::User).collect();
                groups.iter().copied().map(Holder::Group).chain(members).collect()
            }
        };
        Self::Owners { tree, owners }
    }

    fn covers(&self, one: &Use<'_>) -> bool {
        match self {
            Self::Gate(gate) => one.path.passes(*gate),
            Self::Owners { owners, tree } => {
                owners.contains(&one.owner) && tree.contains(one.owner)
            }
        }
    }

    fn promises(&self, one: &Use<'_>) -> bool {
        let Self::Gate(gate) = self else { return false };
        let here = one.path.stops().iter().find(|stop| stop.gate.holder() == *gate);
        !one.created && here.is_some_and(|stop| stop.promises)
    }
}

impl Sums {
    fn add(&mut self, sip: u32, apps: u32, claimed: bool, promised: bool) {
        self.sip += u64::from(sip);
        self.app += u64::from(apps);
        self.claimed += if claimed { u64::from(sip) } else { 0 };
        self.promised += if promised { u64::from(sip) } else { 0 };
    }
}

impl Occupancy {
    /// Counts for `holder` and the gates above it.
    pub fn count(quota: &Quota, tree: &Tree, holder: Holder) -> Self {
        let mut asked: Vec<(Holder, Under<'_>, Sums)> = Vec::new();
        for holder in std::iter::once(holder).chain(tree.path(holder)) {
            if asked.iter().all(|(known, ..)| *known != holder) {
                asked.push((holder, Under::of(tree, holder), Sums::default()));
            }
        }
        quota.uses(|one| {
            for (_, under, sums) in &mut asked {
                if under.covers(&one) {
                    let promised = under.promises(&one);
                    sums.add(one.settled.sip, one.settled.apps, !one.created, promised);
                }
            }
        });
        Self { sums: asked.into_iter().map(|(holder, _, sums)| (holder, sums)).collect() }
    }

    fn sums(&self, holder: Holder) -> Sums {
        self.sums.get(&holder).copied().unwrap_or_default()
    }
}

impl Usage for Occupancy {
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

impl<'a> InUse<'a> {
    /// What is in use now, by the tree that is published.
    pub fn new(quota: &'a Quota, tree: &'a Tree, now: Now) -> Self {
        Self { quota, tree, now, passed: Mutex::default() }
    }

    fn gate(&self, holder: Holder) -> Option<GateView> {
        self.tree.is_gate(holder).then(|| self.quota.gate(holder, self.now)).flatten()
    }

    fn sums(&self, holder: Holder) -> Sums {
        if let Some(known) = self.passed.lock().get(&holder) {
            return *known;
        }
        let under = Under::of(self.tree, holder);
        let mut sums = Sums::default();
        self.quota.uses(|one| {
            if under.covers(&one) {
                sums.add(one.all.sip, one.all.apps, !one.created, under.promises(&one));
            }
        });
        self.passed.lock().insert(holder, sums);
        sums
    }
}

impl Usage for InUse<'_> {
    fn sip_seats(&self, holder: Holder) -> u64 {
        self.gate(holder).map_or_else(|| self.sums(holder).sip, |gate| unsigned(gate.sip.in_use))
    }

    fn app_seats(&self, holder: Holder) -> u64 {
        self.gate(holder).map_or_else(|| self.sums(holder).app, |gate| unsigned(gate.apps.in_use))
    }

    fn claimed_seats(&self, holder: Holder) -> u64 {
        self.sums(holder).claimed
    }

    fn promised_seats(&self, gate: Holder) -> u64 {
        let at = self.gate(gate);
        at.map_or_else(|| self.sums(gate).promised, |gate| unsigned(gate.claimed.in_use))
    }
}

impl Seating for InUse<'_> {
    fn has_sip(&self, number: &str) -> bool {
        self.quota.look(number, |entry| entry.needed().sip > 0).unwrap_or_default()
    }

    fn has_app(&self, number: &str) -> bool {
        self.quota.look(number, |entry| entry.needed().apps > 0).unwrap_or_default()
    }
}

fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or_default()
}
