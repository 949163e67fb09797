//! Reservations, answers, and the order in which they come.

use crate::license::{Cause, Holder, NumberKind};
use crate::quota::fixture::*;
use crate::quota::*;

fn house(sip: u32, apps: u32) -> (World, crate::license::GroupId) {
    let mut world = World::new();
    let root = world.root();
    world.license(root, sip, apps);
    world.claim(root, "1000", "1999");
    world.publish(at(0));
    (world, root)
}

fn ticket(decision: Decision) -> Ticket {
    match decision {
        Decision::Take(ticket) => ticket,
        other => panic!("no reservation: {other:?}"),
    }
}

#[test]
fn a_dropped_ticket_gives_back_and_marks_the_number() {
    let (world, root) = house(1, 0);
    let phone = world.phone(1000, "a");

    let first = ticket(phone.reserve(Standing::Presented, at(1)));
    let held = world.in_use(root);
    drop(first);

    assert_eq!(held, (1, 0, 1));
    assert_eq!(world.in_use(root), (0, 0, 0));
    let next = phone.reserve(Standing::Presented, at(2));
    assert!(matches!(next, Decision::Unreserved(Unreserved::LastFailed)));
    assert!(phone.register(60, at(3)).is_ok());
    let other = world.phone(1000, "b").reserve(Standing::Presented, at(4));
    assert!(matches!(other, Decision::Take(_)), "the 2xx cleared the mark");
}

#[test]
fn a_withdrawn_ticket_marks_nothing() {
    let (world, root) = house(1, 0);
    let phone = world.phone(1000, "a");

    ticket(phone.reserve(Standing::Presented, at(1))).withdraw();

    assert_eq!(world.in_use(root), (0, 0, 0));
    assert!(matches!(phone.reserve(Standing::Presented, at(2)), Decision::Take(_)));
}

#[test]
fn a_failed_mark_is_forgotten_and_its_entry_too() {
    let (world, _) = house(1, 0);

    drop(ticket(world.phone(1000, "a").reserve(Standing::Presented, at(1))));
    assert!(world.quota.look(&aor(1000), |_| ()).is_some());
    world.quota.tick(at(700_000));

    assert!(world.quota.look(&aor(1000), |_| ()).is_none());
}

#[test]
fn marks_of_failure_are_bounded() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 1, 0);
    world.claim(root, "100000", "999999");
    world.publish(at(0));
    let users = 100_000..180_000;

    for user in users.clone() {
        drop(ticket(world.phone(user, "a").reserve(Standing::Presented, at(1))));
    }

    let kept = users.filter(|user| world.quota.look(&aor(*user), |_| ()).is_some()).count();
    assert!((1..=65_536).contains(&kept), "{kept}");
    let last = world.phone(179_999, "a").reserve(Standing::Presented, at(2));
    assert!(matches!(last, Decision::Unreserved(Unreserved::LastFailed)));
    assert_eq!(world.in_use(root), (0, 0, 0));
}

#[test]
fn without_credentials_nothing_is_reserved_and_nothing_told() {
    let (world, root) = house(0, 0);

    let full = world.phone(1000, "a").reserve(Standing::Bare, at(1));
    let presented = world.phone(1000, "a").reserve(Standing::Presented, at(1));

    assert!(matches!(full, Decision::Unreserved(Unreserved::Bare)));
    assert!(matches!(presented, Decision::Refuse(_)));
    assert_eq!(world.in_use(root), (0, 0, 0));
}

#[test]
fn at_most_two_wait_for_an_answer_and_share_one_sip_seat() {
    let (world, root) = house(5, 0);

    let one = ticket(world.phone(1000, "a").reserve(Standing::Presented, at(1)));
    let two = ticket(world.phone(1000, "b").reserve(Standing::Presented, at(1)));
    let three = world.phone(1000, "c").reserve(Standing::Presented, at(1));
    let again = world.phone(1000, "a").reserve(Standing::Presented, at(1));

    assert!(matches!(three, Decision::Unreserved(Unreserved::TwoUnsettled)));
    assert!(matches!(again, Decision::Unreserved(Unreserved::TwoUnsettled)));
    assert_eq!(world.in_use(root), (1, 0, 1));
    drop(one);
    assert_eq!(world.in_use(root), (1, 0, 1));
    drop(two);
    assert_eq!(world.in_use(root), (0, 0, 0));
}

#[test]
fn refresh_keeps_the_same_seat_and_writes_no_gate() {
    let (world, root) = house(1, 0);
    let first = world.phone(1000, "a").register(60, at(1));

    let decision = world.phone(1000, "a").reserve(Standing::Bare, at(30_000));
    let second = world.phone(1000, "a").register(60, at(30_000));

    assert!(matches!(&decision, Decision::Renew(nos) if nos[..] == [1]));
    assert_eq!(first, Ending::Ok { no: 1, until_mono_ms: 60_001 });
    assert_eq!(second, Ending::Ok { no: 1, until_mono_ms: 90_000 });
    assert_eq!(world.in_use(root), (1, 0, 1));
}

