//! What people type that cannot be meant: told in words, with the right status, and nothing is written.

mod site;

use std::os::unix::ffi::OsStrExt;

use site::Site;

#[test]
fn an_argument_that_is_not_utf_8_is_a_usage_fault() {
    let site = Site::new();
    let wrong = std::ffi::OsStr::from_bytes(b"a\xff");

    let output = site.command().args(["group", "show"]).arg(wrong).arg("--json").output().unwrap();

    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["error"].as_str().unwrap().contains("UTF-8"), "{answer}");
}

#[test]
fn an_empty_path_never_means_the_server() {
    let site = Site::with_tree();
    site.done("user|add|anna|--group|SmartHome");

    for line in [
        "license|add||--sip|5",
        "license|list|",
        "group|edit||--restrict",
        "group|edit|//|--restrict",
        "group|remove|//|--force",
        "group|move|SmartHome|",
        "group|add|",
        "number|add|sip:1@example.com|--kind|panel|--group|",
        "claim|add||--domain|example.com",
        "user|add|maria|--group|",
        "user|edit|anna|--group|",
        "state|",
        "seats|",
    ] {
        let answer = site.refused(line);
        assert!(answer["error"].as_str().unwrap().contains("names no group"), "{line}: {answer}");
    }
    assert_eq!(site.done("group|show|/")["restricted"], false);
    assert_eq!(site.done("user|show|anna")["groups"][0], "SmartHome");
}

#[test]
fn an_answer_that_cannot_be_written_is_not_status_0() {
    let site = Site::with_tree();
    let full = || std::fs::File::options().write(true).open("/dev/full").unwrap();

    for line in ["tree", "state|/|--json", "man", "--help"] {
        let output = site.command().args(line.split('|')).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{line}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("cannot be written"), "{line}");
    }
}

#[test]
fn a_range_of_an_address_is_a_usage_fault() {
    let site = Site::with_tree();

    let (status, _) = site.json("claim|add|SmartHome|--address|192.0.2.7|--range|1-2");

    assert_eq!(status, 2);
}

#[test]
fn a_foreign_domain_is_noted_for_programs_too() {
    let site = Site::with_tree();

    let claim = site.done("claim|add|SmartHome|--domain|exmaple.com");
    let number = site.done("number|add|1@exmaple.com|--kind|panel|--group|SmartHome");

    for answer in [claim, number] {
        let text = answer["warnings"][0]["text"].as_str().unwrap();
        assert!(text.contains("exmaple.com is not in [domains]"), "{answer}");
    }
}

#[test]
fn texts_that_cannot_be_are_refused_in_words() {
    let site = Site::with_tree();

    for line in [
        "user|add|anna|--group|SmartHome|--email|anna",
        "user|add|an\u{200b}na|--group|SmartHome",
        "user|add| anna|--group|SmartHome",
        "group|add|SmartHome/a\u{202e}b",
        "group|edit|SmartHome|--admin-email|a b@c",
        "group|edit|SmartHome|--kind|a\u{7}",
        "group|edit|SmartHome|--rename| x",
        "license|add|SmartHome|--sip|1|--type|Pl\u{feff}us",
        "license|add|SmartHome|--sip|1|--from|1960-01-01",
        "claim|add|SmartHome|--domain|exa mple.com",
        "claim|add|SmartHome|--domain|a@b|--range|1-2",
        "group|add|SmartHome//x",
        "number|add|sip:example.com|--group|SmartHome|--kind|panel",
        "number|add|1@example.com|--group|SmartHome|--kind|panel|--password|a\u{7}",
    ] {
        let answer = site.refused(line);
        let error = answer["error"].as_str().unwrap();
        assert!(!error.contains("CHECK") && !error.contains("stored"), "{line}: {error}");
    }
    for line in ["license|add|SmartHome|--sip|1000000001", "license|edit|1|--apps|4000000000"] {
        assert_eq!(site.json(line).0, 2, "{line}");
    }
}

#[test]
fn the_tree_and_the_list_tell_what_ends_first() {
    let site = Site::with_tree();
    site.done("license|edit|1|--until|2100-12-01");

    let tree = site.done("tree");
    let text = |line: &str| String::from_utf8(site.run(line).stdout).unwrap();

    let below = &tree["groups"][0]["groups"][0];
    assert_eq!(below["group"], "SmartHome/A Residence");
    assert_eq!(below["valid_until"], "2100-12-01T00:00:00Z");
    assert_eq!(below["ends_with"], "SmartHome");
    assert!(text("tree").contains("(ends with SmartHome)"), "{}", text("tree"));
    assert!(text("license|list").contains("(ends with SmartHome)"), "{}", text("license|list"));
}

#[test]
fn an_import_tells_every_faulty_line_in_one_run() {
    let site = Site::with_tree();
    site.done("number|add|7@example.com|--group|SmartHome|--kind|panel");
    let rows = b"number,group,kind\n1@example.com,SmartHome,panel\nsip:example.com,SmartHome,\n\
        SIP:1@example.com,SmartHome,panel\n\xff,SmartHome,\n7@example.com,SmartHome/A Residence,\n\
        2@example.com,Nowhere,\n3@example.com,SmartHome,spoon\n\"a;b@\",SmartHome,\n";
    std::fs::write(site.path().join("a.csv"), rows).unwrap();

    let answer = site.refused("import|numbers|a.csv");

    let faults = answer["faults"].as_array().unwrap();
    let lines: Vec<_> = faults.iter().map(|fault| fault["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [3, 4, 5, 6, 7, 8, 9], "{answer}");
    assert!(faults[1]["error"].as_str().unwrap().contains("line 2 already"), "{answer}");
    assert!(faults[3]["error"].as_str().unwrap().contains("of SmartHome"), "{answer}");
    assert_eq!(site.done("number|list").as_array().unwrap().len(), 1);
}
