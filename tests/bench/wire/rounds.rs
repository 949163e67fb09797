//! Each server in turn, again and again, so that what disturbs the machine disturbs all of them.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::cost;
use super::endpoint::Endpoint;
use super::load::{Load, Pace};
use super::options::{Kind, Options, Task};
use super::server::{Place, Server};
use super::site;

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
}

/// A server and its load.
struct Contender {
    kind: Kind,
    server: Server,
    load: Load,
}

const WARM_UP: Duration = Duration::from_secs(300);

/// All tasks; says on stderr how far it is.
pub fn measure(options: &Options) -> Vec<Row> {
    keep_to_one_core();
    let mut rows = Vec::new();
    for task in &options.only {
        rows.extend(at_task(options, *task));
    }
    rows
}

fn at_task(options: &Options, task: Task) -> Vec<Row> {
    // A TCP relay would be another floor.
    let wanted = |kind: &&Kind| **kind != Kind::Floor || options.connections == 0;
    let mut contenders: Vec<Contender> =
        options.servers.iter().filter(wanted).map(|kind| contender(options, task, *kind)).collect();
    let mut rows: Vec<Row> = contenders
        .iter()
        .map(|contender| Row { task, kind: contender.kind, turns: Vec::new() })
        .collect();
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
    rows
}

fn contender(options: &Options, task: Task, kind: Kind) -> Contender {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let registrar = Endpoint::new().udp(any).expect("a socket");
    let place = Place {
        kind,
        registrar: registrar.address().expect("an address"),
        numbers: options.numbers,
        refuses: task.expected() != 200,
    };
    eprintln!("{}: {} starts", task.name(), kind.name());
    // What answers the first question is not there yet: a floor with an upstream asks the registrar.
    let (server, registrar) = std::thread::scope(|scope| {
        let (done, is_done) = std::sync::mpsc::channel::<()>();
        let answers = scope.spawn(move || answer_until(registrar, &is_done));
        let server = Server::start(&place);
        drop(done);
        (server, answers.join().expect("the registrar"))
    });
    let mut load = Load::new(server.address, registrar, options.connections);
    if kind != Kind::Floor {
        for numbers in site::holders(options.numbers) {
            let outcome = load.run(Pace::Closed(8), numbers, 200, WARM_UP);
            if outcome.lost + outcome.unexpected > 0 {
                eprintln!("  {} lost, {} refused", outcome.lost, outcome.unexpected);
            }
        }
    }
    Contender { kind, server, load }
}

/// Sends back what comes while a server starts.
fn answer_until(mut registrar: Endpoint, done: &std::sync::mpsc::Receiver<()>) -> Endpoint {
    use std::sync::mpsc::RecvTimeoutError::Timeout;
    let (mut buffer, mut reply) = (Vec::new(), Vec::new());
    while done.recv_timeout(Duration::from_millis(10)) == Err(Timeout) {
        while let Some(peer) = registrar.next(&mut buffer) {
            super::message::answer(&buffer, b"200 OK", &mut reply);
            registrar.send(peer, &reply);
        }
    }
    registrar
}

impl Contender {
    fn turn(&mut self, options: &Options, task: Task) -> Turn {
        let pid = self.server.pid();
        let numbers = site::askers(task, options.numbers);
        let (pace, time) = (options.pace(), Duration::from_secs(options.seconds));
        // Caches and clock speed as they will be.
        self.load.run(pace, numbers, task.expected(), time / 10);
        let before = cost::used(pid);
        let outcome = self.load.run(pace, numbers, task.expected(), time);
        let after = cost::used(pid);
        let completed = outcome.completed.max(1) as f64;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / completed;
        let quantile = |share: f64| outcome.latency.value_at_quantile(share) as f64 / 1e3;
        Turn {
            cpu: each(after.cpu - before.cpu),
            user: each(after.user.saturating_sub(before.user)),
            rate: completed / outcome.took.as_secs_f64(),
            p50: quantile(0.5),
            p99: quantile(0.99),
            p999: quantile(0.999),
            memory: cost::memory(pid),
            lost: outcome.lost,
            unexpected: outcome.unexpected,
        }
    }
}

/// The load has the second core.
fn keep_to_one_core() {
    let own = std::process::id().to_string();
    let done =
        Command::new("taskset").args(["-a", "-p", "-c", "1", &own]).stdout(Stdio::null()).status();
    assert!(done.is_ok_and(|status| status.success()), "taskset takes the second core");
}
