//! The counts at one gate, before and after a write: what it makes worse, and by how much.

use super::check::Comparison;
use super::timeline::{Timeline, boundaries};
use super::{Obstacle, shares};
use crate::license::{HandOut, Holder, Moment, Resource, Tree};

/// What a comparison found.
#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// The write asks more than is left: never forced.
    Up(Obstacle),
    /// The write leaves too little for what is there: force may let it. `over` says by how much
    /// (none where a feature or a seat is the matter, which is told elsewhere).
    Down { obstacle: Obstacle, over: Option<i64>, at: Moment },
    /// Accepted, but it does not fit.
    Later { gate: Holder, resource: String, over: i64, at: Moment },
}

/// One side of the comparison at one gate.
pub(super) struct Side<'a> {
    pub tree: &'a Tree,
    pub gate: Holder,
    pub resource: Resource,
    pub is_gate: bool,
    pub hand_out: HandOut,
    pub grants: Timeline,
    pub numbers: i64,
}

/// One side at one instant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figures {
    /// Whether the gate has a license then; where not, everything rests.
    pub licensed: bool,
    pub allowance: i64,
    pub grants: i64,
    pub numbers: i64,
    pub hand_out: HandOut,
}

/// How much worse one instant becomes, and of what kind it is.
pub(super) struct Worse {
    pub at: Moment,
    pub kind: Kind,
    /// By how much more it does not fit than before.
    pub by: i64,
    pub over: i64,
    pub granted: i64,
    pub left: i64,
    pub asked: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Up,
    Down,
    Later,
}

impl<'a> Side<'a> {
    fn new(tree: &'a Tree, gate: Holder, resource: Resource, at: Moment) -> Self {
        let items = tree.items(gate);
        let hand_out = tree.hand_out(gate);
        let (grants, numbers) = match hand_out {
            HandOut::Split => (Timeline::sum(tree, &items.gates, resource, at), items.numbers),
            HandOut::Shared => {
                (Timeline::max(tree, &items.gates, resource, at), items.numbers_below)
            }
        };
        let numbers = if resource == Resource::SipNumbers { numbers } else { 0 };
        Self { tree, gate, resource, is_gate: tree.is_gate(gate), hand_out, grants, numbers }
    }

    pub fn at(&self, at: Moment) -> Figures {
        Figures {
            licensed: self.is_gate && self.tree.is_licensed(self.gate, at),
            allowance: self.tree.granted_allowance(self.gate, at).of(self.resource),
            grants: self.grants.at(at),
            numbers: self.numbers,
            hand_out: self.hand_out,
        }
    }
}

impl Figures {
    /// What has to fit the allowance: split, all together; shared, the largest and the numbers each.
    fn load(&self) -> i64 {
        self.load_with(self.numbers)
    }

    fn load_with(&self, numbers: i64) -> i64 {
        match self.hand_out {
            HandOut::Split => self.grants + numbers,
            HandOut::Shared => self.grants.max(numbers),
        }
    }

    /// What may still be handed out.
    pub fn left(&self) -> i64 {
        match self.hand_out {
            HandOut::Split => self.allowance - self.load(),
            HandOut::Shared => self.allowance - self.numbers,
        }
    }

    /// By how much it does not fit; at rest nothing is asked.
    pub fn excess(&self) -> i64 {
        if self.licensed { (self.load() - self.allowance).max(0) } else { 0 }
    }
}

/// Everything that a write makes worse at one gate.
pub(super) fn compare(both: &Comparison<'_>, gate: Holder) -> Vec<Finding> {
    let mut findings = Vec::new();
    for resource in [Resource::SipNumbers, Resource::MobileApps] {
        let before = Side::new(both.before, gate, resource, both.at);
        let after = Side::new(both.after, gate, resource, both.at);
        let instants = instants(&before, &after, both.at);
        let worse = if before.is_gate {
            let mut worse = compare_sums(&before, &after, &instants, both.at);
            if after.hand_out == HandOut::Shared && before.hand_out == HandOut::Shared {
                worse.extend(shares::compare(both, &before, &after, &instants));
            }
            worse
        } else {
            compare_new_gate(&after, &instants, both.at)
        };
        findings.extend(tell(both, gate, resource, worse, &before, &after, &instants));
    }
    findings
}

fn instants(before: &Side<'_>, after: &Side<'_>, at: Moment) -> Vec<Moment> {
    let mut all: Vec<Moment> = before.grants.instants().chain(after.grants.instants()).collect();
    all.extend(boundaries(before.tree, before.gate, at));
    all.extend(boundaries(after.tree, after.gate, at));
    all.sort_unstable();
    all.dedup();
    all
}

/// The one instant at which created numbers are judged.
fn instant_of_numbers(after: &Side<'_>, at: Moment) -> Moment {
    if after.tree.is_licensed(after.gate, at) {
        return at;
    }
    after.tree.next_start(after.gate, at).unwrap_or(at)
}

fn compare_sums(
    before: &Side<'_>,
    after: &Side<'_>,
    instants: &[Moment],
    at: Moment,
) -> Vec<Worse> {
    let numbers_at = instant_of_numbers(after, at);
    let figures = instants.iter().map(|at| (*at, before.at(*at), after.at(*at)));
    let shared = before.hand_out == HandOut::Shared && after.hand_out == HandOut::Shared;
    figures
        .filter_map(|(instant, mut old, mut new)| {
            if !new.licensed {
                return compare_unlicensed(instant, &old, &new, instant == at, numbers_at);
            }
            if shared {
                // Each share is judged by itself; a large one must not hide that numbers don't fit.
                (old.grants, new.grants) = (0, 0);
            }
            compare_licensed(instant, &old, &new, instant == numbers_at)
        })
        .collect()
}

