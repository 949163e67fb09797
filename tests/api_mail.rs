//! The record of changes, reminders, mails and webhooks over HTTP: what they say, and to whom.

mod scene;

use std::time::Duration;

use scene::http::Client;
use scene::{Office, eventually};
use serde_json::{Value, json};

/// Nobody listens there: mails stay in the queue.
const NO_SERVER: &str = "[mail]\nsmtp = \"smtp://127.0.0.1:1\"\nfrom = \"licenses@example.com\"\n";

fn group(client: &Client, parent: i64, name: &str) -> i64 {
    let licenses = json!([{"sip_numbers": 5, "valid_until": "+2d"}]);
    let body = json!({"parent": parent, "name": name, "restricted": true, "licenses": licenses});
    client.post("/groups", body).must(201).id()
}

/// A dealer with a house, and the site administrator of the house.
fn house(office: &Office) -> (Client, i64, i64, Client) {
    let server = office.server();
    let dealer = group(&server, 1, "Dealer");
    let house = group(&server, dealer, "House");
    let site = office.with_role("site_administrator", "Dealer/House");
    (server, dealer, house, site)
}

#[test]
fn the_record_of_changes_shows_each_what_is_theirs() {
    let office = Office::open();
    let (server, dealer, house, site) = house(&office);
    let concierge = office.with_role("concierge", "Dealer/House");

    let all = server.get("/audit?limit=2").must(200);
    let own = site.get(&format!("/audit?entity=group&group={house}")).must(200);

    assert_eq!(all.items("id").len(), 2);
    let gone = server.post("/groups", json!({"parent": dealer, "name": "Gone"})).must(201).id();
    server.delete(&format!("/groups/{gone}")).must(200);
    let of_gone = server.get(&format!("/audit?group={gone}")).must(200);
    assert_eq!(of_gone.items("action"), [json!("remove"), json!("add")]);
    site.get(&format!("/audit?group={gone}")).must(404);
    let next = all.json["next"].as_str().unwrap();
    let older = server.get(&format!("/audit?limit=2&cursor={next}")).must(200);
    assert!(older.items("id")[0].as_i64() < all.items("id")[1].as_i64());
    assert_eq!(own.items("entity_id"), [json!(house)]);
    assert_eq!(own.json["items"][0]["after"]["parent"], Value::Null);
    site.get(&format!("/audit?group={dealer}")).must(404);
    concierge.get("/audit").must(403);
    concierge.get("/audit.csv").must(403);
    let csv = site.get("/audit.csv").must(200);
    assert_eq!(csv.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    assert!(csv.text.contains("id,at,who,from,action,entity"), "{}", csv.text);
    assert!(csv.text.contains(",group,") && !csv.text.contains("Dealer"), "{}", csv.text);
    assert_eq!(server.get("/audit?since=nonsense").must(400).json["errors"][0]["field"], "since");
}

#[test]
fn a_reminder_is_set_and_its_mails_hide_who_is_above() {
    let office = Office::with(NO_SERVER);
    let (server, dealer, house, site) = house(&office);
    let boss = json!({"name": "boss", "email": "boss@dealer.com", "groups": [dealer]});
    let boss = server.post("/users", boss).must(201).id();
    let role = format!("/users/{boss}/roles/{dealer}/company_administrator");
    server.with_json("PUT", &role, &[], json!({})).must(204);
    let place = format!("/groups/{house}/reminder");
    let body = json!({"days": 30, "also": ["partner@p.com"]});
    site.get(&place).must(404);

    let set = site.with_json("PUT", &place, &[], body.clone()).must(200);

    assert_eq!(set.json["every"], "once");
    assert_eq!(set.json["path"], "House");
    assert!(!set.text.contains("boss@"), "{}", set.text);
    let mails = format!("/mails?group={house}");
    let made = || server.get(&mails).must(200).items("address").len() == 2;
    eventually(Duration::from_secs(20), "the mails are made", made);
    let mut seen = site.get(&mails).must(200).items("address");
    seen.sort_by_key(Value::is_null);
    assert_eq!(seen, [json!("partner@p.com"), Value::Null]);
    assert!(server.get("/mails").must(200).text.contains("boss@dealer.com"));
    site.get("/mails").must(403);
    site.get(&format!("/mails?group={dealer}")).must(404);
    office.with_role("concierge", "Dealer/House").get(&place).must(403);
    site.with_json("PUT", &format!("/groups/{dealer}/reminder"), &[], body).must(404);
    let wrong = site.with_json("PUT", &place, &[], json!({"days": 731})).must(422);
    assert_eq!(wrong.json["errors"][0]["field"], "days");
    assert_eq!(site.delete(&place).must(200).json["enabled"], false);
    assert_eq!(site.get(&place).must(200).json["days"], 30);
}

#[test]
fn templates_and_tests_are_for_server_administrators() {
    let office = Office::with(NO_SERVER);
    let (server, _, house, site) = house(&office);
    let place = "/mail/templates/license_ending";
    let put = |who: &Client, subject: &str| {
        let body = json!({"subject": subject, "text": "t", "html": "h"});
        who.with_json("PUT", place, &[], body)
    };

    assert_eq!(put(&server, "{{ group }}!").must(200).json["changed"], true);
    assert_eq!(put(&server, "{{ grup }}").must(422).json["errors"][0]["field"], "subject");
    put(&site, "x").must(403);
    site.get(place).must(403);
    server.get("/mail/templates/none").must(404);
    let asked = json!({"group": house, "event": "license_ending"});
    let preview = server.post("/mail/preview", asked.clone()).must(200);
    assert_eq!(preview.json["subject"], "House!");
    site.post("/mail/preview", asked).must(403);
    assert_eq!(server.delete(place).must(200).json["changed"], false);
    site.post("/mail/test", json!({"to": "a@b.com"})).must(403);
    let test = || server.post("/mail/test", json!({"to": "a@b.com"}));
    let first = test().must(200).json;
    assert_eq!((&first["sent"], first["error"].is_string()), (&json!(false), true), "{first}");
    let last = (0..9).map(|_| test()).find(|reply| reply.status != 200).unwrap().must(429);
    assert!(last.header("retry-after").is_some());
}

#[test]
fn a_webhook_shows_its_secret_once_and_to_its_own() {
    let office = Office::open();
    let (server, dealer, house, site) = house(&office);
    let other = office.with_role("site_administrator", "Dealer");
    let body = |group: i64, url: &str| json!({"group": group, "url": url, "events": ["limit_reached", "limit_reached"]});

    let made = site.post("/webhooks", body(house, "https://hooks.example.com/x")).must(201);

    let place = format!("/webhooks/{}", made.id());
    assert!(made.json["secret"].as_str().unwrap().starts_with("whsec_"));
    assert_eq!(made.json["events"], json!(["limit_reached"]));
    assert_eq!((&made.json["days"], &made.json["path"]), (&json!(30), &json!("House")));
    assert!(!site.get(&place).must(200).text.contains("whsec_"));
    let edit = json!({"enabled": false, "days": 5, "events": ["license_ending"]});
    let edited = site.patch(&place, edit).must(200).json;
    assert_eq!(edited["events"], json!(["license_ending"]));
    assert_eq!((&edited["enabled"], &edited["days"]), (&json!(false), &json!(5)));
    let inside = site.post("/webhooks", body(house, "http://127.0.0.1:1/")).must(422);
    assert_eq!(inside.json["errors"][0]["field"], "url");
    site.post("/webhooks", body(dealer, "https://hooks.example.com/")).must(404);
    let test = json!({"group": house, "url": "https://a.example.com/", "events": ["test"]});
    site.post("/webhooks", test).must(422);
    // Whoever administers the whole server reaches what is not public.
    let trusted = server.post("/webhooks", body(dealer, "http://127.0.0.1:1/")).must(201).id();
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/test"), ("GET", "/deliveries")] {
        site.send(method, &format!("/webhooks/{trusted}{path}"), &[], "").must(404);
    }
    assert_eq!(other.get("/webhooks").must(200).items("id").len(), 2);
    assert_eq!(site.get("/webhooks").must(200).items("id"), [json!(made.id())]);
    office.with_role("concierge", "Dealer/House").get("/webhooks").must(403);
    let tried = server.send("POST", &format!("/webhooks/{trusted}/test"), &[], "").must(200).json;
    assert!(tried["error"].is_string() && tried["status"].is_null(), "{tried}");
    assert_eq!(site.get(&format!("{place}/deliveries")).must(200).json["items"], json!([]));
    site.delete(&place).must(200);
    site.get(&place).must(404);
}
