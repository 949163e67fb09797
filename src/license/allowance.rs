//! What a gate has at an instant, and when that changes.
//! On the wire a suspended license counts as none; in distribution it counts as if enabled.

use super::{FeatureSet, HandOut, Holder, Items, License, Moment, Resource, Tree};

/// What the licenses of a gate give together at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Allowance {
    pub sip_numbers: u32,
    pub mobile_apps: u32,
    pub features: FeatureSet,
}

/// Whether a gate has a license that is valid, and if not, what kind it misses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GateStatus {
    Valid,
    /// One would be valid now but is suspended.
    Suspended,
    /// One starts later.
    NotYetValid,
    /// One ended.
    Expired,
    /// None on record.
    NoLicense,
}

/// What a gate gives from an instant on, until the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    pub from: Moment,
    pub sip_numbers: u32,
    pub mobile_apps: u32,
    /// SIP seats that claimed numbers may hold together, see [`Tree::promises`].
    pub claimed: u32,
    pub features: FeatureSet,
    pub status: GateStatus,
}

impl Allowance {
    /// One count, for sums.
    pub fn of(&self, resource: Resource) -> i64 {
        match resource {
            Resource::SipNumbers => self.sip_numbers.into(),
            Resource::MobileApps => self.mobile_apps.into(),
        }
    }

    /// Licenses of all types add up.
    pub fn plus(self, license: &License) -> Self {
        Self {
            sip_numbers: self.sip_numbers.saturating_add(license.sip_numbers),
            mobile_apps: self.mobile_apps.saturating_add(license.mobile_apps),
            features: self.features.union(license.features),
        }
    }
}

impl GateStatus {
    /// The word for it in JSON and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspended => "suspended",
            Self::NotYetValid => "not_yet_valid",
            Self::Expired => "expired",
            Self::NoLicense => "no_license",
        }
    }
}

impl Tree {
    /// What the gate has on the wire: over its enabled licenses valid at `at`.
    pub fn allowance(&self, gate: Holder, at: Moment) -> Allowance {
        let licenses = self.licenses_of(gate).iter();
        licenses
            .filter(|license| license.is_active(at))
            .fold(Allowance::default(), |sum, license| sum.plus(license))
    }

    /// What the gate was granted: suspension stops the wire but changes no sum.
    pub fn granted_allowance(&self, gate: Holder, at: Moment) -> Allowance {
        let licenses = self.licenses_of(gate).iter();
        licenses
            .filter(|license| license.validity.contains(at))
            .fold(Allowance::default(), |sum, license| sum.plus(license))
    }

    /// Whether any license of the gate, suspended or not, is valid at `at`; where none is, all rests.
    pub fn is_licensed(&self, gate: Holder, at: Moment) -> bool {
        self.licenses_of(gate).iter().any(|license| license.validity.contains(at))
    }

    /// The start of the gate's first license that begins after `at`.
    pub fn next_start(&self, gate: Holder, at: Moment) -> Option<Moment> {
        let licenses = self.licenses_of(gate).iter();
        licenses
            .filter(|license| license.validity.starts_after(at))
            .filter_map(|license| license.validity.from)
            .min()
    }

    /// Whether the gate is valid at `at`, and why not.
    pub fn gate_status(&self, gate: Holder, at: Moment) -> GateStatus {
        let licenses = self.licenses_of(gate);
        let any = |test: &dyn Fn(&License) -> bool| licenses.iter().any(|license| test(license));
        if any(&|license| license.is_active(at)) {
            GateStatus::Valid
        } else if any(&|license| license.validity.contains(at)) {
            GateStatus::Suspended
        } else if any(&|license| license.validity.starts_after(at)) {
            GateStatus::NotYetValid
        } else if any(&|license| license.validity.ended_by(at)) {
            GateStatus::Expired
        } else {
            GateStatus::NoLicense
        }
    }

    /// Everything the wire needs of a gate from `from` on: the first step covers `from`, then one for
    /// each instant at which anything changes.
    pub fn schedule(&self, gate: Holder, from: Moment) -> Vec<Step> {
        let items = self.items(gate);
        // Running sum of what is handed down: one pass over sorted edges, not a sum for each instant.
        let mut edges: Vec<(Moment, i64)> =
            self.handed_down(gate, &items).flat_map(|license| edges_of(license, from)).collect();
        edges.sort_unstable_by_key(|(at, _)| *at);

        let mut instants = vec![from];
        instants.extend(edges.iter().map(|(at, _)| *at));
        instants.extend(self.licenses_of(gate).iter().flat_map(|license| {
            [license.validity.from, license.validity.until].into_iter().flatten()
        }));
        instants.retain(|at| *at >= from);
        instants.sort_unstable();
        instants.dedup();

        let mut steps: Vec<Step> = Vec::new();
        let mut edges = edges.into_iter().peekable();
        let mut promised = self.promised_numbers(gate, &items);
        for at in instants {
            while let Some((_, by)) = edges.next_if(|(edge, _)| *edge <= at) {
                promised += by;
            }
            let step = self.step(gate, at, promised);
            if steps.last().is_none_or(|last| Step { from: at, ..*last } != step) {
                steps.push(step);
            }
        }
        steps
    }

    /// The step of the schedule that covers one instant: it costs no look at any other.
    pub fn step_at(&self, gate: Holder, at: Moment) -> Step {
        let items = self.items(gate);
        let promised: i64 = self
            .handed_down(gate, &items)
            .filter(|license| license.validity.contains(at))
            .map(|license| i64::from(license.sip_numbers))
            .sum();
        self.step(gate, at, self.promised_numbers(gate, &items) + promised)
    }

    /// How many numbers the gate promises a seat to, see [`Tree::promises`].
    fn promised_numbers(&self, gate: Holder, items: &Items) -> i64 {
        match self.hand_out(gate) {
            HandOut::Shared => items.numbers_below,
            HandOut::Split => items.numbers,
        }
    }

    /// The licenses that are cut from what the gate has.
    fn handed_down<'t>(
        &'t self,
        gate: Holder,
        items: &'t Items,
    ) -> impl Iterator<Item = &'t License> {
        let gates = match self.hand_out(gate) {
            HandOut::Shared => &[][..],
            HandOut::Split => &items.gates[..],
        };
        gates.iter().flat_map(|gate| self.licenses_of(*gate)).map(|license| &**license)
    }

    fn step(&self, gate: Holder, from: Moment, promised: i64) -> Step {
        let Allowance { sip_numbers, mobile_apps, features } = self.allowance(gate, from);
        let claimed = (i64::from(sip_numbers) - promised).max(0);
        Step {
            from,
            sip_numbers,
            mobile_apps,
            claimed: u32::try_from(claimed).unwrap_or(u32::MAX),
            features,
            status: self.gate_status(gate, from),
        }
    }
}

/// When a granted license begins and ceases to count, from `from` on.
fn edges_of(license: &License, from: Moment) -> impl Iterator<Item = (Moment, i64)> {
    let start = license.validity.from.unwrap_or(Moment::MIN).max(from);
    let end = license.validity.until.unwrap_or(Moment::MAX);
    let count = i64::from(license.sip_numbers);
    let edges = [Some((start, count)), license.validity.until.map(|until| (until, -count))];
    edges.into_iter().flatten().filter(move |_| start < end)
}
