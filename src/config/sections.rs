//! The sections: which keys each has, their defaults and bounds, and what must agree between them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use toml_span::value::{Table, ValueInner};

use crate::admission::refusal::{Answer, Refusals, UserAgentRule};
use crate::license::Cause;

use super::addresses::{self, Taken};
use super::fault::Fault;
use super::read::{Disk, Host, Read, Reader, Section, Wrong, text};
use super::values::{Database, Domain, Hop, LogFormat, PathMode, Upstream, UpstreamUri};
use super::{Admin, Admission, Config, Ledger, Log, Registrar, Webhooks, mail};

const DAY: Duration = Duration::from_secs(86_400);

/// What runs without a file.
pub(super) fn defaults() -> Config {
    sections(&mut Reader::default(), Table::new(), Path::new(""))
}

/// Reads a file's text: the config, which means something only where the faults are empty.
pub(super) fn read(source: &str, path: &Path, disk: Disk) -> (Config, Vec<Fault>) {
    let mut reader = Reader { disk, ..Reader::default() };
    let mut text = source.to_owned();
    let folder = path.parent().unwrap_or(Path::new(""));
    let mut config = match reader.parse(&mut text) {
        Some(root) => sections(&mut reader, root, folder),
        None => defaults(),
    };
    config.file = Some(path.to_owned());
    (config, reader.faults)
}

/// Every key that can be set, as (section, key).
#[cfg(test)]
pub(super) fn known_keys() -> Vec<(String, &'static str)> {
    let mut reader = Reader::default();
    sections(&mut reader, Table::new(), Path::new(""));
    reader.known
}

fn sections(reader: &mut Reader, mut root: Table<'_>, folder: &Path) -> Config {
    let domains = domains(reader, root.remove("domains"));
    let listen = addresses::listen(reader.section(&mut root, "listen"));
    let upstream = upstream(reader.section(&mut root, "upstream"));
    let registrar = registrar(reader.section(&mut root, "registrar"));
    let admission = admission(reader.section(&mut root, "admission"));
    let refusals = refusals(reader, &mut root);
    let mut taken = Taken::by(&listen);
    let metrics = addresses::metrics(reader.section(&mut root, "metrics"), &mut taken);
    let log = log(reader.section(&mut root, "log"));
    let ledger = ledger(reader.section(&mut root, "ledger"));
    let webhooks = webhooks(reader.section(&mut root, "webhooks"));
    let (admin_listen, socket, socket_mode) =
        addresses::admin(reader.section(&mut root, "admin"), &mut taken);
    let mail = mail::mail(reader.section(&mut root, "mail"), folder);
    let reminders = mail::reminders(reader.section(&mut root, "reminders"));
    let mut top = reader.table(String::new(), root);
    let database = database(&mut top, folder);
    let time_zone = top.get("time_zone", chrono_tz::Tz::UTC);
    top.finish();
    let socket = match socket {
        Some(socket) => folder.join(socket),
        None => database.folder(folder).join("admitd.sock"),
    };
    let admin = Admin { listen: admin_listen, socket, socket_mode };
    Config {
        file: None,
        database,
        time_zone,
        domains,
        listen,
        upstream,
        registrar,
        admission,
        refusals,
        admin,
        metrics,
        log,
        ledger,
        webhooks,
        mail,
        reminders,
    }
}

fn database(top: &mut Section<'_, '_>, folder: &Path) -> Database {
    let usual = Database::Sqlite(folder.join("admitd.db"));
    let Some(value) = top.value("database") else { return usual };
    let looks = top.looks_at_disk();
    let mut wrong = top.wrong("database");
    let Some(url) = value.as_str() else {
        return wrong
            .at(&value, "should be \"sqlite:FILE\" or \"postgres://USER:PASSWORD@HOST/DATABASE\"")
            .unwrap_or(usual);
    };
    // The text itself is not repeated: it may hold a password.
    let read = Database::parse(url, folder).and_then(|read| {
        let fault = if looks { read.missing_place() } else { None };
        fault.map_or(Ok(read), Err)
    });
    read.or_else(|fault| wrong.at(&value, fault).ok_or(())).unwrap_or(usual)
}

