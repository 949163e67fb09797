//! The built binary in a folder of its own.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// A folder with a config, and the binary run in it.
pub struct Site(tempfile::TempDir);

impl Site {
    /// Without a config.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn new() -> Self {
        let site = Self::empty();
        let config = "database = \"sqlite:a.db\"\n[domains]\n\"example.com\" = [\"192.0.2.1\"]\n";
        std::fs::write(site.path().join("admitd.toml"), config).unwrap();
        site
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn run(&self, line: &str) -> Output {
        self.command().args(line.split('|')).output().unwrap()
    }

    /// The binary, about to run here without input.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_admitd"));
        command.current_dir(self.path()).stdin(Stdio::null());
        command
    }

    /// Runs with `--json`: the exit status and the one document on stdout.
    pub fn json(&self, line: &str) -> (i32, Value) {
        let output = self.run(&format!("{line}|--json"));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(text.lines().count(), 1, "{line}: {text}");
        (output.status.code().unwrap(), serde_json::from_str(&text).unwrap())
    }

    /// Runs what must be done.
    pub fn done(&self, line: &str) -> Value {
        let (status, answer) = self.json(line);
        assert_eq!(status, 0, "{line}: {answer}");
        answer
    }

    /// Runs what must be refused.
    pub fn refused(&self, line: &str) -> Value {
        let (status, answer) = self.json(line);
        assert_eq!(status, 1, "{line}: {answer}");
        assert!(answer["error"].is_string() && answer["obstacles"].is_array(), "{answer}");
        answer
    }

    /// SmartHome[50/40] > A Residence[20/10]
    pub fn with_tree() -> Self {
        let site = Self::new();
        site.done("group|add|SmartHome|--kind|distributor|--restrict");
        site.done("license|add|SmartHome|--sip|50|--apps|40|--type|Plus|--feature|ukey2");
        site.done("group|add|SmartHome/A Residence|--restrict|--time-zone|Europe/Madrid");
        site.done("license|add|SmartHome/A Residence|--sip|20|--apps|10");
        site
    }
}
