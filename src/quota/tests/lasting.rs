//! What ends by time, what is kept for late comers, what sleeps, and what outlives the process.

use crate::license::{Cause, FeatureSet, GateStatus, GroupId, Holder, Validity};
use crate::quota::fixture::*;
use crate::quota::*;

fn house(sip: u32, apps: u32) -> (World, GroupId) {
    let mut world = World::new();
    let root = world.root();
    world.license(root, sip, apps);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    (world, root)
}

#[test]
fn an_expired_seat_is_held_for_thirty_seconds() {
    let (world, root) = house(1, 0);
    world.phone(1000, "a").register(60, at(0));

    world.quota.tick(at(89_999));
    let held = world.phone(1000, "a").state(at(89_999));
    let newcomer = world.phone(1001, "a").register(60, at(89_999));
    let back = world.phone(1000, "a").register(60, at(89_999));

    assert_eq!(held, Some(State::Held));
    assert!(!newcomer.is_ok());
    assert!(back.is_ok());
    assert_eq!(world.in_use(root), (1, 0, 1));
}

#[test]
fn a_full_gate_first_ends_what_is_overdue() {
    let (world, _) = house(1, 0);
    world.phone(1000, "a").register(60, at(0));

    let newcomer = world.phone(1001, "a").register(60, at(90_000));

    assert!(newcomer.is_ok());
    assert_eq!(world.phone(1000, "a").state(at(90_000)), None);
}

#[test]
fn a_long_grant_is_filed_again_and_ends_in_its_second() {
    let (world, root) = house(1, 0);
    world.phone(1000, "a").register(3600, at(0));

    for secs in 0..3630 {
        world.quota.tick(at(secs * 1000 + 500));
    }
    let before = world.in_use(root);
    world.quota.tick(at(3_630_500));

    assert_eq!((before, world.in_use(root)), ((1, 0, 1), (0, 0, 0)));
}

#[test]
fn a_shorter_grant_ends_earlier() {
    let (world, root) = house(1, 0);
    world.phone(1000, "a").register(300, at(0));
    world.phone(1000, "a").register(10, at(1_000));

    world.quota.tick(at(41_000));

    assert_eq!(world.in_use(root), (0, 0, 0));
}

#[test]
fn the_ring_survives_a_long_pause() {
    let (world, root) = house(3, 0);
    world.phone(1000, "a").register(60, at(0));
    world.phone(1001, "a").register(3600, at(0));
    world.phone(1002, "a").register(600_000, at(0));

    world.quota.tick(at(86_400_000));

    assert_eq!(world.in_use(root), (1, 0, 1));
    world.check();
}

fn ending_at(secs: i64) -> Validity {
    Validity { from: None, until: Some(sec(secs)) }
}

fn ends_at(world: &mut World, secs: i64) -> GroupId {
    let root = world.root();
    world.license_for(root, 5, 5, ending_at(secs), FeatureSet::NONE);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    root
}

#[test]
fn the_boundaries_of_very_many_gates_are_all_crossed_and_the_next_is_known() {
    let mut world = World::new();
    let roots: Vec<_> = (0..1_100).map(|_| world.root()).collect();
    for (n, root) in (1..).zip(&roots) {
        // All end in the first second but for the last, which ends in the second.
        let secs = if n == roots.len() as i64 { 20 } else { 10 };
        world.license_for(*root, 1, 0, ending_at(secs), FeatureSet::NONE);
    }
    world.publish(at(0));
    assert_eq!(world.quota.next_boundary(), Some(sec(10)));

    let mut portions = 0;
    world.quota.boundary_in_portions(at(10_000), &mut |_| portions += 1);

    assert!(portions > 2, "{portions}");
    assert_eq!(world.quota.next_boundary(), Some(sec(20)));
    let ended = |root: &&GroupId| {
        let view = world.quota.gate(Holder::Group(**root), at(0)).unwrap();
        view.status == GateStatus::Expired
    };
    assert_eq!(roots.iter().filter(ended).count(), roots.len() - 1);
    world.quota.boundary(at(20_000));
    assert_eq!(world.quota.next_boundary(), None);
}

