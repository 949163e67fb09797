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
