//! What the command line asks for.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::builder::RangedU64ValueParser;
use clap::{Parser, ValueEnum};

use super::floor::Transport;
use super::load;
use super::work::Pace;

/// Measures what a request costs each server: processor time, latency, memory.
///
/// The servers run one after the other, again and again, on the first core; the load, and who is behind
/// the servers, on the second. Nothing leaves loopback. Progress is told on stderr, the table on stdout.
#[derive(Parser)]
#[command(name = "wire", after_help = EXAMPLES)]
pub struct Options {
    /// How often each server has its turn (1 to 100)
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub rounds: u32,
    /// How many seconds a turn lasts (1 to 600)
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Only these tasks
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "refresh,new,limit,expired,call,invite"
    )]
    pub only: Vec<Task>,
    /// Only these servers
    #[arg(long, value_enum, value_delimiter = ',', default_value = "floor,admitd,forward,tm")]
    pub servers: Vec<Kind>,
    /// How many numbers there are, ten to a group (1,000 to 9,000,000)
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1_000..=9_000_000))]
    pub numbers: u32,
    /// Exchanges at once, each followed by the next (1 to 65,536)
    #[arg(long, default_value_t = 32, value_parser = up_to(1, load::SLOTS))]
    pub flight: usize,
    /// So many exchanges a second instead, whatever comes back; latency counts from when each was due
    /// (1 to 1,000,000)
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub rate: Option<u32>,
    /// So many TCP connections of devices, and TCP to the upstream, instead of UDP on both sides (up to
    /// 2,000, which admitd takes from one address)
    #[arg(long, default_value_t = 0)]
    pub connections: usize,
    /// Afterwards twice the rate that passed, for as long as a turn; then whether seats were kept. All the
    /// time servers have half of their core, so that the load is able to
    #[arg(long, conflicts_with_all = ["rate", "connections"])]
    pub overload: bool,
    /// Afterwards, of admitd, as many turns again in which something happens to its licenses
    #[arg(long, value_enum, requires = "rate", conflicts_with = "overload")]
    pub meanwhile: Option<Event>,
    /// So many further licenses end in the same second, each with a number that has a seat
    /// (1 to 900,000)
    #[arg(long, default_value_t = 100_000, requires = "meanwhile", value_parser = clap::value_parser!(u32).range(1..=900_000))]
    pub ending: u32,
    /// Revoked seats are de-registered upstream, too ([upstream] trusts_us); with --meanwhile end. After
    /// the turn it is waited until all are told, for two minutes at most
    #[arg(long)]
    pub deregister: bool,
    /// Count instructions of admitd under callgrind instead (slow, repeatable)
    #[arg(long, conflicts_with_all = ["rate", "overload", "meanwhile", "servers", "json", "svg"])]
    pub instructions: bool,
    /// Write all turns to this file
    #[arg(long)]
    pub json: Option<PathBuf>,
    /// Draw the cost above the floor into this file; the floor has to be among the servers
    #[arg(long)]
    pub svg: Option<PathBuf>,
    /// Run as the floor
    #[arg(long, hide = true, requires = "listen")]
    pub floor: Option<Transport>,
    #[arg(long, hide = true)]
    pub listen: Option<SocketAddr>,
    #[arg(long, hide = true)]
    pub upstream: Option<SocketAddr>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

const EXAMPLES: &str = "\
Examples:
  --only refresh --rounds 1 --seconds 2      a first look
  --connections 1000                         a thousand devices over TCP
  --numbers 1000000 --only refresh,limit     a large site
  --rate 1987                                latency at a rate that all can take
  --only refresh --overload                  twice the rate that passes
  --only refresh --servers admitd --rate 9871 --meanwhile swap
                                             latency while licenses change, again and again
  --only refresh --servers admitd --rate 9871 --meanwhile end
                                             latency while 100,000 licenses end in one second
  --instructions --only refresh,expired      instructions of admitd
  --json speed.json --svg speed.svg          for a page

Columns: CPU is that of all threads and processes of the server, over completed exchanges; 'above floor'
is without the CPU of a program that only moves the same messages, measured in the same run; 'user' is
sampled by the kernel. A latency is that of the whole exchange, so of a call from INVITE to the end of BYE.
'PSS' is memory: of pages that several processes share each counts its part. 'lost' are exchanges that
nobody answered within half a second, 'wrong' those that ended with another status than the task has to.
Of an overload: how busy the core of the server was at the peak and then (half of it goes to a program that
does nothing; far below that, the load had no more to give), what was offered, also as a share of twice the
peak, what was completed in that time, and of what was passed on, what came back; 'changed' (told otherwise
later) is how many of all numbers are answered otherwise than before, or not at all, when it is over.
Rates that divide 250 meet the kernel's clock ticks: take 1987 rather than 2000.";

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// Only moves messages
    Floor,
    Admitd,
    /// Kamailio, stateless
    Forward,
    /// Kamailio, with transactions
    Tm,
}

/// What happens to licenses meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Event {
    /// A grant every 200 ms, through the API
    Swap,
    /// Many licenses end in the same second
    End,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// REGISTER of a device that has a seat
    Refresh,
    /// REGISTER of a device that has none and gets one
    New,
    /// REGISTER refused: no seat is left
    Limit,
    /// REGISTER refused: the license has ended
    Expired,
    /// A call of a registered device: INVITE, 180, 200, ACK, BYE, 200
    Call,
    /// INVITE refused, and its ACK: the license has ended
    Invite,
}

fn up_to(least: u64, most: usize) -> RangedU64ValueParser<usize> {
    RangedU64ValueParser::new().range(least..=most as u64)
}

impl Options {
    pub fn pace(&self) -> Pace {
        self.rate.map_or(Pace::Closed(self.flight), Pace::Open)
    }

    /// How many further numbers there are whose licenses end.
    pub fn ending(&self) -> u32 {
        if self.meanwhile == Some(Event::End) { self.ending } else { 0 }
    }

    /// On both sides of a server.
    pub fn transport(&self) -> Transport {
        if self.connections == 0 { Transport::Udp } else { Transport::Tcp }
    }

    /// What all rows have in common.
    pub fn setting(&self) -> String {
        let devices = match self.connections {
            0 => "UDP".to_owned(),
            1 => "one TCP connection".to_owned(),
            count => format!("{count} TCP connections"),
        };
        let pace = match self.pace() {
            Pace::Closed(flight) => format!("{flight} at once"),
            Pace::Open(rate) | Pace::Push(rate) => format!("{rate} a second"),
        };
        format!("{devices}, {} numbers, {pace}", self.numbers)
    }
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "floor",
            Self::Admitd => "admitd",
            Self::Forward => "Kamailio forward()",
            Self::Tm => "Kamailio tm",
        }
    }
}

impl Task {
    pub fn name(self) -> &'static str {
        match self {
            Self::Refresh => "REGISTER refresh, forwarded",
            Self::New => "REGISTER new, forwarded",
            Self::Limit => "REGISTER refused, limit",
            Self::Expired => "REGISTER refused, expired",
            Self::Call => "call, INVITE to BYE",
            Self::Invite => "INVITE refused, ACK",
        }
    }

    /// The status that is right.
    pub fn expected(self) -> u32 {
        match self {
            Self::Refresh | Self::New | Self::Call => 200,
            Self::Limit | Self::Expired | Self::Invite => 403,
        }
    }

    /// Whether it goes on to who is behind the server.
    pub fn passes(self) -> bool {
        self.expected() == 200
    }
}
