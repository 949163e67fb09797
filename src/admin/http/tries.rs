//! How often somebody may have something sent elsewhere: a few times at once, then one now and then.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::problem::Problem;

/// Tries at once, then one for each pause.
const AT_ONCE: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);
const PAUSE: Duration = Duration::from_secs(10);
/// With so many webhooks those that are at rest are forgotten.
const REMEMBERED: usize = 10_000;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tried {
    /// Whether mails arrive.
    Mail,
    /// Whether deliveries arrive at a webhook.
    Webhook(i64),
}

/// Counts tries.
#[derive(Debug)]
pub struct Tries {
    limiter: DefaultKeyedRateLimiter<Tried>,
    clock: DefaultClock,
}

impl Default for Tries {
    fn default() -> Self {
        let pause = Quota::with_period(PAUSE).unwrap_or(Quota::per_minute(NonZeroU32::MIN));
        let limiter = RateLimiter::keyed(pause.allow_burst(AT_ONCE));
        Self { limiter, clock: DefaultClock::default() }
    }
}

impl Tries {
    /// Counts one, where it is not one too many.
    pub fn count(&self, tried: Tried) -> Result<(), Problem> {
        if self.limiter.len() > REMEMBERED {
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&tried).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_secs();
            Problem::too_often(u32::try_from(wait).unwrap_or(u32::MAX).saturating_add(1))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_too_many_waits_and_others_do_not() {
        let tries = Tries::default();

        let allowed = (0..AT_ONCE.get()).all(|_| tries.count(Tried::Mail).is_ok());

        assert!(allowed);
        assert_eq!(tries.count(Tried::Mail).unwrap_err().status(), 429);
        assert_eq!(tries.count(Tried::Webhook(1)), Ok(()));
    }
}
