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
