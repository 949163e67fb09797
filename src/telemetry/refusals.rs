//! One line for each refusal, with the whole reason. A task writes what workers left, rate-limited, and
//! says how many lines it held back.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use governor::{Quota, RateLimiter};
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::Recent;
use super::ring::{RefusalQueue, Refused};
use crate::license::{Cause, Holder};

/// Bytes of one field that came from the wire.
const FIELD_MAX: usize = 128;
/// Between two looks at what workers left: they wake the writer no more often.
const PAUSE: Duration = Duration::from_millis(50);

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
    /// The id that the client was told.
    pub id: String,
}

impl RefusalLine {
    fn of(refused: &Refused, name_of: &impl Fn(Holder) -> String) -> Self {
        Self {
            at_ms: refused.at_ms,
            method: refused.method,
            number: refused.number.as_bytes().to_vec(),
            source: refused.source,
            user_agent: refused.user_agent.as_bytes().to_vec(),
            cause: refused.cause,
            bound_by: refused.gate.map(name_of),
            id: String::from_utf8_lossy(&refused.id).into_owned(),
        }
    }
}

/// What becomes of the lines besides the log.
pub struct Readers<N, H> {
    pub recent: Arc<Recent>,
    /// How a gate is called: its path, `/` or `user:NAME`.
    pub name_of: N,
    /// Gets each line, those without one in the log too, and must not wait.
    pub hears: H,
}

/// Writes lines to the log until every [`RefusalLog`](super::RefusalLog) is gone.
pub async fn write_refusals(
    queue: RefusalQueue,
    per_second: u32,
    readers: Readers<impl Fn(Holder) -> String + Send, impl Fn(&RefusalLine) + Send>,
) {
    write_to(queue, per_second, &readers, &mut Tracing).await;
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
            "refused"
        );
    }

    fn held_back(&mut self, count: u64) {
        tracing::warn!(target: "admitd::refusal", count, "refusals without a line of their own");
    }
}

async fn write_to(
    queue: RefusalQueue,
    per_second: u32,
    readers: &Readers<impl Fn(Holder) -> String, impl Fn(&RefusalLine)>,
    sink: &mut impl Sink,
) {
    let quota = Quota::per_second(NonZeroU32::new(per_second).unwrap_or(NonZeroU32::MIN));
    let limiter = RateLimiter::direct(quota);
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut held_back, mut lines) = (0, Vec::new());
    loop {
        let over = queue.is_closed();
        queue.take(&mut lines);
        for refused in &lines {
            let line = RefusalLine::of(refused, &readers.name_of);
            match limiter.check() {
                Ok(()) => sink.line(&line),
                Err(_) => held_back += 1,
            }
            (readers.hears)(&line);
            readers.recent.keep(line);
        }
        if over {
            break;
        }
        sleep(PAUSE).await;
        tokio::select! {
            () = queue.filled() => {}
            _ = second.tick() => report(&mut held_back, &queue, sink),
        }
    }
    report(&mut held_back, &queue, sink);
}

fn report(held_back: &mut u64, queue: &RefusalQueue, sink: &mut impl Sink) {
    let count = std::mem::take(held_back) + queue.lost();
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
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::super::ring::{Field, ROOM, RefusalLog};
    use super::*;
    use crate::license::GroupId;

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

    fn refused() -> Refused {
        Refused {
            at_ms: 0,
            method: "REGISTER",
            number: Field::of(b"sip:101@example.com"),
            source: "192.0.2.1:5060".parse().unwrap(),
            user_agent: Field::of(&[]),
            cause: Cause::SipLimit,
            gate: Some(Holder::Group(GroupId(7))),
            id: *b"abcdefghij",
        }
    }

    #[tokio::test]
    async fn a_flood_is_written_in_part_and_counted_whole() {
        let (log, queue) = RefusalLog::new();

        for _ in 0..5000 {
            log.push(refused);
        }
        drop(log);
        let mut kept = Kept::default();
        let heard = AtomicU64::new(0);
        let readers = Readers {
            recent: Arc::default(),
            name_of: |gate: Holder| format!("{gate:?}"),
            hears: |line: &RefusalLine| {
                assert!(line.bound_by.as_deref().is_some_and(|name| name.contains('7')));
                heard.fetch_add(1, Ordering::Relaxed);
            },
        };
        write_to(queue, 10, &readers, &mut kept).await;

        assert!((10..100).contains(&kept.lines), "{}", kept.lines);
        assert_eq!(kept.lines + kept.held_back, 5000);
        // Whoever hears them is spared none that found room.
        assert_eq!(heard.into_inner(), ROOM as u64);
    }

    #[tokio::test]
    async fn what_comes_while_the_writer_rests_is_written_too() {
        let (log, queue) = RefusalLog::new();
        let recent = Arc::<Recent>::default();
        let readers =
            Readers { recent: Arc::clone(&recent), name_of: |_| String::new(), hears: |_: &_| {} };

        let leaves = async {
            for _ in 0..3 {
                log.push(refused);
                sleep(PAUSE / 2).await;
            }
            drop(log);
        };
        let mut kept = Kept::default();
        tokio::join!(leaves, write_to(queue, 10, &readers, &mut kept));

        assert_eq!(kept.lines, 3);
        assert_eq!(recent.newest(|_| true).len(), 3);
    }

    #[test]
    fn nothing_from_the_wire_breaks_a_line_or_is_unbounded() {
        assert_eq!(escaped(b"a\r\nb\x1b[2J\xff\""), "a\\r\\nb\\x1b[2J\\xff\\\"");
        assert!(escaped(&[b'a'; 10_000]).len() < 200);
    }
}
