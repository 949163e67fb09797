//! A large installation, written by hand: ten root groups, each level below wider than the one above.

use std::fmt::Write as _;

use super::base::{Base, Hand};

/// Rows of one statement.
const ROWS: usize = 5_000;
/// How the groups are spread over the levels, in thousandths.
const SPREAD: [usize; 8] = [1, 4, 15, 50, 100, 180, 250, 400];
/// Numbers that a group of the lowest level may have.
const PLACE: usize = 40;

/// Where to look.
pub struct Site {
    /// The groups of each level, by id.
    pub levels: Vec<Vec<i64>>,
}

/// Writes it all, and gives where to look.
pub async fn build(base: &Base, groups: usize, numbers: usize) -> Site {
    // The schema first.
    let store = admitd::store::Store::open(&base.url(), base.folder()).await;
    store.expect("a database").close().await;
    let mut hand = base.hand().await;
    let (levels, parents) = shape(groups);
    let width = levels.last().map_or(0, Vec::len);
    let places = places(&levels, &parents);
    write(
        &mut hand,
        "groups (id, parent_id, name, kind, restricted)",
        levels.concat().iter(),
        |id| format!("({id}, {}, 'G{id}', 'building', true)", parents[*id as usize]),
    )
    .await;
    write(
        &mut hand,
        "licenses (group_id, sip_numbers, mobile_apps, features)",
        levels.concat().iter(),
        |id| {
            let places = places[*id as usize];
            format!("({id}, {places}, {}, 'remote_door_opening')", places / 2)
        },
    )
    .await;
    let lowest = levels.last().cloned().unwrap_or_default();
    write(&mut hand, "users (id, name)", lowest.iter(), |id| format!("({id}, 'u{id}')")).await;
    write(&mut hand, "memberships (user_id, group_id)", lowest.iter(), |id| {
        format!("({id}, {id})")
    })
    .await;
    let all: Vec<usize> = (0..numbers).collect();
    write(&mut hand, "numbers (aor, user_id, kind)", all.iter(), |n| {
        let owner = lowest[*n % width];
        format!("('sip:{}@example.com', {owner}, 'phone')", 1_000_000 + n)
    })
    .await;
    Site { levels }
}

/// Ids by level, and the parent of each id.
fn shape(groups: usize) -> (Vec<Vec<i64>>, Vec<i64>) {
    let mut next = 2;
    let mut parents = vec![0, 0];
    let mut levels: Vec<Vec<i64>> = Vec::new();
    for share in SPREAD {
        let width = (groups * share / 1_000).max(1);
        let above = levels.last().cloned().unwrap_or_else(|| vec![1]);
        let level: Vec<i64> = (next..).take(width).collect();
        parents.extend((0..width).map(|at| above[at * above.len() / width]));
        next += width as i64;
        levels.push(level);
    }
    (levels, parents)
}

/// What each group is granted: enough for what stands below it, and a tenth.
fn places(levels: &[Vec<i64>], parents: &[i64]) -> Vec<usize> {
    let mut places = vec![0; parents.len()];
    for (depth, level) in levels.iter().enumerate().rev() {
        for id in level {
            let id = *id as usize;
            if depth + 1 == levels.len() {
                places[id] = PLACE;
            }
            places[id] += places[id] / 10 + 2;
            places[parents[id] as usize] += places[id];
        }
    }
    places
}

async fn write<T>(
    hand: &mut Hand,
    into: &str,
    rows: impl Iterator<Item = T>,
    row: impl Fn(T) -> String,
) {
    let rows: Vec<String> = rows.map(row).collect();
    for rows in rows.chunks(ROWS) {
        let mut sql = String::new();
        let _ = write!(sql, "insert into {into} values {}", rows.join(", "));
        hand.run(&sql).await;
    }
}
