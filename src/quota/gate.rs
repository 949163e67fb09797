//! One gate on the wire: what is left under it now, and what its schedule says comes next.
//! It outlives every tree, is found by its holder, and knows nothing of numbers, seats or packets.

use std::fmt;

use super::measure::{Ask, GateView, Level, Overhang, Plan, Units};
use super::sync::{AtomicI64, AtomicU64, Mutex, Ordering, pause};
use super::verdict::Epoch;
pub(super) use super::word::Face;
use super::word::{pack, unpack};
use crate::license::{Cause, FeatureSet, GateStatus, Holder, Moment, Step};

/// A gate. One cache line is what packets read; a taken or given unit is one write to it.
#[repr(align(64))]
pub struct Gate {
    /// limit − use, SIP and apps: see [`pack`].
    left: AtomicU64,
    /// The claimed budget − claimed use, at gates that promise.
    claimed_left: AtomicI64,
    /// Status, monitor and features: see [`Face`].
    face: AtomicU64,
    /// Second of the next step, `i64::MAX` for none.
    next_change: AtomicI64,
    /// Second at which a resource next gets smaller.
    shrinks_at: AtomicI64,
    /// Second at which any feature is next lost.
    loses_at: AtomicI64,
    holder: Holder,
    epoch: Epoch,
    sheet: Mutex<Sheet>,
}

/// What a gate says of itself without its counts.
pub(super) struct Outlook {
    pub face: Face,
    /// Seconds, as the gate keeps them.
    pub next_change: i64,
    pub shrinks_at: i64,
    pub loses_at: i64,
}

/// The schedule and what of it is in force; the mutex around it is held for a few loads and adds.
struct Sheet {
    plan: Plan,
    /// The latest instant that was applied.
    at: Moment,
    sip: i64,
    apps: i64,
    claimed: i64,
}

/// Limits are cut to this, so that no sum leaves its half of the word.
const MOST: u32 = 1 << 30;

/// A publisher whose clock reads further back than this has had its clock set.
const STEP_BACK_SECS: i64 = 10;

impl Gate {
    /// A gate that allows nothing until it is told a plan; whatever changes turns `epoch`.
    pub fn new(holder: Holder, epoch: &Epoch) -> Self {
        let face =
            Face { status: GateStatus::NoLicense, monitor: false, features: FeatureSet::NONE };
        let plan = Plan { steps: Vec::new(), monitor: false };
        Self {
            left: AtomicU64::new(0),
            claimed_left: AtomicI64::new(0),
            face: AtomicU64::new(face.pack()),
            next_change: AtomicI64::new(i64::MAX),
            shrinks_at: AtomicI64::new(i64::MAX),
            loses_at: AtomicI64::new(i64::MAX),
            holder,
            epoch: epoch.clone(),
            sheet: Mutex::new(Sheet { plan, at: Moment::MIN, sip: 0, apps: 0, claimed: 0 }),
        }
    }

    /// Whose gate it is.
    pub fn holder(&self) -> Holder {
        self.holder
    }

    /// Replaces the schedule; what is in use stays counted. Returns whether anything differs.
    pub fn publish(&self, plan: Plan, now: Moment) -> bool {
        let mut sheet = self.sheet.lock();
        // A packet may have crossed a boundary after this publisher read its clock: not back again.
        let stale = now < sheet.at && now.0.saturating_add(STEP_BACK_SECS) >= sheet.at.0;
        let at = if stale { sheet.at } else { now };
        let differs = sheet.plan != plan;
        sheet.plan = plan;
        self.apply(&mut sheet, at);
        differs
    }

    /// Crosses every boundary up to `now`. Cheap where there is none.
    pub fn advance(&self, now: Moment) {
        // Acquire: whoever sees the new instant sees the limits that were added before it.
        if now.0 < self.next_change.load(Ordering::Acquire) {
            return;
        }
        let mut sheet = self.sheet.lock();
        if now > sheet.at {
            self.apply(&mut sheet, now);
        }
    }

    fn apply(&self, sheet: &mut Sheet, at: Moment) {
        let next = sheet.plan.steps.partition_point(|step| step.from <= at);
        let step = next.checked_sub(1).and_then(|index| sheet.plan.steps.get(index)).copied();
        let later = sheet.plan.steps.get(next..).unwrap_or_default();
        let (shrinks_at, loses_at) = losses(step.as_ref(), later);
        let next_change = later.first().map_or(i64::MAX, |step| step.from.0);
        let limits = step.map_or((0, 0, 0), limits);
        let face = Face {
            status: step.map_or(GateStatus::NoLicense, |step| step.status),
            monitor: sheet.plan.monitor,
            features: step.map_or(FeatureSet::NONE, |step| step.features),
        };

        // The face first: a refusal that finds less than it read looks at the face again.
        self.face.store(face.pack(), Ordering::Release);
        self.shrinks_at.store(shrinks_at, Ordering::Relaxed);
        self.loses_at.store(loses_at, Ordering::Relaxed);
        let difference = pack(limits.0 - sheet.sip, limits.1 - sheet.apps);
        self.left.fetch_add(difference, Ordering::AcqRel);
        self.claimed_left.fetch_add(limits.2 - sheet.claimed, Ordering::AcqRel);
        (sheet.sip, sheet.apps, sheet.claimed) = limits;
        sheet.at = at;
        // Release, and last: see `advance`.
        self.next_change.store(next_change, Ordering::Release);
        self.epoch.turn();
    }

