//! Asks the running daemon over its control socket; says apart when there is none.

use std::io::{BufRead, BufReader, ErrorKind, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::admin::control::Request;

use super::failure::Failure;

/// A daemon that does not answer for so long is stuck.
const PATIENCE: Duration = Duration::from_secs(30);

/// The daemon's answer; `None` where no daemon runs.
pub fn ask<T: DeserializeOwned>(socket: &Path, request: &Request) -> Result<Option<T>, Failure> {
    let stream = match UnixStream::connect(socket) {
        Ok(stream) => stream,
        Err(error) if is_absent(error.kind()) => return Ok(None),
        Err(error) => return Err(fault(socket, &error)),
    };
    let line = exchange(stream, request).map_err(|error| fault(socket, &error))?;
    let mut answer: Value = serde_json::from_str(&line)
        .map_err(|error| Failure::new(format!("the daemon's answer cannot be read: {error}")))?;
    if let Some(error) = answer.get("error").and_then(Value::as_str) {
        return Err(Failure::new(error));
    }
    let answer = answer.get_mut("answer").map(Value::take).unwrap_or_default();
    serde_json::from_value(answer)
        .map(Some)
        .map_err(|error| Failure::new(format!("the daemon's answer cannot be read: {error}")))
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::ConnectionRefused | ErrorKind::NotADirectory)
}

fn exchange(mut stream: UnixStream, request: &Request) -> std::io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    Ok(answer)
}

fn fault(socket: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("the daemon cannot be asked at {}: {error}", socket.display()))
}
