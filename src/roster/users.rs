//! A file of users: name, address, group, number and license, one line or several for each.

use std::collections::HashMap;

use crate::license::distribution::{Warning, is_claimed_by_others};
use crate::license::{GroupId, Holder, Number, NumberId, NumberKind, User, UserId, World, wording};

use super::Ground;
use super::fault::{Fault, Faults};
use super::fit::{self, Adds, Unit};
use super::license::{self, CellFault};
use super::people::{People, Person, USER_COLUMNS, UsersPlan};
use super::sheet::{Row, Sheet};

/// What a file of at most so many lines of users below `top` comes to and what easily goes wrong with it,
/// or all that is wrong.
pub fn users(
    bytes: &[u8],
    (top, most): (GroupId, usize),
    ground: &Ground<'_>,
) -> Result<(UsersPlan, Vec<Warning>), Faults> {
    let mut sheet = Sheet::read(bytes, &USER_COLUMNS, "name", most)?;
    let mut reading = Reading {
        ground,
        top,
        faults: std::mem::take(&mut sheet.broken),
        people: People::default(),
        numbers: HashMap::new(),
    };
    sheet.rows().for_each(|row| reading.take(&row));
    let Reading { faults, people, .. } = reading;
    let mut faults = Faults { lines: faults, obstacles: Vec::new() };
    let plan = people.plan();
    let units = own_sums(ground, &plan.units, &mut faults);
    match fit::check(ground, &units) {
        Ok(warnings) if faults.is_empty() => Ok((plan, warnings)),
        Ok(_) => Err(faults.sorted()),
        Err(others) => {
            faults.lines.extend(others.lines);
            faults.obstacles.extend(others.obstacles);
            Err(faults.sorted())
        }
    }
}

struct Reading<'a> {
    ground: &'a Ground<'a>,
    top: GroupId,
    faults: Vec<Fault>,
    people: People,
    /// The line of each number.
    numbers: HashMap<String, u64>,
}

impl Reading<'_> {
    fn take(&mut self, row: &Row<'_>) {
        let Some(name) = row.cell("name") else {
            self.faults.push(Fault::of_cell(row.line, "name", "it is empty"));
            return;
        };
        let known = known(self.ground, name);
        let first = || Person {
            line: row.line,
            name: name.to_owned(),
            email: None,
            groups: Vec::new(),
            licenses: Vec::new(),
            numbers: Vec::new(),
            known: known.as_ref().ok().copied().flatten().map(|user| user.id),
            faulty: false,
        };
        let person = self.people.named(name, first);
        let mut wrong: Vec<CellFault> = Vec::new();
        if let Some(fault) = wording::name_fault(name) {
            wrong.push(("name", format!("{name:?} is no name: {fault}")));
        }
        let known = known.unwrap_or_else(|fault| {
            wrong.push(("name", fault));
            None
        });
        wrong.extend(email(person, row, known).err());
        let group = group(self.ground, self.top, person, row, known);
        wrong.extend(group.err());
        wrong.extend(grant(self.ground, self.top, person, row, known).err().into_iter().flatten());
        match number(self.ground, &mut self.numbers, person, row) {
            Ok(number) => person.numbers.extend(number.map(|number| (row.line, number))),
            Err(faults) => wrong.extend(faults),
        }
        person.faulty |= !wrong.is_empty();
        self.faults.extend(
            wrong.into_iter().map(|(column, error)| Fault::of_cell(row.line, column, error)),
        );
    }
}

/// The user of this name, if there is one; that it belongs to one who is not seen may be told, but not
/// to whom.
fn known<'a>(ground: &Ground<'a>, name: &str) -> Result<Option<&'a User>, String> {
    let tree = &ground.world.tree;
    match tree.user_named(name) {
        Some(user) if !ground.viewer.sees(tree, Holder::User(user.id)) => {
            Err(format!("{name:?} is taken"))
        }
        user => Ok(user),
    }
}

fn email(person: &mut Person, row: &Row<'_>, known: Option<&User>) -> Result<(), CellFault> {
    let Some(email) = row.cell("email") else { return Ok(()) };
    if let Some(fault) = wording::email_fault(email) {
        return Err(("email", format!("{email:?} is no mail address: {fault}")));
    }
    if known.is_some_and(|user| user.email.as_deref() != Some(email)) {
        return Err(("email", "the user is there with another address".to_owned()));
    }
    match &person.email {
        Some(other) if other != email => {
            Err(("email", format!("line {} has another address", person.line)))
        }
        _ => {
            person.email = Some(email.to_owned());
            Ok(())
        }
    }
}

