//! What the command line asks for.

use std::net::SocketAddr;

use clap::{Parser, ValueEnum};

use super::load::Pace;

/// Measures what a request costs each server.
#[derive(Parser)]
#[command(name = "wire")]
pub struct Options {
    /// How often each server has its turn
    #[arg(long, default_value_t = 5)]
    pub rounds: usize,
    /// How long a turn lasts
    #[arg(long, default_value_t = 5)]
    pub seconds: u64,
    /// Only these tasks
    #[arg(long, value_enum, value_delimiter = ',', default_value = "refresh,limit,expired")]
    pub only: Vec<Task>,
    /// Only these servers
    #[arg(long, value_enum, value_delimiter = ',', default_value = "floor,admitd,forward,tm")]
    pub servers: Vec<Kind>,
    /// How many numbers there are, ten to a group
    #[arg(long, default_value_t = 10_000)]
    pub numbers: u32,
    /// Requests at once
    #[arg(long, default_value_t = 32)]
    pub flight: usize,
    /// So many requests a second, instead of as many as pass
    #[arg(long)]
    pub rate: Option<u32>,
    /// So many TCP connections, instead of UDP; there is no floor then
    #[arg(long, default_value_t = 0)]
    pub connections: usize,
    /// Run as one of the servers
    #[arg(long = "as", hide = true)]
    pub mode: Option<Mode>,
    #[arg(long, hide = true)]
    pub listen: Option<SocketAddr>,
    #[arg(long, hide = true)]
    pub upstream: Option<SocketAddr>,
    /// Cargo says so.
    #[arg(long, hide = true)]
    bench: bool,
}

/// What this program is besides the load.
#[derive(Clone, Copy, ValueEnum)]
pub enum Mode {
    Floor,
}

/// Who is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Floor,
    Admitd,
    /// Kamailio, stateless
    Forward,
    /// Kamailio, with transactions
    Tm,
}

/// What is asked of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// REGISTER of a device that has a seat
    Refresh,
    /// REGISTER refused: no seat is left
    Limit,
    /// REGISTER refused: the license has ended
    Expired,
}

impl Options {
    pub fn pace(&self) -> Pace {
        self.rate.map_or(Pace::Closed(self.flight), Pace::Open)
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
            Self::Limit => "REGISTER refused, limit",
            Self::Expired => "REGISTER refused, expired",
        }
    }

    /// The status that is right.
    pub fn expected(self) -> u32 {
        match self {
            Self::Refresh => 200,
            Self::Limit | Self::Expired => 403,
        }
    }
}
