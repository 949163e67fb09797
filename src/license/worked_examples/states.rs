//! Rows about license state, features and dates.

use chrono_tz::Tz;

use super::*;
use crate::license::{FeatureState, FeatureStatus, Figures, GateStatus};

fn figures(site: &Site, name: &str) -> Figures {
    site.world.tree.state(site.holder(name), site.now, site).sip_numbers
}

fn trunks(site: &Site, path: &[Holder]) -> FeatureState {
    site.world.tree.feature(Feature::SipTrunks, path, site.now)
}

#[test]
fn row_03_panels_above_bind_what_is_available_below() {
    let mut site = Site::new();
    site.shared("R", &[sip(50)]);
    site.shared("R/A", &[sip(50)]);
    site.create("R/A", NumberKind::Panel, 1);
    site.gate("R/A/Apt", &[sip(50)]).unwrap();

    let (a, apt) = (figures(&site, "R/A"), figures(&site, "R/A/Apt"));

    assert_eq!((a.limit, a.used, a.available), (Some(50), 1, Some(49)));
    assert_eq!((apt.limit, apt.used, apt.available), (Some(50), 0, Some(49)));
    assert_eq!(apt.bound_by, Some(site.holder("R/A")));
}

#[test]
fn row_13_a_license_rests_while_the_one_above_is_over() {
    let mut site = Site::new();
    site.gate("S", &[sip(50).until(DEC_1)]).unwrap();
    site.gate("S/A", &[sip(50)]).unwrap();
    let a = site.holder("S/A");

    let state = site.world.tree.state(a, NOW, &site);

    assert_eq!((state.valid_until, state.ends_with), (Some(DEC_1), Some(site.holder("S"))));
    let after = site.world.tree.state(a, DEC_1, &site);
    assert_eq!((after.status, after.stopped_by), (GateStatus::Expired, Some(site.holder("S"))));
    assert_eq!(after.sip_numbers.available, Some(0));
}

#[test]
fn row_20_a_feature_is_on_where_every_gate_has_it() {
    let mut site = Site::new();
    site.gate("A", &[sip(50).until(DEC_1).with(Feature::SipTrunks), sip(10)]).unwrap();
    site.gate("C", &[sip(5)]).unwrap();
    site.off("F");
    site.user("a", &["A"], &[]).unwrap();
    site.user("ac", &["A", "C"], &[]).unwrap();
    site.user("f", &["F"], &[]).unwrap();

    let of = |name: &str| trunks(&site, &site.world.tree.path(site.holder(name)));

    assert_eq!((of("user:a").status, of("user:a").until), (FeatureStatus::Enabled, Some(DEC_1)));
    assert_eq!(of("user:ac").status, FeatureStatus::Off);
    assert_eq!((of("user:f").status, of("user:f").until), (FeatureStatus::Enabled, None));
}

#[test]
fn row_26_the_figures_of_three_groups() {
    let mut site = Site::new();
    site.gate("R", &[sip(50).apps(40)]).unwrap();
    site.create("R", NumberKind::Panel, 2);
    site.gate("R/A", &[sip(20).apps(10)]).unwrap();
    site.create("R/A", NumberKind::Phone, 6);
    site.off("R/B");
    site.create("R/B", NumberKind::Phone, 5);
    for aor in &site.created_aors("R/A")[..4] {
        site.register(aor, false).unwrap();
    }

    let (r, a, b) = (figures(&site, "R"), figures(&site, "R/A"), figures(&site, "R/B"));

    assert_eq!((r.limit, r.used, r.handed_out), (Some(50), 13, 20));
    assert_eq!((r.left, r.available), (Some(23), Some(37)));
    assert_eq!((a.limit, a.used, a.in_use), (Some(20), 6, 4));
    assert_eq!((a.left, a.available), (Some(14), Some(14)));
    assert_eq!((b.limit, b.limit_of), (Some(50), Some(site.holder("R"))));
    assert_eq!((b.used, b.available), (5, Some(23)));
}

#[test]
fn row_27_a_date_is_read_and_shown_in_the_groups_zone() {
    let mut site = Site::new();
    site.off("G");
    let zoned = site.edit("G", |group| group.time_zone = Some(Tz::Europe__Madrid));
    site.write(zoned).unwrap();
    site.off("G/Floor");
    let zone = site.world.tree.zone_of(site.at("G/Floor"));

    let until = Moment::parse("2024-12-01", zone, NOW).unwrap();

    assert_eq!(until.rfc3339(), "2024-11-30T23:00:00Z");
    assert_eq!(
        until.as_end(zone),
        "until 1 December 2024, 00:00 (Europe/Madrid), last day 30 November"
    );
}
