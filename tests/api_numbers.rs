//! Numbers, claims, seats, refusals, explain and settings over HTTP.

mod scene;

use scene::Office;
use scene::http::Client;
use serde_json::{Value, json};

fn group(client: &Client, parent: i64, name: &str, sip: u32) -> i64 {
    let licenses = json!([{"sip_numbers": sip}]);
    let body = json!({"parent": parent, "name": name, "restricted": true, "licenses": licenses});
    client.post("/groups", body).must(201).id()
}

#[test]
fn a_number_is_made_changed_moved_and_removed_and_its_password_never_shown() {
    let office = Office::open();
    let server = office.server();
    let (a, b) = (group(&server, 1, "A", 5), group(&server, 1, "B", 5));
    let body =
        json!({"number": "101@Example.com", "group": a, "kind": "panel", "password": "s3cret"});

    let made = server.post("/numbers", body).must(201);
    let place = format!("/numbers/{}", made.id());
    let moved = server.patch(&place, json!({"group": b, "kind": "phone"})).must(200);
    let emptied = server.patch(&place, json!({"password": null})).must(200);

    assert_eq!(made.json["number"], "sip:101@example.com");
    assert_eq!((&made.json["owner"], &made.json["password"]), (&json!("A"), &json!(true)));
    assert_eq!((&moved.json["owner"], &moved.json["password"]), (&json!("B"), &json!(true)));
    assert_eq!(emptied.json["password"], false);
    for reply in [&made, &moved, &emptied] {
        assert!(!reply.text.contains("s3cret"));
    }
    server
        .with_json("PATCH", &place, &[("If-Match", made.tag())], json!({"kind": "app"}))
        .must(412);
    server.post("/numbers", json!({"number": "101@example.com", "group": a})).must(409);
    let wrong = server.post("/numbers", json!({"number": "a b", "group": a})).must(422);
    assert_eq!(wrong.json["errors"][0]["field"], "number");
    server.delete(&place).must(200);
    server.get(&place).must(404);
}

#[test]
fn many_are_made_together_or_not_at_all_and_paged() {
    let office = Office::open();
    let server = office.server();
    let top = group(&server, 1, "Top", 30);
    let below = group(&server, top, "Below", 10);
    let other = group(&server, 1, "Other", 10);
    let rows = |owner: i64, from: u32, count: u32| -> Vec<Value> {
        let row = |at: u32| json!({"number": format!("{at}@example.com"), "group": owner});
        (from..from + count).map(row).collect()
    };
    let batch = |rows: Vec<Value>| server.post("/numbers/batch", json!({"numbers": rows}));

    assert_eq!(batch(rows(top, 100, 7)).must(201).items("id").len(), 7);
    batch(rows(below, 200, 5)).must(201);
    batch(rows(other, 300, 4)).must(201);
    batch(rows(below, 400, 6)).must(409);
    let wrong = batch(vec![json!({"number": "1@example.com", "group": 999})]).must(422);

    assert_eq!(wrong.json["errors"][0]["field"], "numbers[0].group");
    let pages = |client: &Client, filter: &str| -> Vec<String> {
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = client.get(&format!("/numbers?limit=3{filter}{cursor}")).must(200);
            let numbers = page.items("number");
            seen.extend(numbers.iter().map(|number| number.as_str().unwrap().to_owned()));
            let Some(next) = page.json["next"].as_str() else { return seen };
            cursor = format!("&cursor={next}");
        }
    };
    assert_eq!(pages(&server, "").len(), 16);
    assert_eq!(pages(&server, &format!("&group={top}")).len(), 7);
    assert_eq!(pages(&server, &format!("&group={top}&below=true")).len(), 12);
    assert_eq!(pages(&server, "&number=20").len(), 5);
    assert_eq!(pages(&server, "&number=203@example.com"), ["sip:203@example.com"]);
    assert_eq!(pages(&server, "&kind=panel").len(), 0);
    let dealer = office.with_role("site_administrator", "Top/Below");
    assert_eq!(pages(&dealer, "").len(), 5);
    assert_eq!(pages(&dealer, "&number=100@example.com").len(), 0);
    let hidden = server.get("/numbers?number=100@example.com").must(200).items("id")[0].clone();
    dealer.get(&format!("/numbers/{hidden}")).must(404);
    dealer.delete(&format!("/numbers/{hidden}")).must(404);
    dealer.get(&format!("/numbers?group={top}")).must(404);
}

