//! The numbers and groups, the same for every server: ten numbers to a group, all of them admitted;
//! groups that are full; groups whose licenses have ended.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::base::{Base, Hand};
use super::load::Numbers;
use super::options::Task;

/// Rows of one statement.
const ROWS: usize = 5_000;
const PER_GROUP: u32 = 10;
/// Seats of a group that is full.
const FULL: u32 = 2;
const REFUSED: u32 = 1_000;
const ADMITTED: u32 = 20_000_000;
const TOO_MANY: u32 = 30_000_000;
const HOLDERS: u32 = 31_000_000;
const EXPIRED: u32 = 32_000_000;
const FIRST_GROUP: u32 = 2;

/// Groups that are alike.
struct Range {
    first_group: u32,
    groups: u32,
    seats: u32,
    ended: bool,
    /// The first number, and how many each group has.
    numbers: Vec<(u32, u32)>,
}

/// Who asks, of `count` admitted numbers.
pub fn askers(task: Task, count: u32) -> Numbers {
    let (first, count) = match task {
        Task::Refresh => (ADMITTED, count),
        Task::Limit => (TOO_MANY, REFUSED),
        Task::Expired => (EXPIRED, REFUSED),
    };
    Numbers { first, count, once: false }
}

/// Who has to have a seat before anything is measured.
pub fn holders(count: u32) -> [Numbers; 2] {
    let full = REFUSED / PER_GROUP * FULL;
    [
        Numbers { first: ADMITTED, count, once: true },
        Numbers { first: HOLDERS, count: full, once: true },
    ]
}

fn ranges(count: u32) -> [Range; 3] {
    let (groups, refused) = (count.div_ceil(PER_GROUP), REFUSED / PER_GROUP);
    let full = FIRST_GROUP + groups;
    let admitted = vec![(ADMITTED, PER_GROUP)];
    let crowd = vec![(TOO_MANY, PER_GROUP), (HOLDERS, FULL)];
    let late = vec![(EXPIRED, PER_GROUP)];
    let range = |first_group, groups, seats, ended, numbers| Range {
        first_group,
        groups,
        seats,
        ended,
        numbers,
    };
    [
        range(FIRST_GROUP, groups, PER_GROUP * 2, false, admitted),
        range(full, refused, FULL, false, crowd),
        range(full + refused, refused, PER_GROUP, true, late),
    ]
}

impl Range {
    fn groups(&self) -> impl Iterator<Item = u32> {
        self.first_group..self.first_group + self.groups
    }

    /// Each number and its group.
    fn numbers(&self) -> impl Iterator<Item = (u32, u32)> {
        self.numbers.iter().flat_map(move |(first, each)| {
            (0..self.groups * each).map(move |at| (first + at, self.first_group + at / each))
        })
    }
}

/// The database of `admitd`.
pub async fn database(base: &Base, count: u32) {
    // The schema first.
    let store = admitd::store::Store::open(&base.url(), base.folder()).await;
    store.expect("a database").close().await;
    let mut hand = base.hand().await;
    for range in ranges(count) {
        let groups = range.groups().map(|id| format!("({id}, 1, 'G{id}', 'building', true)"));
        write(&mut hand, "groups (id, parent_id, name, kind, restricted)", groups).await;
        let (seats, until) = (range.seats, if range.ended { "2" } else { "null" });
        let licenses = range.groups().map(|id| format!("({id}, {seats}, 1, {until})"));
        write(&mut hand, "licenses (group_id, sip_numbers, valid_from, valid_until)", licenses)
            .await;
        let numbers = range
            .numbers()
            .map(|(number, group)| format!("('sip:{number}@example.com', {group}, 'phone')"));
        write(&mut hand, "numbers (aor, group_id, kind)", numbers).await;
    }
}

async fn write(hand: &mut Hand, into: &str, rows: impl Iterator<Item = String>) {
    let rows: Vec<String> = rows.collect();
    for rows in rows.chunks(ROWS) {
        hand.run(&format!("insert into {into} values {}", rows.join(", "))).await;
    }
}

/// The hash tables of Kamailio, as files of its db_text.
pub fn tables(folder: &Path, count: u32) {
    const COLUMNS: &str = "id(int,auto) key_name(string) key_type(int) value_type(int) \
        key_value(string) expires(int)\n";
    const FOREVER: u32 = i32::MAX as u32;
    let mut tables = ["acct", "glimit", "gfrom", "guntil"].map(|name| (name, COLUMNS.to_owned()));
    let mut id = 0;
    for range in ranges(count) {
        let mut put = |table: &mut String, key: u32, value: u32| {
            id += 1;
            let _ = writeln!(table, "{id}:{key}:0:1:{value}:0");
        };
        let [acct, limit, from, until] = &mut tables;
        for (number, group) in range.numbers() {
            put(&mut acct.1, number, group);
        }
        for group in range.groups() {
            put(&mut limit.1, group, range.seats);
            put(&mut from.1, group, 1);
            put(&mut until.1, group, if range.ended { 2 } else { FOREVER });
        }
    }
    let mut versions = "id(int,auto) table_name(string) table_version(int)\n".to_owned();
    for (id, (name, rows)) in tables.into_iter().enumerate() {
        let _ = writeln!(versions, "{id}:{name}:2");
        fs::write(folder.join(name), rows).expect("a table");
    }
    fs::write(folder.join("version"), versions).expect("a table");
}
