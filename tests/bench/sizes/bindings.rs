//! What a registered device costs a daemon in memory: its seat, before a registrar, and what the built-in
//! registrar keeps of its binding on top.

use std::time::Duration;

use super::scene::Daemon;
use super::seats::tell;
use super::wire::behind::Behind;
use super::wire::cost;
use super::wire::floor::Transport;
use super::wire::load::Load;
use super::wire::work::{Exchange, Numbers, Order, Pace, Work};
use super::{resident, say};

/// Devices that register before memory is read for the first time: buffers and pools have their size then.
const EARLIER: usize = 1_000;
/// With fewer, what pools and buffers take besides is more than what is measured.
pub const FEWEST: usize = 10_000;
const FIRST: usize = 20_000_000;
const LONGEST: Duration = Duration::from_secs(1_800);

/// So many devices register, one for each number, with each of two daemons.
pub fn all(numbers: usize) {
    say(
        "\na running daemon, SQLite; one device to a number, without a password, from a trusted network",
    );
    let before_registrar = registered(numbers, "a seat, before a registrar", |behind| {
        format!(
            "[upstream]\nuri = \"sip:{};transport=udp\"\nbind = \"127.0.0.1:0\"\nchallenges = false\n",
            behind.address(),
        )
    });
    let built_in = registered(numbers, "a seat and its binding, built in", |_| {
        "[registrar]\ntrusted = [\"127.0.0.0/8\"]\n".to_owned()
    });
    let binding = built_in - before_registrar;
    tell(numbers, "a binding, on top of its seat", whole(binding), "bytes");
}

/// Below zero, too: then it was lost in what the machine does besides.
fn whole(bytes: f64) -> String {
    format!("{bytes:.0}")
}

/// Bytes (PSS) of one registered device.
fn registered(numbers: usize, what: &str, more: impl Fn(&Behind) -> String) -> f64 {
    let behind = Behind::new(Transport::Udp);
    let daemon = open(numbers, &more(&behind));
    let mut load = Load::new(daemon.udp, behind, 0);
    register(&mut load, &daemon, numbers, 0..EARLIER);
    let before = cost::memory(daemon.pid());
    let count = register(&mut load, &daemon, numbers, EARLIER..EARLIER + numbers);
    let after = cost::memory(daemon.pid());
    let each = (after as f64 - before as f64) / count.max(1) as f64;
    tell(numbers, what, whole(each), "bytes");
    tell(numbers, "  resident then", resident(daemon.pid()) / 1024, "MiB");
    each
}

/// A group that has a license for all of them, and owns whatever registers as one of them.
fn open(numbers: usize, more: &str) -> Daemon {
    let mut daemon = Daemon::prepare(more);
    let last = FIRST + EARLIER + numbers - 1;
    let (seats, range) = ((EARLIER + numbers).to_string(), format!("{FIRST}-{last}"));
    daemon.tell(&["group", "add", "G", "--restrict"]);
    daemon.tell(&["license", "add", "G", "--sip", &seats]);
    daemon.tell(&["claim", "add", "G", "--domain", "example.com", "--range", &range]);
    daemon.run();
    daemon
}

/// Some of them register, once each, and what is to be written of it is written; gives how many are in.
fn register(
    load: &mut Load,
    daemon: &Daemon,
    numbers: usize,
    which: std::ops::Range<usize>,
) -> u64 {
    let count = (EARLIER + numbers) as u32;
    let order = Order::Once { from: which.start as u64, many: which.len() as u64 };
    let numbers = Numbers { first: FIRST as u32, count, order };
    let work = Work { exchange: Exchange::Register, numbers, expected: 200 };
    let outcome = load.run(Pace::Closed(64), &work, LONGEST);
    if outcome.lost + outcome.unexpected > 0 {
        eprintln!("  {} lost, {} refused", outcome.lost, outcome.unexpected);
    }
    cost::until_idle(daemon.pid());
    outcome.completed - outcome.unexpected
}
