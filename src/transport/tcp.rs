//! TCP connections of one worker: accepted, read, written, and ended for one of a few reasons. Each
//! is a task of the worker that accepted or opened it; nobody but this worker touches its socket.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, sleep_until, timeout};

use super::bind::tune;
use super::codec::{Codec, Piece};
use super::connections::{Outgoing, Owned};
use super::line::{Line, Writing};
use super::worker::Worker;
use super::{Destination, Discard, Protocol, Side, Source};
use crate::sip::PONG;

/// Why a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// The peer closed it, or the network did.
    Gone,
    /// Given up on, for this reason.
    Discarded(Discard),
    /// It can't be framed any more; the handler may have answered.
    Fault,
    /// The daemon stops.
    Shutdown,
}

/// Accepts for ever on one of the worker's listening sockets.
pub(super) async fn accept(worker: Rc<Worker>, side: Side, index: u16) {
    const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);
    let Some(listener) = worker.listener(side, index) else { return };
    loop {
        match listener.accept().await {
            Ok((stream, remote)) => match worker.shared.connections.enter(remote.ip()) {
                Ok(place) => {
                    let worker = Rc::clone(&worker);
                    worker.tasks.clone().spawn_local(async move {
                        let owned = worker.shared.connections.open();
                        serve(&worker, stream, owned, side, index).await;
                        drop(place);
                    });
                }
                Err(reason) => worker.shared.discards.count(reason),
            },
            // Out of descriptors, most likely: what waits in the backlog can wait a little longer.
            Err(_) => {
                worker.shared.discards.count(Discard::AcceptFailed);
                sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

/// Serves one connection until it ends, then tells the handler and reports what was not written.
pub(super) async fn serve(
    worker: &Rc<Worker>,
    stream: TcpStream,
    mut owned: Owned,
    side: Side,
    socket: u16,
) {
    let id = owned.id;
    let source = source(&stream, &owned, side, socket);
    let line = Rc::new(Line::new(stream, owned.waiting.clone()));
    let end = match source {
        Ok(source) => {
            worker.lines.borrow_mut().insert(id, Rc::clone(&line));
            converse(worker, &line, &mut owned, &source).await
        }
        Err(_) => End::Gone,
    };
    // What was answered before the end.
    worker.deliver();
    worker.lines.borrow_mut().remove(&id);
    worker.shared.connections.close(id);
    let mut unwritten = Vec::new();
    // Always: the list had the only other one.
    if let Some(Line { stream, writing, .. }) = Rc::into_inner(line) {
        let mut writing = writing.into_inner();
        owned.rest().into_iter().for_each(|outgoing| writing.add(outgoing));
        unwritten.extend(part(stream, writing, end).await.unwritten());
    }
    match end {
        End::Fault => worker.shared.discards.count(Discard::Fault),
        End::Discarded(reason) => worker.shared.discards.count(reason),
        End::Gone | End::Shutdown => {}
    }
    worker.shared.handler.closed(id, side, worker.now());
    for Outgoing { bytes, to } in unwritten {
        worker.shared.discards.count(Discard::ConnectionGone);
        worker.undelivered(&bytes, &to);
    }
}

fn source(stream: &TcpStream, owned: &Owned, side: Side, socket: u16) -> io::Result<Source> {
    tune(stream)?;
    Ok(Source {
        side,
        protocol: Protocol::Tcp,
        remote: stream.peer_addr()?,
        local: stream.local_addr()?,
        socket,
        connection: Some(owned.id),
    })
}

/// Reads and writes at the same time until one of them ends. Only what has something to do is looked
/// at: a connection is woken for every message, and mostly to read.
async fn converse(worker: &Rc<Worker>, line: &Line, owned: &mut Owned, source: &Source) -> End {
    let mut reading = pin!(read(worker, line, source));
    let mut writing = pin!(write(line, owned));
    let mut stopped = pin!(worker.shutdown.cancelled());
    let mut is_known = false;
    poll_fn(|cx| {
        if !is_known {
            line.served_by(cx);
        }
        if (!is_known || worker.shutdown.is_cancelled()) && stopped.as_mut().poll(cx).is_ready() {
            return Poll::Ready(End::Shutdown);
        }
        if let Poll::Ready(end) = reading.as_mut().poll(cx) {
            return Poll::Ready(end);
        }
        if (!is_known || line.is_behind())
            && let Poll::Ready(end) = writing.as_mut().poll(cx)
        {
            return Poll::Ready(end);
        }
        is_known = true;
        Poll::Pending
    })
    .await
}

/// Writes what could not be written at once.
async fn write(line: &Line, owned: &mut Owned) -> End {
    loop {
        owned.forgive().await;
        let more = poll_fn(|cx| match &mut *line.writing.borrow_mut() {
            writing if writing.is_empty() => owned.poll_next(cx, writing),
            _ => Poll::Ready(true),
        });
        if !more.await {
            return End::Gone;
        }
        loop {
            match line.push() {
                Ok(true) => break,
                Ok(false) => {}
                Err(_) => return End::Gone,
            }
            tokio::select! {
                // First, because a full queue is nobody's fault while the socket takes more.
                biased;
                _ = poll_fn(|cx| line.stream.poll_write_ready(cx)) => {}
                // Counted by whoever found the queue full.
                () = owned.overrun() => return End::Gone,
            }
        }
    }
}

/// Hands over message by message.
async fn read(worker: &Rc<Worker>, line: &Line, source: &Source) -> End {
    let limits = &worker.shared.settings.limits;
    let mut codec = Codec::new(limits.message);
    let mut since = Instant::now();
    let mut alarm = Alarm { timer: pin!(sleep_until(since + limits.idle)), is_set: false };
    let mut held = worker.shared.connections.hold();
    loop {
        let begun = !codec.may_end();
        let (patience, late) =
            if begun { (limits.partial, Discard::Partial) } else { (limits.idle, Discard::Idle) };
        if !readable(line, &mut alarm, since + patience).await {
            return End::Discarded(late);
        }
        let mut room = worker.room();
        let cut = match line.read(&mut room) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(_) => Err(End::Gone),
            Ok(0) if begun => Err(End::Discarded(Discard::Partial)),
            Ok(0) => Err(End::Gone),
            Ok(count) => {
                let bytes = room.get(..count).unwrap_or_default();
                hand_over(worker, source, &mut codec, bytes).await.map(Some)
            }
        };
        worker.give_back(room);
        match cut {
            Ok(Some(cut)) if cut || !begun => since = Instant::now(),
            Ok(_) => {}
            Err(end) => return end,
        }
        if let Err(reason) = held.set(codec.held()) {
            return End::Discarded(reason);
        }
    }
}

/// Waits for bytes, and not longer than until then.
async fn readable(line: &Line, alarm: &mut Alarm<'_>, until: Instant) -> bool {
    poll_fn(|cx| match line.stream.poll_read_ready(cx) {
        // Also of an error, which reading finds.
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending => alarm.poll(until, cx).map(|()| false),
    })
    .await
}

/// A timer that is not set anew for a later instant before it fires: a message costs it nothing.
struct Alarm<'a> {
    timer: Pin<&'a mut Sleep>,
    is_set: bool,
}

impl Alarm<'_> {
    /// Ready when that instant has passed.
    fn poll(&mut self, until: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.is_set && self.timer.deadline() <= until && !self.timer.is_elapsed() {
            return Poll::Pending;
        }
        if Instant::now() >= until {
            return Poll::Ready(());
        }
        self.timer.as_mut().reset(until);
        self.is_set = true;
        self.timer.as_mut().poll(cx)
    }
}