fn domains(reader: &mut Reader, value: Option<toml_span::Value<'_>>) -> Vec<Domain> {
    let Some(mut value) = value else { return Vec::new() };
    let span = value.span;
    let ValueInner::Table(table) = value.take() else {
        let message = "should be a section; write [domains]".to_owned();
        reader.faults.push(Fault::new("domains".to_owned(), span.into(), message));
        return Vec::new();
    };
    let mut domains: Vec<Domain> = Vec::new();
    for (name, value) in table {
        let mut section = reader.table("domains".to_owned(), Table::new());
        let key = format!("{:?}", name.name);
        let mut wrong = section.wrong(&key);
        let key_value = toml_span::Value::with_span(ValueInner::String(name.name), name.span);
        let host = Host::read(&key_value, &mut wrong);
        let aliases: Vec<Host> = Vec::read(&value, &mut wrong).unwrap_or_default();
        let Some(Host(name)) = host else { continue };
        let aliases: Vec<String> = aliases.into_iter().map(|Host(alias)| alias).collect();
        for host in aliases.iter().chain([&name]) {
            if domains.iter().any(|domain| domain.is_named(host)) {
                let () = wrong.at(&value, format_args!("{host} names two domains")).unwrap_or(());
            }
        }
        domains.push(Domain { name, aliases });
    }
    domains
}

fn upstream(mut section: Section<'_, '_>) -> Option<Upstream> {
    let present = !section.is_empty();
    let uri = section.value("uri");
    let mut uri = match uri {
        Some(value) => {
            let wrong = &mut section.wrong("uri");
            let wanted = "a URI, \"sip:127.0.0.1:5070\"";
            text(&value, wrong, wanted, |text| text.parse::<UpstreamUri>().ok())
        }
        None if present => section.missing("uri", "[upstream] needs the registrar's uri"),
        None => None,
    };
    let hops = [("auto", Hop::Auto), ("udp", Hop::Udp), ("tcp", Hop::Tcp)];
    let hop = section.word("transport", &hops);
    if let Some(uri) = uri.as_mut().filter(|uri| uri.hop == Hop::Auto) {
        uri.hop = hop;
    }
    let paths = [("path", PathMode::Path), ("contact", PathMode::Contact)];
    let rest = (
        section.optional("bind"),
        section.get("challenges", true),
        section.word("path", &paths),
        section.within("min_expires", Duration::from_secs(60), Duration::from_secs(1)..=DAY),
        section.get("sources", Vec::new()),
        section.get("lists_all", false),
        section.get("trusts_us", false),
    );
    section.finish();
    let (bind, challenges, path, min_expires, sources, lists_all, trusts_us) = rest;
    let uri = uri?;
    Some(Upstream { uri, bind, challenges, path, min_expires, sources, lists_all, trusts_us })
}

fn registrar(mut section: Section<'_, '_>) -> Registrar {
    let loopback = ["127.0.0.0/8", "::1/128"].iter().filter_map(|net| net.parse().ok()).collect();
    let second = Duration::from_secs(1);
    let min_expires = section.within("min_expires", second, second..=DAY);
    let registrar = Registrar {
        trusted: section.get("trusted", loopback),
        min_expires,
        max_expires: section.within("max_expires", DAY / 24, min_expires..=30 * DAY),
        realm: section.optional("realm"),
        sha256_user_agents: section.get("sha256_user_agents", Vec::new()),
    };
    section.finish();
    registrar
}

fn admission(mut section: Section<'_, '_>) -> Admission {
    let second = Duration::from_secs(1);
    let admission = Admission {
        late_margin: section.within("late_margin", 30 * second, Duration::ZERO..=DAY),
        replace_after: section.within("replace_after", DAY, second..=365 * DAY),
        max_devices: section.within("max_devices", 10, 1..=1000),
        calls_unregistered: section.get("calls_unregistered", true),
        call_seat_max: section.within("call_seat_max", DAY / 12, 60 * second..=7 * DAY),
        commit_before_answer: section.get("commit_before_answer", false),
        app_user_agents: section.get("app_user_agents", Vec::new()),
        max_pending: section.within("max_pending", 100_000, 100..=10_000_000),
        trusted_from: section.get("trusted_from", Vec::new()),
        trusted_identity: section.get("trusted_identity", Vec::new()),
        case_sensitive_users: section.get("case_sensitive_users", true),
        door_messages: section.get("door_messages", Vec::new()),
        emergency_users: section.get("emergency_users", Vec::new()),
    };
    section.finish();
    admission
}

fn refusals(reader: &mut Reader, root: &mut Table<'_>) -> Refusals {
    let mut section = reader.section(root, "refusals");
    let mut tables = Vec::new();
    for cause in Cause::ALL {
        tables.push((*cause, section.value(cause.name())));
    }
    let rules = section.value("by_user_agent");
    section.finish();
    let mut by_cause = BTreeMap::new();
    for (cause, value) in tables {
        let name = format!("refusals.{cause}");
        let table = inner(reader, &name, value);
        let mut section = reader.table(name, table);
        let answer = answer(&mut section, Answer::usual(cause));
        section.finish();
        by_cause.insert(cause, answer);
    }
    Refusals { by_cause, by_user_agent: user_agent_rules(reader, rules) }
}

