//! The built binary against a database of its own, through the forms that others rely on.

mod site;

use std::sync::Arc;

use admitd::admin::control::{Answers, Control, Unanswered};
use admitd::license::Feature;
use admitd::store::{Batch, SeatRow as SeatOnDisk, SeatStore, Store};
use admitd::view::{Entitlement, Explain, Freed, SeatKind, SeatRow, SeatState, State, TreeNode};
use serde_json::{Value, json};

use site::Site;

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn a_grant_beyond_what_is_left_lists_every_obstacle() {
    let site = Site::with_tree();
    site.done("group|add|SmartHome/B|--restrict");

    let answer = site.refused("license|add|SmartHome/B|--sip|31|--apps|31");

    assert_eq!(
        answer["obstacles"],
        json!([
            {"gate": "SmartHome", "resource": "sip_numbers", "granted": 50, "left": 30,
             "asked": 31, "last_date_that_fits": null},
            {"gate": "SmartHome", "resource": "mobile_apps", "granted": 40, "left": 30,
             "asked": 31, "last_date_that_fits": null},
        ])
    );
    assert_eq!(site.done("license|list|SmartHome/B"), json!([]));
}

#[test]
fn state_has_the_figures_of_the_form() {
    let site = Site::with_tree();
    site.done("number|add|sip:101@example.com|--group|SmartHome/A Residence|--kind|panel");

    let state = site.done("state|SmartHome");

    for field in ["group", "restricted", "features", "valid_until", "next_change"] {
        assert!(state.get(field).is_some(), "{field}: {state}");
    }
    let sip = &state["sip_numbers"];
    for (field, figure) in [
        ("limit", 50),
        ("used", 1),
        ("in_use", 0),
        ("handed_out", 20),
        ("left", 30),
        ("available", 49),
    ] {
        assert_eq!(sip[field], figure, "{field}: {state}");
    }
    assert_eq!(sip["bound_by"], "SmartHome");
    assert_eq!(state["mobile_apps"]["handed_out"], 10);
    assert_eq!(
        state["features"]["ukey2"],
        json!({
            "enabled": true, "until": null, "status": "enabled", "from": null
        })
    );
    assert_eq!(site.done("state|/")["sip_numbers"]["limit"], Value::Null);
}

#[test]
fn explain_names_every_gate_and_exits_0_whatever_the_verdict() {
    let site = Site::with_tree();
    site.done("claim|add|SmartHome/A Residence|--domain|example.com|--range|1000-1999");
    site.done("license|suspend|2");

    let claimed = site.done("explain|sip:1001@192.0.2.1:5060");
    let unknown = site.done("explain|sip:7@example.com");

    assert_eq!(claimed["number"], "sip:1001@example.com");
    assert_eq!((&claimed["verdict"], &claimed["cause"]), (&json!("refuse"), &json!("suspended")));
    assert_eq!(claimed["bound_by"], "SmartHome/A Residence");
    let gates: Vec<_> = claimed["gates"].as_array().unwrap().iter().map(|g| &g["gate"]).collect();
    assert_eq!(gates, ["SmartHome/A Residence", "SmartHome"]);
    assert_eq!(claimed["gates"][1]["sip_numbers"], json!({"limit": 50, "in_use": 0}));
    assert_eq!(unknown["cause"], "unknown_number");
}

#[test]
fn a_date_is_the_start_of_that_day_in_the_groups_zone() {
    let site = Site::with_tree();

    let license = site.done("license|edit|2|--from|2020-01-01|--until|2030-12-01");
    let text = site.run("license|show|2");
    let endless = site.done("license|edit|2|--until|none");

    assert_eq!(license["valid_from"], "2019-12-31T23:00:00Z");
    assert_eq!(license["valid_until"], "2030-11-30T23:00:00Z");
    let text = String::from_utf8(text.stdout).unwrap();
    let shown = "until 1 December 2030, 00:00 (Europe/Madrid), last day 30 November";
    assert!(text.contains(shown), "{text}");
    assert_eq!(endless["valid_until"], Value::Null);
}

#[test]
fn more_apps_than_sip_numbers_is_refused_and_not_a_usage_fault() {
    let site = Site::with_tree();

    site.refused("license|add|SmartHome|--sip|1|--apps|2");
    site.refused("license|add|SmartHome|--sip|1|--apps|2|--force");
}

