//! `import …`: a file is read whole, every faulty line told at once, and handed to the store, which
//! checks all of it before it writes any of it.

use std::io::IsTerminal;
use std::path::Path;

use serde_json::json;

use crate::license::{Holder, Number, NumberId, NumberKind, World};

use super::args::ImportCommand;
use super::desk::{Desk, Shown};
use super::failure::Failure;
use super::group::group_at;
use super::paint::counted;

/// Faulty lines that are told one by one.
const FAULTS_SHOWN: usize = 20;

/// Does what was asked.
pub async fn run(desk: &Desk, command: ImportCommand) -> Result<Shown, Failure> {
    let ImportCommand::Numbers { file } = command;
    let numbers = {
        let world = desk.world().await?;
        read(desk, &world, &file)?
    };
    let usage = desk.usage().await?;
    let told = std::io::stderr().is_terminal();
    let progress = |written: usize| {
        if told {
            eprintln!("{written} written");
        }
    };
    let done = desk.store.import_numbers(numbers, desk.terms(&usage), progress).await?;
    let added = counted(i64::try_from(done.added).unwrap_or(i64::MAX), "number");
    let text = format!("{added} added, {} there already", done.present);
    let json = json!({"added": done.added, "present": done.present});
    Ok(Shown { json, text, note: None }.with_warnings(&done.warnings))
}

fn read(desk: &Desk, world: &World, file: &Path) -> Result<Vec<Number>, Failure> {
    let unreadable = |error: csv::Error| Failure::new(format!("{}: {error}", file.display()));
    let mut reader = csv::ReaderBuilder::new()
        .trim(csv::Trim::All)
        .flexible(true)
        .from_path(file)
        .map_err(unreadable)?;
    let columns = Columns::of(reader.headers().map_err(unreadable)?)?;
    let (mut numbers, mut faults) = (Vec::new(), Vec::new());
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        match columns.number(desk, world, &record) {
            Ok(number) => numbers.push(number),
            Err(fault) => {
                let line = record.position().map_or(0, csv::Position::line);
                faults.push(format!("line {line}: {}", fault.error));
            }
        }
    }
    if faults.is_empty() {
        return Ok(numbers);
    }
    let more = faults.len().saturating_sub(FAULTS_SHOWN);
    faults.truncate(FAULTS_SHOWN);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    Err(Failure::new(format!("nothing was written\n{}", faults.join("\n"))))
}

/// Where each field stands.
struct Columns {
    number: usize,
    group: Option<usize>,
    user: Option<usize>,
    kind: Option<usize>,
    password: Option<usize>,
}

impl Columns {
    fn of(headers: &csv::StringRecord) -> Result<Self, Failure> {
        let known = ["number", "group", "user", "kind", "password"];
        if let Some(other) = headers.iter().find(|name| !known.contains(name)) {
            let known = known.join(", ");
            return Err(Failure::new(format!("unknown column {other:?}; there are {known}")));
        }
        let at = |name: &str| headers.iter().position(|header| header == name);
        Ok(Self {
            number: at("number").ok_or_else(|| Failure::new("there is no column \"number\""))?,
            group: at("group"),
            user: at("user"),
            kind: at("kind"),
            password: at("password"),
        })
    }

    fn number(
        &self,
        desk: &Desk,
        world: &World,
        record: &csv::StringRecord,
    ) -> Result<Number, Failure> {
        let field = |at: Option<usize>| record.get(at?).filter(|text| !text.is_empty());
        let text = field(Some(self.number)).ok_or_else(|| Failure::new("the number is empty"))?;
        let owner = match (field(self.group), field(self.user)) {
            (Some(path), None) => Holder::Group(group_at(&world.tree, path)?),
            (None, Some(name)) => desk.find(world, &format!("user:{name}"))?,
            _ => return Err(Failure::new("name either a group or a user")),
        };
        let kind = field(self.kind).map(str::parse::<NumberKind>).transpose()?;
        Ok(Number {
            id: NumberId(0),
            aor: desk.number(text)?,
            owner,
            kind: kind.unwrap_or_default(),
            password: field(self.password).map(str::to_owned),
        })
    }
}