/// An empty cell of the first line means the group that the file is for, of a later line nothing.
fn group(
    ground: &Ground<'_>,
    top: GroupId,
    person: &mut Person,
    row: &Row<'_>,
    known: Option<&User>,
) -> Result<(), CellFault> {
    let id = match row.cell("group") {
        Some(path) => below(ground.world, top, path)
            .ok_or_else(|| ("group", format!("no group below is called {path:?}")))?,
        None if row.line == person.line => top,
        None => return Ok(()),
    };
    if known.is_some_and(|user| !user.groups.contains(&id)) {
        return Err(("group", "the user is there, and not in this group".to_owned()));
    }
    if !person.groups.contains(&id) {
        person.groups.push(id);
    }
    Ok(())
}

/// The group at a path below another.
fn below(world: &World, top: GroupId, path: &str) -> Option<GroupId> {
    let mut names = path.trim_matches('/').split('/');
    names.try_fold(top, |at, name| {
        let mut children = world.tree.children(at);
        children.find(|id| world.tree.group(*id).is_some_and(|group| group.name == name))
    })
}

fn grant(
    ground: &Ground<'_>,
    top: GroupId,
    person: &mut Person,
    row: &Row<'_>,
    known: Option<&User>,
) -> Result<(), Vec<CellFault>> {
    let tree = &ground.world.tree;
    let zone = tree.zone_of(person.groups.first().copied().unwrap_or(top));
    let Some(license) = license::read(row, zone, ground.at)? else { return Ok(()) };
    let Some(user) = known else {
        person.licenses.push(license);
        return Ok(());
    };
    let same = |held: &crate::license::License| {
        (held.sip_numbers, held.mobile_apps, held.features, held.validity, held.suspended)
            == (
                license.sip_numbers,
                license.mobile_apps,
                license.features,
                license.validity,
                license.suspended,
            )
    };
    let held = tree.licenses_of(Holder::User(user.id));
    if held.iter().any(|held| same(held)) {
        return Ok(());
    }
    Err(vec![("sip_numbers", "the user is there without such a license".to_owned())])
}

/// The number that a line creates; one that is there as given is passed over.
fn number(
    ground: &Ground<'_>,
    lines: &mut HashMap<String, u64>,
    person: &Person,
    row: &Row<'_>,
) -> Result<Option<Number>, Vec<CellFault>> {
    let Some(text) = row.cell("number") else {
        let stray = ["kind", "password"].into_iter().filter(|column| row.cell(column).is_some());
        let faults: Vec<_> =
            stray.map(|column| (column, "there is no number to it".to_owned())).collect();
        return if faults.is_empty() { Ok(None) } else { Err(faults) };
    };
    let mut wrong = Vec::new();
    let kind = kind(row).unwrap_or_else(|fault| {
        wrong.push(fault);
        NumberKind::default()
    });
    let password = password(row).unwrap_or_else(|fault| {
        wrong.push(fault);
        None
    });
    let id = person.known.unwrap_or(UserId(0));
    let found = spelled(ground, text).and_then(|aor| {
        alone(ground, lines, &aor, (Holder::User(id), kind), row.line).map(|new| (aor, new))
    });
    let (aor, is_new) = match found {
        Ok(found) => found,
        Err(fault) => {
            wrong.push(("number", fault));
            return Err(wrong);
        }
    };
    if is_claimed_by_others(ground.world, &aor, &person.groups) {
        wrong.push(("number", format!("{aor} is taken")));
    }
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let number = Number { id: NumberId(0), aor, owner: Holder::User(id), kind, password };
    Ok(is_new.then_some(number))
}

/// A number in its stored form.
pub(super) fn spelled(ground: &Ground<'_>, text: &str) -> Result<String, String> {
    let aor = (ground.spelling)(text)?;
    match wording::number_fault(&aor) {
        Some(fault) => Err(format!("{text:?} is no number: {fault}")),
        None => Ok(aor),
    }
}

