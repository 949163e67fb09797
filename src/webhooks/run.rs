//! The task of the daemon: it hears, queues and delivers until it is told to stop.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::clock::Clock;
use crate::license::{Viewer, World};
use crate::store::{Queued, Store, Webhook};

use super::endings::endings;
use super::{Courier, Inbox, Notice, Teller};

/// How often it is looked for new webhooks and for deliveries that are due.
const LOOK: Duration = Duration::from_secs(1);
const ENDINGS: Duration = Duration::from_secs(600);
const PRUNE: Duration = Duration::from_secs(3600);
/// Rounds under way at once: a slow receiver holds up one of them, not all.
const ROUNDS: usize = 8;
/// Deliveries that are queued in one transaction.
const QUEUED_AT_ONCE: usize = 500;

/// What the task works with.
pub struct Parts {
    pub store: Arc<Store>,
    pub courier: Courier,
    pub clock: Clock,
    /// The tree and the directory as last published.
    pub world: Box<dyn Fn() -> Arc<World> + Send + Sync>,
}

/// Hears and delivers until `stop`.
pub async fn run(parts: Parts, mut inbox: Inbox, stop: impl Future<Output = ()> + Send) {
    let mut task = Task {
        parts,
        hooks: Vec::new(),
        teller: Teller::default(),
        ends: HashSet::new(),
        away: false,
    };
    let mut rounds = JoinSet::new();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut endings_at, mut prune_at) = (Instant::now(), Instant::now() + PRUNE);
    tokio::pin!(stop);
    loop {
        tokio::select! {
            () = &mut stop => return,
            notices = inbox.next() => match notices.is_empty() {
                true => return,
                false => task.hear(&notices).await,
            },
            Some(_) = rounds.join_next() => {}
            at = look.tick() => {
                let known = task.hooks.clone();
                task.look().await;
                if task.hooks != known || at >= endings_at {
                    endings_at = at + ENDINGS;
                    task.tell_endings().await;
                }
                if at >= prune_at {
                    prune_at = at + PRUNE;
                    task.prune().await;
                }
                let lost = inbox.lost();
                if lost > 0 {
                    tracing::warn!(lost, "events that no webhook was told of: there were too many");
                }
                if rounds.len() < ROUNDS {
                    rounds.spawn(task.round());
                }
            }
        }
    }
}

struct Task {
    parts: Parts,
    hooks: Vec<Webhook>,
    teller: Teller,
    /// The ends that were queued before: the store is not asked again for each of them.
    ends: HashSet<(i64, String)>,
    /// The store does not answer, and that was said.
    away: bool,
}

impl Task {
    async fn look(&mut self) {
        let found = self.parts.store.webhooks(&Viewer::server()).await;
        if let Some(hooks) = self.noted(found) {
            self.hooks = hooks;
        }
    }

    async fn hear(&mut self, notices: &[Notice]) {
        if self.hooks.is_empty() {
            return;
        }
        let (world, now) = ((self.parts.world)(), self.parts.clock.now().moment());
        let (hooks, teller) = (&self.hooks, &mut self.teller);
        let told: Vec<Queued> =
            notices.iter().flat_map(|notice| teller.tell(notice, hooks, &world, now)).collect();
        self.queue(&told).await;
    }

    async fn tell_endings(&mut self) {
        let (world, now) = ((self.parts.world)(), self.parts.clock.now().moment());
        let mut told = endings(&self.hooks, &world, now);
        let key = |one: &Queued| Some((one.webhook, one.subject.clone()?.0));
        let ends = told.iter().filter_map(key).collect();
        told.retain(|one| key(one).is_none_or(|key| !self.ends.contains(&key)));
        if self.queue(&told).await {
            self.ends = ends;
        }
    }

    /// Whether all were queued.
    async fn queue(&mut self, told: &[Queued]) -> bool {
        let now = self.parts.clock.now().moment();
        for told in told.chunks(QUEUED_AT_ONCE) {
            let queued = self.parts.store.queue_deliveries(told, now).await;
            if self.noted(queued).is_none() {
                return false;
            }
        }
        true
    }

    async fn prune(&mut self) {
        let pruned = self.parts.store.prune_deliveries(self.parts.clock.now().moment()).await;
        self.noted(pruned);
    }

    /// Delivers until nothing is due.
    fn round(&self) -> impl Future<Output = ()> + Send + use<> {
        let Parts { store, courier, clock, .. } = &self.parts;
        let (store, courier, clock) = (Arc::clone(store), courier.clone(), *clock);
        async move {
            loop {
                match courier.round(&store, clock.now().moment()).await {
                    Ok(0) => return,
                    Ok(_) => {}
                    // The look at the webhooks says so.
                    Err(fault) => {
                        tracing::debug!(%fault, "deliveries wait");
                        return;
                    }
                }
            }
        }
    }

    /// A failure is said once, until the store answers again.
    fn noted<T>(&mut self, outcome: crate::store::Result<T>) -> Option<T> {
        match outcome {
            Ok(found) => {
                self.away = false;
                Some(found)
            }
            Err(fault) => {
                if !std::mem::replace(&mut self.away, true) {
                    tracing::error!(%fault, "webhooks: the store does not answer");
                }
                None
            }
        }
    }
}
