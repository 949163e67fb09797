//! SIPp with a scenario of `tests/sipp`.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use super::{Process, free_port};

/// How SIPp speaks: one socket, or one for each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Udp,
    UdpEach,
    Tcp,
    TcpEach,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Udp => "u1",
            Self::UdpEach => "un",
            Self::Tcp => "t1",
            Self::TcpEach => "tn",
        }
    }
}

/// A SIPp in a folder of its own.
pub struct Sipp {
    pub process: Process,
    folder: TempDir,
}

/// What a run is about.
pub struct Run<'a> {
    pub scenario: &'a str,
    pub mode: Mode,
    pub remote: SocketAddr,
    /// Lines of its injection file, one for each call.
    pub rows: &'a [String],
    pub more: &'a [&'a str],
}

impl Sipp {
    /// Starts a run; every row is one call, all at once.
    pub fn start(run: &Run<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut rows = "SEQUENTIAL\n".to_owned();
        for row in run.rows {
            let _ = writeln!(rows, "{row}");
        }
        fs::write(folder.path().join("rows.csv"), rows).expect("written");
        let calls = run.rows.len().to_string();
        let mut command = Command::new("sipp");
        command
            .arg(run.remote.to_string())
            .arg("-sf")
            .arg(scenario(run.scenario))
            .args(["-i", "127.0.0.1", "-inf", "rows.csv", "-t", run.mode.word()])
            .args(["-m", &calls, "-l", &calls, "-r", "2000"])
            .args(["-buff_size", "4194304", "-max_socket", "1000", "-nostdin"])
            .args(["-trace_logs", "-log_file", "said.log", "-trace_err", "-error_file", "errors"])
            .args(["-timeout", "60s", "-timeout_error"])
            // Left to itself it looks for a port that is free just then, as do those beside it.
            .args(["-p", &free_port().to_string()])
            .args(run.more)
            .current_dir(folder.path());
        let process = Process::start(&mut command, &folder.path().join("screen.log"));
        Self { process, folder }
    }

    /// Waits for the end of a run that must go well; gives the lines that its scenario logged.
    pub fn finish(mut self) -> Vec<String> {
        let code = self.process.wait(Duration::from_secs(70));
        let errors = fs::read_to_string(self.folder.path().join("errors")).unwrap_or_default();
        assert_eq!(code, 0, "sipp: {errors}{}", self.process.said());
        self.lines()
    }

    /// The lines that its scenario has logged so far.
    pub fn lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("said.log")).unwrap_or_default();
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect()
    }
}

/// The file of a scenario.
pub fn scenario(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sipp").join(name)
}
