//! The servers, each in a process of its own on the first core, in a folder of its own; ended when
//! dropped.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::endpoint::{Endpoint, Peer};
use super::floor::Transport;
use super::options::{Kind, Task};
use super::tables::Tables;

/// A server that runs.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    folder: tempfile::TempDir,
    /// With which an administrator asks its API.
    token: Option<String>,
}

/// A start with a million numbers.
const READY: Duration = Duration::from_secs(180);
const CORE: &str = "0";

/// What a server is told.
pub struct Place<'a> {
    pub kind: Kind,
    pub task: Task,
    pub transport: Transport,
    /// Who is behind it.
    pub upstream: SocketAddr,
    pub numbers: u32,
    pub tables: &'a Tables,
    /// Its instructions are counted.
    pub counted: bool,
    /// Somebody asks its API.
    pub administered: bool,
    /// It takes revoked seats from who is behind it.
    pub deregisters: bool,
}

impl Server {
    /// Starts one and waits until it answers.
    pub fn start(place: &Place<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let address = free();
        let mut command = match place.kind {
            Kind::Floor => floor(place, address),
            Kind::Admitd => admitd(place, address, folder.path()),
            Kind::Forward | Kind::Tm => kamailio(place, address, folder.path()),
        };
        let administered = place.kind == Kind::Admitd && place.administered;
        let token = administered.then(|| new_token(folder.path()));
        let log = folder.path().join("log");
        let file = File::create(&log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the same log"))
            .stderr(file)
            .spawn()
            .expect("setpriv starts");
        let mut server = Self { address, child, folder, token };
        server.wait(place.transport, &log);
        server
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// With which an administrator asks its API, where one does.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// Where its API listens, by its log.
    pub fn admin(&self) -> SocketAddr {
        let log = fs::read_to_string(self.folder().join("log")).expect("its log");
        let said = log.split_once(" admin=").and_then(|(_, rest)| rest.split_whitespace().next());
        said.and_then(|address| address.parse().ok()).expect("it says where its API is")
    }

    /// Where it keeps its files.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Asks with OPTIONS until something comes back.
    fn wait(&mut self, transport: Transport, log: &Path) {
        let deadline = Instant::now() + READY;
        while !self.answers(transport) {
            let ended = self.child.try_wait().expect("its state").is_some();
            let said = || fs::read_to_string(log).unwrap_or_default();
            assert!(!ended && Instant::now() < deadline, "it answers: {}", said());
        }
    }

    fn answers(&self, transport: Transport) -> bool {
        const PATIENCE: Duration = Duration::from_millis(100);
        let connected = match transport {
            Transport::Udp => {
                let any = SocketAddr::from(([127, 0, 0, 1], 0));
                Endpoint::new().udp(any).and_then(|socket| socket.connected(self.address))
            }
            Transport::Tcp => Endpoint::new().connecting(self.address, 1),
        };
        let Ok(mut endpoint) = connected else {
            std::thread::sleep(PATIENCE);
            return false;
        };
        let (to, name) = match transport {
            Transport::Udp => (Peer::Connected, "UDP"),
            Transport::Tcp => (Peer::Tcp(0), "TCP"),
        };
        let own = endpoint.address().expect("an address");
        let ping = format!(
            "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/{name} {own};branch=z9hG4bKping;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:ping@example.com>;tag=1\r\nTo: <sip:example.com>\r\n\
             Call-ID: ping\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        endpoint.send(to, ping.as_bytes());
        endpoint.flush();
        let (until, mut reply) = (Instant::now() + PATIENCE, Vec::new());
        while Instant::now() < until {
            endpoint.look();
            if endpoint.next(&mut reply).is_some() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        false
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Kamailio's workers are ended by it.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}

/// On the core of the servers, and not longer than the load is there.
pub fn pinned(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "taskset", "-c", CORE]).arg(program);
    command
}

fn floor(place: &Place<'_>, address: SocketAddr) -> Command {
    let mut command = pinned(std::env::current_exe().expect("this program"));
    command.args(["--floor", name(place.transport), "--listen", &address.to_string()]);
    if place.task.passes() {
        command.args(["--upstream", &place.upstream.to_string()]);
    }
    command
}

fn admitd(place: &Place<'_>, address: SocketAddr, folder: &Path) -> Command {
    let config = folder.join("admitd.toml");
    let text = format!(
        "database = \"sqlite:{}\"\n[domains]\n\"example.com\" = [\"127.0.0.1\"]\n\
         [listen]\nudp = [\"{address}\"]\ntcp = [\"{address}\"]\n\
         [upstream]\nuri = \"sip:{};transport={}\"\nbind = \"127.0.0.1:0\"\nchallenges = false\ntrusts_us = {}\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
        place.tables.admitd(folder).display(),
        place.upstream,
        name(place.transport),
        place.deregisters,
    );
    fs::write(&config, text).expect("the config is written");
    let program = env!("CARGO_BIN_EXE_admitd");
    let mut command = if place.counted {
        let mut command = pinned("valgrind");
        command.arg("--tool=callgrind").arg(counts(folder)).arg(program);
        command
    } else {
        pinned(program)
    };
    // As the service is started.
    command.env("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");
    command.args(["run", "--config"]).arg(config);
    command
}

/// Of an administrator of a server that doesn't run yet.
fn new_token(folder: &Path) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_admitd"));
    command.args(["token", "add", "wire", "--role", "server_administrator", "--json"]);
    let made = command.arg("--config").arg(folder.join("admitd.toml")).output();
    let made = made.expect("admitd starts");
    let said: serde_json::Value = serde_json::from_slice(&made.stdout).unwrap_or_default();
    let why = || String::from_utf8_lossy(&made.stderr).into_owned();
    said["token"].as_str().unwrap_or_else(|| panic!("a token: {}", why())).to_owned()
}

/// Where callgrind writes what it counted.
fn counts(folder: &Path) -> String {
    format!("--callgrind-out-file={}", folder.join("counts").display())
}

fn kamailio(place: &Place<'_>, address: SocketAddr, folder: &Path) -> Command {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/kamailio/admit.cfg");
    let mut command = pinned("kamailio");
    // Transactions live on for five seconds: at 30,000 a second more than 1 GiB of them.
    command.arg("-f").arg(config).args(["-DD", "-E", "-m", "4096", "-M", "1024"]);
    // Its fast allocator: with the other one it costs twice as much.
    command.args(["-x", "fm", "-X", "fm", "-n", "1", "-N", "1", "-w", "/", "-Y"]).arg(folder);
    command.arg("-P").arg(folder.join("pid"));
    command.args(["-l", &format!("udp:{address}"), "-l", &format!("tcp:{address}")]);
    let mut define = |what: String| {
        command.arg("-A").arg(what);
    };
    let database: PathBuf = place.tables.kamailio();
    define(format!("DBPATH=\"sqlite://{}\"", database.display()));
    define(format!("UPSTREAM=\"sip:{};transport={}\"", place.upstream, name(place.transport)));
    // As many buckets as entries.
    let (numbers, groups) = (bits(place.numbers), bits(place.numbers / 10));
    define(format!("ACCT=\"acct=>size={numbers};dbtable=acct;\""));
    define(format!("SEAT=\"seat=>size={numbers};autoexpire=7200;\""));
    for (name, table) in [("LIMIT", "glimit"), ("FROM", "gfrom"), ("UNTIL", "guntil")] {
        define(format!("{name}=\"{table}=>size={groups};dbtable={table};\""));
    }
    define(format!("USED=\"gused=>size={groups};initval=0;\""));
    if place.kind == Kind::Forward {
        define("STATELESS".to_owned());
    }
    if place.task == Task::New {
        define("GIVES_BACK".to_owned());
    }
    command
}

fn bits(entries: u32) -> u32 {
    entries.next_power_of_two().ilog2().clamp(10, 24)
}

fn name(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
    }
}

/// A port that is free now, for datagrams and for connections.
fn free() -> SocketAddr {
    loop {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        let address = socket.local_addr().expect("an address");
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
}
