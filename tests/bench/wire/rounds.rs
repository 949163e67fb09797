//! Each server in turn, again and again, so that what disturbs the machine disturbs all of them.

use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::behind::Behind;
use super::cost::{self, Used};
use super::load::Load;
use super::meanwhile::{self, Meanwhile};
use super::options::{Kind, Options, Task};
use super::overload::{self, Overload};
use super::rival::Rival;
use super::server::{Place, Server};
use super::site;
use super::tables::Tables;
use super::work::{Exchange, Order, Outcome, Pace, Work};

/// What one turn showed; times in microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Turn {
    pub cpu: f64,
    pub user: f64,
    pub rate: f64,
    pub p50: f64,
    pub p99: f64,
    pub p999: f64,
    pub memory: u64,
    pub lost: u64,
    pub unexpected: u64,
}

/// All turns of a server at a task.
pub struct Row {
    pub task: Task,
    pub kind: Kind,
    pub turns: Vec<Turn>,
    pub overload: Option<Overload>,
    pub meanwhile: Vec<Meanwhile>,
}

/// A server and its load.
pub struct Contender {
    pub kind: Kind,
    pub server: Server,
    pub load: Load,
    /// At the next place begins who is new.
    newcomer: u64,
}

/// Of what is not measured.
pub const BEFOREHAND: Pace = Pace::Closed(64);
/// A million newcomers, on a machine that others use.
pub const WARM_UP: Duration = Duration::from_secs(900);

/// All tasks; says on stderr how far it is.
pub fn measure(options: &Options) -> Vec<Row> {
    keep_to_one_core();
    open_many_files(options);
    eprintln!("{} numbers are written", options.numbers);
    let tables = Tables::write(options.numbers, options.ending());
    let _rival = options.overload.then(Rival::begin);
    options.only.iter().flat_map(|task| at_task(options, *task, &tables)).collect()
}

fn at_task(options: &Options, task: Task, tables: &Tables) -> Vec<Row> {
    let begin = |kind: &Kind| contender(options, task, *kind, tables, false);
    let mut contenders: Vec<Contender> = options.servers.iter().map(begin).collect();
    let row = |kind: &Kind| {
        let (turns, meanwhile) = (Vec::new(), Vec::new());
        Row { task, kind: *kind, turns, overload: None, meanwhile }
    };
    let mut rows: Vec<Row> = options.servers.iter().map(row).collect();
    for round in 1..=options.rounds {
        for (contender, row) in contenders.iter_mut().zip(&mut rows) {
            let turn = contender.turn(options, task);
            eprintln!(
                "{}, {}, round {round} of {}: {:.2} µs, {:.0}/s, {} lost, {} unexpected",
                task.name(),
                contender.kind.name(),
                options.rounds,
                turn.cpu,
                turn.rate,
                turn.lost,
                turn.unexpected,
            );
            row.turns.push(turn);
        }
    }
    for (contender, row) in contenders.iter_mut().zip(&mut rows) {
        if options.overload {
            row.overload = Some(overload::after(options, contender, row));
        }
        row.meanwhile = meanwhile::after(options, contender, row);
    }
    rows
}

/// Starts a server, and gives seats to who must have one.
pub fn contender(
    options: &Options,
    task: Task,
    kind: Kind,
    tables: &Tables,
    counted: bool,
) -> Contender {
    let behind = Behind::new(options.transport());
    let place = Place {
        kind,
        task,
        transport: options.transport(),
        upstream: behind.address(),
        numbers: options.numbers,
        tables,
        counted,
        administered: options.meanwhile.is_some(),
        deregisters: options.deregister,
    };
    eprintln!("{}: {} starts", task.name(), kind.name());
    // A floor passes the question whether it is there on to who is behind it.
    let (server, behind) = std::thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        let answers = scope.spawn(move || behind.answer_until(&is_done));
        let server = Server::start(&place);
        drop(done);
        (server, answers.join().expect("who is behind"))
    });
    let mut load = Load::new(server.address, behind, options.connections);
    let ending = (kind == Kind::Admitd && options.ending() > 0).then_some(options.ending());
    let before = site::before(task, options.numbers).filter(|_| kind != Kind::Floor);
    for work in before.into_iter().chain(ending.map(site::ending)) {
        let outcome = load.run(BEFOREHAND, &work, WARM_UP);
        let Outcome { completed, lost, unexpected, took, .. } = outcome;
        eprintln!(
            "  {completed} register in {:.1} s, {lost} lost, {unexpected} refused",
            took.as_secs_f64()
        );
        cost::until_idle(server.pid());
    }
    Contender { kind, server, load, newcomer: 0 }
}

