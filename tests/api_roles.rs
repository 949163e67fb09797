//! Every route of the description, asked by every role about a group that is their own, below, above
//! and beside: what is not theirs to know shows nowhere, and what is not theirs stays as it is.

mod scene;

use std::collections::BTreeMap;

use scene::Office;
use scene::http::{Client, Reply};
use serde_json::{Value, json};

/// What stands above and beside, in figures that nothing else has.
const HIDDEN: [&str; 14] = [
    "Quetzal",
    "Narwhal",
    "7919",
    "6829",
    "6833",
    "6823",
    "quentin",
    "norbert",
    "quentin@",
    "norbert@",
    "771001",
    "772002",
    "773003",
    "narwhal.example",
];
const COMPANY: &str = "company_administrator";
const ROLES: [&str; 4] = [COMPANY, "site_administrator", "concierge", "user"];
/// Routes that need nobody, and those about whoever asks: no group is in them.
const OF_NOBODY: [&str; 2] = ["/session", "/setup"];

/// A group with its user, numbers, claim, licenses and a token.
#[derive(Clone, Debug)]
struct Place {
    group: i64,
    path: String,
    user: i64,
    number: i64,
    aor: String,
    claim: i64,
    license: i64,
    token: i64,
}

/// The tree: above > own > below, and above > beside.
struct Tree {
    office: Office,
    server: Client,
    places: BTreeMap<&'static str, Place>,
}

/// A route of the description.
#[derive(Clone, Debug)]
struct Route {
    method: String,
    path: String,
    query: Vec<String>,
    has_group: bool,
}

struct Made<'a> {
    parent: i64,
    name: &'a str,
    user: &'a str,
    sip: u32,
    apps: u32,
    number: &'a str,
    claim: Value,
}

fn place(server: &Client, made: Made<'_>) -> Place {
    let body = json!({"parent": made.parent, "name": made.name, "restricted": true,
        "hand_out": "shared", "admin_emails": [format!("{}@example.com", made.user)],
        "licenses": [{"type": made.name, "sip_numbers": made.sip, "mobile_apps": made.apps,
            "features": ["ukey2"]}]});
    let group = server.post("/groups", body).must(201).id();
    let path = server.get(&format!("/groups/{group}")).must(200).json["path"].clone();
    let path = path.as_str().unwrap().to_owned();
    let aor = format!("{}@example.com", made.number);
    let body = json!({"name": made.user, "email": format!("{}@example.com", made.user),
        "groups": [group], "numbers": [{"number": aor, "kind": "app"}]});
    let user = server.post("/users", body).must(201).id();
    let mut claim = made.claim;
    claim["group"] = json!(group);
    let claim = server.post("/claims", claim).must(201).id();
    let reminder = json!({"days": 30, "also": [format!("{}@partner.example", made.user)]});
    let reminded = format!("/groups/{group}/reminder");
    server.with_json("PUT", &reminded, &[], reminder).must(200);
    let token = json!({"name": format!("{}-key", made.user), "role": "concierge", "group": group});
    let token = server.post("/tokens", token).must(201).id();
    let license = server.get(&format!("/groups/{group}/licenses")).must(200).items("id")[0].clone();
    let number = server.get(&format!("/numbers?user={user}")).must(200).items("id")[0].clone();
    let (number, license) = (number.as_i64().unwrap(), license.as_i64().unwrap());
    Place { group, path, user, number, aor: format!("sip:{aor}"), claim, license, token }
}

/// A place that is not there.
fn nowhere() -> Place {
    let (group, user, number) = (999_991, 999_992, 999_993);
    let (claim, license, token) = (999_994, 999_995, 999_996);
    let (path, aor) = ("Quetzal/Nowhere".to_owned(), "sip:999999@example.com".to_owned());
    Place { group, path, user, number, aor, claim, license, token }
}

/// An answer without the subject that it repeats.
fn plain(reply: &Reply) -> String {
    ["771001", "772002", "999999", "Narwhal", "Nowhere"]
        .iter()
        .fold(reply.text.replace("Quetzal/", ""), |text, word| text.replace(word, "*"))
        .replace("Quetzal", "*")
}

