//! `check`: the config as `run` would read it.

use std::path::Path;

use serde_json::{Value, json};

use crate::config::{Config, Report};

use super::desk::Shown;
use super::failure::Failure;

/// Reads the file and says what it means, or all that is wrong with it.
pub fn run(named: Option<&Path>) -> Result<Shown, Failure> {
    let config = match Config::locate(named) {
        Ok(config) => config,
        Err(report) => return faults(&report),
    };
    let file = config.file.as_ref().map(|file| file.display().to_string());
    let from = file.clone().unwrap_or_else(|| "no file: the defaults".to_owned());
    let registrar = match &config.upstream {
        Some(upstream) => upstream.uri.to_string(),
        None => "built in".to_owned(),
    };
    let domains: Vec<&str> = config.domains.iter().map(|domain| domain.name.as_str()).collect();
    let text = format!(
        "{from}: all is well\ndatabase   {}\ndomains    {}\nudp        {}\ntcp        {}\nregistrar  {registrar}\ncontrol    {}",
        config.database,
        if domains.is_empty() {
            "none: every REGISTER is refused".into()
        } else {
            domains.join(", ")
        },
        listed(&config.listen.udp),
        listed(&config.listen.tcp),
        config.admin.socket.display(),
    );
    let json = json!({
        "file": file,
        "faults": [],
        "database": config.database.to_string(),
        "domains": domains,
        "registrar": registrar,
    });
    Ok(Shown { json, text, note: None })
}

/// All that is wrong with a file, as a failure.
pub fn faults(report: &Report) -> Result<Shown, Failure> {
    let faults: Vec<Value> = report
        .faults()
        .iter()
        .map(|fault| json!({"line": fault.line, "key": fault.key, "message": fault.message}))
        .collect();
    Err(Failure { faults, ..Failure::new(report.to_string()) })
}

fn listed(addresses: &[std::net::SocketAddr]) -> String {
    let all: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    if all.is_empty() { "-".to_owned() } else { all.join(", ") }
}
