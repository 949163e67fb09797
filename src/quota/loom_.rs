//! The gates, the reservation and the publish under the model checker: every interleaving of two
//! threads, on the code that serves.

use std::sync::Arc;

use loom::thread;

use super::fixture::*;
use super::*;
use crate::license::{
    Cause, FeatureSet, GateStatus, GroupId, HandOut, Holder, Moment, Step, Validity,
};

fn check(model: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.max_branches = 20_000;
    builder.check(model);
}

fn step(from: i64, sip: u32, status: GateStatus) -> Step {
    Step {
        from: Moment(from),
        sip_numbers: sip,
        mobile_apps: sip,
        claimed: sip,
        features: FeatureSet::NONE,
        status,
    }
}

fn plan(steps: &[(i64, u32)]) -> Plan {
    let steps = steps.iter().map(|(from, sip)| step(*from, *sip, GateStatus::Valid)).collect();
    Plan { steps, monitor: false }
}

fn gate(id: i64, steps: &[(i64, u32)]) -> Arc<Gate> {
    gate_in(&Epoch::new(), id, steps)
}

fn gate_in(epoch: &Epoch, id: i64, steps: &[(i64, u32)]) -> Arc<Gate> {
    let gate = Gate::new(Holder::Group(GroupId(id)), epoch);
    gate.publish(plan(steps), Moment(0));
    Arc::new(gate)
}

fn path(gates: &[&Arc<Gate>]) -> Arc<Path> {
    path_in(&Epoch::new(), gates)
}

fn path_in(epoch: &Epoch, gates: &[&Arc<Gate>]) -> Arc<Path> {
    let stop = |gate: &&Arc<Gate>| Stop { gate: Arc::clone(gate), promises: true };
    Arc::new(Path::new(gates.iter().map(stop).collect(), epoch))
}

fn one(units: Units) -> Ask {
    Ask { units, claimed: true, needs: FeatureSet::NONE }
}

const SIP_AND_APP: Units = Units { sip: 1, apps: 1 };

fn used(gate: &Gate) -> (i64, i64, i64) {
    let view = gate.view();
    (view.sip.in_use, view.apps.in_use, view.claimed.in_use)
}

#[test]
fn loom_two_want_the_last_and_at_most_one_gets_it() {
    check(|| {
        let (near, other, far) = (gate(3, &[(0, 9)]), gate(4, &[(0, 9)]), gate(2, &[(0, 1)]));
        let paths = [path(&[&near, &far]), path(&[&other, &far])];

        let [left, right] = paths.map(|path| {
            thread::spawn(move || {
                let mut held = Reservation::empty(path, true);
                let taken = held.take(Moment(0), one(SIP_AND_APP));
                (taken.is_ok(), held)
            })
        });
        let (left, right) = (left.join().unwrap(), right.join().unwrap());

        assert!(left.0 ^ right.0, "exactly one has it");
        assert_eq!(used(&far), (1, 1, 1));
        assert_eq!(used(&near).0 + used(&other).0, 1);
        drop((left, right));
        for gate in [&near, &other, &far] {
            assert_eq!(used(gate), (0, 0, 0));
        }
    });
}

#[test]
fn loom_a_limit_falls_while_one_takes() {
    check(|| {
        let gate = gate(2, &[(0, 1)]);
        let path = path(&[&gate]);
        let taker = thread::spawn(move || {
            let mut held = Reservation::empty(path, true);
            let taken = held.take(Moment(0), one(SIP_AND_APP)).is_ok();
            (taken, held)
        });

        gate.publish(plan(&[(0, 0)]), Moment(0));
        // After the publish nothing more is admitted: what is over now is all that will be.
        let over = gate.overhang().sip;
        let (taken, held) = taker.join().unwrap();

        assert_eq!(i64::from(taken), over);
        assert_eq!(gate.overhang().sip, over);
        drop(held);
        assert!(gate.overhang().is_none() && gate.is_idle());
    });
}

#[test]
fn loom_from_the_boundary_on_nobody_is_admitted() {
    check(|| {
        let gate = gate(2, &[(0, 1), (10, 0)]);
        let path = path(&[&gate]);
        let takers = [9, 10].map(|second| {
            let path = Arc::clone(&path);
            thread::spawn(move || {
                let mut held = Reservation::empty(path, true);
                held.take(Moment(second), one(SIP_AND_APP)).is_ok()
            })
        });

        let mut held = Reservation::empty(path, true);
        let late = held.take(Moment(10), one(SIP_AND_APP));

        assert_eq!(late.map_err(|refusal| refusal.cause), Err(Cause::SipLimit));
        let [_, also_late] = takers.map(|taker| taker.join().unwrap());
        assert!(!also_late);
        drop(held);
        assert!(gate.overhang().is_none() && gate.is_idle());
    });
}

