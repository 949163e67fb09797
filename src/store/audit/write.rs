//! Entries as rows, in the transaction of what they tell of.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::license::distribution::Change;
use crate::license::{Moment, NumberId};

use super::super::sql::{Conn, sql};
use super::super::write::Author;
use super::super::{Error, Result};
use super::Entry;

/// Rows of one statement.
const ROWS_AT_ONCE: usize = 500;
/// Scopes of one statement: an entry has as many as the tree is deep.
const SCOPES_AT_ONCE: usize = 2_000;

/// Who made the entries, when, and whether by force.
#[derive(Clone, Copy)]
pub struct Made<'a> {
    pub by: &'a Author,
    pub at: Moment,
    pub forced: bool,
}

/// Writes entries, in order. The caller is the only writer, so the ids that it counts are its own.
pub async fn record(conn: &mut Conn, made: Made<'_>, entries: &[Entry]) -> Result<()> {
    if entries.is_empty() {
        return Ok(());
    }
    let (last,): (i64,) = sql("select coalesce(max(id), 0) from audit").one(conn).await?;
    let numbered: Vec<(i64, &Entry)> = (last + 1..).zip(entries).collect();
    for rows in numbered.chunks(ROWS_AT_ONCE) {
        let mut insert =
            sql("insert into audit (id, at, who, from_where, action, entity, entity_id, \
             name, before, after, forced) ");
        insert.push_rows(rows.iter().map(|(id, entry)| {
            let json = |side: &Option<Value>| side.as_ref().map(Value::to_string);
            [
                (*id).into(),
                made.at.0.into(),
                (*made.by.who).into(),
                (*made.by.from).into(),
                entry.action.into(),
                entry.entity.into(),
                entry.id.into(),
                (*entry.name).into(),
                json(&entry.before).into(),
                json(&entry.after).into(),
                made.forced.into(),
            ]
        }));
        insert.execute(conn).await?;
    }
    let scopes: Vec<(i64, i64)> = numbered
        .iter()
        .flat_map(|(id, entry)| entry.scopes.iter().map(|scope| (scope.0, *id)))
        .collect();
    for rows in scopes.chunks(SCOPES_AT_ONCE) {
        let mut insert = sql("insert into audit_scopes (group_id, audit_id) ");
        insert.push_rows(rows.iter().map(|(group, id)| [(*group).into(), (*id).into()]));
        insert.execute(conn).await?;
    }
    Ok(())
}

/// The numbers of a change that get another password than the one they have.
pub async fn renewed_passwords(conn: &mut Conn, change: &Change) -> Result<BTreeSet<NumberId>> {
    let mut renewed = BTreeSet::new();
    let mut open = vec![change];
    while let Some(change) = open.pop() {
        match change {
            Change::All(changes) => open.extend(changes),
            Change::EditNumber(number) => {
                let held: Option<(Option<String>,)> =
                    sql("select password from numbers where id = ?")
                        .bind(number.id.0)
                        .optional(conn)
                        .await?;
                let (held,) = held.ok_or_else(|| Error::not_found("number", number.id))?;
                if held.is_some() && held != number.password {
                    renewed.insert(number.id);
                }
            }
            _ => {}
        }
    }
    Ok(renewed)
}
