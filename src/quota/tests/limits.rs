//! Who gets in, who is refused by which gate, and who goes when a limit falls.

use crate::license::{Cause, Feature, FeatureSet, HandOut, Holder, NumberKind, SERVER, Validity};
use crate::quota::fixture::*;
use crate::quota::*;

fn until(secs: i64) -> Validity {
    Validity { from: None, until: Some(sec(secs)) }
}

fn from(secs: i64) -> Validity {
    Validity { from: Some(sec(secs)), until: None }
}

#[test]
fn fifty_of_sixty_get_in_and_one_leaves_one_enters() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 50, 0);
    world.claim(root, "1000", "1999");
    world.publish(at(0));

    let endings: Vec<_> = (1000..1060).map(|n| world.phone(n, "a").register(60, at(1))).collect();

    assert_eq!(endings.iter().filter(|ending| ending.is_ok()).count(), 50);
    let refused = Ending::Refused(Cause::SipLimit, Some(Holder::Group(root)));
    assert_eq!(endings.iter().filter(|ending| **ending == refused).count(), 10);
    world.phone(1007, "a").leave(5, at(3));
    assert!(world.phone(1055, "a").register(60, at(4)).is_ok());
    assert_eq!(world.phone(1056, "a").register(60, at(4)), refused);
    assert_eq!(world.in_use(root), (50, 0, 50));
}

#[test]
fn claimed_numbers_get_what_is_not_promised() {
    let mut world = World::new();
    let root = world.root();
    let a = world.group(root, true);
    let b = world.group(root, false);
    world.license(root, 70, 0);
    world.license(a, 50, 0);
    world.claim(b, "1000", "1999");
    world.publish(at(0));

    let endings: Vec<_> = (1000..1060).map(|n| world.phone(n, "a").register(60, at(1))).collect();

    assert_eq!(endings.iter().filter(|ending| ending.is_ok()).count(), 20);
}

#[test]
fn the_panel_finds_its_promised_place() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 3, 0);
    world.claim(root, "1000", "1999");
    world.number(7, Holder::Group(root), NumberKind::Panel);
    world.publish(at(0));

    let endings: Vec<_> = (1000..1003).map(|n| world.phone(n, "a").register(60, at(1))).collect();
    let panel = world.phone(7, "panel").register(60, at(2));

    assert!(endings[0].is_ok() && endings[1].is_ok() && !endings[2].is_ok());
    assert!(panel.is_ok());
    assert_eq!(world.in_use(root), (3, 0, 2));
}

#[test]
fn apps_of_one_number_share_its_sip_seat() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 2, 2);
    world.number(101, Holder::Group(root), NumberKind::Phone);
    world.publish(at(0));

    let first = world.phone(101, "a").app().register(60, at(1));
    let second = world.phone(101, "b").app().register(60, at(2));
    let third = world.phone(101, "c").app().register(60, at(3));
    let desk = world.phone(101, "desk").register(60, at(4));

    assert!(first.is_ok() && second.is_ok() && desk.is_ok());
    assert_eq!(third, Ending::Refused(Cause::AppLimit, Some(Holder::Group(root))));
    assert_eq!(world.in_use(root), (1, 2, 0));
}

#[test]
fn sip_limit_comes_before_app_limit() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 1, 1);
    world.claim(root, "100", "199");
    world.publish(at(0));

    world.phone(101, "a").app().register(60, at(1));
    let other = world.phone(102, "a").app().register(60, at(2));

    assert_eq!(other, Ending::Refused(Cause::SipLimit, Some(Holder::Group(root))));
}

#[test]
fn a_limit_two_levels_up_binds_and_takes_nothing_below() {
    let mut world = World::new();
    let root = world.root();
    let building = world.group(root, false);
    let flat = world.group(building, true);
    world.put_group(root, SERVER, true, HandOut::Shared, false);
    world.license(root, 1, 0);
    world.license(flat, 5, 0);
    world.claim(flat, "100", "199");
    world.publish(at(0));

    world.phone(101, "a").register(60, at(1));
    let second = world.phone(102, "a").register(60, at(2));

    assert_eq!(second, Ending::Refused(Cause::SipLimit, Some(Holder::Group(root))));
    assert_eq!(world.in_use(flat), (1, 0, 1));
}

