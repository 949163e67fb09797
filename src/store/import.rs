//! Numbers in bulk: checked whole, then written in pieces that are short transactions with pauses
//! between, so that nobody waits for long. Numbers that are there already as given are passed over, so
//! what was interrupted is resumed by the same rows; or it is undone.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::license::distribution::{Change, Warning};
use crate::license::{Holder, Moment, Number, NumberId};

use super::packed::{self, Wanted};
use super::persist::give_ids;
use super::sql::{Conn, sql};
use super::write::{Terms, checked};
use super::{Error, Result, Store, rows};

/// Rows of one transaction.
const PIECE: usize = 5_000;
/// Longer than SQLite's longest sleep between two tries for the lock, so that a writer of another
/// process comes in between two pieces.
const PAUSE: Duration = Duration::from_millis(110);

/// An import that has begun and not ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import {
    pub id: i64,
    pub started_at: Moment,
    pub total: usize,
    pub written: usize,
}

/// What an import did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub added: usize,
    /// There already, as given.
    pub present: usize,
    pub warnings: Vec<Warning>,
}

impl Store {
    /// Creates all of `numbers`, or none of them is begun; those that are there already, of the same
    /// owner and kind, are passed over. `progress` hears how many this import has written.
    pub async fn import_numbers(
        &self,
        numbers: impl IntoIterator<Item = Number>,
        terms: Terms<'_>,
        mut progress: impl FnMut(usize),
    ) -> Result<Imported> {
        let as_new = |number| Number { id: NumberId(0), ..number };
        let mut numbers: Vec<Number> = numbers.into_iter().map(as_new).collect();
        let digest = digest(&numbers);
        let given = numbers.len();
        self.pass_over_present(&mut numbers).await?;
        let mut done = Imported { present: given - numbers.len(), ..Imported::default() };
        let mut import = self.resumable(&digest, numbers.len(), terms.at).await?;
        // Without the writer's lock: each piece is checked again under it.
        done.warnings = self.preview(Change::AddNumbers(numbers.clone()), terms).await?;
        if numbers.is_empty() && import.id != 0 {
            // The rest came by another way.
            let mut writing = self.writing().await?;
            forget(writing.conn(), import.id).await?;
            writing.commit().await?;
        }
        while !numbers.is_empty() {
            let rest = numbers.split_off(PIECE.min(numbers.len()));
            let piece = std::mem::replace(&mut numbers, rest);
            done.added += piece.len();
            let ends = numbers.is_empty();
            self.write_piece(&mut import, &digest, piece, ends, terms).await?;
            progress(import.written);
            if !ends {
                tokio::time::sleep(PAUSE).await;
            }
        }
        Ok(done)
    }

    /// Imports that were interrupted.
    pub async fn unfinished_imports(&self) -> Result<Vec<Import>> {
        let rows = sql("select id, started_at, total, written from imports order by id")
            .all(&mut self.conn().await?)
            .await?;
        Ok(rows.into_iter().map(import).collect())
    }

