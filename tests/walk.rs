//! The product as its administrators read it, from the first group to the last day of a license: a
//! server administrator, a dealer and a user over HTTP, and the user's app over SIP.

mod scene;

use std::time::Duration;

use scene::http::{Client, Reply};
use scene::{Office, Phone, Post, eventually};
use serde_json::{Value, json};

const SOON: Duration = Duration::from_secs(5);
const HOUR: u32 = 3600;

/// The walk's people and places.
struct Walk {
    office: Office,
    server: Client,
    smart_home: i64,
}

/// A group with a restriction and one license, written at once.
fn gate(client: &Client, parent: i64, name: &str, license: Value) -> i64 {
    gate_that(client, json!({"parent": parent, "name": name, "licenses": [license]}))
}

fn gate_that(client: &Client, mut body: Value) -> i64 {
    body["restricted"] = json!(true);
    client.post("/groups", body).must(201).id()
}

/// Maximum, used and available SIP numbers, as the license state shows them.
#[track_caller]
fn figures(client: &Client, place: &str) -> [Value; 3] {
    let state = client.get(&format!("{place}/state")).must(200).json;
    ["limit", "used", "available"].map(|field| state["sip_numbers"][field].clone())
}

fn of(group: i64) -> String {
    format!("/groups/{group}")
}

fn app(office: &Office, user: &str, device: &str) -> Phone {
    let mut app = Phone::udp(office.daemon.udp, user);
    app.uri_params = format!(";pn-provider=fcm;pn-param=p;pn-prid={device}");
    app
}

fn phone(office: &Office, user: &str) -> Phone {
    Phone::udp(office.daemon.udp, user)
}

/// The one obstacle of a refused write.
#[track_caller]
fn obstacle(refused: Reply) -> Value {
    let refused = refused.must(409).json;
    assert_eq!(refused["obstacles"].as_array().map(Vec::len), Some(1), "{refused}");
    refused["obstacles"][0].clone()
}

impl Walk {
    /// The server administrator makes SmartHome: 50 numbers, 40 apps and features, without an end.
    fn begin(more: &str) -> Self {
        let office = Office::with(more);
        let server = office.server();
        let smart_home = gate_that(
            &server,
            json!({"parent_path": "/", "name": "SmartHome", "kind": "dealer", "hand_out": "shared",
                "licenses": [{"sip_numbers": 50, "mobile_apps": 40,
                    "features": ["sip_trunks", "web_dialer", "remote_door_opening"]}]}),
        );
        Self { office, server, smart_home }
    }

    /// Somebody in a group, with a role there and a password, who signs in.
    fn signed_in(&self, name: &str, group: i64, role: &str) -> Client {
        let body = json!({"name": name, "email": format!("{name}@example.com"), "groups": [group]});
        let id = self.server.post("/users", body).must(201).id();
        let place = format!("/users/{id}/roles/{group}/{role}");
        self.server.send("PUT", &place, &[], "").must(204);
        self.password(&self.server, id);
        Client::sign_in(self.office.address, name, "correct horse")
    }

    fn password(&self, by: &Client, user: i64) {
        let password = json!({"password": "correct horse"});
        by.with_json("PUT", &format!("/users/{user}/password"), &[], password).must(204);
    }
}