#[test]
fn very_many_go_in_portions_the_newest_first_and_nothing_is_locked_in_between() {
    let mut world = World::new();
    let root = world.root();
    world.license_for(root, 300, 0, ending_at(10), FeatureSet::NONE);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    for n in 0..300 {
        assert!(world.phone(1000 + n, "a").register(3600, at(u64::from(n))).is_ok());
    }
    assert_eq!(world.in_use(root).0, 300);

    let (mut gone, mut largest, mut left) = (Vec::new(), 0, Vec::new());
    world.quota.boundary_in_portions(at(10_000), &mut |portion| {
        largest = largest.max(portion.revoked.len());
        gone.extend(portion.revoked.iter().map(|one| one.aor.to_string()));
        // Of the oldest, who goes last: a look and a refresh, as packets take them.
        left.extend(world.phone(1000, "a").state(at(10_000)));
        let refresh = world.phone(1000, "a").register(3600, at(10_000));
        assert!(matches!(refresh, Ending::Refused(Cause::Expired, _)));
    });

    let newest_first: Vec<_> = (1000..1300).rev().map(aor).collect();
    assert_eq!(gone, newest_first);
    assert!(largest < 100 && left.len() > 2, "{largest} at once, {} looks", left.len());
    assert_eq!(world.in_use(root), (0, 0, 0));
    world.check();
}

#[test]
fn a_push_device_sleeps_through_a_gap_and_comes_back_oldest_first() {
    let mut world = World::new();
    let root = ends_at(&mut world, 10);
    world.phone(1000, "a").app().register(3600, at(1));
    world.phone(1001, "a").app().register(3600, at(2));
    world.phone(1002, "desk").register(3600, at(3));

    let lost = world.quota.boundary(at(10_000));
    assert_eq!(lost.revoked.len(), 3);
    assert_eq!(world.phone(1000, "a").state(at(10_000)), Some(State::Dormant));
    assert_eq!(world.phone(1002, "desk").state(at(10_000)), None);
    assert_eq!(world.in_use(root), (0, 0, 0));

    world.license(root, 1, 1);
    let changes = world.publish(at(20_000));

    assert_eq!(changes.woken, [Woken { aor: aor(1000).as_str().into(), no: 1 }]);
    assert_eq!(world.phone(1000, "a").state(at(20_000)), Some(State::Live));
    assert_eq!(world.phone(1001, "a").state(at(20_000)), Some(State::Dormant));
    world.quota.tick(at(3_602_000));
    assert_eq!(world.phone(1001, "a").state(at(3_602_000)), None, "the registrar forgot it");
    world.check();
}

#[test]
fn a_sleeper_whose_gate_only_shrank_keeps_its_seat() {
    let mut world = World::new();
    let root = ends_at(&mut world, 10);
    world.license(root, 5, 5);
    world.publish(at(0));
    let ending = world.phone(1000, "a").app().register(3600, at(0));
    assert!(matches!(ending, Ending::Ok { until_mono_ms: 10_000, .. }));

    world.quota.boundary(at(10_000));
    world.quota.tick(at(10_500));

    let until = world.quota.look(&aor(1000), |entry| entry.devices()[0].until_mono_ms());
    assert_eq!(until, Some(3_600_000));
    assert_eq!(world.phone(1000, "a").state(at(50_000)), Some(State::Live));
}

#[test]
fn freeing_a_number_drops_its_sleepers_too() {
    let mut world = World::new();
    ends_at(&mut world, 10);
    world.phone(1000, "a").app().register(3600, at(1));
    world.quota.boundary(at(10_000));

    let freed = world.quota.free(&aor(1000), None, at(11_000)).expect("something freed");

    assert_eq!(freed.devices.len(), 1);
    assert!(world.quota.look(&aor(1000), |_| ()).is_none());
    assert!(world.quota.free(&aor(1000), None, at(12_000)).is_none());
}