#[test]
fn loom_a_publisher_with_an_older_clock_does_not_open_a_gate_again() {
    check(|| {
        let gate = gate(2, &[(0, 1), (12, 0)]);
        let path = path(&[&gate]);
        let late = thread::spawn(move || {
            let mut held = Reservation::empty(path, true);
            let first = held.take(Moment(12), one(SIP_AND_APP)).is_ok();
            first || held.take(Moment(12), one(SIP_AND_APP)).is_ok()
        });

        gate.publish(plan(&[(0, 1), (12, 0)]), Moment(11));

        assert!(!late.join().unwrap());
    });
}

#[test]
fn loom_after_a_publish_nobody_passes_by_an_older_verdict() {
    check(|| {
        let epoch = Epoch::new();
        let (near, far) = (gate_in(&epoch, 3, &[(0, 1)]), gate_in(&epoch, 2, &[(0, 1)]));
        let path = path_in(&epoch, &[&near, &far]);
        let asks = |path: &Path| path.invalid(Moment(1), FeatureSet::NONE).is_none();
        assert!(asks(&path));
        let reader = {
            let path = Arc::clone(&path);
            thread::spawn(move || asks(&path))
        };

        far.publish(
            Plan { steps: vec![step(0, 1, GateStatus::Suspended)], monitor: false },
            Moment(0),
        );
        let passed = asks(&path);
        reader.join().unwrap();

        assert!(!passed && !asks(&path));
    });
}

#[test]
fn loom_a_verdict_is_never_half_of_another() {
    check(|| {
        let epoch = Epoch::new();
        let gate = gate_in(&epoch, 2, &[(0, 2), (10, 1), (20, 0)]);
        let path = path_in(&epoch, &[&gate]);
        let asks = |path: &Path, second| path.clamp(Moment(second), FeatureSet::NONE);
        asks(&path, 5);
        let later = {
            let path = Arc::clone(&path);
            thread::spawn(move || asks(&path, 12))
        };

        let early = asks(&path, 5);

        assert_eq!(later.join().unwrap(), Some(Moment(20)));
        // The gate crosses its boundary for whoever comes later, and never back.
        assert!([Some(Moment(10)), Some(Moment(20))].contains(&early));
        assert_eq!(asks(&path, 12), Some(Moment(20)));
    });
}

#[test]
fn loom_two_cross_a_boundary_and_it_counts_once() {
    check(|| {
        let gate = gate(2, &[(0, 1), (10, 3), (12, 2)]);
        let crossing = {
            let gate = Arc::clone(&gate);
            thread::spawn(move || gate.advance(Moment(12)))
        };

        gate.publish(plan(&[(0, 4), (12, 2)]), Moment(11));
        gate.advance(Moment(12));
        crossing.join().unwrap();

        let view = gate.view();
        assert_eq!((view.sip.limit, view.apps.limit, view.claimed.limit), (2, 2, 2));
        assert_eq!(used(&gate), (0, 0, 0));
        assert_eq!(gate.next_change(), None);
    });
}

#[test]
fn loom_one_moves_while_another_takes_and_a_third_party_counts() {
    check(|| {
        let (old, new, root) = (gate(3, &[(0, 2)]), gate(4, &[(0, 2)]), gate(2, &[(0, 2)]));
        let (from, to) = (path(&[&old, &root]), path(&[&new, &root]));
        let mut held = Reservation::empty(Arc::clone(&from), true);
        held.take(Moment(0), one(SIP_AND_APP)).unwrap();
        let mover = thread::spawn(move || {
            held.move_to(&to, true);
            held
        });

        let mut other = Reservation::empty(from, true);
        other.take(Moment(0), one(SIP_AND_APP)).unwrap();

        let moved = mover.join().unwrap();
        assert_eq!((used(&old).0, used(&new).0, used(&root).0), (1, 1, 2));
        drop((moved, other));
        assert!(old.is_idle() && new.is_idle() && root.is_idle());
    });
}

/// Two roots, a claim under a house in the first; `sip` seats in each.
fn houses(sip: u32) -> (World, GroupId, [GroupId; 2]) {
    let mut world = World::new();
    let roots = [world.root(), world.root()];
    let house = world.group(roots[0], false);
    world.license(roots[0], sip, sip);
    world.license(roots[1], sip, sip);
    world.claim(house, "1000", "1999");
    world.publish(at(0));
    (world, house, roots)
}

#[test]
fn loom_a_publish_moves_a_number_while_it_registers() {
    check(|| {
        let (mut world, house, roots) = houses(2);
        let mut tree =
            std::mem::replace(&mut world.tree, crate::license::Tree::new(chrono_tz::UTC));
        let world = Arc::new(world);
        let publisher = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                tree.upsert_group(crate::license::Group {
                    parent: Some(roots[1]),
                    ..tree.group(house).unwrap().clone()
                });
                let directory = world.directory.clone();
                world.quota.publish(&tree, directory, &Touched::Everything, at(1));
            })
        };

        let phone = world.phone(1000, "a").app();
        let ticket = match phone.reserve(Standing::Proved, at(1)) {
            Decision::Take(ticket) => Some(ticket),
            other => panic!("refused: {other:?}"),
        };
        let settled = phone.settle(ticket, 1, 60, at(1));
        publisher.join().unwrap();

        assert!(matches!(settled.kept[..], [Kept::Until { .. }]));
        world.check();
        assert_eq!((world.in_use(roots[0]), world.in_use(roots[1])), ((0, 0, 0), (1, 1, 1)));
    });
}

