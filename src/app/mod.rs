//! The daemon put together: the one room that knows all others. It opens, starts, reloads and stops;
//! what a message or a license is, others know.

mod answers;
mod bindings;
mod observed;
mod parts;
mod reload;
mod tasks;

use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::admin::control::Control;
use crate::admin::http;
use crate::admission::Admission;
use crate::clock::Clock;
use crate::config::Config;
use crate::demo::{self, Stage};
use crate::ledger::Ledger;
use crate::people::{People, link_url};
use crate::quota::{Changes, Quota};
use crate::refresh::Refresh;
use crate::registrar::Registrar;
use crate::store::{Claim, SeatStore, Store};
use crate::systemd::{self, Liveness};
use crate::telemetry::{self, Metrics, RefusalLog};
use crate::transport;
use crate::webhooks::Courier;

use answers::Desk;
use bindings::KeptBindings;
use tasks::Behind;

/// Changes on their way from the quota to the registrar: waited for, never dropped.
const CHANGES: usize = 64;
/// Answers that wait for the ledger at once.
const HELD: usize = 10_000;

/// How long a mail on its way may hold up the end.
const LAST_MAIL: Duration = Duration::from_secs(10);

/// Why the daemon does not start.
type Fault = Box<dyn std::error::Error + Send + Sync>;

/// Runs the daemon until it is told to stop; the demo on a stage of its own.
pub fn run(config: Config, demo: bool) -> ExitCode {
    let stage = match demo.then(Stage::set).transpose() {
        Ok(stage) => stage,
        Err(fault) => {
            eprintln!("admitd: {fault}");
            return ExitCode::FAILURE;
        }
    };
    let config = stage.as_ref().map_or(config, |stage| stage.config().clone());
    let logging = match aside(|| telemetry::start(&config.log)) {
        Ok(logging) => logging,
        Err(fault) => {
            eprintln!("admitd: {fault}");
            return ExitCode::FAILURE;
        }
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("behind")
        .on_thread_start(give_way)
        .enable_all()
        .build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(serve(config, logging, stage.as_ref())),
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            tracing::error!(%fault, "stopped");
            eprintln!("admitd: {fault}");
            ExitCode::FAILURE
        }
    }
}

