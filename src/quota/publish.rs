//! From a tree to the wire: gates get their plans, owners their paths, and what no longer fits goes.
//! Publish, then sweep; every commit inserts, then looks again: either one sees the other.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::Arc;
// Hints, on which nothing depends that packets read: the models leave them out.
use std::sync::atomic::{AtomicI64, AtomicU64};

use foldhash::HashMap;

use super::expiry::Woken;
use super::gate::Gate;
use super::listing::Record;
use super::measure::{GateView, Plan};
use super::path::{Path, Stop};
use super::revoke::Revoked;
use super::seats::{Limits, Seats};
use super::snapshot::{Owned, Snapshot};
use super::sync::{Mutex, Ordering};
use super::verdict::Epoch;
use crate::clock::Now;
use crate::license::{Cause, Directory, Holder, Moment, Touched, Tree};

/// What a publish, a boundary or a tick changed.
#[derive(Debug, Default)]
pub struct Changes {
    pub revoked: Vec<Revoked>,
    /// Dormant devices that have their seats again.
    pub woken: Vec<Woken>,
    /// How many devices ended by time.
    pub ended: usize,
}

impl Changes {
    /// Whether nobody has to be told.
    pub fn is_none(&self) -> bool {
        self.revoked.is_empty() && self.woken.is_empty() && self.ended == 0
    }

    /// Those as well.
    pub(super) fn add(&mut self, more: Self) {
        self.revoked.extend(more.revoked);
        self.woken.extend(more.woken);
        self.ended += more.ended;
    }
}

/// In order, so that a pass over very many may stop and go on.
type Registry = BTreeMap<Holder, Arc<Gate>>;

/// The quota cache. Its seats are reached through it.
pub struct Quota {
    pub(super) seats: Arc<Seats>,
    /// Every gate by its holder; touched by publishers and by people who look.
    pub(super) registry: Mutex<Registry>,
    /// Gates that are none any more and still count something; touched with the registry locked.
    leaving: Mutex<BTreeSet<Holder>>,
    /// Of all gates.
    epoch: Epoch,
    /// One at a time publishes or revokes: two would revoke twice for one overhang.
    pub(super) publishing: Mutex<()>,
    /// The second at which the first of the gates changes, or an earlier one; `i64::MAX` for none.
    pub(super) next_change: AtomicI64,
    /// How many publishers wait for their turn.
    pub(super) publishers: AtomicU64,
}

impl Deref for Quota {
    type Target = Arc<Seats>;

    fn deref(&self) -> &Arc<Seats> {
        &self.seats
    }
}

impl Quota {
    /// Without gates, numbers and seats.
    pub fn new(limits: Limits) -> Self {
        Self {
            seats: Arc::new(Seats::new(limits)),
            registry: Mutex::new(Registry::default()),
            leaving: Mutex::new(BTreeSet::new()),
            epoch: Epoch::new(),
            publishing: Mutex::new(()),
            next_change: AtomicI64::new(i64::MAX),
            publishers: AtomicU64::new(0),
        }
    }

    /// Who owns a normalized number.
    pub fn owned(&self, aor: &str) -> Option<Owned> {
        self.seats.owned(aor)
    }

    /// Who owns calls from a source address.
    pub fn owned_address(&self, address: IpAddr) -> Option<Owned> {
        self.seats.published.load().owned_address(address)
    }

    /// The gates over the numbers of an owner.
    pub fn path(&self, holder: Holder) -> Option<Arc<Path>> {
        self.seats.published.load().path(holder).cloned()
    }

    /// A gate as it stands, if the holder is one.
    pub fn gate(&self, holder: Holder, now: Now) -> Option<GateView> {
        let gate = self.registry.lock().get(&holder).cloned()?;
        gate.advance(now.moment());
        Some(gate.view())
    }

    /// Every gate as it stands.
    pub fn gates(&self, now: Now) -> Vec<GateView> {
        let gates = self.every_gate();
        gates.iter().for_each(|gate| gate.advance(now.moment()));
        gates.iter().map(|gate| gate.view()).collect()
    }

    /// In order of holder.
    fn every_gate(&self) -> Vec<Arc<Gate>> {
        self.registry.lock().values().cloned().collect()
    }

