//! Where the demo plays: a folder of its own under the temporary one, with a config and ports that
//! nobody else holds. No config and no database of the machine is read or written.

use std::fs::{self, DirBuilder};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use crate::config::Config;

use super::{Fault, tree};

/// The usual ports, taken where they are free.
const SIP: u16 = 5060;
const METRICS: u16 = 9060;

/// The folder and the config in it; the folder goes when this is dropped.
pub struct Stage {
    folder: PathBuf,
    config: Config,
}

impl Stage {
    /// Makes the folder, for its owner alone, and writes the config.
    pub fn set() -> Result<Self, Fault> {
        let folder = std::env::temp_dir().join(format!("admitd-demo-{}", std::process::id()));
        // Fails where something of that name is there: nothing that exists is ever used or removed.
        DirBuilder::new()
            .mode(0o700)
            .create(&folder)
            .map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut stage = Self { folder, config: Config::default() };
        let file = stage.folder.join("admitd.toml");
        fs::write(&file, config_text(free_port(SIP)?, free_port(METRICS)?))?;
        stage.config = Config::load(&file).map_err(|report| report.to_string())?;
        Ok(stage)
    }

    /// What the daemon is to run with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Fills the database with the example.
    pub async fn furnish(&self) -> Result<(), Fault> {
        tree::plant(&self.config).await
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        match fs::remove_dir_all(&self.folder) {
            Ok(()) => eprintln!("admitd: the demo is over; {} is removed", self.folder.display()),
            Err(error) => eprintln!("admitd: {} stays: {error}", self.folder.display()),
        }
    }
}

fn config_text(sip: u16, metrics: u16) -> String {
    format!(
        "# Made by `admitd run --demo`, and removed when it ends.\n\
         database = \"sqlite:admitd.db\"\n\
         \n\
         [domains]\n\
         \"example.com\" = [\"127.0.0.1\", \"localhost\"]\n\
         \n\
         [listen]\n\
         udp = [\"127.0.0.1:{sip}\"]\n\
         tcp = [\"127.0.0.1:{sip}\"]\n\
         workers = 2\n\
         \n\
         [registrar]\n\
         # Short, so that refreshes are seen.\n\
         max_expires = 60\n\
         \n\
         [admin]\n\
         listen = \"127.0.0.1:0\"\n\
         \n\
         [metrics]\n\
         listen = \"127.0.0.1:{metrics}\"\n\
         \n\
         [log]\n\
         # \"warn\" and a SIGHUP show every refusal as the journal would.\n\
         level = \"error\"\n"
    )
}

/// The usual port where UDP and TCP are both free on loopback, else any such port.
fn free_port(usual: u16) -> io::Result<u16> {
    if is_free(usual) {
        return Ok(usual);
    }
    for _ in 0..20 {
        let port = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

fn is_free(port: u16) -> bool {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_config_of_the_demo_is_read_without_a_fault() {
        let config = Config::parse(&config_text(5060, 9060), Path::new("/demo/admitd.toml"));

        let config = config.unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(config.database.folder(Path::new("")), Path::new("/demo"));
        assert!(config.listen.udp.iter().all(|address| address.ip().is_loopback()));
    }

    #[test]
    fn a_port_that_somebody_holds_is_left_to_them() {
        let held = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();

        assert_ne!(free_port(port).unwrap(), port);
    }
}