fn range(first: u32, last: u32) -> Value {
    json!({"domain": "example.com", "range": {"first": first.to_string(), "last": last.to_string()}})
}

impl Tree {
    fn grow() -> Self {
        let office = Office::open();
        let server = office.server();
        let made = |parent, name, user, (sip, apps), number, claim| {
            place(&server, Made { parent, name, user, sip, apps, number, claim })
        };
        let above = made(1, "Quetzal", "quentin", (7919, 6833), "771001", range(5000, 5999));
        let own = made(above.group, "Own", "olga", (70, 60), "101", range(5100, 5199));
        let below = made(own.group, "Below", "bella", (40, 30), "102", range(5110, 5119));
        let narwhal = json!({"domain": "narwhal.example"});
        let beside = made(above.group, "Narwhal", "norbert", (6829, 6823), "772002", narwhal);
        server.post("/groups", json!({"parent": 1, "name": "Wombat"})).must(201);
        let more = json!({"number": "773003@example.com", "group": beside.group, "kind": "panel"});
        server.post("/numbers", more).must(201);
        for user in [above.user, beside.user, own.user, below.user] {
            let group = [&above, &beside, &own, &below].into_iter().find(|one| one.user == user);
            let place = format!("/users/{user}/roles/{}/site_administrator", group.unwrap().group);
            server.send("PUT", &place, &[], "").must(204);
        }
        let places = [("own", own), ("below", below), ("above", above), ("beside", beside)];
        Self { office, server, places: places.into() }
    }

    fn at(&self, relation: &str) -> &Place {
        &self.places[relation]
    }

    /// Every route and what its query may say.
    fn routes(&self) -> Vec<Route> {
        let description = self.server.get("/openapi.json").must(200).json;
        let mut found = Vec::new();
        for (path, methods) in description["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
                let query = parameters.iter().filter(|one| one["in"] == "query");
                let query: Vec<String> =
                    query.map(|one| one["name"].as_str().unwrap().to_owned()).collect();
                found.push(Route {
                    method: method.to_ascii_uppercase(),
                    path: path.strip_prefix("/api/v1").unwrap().to_owned(),
                    has_group: query.iter().any(|name| name == "group"),
                    query,
                });
            }
        }
        assert!(found.len() > 50, "{found:?}");
        found
    }

    /// Everything that is stored, but for the record of who asked when.
    fn dump(&self) -> String {
        let tables = [
            "groups",
            "group_admin_emails",
            "licenses",
            "users",
            "memberships",
            "numbers",
            "claims",
            "settings",
            "roles",
            "credentials",
            "sessions",
            "tokens",
            "reminders",
            "mail_templates",
            "webhooks",
            "secrets",
        ];
        let daemon = &self.office.daemon;
        let all = tables.map(|table| format!("{table}\n{}", daemon.dump(table, "last_used_at")));
        all.concat()
    }
}

impl Route {
    /// The path about one place: whatever is in braces is of that place.
    fn about(&self, place: &Place) -> String {
        let id = match self.path.split('/').nth(1).unwrap() {
            "groups" => place.group,
            "users" => place.user,
            "numbers" => place.number,
            "claims" => place.claim,
            "licenses" => place.license,
            "tokens" => place.token,
            _ => place.group,
        };
        self.path
            .replace("{id}", &id.to_string())
            .replace("{group}", &place.group.to_string())
            .replace("{user}", &place.user.to_string())
            .replace("{number}", &place.aor)
            .replace("{role}", "concierge")
            .replace("{event}", "license_ending")
    }

    /// The same with each query that names a place.
    fn queries(&self, place: &Place) -> Vec<String> {
        let named = [
            ("group", place.group.to_string()),
            ("user", place.user.to_string()),
            ("under", place.group.to_string()),
            ("parent", place.group.to_string()),
            ("number", place.aor.clone()),
            ("subject", place.aor.clone()),
            ("path", place.path.clone()),
        ];
        let mut found = vec![String::new()];
        for (name, value) in named {
            if self.query.iter().any(|one| one == name) {
                found.push(format!("?{name}={value}"));
                if name == "group" && self.query.iter().any(|one| one == "below") {
                    found.push(format!("?{name}={value}&below=true"));
                }
            }
        }
        found
    }

