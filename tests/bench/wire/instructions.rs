//! Instructions of `admitd` for each exchange, counted by callgrind: the same on every machine, however
//! busy it is. What it does when nobody asks is taken off.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use super::options::{Kind, Options, Task};
use super::rounds::{Contender, contender};
use super::site;
use super::tables::Tables;
use super::work::{Order, Pace, Work};

/// Exchanges that are counted; as many go before. Of the fewest numbers that there are by default, each is
/// new once.
const COUNTED: u64 = 5_000;
const WRITTEN_BY: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_secs(300);

/// Counts and prints.
pub fn count(options: &Options) {
    let tables = Tables::write(options.numbers, 0);
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{}", options.setting());
    for task in &options.only {
        let mut contender = contender(options, *task, Kind::Admitd, &tables, true);
        let each = at_task(options, *task, &mut contender);
        let _ = writeln!(out, "{:28} {each:8.0} instructions", task.name());
    }
}

fn at_task(options: &Options, task: Task, contender: &mut Contender) -> f64 {
    let mut work = site::work(task, options.numbers);
    // Code is translated when it runs first, and caches fill.
    ask(options, contender, &mut work, 0);
    tell(contender, &["zero"]);
    let began = Instant::now();
    let completed = ask(options, contender, &mut work, COUNTED);
    // What is written behind belongs to what was asked.
    std::thread::sleep(WRITTEN_BY);
    let busy = dump(contender);
    // As long without a request.
    std::thread::sleep(began.elapsed());
    let idle = dump(contender);
    (busy - idle) / completed.max(1) as f64
}

/// Of all numbers some, none twice where each can be new only once.
fn ask(options: &Options, contender: &mut Contender, work: &mut Work, from: u64) -> u64 {
    work.numbers.order = Order::Once { from, many: COUNTED };
    let outcome = contender.load.run(Pace::Closed(options.flight), work, LONGEST);
    if outcome.lost + outcome.unexpected > 0 {
        eprintln!("  {} lost, {} unexpected", outcome.lost, outcome.unexpected);
    }
    outcome.completed
}

/// What was counted since the last time.
fn dump(contender: &Contender) -> f64 {
    let before = newest(contender.server.folder());
    tell(contender, &["dump"]);
    let file = newest(contender.server.folder());
    assert_ne!(before, file, "callgrind writes a file");
    let text = fs::read_to_string(file.expect("a file")).expect("what was counted");
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).expect("a total")
}

fn tell(contender: &Contender, command: &[&str]) {
    let pid = format!("--pid={}", contender.server.pid());
    let done = Command::new("vgdb").arg(pid).args(command).output().expect("vgdb starts");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

/// The file with the highest number: counts.1, counts.2 …
fn newest(folder: &Path) -> Option<PathBuf> {
    let number = |path: &PathBuf| -> Option<u32> {
        path.file_name()?.to_str()?.strip_prefix("counts.")?.parse().ok()
    };
    let files = fs::read_dir(folder).ok()?.flatten().map(|entry| entry.path());
    files.filter(|path| number(path).is_some()).max_by_key(number)
}
