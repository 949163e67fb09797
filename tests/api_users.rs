//! Users over HTTP: made with numbers and licenses in one call, found, changed, in and out of files.

mod scene;

use scene::Office;
use scene::http::Client;
use serde_json::{Value, json};

/// A root group with a limit of `sip` numbers.
fn root(client: &Client, name: &str, sip: u32) -> i64 {
    let body = json!({"parent": 1, "name": name, "restricted": true,
        "licenses": [{"sip_numbers": sip, "mobile_apps": 1, "features": ["ukey2"]}]});
    client.post("/groups", body).must(201).id()
}

fn group(client: &Client, parent: i64, name: &str) -> i64 {
    client.post("/groups", json!({"parent": parent, "name": name})).must(201).id()
}

fn csv(client: &Client, path: &str, text: &str) -> scene::http::Reply {
    client.send("POST", path, &[("Content-Type", "text/csv")], text)
}

#[test]
fn one_call_makes_a_user_with_numbers_and_license_or_nothing() {
    let office = Office::open();
    let server = office.server();
    let flat = group(&server, root(&server, "SmartHome", 3), "Flat");
    let body = |name: &str, number: &str, sip: u32| {
        json!({"name": name, "email": "a@example.com", "groups": [flat],
            "licenses": [{"sip_numbers": sip, "mobile_apps": 1, "type": "Basic"}],
            "numbers": [{"number": number, "kind": "app", "password": "secret"},
                {"number": "2@example.com"}]})
    };

    let dry = server.post("/users?dry_run=true", body("anna", "1@example.com", 2));
    let anna = server.post("/users", body("anna", "1@example.com", 2)).must(201);
    let refused = server.post("/users", body("bob", "3@example.com", 1));

    assert_eq!(dry.must(200).json["dry_run"], true);
    assert_eq!((&anna.json["numbers"], &anna.json["restricted"]), (&json!(2), &json!(true)));
    assert_eq!(anna.json["groups"][0]["path"], "SmartHome/Flat");
    assert_eq!(anna.header("location"), Some(&*format!("/api/v1/users/{}", anna.id())));
    assert!(!anna.text.contains("secret"));
    refused.must(409);
    assert_eq!(server.get("/users?name=BOB").must(200).items("id"), [] as [Value; 0]);
    let numbers = server.get(&format!("/numbers?user={}", anna.id())).must(200);
    assert_eq!(numbers.items("number"), ["sip:1@example.com", "sip:2@example.com"]);
    assert_eq!(numbers.items("password"), [true, false]);
    let state = server.get(&format!("/users/{}/state", anna.id())).must(200).json;
    assert_eq!(state["sip_numbers"]["used"], 2);
}

#[test]
fn groups_that_an_editor_does_not_see_stay_and_are_not_named() {
    let office = Office::open();
    let server = office.server();
    let (a, b) = (group(&server, 1, "A"), group(&server, 1, "Secret"));
    let below = group(&server, a, "Below");
    let body = json!({"name": "anna", "email": "x@example.com", "groups": [a, b]});
    let anna = server.post("/users", body).must(201).id();
    let dealer = office.with_role("site_administrator", "A");
    let concierge = office.with_role("concierge", "A");
    let neighbour = office.with_role("site_administrator", "A/Below");

    let seen = dealer.get(&format!("/users/{anna}")).must(200);
    let watched = concierge.get(&format!("/users/{anna}")).must(200);
    let moved = server.patch(&format!("/users/{anna}"), json!({"groups": [below, b]})).must(200);

    assert_eq!(seen.json["groups"], json!([{"id": a, "path": "A"}]));
    assert_eq!(seen.json["elsewhere"], true);
    assert!(!seen.text.contains("Secret"), "{}", seen.text);
    assert_eq!(watched.json["email"], Value::Null);
    assert_eq!(moved.json["groups"].as_array().unwrap().len(), 2);
    dealer.get(&format!("/users?group={b}")).must(404);
    neighbour.get(&format!("/users/{anna}")).must(200);
    let other = server.post("/users", json!({"name": "bob", "groups": [b]})).must(201).id();
    dealer.get(&format!("/users/{other}")).must(404);
    dealer.patch(&format!("/users/{other}"), json!({"name": "x"})).must(404);
    dealer.delete(&format!("/users/{other}")).must(404);
    assert_eq!(dealer.get("/users").must(200).items("name"), ["anna"]);
    let taken = dealer.post("/users", json!({"name": "c", "groups": [b]})).must(404);
    assert_eq!(taken.json["errors"][0]["field"], "groups[0]");
    concierge.post("/users", json!({"name": "c", "groups": [a]})).must(403);
}