#[test]
fn loom_a_publish_moves_a_reservation() {
    check(|| {
        let (mut world, house, roots) = houses(2);
        let mut tree =
            std::mem::replace(&mut world.tree, crate::license::Tree::new(chrono_tz::UTC));
        let world = Arc::new(world);
        let publisher = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                tree.upsert_group(crate::license::Group {
                    parent: Some(roots[1]),
                    ..tree.group(house).unwrap().clone()
                });
                let directory = world.directory.clone();
                world.quota.publish(&tree, directory, &Touched::Everything, at(1));
            })
        };

        let decision = world.phone(1000, "a").app().reserve(Standing::Proved, at(1));
        publisher.join().unwrap();

        assert!(matches!(decision, Decision::Take(_)));
        world.check();
        assert_eq!((world.in_use(roots[0]), world.in_use(roots[1])), ((0, 0, 0), (1, 1, 1)));
        drop(decision);
        assert_eq!(world.in_use(roots[1]), (0, 0, 0));
    });
}

#[test]
fn loom_a_publish_moves_what_an_unreserved_answer_takes() {
    check(|| {
        let (mut world, house, roots) = houses(2);
        let mut tree =
            std::mem::replace(&mut world.tree, crate::license::Tree::new(chrono_tz::UTC));
        let world = Arc::new(world);
        let publisher = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                tree.upsert_group(crate::license::Group {
                    parent: Some(roots[1]),
                    ..tree.group(house).unwrap().clone()
                });
                let directory = world.directory.clone();
                world.quota.publish(&tree, directory, &Touched::Everything, at(1));
            })
        };

        let settled = world.phone(1000, "a").app().settle(None, 1, 60, at(1));
        publisher.join().unwrap();

        assert!(matches!(settled.kept[..], [Kept::Until { .. }]));
        world.check();
        assert_eq!((world.in_use(roots[0]), world.in_use(roots[1])), ((0, 0, 0), (1, 1, 1)));
    });
}

#[test]
fn loom_a_publish_shrinks_while_one_registers() {
    check(|| {
        let (mut world, _, roots) = houses(1);
        let mut tree =
            std::mem::replace(&mut world.tree, crate::license::Tree::new(chrono_tz::UTC));
        let world = Arc::new(world);
        let publisher = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let license = (*tree.licenses_of(Holder::Group(roots[0]))[0]).clone();
                let validity = Validity { from: None, until: Some(Moment(START)) };
                tree.upsert_license(crate::license::License { validity, ..license });
                let directory = world.directory.clone();
                world.quota.publish(&tree, directory, &Touched::Everything, at(1));
            })
        };

        let phone = world.phone(1000, "a");
        if let Decision::Take(ticket) = phone.reserve(Standing::Proved, at(1)) {
            phone.settle(Some(ticket), 1, 60, at(1));
        }
        publisher.join().unwrap();

        world.check();
        assert_eq!(world.in_use(roots[0]), (0, 0, 0));
    });
}

#[test]
fn loom_an_answer_meets_the_time_out_of_its_like() {
    check(|| {
        let (world, _, roots) = houses(1);
        let world = Arc::new(world);
        let phone = world.phone(1000, "a").app();
        let Decision::Take(first) = phone.reserve(Standing::Proved, at(1)) else { panic!() };
        let dropper = thread::spawn(move || drop(first));

        let settled = phone.settle(None, 1, 60, at(1));
        dropper.join().unwrap();

        assert!(matches!(settled.kept[..], [Kept::Until { .. }]));
        world.check();
        assert_eq!(world.in_use(roots[0]), (1, 1, 1));
    });
}

#[test]
fn loom_hand_out_changes_while_one_leaves() {
    check(|| {
        let (mut world, house, roots) = houses(2);
        world.put_group(house, roots[0], true, HandOut::Split, false);
        world.license(house, 1, 1);
        world.publish(at(0));
        world.phone(1000, "a").settle(None, 1, 60, at(0));
        world.put_group(roots[0], crate::license::SERVER, true, HandOut::Shared, false);
        let world = Arc::new(world);
        let leaver = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                world.quota.free(&aor(1000), None, at(1));
            })
        };

        let directory = world.directory.clone();
        world.quota.publish(&world.tree, directory, &Touched::Everything, at(1));
        leaver.join().unwrap();

        world.check();
        assert_eq!(world.in_use(roots[0]), (0, 0, 0));
    });
}
