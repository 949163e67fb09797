//! From the store to the wire: follows the change feed, publishes what changed, crosses boundaries of
//! licenses, compares everything now and then. When the store fails, the last good tree stands; over a
//! restart it is the store's own file that keeps it.

mod compare;
mod mirror;
mod pulse;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use chrono_tz::Tz;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use self::compare::Found;
use self::mirror::Mirror;
use crate::clock::Clock;
use crate::license::World;
use crate::quota::{Changes, Quota, Touched};
use crate::store::{Changed, Feed, Key, Known, Mark, Result, Store};

pub use mirror::Passwords;
pub use pulse::pulse;

/// How long a failing store is left alone.
const RETRY: Duration = Duration::from_secs(1);
/// How long a writer waits for its write to be in force.
const FOLLOWED: Duration = Duration::from_secs(1);
/// How often everything is compared.
const COMPARE: Duration = Duration::from_secs(600);
/// How often old rows of the feed are removed.
const PRUNE: Duration = Duration::from_secs(60);

/// What the refresh has done, for metrics.
#[derive(Debug, Default)]
pub struct Stats {
    /// Publishes since the start.
    pub published: AtomicU64,
    /// Failed looks at the store.
    pub failures: AtomicU64,
    /// Full comparisons, and what they found that the feed had not told.
    pub comparisons: AtomicU64,
    pub findings: AtomicU64,
    /// Records that have no place in the tree.
    pub misplaced: AtomicU64,
    /// Wall time, in milliseconds, at which the store last answered: the tree is as old as that.
    pub fresh_at_ms: AtomicI64,
}

/// What the task shares with the rest of the daemon.
pub struct Shared {
    pub stats: Stats,
    /// For the built-in registrar.
    pub passwords: Passwords,
    /// The tree and directory as last published.
    known: ArcSwap<Known>,
    /// Told after each look at the feed.
    looked: watch::Sender<()>,
    /// Told when roles, passwords, sessions or tokens changed.
    access: watch::Sender<()>,
    compare: Notify,
}

/// The task that keeps the quota at the store's heels.
pub struct Refresh {
    store: Arc<Store>,
    quota: Arc<Quota>,
    clock: Clock,
    mirror: Mirror,
    feed: Feed,
    shared: Arc<Shared>,
    /// What a publish revoked or woke; bounded by its maker, and waited for: a revocation is never
    /// dropped.
    changes: mpsc::Sender<Changes>,
    comparing: Option<oneshot::Receiver<Result<Found>>>,
    /// What the feed has told so far, counted.
    taken: u64,
    away: bool,
}

impl Shared {
    /// The tree and directory as last published.
    pub fn world(&self) -> Arc<World> {
        Arc::clone(&self.known.load().world)
    }

    /// The same with its place in the feed, for writers to begin from.
    pub fn known(&self) -> Arc<Known> {
        self.known.load_full()
    }

    /// Resolves when a write is in force, or after a second: a store that is away must keep nobody.
    pub async fn followed(&self, mark: Mark) {
        let mut looked = self.looked.subscribe();
        let read = looked.wait_for(|()| self.known.load().position.includes(&mark));
        // Either way whoever waits goes on.
        let _ = tokio::time::timeout(FOLLOWED, read).await;
    }

    /// Hears of changes to roles, passwords, sessions and tokens, whoever made them.
    pub fn access(&self) -> watch::Receiver<()> {
        self.access.subscribe()
    }

    /// Asks for a full comparison now (SIGHUP).
    pub fn compare(&self) {
        self.compare.notify_one();
    }
}

impl Refresh {
    /// Reads everything and publishes it; seats are to be restored after this.
    pub async fn start(
        store: Arc<Store>,
        quota: Arc<Quota>,
        clock: Clock,
        zone: Tz,
        changes: mpsc::Sender<Changes>,
    ) -> Result<Self> {
        let passwords = Passwords::default();
        let mirror = Mirror::load(&store, zone, passwords.clone()).await?;
        let feed = Feed::open(&store, &mirror.position).await?;
        let shared = Arc::new(Shared {
            stats: Stats::default(),
            passwords,
            known: ArcSwap::from_pointee(mirror.known()),
            looked: watch::Sender::new(()),
            access: watch::Sender::new(()),
            compare: Notify::new(),
        });
        let mut refresh = Self {
            store,
            quota,
            clock,
            mirror,
            feed,
            shared,
            changes,
            comparing: None,
            taken: 0,
            away: false,
        };
        refresh.note_findings();
        refresh.publish(&Touched::Everything).await;
        refresh.answered();
        Ok(refresh)
    }

