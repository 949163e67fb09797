//! The worker's kept TCP connection to the upstream: opened when the first message wants it, tried
//! again after a pause that grows. While it opens, messages wait in a bounded queue.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::time::{Instant, timeout};

use super::worker::Worker;
use super::{ConnectionId, Destination, Discard, Side, UpstreamTarget, tcp};

const TO_UPSTREAM: Destination = Destination::Upstream(UpstreamTarget::Tcp);

/// Where the connection stands.
#[derive(Debug)]
pub(super) enum Link {
    /// Nothing was wanted yet, or the last connection ended.
    Idle,
    /// What waits for the connection being opened.
    Connecting(Vec<Vec<u8>>),
    /// Usable.
    Up(ConnectionId),
    /// Failed; not tried again before `until`, and then the next pause is twice as long.
    Down { until: Instant, pause: Duration },
}

/// Sends to the upstream by TCP, opening the connection where there is none.
pub(super) fn send(worker: &Rc<Worker>, bytes: &[u8]) -> Result<(), Discard> {
    let Some(upstream) = &worker.shared.settings.upstream else { return Err(Discard::NoSocket) };
    let limits = &worker.shared.settings.limits;
    let mut link = worker.link.borrow_mut();
    let pause = match &mut *link {
        Link::Connecting(waiting) if waiting.len() >= limits.queue_messages => {
            return Err(Discard::UpstreamUnreachable);
        }
        Link::Connecting(waiting) => {
            waiting.push(bytes.to_vec());
            return Ok(());
        }
        Link::Up(id) => match worker.shared.connections.send(*id, TO_UPSTREAM, bytes) {
            Err(Discard::ConnectionGone) => limits.back_off.0,
            result => return result,
        },
        Link::Down { until, .. } if Instant::now() < *until => {
            return Err(Discard::UpstreamUnreachable);
        }
        Link::Down { pause, .. } => pause.saturating_mul(2).min(limits.back_off.1),
        Link::Idle => limits.back_off.0,
    };
    *link = Link::Connecting(vec![bytes.to_vec()]);
    let (address, from) = (upstream.address, SocketAddr::new(upstream.bind.ip(), 0));
    worker.tasks.spawn_local(open(Rc::clone(worker), address, from, pause));
    Ok(())
}

async fn open(worker: Rc<Worker>, address: SocketAddr, from: SocketAddr, pause: Duration) {
    let limit = worker.shared.settings.limits.connect;
    let connected = timeout(limit, connect(address, from)).await;
    let stream = match connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
        Ok(stream) => stream,
        Err(_) => return give_up(&worker, pause),
    };
    let owned = worker.shared.connections.open();
    let id = owned.id;
    let Link::Connecting(waiting) = worker.link.replace(Link::Up(id)) else { return };
    for bytes in waiting {
        worker.send_or_report(&bytes, &TO_UPSTREAM);
    }
    tcp::serve(&worker, stream, owned, Side::Upstream, 0).await;
    let mut link = worker.link.borrow_mut();
    if matches!(*link, Link::Up(current) if current == id) {
        *link = Link::Idle;
    }
}

/// Nobody there: what waited is undelivered, and nothing is tried for a while.
fn give_up(worker: &Rc<Worker>, pause: Duration) {
    let until = Instant::now() + pause;
    let Link::Connecting(waiting) = worker.link.replace(Link::Down { until, pause }) else {
        return;
    };
    for bytes in waiting {
        worker.shared.discards.count(Discard::UpstreamUnreachable);
        worker.undelivered(&bytes, &TO_UPSTREAM);
    }
}

async fn connect(address: SocketAddr, from: SocketAddr) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    if !from.ip().is_unspecified() {
        socket.bind(from)?;
    }
    socket.connect(address).await
}
