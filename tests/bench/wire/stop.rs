//! An end by SIGINT or SIGTERM leaves nothing behind: no server that runs, no folder.

use std::future::poll_fn;
use std::path::Path;
use std::task::Poll;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, set_parent_process_death_signal};
use tempfile::TempDir;
use tokio::signal::unix::{Signal as Signals, SignalKind, signal};

use super::cost;

/// Gives the folder in which every temporary folder of this process is from now on. It goes when it is
/// dropped; and when a signal ends the process, and then all processes below this one go, too.
pub fn leaves_nothing() -> TempDir {
    // Whoever ends `cargo bench` ends what it runs.
    if std::env::var_os("CARGO").is_some() {
        let _ = set_parent_process_death_signal(Some(Signal::TERM));
    }
    let folder = tempfile::Builder::new().prefix("admitd-bench-").tempdir().expect("a folder");
    let path = folder.path().to_owned();
    tempfile::env::override_temp_dir(&path).expect("no other folder was chosen");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let runtime = runtime.expect("a runtime");
    let mut signals = runtime.block_on(async {
        [SignalKind::interrupt(), SignalKind::terminate()]
            .map(|kind| (kind, signal(kind).expect("a signal may be waited for")))
    });
    std::thread::spawn(move || {
        let kind = runtime.block_on(first(&mut signals));
        end(&path, kind)
    });
    folder
}

async fn first(signals: &mut [(SignalKind, Signals)]) -> SignalKind {
    poll_fn(|context| {
        let came = signals
            .iter_mut()
            .find_map(|(kind, signals)| signals.poll_recv(context).is_ready().then_some(*kind));
        came.map_or(Poll::Pending, Poll::Ready)
    })
    .await
}

#[allow(
    clippy::disallowed_methods,
    reason = "the main thread measures on; there are no seats to lose"
)]
fn end(folder: &Path, kind: SignalKind) -> ! {
    const TRIES: usize = 100;
    for pid in cost::family(std::process::id()).into_iter().skip(1) {
        if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    for _ in 0..TRIES {
        // What the main thread was about to write may still come.
        if std::fs::remove_dir_all(folder).is_ok() || !folder.exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    std::process::exit(128 + kind.as_raw_value())
}
