//! The users that a file is about: what its lines say of each, put together.

use std::collections::HashMap;

use crate::license::distribution::Change;
use crate::license::{GroupId, Holder, License, LicenseId, Number, NumberId, User, UserId};

use super::fit::{Adds, Unit, change};

/// The columns of a file of users.
pub const USER_COLUMNS: [&str; 13] = [
    "name",
    "email",
    "group",
    "number",
    "kind",
    "password",
    "sip_numbers",
    "mobile_apps",
    "valid_from",
    "valid_until",
    "features",
    "license_type",
    "suspended",
];

/// What a file of users comes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UsersPlan {
    pub(super) units: Vec<Unit>,
    /// New users.
    pub users: usize,
    /// New numbers.
    pub numbers: usize,
    /// New licenses.
    pub licenses: usize,
    /// Users and numbers that are there already, as given.
    pub present: usize,
}

/// One user, as the lines so far have it.
pub struct Person {
    /// The first line that names them.
    pub line: u64,
    pub name: String,
    pub email: Option<String>,
    pub groups: Vec<GroupId>,
    pub licenses: Vec<License>,
    pub numbers: Vec<(u64, Number)>,
    /// On record already.
    pub known: Option<UserId>,
    /// Whether a line of theirs is faulty.
    pub faulty: bool,
}

/// All of them by name.
#[derive(Default)]
pub struct People(HashMap<String, Person>);

impl UsersPlan {
    /// The one write that does it.
    pub fn change(&self) -> Change {
        change(&self.units)
    }

    /// Whether there is nothing to write.
    pub fn is_empty(&self) -> bool {
        self.units.is_empty()
    }
}

impl People {
    /// The person of this name, made by `first` where the name is new.
    pub fn named(&mut self, name: &str, first: impl FnOnce() -> Person) -> &mut Person {
        self.0.entry(name.to_owned()).or_insert_with(first)
    }

    /// Everybody without a faulty line, as records in the order of their lines.
    pub fn plan(self) -> UsersPlan {
        let mut plan = UsersPlan::default();
        let (mut licenses, mut numbers) = (0, 0);
        let mut people: Vec<Person> =
            self.0.into_values().filter(|person| !person.faulty).collect();
        people.sort_unstable_by_key(|person| person.line);
        for (person, index) in people.into_iter().zip(1..) {
            let id = person.known.unwrap_or(UserId(-index));
            if person.known.is_some() {
                plan.present += 1;
            } else {
                plan.users += 1;
                plan.licenses += person.licenses.len();
                let granted = person.licenses.into_iter().map(|license| {
                    licenses -= 1;
                    License { id: LicenseId(licenses), holder: Holder::User(id), ..license }
                });
                let granted = granted.collect();
                let (name, email, groups) = (person.name, person.email, person.groups);
                let adds = Adds::User(User { id, name, email, groups }, granted);
                plan.units.push(Unit { line: person.line, adds });
            }
            for (line, number) in person.numbers {
                numbers -= 1;
                let number = Number { id: NumberId(numbers), owner: Holder::User(id), ..number };
                plan.units.push(Unit { line, adds: Adds::Number(number) });
            }
        }
        plan.numbers =
            plan.units.iter().filter(|unit| matches!(unit.adds, Adds::Number(_))).count();
        // A user's record comes before the numbers of the same line: the sort keeps their order.
        plan.units.sort_by_key(|unit| unit.line);
        plan
    }
}
