//! Renewals that are settled in place: the same as the whole settling, or nothing.

use crate::license::{FeatureSet, Holder, NumberKind, Validity};
use crate::quota::fixture::*;
use crate::quota::*;

const ORDER: u64 = 1_000_000;

fn house(validity: Validity) -> World {
    let mut world = World::new();
    let root = world.root();
    world.license_for(root, 2, 0, validity, FeatureSet::NONE);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    world
}

fn secs(secs: u64) -> crate::clock::Now {
    at(secs * 1000)
}

fn until(world: &World, user: u32) -> Option<u64> {
    world.quota.look(&aor(user), |entry| entry.devices().first().map(Device::until_mono_ms))?
}

#[test]
fn a_renewal_in_place_comes_to_what_the_whole_settling_comes_to() {
    let world = house(Validity::default());
    let (one, other) = (world.phone(1000, "a"), world.phone(1001, "a"));
    assert!(one.register(60, at(1)).is_ok() && other.register(60, at(1)).is_ok());

    let renewed = one.renew(ORDER, |_| {}, 600, secs(20));
    let settled = other.settle(None, ORDER, 600, secs(20));

    assert!(
        matches!(settled.kept[0], Kept::Until { until_mono_ms, .. } if Some(until_mono_ms) == renewed)
    );
    assert_eq!(until(&world, 1000), renewed);
    let order = |user| world.quota.look(&aor(user), |entry| entry.devices()[0].order);
    assert_eq!(order(1000), order(1001));
    // It lives on after the first grant has run out, and ends with the second.
    world.quota.tick(secs(200));
    assert_eq!(one.state(secs(200)), Some(State::Live));
    assert_eq!(one.state(secs(700)), Some(State::Held));
}

#[test]
fn what_is_not_plain_changes_nothing() {
    let world = house(Validity::default());
    let phone = world.phone(1000, "a");
    assert!(phone.renew(ORDER, |_| {}, 600, at(1)).is_none(), "nobody is seated");
    assert!(phone.register(60, at(1)).is_ok());
    let before = until(&world, 1000);
    let elsewhere = Reach { socket: 7, ..binding(at(0), 0).reach };

    let changes: [&dyn Fn(&mut Renewal); 5] = [
        &|renewal| renewal.order = 0,
        &|renewal| renewal.contact = b"sip:y@127.0.0.1",
        &|renewal| renewal.reg_id = Some(1),
        &|renewal| renewal.reach = elsewhere,
        &|renewal| renewal.unchallenged = true,
    ];

    for change in changes {
        assert_eq!(phone.renew(ORDER, change, 600, secs(20)), None);
        assert_eq!(until(&world, 1000), before);
    }
    assert_eq!(world.phone(1000, "b").renew(ORDER, |_| {}, 600, secs(20)), None, "another device");
}

#[test]
fn nothing_is_renewed_that_no_license_covers() {
    let world = house(Validity { until: Some(sec(30)), ..Validity::default() });
    let phone = world.phone(1000, "a");
    assert!(phone.register(20, at(1)).is_ok());

    let cut = phone.renew(ORDER, |_| {}, 600, secs(20));
    let late = phone.renew(ORDER + 1, |_| {}, 600, secs(31));

    assert_eq!(cut, Some(secs(30).mono_ms), "it ends with the license");
    assert_eq!(late, None);
}

#[test]
fn a_seat_whose_owner_moved_is_renewed_in_place_where_it_stands_then() {
    let mut world = house(Validity::default());
    let other = world.root();
    world.license_for(other, 1, 0, Validity::default(), FeatureSet::NONE);
    world.publish(at(0));
    assert!(world.phone(1000, "a").register(60, at(1)).is_ok());
    assert!(world.phone(1000, "a").renew(ORDER, |_| {}, 600, secs(2)).is_some());

    world.number(1000, Holder::Group(other), NumberKind::Phone);
    world.publish(secs(3));

    assert_eq!(world.in_use(other).0, 1, "it counts where its number is now");
    let holder = world.quota.look_standing(&aor(1000), Entry::holder);
    assert_eq!(holder, Some(Holder::Group(other)));
    let phone = world.phone(1000, "a");
    assert!(phone.renew(ORDER + 1, |_| {}, 600, secs(4)).is_some());
}
