use super::*;
use crate::license::Cause;

fn parse(text: &str) -> Result<Config, Report> {
    Config::parse(text, Path::new("/etc/admitd/admitd.toml"))
}

fn faults(text: &str) -> Vec<(usize, String, String)> {
    let report = parse(text).expect_err("has faults");
    report.faults().iter().map(|f| (f.line, f.key.clone(), f.message.clone())).collect()
}

#[test]
fn runs_without_a_file() {
    let config = Config::default();

    assert_eq!(config.database, Database::Sqlite("admitd.db".into()));
    assert_eq!(config.admin.socket, PathBuf::from("admitd.sock"));
    assert!(config.upstream.is_none());
    assert!(config.metrics.listen.ip().is_loopback());
    assert!(config.admin.listen.ip().is_loopback());
}

const EXAMPLE: &str = include_str!("../../systemd/admitd.toml");

/// The example with the keys that it only shows made real.
fn example_with_every_key() -> String {
    let shown = |line: &str| {
        line.strip_prefix('#').is_some_and(|rest| rest.starts_with(|c: char| !c.is_whitespace()))
    };
    let lines = EXAMPLE.lines().map(|line| if shown(line) { &line[1..] } else { line });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_shows_the_defaults() {
    let example = parse(EXAMPLE).unwrap_or_else(|report| panic!("{report}"));

    let usual = Config {
        file: example.file.clone(),
        database: example.database.clone(),
        domains: example.domains.clone(),
        admin: Admin { socket: example.admin.socket.clone(), ..Config::default().admin },
        ..Config::default()
    };
    assert_eq!(example, usual);
    assert_eq!(example.admin.socket, PathBuf::from("/var/lib/admitd/admitd.sock"));
}

#[test]
fn every_key_stands_in_the_example_under_its_section() {
    let text = example_with_every_key();
    parse(&text).unwrap_or_else(|report| panic!("{report}"));

    let mut section = String::new();
    let mut shown = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            section = line.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.push((section.clone(), key.to_owned()));
        }
    }
    for (section, key) in sections::known_keys() {
        let inside = section.starts_with("refusals.");
        let found = shown.iter().any(|(s, k)| *s == section && *k == key);
        assert!(
            found || inside || key == "by_user_agent",
            "[{section}] {key} is not in the example"
        );
    }
    for key in ["pattern", "causes", "status", "phrase"] {
        let place = ("refusals.by_user_agent".to_owned(), key.to_owned());
        assert!(shown.contains(&place), "{key} is not in the example");
    }
}

#[test]
fn all_faults_come_in_one_run_with_line_and_key() {
    let found = faults(
        "databse = \"sqlite:x.db\"\ntime_zone = \"Europe/Nowhere\"\n[listen]\nudp = [\"5060\", 7]\n\
         [admission]\nmax_devices = 0\nlate_margin = \"soon\"\n[nonsense]\nkey = 1\n",
    );

    let places: Vec<_> = found.iter().map(|(line, key, _)| (*line, key.as_str())).collect();
    assert_eq!(
        places,
        [
            (1, "databse"),
            (2, "time_zone"),
            (4, "listen.udp"),
            (4, "listen.udp"),
            (6, "admission.max_devices"),
            (7, "admission.late_margin"),
            (8, "nonsense"),
        ]
    );
    assert_eq!(found[0].2, "unknown key; did you mean database?");
    assert_eq!(found[4].2, "should be from 1 to 1000");
}

#[test]
fn faults_are_drawn_under_the_line() {
    let report = parse("[listen]\nworkers = \"two\"\n").expect_err("has a fault");

    let drawn = report.to_string();

    assert!(drawn.contains("listen.workers: should be a whole number, is a string"), "{drawn}");
    assert!(drawn.contains("/etc/admitd/admitd.toml:2"), "{drawn}");
    assert!(drawn.contains("2 | workers = \"two\""), "{drawn}");
    assert!(drawn.contains("^^^"), "{drawn}");
}

