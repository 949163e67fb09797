//! The command line: what is asked of the store or of a running daemon, and how it is shown.

mod args;
mod range;
mod time;

pub use args::{Cli, Command};

pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