fn user_agent_rules(
    reader: &mut Reader,
    value: Option<toml_span::Value<'_>>,
) -> Vec<UserAgentRule> {
    let name = "refusals.by_user_agent";
    let rules = match value {
        None => Vec::new(),
        Some(mut value) => match value.take() {
            ValueInner::Array(rules) => rules.into_iter().map(Some).collect(),
            _ => {
                let message = format!("should be a list of tables; write [[{name}]]");
                reader.faults.push(Fault::new(name.to_owned(), value.span.into(), message));
                Vec::new()
            }
        },
    };
    rules.into_iter().filter_map(|rule| user_agent_rule(reader, name, rule)).collect()
}

fn user_agent_rule(
    reader: &mut Reader,
    name: &str,
    value: Option<toml_span::Value<'_>>,
) -> Option<UserAgentRule> {
    let table = inner(reader, name, value);
    let mut section = reader.table(name.to_owned(), table);
    let pattern = section.optional("pattern");
    let causes = section.get("causes", Vec::new());
    let answer = answer(&mut section, Answer::usual(Cause::UnknownNumber));
    if pattern.is_none() {
        let () = section.missing("pattern", "a rule needs a pattern").unwrap_or(());
    }
    section.finish();
    let causes = causes.into_iter().map(|Named(cause)| cause).collect();
    Some(UserAgentRule { pattern: pattern?, causes, answer })
}

/// The table that a value should be; what is none is noted.
fn inner<'de>(reader: &mut Reader, name: &str, value: Option<toml_span::Value<'de>>) -> Table<'de> {
    let Some(mut value) = value else { return Table::new() };
    match value.take() {
        ValueInner::Table(table) => table,
        _ => {
            let message = "should be { status = …, phrase = \"…\" }".to_owned();
            reader.faults.push(Fault::new(name.to_owned(), value.span.into(), message));
            Table::new()
        }
    }
}

fn answer(section: &mut Section<'_, '_>, usual: Answer) -> Answer {
    let status = section.within("status", usual.status, 400..=599);
    let phrase = section.value("phrase").and_then(|value| {
        let wrong = &mut section.wrong("phrase");
        text(&value, wrong, "one line of at most 100 characters", |text| {
            let fits = text.len() <= 100 && !text.chars().any(char::is_control);
            fits.then(|| text.to_owned())
        })
    });
    Answer { status, phrase: phrase.unwrap_or(usual.phrase) }
}

/// A cause by its name.
struct Named(Cause);

impl Read for Named {
    fn read(value: &toml_span::Value<'_>, wrong: &mut Wrong<'_>) -> Option<Self> {
        let names: Vec<_> = Cause::ALL.iter().map(|cause| cause.name()).collect();
        let wanted = format!("a cause: {}", names.join(", "));
        text(value, wrong, &wanted, |text| {
            Cause::ALL.iter().find(|cause| cause.name() == text).copied().map(Self)
        })
    }
}

fn log(mut section: Section<'_, '_>) -> Log {
    let log = Log {
        format: section.word("format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]),
        level: section
            .value("level")
            .and_then(|value| {
                let wrong = &mut section.wrong("level");
                text(&value, wrong, "a level: error, warn, info, debug, trace", |text| {
                    let fits = text.parse::<tracing_subscriber::filter::Targets>().is_ok();
                    (fits && text.split(',').all(is_directive)).then(|| text.to_owned())
                })
            })
            .unwrap_or_else(|| "info".to_owned()),
        refusals_per_second: section.within("refusals_per_second", 10, 1..=10_000),
    };
    section.finish();
    log
}

/// A bare word is a level: as the name of a target it would mean silence elsewhere, which nobody means
/// who writes `inof`.
fn is_directive(part: &str) -> bool {
    let levels = ["off", "error", "warn", "info", "debug", "trace"];
    let part = part.trim();
    part.contains('=') || levels.iter().any(|level| part.eq_ignore_ascii_case(level))
}

fn webhooks(mut section: Section<'_, '_>) -> Webhooks {
    let allow_private = section.get("allow_private", false);
    section.finish();
    Webhooks { allow_private }
}

fn ledger(mut section: Section<'_, '_>) -> Ledger {
    let batch_ms = section.within("batch_ms", 200, 1..=10_000);
    section.finish();
    Ledger { batch: Duration::from_millis(batch_ms) }
}
