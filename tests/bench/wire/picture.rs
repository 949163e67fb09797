//! The cost above the floor as bars, one for each server at each task; an SVG that reads on a light page
//! and on a dark one.

use std::fmt::Write as _;
use std::path::Path;

use super::options::{Kind, Options, Task};
use super::rounds::Row;
use super::table;

const WIDTH: f64 = 760.0;
/// Names stand left of the bars, figures right of them.
const LEFT: f64 = 210.0;
const RIGHT: f64 = 70.0;
const TOP: f64 = 64.0;
const BAR: f64 = 16.0;
const GAP: f64 = 18.0;

const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.small { font-size: 12px; fill: #57606a }
.figure { font-size: 12px }
.admitd { fill: #1a7f64 }
.forward { fill: #8c959f }
.tm { fill: #bdc4cc }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .small { fill: #9198a1 }
  .admitd { fill: #3fb68b }
  .forward { fill: #7d8590 }
  .tm { fill: #4d555e }
}";

/// Draws them into a file.
pub fn write(file: &Path, options: &Options, rows: &[Row]) {
    std::fs::write(file, draw(options, rows)).expect("the file is written");
}

fn draw(options: &Options, rows: &[Row]) -> String {
    let of = |row: &Row| Some((row.task, row.kind, table::above_floor(row, rows)?.max(0.0)));
    let bars: Vec<(Task, Kind, f64)> = rows.iter().filter_map(of).collect();
    let most = bars.iter().map(|(.., value)| *value).fold(0.1, f64::max);
    let mut body = String::new();
    let mut y = TOP;
    for task in &options.only {
        let mut bars = bars.iter().filter(|(of, ..)| of == task).peekable();
        if bars.peek().is_none() {
            continue;
        }
        let _ = writeln!(body, r#"<text x="0" y="{:.0}">{}</text>"#, y + 12.5, task.name());
        for (_, kind, value) in bars {
            bar(&mut body, y, *kind, *value, value / most);
            y += BAR + 2.0;
        }
        y += GAP;
    }
    let title = "Processor time above that of moving the messages, µs for each exchange";
    let turns = match options.rounds {
        1 => "one turn".to_owned(),
        rounds => format!("medians of {rounds} turns"),
    };
    let _ = writeln!(body, r#"<text class="title" x="0" y="16">{title}</text>"#);
    let _ = writeln!(
        body,
        r#"<text class="small" x="0" y="36">{}; {turns}; less is better</text>"#,
        options.setting(),
    );
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"-12 -8 {:.0} {:.0}\" role=\"img\" \
         aria-label=\"{title}\">\n<style>\n{STYLE}\n</style>\n{body}</svg>\n",
        WIDTH + 24.0,
        y + 8.0,
    )
}

/// One bar, its length as a share of the longest, with its name and figure.
fn bar(body: &mut String, y: f64, kind: Kind, value: f64, share: f64) {
    let class = match kind {
        Kind::Floor | Kind::Admitd => "admitd",
        Kind::Forward => "forward",
        Kind::Tm => "tm",
    };
    let width = (share * (WIDTH - LEFT - RIGHT - 120.0)).max(1.0);
    let begin = LEFT + 120.0;
    let baseline = y + 12.5;
    let _ = writeln!(
        body,
        r#"<text class="small" x="{LEFT}" y="{baseline:.1}">{}</text><rect class="{class}" x="{begin}" y="{y:.1}" width="{width:.1}" height="{BAR}" rx="2"/><text class="figure" x="{:.1}" y="{baseline:.1}">{value:.1}</text>"#,
        kind.name(),
        begin + width + 6.0,
    );
}