    /// Makes a tree and a directory the ones in force.
    pub fn publish(
        &self,
        tree: &Tree,
        directory: Directory,
        touched: &Touched,
        now: Now,
    ) -> Changes {
        self.publishers.fetch_add(1, Ordering::Relaxed);
        let _one = self.publishing.lock();
        self.publishers.fetch_sub(1, Ordering::Relaxed);
        let scope = Scope::of(tree, touched, &self.seats.published.load());
        self.plan_gates(tree, &scope, now);
        let (snapshot, moved) = self.snapshot(tree, directory, &scope);
        self.seats.published.store(Arc::new(snapshot));

        let mut changes = Changes::default();
        match touched {
            Touched::These { numbers, claims: false, .. } if moved.is_empty() => {
                for aor in numbers {
                    changes.revoked.extend(self.seats.sweep_one(aor, now));
                }
            }
            _ => changes.revoked.extend(self.seats.sweep(now)),
        }
        self.retire(tree, touched, &scope);
        let mut hears = |portion| changes.add(portion);
        match touched {
            // Only these may have got smaller or been moved to; the pulse looks at all.
            Touched::These { claims: false, .. } => {
                let of_scope = self.gates_of(&scope);
                let is_over = || of_scope.iter().any(|gate| !gate.overhang().is_none());
                self.even_out(is_over, now, &mut hears);
            }
            _ => self.even_out(|| self.any_is_over(), now, &mut hears),
        }
        changes
    }

    fn gates_of(&self, scope: &Scope) -> Vec<Arc<Gate>> {
        let registry = self.registry.lock();
        scope.gates.iter().filter_map(|holder| registry.get(holder).cloned()).collect()
    }

    /// Takes back the seats that the ledger kept; then the limits are held.
    pub fn restore(&self, records: Vec<Record>, now: Now) -> Changes {
        let _one = self.publishing.lock();
        let mut changes =
            Changes { revoked: self.seats.restore(records, now), ..Changes::default() };
        self.even_out(|| self.any_is_over(), now, &mut |portion| changes.add(portion));
        changes
    }

    pub(super) fn any_is_over(&self) -> bool {
        self.registry.lock().values().any(|gate| !gate.overhang().is_none())
    }

    fn even_out(&self, is_over: impl Fn() -> bool, now: Now, hears: &mut dyn FnMut(Changes)) {
        self.revoke(is_over, now, hears);
        hears(self.woken(now));
    }

    pub(super) fn revoke(
        &self,
        is_over: impl Fn() -> bool,
        now: Now,
        hears: &mut dyn FnMut(Changes),
    ) {
        let mut hears = |revoked| hears(Changes { revoked, ..Changes::default() });
        self.seats.revoke(is_over, now, &mut hears);
    }

    pub(super) fn woken(&self, now: Now) -> Changes {
        Changes { woken: self.seats.wake(now), ..Changes::default() }
    }

    fn plan_gates(&self, tree: &Tree, scope: &Scope, now: Now) {
        // What is below has the higher id, mostly: so its sums are known when those above are made.
        for holder in scope.gates.iter().rev() {
            if !tree.is_gate(*holder) {
                continue;
            }
            let new = || Arc::new(Gate::new(*holder, &self.epoch));
            let gate = Arc::clone(self.registry.lock().entry(*holder).or_insert_with(new));
            let steps = tree.schedule(*holder, now.moment());
            let monitor = tree.is_monitored(*holder);
            gate.publish(Plan { steps, monitor }, now.moment());
            self.next_change.fetch_min(second_of(gate.next_change()), Ordering::Relaxed);
        }
    }

    /// The next snapshot, and the owners whose path differs in it.
    fn snapshot(
        &self,
        tree: &Tree,
        directory: Directory,
        scope: &Scope,
    ) -> (Snapshot, BTreeSet<Holder>) {
        let old = Arc::clone(&self.seats.published.load());
        let mut snapshot = Snapshot::clone(&old);
        snapshot.set_directory(directory);
        let registry = self.registry.lock();
        let mut moved = BTreeSet::new();
        let mut shared: HashMap<Vec<(Holder, bool)>, Arc<Path>> = HashMap::default();
        for owner in &scope.owners {
            let before = old.path(*owner);
            if !tree.contains(*owner) {
                if before.is_some() {
                    snapshot.set_path(*owner, None);
                    moved.insert(*owner);
                }
                continue;
            }
            let promises = match owner {
                Holder::Group(group) => tree.promises(*group),
                Holder::User(_) => Vec::new(),
            };
            let gates = tree.path(*owner).into_iter();
            let key: Vec<_> = gates.map(|gate| (gate, promises.contains(&gate))).collect();
            // Owners under the same gates share one path; an owner that did not move keeps its own.
            let path = shared.entry(key).or_insert_with_key(|key| {
                let stop = |(gate, promises): &(Holder, bool)| {
                    let gate = Arc::clone(registry.get(gate)?);
                    Some(Stop { gate, promises: *promises })
                };
                let path = Path::new(key.iter().filter_map(stop).collect(), &self.epoch);
                match before {
                    Some(before) if before.is_same(&path) => Arc::clone(before),
                    _ => Arc::new(path),
                }
            });
            if before.is_none_or(|before| !before.is_same(path)) {
                snapshot.set_path(*owner, Some(Arc::clone(path)));
                moved.insert(*owner);
            }
        }
        (snapshot, moved)
    }

