//! Opens every socket before anything is served: all of them, or none. It refuses to know messages.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use socket2::{Domain, Protocol as SocketProtocol, SockAddr, Socket, Type};
use tokio_util::sync::CancellationToken;

use super::worker::{self, Shared, Sockets};
use super::{Discards, Handler, Settings, UpstreamSettings};
use crate::clock::Clock;

/// Where the sockets ended up, with the ports that were chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Addresses {
    /// Device-side UDP, in the order of the settings.
    pub udp: Vec<SocketAddr>,
    /// Device-side TCP, in the order of the settings.
    pub tcp: Vec<SocketAddr>,
    /// `[upstream] bind`, one port for UDP and TCP.
    pub upstream_bind: Option<SocketAddr>,
    /// Each worker's own UDP socket towards the upstream, by worker; keep the ports for the next
    /// start.
    pub upstream_own: Vec<SocketAddr>,
}

/// The sockets of one worker before it has a runtime.
#[derive(Default)]
struct Raw {
    udp: Vec<std::net::UdpSocket>,
    tcp: Vec<std::net::TcpListener>,
    bind_udp: Option<std::net::UdpSocket>,
    bind_tcp: Option<std::net::TcpListener>,
    own: Option<std::net::UdpSocket>,
}

/// Open sockets that nobody serves yet; what arrives waits in the kernel.
pub struct Bound {
    settings: Settings,
    addresses: Addresses,
    discards: Arc<Discards>,
    workers: Vec<Raw>,
}

/// The running worker threads.
pub struct Workers(Vec<JoinHandle<io::Result<()>>>);

impl Workers {
    /// Waits for all of them; the first fault of any, a panic included, is the result.
    pub fn join(self) -> io::Result<()> {
        let mut first = Ok(());
        // Every thread is waited for, also after a fault of one.
        for thread in self.0 {
            let ended = thread.join();
            let ended = ended.unwrap_or_else(|_| Err(io::Error::other("a worker panicked")));
            first = first.and(ended);
        }
        first
    }
}

/// Opens everything that the settings name. Blocks, for microseconds.
pub fn bind(settings: Settings) -> io::Result<Bound> {
    let count = settings.workers.max(1);
    let mut workers: Vec<Raw> = (0..count).map(|_| Raw::default()).collect();
    let mut addresses = Addresses::default();
    for address in &settings.listen_udp {
        let shared = share_udp(*address, count);
        let (address, sockets) = shared.map_err(|error| named("udp", *address, &error))?;
        addresses.udp.push(address);
        workers.iter_mut().zip(sockets).for_each(|(worker, socket)| worker.udp.push(socket));
    }
    for address in &settings.listen_tcp {
        let shared = share_tcp(*address, count);
        let (address, sockets) = shared.map_err(|error| named("tcp", *address, &error))?;
        addresses.tcp.push(address);
        workers.iter_mut().zip(sockets).for_each(|(worker, socket)| worker.tcp.push(socket));
    }
    if let Some(upstream) = &settings.upstream {
        bind_upstream(upstream, &mut workers, &mut addresses)
            .map_err(|error| named("towards the upstream", upstream.bind, &error))?;
    }
    Ok(Bound { settings, addresses, discards: Arc::default(), workers })
}

/// An error with the socket that it is about.
fn named(what: &str, address: SocketAddr, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("listen {what} {address}: {error}"))
}

/// The address of ours that faces a peer, by the routing table; nothing is sent.
pub fn address_facing(peer: SocketAddr) -> io::Result<IpAddr> {
    let any = wildcard(peer);
    let socket = std::net::UdpSocket::bind(any)?;
    socket.connect(peer)?;
    Ok(socket.local_addr()?.ip())
}

impl Bound {
    /// Where the sockets are.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What the transport will have given up on, by reason.
    pub fn discards(&self) -> Arc<Discards> {
        Arc::clone(&self.discards)
    }

    /// Starts the worker threads, each with a runtime of its own. They end when `shutdown` is
    /// cancelled; a worker that fails or panics cancels it.
    pub fn run(
        self,
        handler: Arc<dyn Handler>,
        clock: Clock,
        shutdown: CancellationToken,
    ) -> io::Result<Workers> {
        let shared = Arc::new(Shared::new(self.settings, self.discards, handler, clock));
        let mut threads = Vec::with_capacity(self.workers.len());
        for (index, raw) in self.workers.into_iter().enumerate() {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            let sockets = {
                let _entered = runtime.enter();
                raw.register()?
            };
            let (shared, shutdown) = (Arc::clone(&shared), shutdown.clone());
            threads.push(std::thread::Builder::new().name(format!("worker-{index}")).spawn(
                move || {
                    let _end_all = shutdown.clone().drop_guard();
                    worker::run(&runtime, index, sockets, shared, shutdown)
                },
            )?);
        }
        Ok(Workers(threads))
    }
}

impl Raw {
    fn register(self) -> io::Result<Sockets> {
        Sockets::new(self.udp, self.tcp, self.bind_udp, self.bind_tcp, self.own)
    }
}