#[test]
fn a_line_that_is_no_toml_hides_no_other_fault() {
    let found = faults("time_zone = = \"UTC\"\n[log]\nformat = \"xml\"\n");

    assert_eq!(found.len(), 2, "{found:?}");
    assert_eq!(found[0].0, 1);
    assert_eq!((found[1].0, found[1].1.as_str()), (3, "log.format"));
}

#[test]
fn a_key_set_twice_is_a_fault() {
    let found = faults("[log]\nlevel = \"info\"\nlevel = \"warn\"\n");

    assert_eq!((found[0].0, found[0].2.as_str()), (3, "level is set twice"));
}

#[test]
fn a_password_is_never_shown() {
    let text = "database = \"mysql://admitd:hunter2@db/admitd\"\ntime_zone = 3\n\
                other = \"postgres://u:hunter3@db\"\nmore = \"postgres://db?password=hunter4\"\n";
    let url = "postgres://admitd:hunter2@db/admitd";

    let report = parse(text).expect_err("has faults");
    let database = Database::parse(url, Path::new("")).expect("is right");

    assert_eq!(report.faults()[0].key, "database");
    assert!(!report.render(true).contains("hunter"), "{report}");
    assert_eq!(database.to_string(), "postgres://admitd:***@db/admitd");
    assert!(!format!("{database:?}").contains("hunter2"));
    assert!(database.url().contains("hunter2"));
}

#[test]
fn a_server_has_its_socket_where_the_daemon_may_write() {
    let text = "database = \"postgresql://admitd@db/admitd\"\n";

    let service = parse(text).expect("is right");
    let elsewhere = Config::parse(text, Path::new("/srv/door/admitd.toml")).expect("is right");

    assert_eq!(service.admin.socket, PathBuf::from("/run/admitd/admitd.sock"));
    assert_eq!(elsewhere.admin.socket, PathBuf::from("/srv/door/admitd.sock"));
}

#[test]
fn a_level_is_a_level() {
    for level in ["inof", "", "info,admitd", "admitd=inof"] {
        assert_eq!(faults(&format!("[log]\nlevel = \"{level}\"\n"))[0].1, "log.level", "{level}");
    }
    for level in ["off", "INFO", "info,admitd::proxy=debug"] {
        assert!(parse(&format!("[log]\nlevel = \"{level}\"\n")).is_ok(), "{level}");
    }
}

#[test]
fn no_address_is_wanted_twice() {
    let found = faults(
        "[listen]\nudp = [\"127.0.0.1:5060\", \"127.0.0.1:5060\"]\ntcp = [\"0.0.0.0:9060\"]\n\
         [admin]\nlisten = \"127.0.0.1:7\"\n[metrics]\nlisten = \"127.0.0.1:9060\"\n",
    );
    let same = faults("[admin]\nlisten = \"127.0.0.1:9060\"\n");
    let any = parse("[listen]\nudp = [\"127.0.0.1:0\", \"127.0.0.1:0\"]\n");

    let found: Vec<_> = found.iter().map(|(line, key, _)| (*line, key.as_str())).collect();
    assert_eq!(found, [(2, "listen.udp"), (7, "metrics.listen")]);
    assert_eq!(same[0].2, "127.0.0.1:9060 is taken by metrics.listen");
    assert!(any.is_ok());
}

#[test]
fn a_daemon_that_listens_nowhere_is_a_fault() {
    assert_eq!(faults("[listen]\nudp = []\ntcp = []\n")[0].1, "listen.udp");
    assert!(parse("[listen]\nudp = []\n").is_ok());
}

#[test]
fn the_database_has_a_folder_and_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.toml");
    let load = |text: &str| {
        std::fs::write(&path, text).unwrap();
        Config::load(&path).map_err(|report| report.faults()[0].message.clone())
    };

    assert!(load("database = \"sqlite:nowhere/a.db\"").unwrap_err().contains("no folder"));
    assert!(load("database = \"sqlite:.\"").unwrap_err().contains("is a folder"));
    assert!(load("database = \"sqlite:a.db\"").is_ok());
}

