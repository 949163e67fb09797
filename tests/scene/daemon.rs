//! The built program, running in a folder of its own on ports of its own.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::server::{Server, said};

/// A daemon; killed when dropped.
pub struct Daemon {
    pub folder: TempDir,
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
    /// Where upstreams speak to it.
    pub bind: Option<SocketAddr>,
    /// The API.
    pub admin: SocketAddr,
    /// On a server, where the tests run on one.
    server: Option<Server>,
    child: Option<Child>,
}

/// A start with a million numbers, not optimized, on a busy machine.
const READY: Duration = Duration::from_secs(120);
const BINARY: &str = env!("CARGO_BIN_EXE_admitd");

impl Daemon {
    /// A folder with a configuration: loopback, port 0, `more` added to it, and a database as
    /// `ADMITD_TEST_DATABASE` wants it: a file, or `postgres`. Nothing runs yet.
    pub fn prepare(more: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let server = Server::wanted();
        let database = server.as_ref().map_or_else(|| "sqlite:admitd.db".to_owned(), Server::url);
        let config = format!(
            "database = \"{database}\"\n[domains]\n\"example.com\" = [\"127.0.0.1\"]\n\
             [listen]\nudp = [\"127.0.0.1:0\"]\ntcp = [\"127.0.0.1:0\"]\n\
             [admin]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n{more}\n"
        );
        fs::write(folder.path().join("admitd.toml"), config).expect("the config is written");
        let nowhere = "127.0.0.1:0".parse().expect("an address");
        Self { folder, udp: nowhere, tcp: nowhere, bind: None, admin: nowhere, server, child: None }
    }

    /// A running daemon.
    pub fn start(more: &str) -> Self {
        let mut daemon = Self::prepare(more);
        daemon.run();
        daemon
    }

    /// Starts the program and waits until it says where it listens.
    pub fn run(&mut self) {
        let mut child = Command::new(BINARY)
            .args(["run", "--config"])
            .arg(self.config())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("admitd starts");
        let stderr = child.stderr.take().expect("its log");
        self.child = Some(child);
        let (said, hears) = mpsc::channel();
        let log = self.folder.path().join("admitd.log");
        std::thread::spawn(move || {
            use std::io::Write;
            let mut file = fs::File::options().create(true).append(true).open(log).expect("a log");
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let _ = writeln!(file, "{line}");
                let _ = said.send(line);
            }
        });
        loop {
            let line = hears.recv_timeout(READY).expect("admitd becomes ready");
            if line.contains("ready") && line.contains("udp=") {
                let field = |name: &str| {
                    let (_, rest) = line.split_once(&format!("{name}="))?;
                    rest.split([' ', ',', '"']).find_map(|word| word.parse().ok())
                };
                self.udp = field("udp").expect("a UDP address");
                self.tcp = field("tcp").expect("a TCP address");
                self.bind = field("upstream_bind");
                self.admin = field("admin").expect("the address of the API");
                return;
            }
        }
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("admitd.log")).unwrap_or_default()
    }

    /// Keeps the ports it has for the next start: a restart on the same sockets.
    pub fn keep_ports(&self) {
        let text = fs::read_to_string(self.config()).expect("the config");
        let text = text
            .replace("udp = [\"127.0.0.1:0\"]", &format!("udp = [\"{}\"]", self.udp))
            .replace("tcp = [\"127.0.0.1:0\"]", &format!("tcp = [\"{}\"]", self.tcp));
        fs::write(self.config(), text).expect("the config is written");
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.folder.path().join("admitd.toml")
    }

    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.folder.path().join("admitd.db")
    }

    /// Every row of a table, in an order that does not change, without the column `but`.
    pub fn dump(&self, table: &str, but: &str) -> String {
        match &self.server {
            Some(server) => server
                .query(&format!("select to_jsonb(row) - '{but}' from {table} as row order by 1")),
            None => {
                let ask = |sql: &str| said(Command::new("sqlite3").arg(self.database()).arg(sql));
                let columns = ask(&format!("select name from pragma_table_info('{table}')"));
                let kept = columns.lines().filter(|name| *name != but);
                let kept = kept.map(|name| format!("quote({name})")).collect::<Vec<_>>();
                ask(&format!("select {} from {table} order by 1, 2", kept.join(", ")))
            }
        }
    }

    /// The folder as a path.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The process id of the running program.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("it runs").id()
    }

    /// Ends it without warning, as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Runs the command line on its database.
    pub fn command(&self, words: &[&str]) -> Output {
        Command::new(BINARY)
            .args(words)
            .arg("--config")
            .arg(self.config())
            .output()
            .expect("the command runs")
    }

    /// Runs a command that must succeed.
    pub fn tell(&self, words: &[&str]) {
        let output = self.command(words);
        assert!(
            output.status.success(),
            "{words:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }

    /// Runs a command with `--json` and reads what it prints.
    pub fn ask(&self, words: &[&str]) -> Value {
        let mut words = words.to_vec();
        words.push("--json");
        let output = self.command(&words);
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
            panic!(
                "{words:?}: {error}: {}{}",
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr)
            )
        })
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- log of the daemon\n{}", self.log());
        }
    }
}
