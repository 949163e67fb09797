//! Rules that no example decides: claims, features, sharing, force, what is empty, renewals.

use super::*;

fn error(refused: Result<Vec<Warning>, Refused>) -> String {
    refused.expect_err("accepted").error
}

#[test]
fn a_number_inside_a_foreign_claim_is_taken_not_said_by_whom() {
    let mut site = Site::new();
    site.off("A");
    site.off("A/Floor");
    site.off("B");
    let claim = site.claim("A", "1000", "1999");
    site.write(claim).unwrap();
    let number = |site: &mut Site, owner: &str| {
        let owner = site.holder(owner);
        let id = NumberId(site.id());
        let aor = "sip:1500@example.com".into();
        Change::AddNumbers(vec![Number { id, aor, owner, kind: NumberKind::Phone, password: None }])
    };

    let (foreign, own) = (number(&mut site, "B"), number(&mut site, "A/Floor"));

    assert_eq!(error(site.check(&foreign, true)), "sip:1500@example.com is taken");
    assert!(site.write(own).is_ok());
}

#[test]
fn claims_lie_inside_those_of_groups_above_only() {
    let mut site = Site::new();
    site.off("A");
    site.off("A/Floor");
    site.off("B");
    let claim = site.claim("A", "1000", "1999");
    site.write(claim).unwrap();

    for (group, first, last, fits) in [
        ("B", "1200", "1299", false),
        ("B", "0000", "9999", false),
        ("B", "1500", "2500", false),
        ("A", "1000", "1999", false),
        ("B", "2000", "2999", true),
        ("A/Floor", "1200", "1299", true),
    ] {
        let claim = site.claim(group, first, last);
        assert_eq!(site.write(claim).is_ok(), fits, "{group} {first}-{last}");
    }
}

#[test]
fn a_claim_around_numbers_of_others_is_refused() {
    let mut site = Site::new();
    site.off("A");
    site.off("B");
    site.create("A", NumberKind::Phone, 1);
    let rule = ClaimRule::Domain { domain: "example.com".into() };
    let claim = |id, group| {
        Change::AddClaim(Claim { id, group, rule: rule.clone(), kind: NumberKind::Phone })
    };

    let of_b = claim(ClaimId(90), site.at("B"));
    let of_a = claim(ClaimId(91), site.at("A"));

    assert_eq!(error(site.check(&of_b, false)), "example.com is taken");
    assert!(site.write(of_a).is_ok());
}

#[test]
fn a_user_in_several_groups_must_satisfy_a_claim_in_each() {
    let mut site = Site::new();
    site.off("A");
    site.off("B");
    site.user("u", &["A"], &[]).unwrap();
    site.create("user:u", NumberKind::Phone, 1);
    let claim = Change::AddClaim(Claim {
        id: ClaimId(90),
        group: site.at("A"),
        rule: ClaimRule::Domain { domain: "example.com".into() },
        kind: NumberKind::Phone,
    });
    site.write(claim).unwrap();
    let user = site.world.tree.user_named("u").unwrap().clone();

    let joined = User { groups: vec![site.at("A"), site.at("B")], ..user };

    assert!(error(site.write(Change::EditUser { user: joined })).contains("what others claim"));
}

#[test]
fn a_move_into_a_foreign_claim_is_refused() {
    let mut site = Site::new();
    site.off("A");
    site.off("A/Floor");
    site.off("B");
    let outer = site.claim("A", "1000", "1999");
    site.write(outer).unwrap();
    let inner = site.claim("A/Floor", "1200", "1299");
    site.write(inner).unwrap();

    let change = Change::MoveGroup { group: site.at("A/Floor"), parent: site.at("B") };

    assert!(error(site.check(&change, true)).contains("what others claim"));
}

