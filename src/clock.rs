//! An instant as the wire sees it: wall time for validity, monotonic time for expiry. Plain data;
//! the one place that reads the clocks is [`Clock`], which belongs to the outermost rooms.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::license::Moment;

/// One reading of both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since 1970-01-01T00:00:00Z, by the wall clock.
    pub wall_ms: i64,
    /// Milliseconds since the process started; never steps.
    pub mono_ms: u64,
}

impl Now {
    /// The second of UTC that is in progress.
    pub fn moment(self) -> Moment {
        Moment(self.wall_ms.div_euclid(1000))
    }

    /// The wall time, in milliseconds, at which the monotonic clock shows `mono_ms`.
    pub fn wall_at(self, mono_ms: u64) -> i64 {
        self.wall_ms.saturating_add_unsigned(mono_ms).saturating_sub_unsigned(self.mono_ms)
    }

    /// The monotonic time at which the wall clock shows `wall_ms`; 0 for what lies before the start.
    pub fn mono_at(self, wall_ms: i64) -> u64 {
        self.mono_ms.saturating_add_signed(wall_ms.saturating_sub(self.wall_ms))
    }
}

/// Reads both clocks.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    start: Instant,
}

impl Clock {
    /// Starts monotonic time at zero.
    pub fn start() -> Self {
        Self { start: Instant::now() }
    }

    /// The time now. A wall clock before 1970 reads as 1970.
    pub fn now(&self) -> Now {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now {
            wall_ms: i64::try_from(wall.as_millis()).unwrap_or(i64::MAX),
            mono_ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
        }
    }
}
