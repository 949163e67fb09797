//! Statements that both databases understand: written once, with `?` for each value, bound in order.
//! What differs between the two stands in [`Dialect`], nowhere else.

use std::ops::DerefMut;
use std::time::Duration;

use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::sqlite::{Sqlite, SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, FromRow, Transaction};

use super::Result;

/// The longest statement is the removal of a large group.
const ANSWER: Duration = Duration::from_secs(120);

/// Which database speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    Sqlite,
    Postgres,
}

/// A connection, or the transaction that it is in.
pub(super) enum Conn {
    Sqlite(Box<dyn DerefMut<Target = SqliteConnection> + Send + Sync>),
    Postgres(Box<dyn DerefMut<Target = PgConnection> + Send + Sync>),
    SqliteTx(Transaction<'static, Sqlite>),
    PostgresTx(Transaction<'static, Postgres>),
}

/// One connection as the statement sees it.
enum Plain<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

/// A value of a statement.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Int(Option<i64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
    Flag(bool),
}

/// A statement with its values.
pub(super) struct Sql {
    text: String,
    values: Vec<Value>,
    persistent: bool,
}

/// What a row of either database can be read as: any tuple of `i64`, `String`, `Vec<u8>`, `bool` and
/// options of them.
pub(super) trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

impl<T> Record for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A statement without values yet.
pub(super) fn sql(text: impl Into<String>) -> Sql {
    Sql { text: text.into(), values: Vec::new(), persistent: true }
}

impl Dialect {
    /// An aggregate: the texts `expression` of all rows with the character `separator` between them.
    pub(super) fn joined(self, expression: &str, separator: u8) -> String {
        match self {
            Self::Sqlite => format!("group_concat({expression}, char({separator}))"),
            Self::Postgres => format!("string_agg(({expression})::text, chr({separator}))"),
        }
    }

    /// The texts of several columns, none of them null, with U+001F between them.
    pub(super) fn row(self, columns: &str) -> String {
        match self {
            Self::Sqlite => format!("concat_ws(char(31), {columns})"),
            Self::Postgres => format!("concat_ws(chr(31), {columns})"),
        }
    }
}

impl Conn {
    pub(super) fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) | Self::SqliteTx(_) => Dialect::Sqlite,
            Self::Postgres(_) | Self::PostgresTx(_) => Dialect::Postgres,
        }
    }

    /// Ends the transaction; without one there is nothing to end.
    pub(super) async fn commit(self) -> Result<()> {
        match self {
            Self::SqliteTx(tx) => tx.commit().await?,
            Self::PostgresTx(tx) => answered(tx.commit()).await?,
            Self::Sqlite(_) | Self::Postgres(_) => {}
        }
        Ok(())
    }

    fn plain(&mut self) -> Plain<'_> {
        match self {
            Self::Sqlite(conn) => Plain::Sqlite(conn),
            Self::Postgres(conn) => Plain::Postgres(conn),
            Self::SqliteTx(tx) => Plain::Sqlite(tx),
            Self::PostgresTx(tx) => Plain::Postgres(tx),
        }
    }
}

impl Sql {
    /// The value of the next `?`.
    pub(super) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// More text.
    pub(super) fn push(&mut self, text: &str) -> &mut Self {
        self.text.push_str(text);
        self
    }

