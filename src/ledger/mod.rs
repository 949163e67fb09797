//! Durable seats: what changed goes to the store behind the packets, in batches; after a restart it
//! comes back before anybody is served. It knows neither SIP nor who may have a seat.

mod record;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use crate::clock::Clock;
use crate::quota::{Changes, Dirty, Quota};
use crate::store::{Batch, BindingRow, Result, SeatRow, SeatStore};

pub use record::record;

/// Numbers of one transaction. What a transaction took in memory stays with the process.
const NUMBERS_AT_ONCE: usize = 2_000;
/// The same of numbers that have nothing any more. Very many go at once when a license ends; nobody waits
/// for that to be written, and after a kill they would be looked at again: the ledger rests in between.
const GONE_AT_ONCE: usize = 500;
const REST: Duration = Duration::from_millis(10);

/// Bindings that are kept over a restart beside the seats: the built-in registrar's.
pub trait Bindings: Send + Sync {
    /// Takes up to `max` numbers whose bindings changed, each with all that it has now.
    fn dirty(&self, max: usize) -> Vec<(String, Vec<BindingRow>)>;
    /// The same of numbers that have none any more: what can wait.
    fn gone(&self, max: usize) -> Vec<(String, Vec<BindingRow>)>;
    /// These could not be kept and are told again.
    fn dirty_again(&self, numbers: Vec<String>);
    /// Takes back what was kept.
    fn restore(&self, rows: Vec<BindingRow>);
}

/// What the ledger has done, for metrics.
#[derive(Debug, Default)]
pub struct Stats {
    pub batches: AtomicU64,
    pub numbers: AtomicU64,
    pub failures: AtomicU64,
    /// Rows that could not be read back.
    pub unreadable: AtomicU64,
}

/// Writes seats behind, and reads them back.
pub struct Ledger {
    quota: Arc<Quota>,
    bindings: Option<Arc<dyn Bindings>>,
    store: SeatStore,
    clock: Clock,
    /// How long a change waits for company.
    batch: Duration,
    /// Flushes that were asked for; each asks for all that is dirty at that moment.
    asked: AtomicU64,
    /// The last flush that is durable.
    durable: watch::Sender<u64>,
    wake: Notify,
    /// Rows are numbered in order of writing.
    version: AtomicU64,
    stats: Stats,
}

impl Ledger {
    /// A ledger over `store`; `bindings` are kept beside the seats where there are any.
    pub fn new(
        store: SeatStore,
        quota: Arc<Quota>,
        bindings: Option<Arc<dyn Bindings>>,
        clock: Clock,
        batch: Duration,
    ) -> Self {
        Self {
            quota,
            bindings,
            store,
            clock,
            batch,
            asked: AtomicU64::new(0),
            durable: watch::Sender::new(0),
            wake: Notify::new(),
            version: AtomicU64::new(0),
            stats: Stats::default(),
        }
    }

    /// Takes back what was kept. To be called after the first publish, before anybody is served.
    pub async fn restore(&self) -> Result<Changes> {
        let rows = self.store.seats().await?;
        let last = rows.iter().map(|row| row.version).max().unwrap_or_default();
        self.version.store(last.cast_unsigned(), Ordering::Relaxed);
        let now = self.clock.now();
        let records: Vec<_> = rows.iter().filter_map(|row| record(row, now)).collect();
        let unreadable = rows.len() - records.len();
        if unreadable > 0 {
            self.stats.unreadable.fetch_add(unreadable as u64, Ordering::Relaxed);
            tracing::warn!(unreadable, "seats that could not be read back");
        }
        if let Some(bindings) = &self.bindings {
            bindings.restore(self.store.bindings().await?);
        }
        Ok(self.quota.restore(records, now))
    }

