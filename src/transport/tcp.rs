//! TCP connections of one worker: accepted, read, written, and ended for one of a few reasons. Each
//! is a task of the worker that accepted or opened it; nobody else touches its socket.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_util::bytes::BytesMut;
use tokio_util::codec::Decoder;

use super::bind::tune;
use super::codec::{Broken, Codec, Frame};
use super::connections::{Outgoing, Owned};
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

/// Messages that one call writes.
const TOGETHER: usize = 32;

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
    mut stream: TcpStream,
    mut owned: Owned,
    side: Side,
    socket: u16,
) {
    let id = owned.id;
    let mut writing = Writing::default();
    let end = match source(&stream, &owned, side, socket) {
        Ok(source) => converse(worker, &mut stream, &mut owned, &mut writing, &source).await,
        Err(_) => End::Gone,
    };
    worker.shared.connections.close(id);
    writing.waiting.extend(owned.rest());
    const PATIENCE: Duration = Duration::from_secs(1);
    if matches!(end, End::Fault | End::Shutdown) {
        let _ = timeout(PATIENCE, finish(&mut stream, &mut writing)).await;
    }
    if end == End::Fault {
        let _ = timeout(PATIENCE, linger(&mut stream)).await;
    }
    drop(stream);
    match end {
        End::Fault => worker.shared.discards.count(Discard::Fault),
        End::Discarded(reason) => worker.shared.discards.count(reason),
        End::Gone | End::Shutdown => {}
    }
    worker.shared.handler.closed(id, side, worker.now());
    for Outgoing { bytes, to } in writing.unwritten() {
        worker.shared.discards.count(Discard::ConnectionGone);
        worker.undelivered(&bytes, &to, worker.now());
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

/// Reads and writes at the same time until one of them ends.
async fn converse(
    worker: &Rc<Worker>,
    stream: &mut TcpStream,
    owned: &mut Owned,
    writing: &mut Writing,
    source: &Source,
) -> End {
    let (mut from, mut to) = stream.split();
    tokio::select! {
        () = worker.shutdown.cancelled() => End::Shutdown,
        end = read(worker, &mut from, source) => end,
        end = writing.run(&mut to, owned) => end,
    }
}

/// Hands over message by message.
async fn read(worker: &Rc<Worker>, from: &mut ReadHalf<'_>, source: &Source) -> End {
    let limits = &worker.shared.settings.limits;
    let mut codec = Codec::new(limits.message);
    let mut buffer = BytesMut::new();
    let mut since = Instant::now();
    let mut handed = 0;
    let mut room = LEAST_ROOM;
    let mut held = worker.shared.connections.hold();
    loop {
        let begun = !codec.may_end(&buffer);
        let (patience, late) =
            if begun { (limits.partial, Discard::Partial) } else { (limits.idle, Discard::Idle) };
        match timeout_at(since + patience, fill(from, &mut buffer, &mut room)).await {
            Err(_) => return End::Discarded(late),
            Ok(Err(_)) => return End::Gone,
            Ok(Ok(0)) if begun => return End::Discarded(Discard::Partial),
            Ok(Ok(0)) => return End::Gone,
            Ok(Ok(_)) => {}
        }
        match drain(worker, source, &mut codec, &mut buffer, &mut handed).await {
            Ok(cut) if cut || !begun => since = Instant::now(),
            Ok(_) => {}
            Err(end) => return end,
        }
        if let Err(reason) = held.set(buffer.len()) {
            return End::Discarded(reason);
        }
    }
}

/// Hands over all that is whole; says whether anything was.
async fn drain(
    worker: &Rc<Worker>,
    source: &Source,
    codec: &mut Codec,
    buffer: &mut BytesMut,
    handed: &mut u64,
) -> Result<bool, End> {
    // Answers go into the queue of this connection; its writer needs a turn before that is full,
    // and may miss every other one.
    const TURN: u64 = 16;
    let before = *handed;
    loop {
        match codec.decode(buffer) {
            Ok(Some(frame)) => take(worker, source, &frame),
            Ok(None) => return Ok(*handed > before),
            Err(Broken::Io) => return Err(End::Gone),
            Err(Broken::Fault(fault)) => {
                let now = worker.now();
                worker.call(now, |handler, out| handler.fault(buffer, fault, source, now, out));
                return Err(End::Fault);
            }
        }
        *handed += 1;
        if handed.is_multiple_of(TURN) {
            tokio::task::yield_now().await;
        }
    }
}

/// What an idle or slow connection is read with, in bytes, and a busy one.
const LEAST_ROOM: usize = 4096;
const MOST_ROOM: usize = 65_536;

/// Waits for bytes and adds them to the buffer. An idle connection holds no buffer: most are.
async fn fill(
    from: &mut ReadHalf<'_>,
    buffer: &mut BytesMut,
    room: &mut usize,
) -> io::Result<usize> {
    if buffer.is_empty() {
        *buffer = BytesMut::new();
    }
    loop {
        from.readable().await?;
        buffer.reserve(*room);
        match from.try_read_buf(buffer) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(count) => {
                *room = if count >= *room { MOST_ROOM.min(*room * 4) } else { LEAST_ROOM };
                return Ok(count);
            }
            error => return error,
        }
    }
}

fn take(worker: &Rc<Worker>, source: &Source, frame: &Frame) {
    match frame {
        Frame::Message(bytes) => worker.message(bytes, source, worker.now()),
        Frame::Ping => {
            if let Some(id) = source.connection {
                worker.send_or_report(PONG, &Destination::Connection(id), worker.now());
            }
        }
    }
}

/// What is being written and what of it is left, so that nothing is written twice when the task
/// turns from serving to finishing.
#[derive(Default)]
struct Writing {
    /// Written together, as one call takes them.
    current: VecDeque<Outgoing>,
    /// How much of the first of them is written.
    written: usize,
    waiting: Vec<Outgoing>,
}

impl Writing {
    async fn run(&mut self, to: &mut WriteHalf<'_>, owned: &mut Owned) -> End {
        while owned.next(&mut self.current, TOGETHER).await {
            tokio::select! {
                // First, because a full queue is nobody's fault while the socket takes more.
                biased;
                written = self.write(to) => if written.is_err() {
                    return End::Gone;
                },
                // Counted by whoever found the queue full.
                () = owned.overrun() => return End::Gone,
            }
        }
        End::Gone
    }

    /// Writes all that is current; may be dropped at any time.
    async fn write(&mut self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.current.is_empty() {
            let count = self.write_some(to).await?;
            self.written += count;
            self.forget_written();
        }
        Ok(())
    }

    async fn write_some(&self, to: &mut (impl AsyncWrite + Unpin)) -> io::Result<usize> {
        let mut left: SmallVec<[IoSlice<'_>; TOGETHER]> =
            self.current.iter().take(TOGETHER).map(|one| IoSlice::new(&one.bytes)).collect();
        let mut left = left.as_mut_slice();
        IoSlice::advance_slices(&mut left, self.written);
        match to.write_vectored(left).await? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            count => Ok(count),
        }
    }

    fn forget_written(&mut self) {
        while let Some(first) = self.current.front()
            && first.bytes.len() <= self.written
        {
            self.written -= first.bytes.len();
            self.current.pop_front();
        }
    }

    fn unwritten(self) -> impl Iterator<Item = Outgoing> {
        self.current.into_iter().chain(self.waiting)
    }
}

/// Writes what is left and closes our direction.
async fn finish(stream: &mut TcpStream, writing: &mut Writing) -> io::Result<()> {
    let waiting = std::mem::take(&mut writing.waiting);
    writing.current.extend(waiting);
    writing.write(stream).await?;
    stream.shutdown().await
}

/// Reads on until the peer closes: closing a socket with unread bytes resets the connection, and the
/// peer would lose what it was just answered.
async fn linger(stream: &mut TcpStream) -> io::Result<()> {
    let mut unread = [0; 4096];
    while stream.read(&mut unread).await? > 0 {}
    Ok(())
}
