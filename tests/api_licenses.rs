//! Licenses over HTTP: granted, changed, stopped, renewed together, and built with many groups at once;
//! and what those learn who don't stand above.

mod scene;

use std::collections::BTreeSet;

use scene::http::{Client, Reply};
use scene::{Daemon, Office};
use serde_json::{Value, json};

/// A root group that hands out, with 10 numbers and 5 apps.
fn root(server: &Client) -> i64 {
    let body = json!({"parent": 1, "name": "Top", "restricted": true, "time_zone": "Europe/Madrid",
        "licenses": [{"sip_numbers": 10, "mobile_apps": 5, "features": ["ukey2"]}]});
    server.post("/groups", body).must(201).id()
}

fn gate(server: &Client, parent: i64, name: &str) -> i64 {
    let body = json!({"parent": parent, "name": name, "restricted": true});
    server.post("/groups", body).must(201).id()
}

fn grant(client: &Client, group: i64, sip_numbers: u32) -> Reply {
    client.post("/licenses", json!({"group": group, "sip_numbers": sip_numbers}))
}

#[test]
fn a_license_is_shown_in_the_form_that_programs_rely_on() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);

    let made = server.post(
        "/licenses",
        json!({"group": top, "type": "Plus", "sip_numbers": 3, "mobile_apps": 2,
            "features": ["ukey2", "sip_trunks"], "valid_from": "2020-06-01",
            "valid_until": "2090-06-01T12:00:00+02:00"}),
    );

    let made = made.must(201);
    let shown = server.get(made.header("location").unwrap().trim_start_matches("/api/v1"));
    let shown = shown.must(200);
    assert_eq!(shown.tag(), made.tag());
    assert_eq!(
        shown.json,
        json!({"id": made.id(), "holder": "Top", "group": top, "user": null, "type": "Plus",
            "sip_numbers": 3, "mobile_apps": 2, "features": ["sip_trunks", "ukey2"],
            "valid_from": "2020-05-31T22:00:00Z", "valid_until": "2090-06-01T10:00:00Z",
            "status": "active", "suspended": false})
    );
}

#[test]
fn a_change_names_what_changes_and_null_lifts_an_end() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let body = json!({"group": top, "sip_numbers": 3, "type": "Trial", "valid_until": "+30d"});
    let place = format!("/licenses/{}", server.post("/licenses", body).must(201).id());

    let changed = server.patch(&place, json!({"sip_numbers": 4, "valid_until": null})).must(200);

    assert_eq!(changed.json["sip_numbers"], 4);
    assert_eq!(changed.json["type"], "Trial");
    assert_eq!(changed.json["valid_until"], Value::Null);
    let seen = changed.tag().to_owned();
    server.patch(&place, json!({"sip_numbers": 5})).must(200);
    let late = server.with_json("PATCH", &place, &[("If-Match", &seen)], json!({"sip_numbers": 6}));
    late.must(412);
}

#[test]
fn a_suspended_license_says_so_and_keeps_what_it_granted() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let place = format!("/licenses/{}", grant(&server, top, 5).must(201).id());

    let stopped = server.send("POST", &format!("{place}/suspend"), &[], "").must(200);
    let listed = server.get(&format!("/licenses?group={top}&status=suspended")).must(200);
    let resumed = server.send("POST", &format!("{place}/resume"), &[], "").must(200);

    assert_eq!(stopped.json["status"], "suspended");
    assert_eq!(listed.items("id"), [stopped.json["id"].clone()]);
    assert_eq!(resumed.json["status"], "active");
    server.delete(&place).must(200);
    server.get(&place).must(404);
}

#[test]
fn more_apps_than_numbers_are_an_obstacle() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);

    let body = json!({"group": top, "sip_numbers": 1, "mobile_apps": 2});
    let refused = server.post("/licenses", body).must(409).json;

    assert_eq!(refused["obstacles"][0]["resource"], "mobile_apps");
    assert_eq!(refused["obstacles"][0]["asked"], 2);
}

#[test]
fn of_two_who_grant_the_last_one_at_once_one_wins() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let gates: Vec<i64> = ["A", "B"].map(|name| gate(&server, top, name)).to_vec();

    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let asked = gates.iter().map(|gate| scope.spawn(|| grant(&server, *gate, 6).status));
        let asked: Vec<_> = asked.collect();
        asked.into_iter().map(|one| one.join().unwrap()).collect()
    });

    assert_eq!(BTreeSet::from_iter(statuses), BTreeSet::from([201, 409]));
}