#[test]
fn an_answer_to_an_older_request_changes_nothing() {
    let (world, root) = house(1, 0);
    let phone = world.phone(1000, "a");
    phone.settle(None, 20, 60, at(1));

    let older = phone.settle(None, 10, 3600, at(2));
    let gone = phone.leave(15, at(3));

    assert_eq!(older.kept[..], [Kept::Stale]);
    assert!(gone.gone.is_empty());
    phone.leave(30, at(4));
    let late = phone.settle(None, 25, 60, at(5));
    assert_eq!(late.kept[..], [Kept::Stale]);
    assert_eq!(world.in_use(root), (0, 0, 0));
}

#[test]
fn an_answer_without_a_reservation_takes_its_seat_or_is_refused_late() {
    let (world, root) = house(1, 0);

    let first = world.phone(1000, "a").settle(None, 1, 60, at(1));
    let second = world.phone(1001, "a").settle(None, 2, 60, at(1));

    assert!(matches!(first.kept[..], [Kept::Until { .. }]));
    assert_eq!(second.kept[..], [Kept::Refused]);
    let refusal = second.late_refusal.expect("a late refusal");
    assert_eq!((refusal.cause, refusal.gate), (Cause::SipLimit, Some(Holder::Group(root))));
    assert!(world.quota.look(&aor(1001), |_| ()).is_none());
}

#[test]
fn a_second_answer_for_a_reserved_device_uses_its_reservation() {
    let (world, root) = house(1, 1);
    let phone = world.phone(1000, "a").app();
    let reserved = ticket(phone.reserve(Standing::Presented, at(1)));

    let other = phone.settle(None, 2, 60, at(2));
    let own = phone.settle(Some(reserved), 1, 60, at(3));

    assert!(matches!(other.kept[..], [Kept::Until { no: 1, .. }]));
    assert_eq!(own.kept[..], [Kept::Stale]);
    assert_eq!(world.in_use(root), (1, 1, 1));
}

#[test]
fn what_leaves_pays_for_what_comes() {
    let (world, root) = house(1, 1);
    world.phone(1000, "old").app().register(60, at(1));
    let phone = world.phone(1000, "new").app();
    let (new, old) = (same("new"), same("old"));
    let ids = || phone.ids();
    let needs = phone.needs;
    let wanted = Wanted { matcher: &new, ids: &ids, app: true, push: true, needs };
    let request = Registering { adds: &[wanted], leaves: &[&old], standing: Standing::Presented };
    let owned = phone.owned().expect("an owner");

    let reserved = ticket(world.quota.reserve(&aor(1000), &owned, &request, at(2)));
    let granted = Granted {
        matcher: &new,
        ids: phone.ids(),
        app: true,
        push: true,
        needs,
        binding: binding(at(3), 60),
    };
    let answer =
        Answer { granted: &[granted], gone: &[&old], order: 9, listed: None, unchallenged: false };
    let settled = world.quota.settle(&aor(1000), &owned, Some(reserved), &answer, at(3));

    assert!(matches!(settled.kept[..], [Kept::Until { no: 2, .. }]));
    assert_eq!(settled.gone.len(), 1);
    assert_eq!(world.in_use(root), (1, 1, 1));
}

#[test]
fn a_number_has_at_most_ten_devices() {
    let (world, _) = house(1, 0);
    let names: Vec<String> = (0..11).map(|n| format!("d{n}")).collect();

    let endings: Vec<_> =
        names.iter().map(|name| world.phone(1000, name).register(60, at(1))).collect();

    assert_eq!(endings.iter().filter(|ending| ending.is_ok()).count(), 10);
    assert_eq!(endings[10], Ending::Refused(Cause::OverCapacity, None));
}

#[test]
fn a_proved_phone_takes_the_place_of_one_silent_for_a_day() {
    let (world, root) = house(1, 2);
    let (old, other, new) = (
        world.phone(1000, "old").app(),
        world.phone(1000, "other").app(),
        world.phone(1000, "new"),
    );
    old.register(200_000, at(1));
    other.register(200_000, at(2));

    let soon = new.app().register(60, at(3));
    let later = new.app().register(60, at(86_400_003));

    assert_eq!(soon, Ending::Refused(Cause::AppLimit, Some(Holder::Group(root))));
    assert!(later.is_ok());
    assert_eq!(old.state(at(86_400_003)), None);
    assert!(other.state(at(86_400_003)).is_some());
}

