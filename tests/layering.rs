//! Holds the map of the house: which room may know which. A room is a folder or a file of `src`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room and the rooms it may know. Arrows point down only; `app` alone knows everything.
const MAP: &[(&str, &[&str])] = &[
    ("sip", &[]),
    ("license", &[]),
    ("clock", &["license"]),
    ("quota", &["license", "clock"]),
    ("store", &["license", "clock"]),
    ("people", &["store", "license", "clock"]),
    ("registrar", &["sip", "clock"]),
    ("ledger", &["store", "quota", "registrar", "license", "clock"]),
    ("transport", &["sip", "clock"]),
    ("admission", &["sip", "license", "quota", "clock"]),
    (
        "proxy",
        &["sip", "transport", "admission", "registrar", "quota", "license", "clock", "telemetry"],
    ),
    ("refresh", &["store", "license", "quota", "clock"]),
    ("config", &["license", "admission"]),
    ("reminders", &["store", "license", "config"]),
    ("telemetry", &["license", "clock", "config"]),
    ("webhooks", &["store", "license", "clock", "telemetry", "view"]),
    ("systemd", &["clock"]),
    ("view", &["license", "quota", "clock"]),
    ("roster", &["sip", "license", "view"]),
    (
        "admin",
        &[
            "people",
            "store",
            "license",
            "quota",
            "admission",
            "clock",
            "view",
            "roster",
            "telemetry",
            "config",
            "reminders",
            "webhooks",
        ],
    ),
    // It answers from the database as a start would: hence the ledger; it writes numbers as sip does.
    (
        "cli",
        &[
            "admin",
            "reminders",
            "store",
            "ledger",
            "license",
            "quota",
            "config",
            "clock",
            "view",
            "sip",
            "telemetry",
            "people",
            "webhooks",
            "roster",
        ],
    ),
    ("demo", &["cli", "admin", "store", "license", "config", "clock", "view"]),
];

/// What the pure rooms must not name.
const PURE: &[&str] = &["license", "sip", "quota"];
const FORBIDDEN: &[&str] =
    &["sqlx", "tokio::", "UdpSocket", "TcpStream", "SystemTime::now", "Instant::now", "Utc::now"];

struct Source {
    room: String,
    path: PathBuf,
    code: String,
}

#[test]
fn every_room_knows_only_what_lies_below() {
    let mut wrong = Vec::new();

    for source in sources() {
        if matches!(source.room.as_str(), "app" | "main" | "lib") {
            continue;
        }
        let Some((_, allowed)) = MAP.iter().find(|(room, _)| *room == source.room) else {
            wrong.push(format!("{}: its room is not on the map", source.path.display()));
            continue;
        };
        for known in rooms_named(&source.code) {
            if known != source.room && !allowed.contains(&known.as_str()) {
                wrong.push(format!("{}: knows {known}", source.path.display()));
            }
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_pure_rooms_touch_no_database_no_socket_and_no_clock() {
    let mut wrong = Vec::new();

    for source in sources().into_iter().filter(|source| PURE.contains(&source.room.as_str())) {
        for word in FORBIDDEN.iter().filter(|word| source.code.contains(**word)) {
            wrong.push(format!("{}: names {word}", source.path.display()));
        }
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_map_has_no_circle() {
    for (room, _) in MAP {
        let mut seen = BTreeSet::new();
        let mut below = vec![*room];
        while let Some(next) = below.pop() {
            for known in MAP.iter().find(|(name, _)| *name == next).map_or(&[][..], |(_, k)| k) {
                assert_ne!(known, room, "{room} stands below itself");
                if seen.insert(*known) {
                    below.push(known);
                }
            }
        }
    }
}

#[test]
fn no_file_is_longer_than_six_hundred_lines() {
    let long: Vec<_> = sources()
        .into_iter()
        .filter(|source| fs::read_to_string(&source.path).unwrap().lines().count() > 600)
        .map(|source| source.path.display().to_string())
        .collect();

    assert!(long.is_empty(), "too long: {}", long.join(", "));
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    collect(&root, &root, &mut found);
    assert!(found.len() > 10, "the sources were not found");
    found
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let inside = path.strip_prefix(root).unwrap();
            let first = inside.components().next().unwrap().as_os_str().to_str().unwrap();
            let room = first.trim_end_matches(".rs").to_owned();
            let code = without_tests(&fs::read_to_string(&path).unwrap());
            found.push(Source { room, path, code });
        }
    }
}

/// Tests stand at the bottom of a file and may know more; comments name rooms freely.
fn without_tests(text: &str) -> String {
    text.split("#[cfg(test)]\nmod ")
        .next()
        .unwrap_or_default()
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn rooms_named(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for part in code.split("crate::").skip(1) {
        let names =
            part.strip_prefix('{').map_or(part, |list| list.split('}').next().unwrap_or(list));
        let ident = |text: &str| -> String {
            text.trim().chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect()
        };
        if part.starts_with('{') {
            rooms.extend(names.split(',').map(ident).filter(|name| !name.is_empty()));
        } else {
            rooms.insert(ident(names));
        }
    }
    rooms
}