#[test]
fn the_last_app_takes_its_numbers_sip_seat_along() {
    let (world, root) = house(2, 2);
    world.phone(1000, "a").app().register(60, at(1));
    world.phone(1000, "b").app().register(60, at(2));

    world.quota.free(&aor(1000), Some(1), at(3));
    let one = world.in_use(root);
    world.quota.free(&aor(1000), Some(2), at(4));

    assert_eq!((one, world.in_use(root)), ((1, 1, 1), (0, 0, 0)));
}

#[test]
fn what_is_dirty_is_drained_once_and_comes_back_after_a_restart() {
    let (world, root) = house(2, 1);
    world.phone(1000, "a").app().register(60, at(1));
    world.phone(1001, "a").register(60, at(2));
    let drained = world.drained();
    assert_eq!(drained.len(), 2);
    assert!(!world.quota.is_dirty());
    world.phone(1001, "a").register(60, at(3));
    assert!(!world.quota.is_dirty(), "a renewal within a tenth is not written");
    world.phone(1001, "a").register(60, at(8_000));
    assert_eq!(world.drained().len(), 1);

    let (again, other) = house(2, 1);
    let records = drained.into_iter().filter_map(|dirty| dirty.record).collect();
    let changes = again.quota.restore(records, at(10));

    assert!(changes.revoked.is_empty());
    assert_eq!(again.in_use(other), (2, 1, 2));
    assert!(!again.phone(1002, "a").register(60, at(11)).is_ok());
    assert!(again.phone(1000, "a").app().register(60, at(12)).is_ok());
    assert_eq!(world.in_use(root), (2, 1, 2));
}

#[test]
fn a_seat_that_went_is_told_to_the_ledger_if_it_was_kept() {
    let (world, _) = house(2, 1);
    world.phone(1000, "a").register(60, at(1));
    world.phone(1000, "a").leave(10, at(2));
    assert!(world.drained().iter().all(|dirty| dirty.record.is_none()));
    world.phone(1001, "a").register(60, at(3));
    let kept = world.drained();
    world.quota.dirty_again(kept.iter().map(|dirty| dirty.aor.clone()));
    assert_eq!(world.drained().len(), 1);

    world.phone(1001, "a").leave(20, at(4));
    let drained = world.drained();

    assert_eq!(drained.len(), 1);
    assert!(drained[0].record.is_none());
    assert_eq!(*drained[0].aor, *aor(1001));
}

#[test]
fn a_number_that_came_back_is_not_told_as_gone() {
    let (world, _) = house(2, 0);
    world.phone(1000, "a").register(60, at(1));
    world.phone(1001, "a").register(60, at(2));
    assert_eq!(world.quota.changed(100).len(), 2);
    [1000, 1001].iter().for_each(|user| drop(world.quota.free(&aor(*user), None, at(3))));

    world.phone(1000, "a").register(60, at(4));

    let changed = world.quota.changed(100);
    assert!(changed.len() == 1 && changed[0].record.is_some());
    let gone = world.quota.gone(100);
    assert!(gone.len() == 1 && gone[0].record.is_none());
    assert_eq!((&*changed[0].aor, &*gone[0].aor), (&*aor(1000), &*aor(1001)));
}

#[test]
fn seats_read_back_beyond_the_limit_are_revoked() {
    let (world, _) = house(2, 0);
    world.phone(1000, "a").register(60, at(1));
    world.phone(1001, "a").register(60, at(2));
    let records = world.drained().into_iter().filter_map(|dirty| dirty.record).collect();
    let (smaller, root) = house(1, 0);

    let changes = smaller.quota.restore(records, at(5));

    assert_eq!(changes.revoked.len(), 1);
    assert_eq!(*changes.revoked[0].aor, *aor(1001));
    assert_eq!(smaller.in_use(root), (1, 0, 1));
}
