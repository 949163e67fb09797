//! The servers, each in a process of its own on the first core, in a folder of its own; ended when
//! dropped.

use std::fs::{self, File};
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::base::Base;
use super::options::Kind;
use super::site;

/// A server that runs.
pub struct Server {
    pub address: SocketAddr,
    child: Child,
    _base: Base,
}

/// A start with a million numbers.
const READY: Duration = Duration::from_secs(120);
const CORE: &str = "0";

/// What a server is told.
pub struct Place {
    pub kind: Kind,
    pub registrar: SocketAddr,
    pub numbers: u32,
    /// A floor gives back at once.
    pub refuses: bool,
}

impl Server {
    /// Starts one and waits until it answers.
    pub fn start(place: &Place) -> Self {
        let base = Base::sqlite();
        let address = free();
        let mut command = match place.kind {
            Kind::Floor => floor(place, address),
            Kind::Admitd => admitd(place, address, &base),
            Kind::Forward | Kind::Tm => kamailio(place, address, base.folder()),
        };
        let log = base.folder().join("log");
        let file = File::create(&log).expect("a log");
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("the same log"))
            .stderr(file)
            .spawn()
            .expect("taskset starts");
        let mut server = Self { address, child, _base: base };
        server.wait(&log);
        server
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks with OPTIONS until something comes back.
    fn wait(&mut self, log: &Path) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        let own = socket.local_addr().expect("an address");
        let ping = format!(
            "OPTIONS sip:example.com SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKping;rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:ping@example.com>;tag=1\r\nTo: <sip:example.com>\r\n\
             Call-ID: ping\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
        );
        let deadline = Instant::now() + READY;
        loop {
            let _ = socket.send_to(ping.as_bytes(), self.address);
            if socket.recv_from(&mut [0; 2048]).is_ok() {
                return;
            }
            let ended = self.child.try_wait().expect("its state").is_some();
            let said = || fs::read_to_string(log).unwrap_or_default();
            assert!(!ended && Instant::now() < deadline, "it answers: {}", said());
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Kamailio's workers are ended by it.
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

fn pinned(program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["-c", CORE, program]);
    command
}

fn floor(place: &Place, address: SocketAddr) -> Command {
    let own = std::env::current_exe().expect("this program");
    let mut command = pinned(own.to_str().expect("a plain path"));
    command.args(["--as", "floor", "--listen", &address.to_string()]);
    if !place.refuses {
        command.args(["--upstream", &place.registrar.to_string()]);
    }
    command
}

fn admitd(place: &Place, address: SocketAddr, base: &Base) -> Command {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(site::database(base, place.numbers));
    let config = base.folder().join("admitd.toml");
    let text = format!(
        "database = \"{}\"\n[domains]\n\"example.com\" = [\"127.0.0.1\"]\n\
         [listen]\nudp = [\"{address}\"]\ntcp = [\"{address}\"]\n\
         [upstream]\nuri = \"sip:{};transport=udp\"\nbind = \"127.0.0.1:0\"\nchallenges = false\n\
         [admin]\nlisten = \"127.0.0.1:0\"\n[metrics]\nlisten = \"127.0.0.1:0\"\n",
        base.url(),
        place.registrar,
    );
    fs::write(&config, text).expect("the config is written");
    let mut command = pinned(env!("CARGO_BIN_EXE_admitd"));
    command.args(["run", "--config"]).arg(config);
    command
}

fn kamailio(place: &Place, address: SocketAddr, folder: &Path) -> Command {
    site::tables(folder, place.numbers);
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/kamailio/admit.cfg");
    let mut command = pinned("kamailio");
    command.arg("-f").arg(config).args(["-DD", "-E", "-m", "1024", "-M", "16"]);
    // Its fast allocator: with the other one it costs twice as much.
    command.args(["-x", "fm", "-X", "fm", "-n", "1", "-N", "1", "-w", "/", "-Y"]).arg(folder);
    command.arg("-P").arg(folder.join("pid"));
    command.args(["-l", &format!("udp:{address}"), "-l", &format!("tcp:{address}")]);
    command.arg("-A").arg(format!("DBPATH=\"text://{}\"", folder.display()));
    command.arg("-A").arg(format!("REGISTRAR=\"sip:{}\"", place.registrar));
    if place.kind == Kind::Forward {
        command.args(["-A", "STATELESS"]);
    }
    command
}

/// A port that is free now.
fn free() -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.local_addr().expect("an address")
}
