//! What can be read again without a restart: admission, refusals, domains, the log level.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;

use super::parts;
use crate::admission::Admission;
use crate::config::Config;
use crate::telemetry::Logging;

/// Reads the config file again.
pub struct Reloader {
    file: Option<PathBuf>,
    in_force: Mutex<Config>,
    admission: Arc<Admission>,
    logging: Logging,
}

impl Reloader {
    /// For the config that the daemon started with.
    pub fn new(config: &Config, admission: Arc<Admission>, logging: Logging) -> Self {
        let in_force = Mutex::new(config.clone());
        Self { file: config.file.clone(), in_force, admission, logging }
    }

    /// Puts the file in force as it is now; gives the sections that wait for a restart. On a fault
    /// everything stays as it was.
    pub fn reload(&self) -> Result<Vec<String>, String> {
        let new = match &self.file {
            Some(file) => Config::load(file).map_err(|report| report.to_string())?,
            None => Config::default(),
        };
        self.logging.set_level(&new.log.level).map_err(|fault| fault.to_string())?;
        self.admission.set(parts::admission(&new));
        let mut in_force = self.in_force.lock();
        let waiting = in_force.needs_restart(&new);
        *in_force = new;
        Ok(waiting.into_iter().map(str::to_owned).collect())
    }
}
