//! A Kamailio with `tests/kamailio/registrar.cfg`, behind the daemon.

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{Process, free_port};

/// How calls find their way back through the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Kamailio keeps Path (RFC 3327).
    Path,
    /// Kamailio ignores Path; the daemon rewrites the Contact.
    Contact,
}

/// A registrar with digest: the password of every number is `secret-` and its user.
pub struct Kamailio {
    pub process: Process,
    pub address: SocketAddr,
    way: Way,
    _folder: TempDir,
}

impl Kamailio {
    /// Starts one and waits until it answers.
    pub fn start(way: Way) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kamailio/registrar.cfg");
        let mut command = Command::new("kamailio");
        command.arg("-f").arg(config).args(["-DD", "-E", "-m", "32", "-M", "4", "-n", "2"]);
        command.args(["-w", "/", "-Y"]).arg(folder.path());
        command.arg("-P").arg(folder.path().join("pid"));
        command.args(["-l", &format!("udp:{address}"), "-l", &format!("tcp:{address}")]);
        if way == Way::Contact {
            command.args(["-A", "IGNORE_PATH"]);
        }
        let process = Process::start(&mut command, &folder.path().join("kamailio.log"));
        wait_for(address, &process);
        Self { process, address, way, _folder: folder }
    }

    /// The `[upstream]` part of a configuration that names it; `transport` is `udp` or `tcp`.
    pub fn config(&self, transport: &str) -> String {
        let path = match self.way {
            Way::Path => "path",
            Way::Contact => "contact",
        };
        format!(
            "[upstream]\nuri = \"sip:{};transport={transport}\"\nbind = \"127.0.0.1:0\"\n\
             challenges = true\npath = \"{path}\"\n",
            self.address
        )
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        self.process.said()
    }
}

/// The password that it wants from a number.
pub fn password(user: &str) -> String {
    format!("secret-{user}")
}

fn wait_for(address: SocketAddr, process: &Process) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
    let own = socket.local_addr().expect("an address");
    let ping = format!(
        "OPTIONS sip:{address} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch=z9hG4bKping;rport\r\n\
         Max-Forwards: 70\r\nFrom: <sip:ping@{own}>;tag=1\r\nTo: <sip:{address}>\r\n\
         Call-ID: ping\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    );
    let deadline = Instant::now() + Duration::from_secs(15);
    loop {
        let _ = socket.send_to(ping.as_bytes(), address);
        if socket.recv_from(&mut [0; 2048]).is_ok() {
            return;
        }
        assert!(Instant::now() < deadline, "kamailio answers: {}", process.said());
    }
}
