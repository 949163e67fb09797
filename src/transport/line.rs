//! A TCP connection as the rest of its worker sees it: where messages are written at once while the
//! socket takes them. What it does not take waits for the connection's own task.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::sync::Arc;
use std::task::{Context, Waker};

use smallvec::SmallVec;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio_util::bytes::Bytes;

use super::Destination;
use super::connections::{Outgoing, Waiting};

/// Messages that one call writes.
pub(super) const TOGETHER: usize = 32;

/// A message for a connection, where it is written at once.
pub(super) type Message<'a> = (&'a Destination, &'a [u8]);

/// One connection; its worker's alone.
pub(super) struct Line {
    pub(super) stream: TcpStream,
    pub(super) writing: RefCell<Writing>,
    /// Whether anything waits in its queue, where other workers put what they want written.
    waiting: Arc<Waiting>,
    task: Cell<Option<Waker>>,
}

impl Line {
    pub(super) fn new(stream: TcpStream, waiting: Arc<Waiting>) -> Self {
        Self { stream, writing: RefCell::default(), waiting, task: Cell::new(None) }
    }

    /// Remembers whom to wake when the socket takes no more.
    pub(super) fn served_by(&self, cx: &Context<'_>) {
        self.task.set(Some(cx.waker().clone()));
    }

    /// Whether something is left for its task to write.
    pub(super) fn is_behind(&self) -> bool {
        !self.writing.borrow().is_empty() || self.waiting.any()
    }

    /// Writes what is under way; says whether all of it is written.
    pub(super) fn push(&self) -> io::Result<bool> {
        self.writing.borrow_mut().push(&self.stream)
    }

    /// Writes at once as many of these as the socket takes, and gives their number; none, and nothing
    /// of them, while something else waits. An error is left for the task to find.
    pub(super) fn write(&self, messages: &[Message<'_>]) -> usize {
        if self.is_behind() {
            return 0;
        }
        let mut taken = 0;
        for some in messages.chunks(TOGETHER) {
            let whole: usize = some.iter().map(|(_, bytes)| bytes.len()).sum();
            let slices: SmallVec<[IoSlice<'_>; TOGETHER]> =
                some.iter().map(|(_, bytes)| IoSlice::new(bytes)).collect();
            let written = self.stream.try_write_vectored(&slices).unwrap_or(0);
            if written < whole {
                return taken + self.set_aside(some, written);
            }
            taken += some.len();
        }
        taken
    }

    /// How many messages so many bytes were, the last of them with its rest left to the task.
    fn set_aside(&self, messages: &[Message<'_>], mut written: usize) -> usize {
        for (index, (to, bytes)) in messages.iter().enumerate() {
            if written == 0 {
                return index;
            }
            if written < bytes.len() {
                let bytes = Bytes::copy_from_slice(bytes);
                self.writing.borrow_mut().resume(Outgoing { bytes, to: **to }, written);
                self.wake();
                return index + 1;
            }
            written -= bytes.len();
        }
        messages.len()
    }

    fn wake(&self) {
        let task = self.task.take();
        if let Some(waker) = &task {
            waker.wake_by_ref();
        }
        self.task.set(task);
    }

    /// Reads what has come.
    pub(super) fn read(&self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.try_read(into)?;
        if count > 0 && count < into.len() {
            // Nothing is left: saying so here spares the call that would find nothing. What arrives
            // from now on makes the socket ready again, and the end of the stream keeps it so.
            let empty = || Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = self.stream.try_io(Interest::READABLE, empty);
        }
        Ok(count)
    }
}

/// What is being written and what of it is left, so that nothing is written twice when the task
/// turns from serving to finishing.
#[derive(Default)]
pub(super) struct Writing {
    /// Written together, as one call takes them.
    current: VecDeque<Outgoing>,
    /// How much of the first of them is written.
    written: usize,
}

impl Writing {
    pub(super) fn is_empty(&self) -> bool {
        self.current.is_empty()
    }

    /// Where more to write is put.
    pub(super) fn add(&mut self, outgoing: Outgoing) {
        self.current.push_back(outgoing);
    }

    /// Takes over a message of which so much is written.
    fn resume(&mut self, outgoing: Outgoing, written: usize) {
        self.current.push_back(outgoing);
        self.written = written;
    }

    /// Writes as much as the socket takes; says whether that is all.
    pub(super) fn push(&mut self, to: &TcpStream) -> io::Result<bool> {
        while !self.current.is_empty() {
            match self.write_some(to) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
            self.forget_written();
        }
        Ok(true)
    }

    fn write_some(&self, to: &TcpStream) -> io::Result<usize> {
        let mut left: SmallVec<[IoSlice<'_>; TOGETHER]> =
            self.current.iter().take(TOGETHER).map(|one| IoSlice::new(&one.bytes)).collect();
        let mut left = left.as_mut_slice();
        IoSlice::advance_slices(&mut left, self.written);
        to.try_write_vectored(left)
    }

    fn forget_written(&mut self) {
        while let Some(first) = self.current.front()
            && first.bytes.len() <= self.written
        {
            self.written -= first.bytes.len();
            self.current.pop_front();
        }
    }

    /// All of it, also what is written in part.
    pub(super) fn unwritten(self) -> impl Iterator<Item = Outgoing> {
        self.current.into_iter()
    }
}
