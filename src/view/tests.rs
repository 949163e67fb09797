use super::*;
use crate::license::{
    Claim, ClaimId, ClaimRule, Directory, FeatureSet, Group, GroupId, HandOut, License, LicenseId,
    Number, NumberId, NumberKind, SERVER, User, UserId, Validity, World,
};
use crate::quota::{Seat, SeatKind as Held, State as Standing};

const AT: Moment = Moment(1_700_000_000);
const R: GroupId = GroupId(2);
const A: GroupId = GroupId(3);

fn group(id: GroupId, parent: GroupId, name: &str, restricted: bool) -> Group {
    Group {
        id,
        parent: Some(parent),
        name: name.to_owned(),
        kind: "building".to_owned(),
        restricted,
        hand_out: HandOut::Split,
        time_zone: None,
        monitor: false,
        admin_emails: Vec::new(),
    }
}

fn license(id: i64, holder: Holder, sip_numbers: u32, mobile_apps: u32) -> License {
    License {
        id: LicenseId(id),
        holder,
        license_type: "Plus".to_owned(),
        sip_numbers,
        mobile_apps,
        features: FeatureSet::NONE,
        validity: Validity::default(),
        suspended: false,
    }
}

/// R[3/1] > A[1] #1 (panel 101), R claims example.com.
fn world() -> World {
    let mut world = World::default();
    world.tree.upsert_group(group(R, SERVER, "R", true));
    world.tree.upsert_group(group(A, R, "A", true));
    world.tree.upsert_license(license(1, Holder::Group(R), 3, 1));
    world.tree.upsert_license(license(2, Holder::Group(A), 1, 0));
    world.put_number(&Number {
        id: NumberId(1),
        aor: "sip:101@example.com".to_owned(),
        owner: Holder::Group(A),
        kind: NumberKind::Panel,
        password: None,
    });
    world.directory.insert_claim(Claim {
        id: ClaimId(1),
        group: R,
        rule: ClaimRule::Domain { domain: "example.com".to_owned() },
        kind: NumberKind::App,
    });
    world
}

fn seat(directory: &Directory, aor: &str, kind: Held, state: Standing) -> Seat {
    let owned = directory.owner_of(aor).expect("is owned");
    Seat {
        aor: aor.into(),
        owner: owned.holder,
        number_kind: owned.kind,
        created: owned.is_created(),
        kind,
        apps: u32::from(kind == Held::App),
        device: Some(1),
        since_ms: 1_700_000_000_999,
        until_ms: Some(1_700_000_060_000),
        state,
        over: false,
    }
}

fn told(world: &World, number: &str, seats: &[Seat]) -> Explain {
    let usage = Tally::of(&world.tree, seats);
    explain(&world.tree, &world.directory, number, AT, &usage)
}

#[test]
fn a_free_place_is_admitted_and_every_gate_listed_from_the_number_upwards() {
    let world = world();

    let told = told(&world, "sip:101@example.com", &[]);

    assert_eq!(told.verdict, Verdict::Admit);
    let gates: Vec<_> = told.gates.iter().map(|gate| gate.gate.as_str()).collect();
    assert_eq!(gates, ["R/A", "R"]);
    assert_eq!(told.source.as_deref(), Some("created"));
}

#[test]
fn what_is_promised_to_others_binds_a_claimed_number() {
    let world = world();
    let seats: Vec<Seat> = ["sip:1@example.com", "sip:2@example.com"]
        .iter()
        .map(|aor| seat(&world.directory, aor, Held::Sip, Standing::Live))
        .collect();

    let claimed = told(&world, "sip:3@example.com", &seats);
    let panel = told(&world, "sip:101@example.com", &seats);

    assert_eq!((claimed.verdict, claimed.cause.as_deref()), (Verdict::Refuse, Some("sip_limit")));
    assert_eq!(claimed.bound_by.as_deref(), Some("R"));
    assert_eq!(claimed.gates[0].claimed, Some(NumberUse { limit: Some(2), in_use: 2 }));
    assert_eq!(panel.verdict, Verdict::Admit);
}

#[test]
fn what_a_number_holds_it_need_not_take() {
    let world = world();
    let aor = "sip:1@example.com";
    let seats: Vec<Seat> = [Held::Sip, Held::App]
        .into_iter()
        .map(|kind| seat(&world.directory, aor, kind, Standing::Live))
        .collect();

    let holder = told(&world, aor, &seats);
    let other = told(&world, "sip:2@example.com", &seats);

    assert_eq!((holder.verdict, holder.live), (Verdict::Admit, true));
    assert_eq!(other.cause.as_deref(), Some("app_limit"));
}

#[test]
fn a_gate_without_license_says_why_and_a_monitored_one_lifts_it() {
    let mut world = world();
    world.tree.remove_license(LicenseId(2));

    let refused = told(&world, "sip:101@example.com", &[]);
    world.tree.upsert_group(Group { monitor: true, ..group(A, R, "A", true) });
    let lifted = told(&world, "sip:101@example.com", &[]);

    assert_eq!(refused.cause.as_deref(), Some("no_license"));
    assert_eq!(refused.bound_by.as_deref(), Some("R/A"));
    assert_eq!(lifted.verdict, Verdict::Admit);
    assert_eq!(lifted.gates[0].cause.as_deref(), Some("no_license"));
}

