//! The command line: what is asked of the store or of a running daemon, and how it is shown.

mod args;
mod audit;
mod check;
mod claim;
mod control;
mod desk;
mod draw;
mod entitlement;
mod export;
mod failure;
mod group;
mod import;
mod license;
mod live;
mod mail;
mod migrate;
mod number;
mod offline;
mod paint;
mod print;
mod range;
mod reminder;
mod renew;
mod role;
mod setup;
mod time;
mod token;
mod user;
mod webhook;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{CommandFactory, Parser};

use crate::config::{Config, Report};
use crate::view::TreeNode;

pub use args::{Cli, Command};
use desk::{Desk, Shown};
use failure::Failure;
use paint::Paint;

/// Reads the arguments, does what they say and gives the exit status: 0 done, 1 refused or not found,
/// 2 arguments that cannot be read. `run` is the daemon: config, and whether to show the demo.
pub fn main(run: impl FnOnce(Config, bool) -> ExitCode) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        // `args_os`: an argument that is not UTF-8 is a fault to be told, not a panic.
        Err(fault) => return print::usage(&fault, std::env::args_os().any(|arg| arg == "--json")),
    };
    let json = cli.json;
    let command = match cli.command {
        Command::Run { demo } => {
            // The demo has a config of its own; one that cannot be read is no reason not to show it.
            let config = if demo { Ok(Config::default()) } else { located(&cli.config) };
            return match config {
                Ok(config) => run(config, demo),
                Err(report) => print::answer(check::faults(&report), json),
            };
        }
        Command::Migrate { from, to } => {
            let answer = on_runtime(migrate::run(&from, &to));
            return print::answer(answer, json);
        }
        Command::Check => return print::answer(check::run(cli.config.as_deref()), json),
        Command::Completion { shell } => {
            let mut out = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "admitd", &mut out);
            return print::bytes(&out);
        }
        Command::Man => return print::bytes(&print::manual()),
        command => command,
    };
    let answer = match located(&cli.config) {
        Ok(config) => perform(config, command, cli.force),
        Err(report) => check::faults(&report),
    };
    print::answer(answer, json)
}

fn located(named: &Option<PathBuf>) -> Result<Config, Report> {
    Config::locate(named.as_deref())
}

/// The tree as `admitd tree` draws it on this terminal.
pub fn drawn(tree: &TreeNode) -> String {
    draw::tree(Paint::of_stdout(), tree)
}

fn perform(config: Config, command: Command, force: bool) -> Result<Shown, Failure> {
    on_runtime(async {
        let desk = Desk::open(config, Paint::of_stdout(), force).await?;
        dispatch(&desk, command).await
    })
}

fn on_runtime(work: impl Future<Output = Result<Shown, Failure>>) -> Result<Shown, Failure> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(error.to_string()))?
        .block_on(work)
}

async fn dispatch(desk: &Desk, command: Command) -> Result<Shown, Failure> {
    match command {
        Command::Group(command) => group::run(desk, command).await,
        Command::License(command) => license::run(desk, command).await,
        Command::User(command) => user::run(desk, command).await,
        Command::Number(command) => number::run(desk, command).await,
        Command::Claim(command) => claim::run(desk, command).await,
        Command::Reminder(command) => reminder::run(desk, command).await,
        Command::Mail(command) => mail::run(desk, command).await,
        Command::Import(command) => import::run(desk, command).await,
        Command::Role(command) => role::run(desk, command).await,
        Command::Token(command) => token::run(desk, command).await,
        Command::Setup => setup::run(desk).await,
        Command::Export { what, path, csv: _ } => export::run(desk, what, &path).await,
        Command::Entitlement { subject, feature, configure } => {
            entitlement::run(desk, &subject, feature, configure).await
        }
        Command::Audit(args) => audit::run(desk, args).await,
        Command::Webhook(command) => webhook::run(desk, command).await,
        Command::Tree => live::tree(desk).await,
        Command::State { path } => live::state(desk, path).await,
        Command::Seats { path, command } => live::seats(desk, path, command).await,
        Command::Explain { number } => live::explain(desk, &number).await,
        Command::Run { .. }
        | Command::Check
        | Command::Migrate { .. }
        | Command::Completion { .. }
        | Command::Man => Err(Failure::new("this command needs no database")),
    }
}
