//! All gates that a number stands under, nearest first. It reads them and explains them; taking is
//! the reservation's.

use std::fmt;
use std::sync::Arc;

use super::gate::Gate;
use super::measure::{Ask, GateView, Units};
use super::verdict::{Epoch, Kept, Verdict};
use crate::license::{Cause, FeatureSet, Holder, Moment};

/// One gate of a path.
#[derive(Clone, Debug)]
pub struct Stop {
    pub gate: Arc<Gate>,
    /// Whether its claimed budget binds the claimed numbers of this path.
    pub promises: bool,
}

/// The gates of a number: deepest first, then by id. Empty: no limit.
pub struct Path {
    stops: Box<[Stop]>,
    epoch: Epoch,
    kept: Kept,
}

/// Why something is refused, and the gate that bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub cause: Cause,
    /// Absent where no gate is the reason.
    pub gate: Option<Holder>,
    /// When that gate changes next.
    pub next_change: Option<Moment>,
}

impl Refusal {
    /// A refusal that no gate is the reason of.
    pub fn without_gate(cause: Cause) -> Self {
        Self { cause, gate: None, next_change: None }
    }
}

impl Path {
    /// A path over `stops`, which come deepest first, then by id; their gates turn `epoch`.
    pub fn new(stops: Vec<Stop>, epoch: &Epoch) -> Self {
        Self { stops: stops.into(), epoch: epoch.clone(), kept: Kept::new() }
    }

    /// Its gates, nearest first.
    pub fn stops(&self) -> &[Stop] {
        &self.stops
    }

    /// Whether `holder` is one of its gates.
    pub fn passes(&self, holder: Holder) -> bool {
        self.stops.iter().any(|stop| stop.gate.holder() == holder)
    }

    /// Where it passes `gate`.
    pub(super) fn stop(&self, gate: &Arc<Gate>) -> Option<&Stop> {
        self.stops.iter().find(|stop| Arc::ptr_eq(&stop.gate, gate))
    }

    /// Whether both name the same gates with the same promises.
    pub fn is_same(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
            || self.stops.len() == other.stops.len()
                && self.stops.iter().zip(&other.stops).all(|(one, two)| {
                    Arc::ptr_eq(&one.gate, &two.gate) && one.promises == two.promises
                })
    }

    /// The refusal that binds, if any gate refuses: the first cause in order of precedence, among
    /// equals the nearest gate. Takes nothing.
    pub fn cause(&self, now: Moment, ask: Ask) -> Option<Refusal> {
        if ask.units.is_none() && self.verdict(now).lets(ask.needs) {
            return None;
        }
        // Where nothing is kept, each gate says it below.
        let known = self.kept.known(&self.epoch, now);
        let open = known.is_some_and(|verdict| verdict.lets(ask.needs));
        let mut first: Option<(Cause, &Gate)> = None;
        for stop in &self.stops {
            let here = Ask { claimed: ask.claimed && stop.promises, ..ask };
            // Where all are open, room is all that one can lack.
            if open && stop.gate.has_room(here) {
                continue;
            }
            let Some(cause) = stop.gate.cause(now, here) else { continue };
            if first.is_none_or(|(worst, _)| cause < worst) {
                first = Some((cause, &stop.gate));
            }
            // And then nothing that a gate above says comes before it.
            if open && cause == Cause::SipLimit {
                break;
            }
        }
        first.map(|(cause, gate)| Refusal {
            cause,
            gate: Some(gate.holder()),
            next_change: gate.next_change(),
        })
    }

    fn verdict(&self, now: Moment) -> Verdict {
        let gates = || self.stops.iter().map(|stop| &*stop.gate);
        self.kept.verdict(&self.epoch, gates, now)
    }

    /// Why nobody passes here now, whatever is free: validity, and the features needed.
    pub fn invalid(&self, now: Moment, needs: FeatureSet) -> Option<Refusal> {
        self.cause(now, Ask { units: Units::NONE, claimed: false, needs })
    }

    /// Why nobody will pass here at a later instant, by the schedules; changes nothing.
    pub fn invalid_as_of(&self, at: Moment, needs: FeatureSet) -> Option<Refusal> {
        let causes = self.stops.iter().filter_map(|stop| {
            let cause = stop.gate.invalid_as_of(at, needs)?;
            Some(Refusal { cause, gate: Some(stop.gate.holder()), next_change: None })
        });
        // The first of the equal ones is the nearest.
        causes.min_by_key(|refusal| refusal.cause)
    }

    /// What every gate has; all where there is none.
    pub fn features(&self, now: Moment) -> FeatureSet {
        self.stops
            .iter()
            .fold(FeatureSet::all(), |set, stop| set.intersection(stop.gate.features(now)))
    }

    /// The next known instant at which a gate gets smaller or loses one of `needs`: no seat is
    /// granted beyond it.
    pub fn clamp(&self, now: Moment, needs: FeatureSet) -> Option<Moment> {
        let Verdict { shrinks_at, loses_at, .. } = self.verdict(now);
        if needs.is_empty() || loses_at >= shrinks_at {
            return (shrinks_at != i64::MAX).then_some(Moment(shrinks_at));
        }
        self.stops.iter().filter_map(|stop| stop.gate.clamp(now, needs)).min()
    }

    /// The next instant at which any of its gates changes.
    pub fn next_change(&self) -> Option<Moment> {
        self.stops.iter().filter_map(|stop| stop.gate.next_change()).min()
    }

    /// Every gate as it stands, nearest first.
    pub fn views(&self, now: Moment) -> Vec<GateView> {
        let view = |stop: &Stop| {
            stop.gate.advance(now);
            stop.gate.view()
        };
        self.stops.iter().map(view).collect()
    }

    /// Every gate's own refusal of `ask`, nearest first.
    pub fn causes(&self, now: Moment, ask: Ask) -> Vec<(Holder, Option<Cause>)> {
        let own = |stop: &Stop| {
            let here = Ask { claimed: ask.claimed && stop.promises, ..ask };
            (stop.gate.holder(), stop.gate.cause(now, here))
        };
        self.stops.iter().map(own).collect()
    }
}

impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stops.fmt(f)
    }
}
