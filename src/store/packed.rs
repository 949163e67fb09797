//! Rows in bulk: a thousand come as one text, because the cost of a row is in the row. Columns are
//! parted by U+001F and rows by U+001E; the checks of the schema keep both out of what is stored.

use sqlx::sqlite::SqliteConnection;
use sqlx::{AssertSqlSafe, SqlSafeStr};

use super::Result;

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
    fn of(row: &'a str) -> Self {
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
        self.int() != 0
    }

    /// The next column as the parts that U+001D parts.
    pub(super) fn list(&mut self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.text().split('\u{1d}').filter(|part| !part.is_empty())
    }
}

/// Hands every row of the table to `each`, in order of id.
pub(super) async fn all(
    conn: &mut SqliteConnection,
    what: &Packed,
    mut each: impl FnMut(Fields<'_>),
) -> Result<()> {
    let sql = AssertSqlSafe(format!(
        "select max(id), group_concat(line, char(30)) from (
            select id, concat_ws(char(31), {}) as line from {} where id > ? order by id limit {ROWS_TO_ONE})",
        what.columns, what.table
    ))
    .into_sql_str();
    let mut last = i64::MIN;
    loop {
        let (max, lines): (Option<i64>, Option<String>) =
            sqlx::query_as(sql.clone()).bind(last).fetch_one(&mut *conn).await?;
        let (Some(max), Some(lines)) = (max, lines) else { return Ok(()) };
        lines.split('\u{1e}').for_each(|line| each(Fields::of(line)));
        last = max;
    }
}

/// Hands the rows with these ids to `each`; those that are gone are left out.
pub(super) async fn some(
    conn: &mut SqliteConnection,
    what: &Packed,
    ids: &[i64],
    mut each: impl FnMut(Fields<'_>),
) -> Result<()> {
    for ids in ids.chunks(KEYS_AT_ONCE) {
        let ids: Vec<_> = ids.iter().map(i64::to_string).collect();
        let sql = format!(
            "select group_concat(concat_ws(char(31), {}), char(30)) from {} where id in ({})",
            what.columns,
            what.table,
            ids.join(",")
        );
        let lines: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).persistent(false).fetch_one(&mut *conn).await?;
        let Some(lines) = lines else { continue };
        lines.split('\u{1e}').for_each(|line| each(Fields::of(line)));
    }
    Ok(())
}
