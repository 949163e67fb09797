//! License state of a group or a user: the figures that a form shows, the same as the wire's own.

use super::{Feature, FeatureSet, GateStatus, Holder, Moment, Resource, Tree, Usage};

/// What a group or a user has, uses and may still use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pub holder: Holder,
    /// Whether it is a gate.
    pub restricted: bool,
    /// Over the path: the status of the gate that stops it, else valid.
    pub status: GateStatus,
    /// The nearest gate with that status, where it is not valid.
    pub stopped_by: Option<Holder>,
    pub sip_numbers: Figures,
    pub mobile_apps: Figures,
    /// Every feature, in the order of [`Feature::ALL`].
    pub features: Vec<FeatureState>,
    /// When the first gate of the path loses its last license; `None` without a time limit.
    pub valid_until: Option<Moment>,
    /// The gate that ends then.
    pub ends_with: Option<Holder>,
    pub next_change: Option<NextChange>,
}

/// The figures of one resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Maximum: own allowance, or that of the nearest gate above; `None` is unlimited.
    pub limit: Option<i64>,
    /// Whose allowance that is.
    pub limit_of: Option<Holder>,
    /// SIP: created numbers and claimed seats; apps: app seats.
    pub used: i64,
    /// Seats.
    pub in_use: i64,
    /// Granted to the gates among the items.
    pub handed_out: i64,
    /// May still be handed out (of the nearest gate above, for a group that is off); negative where
    /// more was promised than there is.
    pub left: Option<i64>,
    /// The smallest room over the path, never below 0.
    pub available: Option<i64>,
    /// By how much used is above the maximum.
    pub over_by: i64,
    /// The nearest gate with the smallest room, itself included.
    pub bound_by: Option<Holder>,
}

/// One feature over the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeatureState {
    pub feature: Feature,
    pub status: FeatureStatus,
    /// The earliest end over the path; `None` without a time limit, or where it is not enabled.
    pub until: Option<Moment>,
}

/// Whether a feature may be used, and why not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureStatus {
    Enabled,
    /// Some gate of the path has it in no license.
    Off,
    Suspended,
    /// It comes at that instant.
    From(Moment),
    Ended,
}

/// The next instant at which the holder's own maximum changes, over the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextChange {
    pub at: Moment,
    pub from: Effective,
    pub to: Effective,
}

/// The strictest allowance over a path; `None` is unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Effective {
    pub sip_numbers: Option<u32>,
    pub mobile_apps: Option<u32>,
    pub features: FeatureSet,
}

impl FeatureStatus {
    /// The word for it in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Off => "off",
            Self::Suspended => "suspended",
            Self::From(_) => "from",
            Self::Ended => "ended",
        }
    }
}

impl Tree {
    /// The license state of a holder at an instant.
    pub fn state(&self, holder: Holder, at: Moment, usage: &dyn Usage) -> State {
        let path = self.path(holder);
        let statuses = path.iter().map(|gate| (*gate, self.gate_status(*gate, at)));
        let stopped = statuses
            .filter(|(_, status)| *status != GateStatus::Valid)
            .min_by_key(|(_, status)| super::Cause::of_status(*status));
        let end = self.end_of_path(&path, at);
        State {
            holder,
            restricted: self.is_gate(holder),
            status: stopped.map_or(GateStatus::Valid, |(_, status)| status),
            stopped_by: stopped.map(|(gate, _)| gate),
            sip_numbers: self.figures(holder, &path, Resource::SipNumbers, at, usage),
            mobile_apps: self.figures(holder, &path, Resource::MobileApps, at, usage),
            features: Feature::ALL.iter().map(|one| self.feature(*one, &path, at)).collect(),
            valid_until: end.map(|(end, _)| end),
            ends_with: end.map(|(_, gate)| gate),
            next_change: self.next_change(&path, at),
        }
    }

    /// SIP numbers or apps used under a holder.
    pub fn used(&self, holder: Holder, resource: Resource, usage: &dyn Usage) -> i64 {
        match resource {
            Resource::SipNumbers => {
                self.items(holder).numbers_below + signed(usage.claimed_seats(holder))
            }
            Resource::MobileApps => signed(usage.app_seats(holder)),
        }
    }

    fn figures(
        &self,
        holder: Holder,
        path: &[Holder],
        resource: Resource,
        at: Moment,
        usage: &dyn Usage,
    ) -> Figures {
        let is_gate = self.is_gate(holder);
        let nearest = self.limiting_gate(holder, resource, at);
        let limit = nearest.map(|gate| self.allowance(gate, at).of(resource));
        let used = self.used(holder, resource, usage);
        let in_use = signed(match resource {
            Resource::SipNumbers => usage.sip_seats(holder),
            Resource::MobileApps => usage.app_seats(holder),
        });
        let room = path.iter().map(|gate| {
            let allowance = self.allowance(*gate, at).of(resource);
            let room = allowance - self.used(*gate, resource, usage);
            // Under a group that is off, what the nearest gate promised to others is not to be had.
            let promised = !is_gate && Some(*gate) == nearest;
            let left = if promised { self.left(*gate, resource, at) } else { i64::MAX };
            (room.min(left), *gate)
        });
        // The first of the smallest: the nearest.
        let bound = room.min_by_key(|(room, _)| *room);
        Figures {
            limit,
            limit_of: nearest,
            used,
            in_use,
            handed_out: self.handed_out(holder, resource, at),
            left: nearest.map(|gate| self.left(gate, resource, at)),
            available: bound.map(|(room, _)| room.max(0)),
            over_by: if is_gate { (used - limit.unwrap_or(used)).max(0) } else { 0 },
            bound_by: bound.map(|(_, gate)| gate),
        }
    }