#[test]
fn licenses_are_handed_down_from_the_server_to_a_users_app_until_they_end() {
    let post = Post::open();
    let walk = Walk::begin(&post.config());
    let office = &walk.office;
    let dealer = walk.signed_in("dealer", walk.smart_home, "site_administrator");

    // The residence: everything SmartHome has, first come first served, for twenty days.
    let residence = gate_that(
        &dealer,
        json!({"parent": walk.smart_home, "name": "A Residence", "hand_out": "shared",
            "licenses": [{"sip_numbers": 50, "mobile_apps": 40, "valid_until": "+20d",
                "features": ["sip_trunks", "web_dialer", "remote_door_opening"]}]}),
    );
    let path = "SmartHome/A Residence";
    let words = ["reminder", "set", path, "--days", "30", "--every", "once"];
    office.daemon.tell(&[&words[..], &["--also", "partner@example.com"]].concat());
    let panel = json!({"number": "900@example.com", "group": residence, "kind": "panel"});
    dealer.post("/numbers", panel).must(201);
    assert_eq!(figures(&dealer, &of(walk.smart_home)), [50, 1, 49]);
    assert_eq!(figures(&dealer, &of(residence)), [50, 1, 49]);
    let state = dealer.get(&format!("/groups/{}/state", walk.smart_home)).must(200).json;
    let trunks = &state["features"]["sip_trunks"];
    assert_eq!((&trunks["enabled"], &trunks["until"]), (&json!(true), &Value::Null));
    let state = dealer.get(&format!("/groups/{residence}/state")).must(200).json;
    let end = state["valid_until"].clone();
    assert!(end.is_string(), "{state}");
    for feature in ["sip_trunks", "web_dialer"] {
        let feature = &state["features"][feature];
        assert_eq!((&feature["enabled"], &feature["until"]), (&json!(true), &end));
    }

    // The building has no limit of its own; the apartment may have all, not more, not other things.
    let building = json!({"parent": residence, "name": "Building", "kind": "building"});
    let building = dealer.post("/groups", building).must(201).id();
    let flat = |license: Value| json!({"parent": building, "name": "Apartment", "restricted": true, "licenses": [license]});
    let much = flat(json!({"sip_numbers": 51, "mobile_apps": 40}));
    let too_much = obstacle(dealer.post("/groups", much));
    assert_eq!(too_much["gate"], path);
    assert_eq!(too_much["resource"], "sip_numbers");
    assert_eq!((&too_much["granted"], &too_much["asked"]), (&json!(50), &json!(51)));
    let other = flat(json!({"sip_numbers": 1, "features": ["ukey2"]}));
    assert_eq!(obstacle(dealer.post("/groups", other))["resource"], "ukey2");
    let fitting = json!({"sip_numbers": 50, "mobile_apps": 40, "valid_until": "+20d",
        "features": ["sip_trunks", "web_dialer"]});
    let apartment = dealer.post("/groups", flat(fitting)).must(201).id();
    assert_eq!(figures(&dealer, &of(building)), [50, 0, 49]);
    assert_eq!(figures(&dealer, &of(apartment)), [50, 0, 49]);

    // A user with a number and a license of their own, in one call or not at all.
    let anna = |apps: u32, sip: u32| {
        json!({"name": "anna", "groups": [apartment],
            "numbers": [{"number": "101@example.com", "kind": "app"}],
            "licenses": [{"type": "Basic", "sip_numbers": sip, "mobile_apps": apps}]})
    };
    assert_eq!(obstacle(dealer.post("/users", anna(1, 51)))["asked"], 51);
    let anna = dealer.post("/users", anna(1, 1)).must(201).id();
    let own = format!("/users/{anna}");
    assert_eq!(figures(&dealer, &own), [1, 1, 0]);
    assert_eq!(figures(&dealer, &of(apartment)), [50, 1, 48]);
    assert_eq!(figures(&dealer, &of(residence)), [50, 2, 48]);
    assert_eq!(figures(&walk.server, &of(walk.smart_home)), [50, 2, 48]);

    // The user's app registers and calls; a second app is one too many.
    let (mut first, mut second) = (app(office, "101", "one"), app(office, "101", "two"));
    let mut door = phone(office, "900");
    assert_eq!(door.register(HOUR).status(), 200);
    assert_eq!(first.register(HOUR).status(), 200);
    assert_eq!(second.register(HOUR).status(), 403);
    let contact = format!("Contact: {}\r\n", first.contact());
    let call = first.request("INVITE", &door.aor(), &format!("<{}>", door.aor()), &contact, "");
    first.send(&call);
    let ringing = door.expect_request("INVITE", SOON).expect("the panel rings");
    let contact = format!("Contact: {}\r\n", door.contact());
    door.answer(&ringing, 200, "OK", &contact, "");
    let answered = std::iter::from_fn(|| first.receive(SOON)).find(|got| got.status() >= 200);
    assert_eq!(answered.expect("an answer").status(), 200);
    walk.password(&dealer, anna);
    let user = Client::sign_in(office.address, "anna", "correct horse");
    let state = user.get(&format!("{own}/state")).must(200).json;
    assert_eq!(state["mobile_apps"]["used"], 1);
    assert_eq!(state["mobile_apps"]["available"], 0);
    assert_eq!(state["sip_numbers"]["in_use"], 1);
    user.get(&of(walk.smart_home)).must(404);
    let refusals = dealer.get("/refusals").must(200);
    assert_eq!(refusals.items("cause"), [json!("app_limit")]);

    // The mail went out, once to each.
    let told = ["dealer@example.com", "partner@example.com"];
    eventually(Duration::from_secs(20), "the mails arrive", || post.told().len() >= told.len());
    assert_eq!(post.told(), told);

    // The date passes.
    let license = dealer.get(&format!("/groups/{residence}/licenses")).must(200).items("id");
    let license = format!("/licenses/{}", license[0]);
    // An end is a whole second, and for less than one nobody is let in.
    dealer.patch(&license, json!({"valid_until": "+3s"})).must(200);
    assert_eq!(first.register(HOUR).status(), 200);
    eventually(Duration::from_secs(10), "the license ends", || {
        figures(&dealer, &of(residence)) == [0, 2, 0]
    });
    eventually(Duration::from_secs(1), "the seats end in that second", || {
        dealer.get(&format!("{own}/state")).must(200).json["sip_numbers"]["in_use"] == 0
    });
    assert_eq!(first.register(HOUR).status(), 403);
    assert_eq!(door.register(HOUR).status(), 403);
    assert_eq!(figures(&dealer, &of(apartment))[2], 0);
    let state = dealer.get(&format!("{own}/state")).must(200).json;
    assert_eq!((&state["status"], &state["stopped_by"]), (&json!("expired"), &json!(path)));
    assert_eq!(state["sip_numbers"]["in_use"], 0);
    assert_eq!(figures(&walk.server, &of(walk.smart_home)), [50, 2, 48]);
}