#[test]
fn a_sip_limit_above_comes_before_the_app_limit_of_a_nearer_gate() {
    let mut world = World::new();
    let root = world.root();
    let flat = world.group(root, true);
    world.put_group(root, SERVER, true, HandOut::Shared, false);
    world.license(root, 1, 5);
    world.license(flat, 5, 0);
    world.claim(flat, "100", "199");
    world.publish(at(0));

    world.phone(101, "a").register(60, at(1));
    let app = world.phone(102, "a").app().register(60, at(2));

    assert_eq!(app, Ending::Refused(Cause::SipLimit, Some(Holder::Group(root))));
}

#[test]
fn a_user_in_two_groups_counts_in_both() {
    let mut world = World::new();
    let (a, c) = (world.root(), world.root());
    world.license(a, 5, 0);
    world.license(c, 1, 0);
    let user = crate::license::UserId(900);
    world.tree.upsert_user(crate::license::User {
        id: user,
        name: "u".into(),
        email: None,
        groups: vec![a, c],
    });
    world.number(1, Holder::User(user), NumberKind::Phone);
    world.number(2, Holder::User(user), NumberKind::Phone);
    world.publish(at(0));

    assert!(world.phone(1, "a").register(60, at(1)).is_ok());
    let second = world.phone(2, "a").register(60, at(2));

    assert_eq!(second, Ending::Refused(Cause::SipLimit, Some(Holder::Group(c))));
    assert_eq!((world.in_use(a), world.in_use(c)), ((1, 0, 0), (1, 0, 0)));
}

#[test]
fn plus_ends_and_the_newest_beyond_basic_go() {
    let mut world = World::new();
    let root = world.root();
    world.license_for(root, 50, 0, until(100), FeatureSet::NONE);
    world.license(root, 10, 0);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    for n in 0..55 {
        let ending = world.phone(1000 + n, "a").register(3600, at(u64::from(n) + 1));
        assert!(matches!(ending, Ending::Ok { until_mono_ms: 100_000, .. }));
    }

    let before = world.quota.boundary(at(99_999));
    let changes = world.quota.boundary(at(100_000));

    assert!(before.revoked.is_empty());
    assert_eq!(changes.revoked.len(), 45);
    assert!(changes.revoked.iter().all(|gone| gone.cause == Cause::SipLimit && gone.number));
    assert!(world.phone(1009, "a").state(at(100_000)).is_some());
    assert_eq!(world.phone(1010, "a").state(at(100_000)), None);
    world.check();
}

#[test]
fn a_renewal_without_a_gap_is_no_boundary_of_a_seat() {
    let mut world = World::new();
    let root = world.root();
    world.license_for(root, 50, 0, until(100), FeatureSet::NONE);
    world.license_for(root, 50, 0, from(100), FeatureSet::NONE);
    world.claim(root, "1000", "1999");
    world.publish(at(0));

    let ending = world.phone(1000, "a").register(3600, at(0));
    let changes = world.quota.boundary(at(100_000));

    assert!(matches!(ending, Ending::Ok { until_mono_ms: 3_600_000, .. }));
    assert!(changes.revoked.is_empty());
}

#[test]
fn the_second_is_exact_though_the_timer_is_late() {
    let mut world = World::new();
    let root = world.root();
    world.license_for(root, 5, 0, until(3), FeatureSet::NONE);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    assert!(world.phone(1000, "a").register(60, at(2_999)).is_ok());

    let refresh = world.phone(1000, "a").register(60, at(3_000));
    let newcomer = world.phone(1001, "a").register(60, at(3_000));

    let expired = Ending::Refused(Cause::Expired, Some(Holder::Group(root)));
    assert_eq!((&refresh, &newcomer), (&expired, &expired));
    world.license_for(root, 5, 0, from(0), FeatureSet::NONE);
    world.publish(at(4_000));
    assert!(world.phone(1001, "a").register(60, at(4_000)).is_ok());
}

