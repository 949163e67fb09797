//! Everything from one database to another, whichever they are: all of it or nothing, ids included.

mod table;

use super::open::{Place, fresh_records, fresh_seats};
use super::pool::{Pool, Writing};
use super::sql::{Conn, Dialect, sql};
use super::{Error, Result, Store};

use table::{Table, tables};

/// How many rows a table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    pub table: String,
    pub rows: i64,
}

/// A table of the schema, and which of two files it is in on SQLite.
struct Part {
    table: Table,
    of_seats: bool,
}

/// The database that is read: on SQLite two files.
struct Source {
    records: Conn,
    seats: Option<Conn>,
    /// There is no file of seats.
    no_seats: bool,
}

/// The database that is written.
struct Target<'t> {
    records: Writing<'t>,
    seats: Option<Conn>,
}

impl Store {
    /// Copies everything into `target`, which must hold nothing yet; neither may have a daemon. In one
    /// transaction of the target, checked by counting. `progress` hears of each page.
    pub async fn copy_to(
        &self,
        target: &Store,
        mut progress: impl FnMut(&str, usize),
    ) -> Result<Vec<Copied>> {
        let _source = self.claim().await?;
        let _target = target.claim().await?;
        let parts = parts().await?;
        let mut source = Source::open(self).await?;
        let mut target = Target::open(target).await?;
        for part in &parts {
            target.expect_fresh(part).await?;
        }
        // Only what a new schema came with; the record of changes lets nobody remove anything.
        for part in parts.iter().rev().filter(|part| part.table.fresh > 0) {
            part.table.empty(target.conn(part)).await?;
        }
        let mut copied = Vec::new();
        for part in &parts {
            let rows = copy(part, &mut source, &mut target, &mut progress).await?;
            copied.push(Copied { table: part.table.name.clone(), rows });
        }
        target.commit().await?;
        Ok(copied)
    }
}

/// The tables of this program's schema.
async fn parts() -> Result<Vec<Part>> {
    let mut parts = Vec::new();
    for (of_seats, mut fresh) in [(false, fresh_records().await?), (true, fresh_seats().await?)] {
        let tables = tables(&mut fresh).await?;
        parts.extend(tables.into_iter().map(|table| Part { table, of_seats }));
    }
    Ok(parts)
}

/// How many rows were copied, counted on both sides.
async fn copy(
    part: &Part,
    source: &mut Source,
    target: &mut Target<'_>,
    progress: &mut impl FnMut(&str, usize),
) -> Result<i64> {
    let table = &part.table;
    let Some(from) = source.conn(part) else { return Ok(0) };
    let to = target.conn(part);
    let (mut last, mut written) = (Vec::new(), 0);
    while let Some(page) = table.page(from, &last).await? {
        last = page.last.clone();
        written += page.count;
        table.put(to, page).await?;
        progress(&table.name, written);
    }
    if table.numbered {
        let given = table.last_given(from).await?;
        table.go_on_after(to, given).await?;
    }
    let (there, here) = (table.count(from).await?, table.count(to).await?);
    if there == here {
        return Ok(here);
    }
    let name = &table.name;
    Err(Error::Invalid(format!("table {name}: {there} rows were read, {here} were written")))
}

impl Source {
    async fn open(store: &Store) -> Result<Self> {
        let no_seats = !store.has_seats();
        let seats = match &store.place {
            Place::File(file) if !no_seats => Some(file.open_seats().await?.reading().await?),
            _ => None,
        };
        Ok(Self { records: store.reading().await?, seats, no_seats })
    }

    fn conn(&mut self, part: &Part) -> Option<&mut Conn> {
        match &mut self.seats {
            Some(seats) if part.of_seats => Some(seats),
            None if part.of_seats && self.no_seats => None,
            _ => Some(&mut self.records),
        }
    }
}

impl<'t> Target<'t> {
    async fn open(store: &'t Store) -> Result<Self> {
        let mut records = store.writing().await?;
        let deferred = match records.conn().dialect() {
            Dialect::Sqlite => "pragma defer_foreign_keys = on",
            Dialect::Postgres => "set constraints all deferred",
        };
        sql(deferred).execute(records.conn()).await?;
        let seats: Option<Pool> = match &store.place {
            Place::File(file) => Some(file.open_seats().await?),
            Place::Server { .. } => None,
        };
        let seats = match seats {
            Some(seats) => Some(seats.begin().await?),
            None => None,
        };
        Ok(Self { records, seats })
    }

    fn conn(&mut self, part: &Part) -> &mut Conn {
        match &mut self.seats {
            Some(seats) if part.of_seats => seats,
            _ => self.records.conn(),
        }
    }

    async fn expect_fresh(&mut self, part: &Part) -> Result<()> {
        let (table, conn) = (&part.table, self.conn(part));
        let rows = table.count(conn).await?;
        if rows == table.fresh {
            return Ok(());
        }
        let name = &table.name;
        Err(Error::Invalid(format!("the target is not new: {rows} rows in its table {name}")))
    }

    /// The daemon reads everything at its start: the feed need not tell it.
    async fn commit(mut self) -> Result<()> {
        sql("delete from changes").execute(self.records.conn()).await?;
        if let Some(seats) = self.seats {
            seats.commit().await?;
        }
        self.records.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
