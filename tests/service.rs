//! The daemon as a service: what it tells systemd, what a reload takes over, how it stops.

mod scene;

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use scene::{Daemon, Phone, eventually};

const SOON: Duration = Duration::from_secs(5);

/// The other end of the service manager's socket, and the daemon that tells it.
struct Service {
    scene: Daemon,
    notify: UnixDatagram,
    child: Child,
}

impl Service {
    fn start() -> Self {
        let scene = Daemon::prepare("");
        let path = scene.path().join("notify.sock");
        let notify = UnixDatagram::bind(&path).expect("a socket");
        notify.set_read_timeout(Some(Duration::from_millis(100))).expect("a time limit");
        let child = Command::new(env!("CARGO_BIN_EXE_admitd"))
            .args(["run", "--config"])
            .arg(scene.config())
            .env("NOTIFY_SOCKET", &path)
            .env("WATCHDOG_USEC", "400000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("admitd starts");
        Self { scene, notify, child }
    }

    /// Waits until it says `word`; gives the whole message.
    fn hears(&self, word: &str) -> String {
        let deadline = Instant::now() + SOON;
        let mut buffer = [0; 4096];
        while Instant::now() < deadline {
            let Ok(len) = self.notify.recv(&mut buffer) else { continue };
            let said = String::from_utf8_lossy(&buffer[..len]).into_owned();
            if said.contains(word) {
                return said;
            }
        }
        panic!("systemd is never told {word}");
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().expect("kill");
        assert!(sent.success());
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn systemd_hears_ready_the_watchdog_reloading_and_stopping() {
    let mut service = Service::start();

    let ready = service.hears("READY=1");
    assert!(ready.contains("STATUS=0 seats"), "{ready}");
    service.hears("WATCHDOG=1");
    service.signal("-HUP");
    service.hears("RELOADING=1");
    service.hears("READY=1");
    service.signal("-TERM");
    service.hears("STOPPING=1");

    let deadline = Instant::now() + SOON;
    let status = loop {
        if let Some(status) = service.child.try_wait().expect("its status") {
            break status;
        }
        assert!(Instant::now() < deadline, "it stops");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(status.success());
    assert!(!service.scene.path().join("admitd.sock").exists(), "its socket is gone");
}

#[test]
fn a_reload_takes_over_phrases_and_a_faulty_file_changes_nothing() {
    let daemon = Daemon::start("");
    daemon.tell(&["group", "add", "R", "--restrict"]);
    daemon.tell(&["claim", "add", "R", "--domain", "example.com"]);
    eventually(SOON, "the number is known", || {
        daemon.ask(&["explain", "sip:20@example.com"])["cause"] == "no_license"
    });
    let mut phone = Phone::udp(daemon.udp, "20");
    assert_eq!(phone.register(60).start, "SIP/2.0 403 No license");
    let text = std::fs::read_to_string(daemon.config()).unwrap();
    let reload = |more: &str| {
        std::fs::write(daemon.config(), format!("{text}{more}")).unwrap();
        let pid = daemon.pid().to_string();
        assert!(Command::new("kill").args(["-HUP", &pid]).status().unwrap().success());
    };

    reload("[refusals]\nno_license = { phrase = \"Ask the janitor\" }\n");
    eventually(SOON, "the new phrase is told", || {
        phone.register(60).start == "SIP/2.0 403 Ask the janitor"
    });
    reload("[refusals]\nno_such_cause = 7\n");
    eventually(SOON, "the fault is logged", || daemon.log().contains("no_such_cause"));

    assert_eq!(phone.register(60).start, "SIP/2.0 403 Ask the janitor");
}

#[test]
fn a_config_in_another_folder_has_its_files_there() {
    let scene = Daemon::prepare("");
    std::fs::create_dir(scene.path().join("etc")).unwrap();
    std::fs::rename(scene.config(), scene.path().join("etc/admitd.toml")).unwrap();

    let mut child = Command::new(env!("CARGO_BIN_EXE_admitd"))
        .args(["run", "--config", "etc/admitd.toml"])
        .current_dir(scene.path())
        .stderr(Stdio::null())
        .spawn()
        .expect("admitd starts");
    eventually(SOON, "it serves", || scene.path().join("etc/admitd.sock").exists());

    assert!(scene.path().join("etc/admitd.db").exists());
    let _ = child.kill();
    let _ = child.wait();
}

#[test]
fn a_second_daemon_on_one_database_does_not_start() {
    let first = Daemon::start("");
    let text = std::fs::read_to_string(first.config()).unwrap();
    let other = first.path().join("other.toml");
    let text = text.replace("[admin]", "[admin]\nsocket = \"other.sock\"");
    std::fs::write(&other, text).unwrap();

    let output = Command::new(env!("CARGO_BIN_EXE_admitd"))
        .args(["run", "--config"])
        .arg(&other)
        .output()
        .expect("it ends");

    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("another daemon runs on it"), "{said}");
}