/// The socket at `bind`, by UDP and TCP, and one connected UDP socket for each worker.
fn bind_upstream(
    upstream: &UpstreamSettings,
    workers: &mut [Raw],
    addresses: &mut Addresses,
) -> io::Result<()> {
    let (bind, udp, tcp) = share_both(upstream.bind, workers.len())?;
    addresses.upstream_bind = Some(bind);
    for ((worker, udp), tcp) in workers.iter_mut().zip(udp).zip(tcp) {
        worker.bind_udp = Some(udp);
        worker.bind_tcp = Some(tcp);
    }
    let mut next = if upstream.bind.port() == 0 { 0 } else { bind.port().saturating_add(1) };
    for (index, worker) in workers.iter_mut().enumerate() {
        let preferred = upstream.ports.get(index).copied().filter(|port| *port != 0);
        let socket = own_udp(upstream, preferred, &mut next)?;
        addresses.upstream_own.push(socket.local_addr()?);
        worker.own = Some(socket);
    }
    Ok(())
}

/// A UDP socket connected to the upstream, on the preferred port or the next free one from `next`.
fn own_udp(
    upstream: &UpstreamSettings,
    preferred: Option<u16>,
    next: &mut u16,
) -> io::Result<std::net::UdpSocket> {
    let open = |port| {
        let socket = udp(SocketAddr::new(upstream.bind.ip(), port), Sharing::Alone)?;
        socket.connect(upstream.address).map(|()| socket)
    };
    if let Some(Ok(socket)) = preferred.map(open) {
        return Ok(socket);
    }
    loop {
        let port = *next;
        let last = port == 0 || port == u16::MAX;
        if !last {
            *next = port.saturating_add(1);
        }
        match open(port) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && !last => {}
            result => return result,
        }
    }
}

/// Whether other sockets of ours may have the same port.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sharing {
    Alone,
    Workers,
}

fn share_udp(
    address: SocketAddr,
    count: usize,
) -> io::Result<(SocketAddr, Vec<std::net::UdpSocket>)> {
    // SO_REUSEPORT would let a second daemon take half of the traffic: the port must be free.
    let address = udp(address, Sharing::Alone)?.local_addr()?;
    let sockets = (0..count).map(|_| udp(address, Sharing::Workers)).collect::<io::Result<_>>()?;
    Ok((address, sockets))
}

fn share_tcp(
    address: SocketAddr,
    count: usize,
) -> io::Result<(SocketAddr, Vec<std::net::TcpListener>)> {
    let address = tcp(address, Sharing::Alone)?.local_addr()?;
    let sockets = (0..count).map(|_| tcp(address, Sharing::Workers)).collect::<io::Result<_>>()?;
    Ok((address, sockets))
}

type Both = (SocketAddr, Vec<std::net::UdpSocket>, Vec<std::net::TcpListener>);

/// The same port for UDP and TCP; with port 0 one that is free for both.
fn share_both(address: SocketAddr, count: usize) -> io::Result<Both> {
    const ATTEMPTS: usize = 16;
    let mut attempt = 0;
    loop {
        let (chosen, udp) = share_udp(address, count)?;
        match share_tcp(chosen, count) {
            Ok((_, tcp)) => return Ok((chosen, udp, tcp)),
            Err(error) if address.port() != 0 || attempt == ATTEMPTS => return Err(error),
            Err(_) => attempt += 1,
        }
    }
}

/// What a receive buffer of the kernel is asked to hold: a burst of a second at 5,000 messages. The
/// kernel gives less where `net.core.rmem_max` is less.
const SOCKET_BUFFER_BYTES: usize = 8 * 1024 * 1024;

fn udp(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::UdpSocket> {
    let socket = open(address, Type::DGRAM, SocketProtocol::UDP, sharing)?;
    // A smaller buffer is no reason not to start.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    if address.is_ipv4() {
        setsockopt(&socket, sockopt::Ipv4PacketInfo, &true)?;
    } else {
        setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    }
    socket.bind(&SockAddr::from(address))?;
    Ok(socket.into())
}

fn tcp(address: SocketAddr, sharing: Sharing) -> io::Result<std::net::TcpListener> {
    const BACKLOG: i32 = 1024;
    let socket = open(address, Type::STREAM, SocketProtocol::TCP, sharing)?;
    // A restart must not wait for the old connections' TIME_WAIT.
    socket.set_reuse_address(true)?;
    socket.bind(&SockAddr::from(address))?;
    if sharing == Sharing::Workers {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

fn open(
    address: SocketAddr,
    kind: Type,
    protocol: SocketProtocol,
    sharing: Sharing,
) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    socket.set_nonblocking(true)?;
    if address.is_ipv6() {
        // An IPv4 peer belongs to the IPv4 entry of the list, with an address that looks like one.
        socket.set_only_v6(true)?;
    }
    if sharing == Sharing::Workers {
        socket.set_reuse_port(true)?;
    }
    Ok(socket)
}

fn wildcard(like: SocketAddr) -> SocketAddr {
    match like {
        SocketAddr::V4(_) => SocketAddr::from((std::net::Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((std::net::Ipv6Addr::UNSPECIFIED, 0)),
    }
}

/// Finds a dead peer behind a silent NAT in minutes; the idle limit is for peers that live.
pub(super) fn tune(stream: &tokio::net::TcpStream) -> io::Result<()> {
    let socket = socket2::SockRef::from(stream);
    let probes = socket2::TcpKeepalive::new()
        .with_time(Duration::from_secs(300))
        .with_interval(Duration::from_secs(30))
        .with_retries(4);
    socket.set_tcp_keepalive(&probes)?;
    socket.set_tcp_user_timeout(Some(Duration::from_secs(30)))?;
    socket.set_tcp_nodelay(true)
}
