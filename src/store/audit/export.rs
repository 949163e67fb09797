//! Entries as files: CSV for spreadsheets, JSON lines for programs.

use serde_json::Value;

use super::AuditRow;

/// The form of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Csv,
    JsonLines,
}

/// Turns pages of entries into pieces of one file.
#[derive(Debug)]
pub struct Export {
    form: Form,
    begun: bool,
}

const HEADINGS: [&str; 11] = [
    "id",
    "at",
    "who",
    "from",
    "action",
    "entity",
    "entity_id",
    "name",
    "before",
    "after",
    "forced",
];

impl Export {
    /// An export of which nothing is written yet.
    pub fn new(form: Form) -> Self {
        Self { form, begun: false }
    }

    /// The next piece of the file; the first one of a CSV begins with the headings.
    pub fn piece(&mut self, rows: &[AuditRow]) -> Result<Vec<u8>, String> {
        let first = !std::mem::replace(&mut self.begun, true);
        match self.form {
            Form::Csv => csv(rows, first),
            Form::JsonLines => json_lines(rows),
        }
    }
}

fn json_lines(rows: &[AuditRow]) -> Result<Vec<u8>, String> {
    let mut piece = Vec::new();
    for row in rows {
        serde_json::to_writer(&mut piece, row).map_err(|error| error.to_string())?;
        piece.push(b'\n');
    }
    Ok(piece)
}

fn csv(rows: &[AuditRow], headings: bool) -> Result<Vec<u8>, String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let fault = |error: csv::Error| error.to_string();
    if headings {
        writer.write_record(HEADINGS).map_err(fault)?;
    }
    for row in rows {
        let json = |side: &Option<Value>| side.as_ref().map(Value::to_string).unwrap_or_default();
        let cells = [
            row.id.to_string(),
            row.at.rfc3339(),
            harmless(&row.who),
            harmless(&row.from),
            harmless(&row.action),
            harmless(&row.entity),
            row.entity_id.map(|id| id.to_string()).unwrap_or_default(),
            harmless(&row.name),
            harmless(&json(&row.before)),
            harmless(&json(&row.after)),
            row.forced.to_string(),
        ];
        writer.write_record(cells).map_err(fault)?;
    }
    writer.into_inner().map_err(|error| error.to_string())
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: &str) -> String {
    match text.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r') => format!("'{text}"),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::Moment;

    fn row(name: &str) -> AuditRow {
        AuditRow {
            id: 7,
            at: Moment(0),
            who: "user:anna".into(),
            from: "cli".into(),
            action: "add".into(),
            entity: "group".into(),
            entity_id: Some(3),
            name: name.into(),
            before: None,
            after: Some(serde_json::json!({"name": name})),
            forced: false,
        }
    }

    #[test]
    fn a_name_that_looks_like_a_formula_is_a_text() {
        for name in ["=1+1", "+1", "-1", "@sum(a)"] {
            let csv = Export::new(Form::Csv).piece(&[row(name)]).unwrap();

            let text = String::from_utf8(csv).unwrap();
            assert!(text.contains(&format!(",'{name},")), "{text}");
        }
    }

    #[test]
    fn the_headings_stand_once_over_all_pages() {
        let mut export = Export::new(Form::Csv);

        let (first, second) =
            (export.piece(&[row("a")]).unwrap(), export.piece(&[row("b")]).unwrap());

        assert!(first.starts_with(b"id,at,who,from,action,"));
        assert!(second.starts_with(b"7,1970-01-01T00:00:00Z,user:anna,"));
        let lines = Export::new(Form::JsonLines).piece(&[row("a"), row("b")]).unwrap();
        assert_eq!(lines.iter().filter(|byte| **byte == b'\n').count(), 2);
    }
}
