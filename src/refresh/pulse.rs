//! Once a second, and exactly at boundaries of licenses, seats end or give way. Very many may do so at
//! once, and packets go first: so the pulse rests in between. It never waits for the store.

use std::sync::Arc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::clock::{Clock, Now};
use crate::license::Moment;
use crate::quota::{Changes, Quota};

/// After each portion: longer than one takes, so that most packets meet none.
const REST: Duration = Duration::from_micros(200);
/// So long one beat may take with its rests; then it does without, for who holds a seat of a license that
/// ended is to lose it within a second.
const UNHURRIED: Duration = Duration::from_millis(500);

/// Crosses boundaries of licenses and ends seats whose time has come, once a second and exactly at
/// boundaries, until `stop`.
pub async fn pulse(
    quota: Arc<Quota>,
    clock: Clock,
    changes: mpsc::Sender<Changes>,
    stop: impl Future<Output = ()>,
) {
    let (lives, stopped) = std::sync::mpsc::sync_channel::<()>(0);
    // A thread of its own, that may rest, and that nothing has to wake at a boundary.
    let beating = tokio::task::spawn_blocking(move || {
        let pause = || pause_until(quota.next_boundary(), clock.now().wall_ms);
        while stopped.recv_timeout(pause()) == Err(RecvTimeoutError::Timeout) {
            beat(&quota, clock.now(), &changes);
        }
    });
    tokio::select! {
        () = stop => {}
        ended = beating => tracing::error!(?ended, "the pulse ended: seats do not end by themselves"),
    }
    drop(lives);
}

fn beat(quota: &Quota, now: Now, changes: &mpsc::Sender<Changes>) {
    let began = Instant::now();
    // Each time: a packet may have crossed the boundary before us, and it revokes nobody.
    quota.boundary_in_portions(now, &mut |portion| {
        hand_out(changes, portion);
        if !quota.is_awaited() && began.elapsed() < UNHURRIED {
            std::thread::sleep(REST);
        }
    });
    hand_out(changes, quota.tick(now));
}

fn hand_out(to: &mpsc::Sender<Changes>, changes: Changes) {
    if !changes.is_none() {
        // Whoever takes them stops after us; then nothing is left to be done for them.
        let _ = to.blocking_send(changes);
    }
}

/// A second at most: a license may come meanwhile, and the wall clock may be set.
fn pause_until(next: Option<Moment>, wall_ms: i64) -> Duration {
    const TICK: Duration = Duration::from_secs(1);
    let Some(next) = next else { return TICK };
    let ms = next.0.saturating_mul(1000).saturating_sub(wall_ms).max(1);
    TICK.min(Duration::from_millis(ms.unsigned_abs()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{FeatureSet, Validity};
    use crate::quota::fixture::{World, at, sec};

    #[test]
    fn a_pause_ends_at_the_boundary_or_after_a_second() {
        assert_eq!(pause_until(None, 0), Duration::from_secs(1));
        assert_eq!(pause_until(Some(Moment(10)), 9_700), Duration::from_millis(300));
        assert_eq!(pause_until(Some(Moment(100)), 9_700), Duration::from_secs(1));
        assert_eq!(pause_until(Some(Moment(1)), 9_700), Duration::from_millis(1));
    }

    #[tokio::test]
    async fn whoever_follows_hears_of_very_many_in_portions() {
        const SEATS: u32 = 200;
        let mut world = World::new();
        let root = world.root();
        let validity = Validity { from: None, until: Some(sec(10)) };
        world.license_for(root, SEATS, 0, validity, FeatureSet::NONE);
        world.claim(root, "1000", "1999");
        world.publish(at(0));
        (0..SEATS).for_each(|n| assert!(world.phone(1000 + n, "a").register(60, at(1)).is_ok()));
        let (changes, mut taken) = mpsc::channel(1);

        let beat = tokio::task::spawn_blocking(move || beat(&world.quota, at(10_000), &changes));
        let (mut revoked, mut portions) = (0, 0);
        while let Some(portion) = taken.recv().await {
            revoked += portion.revoked.len();
            portions += 1;
        }

        beat.await.unwrap();
        assert_eq!(revoked, SEATS as usize);
        assert!(portions > 2, "{portions}");
    }
}