#[test]
fn who_is_in_two_groups_is_bound_by_the_strictest() {
    let walk = Walk::begin("");
    let license = |apps: u32| json!({"sip_numbers": 5, "mobile_apps": apps});
    let wide = gate(&walk.server, walk.smart_home, "Wide", license(5));
    let tight = gate(&walk.server, walk.smart_home, "Tight", license(1));
    let body = json!({"name": "anna", "groups": [wide, tight],
        "numbers": [{"number": "101@example.com", "kind": "app"}]});
    let anna = walk.server.post("/users", body).must(201).id();

    let mut apps = ["one", "two"].map(|device| app(&walk.office, "101", device));
    let statuses = apps.each_mut().map(|app| app.register(HOUR).status());

    assert_eq!(statuses, [200, 403]);
    let state = walk.server.get(&format!("/users/{anna}/state")).must(200).json;
    assert_eq!(state["mobile_apps"]["available"], 0);
    assert_eq!(state["mobile_apps"]["bound_by"], "SmartHome/Tight");
    for group in [wide, tight] {
        let state = walk.server.get(&format!("/groups/{group}/state")).must(200).json;
        assert_eq!(state["mobile_apps"]["in_use"], 1, "it counts in both");
    }
}

#[test]
fn a_renewal_follows_without_a_gap() {
    let walk = Walk::begin("");
    let (sip, end) = (json!({"sip_numbers": 1}), "2090-12-01T00:00:00Z");
    let group = gate(&walk.server, walk.smart_home, "A", sip);
    let number = json!({"number": "101@example.com", "group": group, "kind": "phone"});
    walk.server.post("/numbers", number).must(201);
    let mut desk = phone(&walk.office, "101");
    assert_eq!(desk.register(HOUR).status(), 200);
    let first = walk.server.get(&format!("/groups/{group}/licenses")).must(200).items("id");
    let place = format!("/licenses/{}", first[0]);
    let ends = walk.server.patch(&place, json!({"valid_until": "+3s"})).must(200).json;
    let renewal = json!({"group": group, "sip_numbers": 1, "valid_from": ends["valid_until"],
        "valid_until": end});
    let renewal = walk.server.post("/licenses", renewal).must(201).id();

    let mut statuses = Vec::new();
    eventually(Duration::from_secs(10), "the renewal takes over", || {
        statuses.push(desk.register(HOUR).status());
        walk.server.get(&place).must(200).json["status"] == "ended"
    });
    statuses.push(desk.register(HOUR).status());

    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert!(!walk.office.daemon.log().contains("revoked"), "{}", walk.office.daemon.log());
    let renewed = walk.server.get(&format!("/licenses/{renewal}")).must(200).json;
    assert_eq!((&renewed["status"], &renewed["valid_until"]), (&json!("active"), &json!(end)));
    let state = walk.server.get(&format!("/groups/{group}/state")).must(200).json;
    assert_eq!((&state["status"], &state["valid_until"]), (&json!("valid"), &json!(end)));
    assert_eq!(state["sip_numbers"]["in_use"], 1);
}

