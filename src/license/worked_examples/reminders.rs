//! Rows 12 and 29, and what else decides whether an end is due.

use chrono::NaiveTime;
use chrono_tz::Tz;

use super::*;
use crate::license::{DueEnd, Every, Reminder};

const DEC_15: Moment = Moment(DEC_1.0 + 14 * DAY);

fn due(site: &Site, path: &str) -> Vec<DueEnd> {
    site.world.tree.due_ends(site.at(path), site.now)
}

fn sip_falls(site: &Site, path: &str) -> Vec<(Moment, Option<u32>, Option<u32>)> {
    due(site, path).iter().map(|due| (due.at, due.from.sip_numbers, due.to.sip_numbers)).collect()
}

#[test]
fn row_12_a_renewal_without_a_gap_is_no_end() {
    let mut site = Site::new();

    site.gate("G", &[sip(50).until(DEC_1), sip(50).from(DEC_1)]).unwrap();

    assert_eq!(due(&site, "G"), []);
}

#[test]
fn row_29_a_top_up_that_ends_after_the_renewal() {
    let mut site = Site::new();
    let grants = [sip(50).until(DEC_1), sip(10).until(DEC_15), sip(50).from(DEC_1)];
    site.gate("G", &grants).unwrap();

    let ends = due(&site, "G");
    let reminder = Reminder {
        group: site.at("G"),
        days: 7,
        every: Every::Once,
        also: vec![],
        users: false,
        enabled: true,
    };
    let nine = NaiveTime::from_hms_opt(9, 0, 0).unwrap();
    let mails: Vec<_> = ends.iter().flat_map(|end| reminder.dates(end.at, Tz::UTC, nine)).collect();

    assert_eq!(sip_falls(&site, "G"), [(DEC_15, Some(60), Some(50))]);
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].at.rfc3339(), "2024-12-08T09:00:00Z");
}

#[test]
fn an_end_above_is_due_below_where_it_binds() {
    let mut site = Site::new();
    site.gate("S", &[sip(50).until(DEC_15), sip(10)]).unwrap();
    site.gate("S/A", &[sip(5)]).unwrap();
    site.off("S/Open");
    site.gate("T", &[sip(50).until(DEC_15)]).unwrap();
    site.gate("T/A", &[sip(20)]).unwrap();

    assert_eq!(sip_falls(&site, "S/A"), []);
    assert_eq!(sip_falls(&site, "S/Open"), [(DEC_15, Some(60), Some(10))]);
    assert_eq!(sip_falls(&site, "T/A"), [(DEC_15, Some(20), Some(0))]);
    assert_eq!(sip_falls(&site, "/"), []);
}

#[test]
fn a_gap_is_an_end_and_what_comes_back_is_none() {
    let mut site = Site::new();
    site.gate("G", &[sip(50).until(DEC_1), sip(50).from(DEC_15)]).unwrap();

    assert_eq!(sip_falls(&site, "G"), [(DEC_1, Some(50), Some(0))]);
}

#[test]
fn a_feature_ends_though_no_count_falls() {
    let mut site = Site::new();
    let with = sip(50).until(DEC_1).with(Feature::SipTrunks).with(Feature::WebDialer);
    site.gate("G", &[with, sip(60).from(DEC_1).with(Feature::WebDialer)]).unwrap();

    let ends = due(&site, "G");

    assert_eq!(ends.len(), 1);
    assert_eq!(ends[0].features().iter().collect::<Vec<_>>(), [Feature::SipTrunks]);
}

#[test]
fn apps_that_fall_are_an_end_though_sip_numbers_rise() {
    let mut site = Site::new();
    site.gate("G", &[sip(50).apps(40).until(DEC_1), sip(80).apps(20).from(DEC_1)]).unwrap();

    let ends = due(&site, "G");

    assert_eq!(ends.len(), 1);
    assert_eq!((ends[0].from.mobile_apps, ends[0].to.mobile_apps), (Some(40), Some(20)));
}

#[test]
fn a_suspended_license_ends_unheard() {
    let mut site = Site::new();
    site.gate("G", &[sip(50).until(DEC_1)]).unwrap();
    let suspended = site.regrant("G", |license| license.suspended = true);
    site.write(suspended).unwrap();

    assert_eq!(due(&site, "G"), []);
    assert_eq!(site.world.tree.falling_gates(site.at("G"), DEC_1), []);
}

#[test]
fn the_gates_that_fall_are_told_with_what_ends() {
    let mut site = Site::new();
    site.gate("S", &[sip(50).until(DEC_1), sip(50).from(DEC_1)]).unwrap();
    site.gate("S/A", &[sip(20).until(DEC_1), sip(10)]).unwrap();

    let gates = site.world.tree.falling_gates(site.at("S/A"), DEC_1);

    assert_eq!(gates.len(), 1);
    assert_eq!(gates[0].0, site.at("S/A"));
    assert_eq!(gates[0].1.iter().map(|license| license.sip_numbers).collect::<Vec<_>>(), [20]);
}
