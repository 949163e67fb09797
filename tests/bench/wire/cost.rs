//! What a server and its children have used: processor time to the nanosecond, the share of it that was
//! the program's own, and memory.

use std::fs;
use std::time::Duration;

/// Totals since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Used {
    pub cpu: Duration,
    /// Sampled by the kernel, and so coarser.
    pub user: Duration,
}

impl Used {
    pub fn since(self, before: Self) -> Self {
        let user = self.user.saturating_sub(before.user);
        Self { cpu: self.cpu.saturating_sub(before.cpu), user }
    }

    pub fn add(&mut self, other: Self) {
        self.cpu += other.cpu;
        self.user += other.user;
    }
}

/// Of a process and all below it.
pub fn used(pid: u32) -> Used {
    let mut used = Used::default();
    for pid in family(pid) {
        used.cpu += threads(pid);
        used.user += user(pid);
    }
    used
}

/// Waits until a server has done what it does behind its answers, such as writing seats to disk; for five
/// minutes at most.
pub fn until_idle(pid: u32) {
    const LOOK: Duration = Duration::from_millis(500);
    const LOOKS: usize = 600;
    let mut before = used(pid).cpu;
    for _ in 0..LOOKS {
        std::thread::sleep(LOOK);
        let now = used(pid).cpu;
        if now.saturating_sub(before) < LOOK / 20 {
            return;
        }
        before = now;
    }
    eprintln!("  still busy after {} s", (LOOK * LOOKS as u32).as_secs());
}

/// Proportional set size of a process and all below it, in bytes.
pub fn memory(pid: u32) -> u64 {
    let of = |pid: u32| -> u64 {
        let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
        line.split_whitespace().next().and_then(|kib| kib.parse::<u64>().ok()).unwrap_or(0) * 1024
    };
    family(pid).into_iter().map(of).sum()
}

/// A process and all below it; of a parent only what its first thread has started.
pub fn family(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let below = fs::read_to_string(path).unwrap_or_default();
    let below = below.split_whitespace().filter_map(|pid| pid.parse().ok());
    std::iter::once(pid).chain(below.flat_map(family)).collect()
}

fn threads(pid: u32) -> Duration {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return Duration::ZERO };
    let of = |task: fs::DirEntry| -> u64 {
        let text = fs::read_to_string(task.path().join("schedstat")).unwrap_or_default();
        text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0)
    };
    Duration::from_nanos(tasks.flatten().map(of).sum())
}

fn user(pid: u32) -> Duration {
    const TICK: Duration = Duration::from_millis(10);
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name may hold spaces; it ends at the last parenthesis.
    let rest = text.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks = rest.split_whitespace().nth(11).and_then(|ticks| ticks.parse().ok());
    TICK * ticks.unwrap_or(0)
}
