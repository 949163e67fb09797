//! Groups over HTTP: made, found, changed, moved and removed, and what is answered when they cannot be.

mod scene;

use scene::Office;
use scene::http::{Client, raw};
use serde_json::{Value, json};

fn group(client: &Client, parent: i64, name: &str) -> i64 {
    client.post("/groups", json!({"parent": parent, "name": name})).must(201).id()
}

#[test]
fn a_group_is_made_with_its_licenses_and_found_by_its_path() {
    let office = Office::open();
    let server = office.server();

    let made = server.post(
        "/groups",
        json!({"parent_path": "/", "name": "SmartHome", "kind": "dealer", "restricted": true,
            "time_zone": "Europe/Madrid",
            "licenses": [{"type": "Plus", "sip_numbers": 50, "mobile_apps": 40,
                "features": ["sip_trunks"], "valid_until": "2030-12-01"}]}),
    );

    let id = made.must(201).id();
    let found = server.get("/groups?path=SmartHome").must(200);
    assert_eq!(found.items("id"), [json!(id)]);
    assert_eq!(found.json["next"], Value::Null);
    let licenses = server.get(&format!("/groups/{id}/licenses")).must(200);
    // Midnight in Madrid.
    assert_eq!(licenses.items("valid_until"), [json!("2030-11-30T23:00:00Z")]);
    let state = server.get(&format!("/groups/{id}/state")).must(200).json;
    assert_eq!(state["sip_numbers"]["limit"], 50);
    assert_eq!(state["sip_numbers"]["available"], 50);
    assert_eq!(state["features"]["sip_trunks"]["enabled"], true);
}

#[test]
fn what_was_written_is_read_at_once() {
    let office = Office::open();
    let server = office.server();

    for at in 0..20 {
        let id = group(&server, 1, &format!("G{at}"));
        let read = server.get(&format!("/groups/{id}")).must(200);
        assert_eq!(read.json["name"], format!("G{at}"));
    }
}

