//! `export …`: users and numbers as a file that `import` reads.

use serde_json::{Map, Value, json};

use crate::roster;

use super::args::Listed;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;

/// Does what was asked.
pub async fn run(desk: &Desk, what: Listed, path: &str) -> Result<Shown, Failure> {
    let world = desk.world().await?;
    let top = group_at(&world.tree, path)?;
    let export = match what {
        Listed::Users => roster::exported_users(&world, top),
        Listed::Numbers => roster::exported_numbers(&world, top),
    };
    let file = export.whole(&world, &desk.author.viewer);
    let text = String::from_utf8(file).map_err(|error| Failure::new(error.to_string()))?;
    let json = rows(&text)?;
    Ok(Shown { json, text: text.trim_end_matches('\n').to_owned(), note: None })
}

/// The same lines as objects, cells as they are in the file.
fn rows(text: &str) -> Result<Value, Failure> {
    let unreadable = |error: csv::Error| Failure::new(error.to_string());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let heading = reader.headers().map_err(unreadable)?.clone();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let cells = heading.iter().zip(record.iter());
        let cells = cells.map(|(name, cell)| (name.to_owned(), json!(cell)));
        rows.push(Value::Object(cells.collect::<Map<_, _>>()));
    }
    Ok(Value::Array(rows))
}
