//! The table: medians of all turns, and what is above the floor of the same run.

use std::io::Write;

use comfy_table::Table;

use super::options::{Kind, Task};
use super::rounds::{Row, Turn};

/// Prints it.
pub fn print(rows: &[Row]) {
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
        table.add_row(line(row, floor(rows, row.task)));
    }
    let _ = writeln!(std::io::stdout().lock(), "{table}");
}

fn line(row: &Row, floor: Option<f64>) -> Vec<String> {
    let all = |of: fn(&Turn) -> f64| -> Vec<f64> { row.turns.iter().map(of).collect() };
    let median = |of: fn(&Turn) -> f64| median(all(of));
    let cpu = all(|turn| turn.cpu);
    let least = cpu.iter().copied().fold(f64::INFINITY, f64::min);
    let most = cpu.iter().copied().fold(0.0, f64::max);
    let own = median(|turn| turn.cpu);
    let above = match floor {
        Some(floor) if row.kind != Kind::Floor => format!("{:.2}", own - floor),
        _ => "–".to_owned(),
    };
    vec![
        format!("{}: {}", row.task.name(), row.kind.name()),
        format!("{own:.2}"),
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

fn floor(rows: &[Row], task: Task) -> Option<f64> {
    let row = rows.iter().find(|row| row.kind == Kind::Floor && row.task == task)?;
    Some(median(row.turns.iter().map(|turn| turn.cpu).collect()))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}
