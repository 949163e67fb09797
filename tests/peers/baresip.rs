//! A baresip phone: no sound card, controlled over its TCP control port.

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Process, free_port};

/// A phone with one account.
pub struct Baresip {
    pub process: Process,
    control: TcpStream,
    unread: Vec<u8>,
    /// What it has told and nobody has asked for yet.
    events: Vec<Value>,
    _folder: TempDir,
}

/// An account of a baresip.
pub struct Account<'a> {
    pub user: &'a str,
    pub password: &'a str,
    /// Every request goes here first.
    pub proxy: SocketAddr,
    /// `udp` or `tcp`.
    pub transport: &'a str,
}

impl Baresip {
    /// Starts a phone; it registers at once.
    pub fn start(account: &Account<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (sip, control) = (free_port(), free_port());
        let modules = modules();
        let mut config = format!(
            "poll_method epoll\nsip_listen 127.0.0.1:{sip}\nnet_interface 127.0.0.1\n\
             audio_player aubridge,nil\naudio_source aubridge,nil\n\
             module_path {}\nctrl_tcp_listen 127.0.0.1:{control}\ncall_local_timeout 20\n",
            modules.display()
        );
        // A tone played by a bridge without a source never ends, and nothing else happens meanwhile.
        for tone in ["ring", "ringback", "callwaiting", "busy", "error", "notfound", "message"] {
            config.push_str(&format!("{tone}_aufile none\n"));
        }
        for module in ["g711", "aubridge"] {
            config.push_str(&format!("module {module}.so\n"));
        }
        for module in ["uuid", "account"] {
            config.push_str(&format!("module_tmp {module}.so\n"));
        }
        for module in ["contact", "menu", "ctrl_tcp"] {
            config.push_str(&format!("module_app {module}.so\n"));
        }
        let Account { user, password, proxy, transport } = account;
        let line = format!(
            "<sip:{user}@example.com;transport={transport}>;auth_user={user};auth_pass={password};\
             outbound=\"sip:{proxy};transport={transport}\";regint=3600;audio_codecs=PCMU/8000/1\n"
        );
        for (name, text) in [("config", config), ("accounts", line), ("contacts", String::new())] {
            fs::write(folder.path().join(name), text).expect("written");
        }
        let log = folder.path().join("baresip.log");
        let process = Process::start(Command::new("baresip").arg("-f").arg(folder.path()), &log);
        let control = connect(control);
        Self { process, control, unread: Vec::new(), events: Vec::new(), _folder: folder }
    }

    /// Gives it a command, as its user would.
    pub fn tell(&mut self, command: &str, params: &str) {
        let text = json!({"command": command, "params": params, "token": command}).to_string();
        let netstring = format!("{}:{text},", text.len());
        self.control.write_all(netstring.as_bytes()).expect("told");
    }

    /// Waits for an event of one of these types; gives it. Others before it are passed over.
    pub fn expect(&mut self, types: &[&str], limit: Duration) -> Value {
        let deadline = Instant::now() + limit;
        loop {
            let is = |event: &Value| types.iter().any(|one| event["type"] == *one);
            if let Some(at) = self.events.iter().position(is) {
                let event = self.events.remove(at);
                self.events.drain(..at);
                return event;
            }
            assert!(
                Instant::now() < deadline,
                "no {types:?} in {limit:?}; told: {:?}\n{}",
                self.events.iter().map(|event| &event["type"]).collect::<Vec<_>>(),
                self.process.said()
            );
            self.read();
        }
    }

    fn read(&mut self) {
        let mut piece = [0; 4096];
        match self.control.read(&mut piece) {
            Ok(len) => self.unread.extend_from_slice(&piece[..len]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => panic!("its control port: {error}"),
        }
        while let Some(colon) = self.unread.iter().position(|byte| *byte == b':') {
            let len: usize =
                String::from_utf8_lossy(&self.unread[..colon]).parse().expect("a netstring");
            if self.unread.len() < colon + len + 2 {
                return;
            }
            let text = &self.unread[colon + 1..colon + 1 + len];
            let event: Value = serde_json::from_slice(text).expect("JSON");
            self.unread.drain(..colon + len + 2);
            if event["event"] == true {
                self.events.push(event);
            }
        }
    }
}

fn connect(port: u16) -> TcpStream {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
            stream.set_read_timeout(Some(Duration::from_millis(50))).expect("a time limit");
            return stream;
        }
        assert!(Instant::now() < deadline, "baresip opens its control port");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Where the package puts the modules.
fn modules() -> PathBuf {
    let places = ["/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules"];
    let found = places.iter().map(PathBuf::from).find(|place| place.exists());
    found.expect("the modules of baresip")
}