    /// What others read and ask of the task.
    pub fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.shared)
    }

    /// Follows the store until `stop`.
    pub async fn run(mut self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let mut compare = tokio::time::interval_at(tokio::time::Instant::now() + COMPARE, COMPARE);
        let mut prune = tokio::time::interval_at(tokio::time::Instant::now() + PRUNE, PRUNE);
        let shared = self.shared();
        loop {
            tokio::select! {
                () = &mut stop => return,
                () = due(&self.feed, self.away) => self.look().await,
                found = compared(&mut self.comparing) => self.take_comparison(found).await,
                _ = compare.tick() => self.begin_comparison(),
                () = shared.compare.notified() => self.begin_comparison(),
                _ = prune.tick() => self.prune(),
            }
        }
    }

    /// Looks at the feed once and publishes what it tells.
    pub async fn look(&mut self) {
        match self.follow().await {
            Ok(()) => self.answered(),
            Err(fault) => self.failed(&fault),
        }
    }

    async fn follow(&mut self) -> Result<()> {
        self.store.check_file()?;
        while let Some(changed) = self.feed.look().await? {
            if !self.passed_on(&changed) {
                continue;
            }
            let touched = match self.take(&changed).await {
                Ok(touched) => touched,
                Err(fault) => {
                    // Not taken: told again when the store is back.
                    self.feed.restart(&self.mirror.position);
                    return Err(fault);
                }
            };
            self.publish(&touched).await;
        }
        let position = self.feed.position();
        if position != self.shared.known.load().position {
            self.mirror.position = position;
            self.note_position();
        }
        Ok(())
    }

    /// Tells those who keep what is not kept here; whether anything of it is.
    fn passed_on(&self, changed: &Changed) -> bool {
        let Changed::Keys(keys) = changed else {
            self.shared.access.send_replace(());
            return true;
        };
        if keys.contains(&Key::Access) {
            self.shared.access.send_replace(());
        }
        keys.iter().any(|key| *key != Key::Access)
    }

    async fn take(&mut self, changed: &Changed) -> Result<Touched> {
        self.taken += 1;
        let touched = match changed {
            Changed::Keys(keys) => {
                let touched = self.mirror.apply(&self.store, keys).await?;
                self.mirror.position = self.feed.position();
                touched
            }
            Changed::Everything => {
                let passwords = self.shared.passwords.clone();
                self.mirror = Mirror::load(&self.store, self.mirror.zone, passwords).await?;
                self.feed.restart(&self.mirror.position);
                Touched::Everything
            }
        };
        self.note_findings();
        Ok(touched)
    }

    async fn publish(&self, touched: &Touched) {
        let directory = self.mirror.world.directory.clone();
        let now = self.clock.now();
        let changes = self.quota.publish(&self.mirror.world.tree, directory, touched, now);
        self.shared.known.store(Arc::new(self.mirror.known()));
        self.shared.looked.send_replace(());
        self.shared.stats.published.fetch_add(1, Ordering::Relaxed);
        if !changes.is_none() {
            // Whoever takes them stops after us; then nothing is left to be done for them.
            let _ = self.changes.send(changes).await;
        }
    }

    /// The same world, further on in the feed.
    fn note_position(&self) {
        let world = self.shared.world();
        let (position, whole) = (self.mirror.position.clone(), self.mirror.findings.is_empty());
        self.shared.known.store(Arc::new(Known { world, position, whole }));
        self.shared.looked.send_replace(());
    }

    fn begin_comparison(&mut self) {
        if self.comparing.is_some() {
            return;
        }
        let (done, found) = oneshot::channel();
        self.comparing = Some(found);
        let (store, kept, zone) =
            (Arc::clone(&self.store), self.mirror.world.clone(), self.mirror.zone);
        let (passwords, taken) = (self.shared.passwords.clone(), self.taken);
        tokio::spawn(async move {
            let found = compare::compare(&store, kept, zone, passwords).await;
            // Nobody waits for it once the daemon stops.
            let _ = done.send(found.map(|found| Found { taken, ..found }));
        });
    }

    async fn take_comparison(&mut self, found: Result<Found>) {
        let found = match found {
            Ok(found) => found,
            Err(fault) => return self.failed(&fault),
        };
        self.shared.stats.comparisons.fetch_add(1, Ordering::Relaxed);
        // What the feed tells anyway is no finding: it is told first.
        self.look().await;
        let mut missed = found.keys.len();
        if found.taken != self.taken {
            missed = 0;
        }
        if found.drifted {
            missed += 1;
        }
        if missed > 0 {
            tracing::warn!(missed, "the change feed had not told all");
            self.shared.stats.findings.fetch_add(missed as u64, Ordering::Relaxed);
        }
        let changed = match (found.drifted, found.keys.is_empty()) {
            (true, _) => Changed::Everything,
            (false, true) => return,
            (false, false) => Changed::Keys(found.keys),
        };
        match self.take(&changed).await {
            Ok(touched) => self.publish(&touched).await,
            Err(fault) => self.failed(&fault),
        }
    }

    fn prune(&self) {
        let (store, position) = (Arc::clone(&self.store), self.mirror.position.clone());
        let now = self.clock.now().moment();
        tokio::spawn(async move {
            if let Err(fault) = store.prune_feed(&position).await {
                tracing::warn!(%fault, "old changes could not be removed");
            }
            if let Err(fault) = store.forget_answers(now).await {
                tracing::warn!(%fault, "answers to old writes could not be removed");
            }
        });
    }

    fn answered(&mut self) {
        self.shared.stats.fresh_at_ms.store(self.clock.now().wall_ms, Ordering::Relaxed);
        if std::mem::take(&mut self.away) {
            tracing::info!("the store answers again");
        }
    }

    fn failed(&mut self, fault: &crate::store::Error) {
        self.shared.stats.failures.fetch_add(1, Ordering::Relaxed);
        if !self.away {
            tracing::error!(%fault, "the store does not answer; the last good tree stands");
        }
        self.away = true;
    }

    fn note_findings(&self) {
        let findings = &self.mirror.findings;
        let before = self.shared.stats.misplaced.swap(findings.len() as u64, Ordering::Relaxed);
        if before != findings.len() as u64 {
            for finding in findings.iter().take(10) {
                tracing::warn!(%finding, "left out of the tree");
            }
        }
    }
}

/// A failing store is left alone for a while.
async fn due(feed: &Feed, away: bool) {
    if away {
        tokio::time::sleep(RETRY).await;
    } else {
        feed.due().await;
    }
}

async fn compared(comparing: &mut Option<oneshot::Receiver<Result<Found>>>) -> Result<Found> {
    let found = match comparing {
        Some(found) => found.await,
        None => std::future::pending().await,
    };
    *comparing = None;
    found
        .unwrap_or_else(|_| Err(crate::store::Error::NotFound("the comparison ended early".into())))
}

#[cfg(test)]
mod tests;
