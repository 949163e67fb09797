//! Rows about what may be granted and created.

use super::*;

fn sip_obstacle(
    gate: &str,
    granted: i64,
    left: i64,
    asked: i64,
) -> (String, String, i64, i64, i64) {
    (gate.into(), "sip_numbers".into(), granted, left, asked)
}

#[test]
fn row_01_a_group_without_restriction_is_no_gate() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.off("R/M");
    site.gate("R/M/A", &[sip(30)]).unwrap();

    let refused = site.gate("R/M/B", &[sip(25)]);

    assert_eq!(obstacle(refused), sip_obstacle("R", 50, 20, 25));
    assert!(site.gate("R/M/B", &[sip(20)]).is_ok());
    assert_eq!(site.world.tree.items(site.holder("R")).gates.len(), 2);
}

#[test]
fn row_02_a_created_number_and_a_grant_are_promises_alike() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.create("R", NumberKind::Panel, 2);
    site.gate("R/A", &[sip(48)]).unwrap();

    let panel = site.numbers("R", NumberKind::Panel, 1);
    let raised = site.regrant("R/A", |license| license.sip_numbers = 49);

    assert_eq!(obstacle(site.check(&panel, false)), sip_obstacle("R", 50, 0, 1));
    assert_eq!(obstacle(site.check(&raised, true)), sip_obstacle("R", 50, 0, 1));
}

#[test]
fn row_05_created_numbers_count_live_or_not() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.create("R", NumberKind::Phone, 50);

    let one_more = site.numbers("R", NumberKind::Phone, 1);

    assert_eq!(obstacle(site.write(one_more)), sip_obstacle("R", 50, 0, 1));
}

#[test]
fn row_10_every_kind_of_number_counts() {
    let mut site = Site::new();
    site.gate("R", &[sip(10).apps(8)]).unwrap();
    site.create("R", NumberKind::App, 8);
    site.create("R", NumberKind::Concierge, 1);
    site.create("R", NumberKind::Dialer, 1);

    let state = site.world.tree.state(site.holder("R"), NOW, &site);
    let another = site.numbers("R", NumberKind::App, 1);

    assert_eq!((state.sip_numbers.used, state.sip_numbers.limit), (10, Some(10)));
    assert_eq!(obstacle(site.write(another)), sip_obstacle("R", 10, 0, 1));
}

#[test]
fn row_14_what_only_raises_is_accepted_with_a_warning() {
    let mut site = Site::new();
    site.gate("S", &[sip(50).until(DEC_1)]).unwrap();
    site.gate("S/A", &[sip(50)]).unwrap();

    let renewal = site.grant("S", sip(30).from(DEC_1));
    let warnings = site.write(renewal).unwrap();

    assert_eq!(warnings.len(), 1);
    assert_eq!((warnings[0].gate.as_str(), warnings[0].by, warnings[0].at), ("S", Some(20), DEC_1));
    let path = site.world.tree.path(site.holder("S/A"));
    assert_eq!(site.world.tree.effective(&path, DEC_1).sip_numbers, Some(30));
}

#[test]
fn row_15_the_sum_holds_at_every_instant() {
    let mut site = Site::new();
    site.gate("S", &[sip(50).until(DEC_1), sip(10)]).unwrap();

    let endless = site.gate("S/A", &[sip(20)]);

    assert_eq!(last_date(endless.clone()), Some(DEC_1));
    assert_eq!(obstacle(endless), sip_obstacle("S", 10, 10, 20));
    assert!(site.gate("S/A", &[sip(20).until(DEC_1)]).is_ok());
    let mut other = Site::new();
    other.gate("S", &[sip(50).until(DEC_1), sip(10)]).unwrap();
    assert!(other.gate("S/A", &[sip(10)]).is_ok());
}

#[test]
fn row_16_a_user_counts_under_the_nearest_gates_only() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.gate("R/A", &[sip(10)]).unwrap();
    site.user("u", &["R/A", "R"], &[sip(3)]).unwrap();

    let committed = |name: &str| {
        site.world.tree.committed(site.holder(name), crate::license::Resource::SipNumbers, NOW)
    };

    assert_eq!(committed("R/A"), 3);
    assert_eq!(committed("R"), 10);
    let path = site.world.tree.path(site.holder("user:u"));
    let names: Vec<_> = path.iter().map(|gate| site.world.tree.name_of(*gate)).collect();
    assert_eq!(names, ["user:u", "R/A", "R"]);
}

#[test]
fn row_17_a_user_in_two_groups_counts_in_both() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.gate("R/A", &[sip(10)]).unwrap();
    site.gate("R/C", &[sip(5)]).unwrap();

    let six = site.user("u", &["R/A", "R/C"], &[sip(6)]);

    assert_eq!(obstacle(six), sip_obstacle("R/C", 5, 5, 6));
    site.user("u", &["R/A", "R/C"], &[sip(4)]).unwrap();
    let committed = ["R/A", "R/C", "R"].map(|name| {
        site.world.tree.committed(site.holder(name), crate::license::Resource::SipNumbers, NOW)
    });
    assert_eq!(committed, [4, 4, 15]);
}

#[test]
fn row_18_licenses_of_users_are_shares_of_the_group() {
    let mut site = Site::new();
    site.gate("A", &[sip(10)]).unwrap();
    site.user("u", &["A"], &[sip(6)]).unwrap();
    site.user("v", &["A"], &[sip(4)]).unwrap();
    site.user("w", &["A"], &[]).unwrap();

    let number = site.numbers("user:w", NumberKind::Phone, 1);

    assert_eq!(obstacle(site.write(number)), sip_obstacle("A", 10, 0, 1));
}

#[test]
fn row_21_switching_on_counts_what_is_there() {
    let mut site = Site::new();
    site.off("G");
    site.create("G", NumberKind::Phone, 30);
    for aor in site.created_aors("G") {
        site.register(&aor, false).unwrap();
    }
    let on = site.edit("G", |group| group.restricted = true);

    assert_eq!(obstacle(site.check(&on, false)), sip_obstacle("G", 0, 0, 30));

    let warnings = site.check(&on, true).unwrap();
    assert!(
        warnings
            .iter()
            .any(|one| one.text == "G: 30 SIP seats in use no longer fit and are revoked")
    );
    let rests = site.grant("G", sip(40));
    assert_eq!(site.write(rests).unwrap(), []);
    assert_eq!(site.write(on).unwrap(), []);
}

#[test]
fn row_24_a_suspended_grant_stays_handed_out() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.gate("R/A", &[sip(25)]).unwrap();
    let id = site.world.tree.licenses_of(site.holder("R/A"))[0].id;

    site.write(Change::SuspendLicense(id)).unwrap();

    assert_eq!(obstacle(site.gate("R/B", &[sip(30)])), sip_obstacle("R", 50, 25, 30));
    assert!(site.gate("R/B", &[sip(25)]).is_ok());
}

#[test]
fn row_25_a_move_is_a_grant_and_never_forced() {
    let mut site = Site::new();
    site.gate("R1", &[sip(10)]).unwrap();
    site.gate("R1/A", &[sip(10)]).unwrap();
    site.gate("R2", &[sip(100)]).unwrap();
    site.create("R2", NumberKind::Phone, 95);

    let change = Change::MoveGroup { group: site.at("R1/A"), parent: site.at("R2") };

    assert_eq!(obstacle(site.check(&change, false)), sip_obstacle("R2", 100, 5, 10));
    assert_eq!(obstacle(site.check(&change, true)), sip_obstacle("R2", 100, 5, 10));
}