    /// What it says of itself; no boundary is crossed for it.
    pub(super) fn outlook(&self) -> Outlook {
        Outlook {
            face: Face::unpack(self.face.load(Ordering::Acquire)),
            next_change: self.next_change.load(Ordering::Acquire),
            shrinks_at: self.shrinks_at.load(Ordering::Acquire),
            loses_at: self.loses_at.load(Ordering::Acquire),
        }
    }

    /// Why this gate refuses `ask` at `now`, if it does. Takes nothing.
    pub fn cause(&self, now: Moment, ask: Ask) -> Option<Cause> {
        self.advance(now);
        let mut word = self.face.load(Ordering::Acquire);
        loop {
            let face = Face::unpack(word);
            if face.monitor {
                return None;
            }
            let cause = invalid(face.status)
                .or_else(|| {
                    let lacks = !ask.needs.without(face.features).is_empty();
                    lacks.then_some(Cause::FeatureOff)
                })
                .or_else(|| self.full(ask))?;
            // A limit that fell between the two readings fell for a reason that the face tells.
            let again = self.face.load(Ordering::Acquire);
            if again == word {
                return Some(cause);
            }
            word = again;
        }
    }

    /// Why nobody will pass here at `at`, by the schedule; changes nothing.
    pub fn invalid_as_of(&self, at: Moment, needs: FeatureSet) -> Option<Cause> {
        let sheet = self.sheet.lock();
        if sheet.plan.monitor {
            return None;
        }
        let next = sheet.plan.steps.partition_point(|step| step.from <= at);
        let step = next.checked_sub(1).and_then(|index| sheet.plan.steps.get(index));
        let Some(step) = step else { return Some(Cause::NoLicense) };
        let lacks = !needs.without(step.features).is_empty();
        invalid(step.status).or(lacks.then_some(Cause::FeatureOff))
    }

    /// Whether what is asked fits, valid or not.
    #[inline]
    pub(super) fn has_room(&self, ask: Ask) -> bool {
        self.full(ask).is_none()
    }

    #[inline]
    fn full(&self, ask: Ask) -> Option<Cause> {
        let (sip, apps) = unpack(self.left.load(Ordering::Acquire));
        let wants_sip = ask.units.sip > 0;
        let promised = ask.claimed
            && wants_sip
            && self.claimed_left.load(Ordering::Acquire) < i64::from(ask.units.sip);
        if promised || wants_sip && sip < i64::from(ask.units.sip) {
            Some(Cause::SipLimit)
        } else if ask.units.apps > 0 && apps < i64::from(ask.units.apps) {
            Some(Cause::AppLimit)
        } else {
            None
        }
    }

    /// Takes all of `units` or nothing. A gate on monitor gives above its limit.
    #[must_use]
    pub fn take(&self, units: Units, claimed: bool) -> bool {
        if Face::unpack(self.face.load(Ordering::Acquire)).monitor {
            self.force(units, claimed);
            return true;
        }
        let sip = i64::from(units.sip);
        let apps = i64::from(units.apps);
        let claims = claimed && sip > 0;
        if claims {
            let rest = |left: i64| (left >= sip).then(|| left - sip);
            if self.claimed_left.fetch_update(Ordering::AcqRel, Ordering::Acquire, rest).is_err() {
                return false;
            }
        }
        // One conditional update for both resources: never one without the other, never past.
        let taken = self.update_left(|word| {
            let (left_sip, left_apps) = unpack(word);
            let fits = (sip == 0 || left_sip >= sip) && (apps == 0 || left_apps >= apps);
            fits.then(|| word.wrapping_sub(pack(sip, apps)))
        });
        if !taken && claims {
            self.claimed_left.fetch_add(sip, Ordering::AcqRel);
        }
        taken
    }

    /// Changes what is left, unless `change` won't. Who comes too late waits a little: meanwhile the one
    /// that was faster goes on with the word in its own cache, which is faster for both.
    fn update_left(&self, change: impl Fn(u64) -> Option<u64>) -> bool {
        loop {
            let seen = self.left.load(Ordering::Acquire);
            let Some(next) = change(seen) else { return false };
            let put = self.left.compare_exchange(seen, next, Ordering::AcqRel, Ordering::Relaxed);
            if put.is_ok() {
                return true;
            }
            pause();
        }
    }