impl Turn {
    /// What came of it, and what the server used.
    pub fn of(used: &Used, outcome: &Outcome, server: u32) -> Self {
        let completed = outcome.completed.max(1) as f64;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / completed;
        let quantile = |share: f64| outcome.latency.value_at_quantile(share) as f64 / 1e3;
        Self {
            cpu: each(used.cpu),
            user: each(used.user),
            rate: outcome.completed as f64 / outcome.took.as_secs_f64().max(1e-9),
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            memory: cost::memory(server),
            lost: outcome.lost,
            unexpected: outcome.unexpected,
        }
    }
}

impl Contender {
    fn turn(&mut self, options: &Options, task: Task) -> Turn {
        let work = site::work(task, options.numbers);
        let (pace, time) = (options.pace(), Duration::from_secs(options.seconds));
        let measured = match task {
            Task::New => Self::newcomers,
            _ => Self::steady,
        };
        // Caches and clock speed as they will be.
        measured(self, pace, &work, time / 10);
        let (used, outcome) = measured(self, pace, &work, time);
        Turn::of(&used, &outcome, self.server.pid())
    }

    fn steady(&mut self, pace: Pace, work: &Work, time: Duration) -> (Used, Outcome) {
        let before = cost::used(self.server.pid());
        let outcome = self.load.run(pace, work, time);
        (cost::used(self.server.pid()).since(before), outcome)
    }

    /// Some thousand numbers register, once each; what is written behind counts. Then all leave again,
    /// which doesn't count, nor what is removed behind, until the time is over.
    fn newcomers(&mut self, pace: Pace, work: &Work, time: Duration) -> (Used, Outcome) {
        const AT_ONCE: u64 = 10_000;
        const WRITTEN_BY: Duration = Duration::from_millis(500);
        let (mut used, mut outcome) = (Used::default(), Outcome::none());
        let began = Instant::now();
        while outcome.completed == 0 || began.elapsed() < time {
            let many = AT_ONCE.min(u64::from(work.numbers.count));
            let mut some = *work;
            some.numbers.order = Order::Once { from: self.newcomer, many };
            self.newcomer += many;
            let before = cost::used(self.server.pid());
            let registered = self.load.run(pace, &some, time);
            std::thread::sleep(WRITTEN_BY);
            used.add(cost::used(self.server.pid()).since(before));
            some.exchange = Exchange::Leave;
            let left = self.load.run(BEFOREHAND, &some, WARM_UP);
            outcome.add(&registered);
            outcome.lost += left.lost;
            outcome.unexpected += left.unexpected;
            cost::until_idle(self.server.pid());
            assert!(began.elapsed() < WARM_UP, "nobody is answered");
        }
        (used, outcome)
    }
}

/// The load has the second core.
fn keep_to_one_core() {
    let own = std::process::id().to_string();
    let done =
        Command::new("taskset").args(["-a", "-p", "-c", "1", &own]).stdout(Stdio::null()).status();
    assert!(done.is_ok_and(|status| status.success()), "taskset takes the second core");
}

/// Connections to every server, as far as this user may.
fn open_many_files(options: &Options) {
    if options.connections == 0 {
        return;
    }
    let most = getrlimit(Resource::Nofile).maximum;
    let allowed = setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most });
    allowed.expect("a user may open as many files as a user may");
}