    /// Forgets gates that are none any more, once nothing is counted in them and nobody names them.
    fn retire(&self, tree: &Tree, touched: &Touched, scope: &Scope) {
        let mut registry = self.registry.lock();
        let mut leaving = self.leaving.lock();
        match touched {
            Touched::Everything => leaving.extend(registry.keys()),
            Touched::These { .. } => leaving.extend(&scope.gates),
        }
        leaving.retain(|holder| {
            let Some(gate) = registry.get(holder).filter(|_| !tree.is_gate(*holder)) else {
                return false;
            };
            let named = Arc::strong_count(gate) > 1 || !gate.is_idle();
            if !named {
                registry.remove(holder);
            }
            named
        });
    }
}

pub(super) fn second_of(change: Option<Moment>) -> i64 {
    change.map_or(i64::MAX, |at| at.0)
}

/// What has to be computed anew.
struct Scope {
    gates: Vec<Holder>,
    owners: Vec<Holder>,
}

impl Scope {
    fn of(tree: &Tree, touched: &Touched, old: &Snapshot) -> Self {
        match touched {
            Touched::Everything => {
                let groups = tree.groups().map(|group| Holder::Group(group.id));
                let mut gates: Vec<Holder> = groups.collect();
                gates.extend(tree.users().map(|user| Holder::User(user.id)));
                gates.sort_unstable();
                let mut owners = gates.clone();
                owners.extend(old.holders());
                owners.sort_unstable();
                owners.dedup();
                Self { gates, owners }
            }
            Touched::These { holders, .. } => {
                let (mut gates, mut owners) = (BTreeSet::new(), BTreeSet::new());
                for holder in holders {
                    below(tree, *holder, &mut owners);
                    // What is granted or created here weighs on every gate above, and where it
                    // stood before.
                    gates.extend(tree.path(*holder));
                    let before = old.path(*holder).into_iter().flat_map(|path| path.stops());
                    gates.extend(before.map(|stop| stop.gate.holder()));
                }
                gates.extend(owners.iter().copied());
                Self { gates: gates.into_iter().collect(), owners: owners.into_iter().collect() }
            }
        }
    }
}

/// The holder, and whoever's path leads through it.
fn below(tree: &Tree, holder: Holder, found: &mut BTreeSet<Holder>) {
    found.insert(holder);
    let Holder::Group(top) = holder else { return };
    for group in tree.subtree(top) {
        found.insert(Holder::Group(group));
        found.extend(tree.members(group).map(Holder::User));
    }
}

impl Seats {
    /// Moves every seat to where its owner stands now; what is nobody's goes.
    fn sweep(&self, now: Now) -> Vec<Revoked> {
        let mut stray = Vec::new();
        let published = self.published.load();
        self.each(|entry| {
            let owned = entry.owned_in(&published);
            if owned.is_none_or(|owned| !entry.stands_on(&owned) || entry.kind() != owned.kind) {
                stray.push(entry.aor());
            }
        });
        stray.iter().filter_map(|aor| self.sweep_one(aor, now)).collect()
    }

    fn sweep_one(&self, aor: &str, now: Now) -> Option<Revoked> {
        self.alter(aor, now, |entry| match self.owned(aor) {
            Some(owned) => {
                entry.follow(&owned);
                entry.changed = true;
                None
            }
            None => Some(entry.dissolve(Cause::UnknownNumber)),
        })?
        .filter(|revoked| !revoked.devices.is_empty() || revoked.calls > 0)
    }

    /// Ends a number's seats, or those of one device, dormant ones included. Returns the devices.
    pub fn free(&self, aor: &str, device: Option<u32>, now: Now) -> Option<Revoked> {
        self.alter(aor, now, |entry| match device {
            None => Some(entry.dissolve(Cause::NotRegistered)),
            Some(no) => entry.free_device(no, now),
        })?
        .filter(|freed| !freed.devices.is_empty() || freed.calls > 0)
    }
}
