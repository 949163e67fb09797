//! The tasks behind the wire: what follows the store, keeps seats, answers people and scrapes.

use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::answers::Desk;
use super::{Rooms, parts};
use crate::admin::control::{Answers, Control};
use crate::clock::Clock;
use crate::config::Config;
use crate::ledger::Ledger;
use crate::proxy::{Letter, Proxy};
use crate::quota::Changes;
use crate::refresh::{self, Refresh, Shared};
use crate::registrar::Registrar;
use crate::reminders::Reminders;
use crate::telemetry::{self, Metrics, RefusalQueue};
use crate::webhooks::{self, Courier, Notices};

/// Answers taken out of the queue at once.
const LETTERS: usize = 10_000;

/// What the tasks work on, and which only one of them may have.
pub struct Behind {
    pub refresh: Refresh,
    pub changes: mpsc::Receiver<Changes>,
    pub hand_out: mpsc::Sender<Changes>,
    pub refusals: RefusalQueue,
    pub held: mpsc::Receiver<Letter>,
    pub control: Control,
    pub scrape: TcpListener,
    pub courier: Courier,
    pub shared: Arc<Shared>,
}

impl Behind {
    /// Starts all of them; they end when `stop` is cancelled, or are aborted with the set.
    pub fn start(
        self,
        rooms: &Rooms,
        desk: &Arc<Desk>,
        metrics: &Arc<Metrics>,
        config: &Config,
        stop: &CancellationToken,
    ) -> JoinSet<()> {
        let clock = rooms.clock;
        let stopped = || stop.clone().cancelled_owned();
        let mut tasks = JoinSet::new();
        tasks.spawn(self.refresh.run(stopped()));
        tasks.spawn(refresh::pulse(Arc::clone(&rooms.quota), clock, self.hand_out, stopped()));
        let (recent, per_second) = (Arc::clone(&desk.recent), config.log.refusals_per_second);
        let (notices, inbox) = Notices::new();
        let hears = move |line: &telemetry::RefusalLine| notices.refused(line);
        let tree = Arc::clone(&self.shared);
        let name_of = move |gate| tree.world().tree.name_of(gate);
        let readers = telemetry::Readers { recent, name_of, hears };
        tasks.spawn(telemetry::write_refusals(self.refusals, per_second, readers));
        tasks.spawn(webhooks::run(parts::webhooks(self.courier, rooms, desk), inbox, stopped()));
        tasks.spawn(self.control.serve(Arc::clone(desk) as Arc<dyn Answers>));
        tasks.spawn(scrape(self.scrape, Arc::clone(metrics), stop.clone()));
        tasks.spawn(follow(self.changes, Arc::clone(&desk.proxy), clock));
        tasks.spawn(release(self.held, Arc::clone(&rooms.ledger), Arc::clone(&desk.proxy)));
        tasks.spawn(ask_for_tcp(config.clone(), Arc::clone(&desk.proxy)));
        if let Some(registrar) = &rooms.registrar {
            tasks.spawn(forget_bindings(Arc::clone(registrar), clock, stop.clone()));
        }
        tasks
    }
}

/// Keeps the seats until `stop`, and then writes what is left.
pub fn keep(ledger: &Arc<Ledger>, stop: &CancellationToken) -> JoinHandle<()> {
    let (ledger, stopped) = (Arc::clone(ledger), stop.clone().cancelled_owned());
    tokio::spawn(async move { ledger.run(stopped).await })
}

/// Mails before licenses end, where the config names a mail server.
pub fn remind(
    rooms: &Rooms,
    shared: &Arc<Shared>,
    config: &Config,
    stop: &CancellationToken,
) -> Option<JoinHandle<()>> {
    let mail = config.mail.clone()?;
    let (store, shared, clock) = (Arc::clone(&rooms.store), Arc::clone(shared), rooms.clock);
    let worlds = Box::new(move || shared.world());
    let reminders = Reminders::new(store, worlds, mail, config.reminders.at, stop.clone());
    Some(tokio::spawn(reminders.run(move || clock.now().moment())))
}

async fn scrape(listener: TcpListener, metrics: Arc<Metrics>, stop: CancellationToken) {
    if let Err(error) = telemetry::serve(listener, metrics, stop.cancelled_owned()).await {
        tracing::error!(%error, "metrics endpoint");
    }
}

/// What the quota took away is taken from the registrar too.
async fn follow(mut changes: mpsc::Receiver<Changes>, proxy: Arc<Proxy>, clock: Clock) {
    while let Some(changed) = changes.recv().await {
        proxy.changed(&changed, clock.now());
    }
}

/// Answers that promise a seat leave when it is on disk.
async fn release(mut held: mpsc::Receiver<Letter>, ledger: Arc<Ledger>, proxy: Arc<Proxy>) {
    let mut letters = Vec::new();
    while held.recv_many(&mut letters, LETTERS).await > 0 {
        ledger.flush().await;
        letters.drain(..).for_each(|letter| proxy.post(letter));
    }
}

/// Finds out, now and then, whether the upstream takes TCP connections.
async fn ask_for_tcp(config: Config, proxy: Arc<Proxy>) {
    let Some(address) = parts::asked_for_tcp(&config).await else { return };
    let mut tick = tokio::time::interval(Duration::from_secs(30));
    loop {
        tick.tick().await;
        let asked = tokio::time::timeout(Duration::from_secs(4), TcpStream::connect(address));
        proxy.upstream_takes_tcp(matches!(asked.await, Ok(Ok(_))));
    }
}

/// Bindings whose time is over return their memory.
async fn forget_bindings(registrar: Arc<Registrar>, clock: Clock, stop: CancellationToken) {
    let mut tick = tokio::time::interval(Duration::from_secs(10));
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = tick.tick() => {
                registrar.expire(clock.now());
            }
        }
    }
}