    /// Counts `units` whatever the limit says: seats that move with their owner, or are read back.
    pub fn force(&self, units: Units, claimed: bool) {
        let (sip, apps) = (i64::from(units.sip), i64::from(units.apps));
        if claimed && sip > 0 {
            self.claimed_left.fetch_sub(sip, Ordering::AcqRel);
        }
        self.left.fetch_sub(pack(sip, apps), Ordering::AcqRel);
    }

    /// Gives back what was taken.
    pub fn give(&self, units: Units, claimed: bool) {
        let (sip, apps) = (i64::from(units.sip), i64::from(units.apps));
        self.left.fetch_add(pack(sip, apps), Ordering::AcqRel);
        if claimed && sip > 0 {
            self.claimed_left.fetch_add(sip, Ordering::AcqRel);
        }
    }

    /// Units that stay here begin, or cease, to be bound by the promise.
    pub(super) fn rebind(&self, units: Units, was_claimed: bool, claimed: bool) {
        let change = i64::from(was_claimed) - i64::from(claimed);
        if change != 0 && units.sip > 0 {
            self.claimed_left.fetch_add(change * i64::from(units.sip), Ordering::AcqRel);
        }
    }

    /// What has to go; nothing on monitor.
    pub fn overhang(&self) -> Overhang {
        if Face::unpack(self.face.load(Ordering::Acquire)).monitor {
            return Overhang::default();
        }
        let (sip, apps) = unpack(self.left.load(Ordering::Acquire));
        let claimed = self.claimed_left.load(Ordering::Acquire);
        Overhang { sip: (-sip).max(0), apps: (-apps).max(0), claimed: (-claimed).max(0) }
    }

    /// Whether it is full or over for what is asked, whatever monitor lifts.
    pub(super) fn is_over(&self) -> bool {
        let (sip, apps) = unpack(self.left.load(Ordering::Acquire));
        sip < 0 || apps < 0
    }

    /// The features in force; all on monitor.
    pub fn features(&self, now: Moment) -> FeatureSet {
        self.advance(now);
        let face = Face::unpack(self.face.load(Ordering::Acquire));
        match (face.monitor, face.status) {
            (true, _) => FeatureSet::all(),
            (false, GateStatus::Valid) => face.features,
            (false, _) => FeatureSet::NONE,
        }
    }

    /// The instant after `now` at which the gate is known to get smaller or to lose one of `needs`.
    pub fn clamp(&self, now: Moment, needs: FeatureSet) -> Option<Moment> {
        self.advance(now);
        if Face::unpack(self.face.load(Ordering::Acquire)).monitor {
            return None;
        }
        let shrinks_at = self.shrinks_at.load(Ordering::Relaxed);
        let mut at = shrinks_at;
        if !needs.is_empty() && self.loses_at.load(Ordering::Relaxed) < shrinks_at {
            let sheet = self.sheet.lock();
            let lacks = |step: &&Step| !needs.without(step.features).is_empty();
            let lost = sheet.plan.steps.iter().filter(|step| step.from > now).find(lacks);
            at = lost.map_or(at, |step| at.min(step.from.0));
        }
        (at != i64::MAX).then_some(Moment(at))
    }

    /// The instant of the next step.
    pub fn next_change(&self) -> Option<Moment> {
        let at = self.next_change.load(Ordering::Acquire);
        (at != i64::MAX).then_some(Moment(at))
    }

    /// All of it, limit and use of one instant.
    pub fn view(&self) -> GateView {
        // Under the mutex no limit changes, so limit − left is what is in use.
        let sheet = self.sheet.lock();
        let (sip, apps) = unpack(self.left.load(Ordering::Acquire));
        let claimed = self.claimed_left.load(Ordering::Acquire);
        let face = Face::unpack(self.face.load(Ordering::Acquire));
        GateView {
            holder: self.holder,
            status: face.status,
            monitor: face.monitor,
            sip: Level { limit: sheet.sip, in_use: sheet.sip - sip },
            apps: Level { limit: sheet.apps, in_use: sheet.apps - apps },
            claimed: Level { limit: sheet.claimed, in_use: sheet.claimed - claimed },
            features: face.features,
            next_change: self.next_change(),
        }
    }

    /// Whether nothing is counted in it.
    pub fn is_idle(&self) -> bool {
        let view = self.view();
        view.sip.in_use == 0 && view.apps.in_use == 0 && view.claimed.in_use == 0
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.view().fmt(f)
    }
}