#[test]
fn a_wrong_database_is_not_repeated() {
    let report = parse("database = \"mysql://root:hunter2@db/x\"").expect_err("has a fault");

    assert!(!report.to_string().contains("hunter2"), "{report}");
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    let config = parse("database = \"sqlite:var/a.db\"\n[admin]\nsocket = \"run.sock\"").unwrap();

    assert_eq!(config.database, Database::Sqlite("/etc/admitd/var/a.db".into()));
    assert_eq!(config.admin.socket, PathBuf::from("/etc/admitd/run.sock"));
}

#[test]
fn the_upstream_is_read_with_its_hop() {
    let config = parse("[upstream]\nuri = \"sip:[2001:db8::1]:5070;transport=tcp\"\n").unwrap();

    let upstream = config.upstream.expect("is set");
    assert_eq!((upstream.uri.host.as_str(), upstream.uri.port), ("2001:db8::1", 5070));
    assert_eq!(upstream.uri.hop, Hop::Tcp);
    assert_eq!(upstream.uri.to_string(), "sip:[2001:db8::1]:5070;transport=tcp");
    assert!(upstream.challenges);
}

#[test]
fn an_upstream_without_uri_is_a_fault() {
    let found = faults("[upstream]\npath = \"contact\"\n");

    assert_eq!((found[0].0, found[0].1.as_str()), (2, "upstream.uri"));
}

#[test]
fn a_host_names_one_domain_only() {
    let found = faults("[domains]\n\"a.com\" = [\"sip.com\"]\n\"b.com\" = [\"SIP.com\"]\n");

    assert_eq!(found[0].2, "sip.com names two domains");
}

#[test]
fn domains_are_found_by_alias_whatever_the_case() {
    let config = parse("[domains]\n\"Example.com\" = [\"192.0.2.1\", \"::1\"]\n").unwrap();

    assert_eq!(config.domain_of("192.0.2.1").unwrap().name, "example.com");
    assert_eq!(config.domain_of("EXAMPLE.COM.").unwrap().name, "example.com");
    assert!(config.domain_of("example.org").is_none());
}

#[test]
fn an_answer_follows_user_agent_then_cause() {
    let config = parse(
        "[refusals]\nsip_limit = { phrase = \"Full\" }\n[[refusals.by_user_agent]]\n\
         pattern = \"*phone/4*\"\ncauses = [\"sip_limit\"]\nstatus = 480\n",
    )
    .unwrap();

    let usual = config.refusals.answer(Cause::SipLimit, b"baresip");
    let other = config.refusals.answer(Cause::SipLimit, b"Linphone/4.2");
    let cause = config.refusals.answer(Cause::Expired, b"Linphone/4.2");

    assert_eq!(usual, (403, "Full"));
    assert_eq!(other.0, 480);
    assert_eq!(cause.0, 403);
}

#[test]
fn no_answer_is_a_6xx_or_has_two_lines() {
    let found = faults("[refusals]\nexpired = { status = 603, phrase = \"a\\nb\" }\n");

    assert_eq!(found.len(), 2, "{found:?}");
}

#[test]
fn a_file_that_cannot_be_read_says_so() {
    let report = Config::load(Path::new("/nonexistent/admitd.toml")).expect_err("is not there");

    assert!(report.to_string().contains("cannot be read"), "{report}");
}

#[test]
fn only_what_needs_a_restart_is_named() {
    let before = parse("[log]\nlevel = \"info\"").unwrap();
    let after = parse("[log]\nlevel = \"debug\"\n[listen]\nworkers = 2").unwrap();

    assert_eq!(before.needs_restart(&after), ["listen"]);
}

#[test]
fn no_text_makes_the_reader_panic() {
    let texts = [
        "[",
        "=",
        "\u{feff}",
        "a = \"\u{e9}",
        "[[listen]]",
        "listen = 1",
        "[a]\n[a]",
        "x.y.z = 1",
        "[domains]\n\"\" = []",
        "[log]\nlevel = \"\"",
        "é = é\n[log]\né = 1",
        "[refusals]\nexpired = 1",
        "a = '''\n[x\n",
        "[listen]\nudp = [\n\"x\"\n",
    ];
    for text in texts {
        assert!(parse(text).is_err() || text == "\u{feff}", "{text:?}");
        let _ = parse(text).map_err(|report| report.render(true));
    }
}