    /// A `?` and its value.
    pub(super) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.text.push('?');
        self.values.push(value.into());
        self
    }

    /// A list in brackets of a `?` and a value for each.
    pub(super) fn push_list<V: Into<Value>>(
        &mut self,
        values: impl IntoIterator<Item = V>,
    ) -> &mut Self {
        self.push("(");
        for (at, value) in values.into_iter().enumerate() {
            if at > 0 {
                self.push(", ");
            }
            self.push_bind(value);
        }
        self.push(")")
    }

    /// `values` with a row of a `?` and a value for each.
    pub(super) fn push_rows<const N: usize>(
        &mut self,
        rows: impl IntoIterator<Item = [Value; N]>,
    ) -> &mut Self {
        for (at, row) in rows.into_iter().enumerate() {
            self.push(if at > 0 { ", " } else { "values " });
            self.push_list(row);
        }
        self
    }

    /// A statement that hardly comes again: its plan is not kept.
    pub(super) fn once(mut self) -> Self {
        self.persistent = false;
        self
    }

    /// Runs it; how many rows it wrote.
    pub(super) async fn execute(self, conn: &mut Conn) -> Result<u64> {
        Ok(match conn.plain() {
            Plain::Sqlite(conn) => {
                let query = sqlx::query_with(AssertSqlSafe(self.text), sqlite(self.values)?);
                query.persistent(self.persistent).execute(conn).await?.rows_affected()
            }
            Plain::Postgres(conn) => {
                let query =
                    sqlx::query_with(AssertSqlSafe(numbered(&self.text)), postgres(self.values)?);
                answered(query.persistent(self.persistent).execute(conn)).await?.rows_affected()
            }
        })
    }

    /// Every row.
    pub(super) async fn all<T: Record>(self, conn: &mut Conn) -> Result<Vec<T>> {
        Ok(match conn.plain() {
            Plain::Sqlite(conn) => {
                let query = sqlx::query_as_with(AssertSqlSafe(self.text), sqlite(self.values)?);
                query.persistent(self.persistent).fetch_all(conn).await?
            }
            Plain::Postgres(conn) => {
                let query = sqlx::query_as_with(
                    AssertSqlSafe(numbered(&self.text)),
                    postgres(self.values)?,
                );
                answered(query.persistent(self.persistent).fetch_all(conn)).await?
            }
        })
    }

    /// The first row, if there is one.
    pub(super) async fn optional<T: Record>(self, conn: &mut Conn) -> Result<Option<T>> {
        Ok(match conn.plain() {
            Plain::Sqlite(conn) => {
                let query = sqlx::query_as_with(AssertSqlSafe(self.text), sqlite(self.values)?);
                query.persistent(self.persistent).fetch_optional(conn).await?
            }
            Plain::Postgres(conn) => {
                let query = sqlx::query_as_with(
                    AssertSqlSafe(numbered(&self.text)),
                    postgres(self.values)?,
                );
                answered(query.persistent(self.persistent).fetch_optional(conn)).await?
            }
        })
    }

    /// The one row of a statement that always has one.
    pub(super) async fn one<T: Record>(self, conn: &mut Conn) -> Result<T> {
        Ok(self.optional(conn).await?.ok_or(sqlx::Error::RowNotFound)?)
    }
}

/// A server that does not answer is away: a connection that leads nowhere would be waited on for a
/// quarter of an hour.
pub(super) async fn answered<T>(
    asked: impl Future<Output = std::result::Result<T, sqlx::Error>>,
) -> std::result::Result<T, sqlx::Error> {
    let answer = tokio::time::timeout(ANSWER, asked).await;
    answer.unwrap_or_else(|late| Err(sqlx::Error::Io(late.into())))
}

/// `?` become `$1`, `$2` …; no statement of ours has a question mark of its own.
fn numbered(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for (at, part) in text.split('?').enumerate() {
        if at > 0 {
            out.push('$');
            out.push_str(&at.to_string());
        }
        out.push_str(part);
    }
    out
}

macro_rules! add {
    ($out:ident, $value:ident) => {
        match $value {
            Value::Int(value) => $out.add(value),
            Value::Text(value) => $out.add(value),
            Value::Bytes(value) => $out.add(value),
            Value::Flag(value) => $out.add(value),
        }
        .map_err(sqlx::Error::Encode)?
    };
}
fn sqlite(values: Vec<Value>) -> Result<SqliteArguments> {
    let mut out = SqliteArguments::default();
    for value in values {
        add!(out, value);
    }
    Ok(out)
}

fn postgres(values: Vec<Value>) -> Result<PgArguments> {
    let mut out = PgArguments::default();
    for value in values {
        add!(out, value);
    }
    Ok(out)
}

macro_rules! values {
    ($($from:ty => $variant:ident($make:expr)),+ $(,)?) => {$(
        impl From<$from> for Value {
            fn from(value: $from) -> Self {
                let make: fn($from) -> _ = $make;
                Self::$variant(make(value))
            }
        }
    )+};
}

values! {
    i64 => Int(Some),
    Option<i64> => Int(|value| value),
    String => Text(Some),
    Option<String> => Text(|value| value),
    Vec<u8> => Bytes(Some),
    Option<Vec<u8>> => Bytes(|value| value),
    bool => Flag(|value| value),
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(Some(value.to_owned()))
    }
}

impl From<Option<&str>> for Value {
    fn from(value: Option<&str>) -> Self {
        Self::Text(value.map(str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn question_marks_are_numbered() {
        assert_eq!(numbered("a = ? and b in (?, ?)"), "a = $1 and b in ($2, $3)");
        assert_eq!(numbered("select 1"), "select 1");
    }
}
