//! What tables there are, read from a fresh schema, and their rows as JSON: a page of one database is
//! what a statement of the other takes in.

use serde_json::{Map, Value as Json};

use super::super::sql::{Conn, Dialect, Sql, Value, sql};
use super::super::{Error, Result};

/// Rows of one page.
const ROWS_AT_ONCE: usize = 1000;

/// A table that is copied.
pub(super) struct Table {
    pub name: String,
    /// Rows that a fresh schema has in it.
    pub fresh: i64,
    /// Whether its ids are never given again.
    pub numbered: bool,
    columns: Vec<Column>,
}

struct Column {
    name: String,
    is_blob: bool,
    is_key: bool,
}

/// Some rows, in order of key.
pub(super) struct Page {
    rows: String,
    pub count: usize,
    /// The key of the last row.
    pub last: Vec<Value>,
}

/// The tables of a fresh schema on SQLite; whoever is referred to comes first. The feed is not copied.
pub(super) async fn tables(fresh: &mut Conn) -> Result<Vec<Table>> {
    let names: Vec<(String, bool)> =
        sql("select name, sql like '%autoincrement%' from sqlite_master
        where type = 'table' and name not in ('changes', 'sqlite_sequence', '_sqlx_migrations')
        order by rowid")
        .all(fresh)
        .await?;
    let mut tables = Vec::new();
    for (name, numbered) in names {
        let columns: Vec<(String, String, i64)> =
            sql("select name, type, pk from pragma_table_info(?) order by cid")
                .bind(&*name)
                .all(fresh)
                .await?;
        let column = |(name, kind, key): (String, String, i64)| Column {
            name,
            is_blob: kind.eq_ignore_ascii_case("blob"),
            is_key: key > 0,
        };
        let columns = columns.into_iter().map(column).collect();
        let mut table = Table { name, fresh: 0, numbered, columns };
        table.fresh = table.count(fresh).await?;
        tables.push(table);
    }
    Ok(tables)
}

impl Table {
    pub async fn count(&self, conn: &mut Conn) -> Result<i64> {
        let (count,) = sql(format!("select count(*) from \"{}\"", self.name)).one(conn).await?;
        Ok(count)
    }

    pub async fn empty(&self, conn: &mut Conn) -> Result<()> {
        sql(format!("delete from \"{}\"", self.name)).execute(conn).await?;
        Ok(())
    }

    /// The rows after `last`, if there are any.
    pub async fn page(&self, conn: &mut Conn, last: &[Value]) -> Result<Option<Page>> {
        let (rows, object) = match conn.dialect() {
            Dialect::Sqlite => ("json_group_array", "json_object"),
            Dialect::Postgres => ("json_agg", "json_build_object"),
        };
        let fields: Vec<String> =
            self.columns.iter().map(|column| column.as_json(conn.dialect())).collect();
        let keys = self.keys();
        let mut page = sql(format!(
            "select cast({rows}({object}({})) as text) from (select * from \"{}\"",
            fields.join(", "),
            self.name
        ));
        if !last.is_empty() {
            page.push(&format!(" where ({keys}) > ")).push_list(last.iter().cloned());
        }
        page.push(&format!(" order by {keys} limit {ROWS_AT_ONCE}) as part"));
        let (rows,): (Option<String>,) = page.one(conn).await?;
        rows.map_or(Ok(None), |rows| self.page_of(rows))
    }

    fn page_of(&self, rows: String) -> Result<Option<Page>> {
        let unreadable =
            |fault: &dyn std::fmt::Display| Error::Invalid(format!("table {}: {fault}", self.name));
        let parsed: Vec<Map<String, Json>> =
            serde_json::from_str(&rows).map_err(|fault| unreadable(&fault))?;
        let Some(row) = parsed.last() else { return Ok(None) };
        let key = self.columns.iter().filter(|column| column.is_key);
        let last: Option<Vec<Value>> = key.map(|column| column.value(row)).collect();
        let last = last.ok_or_else(|| unreadable(&"a row without a key"))?;
        Ok(Some(Page { count: parsed.len(), last, rows }))
    }

    /// Writes the rows of a page that either database gave.
    pub async fn put(&self, conn: &mut Conn, page: Page) -> Result<()> {
        let (name, columns) = (&self.name, self.names(|_| true));
        let insert = match conn.dialect() {
            Dialect::Sqlite => {
                let fields: Vec<String> = self.columns.iter().map(Column::out_of_json).collect();
                let fields = fields.join(", ");
                format!("insert into \"{name}\" ({columns}) select {fields} from json_each(?)")
            }
            Dialect::Postgres => format!(
                "insert into \"{name}\" ({columns})
                 select {columns} from json_populate_recordset(cast(null as \"{name}\"), cast(? as json))"
            ),
        };
        sql(insert).bind(page.rows).execute(conn).await?;
        Ok(())
    }

    /// The last id that was ever given.
    pub async fn last_given(&self, conn: &mut Conn) -> Result<i64> {
        let last = match conn.dialect() {
            Dialect::Sqlite => sql("select coalesce(max(seq), 0) from sqlite_sequence where name = ?")
                .bind(&*self.name),
            Dialect::Postgres => {
                sql("select coalesce(pg_sequence_last_value(cast(pg_get_serial_sequence(?, 'id') as regclass)), 0)")
                    .bind(self.quoted())
            }
        };
        let (last,) = last.one(conn).await?;
        Ok(last)
    }

    /// Ids up to `last` are not given again.
    pub async fn go_on_after(&self, conn: &mut Conn, last: i64) -> Result<()> {
        let statements: Vec<Sql> = match conn.dialect() {
            Dialect::Sqlite => vec![
                sql("delete from sqlite_sequence where name = ?").bind(&*self.name),
                sql("insert into sqlite_sequence (name, seq) values (?, ?)")
                    .bind(&*self.name)
                    .bind(last),
            ],
            Dialect::Postgres if last > 0 => vec![
                sql("select setval(cast(pg_get_serial_sequence(?, 'id') as regclass), ?)")
                    .bind(self.quoted())
                    .bind(last),
            ],
            Dialect::Postgres => Vec::new(),
        };
        for statement in statements {
            statement.execute(conn).await?;
        }
        Ok(())
    }

    fn quoted(&self) -> String {
        format!("\"{}\"", self.name)
    }

    fn keys(&self) -> String {
        self.names(|column| column.is_key)
    }

    fn names(&self, wanted: fn(&Column) -> bool) -> String {
        let wanted = self.columns.iter().filter(|column| wanted(column));
        let names: Vec<String> = wanted.map(|column| format!("\"{}\"", column.name)).collect();
        names.join(", ")
    }
}

impl Column {
    /// Name and value; bytes as PostgreSQL writes them.
    fn as_json(&self, dialect: Dialect) -> String {
        let name = &self.name;
        match dialect {
            // Of nothing SQLite's `hex` makes an empty text.
            Dialect::Sqlite if self.is_blob => format!(
                "'{name}', case when \"{name}\" is not null then '\\x' || hex(\"{name}\") end"
            ),
            Dialect::Postgres if self.is_blob => {
                format!("'{name}', '\\x' || encode(\"{name}\", 'hex')")
            }
            _ => format!("'{name}', \"{name}\""),
        }
    }

    /// On SQLite.
    fn out_of_json(&self) -> String {
        let value = format!("json_extract(value, '$.\"{}\"')", self.name);
        if self.is_blob { format!("unhex(substr({value}, 3))") } else { value }
    }

    /// The value of a key column.
    fn value(&self, row: &Map<String, Json>) -> Option<Value> {
        let value = row.get(&self.name)?;
        match value.as_str() {
            Some(text) if self.is_blob => Some(unhex(text.strip_prefix("\\x")?)?.into()),
            Some(text) => Some(text.into()),
            None => Some(value.as_i64()?.into()),
        }
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    digits?.chunks(2).map(|pair| Some(pair.first()? << 4 | pair.get(1)?)).collect()
}
