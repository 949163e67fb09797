//! May somebody use or configure a feature, asked of the built binary without a daemon.

mod site;

use serde_json::{Value, json};
use site::Site;

fn one(site: &Site, line: &str) -> Value {
    let answer = site.done(line);
    assert_eq!(answer.as_array().unwrap().len(), 1, "{answer}");
    answer[0].clone()
}

/// SmartHome[ukey2, remote_door_opening until 2040] > Flat, which has anna and a panel.
fn site() -> Site {
    let site = Site::new();
    site.done("group|add|SmartHome|--restrict");
    site.done("license|add|SmartHome|--sip|5|--feature|ukey2");
    site.done("license|add|SmartHome|--sip|5|--feature|remote_door_opening|--until|2040-01-01");
    site.done("group|add|SmartHome/Flat");
    site.done("user|add|anna|--group|SmartHome/Flat");
    site.done("number|add|1@example.com|--group|SmartHome/Flat|--kind|panel");
    site
}

#[test]
fn a_user_and_a_number_are_judged_by_their_path() {
    let site = site();

    let anna = one(&site, "entitlement|user:anna|remote_door_opening");
    let panel = one(&site, "entitlement|1@example.com|remote_door_opening");
    let off = one(&site, "entitlement|user:anna|elevator_access");
    let all = site.done("entitlement|user:anna");

    assert_eq!(
        anna,
        json!({
            "subject": "user:anna", "feature": "remote_door_opening", "action": "use",
            "allowed": true, "until": "2040-01-01T00:00:00Z", "from": null, "cause": null,
            "bound_by": null
        })
    );
    assert_eq!((&panel["allowed"], &panel["subject"]), (&json!(true), &json!("sip:1@example.com")));
    assert_eq!((&off["cause"], &off["bound_by"]), (&json!("feature_off"), &json!("SmartHome")));
    assert_eq!(all.as_array().unwrap().len(), 9);
}

#[test]
fn each_reason_has_its_word() {
    let site = site();
    let cause = |line: &str| one(&site, line)["cause"].clone();

    assert_eq!(cause("entitlement|7@example.com|ukey2"), "unknown_number");
    assert_eq!(cause("entitlement|user:anna|ukey2|--configure"), "role");
    site.done("role|add|anna|--role|site_administrator|--group|SmartHome");
    assert_eq!(cause("entitlement|user:anna|ukey2|--configure"), Value::Null);
    assert_eq!(cause("entitlement|1@example.com|ukey2|--configure"), "role");
    site.done("license|add|--user|anna|--sip|1|--feature|ukey2|--from|2039-01-01");
    assert_eq!(cause("entitlement|user:anna|ukey2"), "not_yet_valid");
    let later = one(&site, "entitlement|user:anna|ukey2");
    assert_eq!(later["from"], "2039-01-01T00:00:00Z");
    site.done("license|suspend|1");
    site.done("license|suspend|2");
    assert_eq!(cause("entitlement|1@example.com|ukey2"), "suspended");
    let (status, unknown) = site.json("entitlement|user:nobody|ukey2");
    assert_eq!(status, 1, "{unknown}");
}