    fn is_read(&self) -> bool {
        self.method == "GET"
    }

    /// Paths and bodies of writes about a place.
    fn writes(&self, place: &Place, own: &Place) -> Vec<(String, String)> {
        let mut path = self.about(place);
        if self.has_group {
            path.push_str(&format!("?group={}", place.group));
        }
        let csv = format!("name,groups\r\nmallory,{}\r\n", place.path);
        let is_csv = path.starts_with("/import");
        let bodies = self.bodies(place, own).into_iter();
        let texts = bodies.map(|body| if is_csv { csv.clone() } else { body.to_string() });
        texts.map(|text| (path.clone(), text)).collect()
    }

    /// Bodies that would change something about a place, each a way of its own.
    fn bodies(&self, place: &Place, own: &Place) -> Vec<Value> {
        let (group, user) = (place.group, place.user);
        let license = |holder: &str, id: i64| json!({holder: id, "sip_numbers": 1});
        match (self.method.as_str(), self.path.as_str()) {
            ("POST", "/groups") => vec![
                json!({"parent": group, "name": "New"}),
                json!({"parent_path": place.path, "name": "New"}),
            ],
            ("PATCH", "/groups/{id}") => vec![
                json!({"name": "Mine"}),
                json!({"restricted": false}),
                json!({"licenses": [{"sip_numbers": 1}]}),
            ],
            ("POST", "/groups/{id}/move") => vec![json!({"parent": own.group})],
            ("POST", "/groups/{id}/build") => vec![json!({"levels": [{"names": ["Mine"]}]})],
            ("POST", "/licenses") => vec![license("group", group), license("user", user)],
            ("PATCH", "/licenses/{id}") => vec![json!({"sip_numbers": 9})],
            ("POST", "/licenses/renew") => vec![
                json!({"ids": [place.license], "until": "2090-01-01"}),
                json!({"below": group, "ending_before": "2099-01-01", "until": "2090-01-01"}),
            ],
            ("POST", "/users") => vec![json!({"name": "mallory", "groups": [group]})],
            ("PATCH", "/users/{id}") => {
                vec![json!({"name": "mallory"}), json!({"groups": [own.group]})]
            }
            ("POST", "/numbers") => vec![
                json!({"number": "666@example.com", "group": group}),
                json!({"number": "666@example.com", "user": user}),
            ],
            ("POST", "/numbers/batch") => {
                vec![json!({"numbers": [{"number": "666@example.com", "group": group}]})]
            }
            ("PATCH", "/numbers/{id}") => vec![json!({"group": own.group})],
            ("POST", "/claims") => {
                let mut claim = range(5990, 5991);
                claim["group"] = json!(group);
                vec![claim]
            }
            ("PATCH", "/claims/{id}") => vec![json!({"kind": "panel"})],
            ("POST", "/tokens") => {
                vec![json!({"name": "mallory", "role": "concierge", "group": group})]
            }
            ("PUT", "/users/{id}/password") => vec![json!({"password": "correct horse"})],
            ("POST", "/entitlements") => {
                vec![json!({"items": [{"number": place.aor, "feature": "ukey2"}]})]
            }
            ("PUT", "/groups/{id}/reminder") => vec![json!({"days": 7})],
            _ => vec![json!({})],
        }
    }
}

/// An answer that was sent about a place that is not theirs must not show what stands there.
#[track_caller]
fn tells_nothing(asked: &str, reply: &Reply, sent: &str) {
    for word in HIDDEN.iter().filter(|word| !sent.contains(**word)) {
        assert!(!reply.text.contains(word), "{asked} {sent}: {word} in {}", reply.text);
    }
    assert!(reply.status < 500, "{asked} {sent}: {} {}", reply.status, reply.text);
}

fn send(client: &Client, method: &str, path: &str, body: &str) -> Reply {
    let kind = if path.starts_with("/import") { "text/csv" } else { "application/json" };
    client.send(method, path, &[("Content-Type", kind)], body)
}

