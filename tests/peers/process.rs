//! A program of somebody else's, running in a folder of its own; ended when dropped.

use std::fs::{self, File};
use std::io::Write;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A running program, what it says kept in a file.
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its output goes to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        Self::spawn(command.stdin(Stdio::null()), log)
    }

    /// The same for a program that is told what to do on its standard input.
    pub fn start_told(command: &mut Command, log: &Path) -> (Self, ChildStdin) {
        let mut process = Self::spawn(command.stdin(Stdio::piped()), log);
        let commands = process.child.stdin.take().expect("its standard input");
        (process, commands)
    }

    fn spawn(command: &mut Command, log: &Path) -> Self {
        let file = File::create(log).expect("a log");
        let errors = file.try_clone().expect("the same log");
        let child = command
            // A group of its own: what it leaves behind can be ended with it.
            .process_group(0)
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
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        // A Kamailio that had to be killed leaves its workers.
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
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

/// A port of loopback that is free over UDP and TCP, and the next one too, which some peers take as
/// well; for a peer that can't bind port 0 itself. Below the ports that the kernel gives to others and
/// above those of baresip's media, and no port twice, or it is gone before the peer takes it.
pub fn free_port() -> u16 {
    static SERIAL: AtomicU32 = AtomicU32::new(0);
    loop {
        // Relaxed: a counter. Tests that run beside these start elsewhere.
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed) + std::process::id() % 600 * 10;
        let port = 20_000 + u16::try_from(serial % 6_000 * 2).expect("a port");
        let is_free = |port| {
            UdpSocket::bind(("127.0.0.1", port)).is_ok()
                && TcpListener::bind(("127.0.0.1", port)).is_ok()
        };
        if is_free(port) && is_free(port + 1) {
            return port;
        }
    }
}
