//! The daemon's answers without a daemon: the same cache, filled from the database and the file of
//! seats as a start would fill it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use crate::clock::{Clock, Now};
use crate::ledger::Ledger;
use crate::license::World;
use crate::quota::{Limits, Quota, Seat, Touched};
use crate::store::{Batch, SeatStore};
use crate::view::Tally;

use super::desk::Desk;
use super::failure::Failure;

/// Everything that a daemon would know if it started now.
pub struct Offline {
    pub world: World,
    pub now: Now,
    quota: Arc<Quota>,
    ledger: Option<Ledger>,
}

impl Offline {
    /// Reads the database, and the seats where there are any.
    pub async fn load(desk: &Desk) -> Result<Self, Failure> {
        let world = desk.world().await?;
        let clock = Clock::start();
        let quota = Arc::new(Quota::new(Limits {
            late_margin_ms: millis(desk.config.admission.late_margin),
            ..Limits::default()
        }));
        let now = clock.now();
        quota.publish(&world.tree, world.directory.clone(), &Touched::Everything, now);
        let ledger = if desk.store.has_seats() {
            let ledger = Ledger::new(
                SeatStore::open(&desk.store).await?,
                quota.clone(),
                None,
                clock,
                desk.config.ledger.batch,
            );
            ledger.restore().await?;
            Some(ledger)
        } else {
            None
        };
        quota.tick(now);
        Ok(Self { world, now, quota, ledger })
    }

    /// Every seat.
    pub fn seats(&self) -> Vec<Seat> {
        self.quota.list(&|_| true, self.now)
    }

    /// What the seats add up to.
    pub fn usage(&self) -> Tally {
        Tally::of(&self.world.tree, &self.seats())
    }

    /// Ends a number's seats, or those of one device, on disk; gives how many.
    pub async fn free(
        &self,
        desk: &Desk,
        number: &str,
        device: Option<u32>,
    ) -> Result<i64, Failure> {
        let Some(ledger) = &self.ledger else { return Ok(0) };
        let Some(freed) = self.quota.free(number, device, self.now) else { return Ok(0) };
        ledger.run(std::future::ready(())).await;
        if device.is_none() {
            // Or the number's calls would still be routed to where it was registered.
            let batch = Batch { bindings_of: vec![number.to_owned()], ..Batch::default() };
            SeatStore::open(&desk.store).await?.write(&batch).await?;
        }
        Ok(i64::try_from(freed.devices.len() + freed.calls).unwrap_or(i64::MAX))
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Where an answer comes from when no daemon runs, with the age of what it was read from.
pub fn note(desk: &Desk) -> String {
    let age = desk.store.seats_written_at();
    let age = age.and_then(|at| SystemTime::now().duration_since(at).ok());
    match age {
        None if desk.store.has_seats() => {
            "the daemon does not run: answered from the database".into()
        }
        Some(age) => format!(
            "the daemon does not run: answered from the database; seats as of {} ago",
            ago(age.as_secs())
        ),
        None => "the daemon does not run: answered from the database; no seats on record".into(),
    }
}

fn ago(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_told_in_its_own_unit() {
        assert_eq!(ago(3), "3 s");
        assert_eq!(ago(180), "3 min");
        assert_eq!(ago(86_400), "24 h");
        assert_eq!(ago(864_000), "10 days");
    }
}