#[test]
fn pages_show_every_group_once() {
    let office = Office::open();
    let server = office.server();
    let top = group(&server, 1, "Top");
    let mut made: Vec<i64> = (0..7).map(|at| group(&server, top, &format!("C{at}"))).collect();

    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = server.get(&format!("/groups/{top}/children?limit=3{cursor}")).must(200);
        seen.extend(page.items("id").iter().map(|id| id.as_i64().unwrap()));
        let Some(next) = page.json["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }

    made.sort_unstable();
    assert_eq!(seen, made);
    assert_eq!(server.get("/groups?name=c3").must(200).items("name"), [json!("C3")]);
    let under = server.get(&format!("/groups?under={top}")).must(200);
    assert_eq!(under.items("id").len(), 8);
}

#[test]
fn a_change_names_what_changes_and_keeps_the_rest() {
    let office = Office::open();
    let server = office.server();
    let id = group(&server, 1, "A");
    let place = format!("/groups/{id}");
    server.patch(&place, json!({"kind": "building", "time_zone": "Europe/Rome"})).must(200);

    let changed = server.patch(
        &place,
        json!({"restricted": true, "time_zone": null, "licenses": [{"sip_numbers": 5}]}),
    );

    let changed = changed.must(200).json;
    assert_eq!(changed["kind"], "building");
    assert_eq!(changed["restricted"], true);
    assert_eq!(changed["time_zone"], Value::Null);
    assert_eq!(changed["warnings"], json!([]));
    let state = server.get(&format!("{place}/state")).must(200).json;
    assert_eq!(state["sip_numbers"]["limit"], 5);
}

#[test]
fn who_saw_another_state_does_not_overwrite() {
    let office = Office::open();
    let server = office.server();
    let place = format!("/groups/{}", group(&server, 1, "A"));
    let seen = server.get(&place).must(200).tag().to_owned();
    let edit = |name: &str| {
        server.with_json("PATCH", &place, &[("If-Match", &seen)], json!({"name": name}))
    };

    let first = edit("B").must(200);
    let second = edit("C");

    assert_ne!(first.tag(), seen);
    let problem = second.must(412);
    assert_eq!(problem.header("content-type"), Some("application/problem+json"));
    assert_eq!(server.get(&place).must(200).json["name"], "B");
    server.send("DELETE", &place, &[("If-Match", &seen)], "").must(412);
    server.send("DELETE", &place, &[("If-Match", first.tag())], "").must(200);
    server.get(&place).must(404);
}

#[test]
fn a_key_makes_a_repeated_post_happen_once() {
    let office = Office::open();
    let server = office.server();
    let send = |name: &str| {
        let body = json!({"parent": 1, "name": name});
        server.with_json("POST", "/groups", &[("Idempotency-Key", "k-1")], body)
    };

    let (first, again) = (send("A").must(201), send("A").must(201));

    assert_eq!(first.id(), again.id());
    assert_eq!(server.get("/groups?parent=1").must(200).items("id").len(), 1);
    send("B").must(422);
}

#[test]
fn a_repeated_post_makes_no_second_secret_and_shows_none() {
    let office = Office::open();
    let server = office.server();
    let send = |path: &str, body: &Value| {
        server.with_json("POST", path, &[("Idempotency-Key", path)], body.clone())
    };
    let token = json!({"name": "ci", "role": "server_administrator"});
    let hook =
        json!({"group": 1, "url": "https://hooks.example.com/", "events": ["limit_reached"]});

    for (path, body, secret) in [("/tokens", &token, "token"), ("/webhooks", &hook, "secret")] {
        let count = server.get(path).must(200).items("id").len();
        let (first, again) = (send(path, body).must(201), send(path, body).must(201));

        assert!(first.json[secret].is_string(), "{path}");
        assert_eq!((first.id(), &again.json[secret]), (again.id(), &Value::Null), "{path}");
        assert_eq!(server.get(path).must(200).items("id").len(), count + 1, "{path}");
    }
    send("/tokens", &hook).must(422);
    send("/tokens", &json!({"name": "other", "role": "server_administrator"})).must(422);
}

#[test]
fn a_dry_run_says_the_same_and_writes_nothing() {
    let office = Office::open();
    let server = office.server();
    let id = group(&server, 1, "A");
    let below = group(&server, id, "B");

    let made = server.post("/groups?dry_run=true", json!({"parent": id, "name": "C"}));
    let taken = server.post("/groups?dry_run=true", json!({"parent": id, "name": "B"}));
    let removed = server.delete(&format!("/groups/{id}?force=true&dry_run=true"));

    assert_eq!(made.must(200).json["dry_run"], true);
    taken.must(409);
    let removed = removed.must(200).json;
    assert_eq!(removed["warnings"][0]["kind"], "removes");
    assert_eq!(server.get(&format!("/groups/{id}/children")).must(200).items("id"), [below]);
}

#[test]
fn a_group_that_is_not_empty_goes_by_force_only_and_says_what_went() {
    let office = Office::open();
    let server = office.server();
    let id = group(&server, 1, "A");
    group(&server, id, "B");

    server.delete(&format!("/groups/{id}")).must(409);
    let gone = server.delete(&format!("/groups/{id}?force=true")).must(200).json;

    assert_eq!(gone["removed"], id);
    assert_eq!(gone["warnings"][0]["resource"], "subgroups");
    assert_eq!(gone["warnings"][0]["by"], 1);
    server.get(&format!("/groups/{id}")).must(404);
}

#[test]
fn a_move_is_a_grant_and_never_under_itself() {
    let office = Office::open();
    let server = office.server();
    let (a, b) = (group(&server, 1, "A"), group(&server, 1, "B"));
    let c = group(&server, a, "C");

    let moved = server.post(&format!("/groups/{c}/move"), json!({"parent": b})).must(200);
    let circle = server.post(&format!("/groups/{b}/move"), json!({"parent": c}));

    assert_eq!(moved.json["path"], "B/C");
    circle.must(409);
}

#[test]
fn a_refusal_lists_every_obstacle_as_data() {
    let office = Office::open();
    let server = office.server();
    let top = json!({"parent": 1, "name": "Top", "restricted": true,
        "licenses": [{"sip_numbers": 10, "mobile_apps": 4}]});
    let top = server.post("/groups", top).must(201).id();

    let refused = server.post(
        "/groups",
        json!({"parent": top, "name": "A", "restricted": true,
            "licenses": [{"sip_numbers": 11, "mobile_apps": 5}]}),
    );

    let refused = refused.must(409).json;
    assert_eq!(refused["type"], "urn:admitd:problem:refused");
    let obstacles = refused["obstacles"].as_array().unwrap();
    assert_eq!(obstacles.len(), 2);
    assert_eq!(
        obstacles[0],
        json!({"gate": "Top", "resource": "sip_numbers", "granted": 10, "left": 10, "asked": 11,
            "last_date_that_fits": null})
    );
}

#[test]
fn fields_that_cannot_be_are_named() {
    let office = Office::open();
    let server = office.server();
    let long = "x".repeat(201);
    let cases = [
        (json!({"parent": 1}), "name"),
        (json!({"parent": 1, "name": ""}), "name"),
        (json!({"parent": 1, "name": "a/b"}), "name"),
        (json!({"parent": 1, "name": "a\r\nSet-Cookie: x"}), "name"),
        (json!({"parent": 1, "name": "A", "kind": long}), "kind"),
        (json!({"parent": 1, "name": "A", "time_zone": "Mars/Base"}), "time_zone"),
        (json!({"parent": 1, "name": "A", "hand_out": "all"}), "hand_out"),
        (json!({"parent": 1, "name": "A", "colour": "red"}), "colour"),
        (json!({"parent": "1", "name": "A"}), "parent"),
        (json!({"name": "A"}), "parent"),
        (json!({"parent": 1, "name": "A", "admin_emails": ["a@b", "no"]}), "admin_emails[1]"),
        (
            json!({"parent": 1, "name": "A", "licenses": [{"sip_numbers": -1}]}),
            "licenses[0].sip_numbers",
        ),
        (
            json!({"parent": 1, "name": "A", "licenses": [{"sip_numbers": 1,
                "valid_from": "2030-01-02", "valid_until": "2030-01-01"}]}),
            "licenses[0].valid_until",
        ),
    ];

    for (body, field) in cases {
        let problem = server.post("/groups", body.clone()).must(422).json;
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }

    assert_eq!(server.get("/groups?parent=1").must(200).items("id").len(), 0);
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=x", "limit"),
        ("under=x", "under"),
        ("cursor=!", "cursor"),
        ("colour=red", "colour"),
    ] {
        let problem = server.get(&format!("/groups?{query}")).must(400).json;
        assert_eq!(problem["errors"][0]["field"], field, "{query}: {problem}");
    }
}