    /// Removes what an interrupted import has written, in pieces too.
    pub async fn undo_import(&self, id: i64, terms: Terms<'_>) -> Result<()> {
        loop {
            let mut writing = self.writing().await?;
            let piece: Option<(i64, i64)> = sql("select first_id, last_id from import_pieces
                 where import_id = ? order by first_id desc limit 1")
            .bind(id)
            .optional(writing.conn())
            .await?;
            let Some((first, last)) = piece else {
                let gone = forget(writing.conn(), id).await?;
                writing.commit().await?;
                return if gone { Ok(()) } else { Err(Error::not_found("import", id)) };
            };
            let numbers = numbers_between(writing.conn(), first, last).await?;
            checked(self, writing.conn(), &Change::RemoveNumbers(numbers), terms).await?;
            sql("delete from import_pieces where import_id = ? and first_id = ?")
                .bind(id)
                .bind(first)
                .execute(writing.conn())
                .await?;
            writing.commit().await?;
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// The import of these very rows, where one was interrupted.
    async fn resumable(&self, digest: &[u8], total: usize, at: Moment) -> Result<Import> {
        let row = sql("select id, started_at, total, written from imports where digest = ?")
            .bind(digest.to_vec())
            .optional(&mut self.conn().await?)
            .await?;
        let fresh = Import { id: 0, started_at: at, total, written: 0 };
        Ok(row.map_or(fresh, import))
    }

    async fn pass_over_present(&self, numbers: &mut Vec<Number>) -> Result<()> {
        let aors = numbers.iter().map(|number| number.aor.clone()).collect();
        let mut present = HashMap::new();
        let mut conn = self.conn().await?;
        packed::some(&mut conn, &rows::NUMBERS, &Wanted::Names("aor", aors), |row| {
            if let Some(row) = rows::number(row) {
                present.insert(row.aor.to_owned(), (row.owner, row.kind));
            }
        })
        .await?;
        numbers.retain(|number| present.get(&number.aor) != Some(&(number.owner, number.kind)));
        Ok(())
    }

    async fn write_piece(
        &self,
        import: &mut Import,
        digest: &[u8],
        piece: Vec<Number>,
        ends: bool,
        terms: Terms<'_>,
    ) -> Result<()> {
        let written = import.written + piece.len();
        let mut change = Change::AddNumbers(piece);
        let mut writing = self.writing().await?;
        let ids = give_ids(writing.conn(), &mut change).await?;
        checked(self, writing.conn(), &change, terms).await?;
        if ends {
            forget(writing.conn(), import.id).await?;
        } else {
            import.id = note(writing.conn(), import, digest, written, &ids).await?;
        }
        writing.commit().await?;
        import.written = written;
        Ok(())
    }
}

/// Says, in the transaction of the piece, how far the import is.
async fn note(
    conn: &mut Conn,
    import: &Import,
    digest: &[u8],
    written: usize,
    ids: &[i64],
) -> Result<i64> {
    let (id,): (i64,) =
        sql("insert into imports (digest, started_at, total, written) values (?, ?, ?, ?)
         on conflict (digest) do update set written = excluded.written returning id")
        .bind(digest.to_vec())
        .bind(import.started_at.0)
        .bind(i64::try_from(import.total).unwrap_or(i64::MAX))
        .bind(i64::try_from(written).unwrap_or(i64::MAX))
        .one(conn)
        .await?;
    for (first, last) in runs(ids) {
        sql("insert into import_pieces (import_id, first_id, last_id) values (?, ?, ?)")
            .bind(id)
            .bind(first)
            .bind(last)
            .execute(conn)
            .await?;
    }
    Ok(id)
}

/// Those that are still there.
async fn numbers_between(conn: &mut Conn, first: i64, last: i64) -> Result<Vec<NumberId>> {
    let found: Vec<(i64,)> = sql("select id from numbers where id between ? and ? order by id")
        .bind(first)
        .bind(last)
        .all(conn)
        .await?;
    Ok(found.into_iter().map(|(id,)| NumberId(id)).collect())
}

/// Ids in order as runs without a gap: another writer may have been given one between.
fn runs(ids: &[i64]) -> Vec<(i64, i64)> {
    let mut runs: Vec<(i64, i64)> = Vec::new();
    for id in ids {
        match runs.last_mut() {
            Some((_, last)) if *last + 1 == *id => *last = *id,
            _ => runs.push((*id, *id)),
        }
    }
    runs
}

/// Whether there was such an import.
async fn forget(conn: &mut Conn, id: i64) -> Result<bool> {
    Ok(sql("delete from imports where id = ?").bind(id).execute(conn).await? > 0)
}

fn import((id, started_at, total, written): (i64, i64, i64, i64)) -> Import {
    let size = |rows| usize::try_from(rows).unwrap_or_default();
    Import { id, started_at: Moment(started_at), total: size(total), written: size(written) }
}

fn digest(numbers: &[Number]) -> Vec<u8> {
    let mut hash = Sha256::new();
    for number in numbers {
        let (of, owner) = match number.owner {
            Holder::Group(id) => ("group", id.0),
            Holder::User(id) => ("user", id.0),
        };
        let password = number.password.as_deref().unwrap_or_default();
        for part in [&*number.aor, of, &owner.to_string(), number.kind.name(), password] {
            hash.update(part);
            hash.update([0x1f]);
        }
    }
    hash.finalize().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_begins_another_run() {
        assert_eq!(runs(&[4, 5, 6, 9, 11, 12]), [(4, 6), (9, 9), (11, 12)]);
        assert!(runs(&[]).is_empty());
    }
}