fn people(tree: &Tree) -> Vec<(&'static str, Client)> {
    // A company administrator stands on a root group: all of another one is beside theirs.
    let stands = |role: &str| if role == COMPANY { "Wombat" } else { "Quetzal/Own" };
    let with = |role: &&'static str| (*role, tree.office.with_role(role, stands(role)));
    let mut people: Vec<_> = ROLES.iter().map(with).collect();
    people.push(("nobody", Client::nobody(tree.office.address)));
    people
}

#[test]
fn whatever_is_read_shows_nothing_of_above_and_beside() {
    let tree = Tree::grow();
    let routes = tree.routes();
    let mut asked = 0;

    for (role, client) in people(&tree) {
        for route in routes.iter().filter(|route| route.is_read()) {
            for (relation, place) in &tree.places {
                let path = route.about(place);
                for query in route.queries(place) {
                    let reply = client.get(&format!("{path}{query}"));
                    let what = format!("{role} GET {path}{query} ({relation})");
                    tells_nothing(&what, &reply, &query);
                    asked += 1;
                    let hidden = role == COMPANY || ["above", "beside"].contains(relation);
                    let of_nowhere = ["/refusals", "/mail/"];
                    let named =
                        path != route.path && !of_nowhere.iter().any(|one| path.starts_with(one));
                    if role == "nobody" {
                        let open = ["/session", "/openapi.json"].contains(&path.as_str());
                        assert!(
                            open || [401, 404].contains(&reply.status),
                            "{what}: {}",
                            reply.text
                        );
                    } else if hidden && named {
                        assert_eq!(reply.status, 404, "{what}: {}", reply.text);
                    }
                }
            }
        }
    }

    assert!(asked > 500, "{asked}");
}

#[test]
fn a_server_administrator_reads_everything() {
    let tree = Tree::grow();
    let mut read = String::new();

    for route in tree.routes().iter().filter(|route| route.is_read()) {
        for (relation, place) in &tree.places {
            let path = route.about(place);
            let reply = tree.server.get(&path);
            let missing = path.starts_with("/refusals/")
                || path.starts_with("/webhooks/")
                || path == "/explain"
                || path == "/entitlements";
            assert!(reply.status == 200 || missing, "{path} ({relation}): {}", reply.text);
            read.push_str(&reply.text);
        }
    }

    // What the others must not find is there to be found.
    for word in HIDDEN {
        assert!(read.contains(word), "{word}");
    }
}

#[test]
fn whatever_is_written_to_above_and_beside_changes_nothing() {
    let tree = Tree::grow();
    let routes = tree.routes();
    let people = people(&tree);
    let before = tree.dump();
    assert!(before.contains("Narwhal") && before.contains("norbert"), "{before}");

    for (role, client) in &people {
        for route in routes.iter().filter(|route| !route.is_read()) {
            if OF_NOBODY.contains(&route.path.as_str()) {
                continue;
            }
            for relation in ["above", "beside"] {
                let asked = route.writes(tree.at(relation), tree.at("own"));
                let missing = route.writes(&nowhere(), tree.at("own"));
                for ((path, text), (lost_path, lost_text)) in asked.iter().zip(&missing) {
                    let reply = send(client, &route.method, path, text);
                    let what = format!("{role} {} {path} ({relation})", route.method);
                    tells_nothing(&what, &reply, text);
                    let told = format!("{what} {text}: {} {}", reply.status, reply.text);
                    let is_told_each = route.path == "/entitlements" && reply.status == 200;
                    let refused = [401, 403, 404, 422].contains(&reply.status);
                    assert!(refused || is_told_each, "{told}");
                    assert!(*role != "nobody" || reply.status == 401, "{told}");
                    // It is told like what is not there at all.
                    let lost = send(client, &route.method, lost_path, lost_text);
                    assert_eq!(
                        (lost.status, plain(&lost)),
                        (reply.status, plain(&reply)),
                        "{told}"
                    );
                }
            }
        }
    }

    assert_eq!(tree.dump(), before);
}
