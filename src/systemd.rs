//! What systemd is told: ready, reloading, stopping, a status line, and a watchdog tick only while
//! every worker is alive. Without systemd all of it is silence.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use sd_notify::NotifyState;

/// A worker that has not ticked for so long is dead: an idle one ticks once a second.
pub const DEAD_AFTER: Duration = Duration::from_secs(5);

/// When each worker was last seen alive, in monotonic milliseconds.
#[derive(Debug)]
pub struct Liveness {
    ticks: Box<[AtomicU64]>,
}

/// One worker's place in the table.
#[derive(Clone, Debug)]
pub struct Pulse {
    table: Arc<Liveness>,
    worker: usize,
}

impl Liveness {
    /// A table of workers, all of them seen at `mono_ms`.
    pub fn new(workers: usize, mono_ms: u64) -> Arc<Self> {
        Arc::new(Self { ticks: (0..workers).map(|_| AtomicU64::new(mono_ms)).collect() })
    }

    /// The place of one worker, to be ticked by it alone.
    pub fn pulse(self: &Arc<Self>, worker: usize) -> Pulse {
        Pulse { table: self.clone(), worker }
    }

    /// The workers that have not ticked within [`DEAD_AFTER`] before `mono_ms`.
    pub fn dead(&self, mono_ms: u64) -> Vec<usize> {
        let limit = u64::try_from(DEAD_AFTER.as_millis()).unwrap_or(u64::MAX);
        // Relaxed: a tick that is seen a moment late only delays by that moment.
        let silent = |tick: &AtomicU64| mono_ms.saturating_sub(tick.load(Ordering::Relaxed));
        let dead = self.ticks.iter().enumerate().filter(|(_, tick)| silent(tick) > limit);
        dead.map(|(worker, _)| worker).collect()
    }
}

impl Pulse {
    /// Says that the worker is alive; once for each batch, and once a second when idle.
    pub fn tick(&self, mono_ms: u64) {
        if let Some(tick) = self.table.ticks.get(self.worker) {
            tick.store(mono_ms, Ordering::Relaxed);
        }
    }
}

/// The tree is loaded and the sockets are bound.
pub fn ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
}

/// The config is read again; [`ready`] ends it.
pub fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(_) => tell(&[NotifyState::Reloading]),
    }
}

/// No new work is taken.
pub fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping")]);
}

/// The line that `systemctl status` shows.
pub fn status(text: &str) {
    tell(&[NotifyState::Status(&one_line(text))]);
}

/// How often [`watchdog`] is to be called, where systemd watches: half of what it allows.
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2)
}

/// Tells the watchdog that all is well, unless a worker is dead: those are given back, and systemd
/// restarts us when they stay so.
pub fn watchdog(liveness: &Liveness, mono_ms: u64) -> Result<(), Vec<usize>> {
    let dead = liveness.dead(mono_ms);
    if !dead.is_empty() {
        return Err(dead);
    }
    tell(&[NotifyState::Watchdog]);
    Ok(())
}

/// A line break would begin another message to systemd.
fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_worker_is_dead_and_a_ticking_one_is_not() {
        let table = Liveness::new(2, 1_000);
        let pulse = table.pulse(1);

        assert!(table.dead(6_000).is_empty());
        pulse.tick(6_000);

        assert_eq!(table.dead(6_001), [0]);
        assert_eq!(watchdog(&table, 6_001), Err(vec![0]));
        table.pulse(0).tick(6_002);
        assert_eq!(watchdog(&table, 6_003), Ok(()));
    }

    #[test]
    fn a_status_is_one_line() {
        assert_eq!(one_line("50 seats\nREADY=1"), "50 seats READY=1");
    }
}
