//! One line for each refusal, with the whole reason. Workers push into a bounded queue and never wait;
//! a task writes, rate-limited, and says how many lines it held back.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::{Quota, RateLimiter};
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::Recent;
use crate::license::Cause;

/// Lines that wait for the writer; a burst beyond it is counted, not kept.
const QUEUE: usize = 1024;
/// Bytes of one field that came from the wire.
const FIELD_MAX: usize = 128;

/// Why one request was refused. Fields from the wire are bytes as they came.
#[derive(Clone, Debug)]
pub struct RefusalLine {
    /// Unix milliseconds.
    pub at_ms: i64,
    pub method: &'static str,
    /// The number it was about.
    pub number: Vec<u8>,
    pub source: SocketAddr,
    pub user_agent: Vec<u8>,
    pub cause: Cause,
    /// The gate that bound: its path, `/` or `user:NAME`.
    pub bound_by: Option<String>,
    /// What all gates say, in words.
    pub detail: String,
    /// The id that the client was told.
    pub id: String,
}

/// Where workers leave their lines.
#[derive(Clone, Debug)]
pub struct RefusalLog {
    queue: mpsc::Sender<RefusalLine>,
    lost: Arc<AtomicU64>,
}

/// What a writer needs of a [`RefusalLog`].
#[derive(Debug)]
pub struct RefusalQueue {
    queue: mpsc::Receiver<RefusalLine>,
    lost: Arc<AtomicU64>,
}

impl RefusalLog {
    /// A log and what its writer reads.
    pub fn new() -> (Self, RefusalQueue) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let lost = Arc::<AtomicU64>::default();
        (Self { queue: sender, lost: lost.clone() }, RefusalQueue { queue: receiver, lost })
    }

    /// Leaves a line; never waits. `line` is made only where there is room for it.
    pub fn push(&self, line: impl FnOnce() -> RefusalLine) {
        match self.queue.try_reserve() {
            Ok(place) => place.send(line()),
            // Relaxed: a count that is read once a second.
            Err(_) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

/// Writes lines to the log until every [`RefusalLog`] is gone. `hears` gets each of them, those without
/// a line too, and must not wait.
pub async fn write_refusals(
    queue: RefusalQueue,
    per_second: u32,
    recent: Arc<Recent>,
    hears: impl Fn(&RefusalLine) + Send,
) {
    write_to(queue, per_second, (&recent, &hears), &mut Tracing).await;
}

trait Sink {
    fn line(&mut self, line: &RefusalLine);
    fn held_back(&mut self, count: u64);
}

struct Tracing;

impl Sink for Tracing {
    fn line(&mut self, line: &RefusalLine) {
        tracing::warn!(
            target: "admitd::refusal",
            cause = line.cause.name(),
            number = %escaped(&line.number),
            bound_by = line.bound_by.as_deref().unwrap_or("-"),
            method = line.method,
            source = %line.source,
            user_agent = %escaped(&line.user_agent),
            id = %escaped(line.id.as_bytes()),
            detail = line.detail,
            "refused"
        );
    }

    fn held_back(&mut self, count: u64) {
        tracing::warn!(target: "admitd::refusal", count, "refusals without a line of their own");
    }
}

async fn write_to(
    mut queue: RefusalQueue,
    per_second: u32,
    (recent, hears): (&Recent, &impl Fn(&RefusalLine)),
    sink: &mut impl Sink,
) {
    let quota = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
    let limiter = RateLimiter::direct(quota);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut held_back = 0;
    loop {
        tokio::select! {
            line = queue.queue.recv() => match line {
                Some(line) => {
                    match limiter.check() {
                        Ok(()) => sink.line(&line),
                        Err(_) => held_back += 1,
                    }
                    hears(&line);
                    recent.keep(line);
                }
                None => break,
            },
            _ = second.tick() => report(&mut held_back, &queue.lost, sink),
        }
    }
    report(&mut held_back, &queue.lost, sink);
}

fn report(held_back: &mut u64, lost: &AtomicU64, sink: &mut impl Sink) {
    let count = std::mem::take(held_back) + lost.swap(0, Ordering::Relaxed);
    if count > 0 {
        sink.held_back(count);
    }
}

/// Bytes from the wire as text for a log line: printable ASCII as it is, all else escaped, bounded.
pub fn escaped(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().min(FIELD_MAX));
    for byte in bytes.iter().take(FIELD_MAX) {
        // Writing to a string does not fail.
        let _ = write!(text, "{}", byte.escape_ascii());
    }
    if bytes.len() > FIELD_MAX {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Kept {
        lines: u64,
        held_back: u64,
    }

    impl Sink for Kept {
        fn line(&mut self, _line: &RefusalLine) {
            self.lines += 1;
        }

        fn held_back(&mut self, count: u64) {
            self.held_back += count;
        }
    }

    fn line() -> RefusalLine {
        RefusalLine {
            at_ms: 0,
            method: "REGISTER",
            number: b"sip:101@example.com".to_vec(),
            source: "192.0.2.1:5060".parse().unwrap(),
            user_agent: Vec::new(),
            cause: Cause::SipLimit,
            bound_by: Some("A".to_owned()),
            detail: String::new(),
            id: "x".to_owned(),
        }
    }

    #[tokio::test]
    async fn a_flood_is_written_in_part_and_counted_whole() {
        let (log, queue) = RefusalLog::new();

        for _ in 0..5000 {
            log.push(line);
        }
        drop(log);
        let mut kept = Kept::default();
        let heard = AtomicU64::new(0);
        let hears = |_: &RefusalLine| {
            heard.fetch_add(1, Ordering::Relaxed);
        };
        write_to(queue, 10, (&Recent::default(), &hears), &mut kept).await;

        assert!((10..100).contains(&kept.lines), "{}", kept.lines);
        assert_eq!(kept.lines + kept.held_back, 5000);
        // Whoever hears them is spared none that found room.
        assert_eq!(heard.into_inner(), QUEUE as u64);
    }

    #[test]
    fn nothing_from_the_wire_breaks_a_line_or_is_unbounded() {
        assert_eq!(escaped(b"a\r\nb\x1b[2J\xff\""), "a\\r\\nb\\x1b[2J\\xff\\\"");
        assert!(escaped(&[b'a'; 10_000]).len() < 200);
    }
}