#[test]
fn a_feature_is_granted_where_and_while_the_gate_above_has_it() {
    let mut site = Site::new();
    let trunks = Feature::SipTrunks;
    site.gate("R", &[sip(50), sip(0).until(DEC_1).with(trunks)]).unwrap();

    let endless = site.gate("R/A", &[sip(5).with(trunks)]);

    let refused = endless.unwrap_err();
    let first = &refused.obstacles[0];
    assert_eq!((first.resource.as_str(), first.last_date_that_fits), ("sip_trunks", Some(DEC_1)));
    assert!(site.gate("R/B", &[sip(5).with(Feature::Ukey2)]).is_err());
    assert!(site.gate("R/A", &[sip(5).until(DEC_1).with(trunks)]).is_ok());
}

#[test]
fn a_feature_taken_away_above_is_refused_like_a_shrink_and_may_be_forced() {
    let mut site = Site::new();
    let trunks = Feature::SipTrunks;
    site.gate("R", &[sip(50).with(trunks)]).unwrap();
    site.gate("R/A", &[sip(5).with(trunks)]).unwrap();

    let taken = site.regrant("R", |license| license.features = FeatureSet::NONE);

    assert_eq!(obstacle(site.check(&taken, false)).1, "sip_trunks");
    assert!(site.force(taken).is_ok());
}

#[test]
fn sharing_is_never_refused_and_splitting_again_only_while_the_sum_fits() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.gate("R/A", &[sip(30)]).unwrap();
    let share = site.edit("R", |group| group.hand_out = HandOut::Shared);
    site.write(share).unwrap();
    assert!(site.gate("R/B", &[sip(51)]).is_err());
    site.gate("R/B", &[sip(50)]).unwrap();
    let split = site.edit("R", |group| group.hand_out = HandOut::Split);

    assert_eq!(obstacle(site.check(&split, true)).0, "R");

    let fits = site.regrant("R/B", |license| license.sip_numbers = 20);
    site.write(fits).unwrap();
    assert!(site.write(split).is_ok());
}

#[test]
fn the_only_license_above_numbers_goes_by_force_only() {
    let mut site = Site::new();
    site.gate("R", &[sip(5)]).unwrap();
    site.create("R", NumberKind::Phone, 2);
    let id = site.world.tree.licenses_of(site.holder("R"))[0].id;
    let later = site.regrant("R", |license| license.validity.until = Some(DEC_1));

    assert_eq!(obstacle(site.check(&Change::RemoveLicense(id), false)).0, "R");
    assert_eq!(site.write(later), Ok(Vec::new()));
    assert!(site.force(Change::RemoveLicense(id)).is_ok());
}

#[test]
fn the_last_license_of_a_user_is_removed_only_where_the_numbers_fit() {
    let mut site = Site::new();
    site.gate("A", &[sip(3)]).unwrap();
    site.off("F");
    site.user("u", &["F"], &[sip(4)]).unwrap();
    site.create("user:u", NumberKind::Phone, 4);
    let on = Change::MoveGroup { group: site.at("F"), parent: site.at("A") };
    assert_eq!(obstacle(site.check(&on, false)).0, "A");
    let id = site.world.tree.licenses_of(site.holder("user:u"))[0].id;
    let ended = site.regrant("user:u", |license| license.validity.until = Some(DEC_1));
    site.write(ended).unwrap();
    site.now = DEC_1;
    site.write(on).unwrap();

    assert_eq!(obstacle(site.check(&Change::RemoveLicense(id), true)).0, "A");
}

#[test]
fn numbers_wait_for_the_next_license_and_none_is_none() {
    let mut site = Site::new();
    site.gate("G", &[]).unwrap();
    site.gate("H", &[sip(1).from(DEC_1)]).unwrap();
    site.gate("K", &[sip(2), sip(3).until(DEC_1)]).unwrap();

    let (none, two) =
        (site.numbers("G", NumberKind::Phone, 1), site.numbers("H", NumberKind::Phone, 2));
    assert_eq!(obstacle(site.check(&none, false)).2, 0);
    assert_eq!(obstacle(site.check(&two, false)).2, 1);
    site.create("H", NumberKind::Phone, 1);

    let five = site.numbers("K", NumberKind::Phone, 5);
    let warnings = site.write(five).unwrap();
    assert_eq!((warnings[0].by, warnings[0].at), (Some(3), DEC_1));
}