fn limits(step: Step) -> (i64, i64, i64) {
    if step.status != GateStatus::Valid {
        return (0, 0, 0);
    }
    let cut = |limit: u32| i64::from(limit.min(MOST));
    (cut(step.sip_numbers), cut(step.mobile_apps), cut(step.claimed))
}

fn invalid(status: GateStatus) -> Option<Cause> {
    match status {
        GateStatus::Valid => None,
        GateStatus::Suspended => Some(Cause::Suspended),
        GateStatus::NotYetValid => Some(Cause::NotYetValid),
        GateStatus::Expired => Some(Cause::Expired),
        GateStatus::NoLicense => Some(Cause::NoLicense),
    }
}

/// The first instants of `later` at which a resource falls, and at which a feature is lost.
fn losses(now: Option<&Step>, later: &[Step]) -> (i64, i64) {
    let Some(now) = now else { return (i64::MAX, i64::MAX) };
    let (mut shrinks_at, mut loses_at) = (i64::MAX, i64::MAX);
    let mut before = now;
    for step in later {
        let (old, new) = (limits(*before), limits(*step));
        if new.0 < old.0 || new.1 < old.1 || new.2 < old.2 {
            shrinks_at = shrinks_at.min(step.from.0);
        }
        if !before.features.without(step.features).is_empty() {
            loses_at = loses_at.min(step.from.0);
        }
        before = step;
    }
    (shrinks_at, loses_at)
}

#[cfg(all(test, not(feature = "loom")))]
mod tests {
    use super::*;
    use crate::license::{Feature, GroupId};

    const TEN: Moment = Moment(10);

    fn step(from: Moment, sip_numbers: u32, mobile_apps: u32, status: GateStatus) -> Step {
        let features = [Feature::SipTrunks].into_iter().collect();
        Step { from, sip_numbers, mobile_apps, claimed: sip_numbers, features, status }
    }

    fn gate(steps: Vec<Step>) -> Gate {
        let gate = Gate::new(Holder::Group(GroupId(2)), &Epoch::new());
        gate.publish(Plan { steps, monitor: false }, Moment(0));
        gate
    }

    fn ask(sip: u32, apps: u32) -> Ask {
        Ask { units: Units { sip, apps }, claimed: false, needs: FeatureSet::NONE }
    }

    #[test]
    fn one_update_takes_both_or_neither() {
        let gate = gate(vec![step(Moment(0), 5, 1, GateStatus::Valid)]);

        assert!(gate.take(Units { sip: 1, apps: 1 }, false));
        assert!(!gate.take(Units { sip: 1, apps: 1 }, false));

        let view = gate.view();
        assert_eq!((view.sip.in_use, view.apps.in_use), (1, 1));
        assert_eq!(gate.cause(Moment(0), ask(1, 1)), Some(Cause::AppLimit));
        assert_eq!(gate.cause(Moment(0), ask(6, 1)), Some(Cause::SipLimit));
    }

    #[test]
    fn a_gate_crosses_its_boundaries_by_itself() {
        let steps =
            vec![step(Moment(0), 5, 1, GateStatus::Valid), step(TEN, 0, 0, GateStatus::Expired)];
        let gate = gate(steps);
        assert!(gate.take(Units { sip: 2, apps: 0 }, false));

        assert_eq!(gate.cause(Moment(9), ask(0, 0)), None);
        assert_eq!(gate.clamp(Moment(9), FeatureSet::NONE), Some(TEN));
        assert_eq!(gate.cause(TEN, ask(0, 0)), Some(Cause::Expired));

        assert_eq!(gate.overhang(), Overhang { sip: 2, apps: 0, claimed: 0 });
        assert_eq!((gate.next_change(), gate.clamp(TEN, FeatureSet::NONE)), (None, None));
    }

    #[test]
    fn growth_is_no_clamp_and_a_lost_feature_is_one_for_who_needs_it() {
        let mut later = step(TEN, 9, 9, GateStatus::Valid);
        later.features = FeatureSet::NONE;
        let gate = gate(vec![step(Moment(0), 5, 1, GateStatus::Valid), later]);
        let trunks = [Feature::SipTrunks].into_iter().collect();

        assert_eq!(gate.clamp(Moment(0), FeatureSet::NONE), None);
        assert_eq!(gate.clamp(Moment(0), trunks), Some(TEN));
    }

    #[test]
    fn a_clock_set_back_is_followed() {
        let steps =
            vec![step(Moment(0), 5, 1, GateStatus::Valid), step(TEN, 0, 0, GateStatus::Expired)];
        let gate = gate(steps.clone());
        gate.advance(Moment(5_000));

        gate.publish(Plan { steps, monitor: false }, Moment(5));

        assert_eq!(gate.cause(Moment(5), ask(1, 0)), None);
    }
}