    /// The gate whose allowance is the holder's maximum: itself, else the nearest above; of several,
    /// as a user without a license may have, the one with the least left.
    fn limiting_gate(&self, holder: Holder, resource: Resource, at: Moment) -> Option<Holder> {
        if self.is_gate(holder) {
            return Some(holder);
        }
        let gates = self.gates_above(holder).into_iter().map(Holder::Group);
        gates.min_by_key(|gate| self.left(*gate, resource, at))
    }

    /// When the first gate of a holder's path loses its last license, and which that is.
    pub fn end(&self, holder: Holder, at: Moment) -> Option<(Moment, Holder)> {
        self.end_of_path(&self.path(holder), at)
    }

    fn end_of_path(&self, path: &[Holder], at: Moment) -> Option<(Moment, Holder)> {
        let ends = path.iter().filter_map(|gate| Some((self.gate_end(*gate, at)?, *gate)));
        ends.min_by_key(|(end, _)| *end)
    }

    /// When the gate has no enabled license any more; `None` where it has none now, or for ever.
    fn gate_end(&self, gate: Holder, at: Moment) -> Option<Moment> {
        let has = |at| self.licenses_of(gate).iter().any(|license| license.is_active(at));
        self.edges(&[gate], at).into_iter().find(|edge| has(at) && !has(*edge))
    }

    /// Every later instant at which a license of the gates starts or ends, sorted.
    pub(super) fn edges(&self, gates: &[Holder], at: Moment) -> Vec<Moment> {
        let licenses = gates.iter().flat_map(|gate| self.licenses_of(*gate));
        let edges = licenses.flat_map(|license| [license.validity.from, license.validity.until]);
        let mut edges: Vec<Moment> = edges.flatten().filter(|edge| *edge > at).collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// The strictest allowance over a path.
    pub fn effective(&self, path: &[Holder], at: Moment) -> Effective {
        let unlimited =
            Effective { sip_numbers: None, mobile_apps: None, features: FeatureSet::all() };
        path.iter().map(|gate| self.allowance(*gate, at)).fold(unlimited, |least, own| Effective {
            sip_numbers: Some(least.sip_numbers.unwrap_or(u32::MAX).min(own.sip_numbers)),
            mobile_apps: Some(least.mobile_apps.unwrap_or(u32::MAX).min(own.mobile_apps)),
            features: least.features.intersection(own.features),
        })
    }

    /// The next instant at which the strictest allowance over a path changes.
    pub fn next_change(&self, path: &[Holder], at: Moment) -> Option<NextChange> {
        let from = self.effective(path, at);
        let steps = self.edges(path, at).into_iter().map(|at| (at, self.effective(path, at)));
        steps.filter(|(_, to)| *to != from).map(|(at, to)| NextChange { at, from, to }).next()
    }

    /// A feature over a path: on only where every gate has it; without a gate, on.
    pub fn feature(&self, feature: Feature, path: &[Holder], at: Moment) -> FeatureState {
        let has = |at| self.effective(path, at).features.contains(feature);
        if has(at) {
            let until = self.edges(path, at).into_iter().find(|edge| !has(*edge));
            return FeatureState { feature, status: FeatureStatus::Enabled, until };
        }
        let lacking =
            path.iter().filter(|gate| !self.allowance(**gate, at).features.contains(feature));
        let statuses: Vec<FeatureStatus> =
            lacking.map(|gate| self.feature_at(feature, *gate, at)).collect();
        let comes = self.edges(path, at).into_iter().find(|edge| has(*edge));
        let status = if statuses.contains(&FeatureStatus::Off) {
            FeatureStatus::Off
        } else if statuses.contains(&FeatureStatus::Suspended) {
            FeatureStatus::Suspended
        } else if let Some(comes) = comes {
            FeatureStatus::From(comes)
        } else {
            statuses.first().copied().unwrap_or(FeatureStatus::Off)
        };
        FeatureState { feature, status, until: None }
    }

    /// Why one gate lacks a feature.
    fn feature_at(&self, feature: Feature, gate: Holder, at: Moment) -> FeatureStatus {
        let licenses = self.licenses_of(gate).iter();
        let with: Vec<_> = licenses.filter(|one| one.features.contains(feature)).collect();
        let start = with
            .iter()
            .filter(|license| license.validity.starts_after(at))
            .filter_map(|license| license.validity.from)
            .min();
        if with.iter().any(|license| license.validity.contains(at)) {
            FeatureStatus::Suspended
        } else if let Some(start) = start {
            FeatureStatus::From(start)
        } else if with.is_empty() {
            FeatureStatus::Off
        } else {
            FeatureStatus::Ended
        }
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
