//! A fuzzer that follows the description of the API (schemathesis), signed in as each role: no fault of
//! the server, and no answer that the description doesn't allow.
#![cfg(feature = "peers")]

mod scene;

use std::path::Path;
use std::process::Command;

use scene::Office;
use scene::http::Client;
use serde_json::json;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance";
/// The same for every run, so that what fails fails again.
const SEED: &str = "20241201";

/// A small tree, with one of everything. Tokens come first, so that the fuzzer revokes them before its own.
fn tree(server: &Client) {
    for at in 0..9 {
        let token = json!({"name": format!("spare-{at}"), "role": "server_administrator"});
        server.post("/tokens", token).must(201);
    }
    let license = json!({"sip_numbers": 50, "mobile_apps": 40, "features": ["ukey2"]});
    let top = json!({"parent": 1, "name": "Top", "restricted": true, "licenses": [license]});
    let top = server.post("/groups", top).must(201).id();
    let own = json!({"parent": top, "name": "Own", "restricted": true,
        "licenses": [{"sip_numbers": 10, "valid_until": "2090-01-01"}]});
    let own = server.post("/groups", own).must(201).id();
    let user = json!({"name": "anna", "groups": [own], "licenses": [{"sip_numbers": 1}],
        "numbers": [{"number": "101@example.com", "kind": "app"}]});
    server.post("/users", user).must(201);
    let claim = json!({"group": top, "domain": "example.com",
        "range": {"first": "500", "last": "599"}});
    server.post("/claims", claim).must(201);
}

/// Follows the description as whoever `who` says.
fn fuzz(office: &Office, who: &Client, phases: &str) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let program = root.join("target/schemathesis/bin/schemathesis");
    let output = Command::new(&program)
        .current_dir(office.daemon.path())
        .args(["run", &format!("http://{}/api/v1/openapi.json", office.address)])
        .args(["--phases", phases, "--checks", CHECKS, "--seed", SEED])
        .args(["--max-examples", "3", "--no-shrink", "--generation-database", "none"])
        .args(["--suppress-health-check", "all", "--warnings", "off", "--no-color"])
        .args(["--header", who.who.trim()])
        .output()
        .unwrap_or_else(|fault| {
            panic!("{}: {fault}; tests/schemathesis/install", program.display())
        });
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
}

fn fuzz_as(role: &str, group: &str, phases: &str) {
    let office = Office::open();
    tree(&office.server());
    let who = match role {
        "server_administrator" => office.server(),
        _ => office.with_role(role, group),
    };
    fuzz(&office, &who, phases);
    who.get("/session").must(200);
}

#[test]
fn a_server_administrator_gets_only_answers_that_are_described() {
    fuzz_as("server_administrator", "/", "coverage,fuzzing");
}

#[test]
fn a_company_administrator_gets_only_answers_that_are_described() {
    fuzz_as("company_administrator", "Top", "fuzzing");
}

#[test]
fn a_site_administrator_gets_only_answers_that_are_described() {
    fuzz_as("site_administrator", "Top/Own", "coverage,fuzzing");
}

#[test]
fn a_concierge_gets_only_answers_that_are_described() {
    fuzz_as("concierge", "Top/Own", "fuzzing");
}

#[test]
fn a_user_gets_only_answers_that_are_described() {
    fuzz_as("user", "Top/Own", "fuzzing");
}

#[test]
fn nobody_gets_only_answers_that_are_described() {
    let office = Office::open();
    tree(&office.server());
    fuzz(&office, &Client::new(office.address, "nobody"), "fuzzing");
}