#[test]
fn shrinking_below_what_is_handed_down_takes_force_and_warns() {
    let site = Site::with_tree();

    site.refused("license|edit|1|--sip|10|--apps|10");
    let forced = site.done("license|edit|1|--sip|10|--apps|10|--force");

    let warning = &forced["warnings"][0];
    assert_eq!((&warning["resource"], &warning["by"]), (&json!("sip_numbers"), &json!(10)));
    assert!(warning["text"].as_str().unwrap().contains("over by 10"), "{warning}");
}

#[test]
fn what_is_not_there_is_status_1_and_what_cannot_be_read_is_2() {
    let site = Site::with_tree();

    for line in [
        "group|show|Nowhere",
        "group|remove|Nowhere",
        "group|add|Nowhere/Below",
        "license|edit|99|--sip|1",
        "license|remove|99",
        "user|show|nobody",
        "number|show|sip:9@example.com",
        "number|add|sip:|--group|SmartHome",
        "claim|remove|99",
        "state|user:nobody",
        "seats|Nowhere",
        "seats|free|sip:9@example.com",
    ] {
        site.refused(line);
    }
    for line in ["license|add|SmartHome|--sip|x", "nonsense", "user|add|anna", "state"] {
        let (status, answer) = site.json(line);
        assert_eq!(status, 2, "{line}");
        assert!(answer["error"].is_string(), "{answer}");
    }
    let text = site.run("group|show|Nowhere");
    assert!(text.stdout.is_empty() && !text.stderr.is_empty());
}

#[test]
fn groups_are_edited_moved_and_removed() {
    let site = Site::with_tree();
    site.done("group|add|Dealer2|--kind|dealer");

    let edited = site
        .done("group|edit|SmartHome/A Residence|--hand-out|shared|--rename|B|--admin-email|a@b.c");
    let moved = site.done("group|move|SmartHome/B|Dealer2");
    let cycle = site.refused("group|move|Dealer2|Dealer2/B");
    let free = site.done("group|edit|Dealer2/B|--no-restrict");
    site.refused("group|remove|Dealer2");
    site.done("group|remove|Dealer2|--force");

    assert_eq!((&edited["group"], &edited["hand_out"]), (&json!("SmartHome/B"), &json!("shared")));
    assert_eq!(edited["admin_emails"], json!(["a@b.c"]));
    assert_eq!(moved["group"], "Dealer2/B");
    assert_eq!(cycle["obstacles"], json!([]));
    assert_eq!(free["restricted"], false);
    let groups = site.done("group|list");
    let names: Vec<_> = groups.as_array().unwrap().iter().map(|row| &row["group"]).collect();
    assert_eq!(names, ["/", "SmartHome"]);
}

#[test]
fn users_and_their_numbers_are_edited_and_removed() {
    let site = Site::with_tree();
    let place = "SmartHome/A Residence";

    let added = site.done(&format!("user|add|anna|--group|{place}|--email|anna@example.com"));
    let license = site.done("license|add|--user|anna|--sip|2|--apps|1");
    let number = site.done("number|add|anna@EXAMPLE.com|--user|anna|--kind|app|--password|secret");
    let edited = site.done("number|edit|anna@example.com|--kind|phone|--password|");
    let shown = site.run("number|show|anna@example.com");
    site.refused("user|remove|anna");
    site.done("user|edit|anna|--rename|maria|--email|");
    let maria = site.done("user|show|maria");
    site.done("user|remove|maria|--force");

    assert_eq!(added["groups"], json!([place]));
    assert_eq!(license["holder"], "user:anna");
    assert_eq!(
        keys(&license),
        [
            "id",
            "holder",
            "type",
            "sip_numbers",
            "mobile_apps",
            "features",
            "valid_from",
            "valid_until",
            "status",
            "warnings",
        ]
    );
    assert_eq!(
        (&number["number"], &number["password"]),
        (&json!("sip:anna@example.com"), &json!(true))
    );
    assert_eq!((&edited["kind"], &edited["password"]), (&json!("phone"), &json!(false)));
    assert!(!String::from_utf8(shown.stdout).unwrap().contains("secret"));
    assert_eq!((&maria["email"], maria["licenses"].as_array().unwrap().len()), (&Value::Null, 1));
    assert_eq!(site.done("number|list"), json!([]));
    assert_eq!(site.done("user|list"), json!([]));
}