    /// Writes batches until `stop`, and then what is left.
    pub async fn run(&self, stop: impl Future<Output = ()>) {
        tokio::pin!(stop);
        let (mut away, mut stopping, mut pause) = (false, false, self.batch);
        loop {
            tokio::select! {
                () = &mut stop, if !stopping => stopping = true,
                () = self.wake.notified(), if !away && !stopping => {}
                () = tokio::time::sleep(pause) => {}
            }
            let more = match self.drain().await {
                Ok(more) => {
                    if std::mem::take(&mut away) {
                        tracing::info!("seats are kept again");
                    }
                    more
                }
                Err(fault) => {
                    if !std::mem::replace(&mut away, true) {
                        tracing::error!(%fault, "seats cannot be kept; trying on");
                    }
                    false
                }
            };
            if stopping && !more {
                return;
            }
            pause = match more {
                true if stopping => Duration::ZERO,
                true => REST,
                false => self.batch,
            };
        }
    }

    /// Resolves when all that was granted until now survives a power cut; what was taken away does too,
    /// unless that is very much.
    pub async fn flush(&self) {
        // AcqRel: whoever drains for this number sees the changes that came before it.
        let mine = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.wake.notify_one();
        // The sender lives in `self`, so the wait cannot end by its loss.
        let _ = self.durable.subscribe().wait_for(|durable| *durable >= mine).await;
    }

    /// What was done until now.
    pub fn stats(&self) -> &Stats {
        &self.stats
    }

    /// Writes all that changed, and of what is gone as much as goes along; gives whether there may be
    /// more of that. By `run` alone: two at once could write a number out of order.
    async fn drain(&self) -> Result<bool> {
        // Read before the draining: a flush asked for later may not be in it.
        let asked = self.asked.load(Ordering::Acquire);
        loop {
            let mut seats = self.quota.changed(NUMBERS_AT_ONCE);
            let mut bindings = self.bindings_by(|kept| kept.dirty(NUMBERS_AT_ONCE));
            let last = seats.len().max(bindings.len()) < NUMBERS_AT_ONCE;
            let mut most_gone = 0;
            if last {
                let gone = self.quota.gone(GONE_AT_ONCE);
                let unbound = self.bindings_by(|kept| kept.gone(GONE_AT_ONCE));
                most_gone = gone.len().max(unbound.len());
                seats.extend(gone);
                bindings.extend(unbound);
            }
            if !seats.is_empty() || !bindings.is_empty() {
                self.write(seats, bindings).await?;
            }
            if last {
                let forth = |durable: &mut u64| std::mem::replace(durable, asked) != asked;
                self.durable.send_if_modified(forth);
                return Ok(most_gone == GONE_AT_ONCE);
            }
        }
    }

    fn bindings_by(
        &self,
        take: impl Fn(&dyn Bindings) -> Vec<(String, Vec<BindingRow>)>,
    ) -> Vec<(String, Vec<BindingRow>)> {
        self.bindings.as_deref().map_or_else(Vec::new, take)
    }

    async fn write(
        &self,
        seats: Vec<Dirty>,
        bindings: Vec<(String, Vec<BindingRow>)>,
    ) -> Result<()> {
        let version = self.version.fetch_add(1, Ordering::Relaxed) + 1;
        let now = self.clock.now();
        let row = |dirty: &Dirty| -> Option<SeatRow> {
            Some(record::row(dirty.record.as_ref()?, version.cast_signed(), now))
        };
        let (bindings_of, rows): (Vec<_>, Vec<_>) = bindings.into_iter().unzip();
        let batch = Batch {
            seats_of: seats.iter().map(|dirty| dirty.aor.to_string()).collect(),
            seats: seats.iter().filter_map(row).collect(),
            bindings_of,
            bindings: rows.into_iter().flatten().collect(),
        };
        if let Err(fault) = self.store.write(&batch).await {
            self.stats.failures.fetch_add(1, Ordering::Relaxed);
            self.quota.dirty_again(seats.into_iter().map(|dirty| dirty.aor));
            if let Some(bindings) = &self.bindings {
                bindings.dirty_again(batch.bindings_of);
            }
            return Err(fault);
        }
        self.stats.batches.fetch_add(1, Ordering::Relaxed);
        self.stats.numbers.fetch_add(seats.len() as u64, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
