//! A program of somebody else's, running in a folder of its own; ended when dropped.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running program, what it says kept in a file.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its output goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let file = File::create(log).expect("a log");
        let errors = file.try_clone().expect("the same log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file)
            .stderr(errors)
            .spawn()
            .unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        Self { child, log: log.to_owned() }
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Whether it has ended, and how.
    pub fn ended(&mut self) -> Option<i32> {
        self.child.try_wait().expect("its state").map(|status| status.code().unwrap_or(-1))
    }

    /// Waits for its end; gives its exit code.
    pub fn wait(&mut self, limit: Duration) -> i32 {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(code) = self.ended() {
                return code;
            }
            assert!(Instant::now() < deadline, "still running: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, as its operator would, so that it can end its children; then insists.
    pub fn end(&mut self) {
        if self.ended().is_some() {
            return;
        }
        let _ = Command::new("kill").arg("-TERM").arg(self.child.id().to_string()).status();
        let deadline = Instant::now() + Duration::from_secs(5);
        while self.ended().is_none() {
            if Instant::now() > deadline {
                let _ = self.child.kill();
                let _ = self.child.wait();
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.end();
        if std::thread::panicking() {
            let said = self.said();
            let from = said.len().saturating_sub(8_000);
            let from = (from..said.len()).find(|at| said.is_char_boundary(*at)).unwrap_or(0);
            let mut errors = std::io::stderr().lock();
            let _ = writeln!(errors, "--- {}\n{}", self.log.display(), &said[from..]);
        }
    }
}

/// A port of loopback that is free over UDP and TCP; its owner can't bind port 0 itself.
pub fn free_port() -> u16 {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let port = udp.local_addr().expect("an address").port();
        // Some peers take the next one as well.
        let next = port.checked_add(1).map(|next| UdpSocket::bind(("127.0.0.1", next)).is_ok());
        if next == Some(true) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}
