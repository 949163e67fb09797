//! The numbers and groups, the same for every server: ten numbers to a group, all of them admitted;
//! groups that are full; groups whose licenses have ended. And who of them asks what.

use super::options::Task;
use super::work::{Exchange, Numbers, Order, Work};

const PER_GROUP: u32 = 10;
/// Seats of a group that is full.
const FULL: u32 = 2;
const REFUSED: u32 = 1_000;
const ADMITTED: u32 = 20_000_000;
const TOO_MANY: u32 = 30_000_000;
const HOLDERS: u32 = 31_000_000;
const EXPIRED: u32 = 32_000_000;
const ENDING: u32 = 33_000_000;
const FIRST_GROUP: u32 = 2;
const SERVER: u32 = 1;

/// Groups that are alike.
pub struct Range {
    pub parent: u32,
    first_group: u32,
    groups: u32,
    pub seats: u32,
    pub ended: bool,
    /// The first number, and how many each group has.
    numbers: Vec<(u32, u32)>,
}

/// What is asked at a task, of `count` admitted numbers.
pub fn work(task: Task, count: u32) -> Work {
    let (first, count) = match task {
        Task::Refresh | Task::New | Task::Call => (ADMITTED, count),
        Task::Limit => (TOO_MANY, REFUSED),
        Task::Expired | Task::Invite => (EXPIRED, REFUSED),
    };
    let exchange = match task {
        Task::Call | Task::Invite => Exchange::Call,
        Task::Refresh | Task::New | Task::Limit | Task::Expired => Exchange::Register,
    };
    let numbers = Numbers { first, count, order: Order::Random };
    Work { exchange, numbers, expected: task.expected() }
}

/// What is asked before anything is measured: who has to have a seat takes one.
pub fn before(task: Task, count: u32) -> Option<Work> {
    let (first, count) = match task {
        Task::Refresh | Task::Call => (ADMITTED, count),
        Task::Limit => (HOLDERS, REFUSED / PER_GROUP * FULL),
        Task::New | Task::Expired | Task::Invite => return None,
    };
    let order = Order::Once { from: 0, many: u64::from(count) };
    let numbers = Numbers { first, count, order };
    Some(Work { exchange: Exchange::Register, numbers, expected: 200 })
}

/// What is asked of the numbers whose licenses end: each takes a seat, or keeps it.
pub fn ending(count: u32) -> Work {
    let order = Order::Once { from: 0, many: u64::from(count) };
    let numbers = Numbers { first: ENDING, count, order };
    Work { exchange: Exchange::Register, numbers, expected: 200 }
}

/// One of them.
pub fn first_ending() -> u32 {
    ENDING
}

/// The groups of the admitted numbers.
pub fn admitted_groups(count: u32) -> Vec<u32> {
    let [admitted, ..] = ranges(count);
    admitted.groups().collect()
}

/// The group above those whose licenses end: it comes after all of [`ranges`].
pub fn above_ending(count: u32) -> u32 {
    let [.., late] = ranges(count);
    late.first_group + late.groups
}

/// One number to a group, for so many numbers whose licenses end.
pub fn ending_range(count: u32, ending: u32) -> Range {
    let parent = above_ending(count);
    Range {
        parent,
        first_group: parent + 1,
        groups: ending,
        seats: 1,
        ended: false,
        numbers: vec![(ENDING, 1)],
    }
}

/// Of groups that are alike, for `count` admitted numbers.
pub fn ranges(count: u32) -> [Range; 3] {
    let (groups, refused) = (count.div_ceil(PER_GROUP), REFUSED / PER_GROUP);
    let full = FIRST_GROUP + groups;
    let admitted = vec![(ADMITTED, PER_GROUP)];
    let crowd = vec![(TOO_MANY, PER_GROUP), (HOLDERS, FULL)];
    let late = vec![(EXPIRED, PER_GROUP)];
    let range = |first_group, groups, seats, ended, numbers| Range {
        parent: SERVER,
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
    pub fn groups(&self) -> impl Iterator<Item = u32> {
        self.first_group..self.first_group + self.groups
    }

    /// Each number and its group.
    pub fn numbers(&self) -> impl Iterator<Item = (u32, u32)> {
        self.numbers.iter().flat_map(move |(first, each)| {
            (0..self.groups * each).map(move |at| (first + at, self.first_group + at / each))
        })
    }
}