#[test]
fn apps_need_as_many_sip_numbers() {
    let mut site = Site::new();

    let refused = site.gate("R", &[sip(5).apps(6)]);

    assert_eq!(obstacle(refused), ("R".into(), "mobile_apps".into(), 5, 5, 6));
}

#[test]
fn the_tree_stays_a_tree_and_names_stay_apart() {
    let mut site = Site::new();
    site.off("A");
    site.off("A/B");
    let cycle = Change::MoveGroup { group: site.at("A"), parent: site.at("A/B") };
    let twin = Change::AddGroup { group: site.record("A/B"), licenses: Vec::new() };
    let slash = site.edit("A/B", |group| group.name = "x/y".into());

    assert!(error(site.check(&cycle, true)).contains("stands under"));
    assert!(error(site.check(&twin, true)).contains("already"));
    assert!(error(site.check(&slash, true)).contains("no name"));
}

#[test]
fn a_forced_deletion_says_what_goes_and_keeps_users_who_are_elsewhere() {
    let mut site = Site::new();
    site.off("A");
    site.off("A/B");
    site.off("C");
    site.user("gone", &["A/B"], &[]).unwrap();
    site.user("kept", &["A/B", "C"], &[]).unwrap();
    site.create("user:gone", NumberKind::Phone, 2);
    site.create("user:kept", NumberKind::Phone, 1);
    let change = Change::RemoveGroup { group: site.at("A") };

    assert!(error(site.check(&change, false)).contains("1 subgroups"));
    let told: Vec<_> = site
        .force(change)
        .unwrap()
        .into_iter()
        .map(|one| (one.resource, one.by.unwrap()))
        .collect();

    assert!(told.contains(&("numbers".into(), 2)) && told.contains(&("users".into(), 1)));
    assert_eq!(site.world.directory.len(), 1);
    assert!(site.world.tree.user_named("gone").is_none());
    assert_eq!(site.world.tree.user_named("kept").unwrap().groups, [site.at("C")]);
}

#[test]
fn the_last_membership_stays() {
    let mut site = Site::new();
    site.off("A");
    site.user("u", &["A"], &[]).unwrap();
    let user = User { groups: Vec::new(), ..site.world.tree.user_named("u").unwrap().clone() };

    assert!(error(site.check(&Change::EditUser { user }, true)).contains("needs a group"));
}

#[test]
fn many_are_renewed_in_one_write_or_none() {
    let mut site = Site::new();
    let year = Moment(DEC_1.0 + 365 * DAY);
    site.gate("R", &[sip(50).until(DEC_1), sip(10)]).unwrap();
    site.gate("R/A", &[sip(20).until(DEC_1)]).unwrap();
    site.gate("R/B", &[sip(5)]).unwrap();
    let renewal = |site: &Site, path| {
        Change::renewal(&site.world.tree, site.at(path), Moment(DEC_1.0 + DAY), year)
    };

    let below = renewal(&site, "R/A");
    let whole = renewal(&site, "R");

    assert_eq!(last_date(site.check(&below, false)), Some(DEC_1));
    assert_eq!(site.write(whole), Ok(Vec::new()));
    let ends = |path| site.world.tree.licenses_of(site.holder(path))[0].validity.until;
    assert_eq!([ends("R"), ends("R/A"), ends("R/B")], [Some(year), Some(year), None]);
}

#[test]
fn what_a_grant_takes_from_claimed_numbers_is_said() {
    let mut site = Site::new();
    site.gate("R", &[sip(10)]).unwrap();
    let claim = site.claim("R", "1000", "1999");
    site.write(claim).unwrap();
    assert_eq!(site.register_all(range(1000..1010)).0, 10);

    let warnings = site.gate("R/A", &[sip(4)]).unwrap();

    assert_eq!((warnings[0].gate.as_str(), warnings[0].by), ("R", Some(4)));
}
