//! Rows that are also on the wire: here the domain's half, with seats counted one by one.

use super::*;

#[test]
fn row_04_of_sixty_claimed_numbers_fifty_get_in() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    let claim = site.claim("R", "1000", "1999");
    site.write(claim).unwrap();

    let (admitted, causes) = site.register_all(range(1000..1060));

    assert_eq!(admitted, 50);
    assert_eq!(causes, [Cause::SipLimit; 10]);
    let figures = site.world.tree.state(site.holder("R"), NOW, &site).sip_numbers;
    assert_eq!(site.world.tree.items(site.holder("R")).numbers, 0);
    assert_eq!((figures.used, figures.available), (50, Some(0)));
}

#[test]
fn row_06_what_is_promised_to_others_is_not_to_be_had() {
    let mut site = Site::new();
    site.gate("R", &[sip(70)]).unwrap();
    site.gate("R/A", &[sip(50)]).unwrap();
    site.off("R/B");
    let claim = site.claim("R/B", "1000", "1999");
    site.write(claim).unwrap();

    let (admitted, causes) = site.register_all(range(1000..1060));

    assert_eq!((admitted, causes.len()), (20, 40));
}

#[test]
fn row_07_a_created_panel_has_its_place() {
    let mut site = Site::new();
    site.gate("R", &[sip(3)]).unwrap();
    site.create("R", NumberKind::Panel, 1);
    let claim = site.claim("R", "1000", "1999");
    site.write(claim).unwrap();

    let (admitted, causes) = site.register_all(range(1000..1003));

    assert_eq!((admitted, causes), (2, vec![Cause::SipLimit]));
    let panel = site.created_aors("R")[0].clone();
    assert_eq!(site.register(&panel, false), Ok(()));
}

#[test]
fn row_08_devices_of_one_number_share_its_sip_seat() {
    let mut site = Site::new();
    site.gate("R", &[sip(2).apps(2)]).unwrap();
    site.create("R", NumberKind::Phone, 1);
    let number = site.created_aors("R")[0].clone();

    let apps = [0; 3].map(|_| site.register(&number, true));
    let desk = site.register(&number, false);

    assert_eq!(apps, [Ok(()), Ok(()), Err(("R".into(), Cause::AppLimit))]);
    assert_eq!(desk, Ok(()));
    let r = site.holder("R");
    assert_eq!((site.sip_seats(r), site.app_seats(r)), (1, 2));
}

#[test]
fn row_09_the_sip_limit_comes_before_the_app_limit() {
    let mut site = Site::new();
    site.gate("R", &[sip(1).apps(1)]).unwrap();
    let claim = site.claim("R", "100", "199");
    site.write(claim).unwrap();
    site.register("sip:101@example.com", true).unwrap();

    let refused = site.register("sip:102@example.com", true);

    assert_eq!(refused, Err(("R".into(), Cause::SipLimit)));
}

#[test]
fn row_11_a_group_falls_back_to_its_basic() {
    let mut site = Site::new();
    site.gate("G", &[sip(50).until(DEC_1), sip(10)]).unwrap();
    let claim = site.claim("G", "1000", "1999");
    site.write(claim).unwrap();
    assert_eq!(site.register_all(range(1000..1055)).0, 55);
    let steps = site.world.tree.schedule(site.holder("G"), NOW);
    let limits: Vec<_> = steps.iter().map(|step| (step.from, step.sip_numbers)).collect();

    site.now = DEC_1;
    let gone = site.revoke();

    assert_eq!(limits, [(NOW, 60), (DEC_1, 10)]);
    assert_eq!(gone.len(), 45);
    let kept: Vec<_> = site.seats.iter().map(|seat| seat.aor.clone()).collect();
    assert_eq!(kept, range(1000..1010).collect::<Vec<_>>());
}

#[test]
fn row_12_a_renewal_without_a_gap_changes_nothing() {
    let mut site = Site::new();
    site.gate("G", &[sip(50).until(DEC_1), sip(50).from(DEC_1)]).unwrap();
    let claim = site.claim("G", "1000", "1999");
    site.write(claim).unwrap();
    site.register_all(range(1000..1050));

    assert_eq!(site.world.tree.schedule(site.holder("G"), NOW).len(), 1);
    site.now = DEC_1;
    assert!(site.revoke().is_empty());
    let state = site.world.tree.state(site.holder("G"), NOW, &site);
    assert_eq!((state.next_change, state.valid_until), (None, None));
}

