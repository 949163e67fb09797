//! A file of numbers: whose each is, by a group's path or a user's name.

use std::collections::HashMap;

use crate::license::distribution::{Change, Warning, is_claimed_by_others};
use crate::license::{Holder, Number, NumberId};
use crate::view;

use super::Ground;
use super::fault::{Fault, Faults};
use super::fit::{self, Adds, Unit};
use super::license::CellFault;
use super::sheet::{Row, Sheet};
use super::users::{alone, kind, password, spelled};

/// The columns of a file of numbers.
pub const NUMBER_COLUMNS: [&str; 5] = ["number", "group", "user", "kind", "password"];

/// What a file of numbers comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NumbersPlan {
    /// Those that are not there yet, in the order of their lines.
    pub new: Vec<Number>,
    /// All of them: by these an import that was interrupted is known again.
    pub rows: Vec<Number>,
    /// There already, as given.
    pub present: usize,
}

impl NumbersPlan {
    /// The one write that would do it.
    pub fn change(&self) -> Change {
        Change::AddNumbers(self.new.clone())
    }
}

/// What a file of at most so many lines of numbers comes to and what easily goes wrong with it, or all that
/// is wrong.
pub fn numbers(
    bytes: &[u8],
    most: usize,
    ground: &Ground<'_>,
) -> Result<(NumbersPlan, Vec<Warning>), Faults> {
    let mut sheet = Sheet::read(bytes, &NUMBER_COLUMNS, "number", most)?;
    let mut faults = Faults { lines: std::mem::take(&mut sheet.broken), ..Faults::default() };
    let (mut units, mut rows, mut lines) = (Vec::new(), Vec::new(), HashMap::new());
    for row in sheet.rows() {
        match number(ground, &mut lines, &row) {
            Ok((number, is_new)) => {
                if is_new {
                    let next = i64::try_from(units.len()).unwrap_or(i64::MAX);
                    let new = Number { id: NumberId(-1 - next), ..number.clone() };
                    units.push(Unit { line: row.line, adds: Adds::Number(new) });
                }
                rows.push(number);
            }
            Err(wrong) => faults.lines.extend(
                wrong.into_iter().map(|(column, error)| Fault::of_cell(row.line, column, error)),
            ),
        }
    }
    match fit::check(ground, &units) {
        Ok(warnings) if faults.is_empty() => {
            let new = units.into_iter().filter_map(|unit| match unit.adds {
                Adds::Number(number) => Some(number),
                Adds::User(..) => None,
            });
            let new: Vec<Number> = new.collect();
            let present = rows.len() - new.len();
            Ok((NumbersPlan { new, rows, present }, warnings))
        }
        Ok(_) => Err(faults.sorted()),
        Err(others) => {
            faults.lines.extend(others.lines);
            faults.obstacles.extend(others.obstacles);
            Err(faults.sorted())
        }
    }
}

/// The number of a line, and whether it is new; if not, it is there as given.
fn number(
    ground: &Ground<'_>,
    lines: &mut HashMap<String, u64>,
    row: &Row<'_>,
) -> Result<(Number, bool), Vec<CellFault>> {
    let mut wrong = Vec::new();
    let mut note = |fault: CellFault| wrong.push(fault);
    let owner = owner(ground, row).map_err(&mut note).ok();
    let kind = kind(row).map_err(&mut note).ok();
    let password = password(row).map_err(&mut note).ok();
    let aor = match row.cell("number") {
        Some(text) => spelled(ground, text).map_err(|error| note(("number", error))).ok(),
        None => {
            note(("number", "it is empty".to_owned()));
            None
        }
    };
    let (Some(owner), Some(kind), Some(password), Some(aor)) = (owner, kind, password, aor) else {
        return Err(wrong);
    };
    let is_new = alone(ground, lines, &aor, (owner, kind), row.line)
        .map_err(|error| vec![("number", error)])?;
    if is_claimed_by_others(ground.world, &aor, ground.world.tree.places(owner)) {
        return Err(vec![("number", format!("{aor} is taken"))]);
    }
    Ok((Number { id: NumberId(0), aor, owner, kind, password }, is_new))
}

fn owner(ground: &Ground<'_>, row: &Row<'_>) -> Result<Holder, CellFault> {
    let (column, name) = match (row.cell("group"), row.cell("user")) {
        (Some(path), None) => ("group", path.to_owned()),
        (None, Some(name)) => ("user", format!("user:{name}")),
        _ => return Err(("group", "name either a group or a user".to_owned())),
    };
    let tree = &ground.world.tree;
    let found = match column {
        "group" => ground.viewer.find(tree, &name).map(Holder::Group),
        _ => view::find(tree, &name).ok(),
    };
    found.filter(|holder| ground.viewer.sees(tree, *holder)).ok_or_else(|| {
        let name = name.trim_start_matches("user:");
        (column, format!("no {column} is called {name:?}"))
    })
}