#[test]
fn texts_meant_for_a_database_or_a_page_are_names_like_others() {
    let office = Office::open();
    let server = office.server();

    for name in ["'; drop table groups; --", "{{7*7}}", "<script>", "%s%n", "../..\\etc"] {
        let name = name.replace('/', "_");
        let made = server.post("/groups", json!({"parent": 1, "name": name})).must(201);
        assert_eq!(server.get(&format!("/groups/{}", made.id())).must(200).json["name"], name);
    }
}

#[test]
fn nobody_learns_of_groups_above_or_beside() {
    let office = Office::open();
    let server = office.server();
    let top = group(&server, 1, "Top");
    let (own, beside) = (group(&server, top, "Own"), group(&server, top, "Beside"));
    let below = group(&server, own, "Below");
    let site = office.with_role("site_administrator", "Top/Own");

    let seen = site.get("/groups").must(200);

    assert_eq!(seen.items("id"), [own, below]);
    assert_eq!(seen.items("path"), ["Own", "Own/Below"]);
    assert_eq!(seen.items("parent"), [Value::Null, json!(own)]);
    let nowhere = site.get("/groups/999999").must(404);
    for hidden in [top, beside, 1] {
        assert_eq!(site.get(&format!("/groups/{hidden}")).must(404).text, nowhere.text);
        site.get(&format!("/groups/{hidden}/children")).must(404);
        site.get(&format!("/groups/{hidden}/state")).must(404);
        site.get(&format!("/groups?under={hidden}")).must(404);
        site.patch(&format!("/groups/{hidden}"), json!({"name": "Mine"})).must(404);
        site.delete(&format!("/groups/{hidden}?force=true")).must(404);
        site.post("/groups", json!({"parent": hidden, "name": "X"})).must(404);
    }
    assert_eq!(site.get("/groups?path=Top/Own").must(200).items("id").len(), 0);
    assert_eq!(site.get("/groups?path=Top/Beside").must(200).items("id").len(), 0);
    assert_eq!(site.get("/groups?path=Own/Below").must(200).items("id"), [below]);
}

#[test]
fn who_is_not_known_is_told_to_sign_in() {
    let office = Office::open();

    let stranger = Client::new(office.address, "nobody").get("/groups").must(401);
    let mute =
        raw(office.address, "GET /api/v1/groups HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

    assert!(stranger.header("www-authenticate").unwrap().starts_with("Bearer"));
    assert_eq!(stranger.json["status"], 401);
    mute.must(401);
}

#[test]
fn whatever_cannot_be_done_is_a_problem_with_its_headers() {
    let office = Office::open();
    let server = office.server();
    let json = [("Content-Type", "application/json")];
    let long = format!("{{\"name\":\"{}\"}}", "x".repeat(2 * 1024 * 1024));

    let replies = [
        (server.get("/nothing"), 404),
        (server.get("/groups/x"), 404),
        (server.get("/groups/99999999999999999999"), 404),
        (server.send("PUT", "/groups", &[], ""), 405),
        (server.send("POST", "/groups", &[], "{}"), 415),
        (server.send("POST", "/groups", &json, "{"), 400),
        (server.send("POST", "/groups", &json, &"[".repeat(10_000)), 422),
        (server.send("POST", "/groups", &json, &long), 413),
    ];

    for (reply, status) in replies {
        let reply = reply.must(status);
        assert_eq!(reply.header("content-type"), Some("application/problem+json"), "{status}");
        assert_eq!(reply.json["status"], status);
        assert_eq!(reply.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(reply.header("cache-control"), Some("no-store"));
    }
    let refused = server.send("PUT", "/groups", &[], "").must(405);
    assert!(refused.header("allow").unwrap().contains("POST"));
}

#[test]
fn the_description_and_its_page_are_there_for_everybody() {
    let office = Office::open();
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        raw(office.address, &request)
    };

    let description = get("/api/v1/openapi.json").must(200);
    let page = get("/api/v1/docs/").must(200);

    assert_eq!(description.json["openapi"], "3.1.0");
    assert!(description.json["paths"]["/api/v1/groups"]["get"].is_object());
    assert!(page.text.contains("swagger-ui"), "{}", page.text);
    assert_eq!(get("/").must(307).header("location"), Some("/api/v1/docs"));
    assert!(get("/api/v1/docs/swagger-initializer.js").must(200).text.contains("openapi.json"));
}
