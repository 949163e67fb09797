//! The floor: a program that only moves datagrams, as cheaply as a plain one can. It runs as a process
//! of its own, so that what it costs is measured as the servers are.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::endpoint::{Endpoint, Peer};

/// Takes datagrams at `listen`. With an upstream they go there and what it answers goes back, in order;
/// without one they go back at once, cut to the length of a refusal.
pub fn run(listen: SocketAddr, upstream: Option<SocketAddr>) -> ! {
    const REFUSAL_BYTES: usize = 600;
    const BURST: usize = 32;
    let mut devices = Endpoint::new().udp(listen).expect("a socket");
    let own = SocketAddr::new(listen.ip(), 0);
    let mut behind = upstream.map(|address| {
        let socket = Endpoint::new().udp(own).expect("a socket");
        socket.connected(address).expect("a route")
    });
    let mut askers: VecDeque<Peer> = VecDeque::new();
    let mut buffer = Vec::with_capacity(65_536);
    loop {
        let mut moved = false;
        if let Some(behind) = &mut behind {
            while behind.next(&mut buffer).is_some() {
                if let Some(asker) = askers.pop_front() {
                    devices.send(asker, &buffer);
                }
                moved = true;
            }
        }
        for _ in 0..BURST {
            let Some(asker) = devices.next(&mut buffer) else { break };
            moved = true;
            match &mut behind {
                Some(behind) => {
                    askers.push_back(asker);
                    behind.send(Peer::Connected, &buffer);
                }
                None => devices.send(asker, &buffer[..buffer.len().min(REFUSAL_BYTES)]),
            }
        }
        if !moved {
            let mut waits = vec![PollFd::new(devices.waits().0.as_fd(), PollFlags::POLLIN)];
            if let Some(behind) = &behind {
                waits.push(PollFd::new(behind.waits().0.as_fd(), PollFlags::POLLIN));
            }
            let _ = poll(&mut waits, PollTimeout::NONE);
        }
    }
}
