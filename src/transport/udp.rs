//! One UDP socket of one worker, received from in batches and with the address a datagram was sent
//! to. It refuses to know what is in a datagram.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::task::{Context, Poll};

use nix::errno::Errno;
use nix::sys::socket::{ControlMessage, MsgFlags, getsockopt, sendmsg, sockopt};
use quinn_udp::{BATCH_SIZE, RecvMeta, Transmit, UdpSocketState};
use socket2::SockRef;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::{Protocol, Side, Source, each};

/// A datagram socket and what a [`Source`] says of it.
pub(super) struct Datagrams {
    /// Watched for what comes only: each datagram that has left would wake us, too.
    socket: AsyncFd<UdpSocket>,
    local: SocketAddr,
    side: Side,
    index: u16,
}

impl Datagrams {
    /// Takes a bound, non-blocking socket; needs the worker's runtime to be entered.
    pub(super) fn new(socket: UdpSocket, side: Side, index: u16) -> io::Result<Self> {
        let local = socket.local_addr()?;
        #[expect(deprecated, reason = "for what is not a socket: this one keeps its descriptor")]
        let socket = AsyncFd::with_interest(socket, Interest::READABLE)?;
        Ok(Self { socket, local, side, index })
    }

    /// Which face it belongs to.
    pub(super) fn side(&self) -> Side {
        self.side
    }

    /// Ready when a datagram or an error waits.
    pub(super) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.socket.poll_read_ready(cx).map(drop)
    }

    /// Sends one datagram, from one of our addresses where that is given. A local address that the
    /// kernel won't send from (broadcast, multicast, just removed) is left to the kernel.
    pub(super) fn send(
        &self,
        io: &UdpSocketState,
        bytes: &[u8],
        to: SocketAddr,
        from: Option<IpAddr>,
    ) -> io::Result<()> {
        // A socket that is bound to one address sends from it anyway.
        let from = from.filter(|ip| {
            self.local.ip().is_unspecified() && !ip.is_unspecified() && ip.is_ipv4() == to.is_ipv4()
        });
        if from.is_none() {
            return SockRef::from(self.socket.get_ref()).send_to(bytes, &to.into()).map(drop);
        }
        let transmit = |src_ip| Transmit {
            destination: to,
            ecn: None,
            contents: bytes,
            segment_size: None,
            src_ip,
        };
        match io.try_send(self.socket.get_ref().into(), &transmit(from)) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                io.try_send(self.socket.get_ref().into(), &transmit(None))
            }
            result => result,
        }
    }

    /// Sends one datagram to the connected peer. A refusal belongs to an earlier datagram and took
    /// this one's place, so it is tried once more.
    pub(super) fn send_connected(&self, bytes: &[u8]) -> io::Result<()> {
        let socket = SockRef::from(self.socket.get_ref());
        match socket.send(bytes) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => socket.send(bytes),
            result => result,
        }
        .map(drop)
    }

    /// Sends datagrams by one call, and gives how many have left, the first ones. None where each needs to
    /// be told what to leave from: the call has no room for that.
    pub(super) fn send_each<'a>(
        &self,
        datagrams: impl Iterator<Item = each::Datagram<'a>>,
    ) -> usize {
        if self.local.ip().is_unspecified() {
            0
        } else {
            each::send(self.socket.get_ref(), datagrams)
        }
    }

    /// Sends datagrams to the connected peer by one call, which cuts them: all of the length of the
    /// first, the last maybe shorter. A refusal as with [`Self::send_connected`].
    pub(super) fn send_together(&self, datagrams: &[IoSlice<'_>]) -> io::Result<()> {
        let length = datagrams.first().map_or(0, |first| first.len());
        let length = u16::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
        let send = || {
            let (socket, cut) =
                (self.socket.as_raw_fd(), [ControlMessage::UdpGsoSegments(&length)]);
            sendmsg::<()>(socket, datagrams, &cut, MsgFlags::empty(), None)
        };
        match send() {
            Err(Errno::ECONNREFUSED) => send(),
            result => result,
        }?;
        Ok(())
    }

    /// How long a datagram to the connected peer may be to leave whole.
    pub(super) fn longest_whole(&self) -> usize {
        // Of IPv4 and UDP. The path of IPv6 can't be asked for; no link takes less than this.
        const HEADERS: usize = 28;
        const IPV6_LEAST: usize = 1280 - 48;
        match self.local {
            SocketAddr::V4(_) => getsockopt(&self.socket, sockopt::IpMtu)
                .ok()
                .and_then(|mtu| usize::try_from(mtu).ok())
                .map_or(0, |mtu| mtu.saturating_sub(HEADERS)),
            SocketAddr::V6(_) => IPV6_LEAST,
        }
    }

    fn source(&self, meta: &RecvMeta) -> Source {
        let ip = meta.dst_ip.filter(|_| self.local.ip().is_unspecified());
        Source {
            side: self.side,
            protocol: Protocol::Udp,
            remote: meta.addr,
            local: ip.map_or(self.local, |ip| SocketAddr::new(ip, self.local.port())),
            socket: self.index,
            connection: None,
        }
    }
}

/// Room for one batch of datagrams, each as large as UDP allows.
pub(super) struct Batch {
    bytes: Vec<u8>,
    meta: [RecvMeta; BATCH_SIZE],
    filled: usize,
}

/// The largest datagram, and so much more that the slots do not fall on the same lines of a cache.
const SLOT_BYTES: usize = 65_536 + 17 * 64;

impl Batch {
    pub(super) fn new() -> Self {
        Self {
            bytes: vec![0; SLOT_BYTES * BATCH_SIZE],
            meta: [RecvMeta::default(); BATCH_SIZE],
            filled: 0,
        }
    }

    /// Replaces the content by what waits on the socket.
    pub(super) fn receive(&mut self, from: &Datagrams, io: &UdpSocketState) -> io::Result<()> {
        self.filled = 0;
        let Self { bytes, meta, filled } = self;
        let mut chunks = bytes.chunks_mut(SLOT_BYTES);
        let mut slots: [IoSliceMut<'_>; BATCH_SIZE] =
            std::array::from_fn(|_| IoSliceMut::new(chunks.next().unwrap_or_default()));
        *filled = from
            .socket
            .try_io(Interest::READABLE, |socket| io.recv(socket.into(), &mut slots, meta))?;
        if *filled < BATCH_SIZE {
            // Nothing is left: saying so here spares the call that would find nothing. What arrives
            // from now on makes the socket ready again.
            let empty = |_: &UdpSocket| Err::<(), _>(io::ErrorKind::WouldBlock.into());
            let _ = from.socket.try_io(Interest::READABLE, empty);
        }
        Ok(())
    }

    /// The datagrams, in the order they came.
    pub(super) fn iter<'a>(
        &'a self,
        from: &'a Datagrams,
    ) -> impl Iterator<Item = (&'a [u8], Source)> {
        self.bytes
            .chunks(SLOT_BYTES)
            .zip(&self.meta)
            .take(self.filled)
            .map(|(slot, meta)| (slot.get(..meta.len).unwrap_or_default(), from.source(meta)))
    }
}

/// Whether a datagram only keeps a NAT binding open (RFC 5626 3.5.1 and what devices made of it).
pub(super) fn is_keep_alive(datagram: &[u8]) -> bool {
    datagram.iter().all(|byte| matches!(byte, b'\r' | b'\n' | 0))
}
