//! The rules of distribution once more, slow and obvious, from plain lists of records: no index, no
//! running sums, nothing shared with the check but the records. For tests.

use std::collections::{BTreeMap, BTreeSet};

use crate::license::{Feature, Group, GroupId, HandOut, Holder, License, Moment, User, World};

/// Plain lists.
pub struct Records {
    groups: Vec<Group>,
    users: Vec<User>,
    licenses: Vec<License>,
    /// The owner of each created number.
    numbers: Vec<Holder>,
}

/// One thing that may not fit at a gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    Sip,
    Apps,
    /// Created numbers under a gate that shares.
    Numbers,
    ShareOfSip(Holder),
    ShareOfApps(Holder),
    Feature(Holder, Feature),
}

impl Records {
    pub fn of(world: &World) -> Self {
        Self {
            groups: world.tree.groups().cloned().collect(),
            users: world.tree.users().cloned().collect(),
            licenses: world.tree.licenses().cloned().collect(),
            numbers: world.directory.numbers().map(|(_, entry)| entry.owner).collect(),
        }
    }

    fn group(&self, id: GroupId) -> &Group {
        self.groups.iter().find(|group| group.id == id).unwrap()
    }

    pub fn is_gate(&self, holder: Holder) -> bool {
        match holder {
            Holder::Group(id) => self.groups.iter().any(|group| group.id == id && group.restricted),
            user => self.licenses.iter().any(|license| license.holder == user),
        }
    }

    pub fn gates(&self) -> Vec<Holder> {
        let groups = self.groups.iter().map(|group| Holder::Group(group.id));
        let users = self.users.iter().map(|user| Holder::User(user.id));
        groups.chain(users).filter(|holder| self.is_gate(*holder)).collect()
    }

    /// Every group strictly above a holder.
    fn above(&self, holder: Holder) -> BTreeSet<Holder> {
        let direct: Vec<GroupId> = match holder {
            Holder::Group(id) => self.group(id).parent.into_iter().collect(),
            Holder::User(id) => {
                self.users.iter().find(|user| user.id == id).unwrap().groups.clone()
            }
        };
        let mut all: BTreeSet<Holder> = direct.iter().copied().map(Holder::Group).collect();
        for id in direct {
            all.extend(self.above(Holder::Group(id)));
        }
        all
    }

    fn gates_above(&self, holder: Holder) -> BTreeSet<Holder> {
        self.above(holder).into_iter().filter(|gate| self.is_gate(*gate)).collect()
    }

    /// Whether something that stands under `gates` is an item of `gate`: no other gate is between.
    fn is_item(&self, gates: &BTreeSet<Holder>, gate: Holder) -> bool {
        let between = |other: &Holder| *other != gate && self.above(*other).contains(&gate);
        gates.contains(&gate) && !gates.iter().any(between)
    }

    pub fn items(&self, gate: Holder) -> Vec<Holder> {
        let gates = self.gates().into_iter();
        gates.filter(|item| self.is_item(&self.gates_above(*item), gate)).collect()
    }

    pub fn path(&self, owner: Holder) -> BTreeSet<Holder> {
        let mut gates = self.gates_above(owner);
        gates.extend(Some(owner).filter(|owner| self.is_gate(*owner)));
        gates
    }

    /// Created numbers among the items of a gate.
    pub fn numbers(&self, gate: Holder) -> i64 {
        let is_item = |owner: &&Holder| self.is_item(&self.path(**owner), gate);
        self.numbers.iter().filter(is_item).count() as i64
    }

    /// Created numbers anywhere under a holder.
    pub fn numbers_below(&self, holder: Holder) -> i64 {
        let is_below = |owner: &&Holder| **owner == holder || self.above(**owner).contains(&holder);
        self.numbers.iter().filter(is_below).count() as i64
    }

    fn valid(&self, gate: Holder, at: Moment) -> impl Iterator<Item = &License> {
        let of_gate = self.licenses.iter().filter(move |license| license.holder == gate);
        of_gate.filter(move |license| license.validity.contains(at))
    }

    pub fn licensed(&self, gate: Holder, at: Moment) -> bool {
        self.valid(gate, at).next().is_some()
    }

    pub fn sip(&self, gate: Holder, at: Moment) -> i64 {
        self.valid(gate, at).map(|license| i64::from(license.sip_numbers)).sum()
    }

    pub fn apps(&self, gate: Holder, at: Moment) -> i64 {
        self.valid(gate, at).map(|license| i64::from(license.mobile_apps)).sum()
    }

    fn has(&self, gate: Holder, feature: Feature, at: Moment) -> bool {
        self.valid(gate, at).any(|license| license.features.contains(feature))
    }

    pub fn is_shared(&self, gate: Holder) -> bool {
        matches!(gate, Holder::Group(id) if self.group(id).hand_out == HandOut::Shared)
    }

    /// When created numbers are judged at a gate.
    pub fn instant_of_numbers(&self, gate: Holder, now: Moment) -> Moment {
        if self.licensed(gate, now) {
            return now;
        }
        let starts = self.licenses.iter().filter(|license| license.holder == gate);
        let starts = starts.filter_map(|license| license.validity.from);
        starts.filter(|start| *start > now).min().unwrap_or(now)
    }

