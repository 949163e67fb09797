//! All turns, for programs.

use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::meanwhile::{Happened, Meanwhile};
use super::options::Options;
use super::rounds::{Row, Turn};
use super::table;

/// Writes them to a file.
pub fn write(file: &Path, options: &Options, rows: &[Row]) {
    let text = json!({
        "setting": options.setting(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "numbers": options.numbers,
        "connections": options.connections,
        "rate": options.rate,
        "rows": rows.iter().map(|row| of(row, rows)).collect::<Vec<_>>(),
    });
    std::fs::write(file, format!("{text:#}\n")).expect("the file is written");
}

fn of(row: &Row, rows: &[Row]) -> Value {
    let overload = row.overload.map(|overload| {
        json!({
            "peak_per_second": overload.peak,
            "offered_per_second": overload.offered,
            "completed_per_second": overload.completed,
            "share_of_peak": overload.share(),
            "busy_at_peak": overload.busy_at_peak,
            "busy": overload.busy,
            "share_of_passed": overload.came_back(),
            "changed": overload.changed,
        })
    });
    json!({
        "task": row.task.name(),
        "server": row.kind.name(),
        "cpu_us_above_floor": table::above_floor(row, rows),
        "overload": overload,
        "meanwhile": row.meanwhile.iter().map(meanwhile).collect::<Vec<_>>(),
        "turns": row.turns.iter().map(turn).collect::<Vec<_>>(),
    })
}

fn meanwhile(meanwhile: &Meanwhile) -> Value {
    let ms = |took: Duration| took.as_secs_f64() * 1e3;
    let what = match &meanwhile.what {
        Happened::Changed(changes) => json!({
            "accepted_ms": changes.accepted.iter().copied().map(ms).collect::<Vec<_>>(),
            "refused": changes.refused,
        }),
        Happened::Ended(ended) => json!({
            "licenses": ended.licenses,
            "seats": ended.held,
            "revoked_ms": ended.revoked.map(ms),
            "left": ended.left,
            "deregistered": ended.leaves,
            "last_deregistered_ms": ended.last_leave.map(ms),
        }),
    };
    json!({"turn": turn(&meanwhile.turn), "what": what})
}

fn turn(turn: &Turn) -> Value {
    json!({
        "cpu_us": turn.cpu,
        "user_us": turn.user,
        "per_second": turn.rate,
        "p50_us": turn.p50,
        "p99_us": turn.p99,
        "p999_us": turn.p999,
        "pss_bytes": turn.memory,
        "lost": turn.lost,
        "unexpected": turn.unexpected,
    })
}