#[test]
fn suspension_stops_the_wire_and_says_so() {
    let mut world = World::new();
    let root = world.root();
    let id = world.license(root, 5, 0);
    world.number(1, Holder::Group(root), NumberKind::Panel);
    world.publish(at(0));
    world.phone(1, "a").register(60, at(1));

    world.put_license(id, root, 5, 0, Validity::default(), FeatureSet::NONE, true);
    let changes = world.publish(at(2));

    assert_eq!(changes.revoked.len(), 1);
    assert_eq!(changes.revoked[0].cause, Cause::Suspended);
    let again = world.phone(1, "a").register(60, at(3));
    assert_eq!(again, Ending::Refused(Cause::Suspended, Some(Holder::Group(root))));
}

#[test]
fn panels_go_last() {
    let mut world = World::new();
    let root = world.root();
    let id = world.license(root, 6, 0);
    world.claim(root, "1000", "1999");
    world.number(1, Holder::Group(root), NumberKind::Phone);
    world.number(2, Holder::Group(root), NumberKind::Panel);
    world.publish(at(0));
    for (n, user) in [1000, 1001, 1, 2].into_iter().enumerate() {
        assert!(world.phone(user, "a").register(60, at(n as u64 + 1)).is_ok());
    }

    world.put_license(id, root, 1, 0, Validity::default(), FeatureSet::NONE, false);
    let changes = world.publish(at(10));

    let order: Vec<_> = changes.revoked.iter().map(|gone| &*gone.aor).collect();
    assert_eq!(order, [aor(1001), aor(1000), aor(1)]);
    assert!(world.phone(2, "a").state(at(10)).is_some());
}

#[test]
fn a_number_created_takes_its_promise_from_claimed_ones() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 2, 0);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    world.phone(1000, "a").register(60, at(1));
    world.phone(1001, "a").register(60, at(2));

    world.number(7, Holder::Group(root), NumberKind::Panel);
    let changes = world.publish(at(3));

    assert_eq!(changes.revoked.len(), 1);
    assert_eq!(*changes.revoked[0].aor, *aor(1001));
    assert!(world.phone(7, "panel").register(60, at(4)).is_ok());
}

#[test]
fn a_claimed_number_that_is_created_keeps_its_seat() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 2, 0);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    world.phone(1000, "a").register(60, at(1));

    let id = world.number(1000, Holder::Group(root), NumberKind::Panel);
    let created = world.publish(at(2));
    let uses = world.in_use(root);
    world.directory.remove_number(id);
    world.tree.add_created(Holder::Group(root), NumberKind::Panel, -1);
    world.publish(at(3));

    assert!(created.revoked.is_empty());
    assert_eq!(uses, (1, 0, 0));
    assert_eq!(world.in_use(root), (1, 0, 1));
    assert!(world.phone(1000, "a").state(at(3)).is_some());
}

#[test]
fn a_gate_on_monitor_lets_in_and_counts_and_ending_it_revokes() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 1, 0);
    world.claim(root, "1000", "1999");
    world.put_group(root, SERVER, true, HandOut::Split, true);
    world.publish(at(0));

    let endings = (1000..1003).map(|n| world.phone(n, "a").register(60, at(u64::from(n))));
    assert!(endings.collect::<Vec<_>>().iter().all(Ending::is_ok));
    let seats = world.quota.list(&|_| true, at(1003));
    assert_eq!(seats.iter().filter(|seat| seat.over).count(), 2);
    assert_eq!(world.in_use(root), (3, 0, 3));

    world.put_group(root, SERVER, true, HandOut::Split, false);
    let changes = world.publish(at(2000));

    assert_eq!(changes.revoked.len(), 2);
}