/// Hands over all that is whole; says whether anything was.
async fn hand_over(
    worker: &Rc<Worker>,
    source: &Source,
    codec: &mut Codec,
    bytes: &[u8],
) -> Result<bool, End> {
    // Who writes needs a turn before a queue is full, and may miss every other one.
    const TURN: usize = 16;
    let mut received = codec.receive(bytes);
    let mut handed = 0;
    loop {
        match received.next() {
            Ok(Some(piece)) => take(worker, source, &piece),
            Ok(None) => break,
            Err(fault) => {
                let (left, now) = (received.left(), worker.now());
                worker.call(|handler, out| handler.fault(left, fault, source, now, out));
                return Err(End::Fault);
            }
        }
        handed += 1;
        if handed % TURN == 0 {
            worker.deliver();
            tokio::task::yield_now().await;
        }
    }
    received.keep();
    worker.deliver_soon();
    Ok(handed > 0)
}

fn take(worker: &Rc<Worker>, source: &Source, piece: &Piece<'_>) {
    match (piece, source.connection) {
        (Piece::Message(bytes), _) => {
            let now = worker.now();
            worker.call(|handler, out| handler.message(bytes, source, now, out));
        }
        (Piece::Ping, Some(id)) => {
            worker.call(|_, out| out.push(Destination::Connection(id), PONG));
        }
        (Piece::Ping, None) => {}
    }
}

/// Gives the peer a moment to take what is left for it; gives what it did not.
async fn part(mut stream: TcpStream, mut writing: Writing, end: End) -> Writing {
    const PATIENCE: Duration = Duration::from_secs(1);
    if matches!(end, End::Fault | End::Shutdown) {
        let _ = timeout(PATIENCE, finish(&mut stream, &mut writing)).await;
    }
    if end == End::Fault {
        let _ = timeout(PATIENCE, linger(&mut stream)).await;
    }
    writing
}

/// Writes what is left and closes our direction.
async fn finish(stream: &mut TcpStream, writing: &mut Writing) -> io::Result<()> {
    while !writing.push(stream)? {
        stream.writable().await?;
    }
    stream.shutdown().await
}

/// Reads on until the peer closes: closing a socket with unread bytes resets the connection, and the
/// peer would lose what it was just answered.
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
