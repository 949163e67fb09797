//! Rows about who is told what.

use super::*;
use crate::license::distribution::Listener;
use crate::license::{Assignment, Role, Viewer, What};

fn dealer(group: GroupId) -> Viewer {
    let assignment = Assignment { role: Role::SiteAdministrator, group };
    Viewer { assignments: vec![assignment], ..Viewer::default() }
}

/// What the dealer of a group is told of a change that does not fit.
fn told(site: &Site, dealer_of: &str, change: &Change) -> Refused {
    let viewer = dealer(site.at(dealer_of));
    viewer.may_write(&site.world, change).expect("not theirs");
    let refused = site.check(change, false).expect_err("fits");
    Listener::new(&viewer, &site.world, change).refused(refused)
}

#[test]
fn row_30_of_a_full_gate_elsewhere_a_dealer_learns_the_cause_and_no_more() {
    let mut site = Site::new();
    for (path, grant) in [("D1", 10), ("D1/A", 5), ("D2", 10), ("D2/C", 1)] {
        site.gate(path, &[sip(grant)]).unwrap();
    }
    site.user("u", &["D1/A", "D2/C"], &[]).unwrap();
    let claim = site.claim("D2/C", "1000", "1999");
    site.write(claim).unwrap();
    site.register("sip:1000@example.com", false).unwrap();
    let full = site.holder("D2/C");
    let user = site.holder("user:u");
    let dealer = dealer(site.at("D1"));

    let tree = &site.world.tree;
    assert_eq!(dealer.may_read(tree, What::Live, user), Ok(()));
    assert!(tree.path(user).contains(&full));
    assert_eq!(dealer.name_of(tree, full, Some(user)), "another group of this user");
    assert_eq!(dealer.name_of(tree, site.holder("D2"), Some(user)), "another group of this user");
    assert_eq!(dealer.name_of(tree, site.holder("D1/A"), Some(user)), "D1/A");
    assert!(!dealer.sees(tree, full));
}

#[test]
fn of_a_gate_above_an_obstacle_tells_what_is_left_only() {
    let mut site = Site::new();
    site.gate("R", &[sip(50)]).unwrap();
    site.off("R/D");
    site.gate("R/Other", &[sip(30)]).unwrap();
    let group = Group { restricted: true, ..site.record("R/D/B") };
    let license = site.license(Holder::Group(group.id), sip(25));
    let change = Change::AddGroup { group, licenses: vec![license] };

    let refused = told(&site, "R/D", &change);

    let [obstacle] = &refused.obstacles[..] else { panic!("{refused:?}") };
    assert_eq!((obstacle.gate.as_str(), obstacle.granted), ("a group above", None));
    assert_eq!((obstacle.left, obstacle.asked), (20, 25));
    assert_eq!(refused.error, "a group above has 20 sip_numbers left, 25 asked");
}

#[test]
fn names_in_a_refusal_begin_at_ones_own_group() {
    let mut site = Site::new();
    ["R", "R/D", "R/Twin", "R/D/B", "R/D/B/C"].iter().for_each(|path| site.off(path));
    let circle = Change::MoveGroup { group: site.at("R/D/B"), parent: site.at("R/D/B/C") };
    let twin = site.edit("R/D", |group| group.name = "Twin".into());
    let full = Change::RemoveGroup { group: site.at("R/D/B") };

    let error = |change| told(&site, "R/D", change).error;
    assert_eq!(error(&circle), "D/B/C is \"B\" or stands under it");
    assert_eq!(error(&twin), "a group above has a group \"Twin\" already");
    assert_eq!(error(&full), "D/B is not empty: 1 subgroups");
}

#[test]
fn a_warning_about_a_gate_above_has_no_figure() {
    let mut site = Site::new();
    site.gate("R", &[sip(50).until(DEC_1), sip(20).from(DEC_1)]).unwrap();
    site.off("R/D");
    let numbers = site.numbers("R/D", NumberKind::Panel, 30);
    let viewer = dealer(site.at("R/D"));

    let warnings = site.check(&numbers, false).unwrap();
    let listener = Listener::new(&viewer, &site.world, &numbers);
    let told: Vec<Warning> = warnings.into_iter().map(|one| listener.warning(one)).collect();

    let [warning] = &told[..] else { panic!("{told:?}") };
    assert_eq!((warning.gate.as_str(), warning.by), ("a group above", None));
    assert_eq!(
        warning.text,
        "a group above: sip_numbers do not fit from 1 December 2024, 00:00 (UTC)"
    );
}