#[test]
fn a_missing_feature_refuses_who_needs_it() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 5, 0);
    world.number(1, Holder::Group(root), NumberKind::Dialer);
    world.publish(at(0));
    let mut dialer = world.phone(1, "a");
    dialer.needs = [Feature::WebDialer].into_iter().collect();

    let refused = dialer.register(60, at(1));

    assert_eq!(refused, Ending::Refused(Cause::FeatureOff, Some(Holder::Group(root))));
    assert!(world.phone(1, "b").register(60, at(2)).is_ok());
}

#[test]
fn a_seat_that_needs_a_feature_ends_with_it() {
    let mut world = World::new();
    let root = world.root();
    let features = [Feature::WebDialer].into_iter().collect();
    world.license(root, 5, 0);
    world.license_for(root, 0, 0, until(50), features);
    world.number(1, Holder::Group(root), NumberKind::Dialer);
    world.publish(at(0));
    let mut dialer = world.phone(1, "a");
    dialer.needs = features;

    let with = dialer.register(3600, at(1));
    let without = world.phone(1, "b").register(3600, at(1));

    assert!(matches!(with, Ending::Ok { until_mono_ms: 50_000, .. }));
    assert!(matches!(without, Ending::Ok { until_mono_ms: 3_600_001, .. }));
}

#[test]
fn moving_a_group_moves_its_seats() {
    let mut world = World::new();
    let (one, two) = (world.root(), world.root());
    let house = world.group(one, false);
    world.license(one, 5, 0);
    world.license(two, 5, 0);
    world.claim(house, "1000", "1999");
    world.publish(at(0));
    world.phone(1000, "a").register(60, at(1));

    world.put_group(house, two, false, HandOut::Split, false);
    let changes = world.publish(at(2));

    assert!(changes.revoked.is_empty());
    assert_eq!((world.in_use(one), world.in_use(two)), ((0, 0, 0), (1, 0, 1)));
}

#[test]
fn from_split_to_shared_nothing_is_lost_or_doubled() {
    let mut world = World::new();
    let root = world.root();
    let flat = world.group(root, true);
    world.license(root, 5, 0);
    world.license(flat, 3, 0);
    world.claim(flat, "1000", "1999");
    world.publish(at(0));
    world.phone(1000, "a").register(60, at(1));

    world.put_group(root, SERVER, true, HandOut::Shared, false);
    world.publish(at(2));
    let shared = world.in_use(root);
    world.put_group(root, SERVER, true, HandOut::Split, false);
    world.publish(at(3));

    assert_eq!(shared, (1, 0, 1));
    assert_eq!(world.in_use(root), (1, 0, 0));
}

#[test]
fn deleted_numbers_lose_their_seats_and_gates_retire() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 5, 0);
    let id = world.number(1, Holder::Group(root), NumberKind::Phone);
    world.publish(at(0));
    assert!(world.phone(1, "a").register(60, at(1)).is_ok());

    world.directory.remove_number(id);
    world.tree.remove_group(root);
    let changes = world.publish(at(2));

    assert!(world.quota.look(&aor(1), |_| ()).is_none());
    assert_eq!(changes.revoked.len(), 1);
    assert_eq!(changes.revoked[0].cause, Cause::UnknownNumber);
    assert!(world.quota.gates(at(3)).is_empty());
}

#[test]
fn a_partial_publish_does_what_a_whole_one_does() {
    let mut world = World::new();
    let root = world.root();
    let flat = world.group(root, true);
    world.license(root, 5, 0);
    let id = world.license(flat, 3, 0);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    world.phone(1000, "a").register(60, at(1));

    world.put_license(id, flat, 5, 0, Validity::default(), FeatureSet::NONE, false);
    let touched =
        Touched::These { holders: vec![Holder::Group(flat)], numbers: vec![], claims: false };
    let changes = world.quota.publish(&world.tree, world.directory.clone(), &touched, at(2));

    assert_eq!(changes.revoked.len(), 1, "the grant left nothing to claimed numbers");
    world.check();
}