#[test]
fn claims_are_edited_and_refused_where_they_meet() {
    let site = Site::with_tree();

    let claim = site.done("claim|add|SmartHome|--domain|192.0.2.1|--range|1000-1999");
    let address = site.done("claim|add|SmartHome|--address|192.0.2.7|--kind|panel");
    site.refused("claim|add|SmartHome|--domain|example.com|--range|1500-2500");
    let edited = site.done("claim|edit|1|--kind|app");
    let removed = site.done("claim|remove|2");

    assert_eq!((&claim["domain"], &claim["range"]), (&json!("example.com"), &json!("1000-1999")));
    assert_eq!((&address["address"], &address["kind"]), (&json!("192.0.2.7"), &json!("panel")));
    assert_eq!(edited["kind"], "app");
    assert_eq!(removed["id"], 2);
    assert_eq!(site.done("claim|list").as_array().unwrap().len(), 1);
}

#[test]
fn an_import_is_checked_whole_and_done_once() {
    let site = Site::with_tree();
    let write = |text: &str| std::fs::write(site.path().join("a.csv"), text).unwrap();

    write(
        "number,group,kind\nsip:1@example.com,SmartHome,panel\nsip:2@example.com,Nowhere,\nx y,SmartHome,\n",
    );
    let faulty = site.refused("import|numbers|a.csv");
    let none = site.done("number|list");
    let rows = |count: u32| {
        let rows = (0..count).map(|n| format!("{n}@example.com,SmartHome/A Residence,phone\n"));
        format!("number,group,kind\n{}", rows.collect::<String>())
    };
    write(&rows(21));
    let too_many = site.refused("import|numbers|a.csv");
    write(&rows(20));
    let first = site.done("import|numbers|a.csv");
    let second = site.done("import|numbers|a.csv");

    let error = faulty["error"].as_str().unwrap();
    assert!(error.contains("line 3") && error.contains("line 4"), "{error}");
    assert_eq!(none, json!([]));
    assert_eq!(too_many["obstacles"][0]["left"], 20);
    assert_eq!((&first["added"], &first["present"]), (&json!(20), &json!(0)));
    assert_eq!((&second["added"], &second["present"]), (&json!(0), &json!(20)));
}

#[test]
fn check_draws_every_fault_and_shows_no_password() {
    let site = Site::new();
    let text = "database = \"mysql://a:hunter2@db/x\"\ntime_zone = 7\n[log]\nlevle = \"info\"\n";
    std::fs::write(site.path().join("bad.toml"), text).unwrap();

    let shown = site.run("check|--config|bad.toml");
    let told = site.refused("check|--config|bad.toml");
    let well = site.done("check");
    let server = "database = \"postgres://a:hunter2@127.0.0.1:1/x\"\n";
    std::fs::write(site.path().join("server.toml"), server).unwrap();
    let server = site.done("check|--config|server.toml");
    let away = site.refused("tree|--config|server.toml");

    assert_eq!(shown.status.code(), Some(1));
    let drawn = String::from_utf8(shown.stderr).unwrap();
    assert!(drawn.contains("time_zone = 7") && drawn.contains("did you mean level?"), "{drawn}");
    assert!(!drawn.contains("hunter2"));
    let lines: Vec<_> = told["faults"].as_array().unwrap().iter().map(|f| &f["line"]).collect();
    assert_eq!(lines, [1, 2, 4]);
    assert_eq!(server["database"], "postgres://a:***@127.0.0.1:1/x");
    assert!(!away.to_string().contains("hunter2"), "{away}");
    assert_eq!((&well["faults"], &well["domains"]), (&json!([]), &json!(["example.com"])));
}

#[test]
fn the_tree_is_drawn_plain_where_no_terminal_is() {
    let site = Site::with_tree();

    let output = site.run("tree");

    let drawn = String::from_utf8(output.stdout).unwrap();
    assert!(drawn.contains("└─ SmartHome  distributor  SIP ░░░░░░░░░░ 0/50"), "{drawn}");
    assert!(!drawn.contains('\x1b'), "{drawn}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("the daemon does not run"));
}

#[test]
fn help_manual_and_completion_are_printed_without_a_database() {
    let site = Site::empty();

    for (line, part) in [
        ("--help", "Exit status:"),
        ("license|add|--help", "+30d is 30 x 24 hours"),
        ("man", "admitd license add"),
        ("completion|bash", "_admitd"),
        ("--version", "admitd"),
    ] {
        let output = site.run(line);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(0), "{line}");
        assert!(text.contains(part), "{line}: {text}");
    }
    assert_eq!(std::fs::read_dir(site.path()).unwrap().count(), 0);
}

/// A daemon that knows one seat.
struct Daemon;