#[test]
fn a_renewal_is_shown_first_and_then_happens_to_all_or_none() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let (a, b) = (gate(&server, top, "A"), gate(&server, top, "B"));
    let granted = |group, features: Value| {
        let body = json!({"group": group, "sip_numbers": 2, "features": features,
            "valid_until": "2090-01-01"});
        server.post("/licenses", body).must(201).id()
    };
    let (first, second) = (granted(a, json!([])), granted(b, json!(["ukey2"])));
    let renew = |dry_run: bool| {
        server.post(
            "/licenses/renew",
            json!({"below": top, "ending_before": "2090-01-02", "until": "2091-01-01",
                "dry_run": dry_run}),
        )
    };

    let preview = renew(true).must(200).json;
    assert_eq!(preview["licenses"].as_array().unwrap().len(), 2);
    assert_eq!(
        preview["licenses"][0],
        json!({"id": first, "holder": "Top/A", "old_until": "2089-12-31T23:00:00Z",
            "new_until": "2090-12-31T23:00:00Z"})
    );
    assert_eq!(preview["refused"], Value::Null);
    // What the root has ends before the new end: the feature would be granted for too long.
    let all = server.get(&format!("/groups/{top}/licenses")).must(200).items("id");
    let own = format!("/licenses/{}", all[0]);
    server.post("/licenses", json!({"group": top, "sip_numbers": 10})).must(201);
    server.patch(&own, json!({"valid_until": "2090-06-01"})).must(200);
    let refused = renew(true).must(200).json;
    assert_eq!(refused["obstacles"][0]["resource"], "ukey2");
    renew(false).must(409);
    let unchanged = server.get(&format!("/licenses/{second}")).must(200).json;
    assert_eq!(unchanged["valid_until"], "2089-12-31T23:00:00Z");
    server.patch(&own, json!({"valid_until": null})).must(200);

    let renewed = renew(false).must(200).json;

    assert_eq!(renewed["dry_run"], false);
    for id in [first, second] {
        let license = server.get(&format!("/licenses/{id}")).must(200).json;
        assert_eq!(license["valid_until"], "2090-12-31T23:00:00Z");
    }
    let one = json!({"ids": [first], "until": "2092-01-01"});
    assert_eq!(server.post("/licenses/renew", one).must(200).json["licenses"][0]["id"], first);
    server.post("/licenses/renew", json!({"ids": [first, 999], "until": "+1d"})).must(404);
    server.post("/licenses/renew", json!({"below": top, "until": "+1d"})).must(422);
}

#[test]
fn who_does_not_stand_above_neither_raises_a_limit_nor_learns_of_one() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let own = gate(&server, top, "Own");
    let license = grant(&server, own, 4).must(201).id();
    let below = gate(&server, own, "Below");
    let open = server.post("/groups", json!({"parent": top, "name": "Open"})).must(201).id();
    let tenant = gate(&server, open, "Tenant");
    let site = office.with_role("site_administrator", "Top/Own");
    let other = office.with_role("site_administrator", "Top/Open");

    grant(&site, below, 3).must(201);
    grant(&site, own, 1).must(403);
    site.patch(&format!("/licenses/{license}"), json!({"sip_numbers": 9})).must(403);
    site.patch(&format!("/groups/{own}"), json!({"restricted": false})).must(403);
    let known = grant(&site, below, 3).must(409).json;
    let masked = grant(&other, tenant, 11).must(409);

    assert_eq!(known["obstacles"][0]["gate"], "Own");
    assert_eq!(known["obstacles"][0]["granted"], 4);
    assert_eq!(masked.json["obstacles"][0]["gate"], "a group above");
    assert_eq!(masked.json["obstacles"][0]["granted"], Value::Null);
    assert_eq!(masked.json["obstacles"][0]["left"], 6);
    assert!(!masked.text.contains("Top") && !masked.text.contains("of 10"), "{}", masked.text);
    let state = other.get(&format!("/groups/{open}/state")).must(200);
    assert_eq!(state.json["sip_numbers"]["limit"], Value::Null);
    assert_eq!(state.json["sip_numbers"]["limit_of"], "a group above");
    assert_eq!(state.json["sip_numbers"]["left"], 6);
    assert!(!state.text.contains("Top"), "{}", state.text);
    let taken = site.post("/groups", json!({"parent": own, "name": "Below"})).must(409);
    assert!(!taken.text.contains("Top"), "{}", taken.text);
}

#[test]
fn a_concierge_sees_the_state_and_no_licenses() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let license = grant(&server, top, 1).must(201).id();
    let concierge = office.with_role("concierge", "Top");

    concierge.get(&format!("/groups/{top}/state")).must(200);
    concierge.get(&format!("/groups/{top}/licenses")).must(403);
    concierge.get(&format!("/licenses/{license}")).must(403);
    concierge.delete(&format!("/licenses/{license}")).must(403);
    grant(&concierge, top, 1).must(403);
    assert_eq!(concierge.get("/licenses").must(200).items("id").len(), 0);
}