#[test]
fn claims_follow_the_right_to_them() {
    let office = Office::open();
    let server = office.server();
    let top = group(&server, 1, "Top", 30);
    let below = group(&server, top, "Below", 10);
    let other = group(&server, 1, "Other", 10);
    let dealer = office.with_role("company_administrator", "Top");
    let range = |group: i64, first: &str, last: &str| json!({"group": group, "domain": "example.com", "range": {"first": first, "last": last}});

    let wide = server.post("/claims", range(top, "1000", "1999")).must(201);
    let inner = dealer.post("/claims", range(below, "1100", "1199")).must(201);
    let address = server.post("/claims", json!({"group": other, "address": "192.0.2.7"})).must(201);

    assert_eq!(wide.json["range"], json!({"first": "1000", "last": "1999"}));
    assert_eq!(inner.json["path"], "Top/Below");
    dealer.post("/claims", range(below, "3000", "3999")).must(403);
    dealer.post("/claims", json!({"group": top, "domain": "other.com"})).must(403);
    server.post("/claims", range(other, "1200", "1299")).must(409);
    server.post("/claims", range(top, "20", "100")).must(422);
    let place = format!("/claims/{}", inner.id());
    assert_eq!(dealer.patch(&place, json!({"kind": "app"})).must(200).json["kind"], "app");
    assert_eq!(dealer.get("/claims").must(200).items("id").len(), 2);
    assert_eq!(server.get("/claims?number=1150@example.com").must(200).items("id"), [inner.id()]);
    assert_eq!(server.get(&format!("/claims?group={top}")).must(200).items("id"), [wide.id()]);
    dealer.get(&format!("/claims/{}", address.id())).must(404);
    dealer.delete(&format!("/claims/{}", address.id())).must(404);
    dealer.delete(&place).must(200);
    dealer.delete(&format!("/claims/{}", wide.id())).must(403);
}

#[test]
fn explain_hides_what_stands_above() {
    let office = Office::open();
    let server = office.server();
    let top = group(&server, 1, "Secret", 30);
    let below = group(&server, top, "Below", 10);
    server.post("/numbers", json!({"number": "1@example.com", "group": below})).must(201);
    server.post("/numbers", json!({"number": "2@example.com", "group": top})).must(201);
    let dealer = office.with_role("site_administrator", "Secret/Below");

    let all = server.get("/explain?number=1@example.com").must(200);
    let part = dealer.get("/explain?number=1@example.com").must(200);
    let hidden = dealer.get("/explain?number=2@example.com").must(200).json;
    let absent = dealer.get("/explain?number=3@example.com").must(200).json;

    assert_eq!(all.json["verdict"], "admit");
    assert_eq!(all.json["gates"][1]["gate"], "Secret");
    assert_eq!(all.json["gates"][1]["sip_numbers"]["limit"], 30);
    assert_eq!(part.json["gates"][0]["gate"], "Below");
    assert_eq!(part.json["gates"][1]["gate"], "a group above");
    assert_eq!(part.json["gates"][1]["sip_numbers"], Value::Null);
    assert!(!part.text.contains("Secret") && !part.text.contains("30"), "{}", part.text);
    assert_eq!(hidden["cause"], "unknown_number");
    assert_eq!(hidden["gates"], absent["gates"]);
    dealer.get("/explain").must(400);
}

#[test]
fn what_nobody_holds_is_listed_empty_and_settings_are_for_the_server() {
    let office = Office::open();
    let server = office.server();
    let top = group(&server, 1, "Top", 30);
    let dealer = office.with_role("company_administrator", "Top");

    let settings = server.get("/settings").must(200).json;

    let kind = std::env::var("ADMITD_TEST_DATABASE").unwrap_or_else(|_| "sqlite".to_owned());
    assert_eq!(settings["database"], kind);
    assert_eq!(settings["time_zone"], "UTC");
    dealer.get("/settings").must(403);
    for list in ["/seats", "/seats?number=1@example.com", "/refusals", "/refusals?cause=sip_limit"]
    {
        assert_eq!(server.get(list).must(200).json, json!({"items": [], "next": null}), "{list}");
    }
    server.get("/refusals?cause=bad_mood").must(400);
    server.get("/refusals/abcdefghij").must(404);
    server.delete("/seats/1@example.com").must(404);
    server.delete("/seats/%00").must(404);
    dealer.get("/seats?group=1").must(404);
    dealer.get(&format!("/seats?group={top}&below=true")).must(200);
}

#[test]
fn numbers_come_in_by_file() {
    let office = Office::open();
    let server = office.server();
    let top = group(&server, 1, "Top", 3);
    let send = |client: &Client, query: &str, text: &str| {
        client.send(
            "POST",
            &format!("/import/numbers{query}"),
            &[("Content-Type", "text/csv")],
            text,
        )
    };
    let text = "number,group,kind\n1@example.com,Top,panel\n2@example.com,Top,\n";
    let dealer = office.with_role("company_administrator", "Top");
    let concierge = office.with_role("concierge", "Top");

    let dry = send(&server, "?dry_run=true", text).must(200);
    let done = send(&dealer, "", text).must(200);
    let again = send(&dealer, "", text).must(200);

    assert_eq!((&dry.json["numbers"], &dry.json["dry_run"]), (&json!(2), &json!(true)));
    assert_eq!(done.json["numbers"], 2);
    assert_eq!((&again.json["numbers"], &again.json["present"]), (&json!(0), &json!(2)));
    send(&concierge, "", text).must(403);
    let file = dealer.get(&format!("/export/numbers?group={top}")).must(200);
    assert!(file.text.contains("sip:1@example.com,Top,,panel,"), "{}", file.text);
}
