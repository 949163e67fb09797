//! The table: medians of all turns, and what is above the floor of the same run.

use std::io::Write;

use comfy_table::Table;

use super::options::{Kind, Task};
use super::overload::Overload;
use super::rounds::{Row, Turn};

/// Prints it.
pub fn print(setting: &str, rows: &[Row]) {
    let mut table = Table::new();
    table.set_header([
        "",
        "CPU µs",
        "(from-to)",
        "above floor",
        "user µs",
        "per s",
        "p50 µs",
        "p99",
        "p99.9",
        "PSS MiB",
        "lost",
        "wrong",
    ]);
    for row in rows {
        table.add_row(line(row, rows));
    }
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{setting}\n{table}");
    beside(&mut out, rows);
    let pushed: Vec<(&Row, Overload)> =
        rows.iter().filter_map(|row| Some((row, row.overload?))).collect();
    if !pushed.is_empty() {
        let mut table = Table::new();
        table.set_header([
            "overload",
            "peak per s",
            "busy",
            "offered",
            "of twice",
            "completed",
            "of peak",
            "busy",
            "of passed",
            "changed",
        ]);
        for (row, overload) in pushed {
            table.add_row(overload_line(row, overload));
        }
        let _ = writeln!(out, "{table}");
    }
}

/// Latency without and with what happened meanwhile, and what did.
fn beside(out: &mut impl Write, rows: &[Row]) {
    let disturbed: Vec<&Row> = rows.iter().filter(|row| !row.meanwhile.is_empty()).collect();
    if disturbed.is_empty() {
        return;
    }
    let mut table = Table::new();
    let latency = ["p50 µs", "then", "p99", "then", "ratio", "p99.9", "then"];
    table.set_header(["meanwhile"].into_iter().chain(latency).chain(["lost", "wrong"]));
    for row in &disturbed {
        table.add_row(meanwhile_line(row));
    }
    let _ = writeln!(out, "{table}");
    for row in disturbed {
        for meanwhile in &row.meanwhile {
            let _ = writeln!(out, "{}: {}", name(row.task, row.kind), meanwhile.what.told());
        }
    }
}

fn meanwhile_line(row: &Row) -> Vec<String> {
    let then = || row.meanwhile.iter().map(|meanwhile| &meanwhile.turn);
    let before = |of: fn(&Turn) -> f64| median(row.turns.iter().map(of).collect());
    let after = |of: fn(&Turn) -> f64| median(then().map(of).collect());
    let micros = |value: f64| format!("{value:.0}");
    vec![
        name(row.task, row.kind),
        micros(before(|turn| turn.p50)),
        micros(after(|turn| turn.p50)),
        micros(before(|turn| turn.p99)),
        micros(after(|turn| turn.p99)),
        format!("{:.2}", after(|turn| turn.p99) / before(|turn| turn.p99)),
        micros(before(|turn| turn.p999)),
        micros(after(|turn| turn.p999)),
        then().map(|turn| turn.lost).sum::<u64>().to_string(),
        then().map(|turn| turn.unexpected).sum::<u64>().to_string(),
    ]
}

/// Median CPU of a row, above that of the floor at the same task; `None` of a floor, and without one.
pub fn above_floor(row: &Row, rows: &[Row]) -> Option<f64> {
    let cpu = |row: &Row| median(row.turns.iter().map(|turn| turn.cpu).collect());
    let floor = rows.iter().find(|other| other.kind == Kind::Floor && other.task == row.task)?;
    (row.kind != Kind::Floor).then(|| cpu(row) - cpu(floor))
}

/// The one in the middle; of an even number the upper of both.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

fn line(row: &Row, rows: &[Row]) -> Vec<String> {
    let all = |of: fn(&Turn) -> f64| -> Vec<f64> { row.turns.iter().map(of).collect() };
    let median = |of: fn(&Turn) -> f64| median(all(of));
    let cpu = all(|turn| turn.cpu);
    let least = cpu.iter().copied().fold(f64::INFINITY, f64::min);
    let most = cpu.iter().copied().fold(0.0, f64::max);
    let above = above_floor(row, rows).map_or("–".to_owned(), |above| format!("{above:.2}"));
    vec![
        name(row.task, row.kind),
        format!("{:.2}", median(|turn| turn.cpu)),
        format!("{least:.2}-{most:.2}"),
        above,
        format!("{:.2}", median(|turn| turn.user)),
        format!("{:.0}", median(|turn| turn.rate)),
        format!("{:.0}", median(|turn| turn.p50)),
        format!("{:.0}", median(|turn| turn.p99)),
        format!("{:.0}", median(|turn| turn.p999)),
        format!("{:.0}", median(|turn| turn.memory as f64 / 1_048_576.0)),
        row.turns.iter().map(|turn| turn.lost).sum::<u64>().to_string(),
        row.turns.iter().map(|turn| turn.unexpected).sum::<u64>().to_string(),
    ]
}

fn overload_line(row: &Row, overload: Overload) -> Vec<String> {
    vec![
        name(row.task, row.kind),
        format!("{:.0}", overload.peak),
        percent(overload.busy_at_peak),
        format!("{:.0}", overload.offered),
        percent(overload.offered / overload.peak / 2.0),
        format!("{:.0}", overload.completed),
        percent(overload.share()),
        percent(overload.busy),
        overload.came_back().map_or("–".to_owned(), percent),
        overload.changed.to_string(),
    ]
}

fn percent(share: f64) -> String {
    format!("{:.0} %", share * 100.0)
}

fn name(task: Task, kind: Kind) -> String {
    format!("{}: {}", task.name(), kind.name())
}