#[test]
fn row_13_devices_under_a_resting_license_are_refused_by_the_gate_above() {
    let mut site = Site::new();
    site.gate("S", &[sip(50).until(DEC_1)]).unwrap();
    site.gate("S/A", &[sip(50)]).unwrap();
    site.create("S/A", NumberKind::Phone, 1);
    let number = site.created_aors("S/A")[0].clone();

    site.now = DEC_1;

    assert_eq!(site.register(&number, false), Err(("S".into(), Cause::Expired)));
}

#[test]
fn row_19_an_ended_license_still_restricts_until_it_is_removed() {
    let mut site = Site::new();
    site.off("A");
    site.user("u", &["A"], &[sip(2).until(DEC_1)]).unwrap();
    site.create("user:u", NumberKind::Phone, 1);
    let number = site.created_aors("user:u")[0].clone();

    site.now = Moment(DEC_1.0 + DAY);

    assert_eq!(site.register(&number, false), Err(("user:u".into(), Cause::Expired)));
    let id = site.world.tree.licenses_of(site.holder("user:u"))[0].id;
    site.write(Change::RemoveLicense(id)).unwrap();
    assert!(!site.world.tree.is_gate(site.holder("user:u")));
    assert_eq!(site.register(&number, false), Ok(()));
}

#[test]
fn row_22_a_forced_shrink_revokes_the_newest_and_then_refuses_what_is_worse() {
    let mut site = Site::new();
    site.gate("P", &[sip(50)]).unwrap();
    for group in ["P/A", "P/B"] {
        site.gate(group, &[sip(25)]).unwrap();
        site.create(group, NumberKind::Panel, 1);
        site.create(group, NumberKind::Phone, 19);
    }
    let mut newest = Vec::new();
    for (a, b) in site.created_aors("P/A").into_iter().zip(site.created_aors("P/B")) {
        site.register(&a, false).unwrap();
        site.register(&b, false).unwrap();
        newest.extend([a, b]);
    }
    let shrink = site.regrant("P", |license| license.sip_numbers = 30);

    assert!(site.check(&shrink, false).is_err());
    let warnings = site.force(shrink).unwrap();
    let gone: Vec<_> = site.revoke().into_iter().map(|seat| seat.aor).collect();

    assert!(warnings.iter().any(|one| (one.gate.as_str(), one.by) == ("P", Some(10))));
    newest.reverse();
    assert_eq!(gone, newest[..10]);
    let a = |sip| site.regrant("P/A", |license| license.sip_numbers = sip);
    let (more, less) = (a(26), a(20));
    assert_eq!(obstacle(site.check(&more, false)).0, "P");
    assert!(site.write(less).is_ok());
    let figures = site.world.tree.state(site.holder("P/A"), NOW, &site).sip_numbers;
    assert_eq!((figures.available, figures.bound_by), (Some(0), Some(site.holder("P"))));
}

#[test]
fn row_23_a_license_added_to_an_ended_gate_is_accepted_though_it_is_small() {
    let mut site = Site::new();
    site.gate("G", &[sip(5).until(DEC_1)]).unwrap();
    site.create("G", NumberKind::Panel, 1);
    site.create("G", NumberKind::Phone, 1);
    let numbers = site.created_aors("G");
    site.register(&numbers[0], false).unwrap();
    site.register(&numbers[1], false).unwrap();

    site.now = DEC_1;
    assert_eq!(site.revoke().len(), 2);
    let grant = site.grant("G", sip(1));
    let warnings = site.write(grant).unwrap();

    assert_eq!(warnings.len(), 1);
    assert_eq!((warnings[0].gate.as_str(), warnings[0].by, warnings[0].at), ("G", Some(1), DEC_1));
    assert_eq!(site.register(&numbers[1], false), Ok(()));
    assert_eq!(site.register(&numbers[0], false), Err(("G".into(), Cause::SipLimit)));
}

#[test]
fn row_24_suspension_stops_all_of_the_group() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.gate("R/A", &[sip(25)]).unwrap();
    site.create("R/A", NumberKind::Phone, 1);
    let number = site.created_aors("R/A")[0].clone();
    site.register(&number, false).unwrap();
    let id = site.world.tree.licenses_of(site.holder("R/A"))[0].id;

    let warnings = site.write(Change::SuspendLicense(id)).unwrap();

    assert_eq!(warnings.len(), 1);
    assert_eq!((warnings[0].gate.as_str(), warnings[0].by), ("R/A", Some(1)));
    assert_eq!(site.register(&number, false), Err(("R/A".into(), Cause::Suspended)));
}
