//! What must hold before anything is written or measured: choices that tell something together,
//! programs that are there, files that can be written, connections that can be opened.

use std::fs::File;
use std::thread::available_parallelism;

use rustix::process::{Resource, getrlimit};

use super::options::{Event, Kind, Options};

/// What this process and its servers open besides connections of devices.
const OTHER_FILES: usize = 200;
/// TCP connections that `admitd` takes from one address; Kamailio takes 2,048 in all.
const FROM_ONE_ADDRESS: usize = 2_000;

/// Everything; the error is for who wrote the command line.
pub fn all(options: &Options) -> Result<(), String> {
    choices(options)?;
    programs(options)?;
    connections(options)?;
    files(options)
}

fn choices(options: &Options) -> Result<(), String> {
    let has = |kind| options.servers.contains(&kind);
    let compares = has(Kind::Floor) && options.servers.iter().any(|kind| *kind != Kind::Floor);
    if options.deregister && options.meanwhile != Some(Event::End) {
        return Err("--deregister needs --meanwhile end".to_owned());
    }
    if options.meanwhile.is_some() && !has(Kind::Admitd) {
        return Err("--meanwhile needs admitd among the servers".to_owned());
    }
    if options.svg.is_some() && !compares {
        return Err(
            "--svg draws what is above the floor: --servers needs floor and another".to_owned()
        );
    }
    Ok(())
}

fn programs(options: &Options) -> Result<(), String> {
    if available_parallelism().map_or(1, usize::from) < 2 {
        return Err("two cores are needed: one of the servers, one of the load".to_owned());
    }
    let always: &[&str] = &["setpriv", "taskset"];
    let counting: &[&str] = if options.instructions { &["valgrind", "vgdb"] } else { &[] };
    if let Some(missing) = always.iter().chain(counting).find(|program| !is_there(program)) {
        return Err(format!("{missing} is not installed: run tests/bench/run, which installs it"));
    }
    let is_kamailio = |kind: &Kind| matches!(kind, Kind::Forward | Kind::Tm);
    let has_kamailio = !options.instructions && options.servers.iter().any(is_kamailio);
    if has_kamailio && !is_there("kamailio") {
        return Err(
            "kamailio is not installed: run tests/bench/run, which installs it, or choose \
             --servers floor,admitd"
                .to_owned(),
        );
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The servers of a task have their connections at the same time, and all the other ends are here.
fn connections(options: &Options) -> Result<(), String> {
    let servers = if options.instructions { 1 } else { options.servers.len() };
    let files = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let files = usize::try_from(files).unwrap_or(usize::MAX);
    let here = (files / servers).min(ports()).saturating_sub(OTHER_FILES);
    let is_limited = options.servers.iter().any(|kind| *kind != Kind::Floor);
    let most = if is_limited { here.min(FROM_ONE_ADDRESS) } else { here };
    if options.connections <= most {
        return Ok(());
    }
    Err(format!(
        "--connections {}: at most {most}, by the open files and ports that this user may have and by \
         what servers take from one address",
        options.connections,
    ))
}

/// How many connections one address may have with another.
fn ports() -> usize {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
    let range = range.unwrap_or_default();
    let mut ends = range.split_whitespace().filter_map(|end| end.parse::<usize>().ok());
    match (ends.next(), ends.next()) {
        (Some(first), Some(last)) => last.saturating_sub(first) + 1,
        _ => usize::MAX,
    }
}

/// What is in them stays until there is something to write.
fn files(options: &Options) -> Result<(), String> {
    for (name, file) in [("--json", &options.json), ("--svg", &options.svg)] {
        let Some(file) = file else { continue };
        let opened = File::options().append(true).create(true).open(file);
        opened.map_err(|error| format!("{name} {}: {error}", file.display()))?;
    }
    Ok(())
}
