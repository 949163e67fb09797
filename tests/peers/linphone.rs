//! A linphonec: told what to do on its standard input.

use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::process::{ChildStdin, Command};

use tempfile::TempDir;

use super::{Account, Process, free_port};

/// A phone with one account, which takes every call.
pub struct Linphone {
    pub process: Process,
    commands: ChildStdin,
    _folder: TempDir,
}

impl Linphone {
    /// Starts a phone; it registers at once.
    pub fn start(account: &Account<'_>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let home = folder.path();
        fs::create_dir_all(home.join(".local/share/linphone")).expect("a folder");
        fs::write(home.join("rc"), settings(account)).expect("written");
        let mut command = Command::new("linphonec");
        command.args(["-a", "-d", "0", "-c"]).arg(home.join("rc"));
        command.env("HOME", home).current_dir(home);
        let (process, commands) = Process::start_told(&mut command, &home.join("linphone.log"));
        Self { process, commands, _folder: folder }
    }

    /// Gives it a command, as its user would.
    pub fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").expect("told");
    }
}

fn settings(account: &Account<'_>) -> String {
    let Account { user, password, proxy, transport } = account;
    let port = free_port();
    let (udp, tcp) = if *transport == "tcp" { (0, port) } else { (port, 0) };
    let proxy: &SocketAddr = proxy;
    format!(
        "[sip]\nsip_port={udp}\nsip_tcp_port={tcp}\nsip_tls_port=0\nuse_ipv6=0\ndefault_proxy=0\n\
         [proxy_0]\nreg_proxy=<sip:{proxy};transport={transport}>\n\
         reg_route=<sip:{proxy};transport={transport};lr>\nreg_identity=sip:{user}@example.com\n\
         reg_expires=3600\nreg_sendregister=1\npublish=0\n\
         [auth_info_0]\nusername={user}\npasswd={password}\nrealm=example.com\n"
    )
}
