//! Users as a file, in and out, through the built binary.

mod site;

use serde_json::{Value, json};
use site::Site;

fn write(site: &Site, name: &str, text: &str) {
    std::fs::write(site.path().join(name), text).unwrap();
}

fn lines(answer: &Value) -> Vec<(u64, String)> {
    let faults = answer["faults"].as_array().unwrap().iter();
    faults
        .map(|row| (row["line"].as_u64().unwrap(), row["error"].as_str().unwrap().to_owned()))
        .collect()
}

#[test]
fn users_numbers_and_licenses_come_in_together_and_once() {
    let site = Site::with_tree();
    site.done("group|add|SmartHome/A Residence/12");
    write(
        &site,
        "a.csv",
        "\u{feff}name,email,group,number,kind,password,sip_numbers,mobile_apps,valid_until,features\r\n\
         anna,anna@example.com,12,anna@192.0.2.1,app,\"se,cret\",2,1,2030-01-01,\r\n\
         anna,,,1012@example.com,phone,,,,,\r\n\
         carl,,,,,,,,,\r\n",
    );

    let dry = site.done("import|users|a.csv|--group|SmartHome/A Residence|--dry-run");
    let none = site.done("user|list");
    let done = site.done("import|users|a.csv|--group|SmartHome/A Residence");
    let again = site.done("import|users|a.csv|--group|SmartHome/A Residence");

    assert_eq!(
        (&dry["users"], &dry["numbers"], &dry["licenses"]),
        (&json!(2), &json!(2), &json!(1))
    );
    assert_eq!(none, json!([]));
    assert_eq!((&done["users"], &done["dry_run"]), (&json!(2), &json!(false)));
    assert_eq!((&again["users"], &again["numbers"]), (&json!(0), &json!(0)), "{again}");
    let anna = site.done("user|show|anna");
    assert_eq!(anna["groups"], json!(["SmartHome/A Residence/12"]));
    assert_eq!(anna["numbers"][1]["number"], "sip:anna@example.com");
    assert_eq!(anna["numbers"][1]["password"], true);
    assert_eq!(anna["numbers"].as_array().unwrap().len(), 2);
    // 00:00 in Madrid.
    assert_eq!(anna["licenses"][0]["valid_until"], "2029-12-31T23:00:00Z");
    assert_eq!(site.done("user|show|carl")["groups"], json!(["SmartHome/A Residence"]));
}

#[test]
fn a_dry_run_tells_every_fault_by_line_and_sums_from_where_they_do_not_fit() {
    let site = Site::with_tree();
    let rows: String = (1..=22).map(|at| format!("u{at},{at}@example.com,\n")).collect();
    write(&site, "a.csv", &format!("name,number,group\n{rows}x,a b@,Nowhere\nx,30@example.com,\n"));

    let answer = site.refused("import|users|a.csv|--group|SmartHome/A Residence|--dry-run");

    let told = lines(&answer);
    assert_eq!(told.len(), 3, "{answer}");
    assert_eq!(told[0], (22, "SmartHome/A Residence has 20 sip_numbers left, 22 asked".to_owned()));
    assert_eq!((told[1].0, told[2].0), (24, 24));
    assert_eq!(answer["obstacles"][0]["gate"], "SmartHome/A Residence");
    let real = site.refused("import|users|a.csv|--group|SmartHome/A Residence");
    assert_eq!(lines(&real), told);
    assert_eq!(site.done("user|list"), json!([]));
}

#[test]
fn an_unknown_column_and_a_file_that_is_not_there_are_told() {
    let site = Site::with_tree();
    write(&site, "a.csv", "name,spoon\nanna,\n");

    let column = site.refused("import|users|a.csv|--group|SmartHome");
    let file = site.refused("import|users|b.csv|--group|SmartHome");
    let group = site.refused("import|users|a.csv|--group|Nowhere");

    assert!(column["error"].as_str().unwrap().contains("unknown column \"spoon\""), "{column}");
    assert!(file["error"].as_str().unwrap().contains("b.csv"), "{file}");
    assert!(group["error"].as_str().unwrap().contains("no group"), "{group}");
}

#[test]
fn what_is_exported_can_be_imported_again() {
    let site = Site::with_tree();
    site.done("user|add|=cmd|--group|SmartHome/A Residence|--email|x@example.com");
    site.done("license|add|--user|=cmd|--sip|2|--apps|1|--type|Basic|--until|2030-01-01T00:00:00Z");
    site.done("number|add|1@example.com|--user|=cmd|--kind|app");
    site.done("number|add|2@example.com|--group|SmartHome|--kind|panel");

    let users = site.run("export|users|SmartHome|--csv");
    let numbers = site.run("export|numbers|SmartHome");

    let users = String::from_utf8(users.stdout).unwrap();
    assert!(
        users.contains("\n'=cmd,x@example.com,A Residence,sip:1@example.com,app,,2,1,,2030-"),
        "{users}"
    );
    write(&site, "users.csv", &users);
    write(&site, "numbers.csv", &String::from_utf8(numbers.stdout).unwrap());
    let again = site.done("import|users|users.csv|--group|SmartHome");
    assert_eq!((&again["users"], &again["present"]), (&json!(0), &json!(1)), "{again}");
    let again = site.done("import|numbers|numbers.csv|--dry-run");
    assert_eq!((&again["added"], &again["present"]), (&json!(0), &json!(2)), "{again}");
    site.done("user|remove|=cmd|--force");
    assert_eq!(site.done("import|users|users.csv|--group|SmartHome")["users"], 1);
    assert_eq!(site.done("user|show|=cmd")["licenses"][0]["type"], "Basic");
    let rows = site.done("export|numbers|/");
    assert_eq!(rows.as_array().unwrap().len(), 2);
}
