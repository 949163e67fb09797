//! Units held at every gate of a path, as a guard: dropped, it gives back exactly what it took,
//! where it took it. It knows no numbers and no seats.

use std::sync::Arc;

use super::measure::{Ask, Units};
use super::path::{Path, Refusal, Stop};
use crate::license::{Cause, Moment};

/// How often a take that met another starts again from the reading.
const ATTEMPTS: usize = 4;

/// Units held on a path.
#[derive(Debug)]
pub struct Reservation {
    path: Arc<Path>,
    apps: u32,
    /// Of one number; so two bytes are plenty.
    sip: u16,
    claimed: bool,
}

impl Reservation {
    /// Holds nothing yet, on `path`.
    pub fn empty(path: Arc<Path>, claimed: bool) -> Self {
        Self { path, apps: 0, sip: 0, claimed }
    }

    /// Where it was taken.
    pub fn path(&self) -> &Arc<Path> {
        &self.path
    }

    /// Whether the promise to created numbers binds it.
    pub fn claimed(&self) -> bool {
        self.claimed
    }

    /// What it holds.
    pub fn units(&self) -> Units {
        Units { sip: self.sip.into(), apps: self.apps }
    }

    /// Whether it can hold as many more.
    fn fits(&self, more: Units) -> bool {
        let sip = u16::try_from(more.sip).ok().and_then(|more| self.sip.checked_add(more));
        sip.is_some() && self.apps.checked_add(more.apps).is_some()
    }

    fn set(&mut self, Units { sip, apps }: Units) {
        self.sip = u16::try_from(sip).unwrap_or(u16::MAX);
        self.apps = apps;
    }

    fn add(&mut self, more: Units) {
        let Units { sip, apps } = self.units();
        self.set(Units { sip: sip + more.sip, apps: apps + more.apps });
    }

    /// Takes `ask.units` more at every gate, or none at any. All gates are read first, so a refusal
    /// names a gate that was full and keeps nothing from others meanwhile.
    pub fn take(&mut self, now: Moment, ask: Ask) -> Result<(), Refusal> {
        let ask = Ask { claimed: self.claimed, ..ask };
        if !self.fits(ask.units) {
            return Err(Refusal::without_gate(Cause::OverCapacity));
        }
        let mut met = None;
        for _ in 0..ATTEMPTS {
            if let Some(refusal) = self.path.cause(now, ask) {
                return Err(refusal);
            }
            match self.take_all(ask.units) {
                Ok(()) => {
                    self.add(ask.units);
                    return Ok(());
                }
                Err(stop) => met = Some((stop.gate.holder(), stop.gate.next_change())),
            }
        }
        let cause = if ask.units.sip > 0 { Cause::SipLimit } else { Cause::AppLimit };
        let (gate, next_change) = met.map_or((None, None), |(gate, next)| (Some(gate), next));
        Err(Refusal { cause, gate, next_change })
    }

    fn take_all(&self, units: Units) -> Result<(), &Stop> {
        if units.is_none() {
            return Ok(());
        }
        let stops = self.path.stops();
        for (count, stop) in stops.iter().enumerate() {
            if !stop.gate.take(units, self.claimed && stop.promises) {
                for taken in stops.iter().take(count) {
                    taken.gate.give(units, self.claimed && taken.promises);
                }
                return Err(stop);
            }
        }
        Ok(())
    }

    /// Holds `units` more whatever the limits say: seats read back, or moved.
    pub fn force(&mut self, units: Units) {
        if !self.fits(units) {
            return;
        }
        for stop in self.path.stops() {
            stop.gate.force(units, self.claimed && stop.promises);
        }
        self.add(units);
    }

    /// Gives back what it holds beyond `keep`.
    pub fn shrink(&mut self, keep: Units) {
        let held = self.units();
        let surplus = held.beyond(keep);
        if surplus.is_none() {
            return;
        }
        for stop in self.path.stops() {
            stop.gate.give(surplus, self.claimed && stop.promises);
        }
        self.set(Units { sip: held.sip - surplus.sip, apps: held.apps - surplus.apps });
    }

    /// Goes over to another path with all it holds, whatever the limits there say. At a gate that
    /// both paths name only what differs is written, so nobody slips in meanwhile.
    pub fn move_to(&mut self, path: &Arc<Path>, claimed: bool) {
        let old = std::mem::replace(&mut self.path, Arc::clone(path));
        let was_claimed = std::mem::replace(&mut self.claimed, claimed);
        let units = self.units();
        if units.is_none() {
            return;
        }
        for stop in old.stops() {
            let binds = was_claimed && stop.promises;
            match path.stop(&stop.gate) {
                None => stop.gate.give(units, binds),
                Some(same) => stop.gate.rebind(units, binds, claimed && same.promises),
            }
        }
        let new = path.stops().iter().filter(|stop| old.stop(&stop.gate).is_none());
        new.for_each(|stop| stop.gate.force(units, claimed && stop.promises));
    }

    /// Whether a gate of its path, on monitor or falling, stands above its limit.
    pub fn is_over(&self) -> bool {
        self.path.stops().iter().any(|stop| stop.gate.is_over())
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.shrink(Units::NONE);
    }
}