    /// By how much each matter does not fit at a gate, if there are `numbers` created ones; what
    /// fits is left out.
    pub fn misfits(&self, gate: Holder, at: Moment, numbers: i64) -> BTreeMap<Matter, i64> {
        let mut found = BTreeMap::new();
        let (sip, apps) = (self.sip(gate, at), self.apps(gate, at));
        let items = self.items(gate);
        if self.is_shared(gate) {
            found.insert(Matter::Numbers, numbers - sip);
            for item in &items {
                found.insert(Matter::ShareOfSip(*item), self.sip(*item, at) - sip);
                found.insert(Matter::ShareOfApps(*item), self.apps(*item, at) - apps);
            }
        } else {
            let handed =
                |of: &dyn Fn(Holder) -> i64| items.iter().map(|item| of(*item)).sum::<i64>();
            found.insert(Matter::Sip, handed(&|item| self.sip(item, at)) + numbers - sip);
            found.insert(Matter::Apps, handed(&|item| self.apps(item, at)) - apps);
        }
        for item in items {
            for feature in Feature::ALL {
                let lacks = self.has(item, *feature, at) && !self.has(gate, *feature, at);
                found.insert(Matter::Feature(item, *feature), i64::from(lacks));
            }
        }
        found.retain(|_, over| *over > 0);
        found
    }

    pub fn numbers_judged(&self, gate: Holder) -> i64 {
        if self.is_shared(gate) { self.numbers_below(gate) } else { self.numbers(gate) }
    }

    /// Every instant from `now` on at which anything may change.
    pub fn instants(&self, now: Moment) -> BTreeSet<Moment> {
        let edges = self.licenses.iter().flat_map(|one| [one.validity.from, one.validity.until]);
        edges.flatten().filter(|edge| *edge > now).chain([now]).collect()
    }
}

/// The first gate, instant and matter that a write makes worse without an excuse.
pub fn worse(before: &World, after: &World, now: Moment) -> Option<(Holder, Moment, Matter)> {
    let (before, after) = (Records::of(before), Records::of(after));
    let mut instants = before.instants(now);
    instants.extend(after.instants(now));
    let gates = after.gates();
    let all = gates.iter().flat_map(|gate| instants.iter().map(move |at| (*gate, *at)));
    let mut found =
        all.filter_map(|(gate, at)| Some((gate, at, worse_at(&before, &after, gate, at, now)?)));
    found.next()
}

fn worse_at(
    before: &Records,
    after: &Records,
    gate: Holder,
    at: Moment,
    now: Moment,
) -> Option<Matter> {
    let was_gate = before.is_gate(gate);
    let was_licensed = was_gate && before.licensed(gate, at);
    let numbers = after.numbers_judged(gate);
    let old_numbers = if was_gate { before.numbers_judged(gate) } else { 0 };
    let numbers_at = after.instant_of_numbers(gate, now);
    let to_shared = was_gate && !before.is_shared(gate) && after.is_shared(gate);
    let to_split = was_gate && before.is_shared(gate) && !after.is_shared(gate);

    // Resting, unless the write is what takes the license away now, or switches a gate on without.
    let bare = at == now && (was_licensed || !was_gate && numbers_at == now);
    if !after.licensed(gate, at) && !bare {
        let created = numbers > old_numbers && at == now && numbers_at == now;
        return created.then_some(Matter::Numbers);
    }
    if to_shared {
        return None;
    }
    let mut held = if was_licensed {
        before.misfits(gate, at, before.numbers_judged(gate))
    } else {
        BTreeMap::new()
    };
    if to_split && was_licensed {
        let over = before.numbers_below(gate) - before.sip(gate, at);
        held.insert(Matter::Sip, over.max(0));
    }
    // Numbers that come are judged at one instant only; those that were there at every one, except
    // under a gate that was none.
    let lowered = after.sip(gate, at) < before.sip(gate, at);
    let judged =
        if at == numbers_at || lowered && was_gate { numbers } else { numbers.min(old_numbers) };
    let new = after.misfits(gate, at, judged);
    let worse =
        new.into_iter().filter(|(matter, over)| *over > held.get(matter).copied().unwrap_or(0));
    // What rested until a license came is not held against the license.
    let rested = was_gate && !was_licensed;
    let mut worse = worse.filter(|(matter, _)| !rested || adds(before, after, gate, at, *matter));
    worse.next().map(|(matter, _)| matter)
}

/// Whether the write itself adds to a matter.
fn adds(before: &Records, after: &Records, gate: Holder, at: Moment, matter: Matter) -> bool {
    let sum = |records: &Records, of: &dyn Fn(Holder) -> i64| {
        records.items(gate).into_iter().map(of).sum::<i64>()
    };
    match matter {
        Matter::Sip => {
            sum(after, &|item| after.sip(item, at)) > sum(before, &|item| before.sip(item, at))
                || after.numbers(gate) > before.numbers(gate)
        }
        Matter::Apps => {
            sum(after, &|item| after.apps(item, at)) > sum(before, &|item| before.apps(item, at))
        }
        Matter::Numbers => after.numbers_below(gate) > before.numbers_below(gate),
        Matter::ShareOfSip(item) => after.sip(item, at) > before.sip(item, at),
        Matter::ShareOfApps(item) => after.apps(item, at) > before.apps(item, at),
        Matter::Feature(item, feature) => {
            after.has(item, feature, at) && !before.has(item, feature, at)
        }
    }
}