#[test]
fn a_house_is_built_from_patterns() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let place = format!("/groups/{top}/build");
    let house = json!({"levels": [
        {"kind": "building", "names": ["A", "B"]},
        {"kind": "floor", "from": 1, "to": 2, "name": "Floor {n}"},
        {"kind": "apartment", "from": 1, "to": 2, "name": "{parent.n}{n:02}", "restricted": true,
            "license": {"sip_numbers": 1}},
    ]});

    let preview = server.post(&format!("{place}?dry_run=true"), house.clone()).must(200).json;
    assert_eq!(preview["groups"], 14);
    assert_eq!(preview["refused"], Value::Null);
    assert_eq!(server.get(&format!("/groups/{top}/children")).must(200).items("id").len(), 0);
    let built = server.post(&place, house.clone()).must(200).json;

    assert_eq!(built["groups"], 14);
    let flat = server.get("/groups?path=Top/B/Floor%202/202").must(200);
    assert_eq!(flat.items("kind"), [json!("apartment")]);
    let state = server.get(&format!("/groups/{top}/state")).must(200).json;
    assert_eq!(state["sip_numbers"]["left"], 2);
    server.post(&place, house).must(409);
}

#[test]
fn what_is_built_fits_or_nothing_is() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server);
    let place = format!("/groups/{top}/build");
    let flats = |to: u32| {
        json!({"levels": [{"from": 1, "to": to, "name": "{n:03}",
            "number": {"user": "1{n:03}", "domain": "example.com", "kind": "panel"}}]})
    };

    let preview = server.post(&format!("{place}?dry_run=true"), flats(11)).must(200).json;
    server.post(&place, flats(11)).must(409);

    assert_eq!(preview["obstacles"][0]["asked"], 11);
    assert_eq!(server.get(&format!("/groups/{top}/children")).must(200).items("id").len(), 0);
    assert_eq!(server.post(&place, flats(10)).must(200).json["numbers"], 10);
    for (levels, field) in [
        (json!([]), "levels"),
        (json!([{"from": 1, "to": 200_000, "name": "{n}"}]), "levels"),
        (json!([{"from": 0, "to": u32::MAX, "name": "{n}"}, {"names": ["a", "b"]}]), "levels"),
        (json!([{"from": 1, "to": 2, "name": "x"}]), "levels[0].name"),
        (json!([{"from": 1, "to": 2, "name": "{parent.n}{n}"}]), "levels[0].name"),
        (json!([{"from": 1, "to": 2, "name": "{n}/{n}"}]), "levels[0].name"),
        (json!([{"from": 2, "to": 1, "name": "{n}"}]), "levels[0].names"),
        (json!([{"names": ["a"], "colour": 1}]), "levels[0].colour"),
    ] {
        let problem = server.post(&place, json!({"levels": levels})).must(422).json;
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

#[test]
fn the_command_line_renews_with_the_same_preview() {
    let daemon = Daemon::prepare("");
    daemon.tell(&["group", "add", "Top", "--restrict"]);
    daemon.tell(&["license", "add", "Top", "--sip", "10"]);
    daemon.tell(&["group", "add", "Top/A", "--restrict"]);
    daemon.tell(&["license", "add", "Top/A", "--sip", "4", "--until", "2090-01-01"]);
    let below = ["license", "renew", "--below", "Top", "--ending-before", "2090-01-02"];
    let renew = |more: &[&str]| daemon.ask(&[&below[..], more].concat());

    let preview = renew(&["--until", "2091-01-01", "--dry-run"]);
    let before = daemon.ask(&["license", "show", "2"]);
    let done = renew(&["--until", "2091-01-01"]);

    let row = json!({"id": 2, "holder": "Top/A", "old_until": "2090-01-01T00:00:00Z",
        "new_until": "2091-01-01T00:00:00Z"});
    assert_eq!(preview["licenses"], json!([row]));
    assert_eq!(before["valid_until"], "2090-01-01T00:00:00Z");
    assert_eq!(done["licenses"], json!([row]));
    daemon.tell(&["license", "renew", "2", "--until", "2092-01-01"]);
    assert_eq!(daemon.ask(&["license", "show", "2"])["valid_until"], "2092-01-01T00:00:00Z");
    let none = daemon.command(&["license", "renew", "--until", "2092-01-01"]);
    assert_eq!(none.status.code(), Some(2));
    let lost = daemon.command(&["license", "renew", "99", "--until", "2092-01-01"]);
    assert_eq!(lost.status.code(), Some(1));
}
