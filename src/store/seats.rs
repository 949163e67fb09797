//! Seats and bindings, beside the database of record. What belongs to one number is
//! written whole, so a batch is a set of numbers, not a list of events.

use std::collections::HashSet;
use std::time::SystemTime;

use super::open::Place;
use super::packed::Fields;
use super::pool::Pool;
use super::sql::{Conn, sql};
use super::{Result, Store};

/// Rows of one statement: in hundreds a row costs a tenth of what it costs alone.
const ROWS_AT_ONCE: usize = 200;
/// Of what is gone, for which nobody waits: a statement is not interrupted, so it is a short one.
const REMOVED_AT_ONCE: usize = 25;

/// A number that holds a seat, with all that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeatRow {
    pub number: String,
    pub since_ms: i64,
    pub until_ms: i64,
    /// Which daemon wrote it.
    pub node: i64,
    pub version: i64,
    /// JSON of whoever holds it.
    pub details: String,
}

/// One contact that the built-in registrar keeps for a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindingRow {
    pub number: String,
    pub contact: String,
    pub until_ms: i64,
    /// JSON of the registrar.
    pub details: String,
}

/// All that changed: these numbers now have these rows and no others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    pub seats_of: Vec<String>,
    pub seats: Vec<SeatRow>,
    pub bindings_of: Vec<String>,
    pub bindings: Vec<BindingRow>,
}

/// Where seats and bindings are kept.
pub struct SeatStore {
    pool: Pool,
}

impl Batch {
    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.seats_of.is_empty() && self.bindings_of.is_empty()
    }
}

impl SeatStore {
    /// Opens the seats of a database: on SQLite a file beside it, created on first use; on PostgreSQL
    /// tables of the same database.
    pub async fn open(store: &Store) -> Result<Self> {
        let pool = match &store.place {
            Place::File(file) => file.open_seats().await?,
            Place::Server { .. } => store.pool.clone(),
        };
        Ok(Self { pool })
    }

    /// Writes a batch in one transaction; when this returns it survives a power cut. Rows go in the order
    /// in which they are kept: so each page is looked at once.
    pub async fn write(&self, batch: &Batch) -> Result<()> {
        let mut tx = self.pool.begin().await?;
        // Rows that stay are written over: half the work of removing them first.
        let stay: HashSet<&str> = batch.seats.iter().map(|row| &*row.number).collect();
        let gone = batch.seats_of.iter().filter(|number| !stay.contains(&***number));
        forget(&mut tx, "delete from seats where number in ", gone, REMOVED_AT_ONCE).await?;
        let bound: HashSet<&str> = batch.bindings.iter().map(|row| &*row.number).collect();
        let (replaced, gone): (Vec<_>, Vec<_>) =
            batch.bindings_of.iter().partition(|number| bound.contains(&***number));
        let unbind = "delete from bindings where number in ";
        forget(&mut tx, unbind, replaced.into_iter(), ROWS_AT_ONCE).await?;
        forget(&mut tx, unbind, gone.into_iter(), REMOVED_AT_ONCE).await?;
        let mut seats: Vec<&SeatRow> = batch.seats.iter().collect();
        seats.sort_unstable_by_key(|row| &row.number);
        for rows in seats.chunks(ROWS_AT_ONCE) {
            let mut insert =
                sql("insert into seats (number, since, until, node, version, details) ");
            insert.push_rows(rows.iter().map(|row| {
                [
                    (*row.number).into(),
                    row.since_ms.into(),
                    row.until_ms.into(),
                    row.node.into(),
                    row.version.into(),
                    (*row.details).into(),
                ]
            }));
            insert.push(
                " on conflict (number) do update set since = excluded.since, until = excluded.until,
                    node = excluded.node, version = excluded.version, details = excluded.details",
            );
            insert.execute(&mut tx).await?;
        }
        for rows in batch.bindings.chunks(ROWS_AT_ONCE) {
            let mut insert = sql("insert into bindings (number, contact, until, details) ");
            insert.push_rows(rows.iter().map(|row| {
                [
                    (*row.number).into(),
                    (*row.contact).into(),
                    row.until_ms.into(),
                    (*row.details).into(),
                ]
            }));
            insert.execute(&mut tx).await?;
        }
        tx.commit().await
    }