#[test]
fn an_unknown_number_stands_under_no_gate() {
    let told = told(&world(), "sip:1@example.org", &[]);

    assert_eq!((told.verdict, told.cause.as_deref()), (Verdict::Refuse, Some("unknown_number")));
    assert!(told.gates.is_empty());
}

#[test]
fn sums_agree_with_the_seats_that_are_listed() {
    let world = world();
    let of = |aor: &str, kind, state| seat(&world.directory, aor, kind, state);
    let seats = [
        of("sip:101@example.com", Held::Sip, Standing::Live),
        of("sip:101@example.com", Held::Call, Standing::Live),
        of("sip:1@example.com", Held::Sip, Standing::Held),
        of("sip:1@example.com", Held::App, Standing::Held),
        of("sip:2@example.com", Held::App, Standing::Dormant),
        of("sip:3@example.com", Held::Call, Standing::Live),
        of("sip:3@example.com", Held::Call, Standing::Live),
    ];

    let usage = Tally::of(&world.tree, &seats);
    let rows = super::seats(&world.tree, &seats);
    let state = state(&world.tree, Holder::Group(R), AT, &usage);

    let counted = |kinds: &[SeatKind]| {
        let rows = rows.iter().filter(|row| row.state != SeatState::Dormant);
        rows.filter(|row| kinds.contains(&row.kind)).count()
    };
    assert_eq!(state.sip_numbers.in_use, 3);
    assert_eq!(counted(&[SeatKind::Sip, SeatKind::Call]), 3);
    assert_eq!(state.mobile_apps.in_use, 1);
    assert_eq!(counted(&[SeatKind::App]), 1);
    // One created number and two claimed seats.
    assert_eq!(state.sip_numbers.used, 3);
}

#[test]
fn a_seat_has_whole_seconds_and_its_group() {
    let world = world();
    let seats = [seat(&world.directory, "sip:101@example.com", Held::Sip, Standing::Live)];

    let rows = super::seats(&world.tree, &seats);

    let json = serde_json::to_value(&rows[0]).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "number": "sip:101@example.com", "kind": "sip", "device": "1", "group": "R/A",
            "since": "2023-11-14T22:13:20Z", "until": "2023-11-14T22:14:20Z", "state": "live",
            "over": false,
        })
    );
}

#[test]
fn a_license_rests_where_it_counts_nowhere() {
    let mut world = world();
    let user = UserId(1);
    world.tree.upsert_user(User {
        id: user,
        name: "anna".to_owned(),
        email: None,
        groups: vec![A],
    });
    world.tree.upsert_license(license(3, Holder::User(user), 1, 0));
    let status = |world: &World, id: i64| {
        license_status(&world.tree, world.tree.license(LicenseId(id)).unwrap(), AT)
    };

    assert_eq!(status(&world, 3), "active");
    world.tree.upsert_group(group(A, R, "A", false));
    assert_eq!((status(&world, 2), status(&world, 3)), ("resting", "active"));
    let ended = Validity { from: None, until: Some(AT) };
    let over = License { validity: ended, ..license(1, Holder::Group(R), 3, 1) };
    world.tree.upsert_license(over);
    assert_eq!((status(&world, 1), status(&world, 3)), ("ended", "resting"));
}

#[test]
fn the_tree_holds_every_group_with_its_gate() {
    let world = world();

    let top = tree(&world.tree, &world.directory, SERVER, AT, &Tally::default());

    assert_eq!((top.group.as_str(), top.sip_numbers.limit), ("/", None));
    let r = &top.groups[0];
    assert_eq!((r.group.as_str(), r.sip_numbers.limit, r.claims.len()), ("R", Some(3), 1));
    assert_eq!((r.groups[0].group.as_str(), r.groups[0].numbers), ("R/A", 1));
}

#[test]
fn a_gate_ends_where_no_license_follows() {
    let mut world = world();
    let until = |from, until| Validity { from, until };
    let first = until(None, Some(Moment(AT.0 + 10)));
    let then = until(Some(Moment(AT.0 + 10)), Some(Moment(AT.0 + 20)));
    world.tree.upsert_license(License { validity: first, ..license(1, Holder::Group(R), 3, 1) });
    world.tree.upsert_license(License { validity: then, ..license(4, Holder::Group(R), 3, 1) });

    assert_eq!(valid_until(&world.tree, Holder::Group(R), AT), Some(Moment(AT.0 + 20)));
    assert_eq!(valid_until(&world.tree, Holder::Group(A), AT), None);
}

#[test]
fn a_number_whose_group_is_gone_is_unknown() {
    let world = world();

    let answer =
        explain(&Tree::default(), &world.directory, "sip:7@example.com", AT, &Tally::default());

    assert_eq!((answer.verdict, answer.owner), (Verdict::Refuse, None));
    assert_eq!(answer.cause.as_deref(), Some("unknown_number"));
}
