//! `audit`: what was changed, by whom, in words.

use serde_json::{Map, Value};

use crate::store::{AuditQuery, AuditRow, Export, Form};

use super::args::AuditArgs;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::table;
use super::print;
use super::time::When;

/// Entries that are shown where nobody says how many.
const SHOWN: usize = 100;

/// Does what was asked.
pub async fn run(desk: &Desk, args: AuditArgs) -> Result<Shown, Failure> {
    let zone = desk.config.time_zone;
    let moment = |when: Option<When>| match when {
        Some(when) => when.resolve(zone, desk.now),
        None => Ok(None),
    };
    let under = match &args.path {
        Some(path) => Some(group_at(&desk.tree().await?, path)?),
        None => None,
    };
    let all = if args.csv { usize::MAX } else { SHOWN };
    let query = AuditQuery {
        under,
        who: args.who,
        since: moment(args.since)?,
        until: moment(args.until)?,
        limit: args.limit.map_or(all, |limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        ..AuditQuery::default()
    };
    if args.csv { exported(desk, query).await } else { listed(desk, query).await }
}

async fn listed(desk: &Desk, query: AuditQuery) -> Result<Shown, Failure> {
    let limit = query.limit;
    let mut pages = desk.store.audit_pages(query, desk.author.viewer.clone());
    let mut rows = Vec::new();
    while rows.len() < limit {
        let page = pages.next().await?;
        if page.is_empty() {
            break;
        }
        rows.extend(page);
    }
    let mut drawn = table(["Time", "Who", "From", "What"]);
    for row in &rows {
        let at = row.at.in_zone(desk.config.time_zone);
        drawn.add_row([at, printable(&row.who), printable(&row.from), printable(&words(row))]);
    }
    let text = if rows.is_empty() { "nothing was changed".to_owned() } else { drawn.to_string() };
    Shown::new(rows, text)
}

/// The whole file goes to stdout page by page; only its last page is the answer.
async fn exported(desk: &Desk, query: AuditQuery) -> Result<Shown, Failure> {
    let mut pages = desk.store.audit_pages(query, desk.author.viewer.clone());
    let mut export = Export::new(Form::Csv);
    let mut last = export.piece(&pages.next().await?)?;
    loop {
        let page = pages.next().await?;
        if page.is_empty() {
            let text = String::from_utf8_lossy(&last).trim_end().to_owned();
            return Ok(Shown { json: Value::Null, text, note: None });
        }
        print::part(&last)?;
        last = export.piece(&page)?;
    }
}

/// "license 3 of A Residence: sip_numbers 50 → 60".
fn words(row: &AuditRow) -> String {
    let subject = subject(row);
    let forced = if row.forced { " (forced)" } else { "" };
    let told = match (&row.before, &row.after) {
        (Some(Value::Object(before)), Some(Value::Object(after))) => {
            let changes = changes(before, after);
            match row.action.as_str() {
                "edit" | "move" => format!("{subject}: {changes}"),
                "suspend" | "resume" => format!("{subject} {}", past(&row.action)),
                _ if changes.is_empty() => format!("{subject} {}", past(&row.action)),
                _ => format!("{subject} {}: {changes}", past(&row.action)),
            }
        }
        (None, Some(Value::Object(after))) => {
            let fields = fields(after);
            match fields.is_empty() {
                true => format!("{subject} {}", past(&row.action)),
                false => format!("{subject} {}: {fields}", past(&row.action)),
            }
        }
        _ => format!("{subject} {}", past(&row.action)),
    };
    format!("{told}{forced}")
}

fn subject(row: &AuditRow) -> String {
    match (row.entity.as_str(), row.entity_id) {
        ("license", Some(id)) => format!("license {id} of {}", row.name),
        (entity, _) => format!("{entity} {}", row.name),
    }
}

fn past(action: &str) -> String {
    match action {
        "add" => "added".into(),
        "edit" => "changed".into(),
        "move" => "moved".into(),
        "remove" => "removed".into(),
        "suspend" => "suspended".into(),
        "resume" => "resumed".into(),
        other => other.into(),
    }
}

fn changes(before: &Map<String, Value>, after: &Map<String, Value>) -> String {
    let differs = after.iter().filter(|(field, value)| before.get(*field) != Some(*value));
    let told = differs.map(|(field, new)| {
        let old = before.get(field).unwrap_or(&Value::Null);
        format!("{field} {} → {}", plain(old), plain(new))
    });
    told.collect::<Vec<_>>().join(", ")
}

/// What a new record holds beside its name.
fn fields(record: &Map<String, Value>) -> String {
    let empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::String(text) => text.is_empty(),
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let named = ["name", "number", "rule", "hand_out"];
    let told =
        record.iter().filter(|(field, value)| !named.contains(&field.as_str()) && !empty(value));
    told.map(|(field, value)| format!("{field} {}", plain(value))).collect::<Vec<_>>().join(", ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "-".into(),
        Value::String(text) if text.is_empty() => "-".into(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "-".into(),
        Value::Array(list) => list.iter().map(plain).collect::<Vec<_>>().join(" + "),
        Value::Object(fields) => {
            let name = fields.get("path").or(fields.get("name"));
            name.map_or_else(|| value.to_string(), plain)
        }
        other => other.to_string(),
    }
}

/// A text from others on a terminal: what is not printable is escaped.
fn printable(text: &str) -> String {
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::license::Moment;

    fn row(action: &str, entity: &str, before: Option<Value>, after: Option<Value>) -> AuditRow {
        AuditRow {
            id: 1,
            at: Moment(0),
            who: "cli:root".into(),
            from: "cli".into(),
            action: action.into(),
            entity: entity.into(),
            entity_id: Some(3),
            name: "A Residence".into(),
            before,
            after,
            forced: false,
        }
    }

    #[test]
    fn a_change_is_told_in_words() {
        let sip =
            |n: i32| Some(json!({"holder": {"id": 2, "path": "X/A Residence"}, "sip_numbers": n}));
        let group = |parent: Value| Some(json!({"name": "A Residence", "parent": parent}));

        for (row, told) in [
            (
                row("edit", "license", sip(50), sip(60)),
                "license 3 of A Residence: sip_numbers 50 → 60",
            ),
            (
                row("add", "license", None, sip(50)),
                "license 3 of A Residence added: holder X/A Residence, sip_numbers 50",
            ),
            (row("suspend", "license", sip(5), sip(5)), "license 3 of A Residence suspended"),
            (
                row("move", "group", group(json!({"path": "X"})), group(Value::Null)),
                "group A Residence: parent X → -",
            ),
            (
                AuditRow { forced: true, ..row("remove", "group", group(Value::Null), None) },
                "group A Residence removed (forced)",
            ),
        ] {
            assert_eq!(words(&row), told);
        }
    }

    #[test]
    fn nothing_that_somebody_wrote_moves_the_cursor() {
        assert_eq!(printable("a\u{1b}[2J\r\nb"), "a\\u{1b}[2J\\r\\nb");
    }
}