/// No license: all rests, except that nothing may be left without one now, and that nobody creates
/// numbers where none will come.
fn compare_unlicensed(
    at: Moment,
    old: &Figures,
    new: &Figures,
    now: bool,
    numbers_at: Moment,
) -> Option<Worse> {
    if !now {
        return None;
    }
    let added = new.numbers - old.numbers;
    if old.licensed && new.load() > old.excess() {
        return Some(Worse::taken(at, old, new));
    }
    (added > 0 && numbers_at == at).then_some(Worse {
        at,
        kind: Kind::Up,
        by: added,
        over: new.numbers,
        granted: 0,
        left: 0,
        asked: added,
    })
}

fn compare_licensed(at: Moment, old: &Figures, new: &Figures, numbers_now: bool) -> Option<Worse> {
    let excess = new.excess();
    let held = excess_before(old, new);
    if excess <= held {
        return None;
    }
    let numbers = if numbers_now { new.numbers } else { new.numbers.min(old.numbers) };
    let asked = new.load_with(numbers);
    let opened = old.hand_out != new.hand_out && new.hand_out == HandOut::Split;
    let rises = opened || new.grants > old.grants || new.numbers > old.numbers;
    let allowance = new.allowance.max(old.allowance);
    let kind = if new.hand_out == HandOut::Shared && old.hand_out == HandOut::Split {
        Kind::Later
    } else if rises && asked - allowance > held {
        Kind::Up
    } else if new.allowance < old.allowance {
        return Some(Worse::taken(at, old, new));
    } else {
        Kind::Later
    };
    Some(Worse {
        at,
        kind,
        by: excess - held,
        over: excess,
        granted: new.allowance,
        left: if old.licensed { old.left() } else { new.allowance },
        asked: new.load() - if opened { 0 } else { old.load() },
    })
}

/// What did not fit before. Where a gate splits again, only its created numbers were held against it.
fn excess_before(old: &Figures, new: &Figures) -> i64 {
    if old.licensed && old.hand_out == HandOut::Shared && new.hand_out == HandOut::Split {
        return (old.numbers - old.allowance).max(0);
    }
    old.excess()
}

impl Worse {
    /// The gate's own allowance falls.
    pub fn taken(at: Moment, old: &Figures, new: &Figures) -> Self {
        let over = (new.load() - new.allowance).max(0);
        Self {
            at,
            kind: Kind::Down,
            by: over - old.excess(),
            over,
            granted: old.allowance,
            left: old.left(),
            asked: old.allowance - new.allowance,
        }
    }
}

/// A gate that was none: what is below has to fit as if it were granted now.
fn compare_new_gate(after: &Side<'_>, instants: &[Moment], at: Moment) -> Vec<Worse> {
    let numbers_at = instant_of_numbers(after, at);
    // A user's first license is no switch that force may turn.
    let refused = if matches!(after.gate, Holder::User(_)) { Kind::Up } else { Kind::Down };
    let mut found = Vec::new();
    for instant in instants {
        let figures = after.at(*instant);
        let judged = *instant == numbers_at;
        if !figures.licensed && !judged {
            continue;
        }
        let numbers = if judged { figures.numbers } else { 0 };
        let over = figures.load() - figures.allowance;
        if over > 0 {
            let refuse = figures.load_with(numbers) > figures.allowance;
            found.push(Worse {
                at: *instant,
                kind: if refuse { refused } else { Kind::Later },
                by: over,
                over,
                granted: figures.allowance,
                left: figures.allowance,
                asked: figures.load(),
            });
        }
    }
    found
}

/// Of each kind the worst instant, as it is told.
fn tell(
    both: &Comparison<'_>,
    gate: Holder,
    resource: Resource,
    worse: Vec<Worse>,
    before: &Side<'_>,
    after: &Side<'_>,
    instants: &[Moment],
) -> Vec<Finding> {
    let worst = |kind| {
        let of_kind = worse.iter().filter(move |worse| worse.kind == kind);
        // Among equals the earliest.
        of_kind.max_by_key(|worse| (worse.by, std::cmp::Reverse(worse.at)))
    };
    let obstacle = |worse: &Worse, last_date_that_fits| Obstacle {
        gate: both.after.name_of(gate),
        holder: gate,
        resource: resource.name().into(),
        granted: Some(worse.granted),
        left: worse.left,
        asked: worse.asked,
        last_date_that_fits,
    };
    let mut findings = Vec::new();
    if let Some(up) = worst(Kind::Up) {
        let rises = |at: &Moment| after.at(*at).grants > before.at(*at).grants;
        let start = instants.iter().copied().find(rises);
        let ups = worse.iter().filter(|worse| worse.kind == Kind::Up);
        let fails = ups.map(|worse| worse.at).min();
        let last = fails.filter(|fails| {
            start.is_some_and(|start| start < *fails) || both.could_end(gate, *fails)
        });
        findings.push(Finding::Up(obstacle(up, last)));
    }
    if let Some(down) = worst(Kind::Down) {
        let (over, at) = (Some(down.over), down.at);
        findings.push(Finding::Down { obstacle: obstacle(down, None), over, at });
    }
    if let Some(later) = worst(Kind::Later) {
        let resource = resource.name().into();
        findings.push(Finding::Later { gate, resource, over: later.over, at: later.at });
    }
    findings
}
