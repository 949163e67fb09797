//! `import …`: a file is read whole, every faulty line told at once, and handed to the store, which
//! checks all of it before it writes any of it.

use std::collections::HashMap;
use std::io::IsTerminal;
use std::path::Path;

use serde_json::json;

use crate::license::{Entry, Holder, Number, NumberId, NumberKind, World, wording};

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
    let mut lines = HashMap::new();
    for record in reader.records() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                let (line, fault) = broken(&error).ok_or_else(|| unreadable(error))?;
                faults.push((line, fault));
                continue;
            }
        };
        let line = record.position().map_or(0, csv::Position::line);
        let number = columns.number(desk, world, &record);
        match number.and_then(|number| alone(world, &mut lines, number, line)) {
            Ok(number) => numbers.push(number),
            Err(fault) => faults.push((line, fault.error)),
        }
    }
    if faults.is_empty() { Ok(numbers) } else { Err(all_of(&faults)) }
}

/// A line that is no text, after which the file can be read on.
fn broken(error: &csv::Error) -> Option<(u64, String)> {
    let csv::ErrorKind::Utf8 { pos, .. } = error.kind() else { return None };
    Some((pos.as_ref().map_or(0, csv::Position::line), "is not UTF-8".to_owned()))
}

/// The number, unless another line or another owner has it. One that is there as given is passed over
/// later.
fn alone(
    world: &World,
    lines: &mut HashMap<String, u64>,
    number: Number,
    line: u64,
) -> Result<Number, Failure> {
    if let Some(first) = lines.get(&number.aor) {
        return Err(Failure::new(format!("{} stands in line {first} already", number.aor)));
    }
    let differs = |entry: &Entry| (entry.owner, entry.kind) != (number.owner, number.kind);
    if let Some(entry) = world.directory.entry(&number.aor).filter(differs) {
        let (kind, owner) = (entry.kind.name(), world.tree.name_of(entry.owner));
        return Err(Failure::new(format!("{} is there: {kind}, of {owner}", number.aor)));
    }
    lines.insert(number.aor.clone(), line);
    Ok(number)
}

/// Every fault for programs, the first ones for people.
fn all_of(faults: &[(u64, String)]) -> Failure {
    let shown = faults.iter().take(FAULTS_SHOWN);
    let mut text = "nothing was written".to_owned();
    shown.for_each(|(line, fault)| text.push_str(&format!("\nline {line}: {fault}")));
    let more = faults.len().saturating_sub(FAULTS_SHOWN);
    if more > 0 {
        text.push_str(&format!("\nand {more} more"));
    }
    let rows = faults.iter().map(|(line, error)| json!({"line": line, "error": error}));
    Failure { faults: rows.collect(), ..Failure::new(text) }
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
        let aor = desk.number(text)?;
        if let Some(fault) = wording::number_fault(&aor) {
            return Err(Failure::new(format!("{text:?} is no number: {fault}")));
        }
        if let Some(fault) = field(self.password).and_then(wording::password_fault) {
            return Err(Failure::new(format!("not a password: {fault}")));
        }
        Ok(Number {
            id: NumberId(0),
            aor,
            owner,
            kind: kind.unwrap_or_default(),
            password: field(self.password).map(str::to_owned),
        })
    }
}