    /// Every seat on record, in order of number; a thousand come as one row.
    pub async fn seats(&self) -> Result<Vec<SeatRow>> {
        let mut conn = self.pool.conn().await?;
        let dialect = conn.dialect();
        let text = format!(
            "select max(number), {} from (
                select number, {} as line from seats where number > ? order by number limit 1000) as part",
            dialect.joined("line", 0x1e),
            dialect.row("number, since, until, node, version, details")
        );
        let mut seats = Vec::new();
        let mut last = String::new();
        loop {
            let (max, lines): (Option<String>, Option<String>) =
                sql(&*text).bind(&*last).one(&mut conn).await?;
            let (Some(max), Some(lines)) = (max, lines) else { return Ok(seats) };
            seats.extend(lines.split('\u{1e}').map(|line| {
                let mut row = Fields::of(line);
                SeatRow {
                    number: row.text().to_owned(),
                    since_ms: row.int(),
                    until_ms: row.int(),
                    node: row.int(),
                    version: row.int(),
                    details: row.text().to_owned(),
                }
            }));
            last = max;
        }
    }

    /// Every binding on record, in order of number.
    pub async fn bindings(&self) -> Result<Vec<BindingRow>> {
        let mut conn = self.pool.conn().await?;
        let rows: Vec<(String, String, i64, String)> =
            sql("select number, contact, until, details from bindings order by number")
                .all(&mut conn)
                .await?;
        let binding = |(number, contact, until_ms, details)| BindingRow {
            number,
            contact,
            until_ms,
            details,
        };
        Ok(rows.into_iter().map(binding).collect())
    }
}

impl Store {
    /// Whether a daemon has ever kept seats here.
    pub fn has_seats(&self) -> bool {
        match &self.place {
            Place::File(file) => file.seats_path().exists(),
            Place::Server { .. } => true,
        }
    }

    /// When the seats were last written, where that is known.
    pub fn seats_written_at(&self) -> Option<SystemTime> {
        let Place::File(file) = &self.place else { return None };
        std::fs::metadata(file.seats_path()).and_then(|file| file.modified()).ok()
    }
}

async fn forget(
    conn: &mut Conn,
    text: &'static str,
    numbers: impl Iterator<Item = &String>,
    at_once: usize,
) -> Result<()> {
    let mut numbers: Vec<&String> = numbers.collect();
    numbers.sort_unstable();
    for numbers in numbers.chunks(at_once) {
        let mut delete = sql(text);
        delete.push_list(numbers.iter().map(|number| &***number));
        delete.execute(conn).await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::base::{Base, on_both};
    use super::*;

    fn seat(number: &str, version: i64) -> SeatRow {
        SeatRow {
            number: number.into(),
            since_ms: 1,
            until_ms: 2,
            node: 0,
            version,
            details: "{}".into(),
        }
    }

    on_both!(seats_survive_reopening_and_are_replaced_by_number);

    async fn seats_survive_reopening_and_are_replaced_by_number(base: Base) {
        let store = SeatStore::open(&base.store().await).await.unwrap();
        let first = Batch {
            seats_of: vec!["sip:1@e.com".into(), "sip:2@e.com".into()],
            seats: vec![seat("sip:1@e.com", 1), seat("sip:2@e.com", 1)],
            bindings_of: vec!["sip:1@e.com".into()],
            bindings: vec![BindingRow {
                number: "sip:1@e.com".into(),
                contact: "sip:1@192.0.2.1".into(),
                until_ms: 9,
                details: "{}".into(),
            }],
        };

        store.write(&first).await.unwrap();
        store
            .write(&Batch {
                seats_of: vec!["sip:1@e.com".into()],
                seats: vec![seat("sip:1@e.com", 2)],
                ..Batch::default()
            })
            .await
            .unwrap();
        drop(store);

        let store = SeatStore::open(&base.store().await).await.unwrap();
        let seats = store.seats().await.unwrap();
        assert_eq!(seats, [seat("sip:1@e.com", 2), seat("sip:2@e.com", 1)]);
        assert_eq!(store.bindings().await.unwrap(), first.bindings);
    }
}