#[test]
fn a_group_whose_plus_ends_falls_back_to_its_basic() {
    let walk = Walk::begin("");
    let basic = json!({"type": "Basic", "sip_numbers": 2, "mobile_apps": 1});
    let group = gate(&walk.server, walk.smart_home, "A", basic);
    let plus = json!({"group": group, "type": "Plus", "sip_numbers": 3, "mobile_apps": 2,
        "features": ["web_dialer"], "valid_until": "+1h"});
    let plus = walk.server.post("/licenses", plus).must(201).id();
    let number = json!({"number": "101@example.com", "group": group, "kind": "app"});
    walk.server.post("/numbers", number).must(201);
    let mut apps = ["one", "two"].map(|device| app(&walk.office, "101", device));
    assert_eq!(apps.each_mut().map(|app| app.register(HOUR).status()), [200, 200]);
    assert_eq!(figures(&walk.server, &of(group))[0], 5);

    let ending = json!({"valid_until": "+2s"});
    walk.server.patch(&format!("/licenses/{plus}"), ending).must(200);

    eventually(Duration::from_secs(10), "Plus ends", || figures(&walk.server, &of(group))[0] == 2);
    eventually(Duration::from_secs(1), "the newest app gives way in that second", || {
        let state = walk.server.get(&format!("/groups/{group}/state")).must(200).json;
        state["mobile_apps"]["in_use"] == 1
    });
    assert_eq!(apps.each_mut().map(|app| app.register(HOUR).status()), [200, 403]);
    let state = walk.server.get(&format!("/groups/{group}/state")).must(200).json;
    assert_eq!(state["status"], "valid");
    assert_eq!(
        (&state["mobile_apps"]["limit"], &state["mobile_apps"]["in_use"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(state["features"]["web_dialer"]["enabled"], false);
}

#[test]
fn a_dealer_stays_within_what_they_were_given() {
    let walk = Walk::begin("");
    let own = gate(&walk.server, walk.smart_home, "Own", json!({"sip_numbers": 7}));
    let neighbour = gate(&walk.server, walk.smart_home, "Neighbour", json!({"sip_numbers": 9}));
    let theirs = json!({"number": "900@example.com", "group": neighbour});
    let theirs = walk.server.post("/numbers", theirs).must(201).id();
    let dealer = walk.signed_in("dealer", own, "site_administrator");
    let license = |group: i64| {
        walk.server.get(&format!("/groups/{group}/licenses")).must(200).items("id")[0].clone()
    };
    let before = figures(&walk.server, &of(own));

    // Their own limit, and their own restriction.
    let place = format!("/licenses/{}", license(own));
    dealer.patch(&place, json!({"sip_numbers": 8})).must(403);
    dealer.delete(&place).must(403);
    dealer.post(&format!("{place}/suspend"), json!({})).must(403);
    dealer.post("/licenses", json!({"group": own, "sip_numbers": 1})).must(403);
    dealer.patch(&of(own), json!({"licenses": [{"sip_numbers": 1}]})).must(403);
    for change in
        [json!({"restricted": false}), json!({"hand_out": "shared"}), json!({"monitor": true})]
    {
        dealer.patch(&of(own), change).must(403);
    }
    dealer.delete(&format!("{}?force=true", of(own))).must(403);
    // Their parent, their neighbour and the server are not there.
    for group in [walk.smart_home, neighbour, 1] {
        for part in ["", "/state", "/licenses", "/children", "/roles"] {
            dealer.get(&format!("{}{part}", of(group))).must(404);
        }
        dealer.patch(&of(group), json!({"name": "Mine"})).must(404);
        dealer.delete(&of(group)).must(404);
        dealer.post("/licenses", json!({"group": group, "sip_numbers": 1})).must(404);
        dealer.post(&format!("{}/move", of(own)), json!({"parent": group})).must(404);
    }
    for group in [walk.smart_home, neighbour] {
        dealer.get(&format!("/licenses/{}", license(group))).must(404);
        dealer.patch(&format!("/licenses/{}", license(group)), json!({"sip_numbers": 1})).must(404);
    }
    dealer.get(&format!("/numbers/{theirs}")).must(404);
    dealer.patch(&format!("/numbers/{theirs}"), json!({"group": own})).must(404);
    // What was theirs still is, and no more.
    assert_eq!(figures(&walk.server, &of(own)), before);
    assert_eq!(figures(&dealer, &of(own)), before);
    assert_eq!(walk.server.get(&of(own)).must(200).json["restricted"], true);
    assert_eq!(walk.server.get(&format!("/numbers/{theirs}")).must(200).json["group"], neighbour);
}