impl Answers for Daemon {
    fn api(&self) -> Result<std::net::SocketAddr, Unanswered> {
        Ok(([127, 0, 0, 1], 8060).into())
    }

    fn tree(&self) -> Result<TreeNode, Unanswered> {
        Err(Unanswered("the tree is away".to_owned()))
    }

    fn state(&self, path: &str) -> Result<State, Unanswered> {
        Err(Unanswered(format!("no group is called {path:?}")))
    }

    fn seats(&self, _path: Option<&str>) -> Result<Vec<SeatRow>, Unanswered> {
        Ok(vec![SeatRow {
            number: "sip:1@example.com".to_owned(),
            kind: SeatKind::Sip,
            device: "1".to_owned(),
            group: None,
            since: "2026-01-01T00:00:00Z".to_owned(),
            until: Some("2026-01-01T01:00:00Z".to_owned()),
            state: SeatState::Live,
            over: false,
        }])
    }

    fn free(&self, number: &str, _device: Option<&str>) -> Result<Freed, Unanswered> {
        Ok(Freed { number: number.to_owned(), freed: 1 })
    }

    fn explain(&self, number: &str) -> Result<Explain, Unanswered> {
        Err(Unanswered(format!("nothing is known of {number}")))
    }

    fn entitlements(
        &self,
        subject: &str,
        features: &[Feature],
    ) -> Result<Vec<Entitlement>, Unanswered> {
        let answer = |feature: &Feature| Entitlement {
            subject: subject.to_owned(),
            feature: feature.name().to_owned(),
            action: "use".to_owned(),
            allowed: true,
            until: None,
            from: None,
            cause: None,
            bound_by: None,
        };
        Ok(features.iter().map(answer).collect())
    }

    fn reload(&self) -> Result<Vec<String>, Unanswered> {
        Ok(Vec::new())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_daemon_is_asked_over_its_socket() {
    let site = Site::new();
    let control = Control::bind(&site.path().join("admitd.sock"), 0o660).unwrap();
    tokio::spawn(control.serve(Arc::new(Daemon)));

    let answers = tokio::task::spawn_blocking(move || {
        let note = String::from_utf8(site.run("seats").stderr).unwrap();
        let freed = site.done("seats|free|1@192.0.2.1");
        (site.done("seats"), freed, site.refused("state|x"), note)
    });
    let (seats, freed, refused, note) = answers.await.unwrap();

    assert_eq!(
        keys(&seats[0])[..7],
        ["number", "kind", "device", "group", "since", "until", "state"]
    );
    assert_eq!((&seats[0]["kind"], &seats[0]["state"]), (&json!("sip"), &json!("live")));
    assert_eq!(freed, json!({"number": "sip:1@example.com", "freed": 1}));
    assert_eq!(refused["error"], "no group is called \"x\"");
    assert!(note.is_empty(), "{note}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_daemon_the_seats_on_disk_are_listed_counted_and_freed() {
    let site = Site::with_tree();
    site.done("claim|add|SmartHome/A Residence|--domain|example.com");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    let now_ms = i64::try_from(now.as_millis()).unwrap();
    let call = |number: &str, until_ms: i64| SeatOnDisk {
        number: format!("sip:{number}@example.com"),
        since_ms: now_ms - 1000,
        until_ms,
        node: 0,
        version: 1,
        details: json!({"calls": [
            {"call_id": "a", "since_ms": now_ms - 1000, "until_ms": until_ms}
        ]})
        .to_string(),
    };
    let batch = Batch {
        seats: vec![call("1", now_ms + 600_000), call("2", now_ms - 500)],
        ..Batch::default()
    };
    let store = Store::open("sqlite:a.db", site.path()).await.unwrap();
    let file = SeatStore::open(&store).await.unwrap();
    file.write(&batch).await.unwrap();
    drop(file);

    let answers = tokio::task::spawn_blocking(move || {
        let listed = site.done("seats|SmartHome");
        let state = site.done("state|SmartHome/A Residence");
        let freed = site.done("seats|free|1@example.com");
        (listed, state, freed, site.done("seats"))
    });
    let (listed, state, freed, after) = answers.await.unwrap();

    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    assert_eq!(
        (&listed[0]["number"], &listed[0]["kind"]),
        (&json!("sip:1@example.com"), &json!("call"))
    );
    assert_eq!(listed[0]["group"], "SmartHome/A Residence");
    assert_eq!(
        (&state["sip_numbers"]["in_use"], &state["sip_numbers"]["used"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(freed["freed"], 1);
    assert_eq!(after, json!([]));
}
