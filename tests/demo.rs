//! `run --demo` as a newcomer sees it: a story with 200 and 403, the tree, commands that work, and nothing
//! left behind.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

const BINARY: &str = env!("CARGO_BIN_EXE_admitd");

/// Killed when dropped: a failed test leaves nothing running.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demo_shows_admissions_and_refusals_and_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    // Of the user's own: neither read nor written.
    let own = elsewhere.path().join("admitd.toml");
    fs::write(&own, "not a config").unwrap();
    let mut demo = Running(
        Command::new(BINARY)
            .args(["run", "--demo"])
            .current_dir(elsewhere.path())
            .env("TMPDIR", temporary.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );

    let story = hear_until(&mut demo, "Ctrl-C ends the demo");
    let folder = only_entry(temporary.path());
    let explain = Command::new(BINARY)
        .args(["explain", "sip:1003@example.com", "--json", "--config"])
        .arg(folder.join("admitd.toml"))
        .output()
        .unwrap();
    let pid = demo.0.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let status = demo.0.wait().unwrap();

    for said in [
        "panel door-a  REGISTER door-a          200 OK",
        "user:anna: 1 of 1 mobile apps in use",
        "SmartHome/North/A Residence: 3 of 3 SIP numbers left to claimed ones in use",
        "SmartHome/South: 4 of 4 SIP numbers in use",
        "INVITE anna              200 OK                               talked, hung up",
        "INVITE 1001              403 ",
        "└─ SmartHome  distributor",
    ] {
        assert!(story.contains(said), "{said:?} is not in\n{story}");
    }
    let explain = String::from_utf8(explain.stdout).unwrap();
    assert!(explain.contains("\"cause\":\"sip_limit\""), "{explain}");
    assert!(status.success(), "{status}");
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

/// Everything on stdout up to and with the line that holds `end`.
fn hear_until(demo: &mut Running, end: &str) -> String {
    let stdout = demo.0.stdout.take().unwrap();
    let (said, hears) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = said.send(line);
        }
    });
    let mut story = String::new();
    while !story.contains(end) {
        let line = hears.recv_timeout(Duration::from_secs(30));
        story += &line.unwrap_or_else(|_| panic!("no {end:?} after\n{story}"));
        story.push('\n');
    }
    story
}

fn only_entry(folder: &Path) -> std::path::PathBuf {
    let entries: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.into_iter().next().unwrap()
}
