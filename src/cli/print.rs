//! Answers and failures on stdout and stderr, and the exit status they mean.

use std::io::{self, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use serde_json::json;

use super::args::Cli;
use super::desk::Shown;
use super::failure::Failure;
use super::paint::table;

/// What could not be done: a write was refused, or what is named is not there.
const REFUSED: u8 = 1;
/// Arguments that cannot be read.
const USAGE: u8 = 2;

/// Prints an answer or a failure. With `json` both are one document on stdout.
pub fn answer(answer: Result<Shown, Failure>, json: bool) -> ExitCode {
    match answer {
        Ok(shown) => {
            if let Some(note) = &shown.note {
                eprintln!("note: {note}");
            }
            let text = if json { shown.json.to_string() } else { shown.text };
            bytes(format!("{text}\n").as_bytes())
        }
        Err(failure) => {
            if json {
                bytes(format!("{}\n", failure.json()).as_bytes());
            } else {
                eprintln!("{}", told(&failure));
            }
            ExitCode::from(REFUSED)
        }
    }
}

fn told(failure: &Failure) -> String {
    if !failure.faults.is_empty() {
        return failure.error.clone();
    }
    if failure.obstacles.is_empty() {
        return format!("error: {}", failure.error);
    }
    let mut obstacles = table(["Gate", "Resource", "Granted", "Left", "Asked", "Fits until"]);
    for obstacle in &failure.obstacles {
        obstacles.add_row([
            obstacle.gate.clone(),
            obstacle.resource.clone(),
            obstacle.granted.map(|granted| granted.to_string()).unwrap_or_default(),
            obstacle.left.to_string(),
            obstacle.asked.to_string(),
            obstacle.last_date_that_fits.clone().unwrap_or_default(),
        ]);
    }
    format!("refused: {}\n{obstacles}", failure.error)
}

/// Prints help, the version, or what is wrong with the arguments.
pub fn usage(fault: &clap::Error, json: bool) -> ExitCode {
    if !fault.use_stderr() {
        // Help that was asked for.
        return written(fault.print());
    }
    if json {
        let text = fault.render().to_string();
        let error = text.trim_start_matches("error: ").trim_end();
        bytes(format!("{}\n", json!({"error": error, "obstacles": []})).as_bytes());
    } else {
        let _ = fault.print();
    }
    ExitCode::from(USAGE)
}

/// Writes a part of an answer to stdout, which more of it follows.
pub fn part(part: &[u8]) -> Result<(), String> {
    let written = io::stdout().lock().write_all(part);
    written.map_err(|error| format!("the answer cannot be written: {error}"))
}

/// Writes to stdout.
pub fn bytes(bytes: &[u8]) -> ExitCode {
    let mut out = io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Whoever reads may stop at any time; what could not be written otherwise was not said.
fn written(result: io::Result<()>) -> ExitCode {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let _ = writeln!(io::stderr(), "error: the answer cannot be written: {error}");
            ExitCode::from(REFUSED)
        }
        _ => ExitCode::SUCCESS,
    }
}

/// The manual page: the command, then each of its commands.
pub fn manual() -> Vec<u8> {
    let command = Cli::command();
    let mut page = Vec::new();
    // Writing to memory does not fail.
    let _ = clap_mangen::Man::new(command.clone()).render(&mut page);
    let _ = writeln!(page, ".SH COMMANDS IN FULL");
    commands("admitd", &command, &mut page);
    page
}

fn commands(path: &str, command: &clap::Command, page: &mut Vec<u8>) {
    for child in command.get_subcommands().filter(|child| child.get_name() != "help") {
        let path = format!("{path} {}", child.get_name());
        if child.has_subcommands() {
            commands(&path, child, page);
            continue;
        }
        let child = child.clone().bin_name(&path).display_name(&path);
        let man = clap_mangen::Man::new(child.clone());
        let _ = writeln!(page, ".SS \"{path}\"");
        let _ = man.render_description_section(page);
        let _ = man.render_options_section(page);
        let _ = man.render_extra_section(page);
    }
}