#[test]
fn once_granted_unchallenged_it_reserves_at_once() {
    let (world, _) = house(5, 0);
    let phone = world.phone(1000, "a");
    let matcher = same("a");
    let granted = Granted {
        matcher: &matcher,
        ids: phone.ids(),
        app: false,
        push: false,
        needs: phone.needs,
        binding: binding(at(1), 60),
    };
    let answer =
        Answer { granted: &[granted], gone: &[], order: 1, listed: None, unchallenged: true };
    let owned = phone.owned().expect("an owner");

    world.quota.settle(&aor(1000), &owned, None, &answer, at(1));

    let bare = world.phone(1000, "b").reserve(Standing::Bare, at(2));
    assert!(matches!(bare, Decision::Take(_)));
}

#[test]
fn what_a_complete_list_omits_is_given_back() {
    let (world, root) = house(5, 5);
    world.phone(1000, "a").app().settle(None, 1, 60, at(1));
    world.phone(1000, "b").app().settle(None, 2, 60, at(1));
    let matcher = same("c");
    let phone = world.phone(1000, "c");
    let granted = Granted {
        matcher: &matcher,
        ids: phone.ids(),
        app: false,
        push: false,
        needs: phone.needs,
        binding: binding(at(2), 60),
    };
    let a = same("a");
    let listed = |device: &Device| a(device).is_some();
    let answer = Answer {
        granted: &[granted],
        gone: &[],
        order: 3,
        listed: Some(&listed),
        unchallenged: false,
    };

    let owned = phone.owned().expect("an owner");
    let settled = world.quota.settle(&aor(1000), &owned, None, &answer, at(2));

    assert_eq!(settled.replaced.len(), 1);
    assert_eq!(world.in_use(root), (1, 1, 1));
}

#[test]
fn calls_and_devices_share_the_numbers_one_sip_seat() {
    let (world, root) = house(1, 0);
    let owned = world.phone(1000, "a").owned().expect("an owner");
    let needs = crate::license::FeatureSet::NONE;
    let call = |id: &[u8]| Call {
        call_id: id.into(),
        since_ms: 0,
        until_mono_ms: 7_200_000,
        legs: Vec::new(),
    };

    let CallDecision::Take(reserved) =
        world.quota.reserve_call(&aor(1000), &owned, b"one", needs, at(1))
    else {
        panic!("no call seat");
    };
    world.quota.commit_call(&aor(1000), &owned, Some(reserved), call(b"one"), at(2)).unwrap();
    assert!(world.phone(1000, "a").register(60, at(3)).is_ok());
    let rides = world.quota.reserve_call(&aor(1000), &owned, b"two", needs, at(4));
    let other = world.phone(1001, "a").owned().expect("an owner");
    let refused = world.quota.reserve_call(&aor(1001), &other, b"three", needs, at(4));

    assert!(matches!(rides, CallDecision::Rides));
    assert!(matches!(refused, CallDecision::Refuse(refusal) if refusal.cause == Cause::SipLimit));
    assert_eq!(world.in_use(root), (1, 0, 1));
    world.phone(1000, "a").leave(9, at(5));
    assert_eq!(world.in_use(root), (1, 0, 1));
    assert!(world.quota.end_call(&aor(1000), b"one", [0, 0], at(6)));
    assert_eq!(world.in_use(root), (0, 0, 0));
    world.check();
}

#[test]
fn a_forgotten_call_ends_by_its_time() {
    let (world, root) = house(1, 0);
    let owned = world.phone(1000, "a").owned().expect("an owner");
    let call = Call {
        call_id: b"one".as_slice().into(),
        since_ms: 0,
        until_mono_ms: 5_000,
        legs: Vec::new(),
    };
    world.quota.commit_call(&aor(1000), &owned, None, call, at(1)).unwrap();

    world.quota.tick(at(4_999));
    let before = world.in_use(root);
    world.quota.tick(at(5_000));

    assert_eq!((before, world.in_use(root)), ((1, 0, 1), (0, 0, 0)));
}

#[test]
fn an_answer_for_a_number_that_was_deleted_is_refused_late() {
    let mut world = World::new();
    let root = world.root();
    world.license(root, 5, 0);
    let id = world.number(1, Holder::Group(root), NumberKind::Phone);
    world.publish(at(0));
    let owned = world.phone(1, "a").owned().expect("an owner");
    let reserved = ticket(world.phone(1, "a").reserve(Standing::Proved, at(1)));
    world.directory.remove_number(id);
    world.publish(at(2));
    let matcher = same("a");
    let granted = Granted {
        matcher: &matcher,
        ids: Ids::default(),
        app: false,
        push: false,
        needs: crate::license::FeatureSet::NONE,
        binding: binding(at(3), 60),
    };
    let answer =
        Answer { granted: &[granted], gone: &[], order: 1, listed: None, unchallenged: false };

    let settled = world.quota.settle(&aor(1), &owned, Some(reserved), &answer, at(3));

    assert_eq!(settled.late_refusal.map(|refusal| refusal.cause), Some(Cause::UnknownNumber));
    assert_eq!(world.in_use(root), (0, 0, 0));
}