#[test]
fn an_edit_depends_on_what_was_seen_and_a_repeated_post_happens_once() {
    let office = Office::open();
    let server = office.server();
    let a = group(&server, 1, "A");
    let send = || {
        let body = json!({"name": "anna", "groups": [a]});
        server.with_json("POST", "/users", &[("Idempotency-Key", "u-1")], body).must(201)
    };
    let (first, again) = (send(), send());
    let place = format!("/users/{}", first.id());
    let edit = |tag: &str, name: &str| {
        server.with_json("PATCH", &place, &[("If-Match", tag)], json!({"name": name}))
    };

    let tag = server.get(&place).must(200).tag().to_owned();
    edit(&tag, "berta").must(200);
    edit(&tag, "carla").must(412);

    assert_eq!(first.id(), again.id());
    assert_eq!(server.get(&place).must(200).json["name"], "berta");
    server.post("/numbers", json!({"number": "1@example.com", "user": first.id()})).must(201);
    server.delete(&place).must(409);
    let gone = server.delete(&format!("{place}?force=true")).must(200);
    assert_eq!(gone.json["warnings"][0]["kind"], "removes");
    server.get(&place).must(404);
}

#[test]
fn a_dry_run_of_a_file_lists_every_fault_and_names_nothing_unseen() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server, "SmartHome", 3);
    let house = group(&server, top, "House");
    server.post("/users", json!({"name": "bob", "groups": [top]})).must(201);
    let dealer = office.with_role("site_administrator", "SmartHome/House");
    let path = format!("/import/users?group={house}");
    let rows: String = (1..=5).map(|at| format!("u{at},{at}@example.com\n")).collect();
    let faulty = format!("name,number\nbob,\n,9@example.com\n{rows}");

    let report = csv(&dealer, &format!("{path}&dry_run=true"), &faulty).must(200);
    let refused = csv(&dealer, &path, &faulty).must(422);

    let lines: Vec<_> =
        report.json["faults"].as_array().unwrap().iter().map(|row| row["line"].clone()).collect();
    assert_eq!(lines, [2, 3, 7], "{}", report.text);
    let sum = &report.json["faults"][2]["error"];
    assert_eq!(sum, "a group above has 3 sip_numbers left, 5 asked");
    assert!(!report.text.contains("SmartHome") && !refused.text.contains("SmartHome"));
    assert_eq!(refused.json["errors"].as_array().unwrap().len(), 3);
    assert_eq!(server.get(&format!("/users?group={house}")).must(200).items("id").len(), 0);
}

