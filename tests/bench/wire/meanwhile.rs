//! Further turns in which something happens to the licenses meanwhile, beside the turns in which nothing
//! did; as many, for one of a few seconds tells little of the slowest hundredth.

use std::time::{Duration, Instant};

use super::cost;
use super::ending::{self, Ended, Ending};
use super::office::Office;
use super::options::{Event, Kind, Options, Task};
use super::rounds::{Contender, Row, Turn};
use super::site;
use super::swap::{Changes, Swap};

/// What a turn showed, and what happened in it.
#[derive(Clone, Debug)]
pub struct Meanwhile {
    pub turn: Turn,
    pub what: Happened,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Happened {
    Changed(Changes),
    Ended(Ended),
}

/// Of a server that had its turns; none where nothing of it can be changed, or where seats go anyway.
pub fn after(options: &Options, contender: &mut Contender, row: &Row) -> Vec<Meanwhile> {
    let Some(event) = options.meanwhile else { return Vec::new() };
    if row.kind != Kind::Admitd || row.task == Task::New {
        return Vec::new();
    }
    let turn = |_| {
        let meanwhile = match event {
            Event::Swap => swap(options, contender, row.task),
            Event::End => end(options, contender, row.task),
        };
        let (p99, told) = (meanwhile.turn.p99, meanwhile.what.told());
        eprintln!("{}, meanwhile: p99 {p99:.0} µs, {told}", row.task.name());
        meanwhile
    };
    (0..options.rounds).map(turn).collect()
}

fn swap(options: &Options, contender: &mut Contender, task: Task) -> Meanwhile {
    let (pace, time) = (options.pace(), Duration::from_secs(options.seconds));
    let work = site::work(task, options.numbers);
    contender.load.run(pace, &work, time / 10);
    let before = cost::used(contender.server.pid());
    let mut swap = Swap::new(office(contender), site::admitted_groups(options.numbers));
    let outcome = contender.load.run_beside(pace, &work, time, &mut swap);
    let used = cost::used(contender.server.pid()).since(before);
    let turn = Turn::of(&used, &outcome, contender.server.pid());
    Meanwhile { turn, what: Happened::Changed(swap.changes()) }
}

/// The end comes when a third of the turn is over.
fn end(options: &Options, contender: &mut Contender, task: Task) -> Meanwhile {
    let (pace, time) = (options.pace(), Duration::from_secs(options.seconds));
    let work = site::work(task, options.numbers);
    let end = ending::announce(options, contender, time / 2);
    let mut ending = Ending::new(office(contender), end);
    std::thread::sleep((end - time / 2).saturating_duration_since(Instant::now()));
    contender.load.run(pace, &work, time / 10);
    std::thread::sleep((end - time / 3).saturating_duration_since(Instant::now()));
    let before = (cost::used(contender.server.pid()), contender.load.behind.taken);
    let outcome = contender.load.run_beside(pace, &work, time, &mut ending);
    let used = cost::used(contender.server.pid()).since(before.0);
    let turn = Turn::of(&used, &outcome, contender.server.pid());
    if options.deregister {
        ending.take_leaves(&mut contender.load.behind, before.1);
    }
    let ended = ending.ended(options.ending, before.1, contender.load.behind.taken);
    Meanwhile { turn, what: Happened::Ended(ended) }
}

fn office(contender: &Contender) -> Office {
    let server = &contender.server;
    Office::open(server.admin(), server.token().expect("a token was made"))
}

impl Happened {
    /// In one line.
    pub fn told(&self) -> String {
        match self {
            Self::Changed(changes) => {
                let first = changes.accepted.first();
                let mut took = changes.accepted.clone();
                took.sort_unstable();
                let ms =
                    |took: Option<&Duration>| took.map_or(0.0, |took| took.as_secs_f64() * 1e3);
                format!(
                    "{} changes accepted, {} refused; answered after {:.1} ms (first), {:.1} ms (median), {:.1} ms (longest)",
                    took.len(),
                    changes.refused,
                    ms(first),
                    ms(took.get(took.len() / 2)),
                    ms(took.last()),
                )
            }
            Self::Ended(ended) => ended.told(),
        }
    }
}

impl Ended {
    fn told(&self) -> String {
        let revoked = match (self.revoked, self.left) {
            (Some(after), _) => format!("all revoked {} ms later", after.as_millis()),
            (None, Some(left)) => format!("{left} seats left at the end of the turn"),
            (None, None) => "how many seats are left was not told".to_owned(),
        };
        let leaves = match self.last_leave {
            Some(after) => {
                let ms = after.as_millis();
                format!("{} de-registered upstream, the last {ms} ms later", self.leaves)
            }
            None => "none de-registered upstream".to_owned(),
        };
        let held = self.held.map_or("?".to_owned(), |held| held.to_string());
        format!("{} licenses with {held} seats ended; {revoked}; {leaves}", self.licenses)
    }
}