/// Does something by a thread that gives way, so that the threads that it starts do as well.
fn aside<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let work = || {
        give_way();
        work()
    };
    match std::thread::scope(|scope| scope.spawn(work).join()) {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Threads behind the wire, and those that they start, leave the processor to the workers where there is
/// too little for all: a hundred thousand seats that end at once must not hold up a packet, nor must the
/// log of refusals.
fn give_way() {
    // A tenth of a worker's share: enough for a license to change while the workers have more to do than
    // they can.
    const NICE: i32 = 10;
    // Where it is forbidden they share alike.
    let _ = rustix::process::setpriority_process(None, NICE);
}

/// A fault with the name of what it is about.
fn named(what: &dyn std::fmt::Display, fault: impl std::fmt::Display) -> Fault {
    format!("{what}: {fault}").into()
}

/// The rooms behind the wire.
struct Rooms {
    store: Arc<Store>,
    quota: Arc<Quota>,
    admission: Arc<Admission>,
    registrar: Option<Arc<Registrar>>,
    ledger: Arc<Ledger>,
    clock: Clock,
    /// Two daemons on one database would each admit the whole limit.
    _sole: Claim,
}

async fn serve(
    config: Config,
    logging: telemetry::Logging,
    stage: Option<&Stage>,
) -> Result<(), Fault> {
    if let Some(stage) = stage {
        stage.furnish().await?;
    }
    let clock = Clock::start();
    let stop = CancellationToken::new();
    // The threads of the database give way.
    let runtime = tokio::runtime::Handle::current();
    let opened = aside(|| runtime.block_on(open(&config, clock)));
    let (rooms, refresh, changes, hand_out) = opened?;
    let shared = refresh.shared();

    let bound = transport::bind(parts::transport(&config, &rooms.store).await?)?;
    let addresses = bound.addresses().clone();
    parts::keep_ports(&rooms.store, &addresses).await?;
    let workers = parts::workers(&config);
    let liveness = Liveness::new(workers, clock.now().mono_ms);
    let metrics = Metrics::new(config.metrics.max_groups);
    let (refusals, refusal_lines) = RefusalLog::new();
    let (hold, held) = mpsc::channel(HELD);
    let proxy = parts::proxy(
        &config,
        &rooms,
        Arc::clone(&shared),
        &addresses,
        (&metrics, refusals, Arc::clone(&liveness)),
        config.admission.commit_before_answer.then_some(hold),
    )
    .await?;
    let desk = Arc::new(Desk {
        quota: Arc::clone(&rooms.quota),
        shared: Arc::clone(&shared),
        proxy: Arc::clone(&proxy),
        admission: Arc::clone(&rooms.admission),
        reloader: reload::Reloader::new(&config, Arc::clone(&rooms.admission), logging),
        recent: Arc::default(),
        clock,
        api: OnceLock::new(),
    });
    metrics.observe(Arc::new(observed::Gauges::new(&desk)));

    let scrape = TcpListener::bind(config.metrics.listen).await;
    let scrape = scrape
        .map_err(|fault| named(&format!("[metrics] listen {}", config.metrics.listen), fault))?;
    let scrape_at = scrape.local_addr()?;
    let api = std::net::TcpListener::bind(config.admin.listen)
        .map_err(|fault| named(&format!("[admin] listen {}", config.admin.listen), fault))?;
    let socket = &config.admin.socket;
    let control = Control::bind(socket, config.admin.socket_mode);
    let control =
        control.map_err(|fault| named(&format!("[admin] socket {}", socket.display()), fault))?;
    let courier = Courier::new(config.webhooks.allow_private)?;
    let behind = Behind {
        refresh,
        changes,
        hand_out,
        refusals: refusal_lines,
        held,
        control,
        scrape,
        courier: courier.clone(),
        shared: Arc::clone(&shared),
    };
    let mut tasks = behind.start(&rooms, &desk, &metrics, &config, &stop);
    let keeper = tasks::keep(&rooms.ledger, &stop);
    let mailer = tasks::remind(&rooms, &shared, &config, &stop);

    let people = Arc::new(People::new(Arc::clone(&rooms.store), clock));
    let attended = Arc::clone(&people).run(shared.access(), stop.clone().cancelled_owned());
    tasks.spawn(attended);
    let answers = parts::api(&config, &rooms, &desk, &people, courier);
    let mut api = aside(|| http::serve(api, answers, stop.clone().cancelled_owned()))?;
    let _ = desk.api.set(api.address);
    invite(&people, api.address).await?;

    let threads = bound.run(proxy, clock, stop.clone())?;
    // What this thread does and starts from here on is behind the wire.
    give_way();
    announce(&addresses, (scrape_at, api.address), &desk);
    if let (Some(_), Some(udp)) = (stage, addresses.udp.first()) {
        tasks.spawn(demo::play(config.clone(), *udp, scrape_at, Arc::clone(&desk) as Arc<_>));
    }
    attend(&desk, &liveness, clock, &stop).await;

    systemd::stopping();
    stop.cancel();
    let joined = tokio::task::spawn_blocking(|| threads.join()).await?;
    // The last batch: whoever was told 200 keeps the seat.
    keeper.await?;
    if let Some(mailer) = mailer {
        // A mail that is on its way is finished, as long as the server takes no longer than this.
        let _ = tokio::time::timeout(LAST_MAIL, mailer).await;
    }
    api.done().await;
    tasks.shutdown().await;
    rooms.store.close().await;
    Ok(joined?)
}

/// Opens the store, publishes the tree and takes the seats back, before anybody is served.
async fn open(
    config: &Config,
    clock: Clock,
) -> Result<(Rooms, Refresh, mpsc::Receiver<Changes>, mpsc::Sender<Changes>), Fault> {
    let store = Store::open(&config.database.url(), Path::new("")).await?;
    let store = Arc::new(store.with_zone(config.time_zone));
    let sole = store.claim().await?;
    let quota = Arc::new(Quota::new(parts::limits(config)));
    let admission = Arc::new(Admission::new(Arc::clone(&quota), parts::admission(config)));
    let (hand_out, changes) = mpsc::channel(CHANGES);
    let refresh = Refresh::start(
        Arc::clone(&store),
        Arc::clone(&quota),
        clock,
        config.time_zone,
        hand_out.clone(),
    )
    .await?;
    let kept = refresh.shared();
    store.begin_from(Arc::new(move || kept.known()));
    let registrar = config.upstream.is_none().then(|| Arc::new(parts::registrar(config)));
    let kept = registrar.as_ref().map(|registrar| {
        let kept = KeptBindings { registrar: Arc::clone(registrar), clock };
        Arc::new(kept) as Arc<dyn crate::ledger::Bindings>
    });
    let seats = SeatStore::open(&store).await.map_err(|fault| named(&"seats", fault))?;
    let ledger = Arc::new(Ledger::new(seats, Arc::clone(&quota), kept, clock, config.ledger.batch));
    let restored = ledger.restore().await?;
    parts::note_flows(&admission, &quota, clock.now());
    // What no longer fits was revoked as it came back; its bindings go when the proxy stands.
    let _ = hand_out.send(restored).await;
    let rooms = Rooms { store, quota, admission, registrar, ledger, clock, _sole: sole };
    Ok((rooms, refresh, changes, hand_out))
}

/// Where nobody could administer the server, whoever reads this may become the first who does.
async fn invite(people: &People, address: std::net::SocketAddr) -> Result<(), Fault> {
    if let Some(link) = people.invite().await? {
        let link = link_url(address, &link);
        // Not to the log, which may stand there too: whoever reads it could become administrator.
        eprintln!("admitd: there is no administrator yet; make one within a day: {link}");
    }
    Ok(())
}

/// Says that the daemon is ready, to the log and to systemd.
fn announce(
    addresses: &transport::Addresses,
    (metrics, admin): (std::net::SocketAddr, std::net::SocketAddr),
    desk: &Desk,
) {
    let list = |addresses: &[std::net::SocketAddr]| {
        addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    };
    let (udp, tcp) = (list(&addresses.udp), list(&addresses.tcp));
    match addresses.upstream_bind {
        Some(bind) => {
            tracing::info!(%udp, %tcp, upstream_bind = %bind, %metrics, %admin, "ready");
        }
        None => tracing::info!(%udp, %tcp, %metrics, %admin, "ready"),
    }
    systemd::ready(&desk.status());
}

/// Waits for signals, and keeps systemd informed meanwhile.
async fn attend(desk: &Arc<Desk>, liveness: &Liveness, clock: Clock, stop: &CancellationToken) {
    let (Ok(mut term), Ok(mut int), Ok(mut hup)) = (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
        signal(SignalKind::hangup()),
    ) else {
        return;
    };
    let watch = systemd::watchdog_interval().unwrap_or(Duration::from_secs(10));
    let mut tick = tokio::time::interval(watch.min(Duration::from_secs(10)));
    loop {
        tokio::select! {
            _ = term.recv() => return,
            _ = int.recv() => return,
            // A worker ended by itself.
            () = stop.cancelled() => return,
            _ = hup.recv() => {
                systemd::reloading();
                desk.reload_and_log();
                systemd::ready(&desk.status());
            }
            _ = tick.tick() => {
                systemd::status(&desk.status());
                if let Err(dead) = systemd::watchdog(liveness, clock.now().mono_ms) {
                    tracing::error!(?dead, "workers do not answer");
                }
            }
        }
    }
}