#[test]
fn a_file_comes_in_whole_goes_out_and_comes_in_again() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server, "SmartHome", 9);
    let house = group(&server, top, "House");
    group(&server, house, "12");
    let path = format!("/import/users?group={house}");
    let text = "name,group,number,sip_numbers,license_type\n'=x,12,1@example.com,2,Basic\n\
        anna,,2@example.com,,\n";

    let done = csv(&server, &path, text).must(200);
    let file = server.get(&format!("/export/users?group={house}")).must(200);
    let again = csv(&server, &path, &unchunked(&file.text)).must(200);

    assert_eq!((&done.json["users"], &done.json["numbers"]), (&json!(2), &json!(2)));
    assert!(file.header("content-type").unwrap().starts_with("text/csv"));
    assert!(file.text.contains("'=x,,12,sip:1@example.com"), "{}", file.text);
    assert_eq!((&again.json["users"], &again.json["present"]), (&json!(0), &json!(2)));
    assert_eq!(server.get("/users?name=%3Dx").must(200).items("name"), ["=x"]);
    let concierge = office.with_role("concierge", "SmartHome/House");
    csv(&concierge, &path, text).must(403);
    concierge.get(&format!("/export/users?group={house}")).must(403);
    concierge.get(&format!("/export/users?group={top}")).must(404);
    concierge.get("/export/numbers").must(403);
    server.send("POST", &path, &[("Content-Type", "application/json")], "{}").must(415);
    let big = "x".repeat(17 * 1024 * 1024);
    csv(&server, &path, &big).must(413);
    csv(&server, &path, "name,spoon\nanna,\n").must(422);
}

/// The body of an answer that came in chunks.
fn unchunked(text: &str) -> String {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((size, tail)) = rest.split_once("\r\n") {
        let Ok(size) = usize::from_str_radix(size, 16) else { return text.to_owned() };
        if size == 0 {
            break;
        }
        whole.push_str(&tail[..size]);
        rest = tail[size..].trim_start_matches("\r\n");
    }
    whole
}

#[test]
fn entitlements_are_answered_one_by_one_and_many_at_once() {
    let office = Office::open();
    let server = office.server();
    let top = root(&server, "SmartHome", 9);
    let flat = group(&server, top, "Flat");
    let anna = server.post("/users", json!({"name": "anna", "groups": [flat]})).must(201).id();
    server.post("/numbers", json!({"number": "1@example.com", "group": top})).must(201);
    let dealer = office.with_role("site_administrator", "SmartHome/Flat");

    let yes = server.get(&format!("/entitlements?user={anna}&feature=ukey2")).must(200);
    let no = dealer.get(&format!("/entitlements?user={anna}&feature=guest_access")).must(200);
    let hidden = dealer.get("/entitlements?number=1@example.com&feature=ukey2").must(200);
    let many = server.post(
        "/entitlements",
        json!({"questions": [
            {"user": anna, "feature": "ukey2"}, {"user": 999, "feature": "ukey2"},
            {"number": "1@example.com", "feature": "ukey2", "action": "configure"},
            {"number": "7@example.com", "feature": "ukey2"}]}),
    );

    assert_eq!(yes.json["items"][0]["allowed"], true);
    assert_eq!(no.json["items"][0]["cause"], "feature_off");
    assert_eq!(no.json["items"][0]["bound_by"], "a group above");
    assert_eq!(hidden.json["items"][0]["cause"], "unknown_number");
    let causes = many.must(200).items("cause");
    assert_eq!(
        causes,
        [json!(null), json!("unknown_user"), json!("role"), json!("unknown_number")]
    );
    assert_eq!(server.get(&format!("/entitlements?user={anna}")).must(200).items("id").len(), 9);
    let reader = office.daemon.ask(&[
        "token",
        "add",
        "door",
        "--role",
        "server_administrator",
        "--read-only",
    ]);
    let reader = Client::new(office.address, reader["token"].as_str().unwrap());
    let question = json!({"questions": [{"user": anna, "feature": "ukey2"}]});
    assert_eq!(reader.post("/entitlements", question).must(200).items("allowed"), [true]);
    reader.delete(&format!("/users/{anna}")).must(403);
    dealer.get("/entitlements?user=999").must(404);
    dealer.get("/entitlements").must(400);
    server.post("/entitlements", json!({"questions": []})).must(422);
    server.get(&format!("/entitlements?user={anna}&feature=flying")).must(400);
}
