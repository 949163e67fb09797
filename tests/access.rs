//! Tokens, roles, passwords and the set-up link through the command line.

mod site;

use serde_json::json;

use site::Site;

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
