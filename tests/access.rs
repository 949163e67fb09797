//! Tokens, roles, passwords and the set-up link through the command line.

mod scene;
mod site;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use scene::Daemon;
use site::Site;

/// An answer of the API: its status, its headers in lower case, and its body.
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    /// `admitd_session=…` as it was set.
    fn cookie(&self) -> String {
        let (_, rest) = self.head.split_once("set-cookie: ").expect("a cookie");
        rest.split(';').next().unwrap().to_owned()
    }
}

fn ask(to: SocketAddr, line: &str, headers: &[String], body: Option<Value>) -> Answer {
    let body = body.map(|body| body.to_string());
    let mut sent = format!("{line} HTTP/1.1\r\nHost: {to}\r\nConnection: close\r\n");
    for header in headers {
        sent.push_str(&format!("{header}\r\n"));
    }
    if let Some(body) = &body {
        let length = body.len();
        sent.push_str(&format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"));
    }
    sent.push_str(&format!("\r\n{}", body.unwrap_or_default()));
    let mut stream = TcpStream::connect(to).unwrap();
    stream.write_all(sent.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer {
        status,
        head: head.lines().map(low_name).collect::<Vec<_>>().join("\n"),
        body: serde_json::from_str(body).unwrap_or(Value::Null),
    }
}

fn low_name(line: &str) -> String {
    let (name, value) = line.split_once(": ").unwrap_or((line, ""));
    format!("{}: {value}", name.to_lowercase())
}

fn bearer(token: &Value) -> Vec<String> {
    vec![format!("Authorization: Bearer {}", token.as_str().unwrap())]
}

fn link(text: &str) -> String {
    let (_, rest) = text.split_once("/setup#").expect("a link");
    rest.split(|c: char| !(c.is_ascii_alphanumeric() || "-_".contains(c))).next().unwrap().into()
}

#[test]
fn a_token_lives_until_it_is_revoked_and_is_shown_once() {
    let site = Site::with_tree();

    let made = site.done("token|add|ci|--role|site_administrator|--group|SmartHome|--expires|+30d");

    let secret = made["token"].as_str().unwrap();
    assert!(secret.starts_with("admt_") && secret.len() > 40, "{secret}");
    assert_eq!((&made["name"], &made["role"]), (&json!("ci"), &json!("site_administrator")));
    assert_eq!(made["group"], "SmartHome");
    assert!(made["expires_at"].as_str().unwrap().ends_with('Z'));
    let list = site.done("token|list");
    assert_eq!(list[0]["id"], made["id"]);
    assert!(!list.to_string().contains(secret));
    site.refused("token|add|ci|--role|server_administrator");
    site.done("token|revoke|ci");
    assert_eq!(site.done("token|list"), json!([]));
    site.refused("token|revoke|ci");
}

#[test]
fn a_token_says_where_it_counts() {
    let site = Site::with_tree();
    site.done("user|add|anna|--group|SmartHome");

    let server = site.done("token|add|root|--role|server_administrator");
    let anna = site.done("token|add|anna|--role|user");
    let nobody = site.done("token|add|app|--role|user|--group|SmartHome");

    assert_eq!((&server["group"], &server["expires_at"]), (&json!("/"), &json!(null)));
    assert_eq!((&anna["user"], &anna["group"]), (&json!("anna"), &json!(null)));
    assert_eq!(nobody["user"], json!(null));
    for line in [
        "token|add|a|--role|company_administrator",
        "token|add|a|--role|company_administrator|--group|/",
        "token|add|a|--role|server_administrator|--group|SmartHome",
        "token|add|a|--role|user",
        "token|add|a|--role|user|--user|bob",
        "token|add|a|--role|concierge|--group|Nowhere",
        "token|add|a|--role|concierge|--group|SmartHome|--expires|2001-01-01",
        "token|add|a b|--role|concierge|--group|SmartHome",
    ] {
        site.refused(line);
    }
}

#[test]
fn a_role_is_given_listed_and_taken() {
    let site = Site::with_tree();
    site.done("user|add|anna|--group|SmartHome");

    let given = site.done("role|add|anna|--role|site_administrator|--group|SmartHome/A Residence");
    site.done("role|add|anna|--role|server_administrator");

    let row =
        json!({"user": "anna", "role": "site_administrator", "group": "SmartHome/A Residence"});
    assert_eq!(given, row);
    assert_eq!(site.done("role|list|--user|anna").as_array().unwrap().len(), 2);
    assert_eq!(site.done("role|list|--group|SmartHome/A Residence"), json!([row]));
    site.refused("role|add|anna|--role|concierge");
    site.refused("role|add|bob|--role|concierge|--group|SmartHome");
    site.done("role|remove|anna|--role|site_administrator|--group|SmartHome/A Residence");
    site.refused("role|remove|anna|--role|site_administrator|--group|SmartHome/A Residence");
    assert_eq!(site.done("role|list|--group|SmartHome/A Residence"), json!([]));
}

#[test]
fn a_password_comes_from_stdin() {
    let site = Site::with_tree();
    site.done("user|add|anna|--group|SmartHome");
    let set = |password: &str| {
        let mut command = site.command();
        command.args(["user", "password", "anna", "--password", "-"]).stdin(Stdio::piped());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(password.as_bytes()).unwrap();
        child.wait_with_output().unwrap()
    };

    let done = set("correct horse\n");
    let refused = set("short\n");

    assert!(done.status.success(), "{done:?}");
    assert_eq!(refused.status.code(), Some(1));
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("8 to 256") && !told.contains("short"), "{told}");
    assert!(!site.done("audit").to_string().contains("horse"));
}

#[test]
fn set_up_prints_a_link_and_the_last_one_counts() {
    let site = Site::new();

    let (first, second) = (site.done("setup"), site.done("setup"));

    assert_ne!(first["token"], second["token"]);
    let url = second["url"].as_str().unwrap();
    assert!(
        url.starts_with("http://127.0.0.1:") && url.ends_with(second["token"].as_str().unwrap())
    );
    let told = site.done("audit").to_string();
    assert_eq!(told.matches("set-up link").count(), 2, "{told}");
    assert!(!told.contains(second["token"].as_str().unwrap()));
}

#[test]
fn the_first_administrator_comes_by_the_link_once() {
    let daemon = Daemon::start("");
    let api = daemon.admin;
    let began = Instant::now();
    while !daemon.log().contains("/setup#") && began.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
    assert_eq!(daemon.log().matches("/setup#").count(), 1);
    let token = link(&daemon.log());
    let first = json!({"token": token, "name": "root", "password": "correct horse"});

    let weak = json!({"token": token, "name": "root", "password": "short"});
    assert_eq!(
        ask(api, "POST /api/v1/setup", &[], Some(weak)).body["errors"][0]["field"],
        "password"
    );
    assert_eq!(ask(api, "POST /api/v1/setup", &[], Some(first.clone())).status, 201);
    assert_eq!(ask(api, "POST /api/v1/setup", &[], Some(first)).status, 404);

    let who = json!({"user": "root", "password": "correct horse"});
    let signed = ask(api, "POST /api/v1/session", &[], Some(who));
    assert_eq!(signed.status, 200);
    assert!(signed.head.contains("HttpOnly; SameSite=Strict"), "{}", signed.head);
    let cookie = format!("Cookie: {}", signed.cookie());
    let csrf = format!("X-CSRF-Token: {}", signed.body["csrf_token"].as_str().unwrap());
    let shown = ask(api, "GET /api/v1/session", std::slice::from_ref(&cookie), None);
    assert_eq!(shown.body["user"]["name"], "root");
    assert_eq!(shown.body["csrf_token"], signed.body["csrf_token"]);
    assert_eq!(shown.body["roles"][0]["role"], "server_administrator");
    let new = json!({"name": "ci", "role": "server_administrator"});
    let forged = ask(api, "POST /api/v1/tokens", std::slice::from_ref(&cookie), Some(new.clone()));
    assert_eq!(forged.status, 403);
    let made = ask(api, "POST /api/v1/tokens", &[cookie.clone(), csrf.clone()], Some(new));
    assert_eq!(made.status, 201);
    assert_eq!(ask(api, "GET /api/v1/groups", &bearer(&made.body["token"]), None).status, 200);
    assert_eq!(ask(api, "DELETE /api/v1/session", &[cookie.clone(), csrf], None).status, 204);
    assert_eq!(ask(api, "GET /api/v1/session", &[cookie], None).status, 401);
    for page in ["/setup", "/signin", "/access.js", "/access.css"] {
        assert_eq!(ask(api, &format!("GET {page}"), &[], None).status, 200, "{page}");
    }
}

#[test]
fn a_token_of_the_command_line_is_in_force_and_out_of_it_within_a_second() {
    let daemon = Daemon::start("");
    let api = daemon.admin;
    daemon.tell(&["group", "add", "A"]);
    daemon.tell(&["user", "add", "anna", "--group", "A"]);
    let made =
        daemon.ask(&["token", "add", "door", "--role", "site_administrator", "--group", "A"]);
    let door = bearer(&made["token"]);

    let seen = within_a_second(|| {
        let answer = ask(api, "GET /api/v1/groups", &door, None);
        (answer.status == 200 && answer.body["items"][0]["name"] == "A").then_some(answer.body)
    });
    assert_eq!(seen["items"].as_array().unwrap().len(), 1);
    let more = json!({"name": "more", "role": "server_administrator"});
    assert!(matches!(ask(api, "POST /api/v1/tokens", &door, Some(more)).status, 403 | 404));
    let equal = json!({"name": "equal", "role": "concierge", "group": made_group(&seen)});
    let equal = ask(api, "POST /api/v1/tokens", &door, Some(equal));
    assert_eq!(equal.status, 201, "{}", equal.body);
    let list = ask(api, "GET /api/v1/tokens", &bearer(&equal.body["token"]), None);
    assert_eq!(list.body["items"], json!([]));
    let read_only = json!({
        "name": "reads", "role": "user", "group": made_group(&seen), "read_only": true
    });
    let read_only = ask(api, "POST /api/v1/tokens", &door, Some(read_only));
    let nothing = json!({"name": "x", "role": "user", "group": made_group(&seen)});
    let refused = ask(api, "POST /api/v1/tokens", &bearer(&read_only.body["token"]), Some(nothing));
    assert_eq!(refused.status, 403);

    daemon.tell(&["token", "revoke", "door"]);

    within_a_second(|| (ask(api, "GET /api/v1/groups", &door, None).status == 401).then_some(()));
}

#[test]
fn roles_and_passwords_are_given_over_http() {
    let daemon = Daemon::start("");
    let api = daemon.admin;
    daemon.tell(&["group", "add", "A"]);
    let anna = daemon.ask(&["user", "add", "anna", "--group", "A"])["id"].clone();
    let made = daemon.ask(&["token", "add", "ci", "--role", "server_administrator"]);
    let ci = bearer(&made["token"]);
    let group = within_a_second(|| {
        let found = ask(api, "GET /api/v1/groups?path=A", &ci, None).body["items"][0]["id"].clone();
        found.is_i64().then_some(found)
    });
    within_a_second(|| {
        let path = format!("GET /api/v1/users/{anna}/roles");
        (ask(api, &path, &ci, None).status == 200).then_some(())
    });

    let role = format!("/api/v1/users/{anna}/roles/{group}/site_administrator");
    assert_eq!(ask(api, &format!("PUT {role}"), &ci, None).status, 204);
    let password = json!({"password": "correct horse"});
    let path = format!("PUT /api/v1/users/{anna}/password");
    assert_eq!(ask(api, &path, &ci, Some(password)).status, 204);

    let roles = ask(api, &format!("GET /api/v1/groups/{group}/roles"), &ci, None);
    assert_eq!(roles.body["items"][0]["user_name"], "anna");
    let who = json!({"user": "anna", "password": "correct horse"});
    let signed = ask(api, "POST /api/v1/session", &[], Some(who));
    assert_eq!(signed.body["roles"][0]["path"], "A");
    let session = [
        format!("Cookie: {}", signed.cookie()),
        format!("X-CSRF-Token: {}", signed.body["csrf_token"].as_str().unwrap()),
    ];
    let own = ask(api, &path, &session, Some(json!({"password": "another horse"})));
    assert_eq!(own.body["errors"][0]["field"], "old_password");
    assert_eq!(ask(api, &format!("DELETE {role}"), &ci, None).status, 204);
    assert_eq!(ask(api, &format!("DELETE {role}"), &ci, None).status, 404);
    let shown = ask(api, "GET /api/v1/session", &session, None);
    assert_eq!(shown.body["roles"], json!([]));
}

#[test]
fn many_wrong_passwords_are_told_to_wait() {
    let daemon = Daemon::start("");
    let wrong = json!({"user": "nobody", "password": "wrong horse"});
    let mut statuses = Vec::new();

    for _ in 0..11 {
        let answer = ask(daemon.admin, "POST /api/v1/session", &[], Some(wrong.clone()));
        statuses.push((answer.status, answer.head.contains("retry-after: ")));
    }

    assert_eq!(statuses[..10], [(401, false); 10]);
    assert_eq!(statuses[10], (429, true));
}

fn made_group(groups: &Value) -> Value {
    groups["items"][0]["id"].clone()
}

/// What the daemon follows is in force within a second; twice that where the machine is busy.
fn within_a_second<T>(mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(began.elapsed() < Duration::from_secs(2), "not within a second");
        std::thread::sleep(Duration::from_millis(20));
    }
}
