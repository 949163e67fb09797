//! Rows in bulk: a thousand come as one text, because the cost of a row is in the row. Columns are
//! parted by U+001F and rows by U+001E; the checks of the schema keep both out of what is stored.

use super::Result;
use super::sql::{Conn, Sql, Value, sql};

const ROWS_TO_ONE: u32 = 1000;
const KEYS_AT_ONCE: usize = 500;

/// A table, and its columns as one text for each row.
pub(super) struct Packed {
    pub(super) table: &'static str,
    /// Arguments of `concat_ws`: none may be null, since `concat_ws` leaves those out.
    pub(super) columns: &'static str,
}

/// The columns of one row, in order.
pub(super) struct Fields<'a>(std::str::Split<'a, char>);

impl<'a> Fields<'a> {
    pub(super) fn of(row: &'a str) -> Self {
        Self(row.split('\u{1f}'))
    }

    /// The next column; empty past the end.
    pub(super) fn text(&mut self) -> &'a str {
        self.0.next().unwrap_or_default()
    }

    /// The next column, absent where it is empty.
    pub(super) fn some_text(&mut self) -> Option<&'a str> {
        Some(self.text()).filter(|text| !text.is_empty())
    }

    /// The next column as a number, absent where it is empty.
    pub(super) fn some_int(&mut self) -> Option<i64> {
        self.text().parse().ok()
    }

    pub(super) fn int(&mut self) -> i64 {
        self.some_int().unwrap_or_default()
    }

    pub(super) fn flag(&mut self) -> bool {
        // PostgreSQL writes truth as a letter.
        matches!(self.text(), "1" | "t")
    }

    /// The next column as the parts that U+001D parts.
    pub(super) fn list(&mut self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text().split('\u{1d}').filter(|part| !part.is_empty())
    }
}

/// Hands every row of the table to `each`, in order of id.
pub(super) async fn all(
    conn: &mut Conn,
    what: &Packed,
    mut each: impl FnMut(Fields<'_>),
) -> Result<()> {
    let dialect = conn.dialect();
    let text = format!(
        "select max(id), {} from (
            select id, {} as line from {} where id > ? order by id limit {ROWS_TO_ONE}) as part",
        dialect.joined("line", 0x1e),
        dialect.row(what.columns),
        what.table
    );
    let mut last = i64::MIN;
    let mut lines = String::new();
    loop {
        // While the database makes the next part, what came before is taken in.
        let next = sql(&*text).bind(last).one(conn);
        let taking = async {
            let lines = lines.split('\u{1e}').filter(|line| !line.is_empty());
            lines.for_each(|line| each(Fields::of(line)));
        };
        let (next, ()) = tokio::join!(next, taking);
        let (max, next): (Option<i64>, Option<String>) = next?;
        let (Some(max), Some(next)) = (max, next) else { return Ok(()) };
        (last, lines) = (max, next);
    }
}

/// Which rows are wanted: by a column's numbers or by its names.
pub(super) enum Wanted {
    Ids(&'static str, Vec<i64>),
    Names(&'static str, Vec<String>),
}

/// Hands the rows that are wanted to `each`; those that are gone are left out.
pub(super) async fn some(
    conn: &mut Conn,
    what: &Packed,
    wanted: &Wanted,
    mut each: impl FnMut(Fields<'_>),
) -> Result<()> {
    match wanted {
        Wanted::Ids(column, ids) => {
            for ids in ids.chunks(KEYS_AT_ONCE) {
                matching(conn, what, |sql| one_of(sql, column, ids), &mut each).await?;
            }
        }
        Wanted::Names(column, names) => {
            for names in names.chunks(KEYS_AT_ONCE) {
                matching(conn, what, |sql| one_of(sql, column, names), &mut each).await?;
            }
        }
    }
    Ok(())
}

/// Hands the rows that match a condition to `each`.
pub(super) async fn matching(
    conn: &mut Conn,
    what: &Packed,
    condition: impl FnOnce(&mut Sql),
    each: &mut impl FnMut(Fields<'_>),
) -> Result<()> {
    let dialect = conn.dialect();
    let lines = dialect.joined(&dialect.row(what.columns), 0x1e);
    let mut select = sql(format!("select {lines} from {} where ", what.table)).once();
    condition(&mut select);
    let (lines,): (Option<String>,) = select.one(conn).await?;
    if let Some(lines) = lines {
        lines.split('\u{1e}').for_each(|line| each(Fields::of(line)));
    }
    Ok(())
}

fn one_of<K: Clone + Into<Value>>(select: &mut Sql, column: &str, keys: &[K]) {
    select.push(&format!("{column} in "));
    select.push_list(keys.iter().cloned());
}
