//! What the daemon says of itself: log lines on stderr, counters for Prometheus, one line for each
//! refusal. It measures and writes; it decides nothing.

mod cells;
mod endpoint;
mod journal;
mod recent;
mod refusals;
mod ring;
mod scrape;

use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, fmt, reload};

use crate::config::{Log, LogFormat};

pub use cells::Cells;
pub use endpoint::serve;
pub use recent::{Recent, is_refusal_id};
pub use refusals::{Readers, RefusalLine, escaped, write_refusals};
pub use ring::{Field, REFUSAL_ID, RefusalLog, RefusalQueue, Refused};
pub use scrape::{GroupGauge, Metrics, Observed};

/// Keeps the log flowing; dropping it writes what is still queued.
pub struct Logging {
    filter: reload::Handle<Targets, Registry>,
    _writer: tracing_appender::non_blocking::WorkerGuard,
}

/// Why the log could not be set up or changed.
#[derive(Debug, thiserror::Error)]
#[error("log: {0}")]
pub struct Fault(String);

/// Starts the log of this process, once. Lines go to stderr through a bounded queue, so that a slow
/// reader of them never stops who writes; what does not fit is dropped.
pub fn start(log: &Log) -> Result<Logging, Fault> {
    let (writer, guard) = tracing_appender::non_blocking(std::io::stderr());
    let (filter, handle) = reload::Layer::new(targets(&log.level)?);
    let journal = std::env::var_os("JOURNAL_STREAM").is_some();
    let lines = fmt::layer().with_writer(writer);
    let lines: Box<dyn Layer<_> + Send + Sync> = match log.format {
        LogFormat::Json => Box::new(lines.json().flatten_event(true)),
        // The journal has its own clock and takes the level from the start of the line.
        LogFormat::Text if journal => Box::new(lines.event_format(journal::Journal::default())),
        LogFormat::Text => {
            let colour = std::io::IsTerminal::is_terminal(&std::io::stderr());
            Box::new(lines.with_ansi(colour))
        }
    };
    let registry = tracing_subscriber::registry().with(filter).with(lines);
    registry.try_init().map_err(|error| Fault(error.to_string()))?;
    Ok(Logging { filter: handle, _writer: guard })
}

impl Logging {
    /// Changes the level while running.
    pub fn set_level(&self, level: &str) -> Result<(), Fault> {
        self.filter.reload(targets(level)?).map_err(|error| Fault(error.to_string()))
    }
}

fn targets(level: &str) -> Result<Targets, Fault> {
    level.parse().map_err(|error| Fault(format!("level {level:?}: {error}")))
}