/// Whether the number is new: on no other line, and on record for no other owner or kind.
pub(super) fn alone(
    ground: &Ground<'_>,
    lines: &mut HashMap<String, u64>,
    aor: &str,
    (owner, kind): (Holder, NumberKind),
    line: u64,
) -> Result<bool, String> {
    if let Some(first) = lines.get(aor) {
        return Err(format!("{aor} stands in line {first} already"));
    }
    lines.insert(aor.to_owned(), line);
    let Some(entry) = ground.world.directory.entry(aor) else { return Ok(true) };
    let tree = &ground.world.tree;
    if (entry.owner, entry.kind) == (owner, kind) {
        Ok(false)
    } else if ground.viewer.sees(tree, entry.owner) {
        let owner = ground.viewer.name_of(tree, entry.owner, None);
        Err(format!("{aor} is there: {}, of {owner}", entry.kind))
    } else {
        Err(format!("{aor} is taken"))
    }
}

pub(super) fn kind(row: &Row<'_>) -> Result<NumberKind, CellFault> {
    let kind = row.cell("kind").map(str::parse).transpose();
    Ok(kind.map_err(|error| ("kind", error))?.unwrap_or_default())
}

pub(super) fn password(row: &Row<'_>) -> Result<Option<String>, CellFault> {
    let password = row.cell("password");
    match password.and_then(wording::password_fault) {
        Some(fault) => Err(("password", format!("not a password: {fault}"))),
        None => Ok(password.map(str::to_owned)),
    }
}

/// Users whose numbers do not fit their own license are told one by one, each without its neighbours;
/// what is left is to be judged together.
fn own_sums(ground: &Ground<'_>, units: &[Unit], faults: &mut Faults) -> Vec<Unit> {
    let mut of: HashMap<UserId, Vec<Unit>> = HashMap::new();
    for unit in units {
        let id = match &unit.adds {
            Adds::User(user, _) => Some(user.id),
            Adds::Number(number) => match number.owner {
                Holder::User(id) => Some(id),
                Holder::Group(_) => None,
            },
        };
        if let Some(id) = id {
            of.entry(id).or_default().push(unit.clone());
        }
    }
    let mut unfit = Vec::new();
    for (id, own) in of {
        if !fits_at_a_glance(ground, &own)
            && let Err(others) =
                fit::check(&Ground { world: &alone_with(ground, &own, id), ..*ground }, &own)
        {
            faults.lines.extend(others.lines);
            faults.obstacles.extend(others.obstacles);
            unfit.push(id);
        }
    }
    let is_fit = |unit: &&Unit| match &unit.adds {
        Adds::User(user, _) => !unfit.contains(&user.id),
        Adds::Number(number) => !unfit.iter().any(|id| number.owner == Holder::User(*id)),
    };
    units.iter().filter(is_fit).cloned().collect()
}

/// New users without a license, or with one that holds their numbers now.
fn fits_at_a_glance(ground: &Ground<'_>, own: &[Unit]) -> bool {
    let Some(Unit { adds: Adds::User(_, licenses), .. }) = own.first() else { return false };
    let now = licenses.iter().filter(|license| license.validity.contains(ground.at));
    let granted: u64 = now.map(|license| u64::from(license.sip_numbers)).sum();
    let numbers = u64::try_from(own.len()).unwrap_or(u64::MAX) - 1;
    licenses.is_empty() || numbers <= granted
}

/// A world without gates above one user.
fn alone_with(ground: &Ground<'_>, own: &[Unit], id: UserId) -> World {
    let mut world = World::default();
    let tree = &ground.world.tree;
    let new = own.iter().find_map(|unit| match &unit.adds {
        Adds::User(user, _) => Some(user),
        Adds::Number(_) => None,
    });
    let user = tree.user(id).or(new);
    for group in user.iter().flat_map(|user| &user.groups) {
        for above in tree.lineage(*group).collect::<Vec<_>>().into_iter().rev() {
            let bare = crate::license::Group { restricted: false, ..above.clone() };
            world.tree.upsert_group(bare);
        }
    }
    if let Some(user) = tree.user(id) {
        world.tree.upsert_user(user.clone());
        for license in tree.licenses_of(Holder::User(id)) {
            world.tree.upsert_license(crate::license::License::clone(license));
        }
        world.tree.set_created(Holder::User(id), tree.created(Holder::User(id)));
    }
    world
}
