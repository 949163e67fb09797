//! The floor: a program that only moves messages, as cheaply as a plain one can. It knows which are
//! answered by none (ACK) or by more than one (provisional answers), each by one byte, and of a stream
//! where a message ends. It runs as a process of its own, so that it is measured as the servers are.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::endpoint::{Endpoint, Peer};

/// How messages travel, on both sides of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Transport {
    Udp,
    Tcp,
}

/// Devices on one side, maybe an upstream on the other.
struct Floor {
    devices: Endpoint,
    behind: Option<(Endpoint, Peer)>,
    /// Who waits for the next answer: the upstream answers in order.
    askers: VecDeque<Peer>,
    buffer: Vec<u8>,
}

/// Takes messages at `listen`. With an upstream they go there and what it answers goes back, in order;
/// without one they go back at once, as datagrams cut to the length of a refusal.
pub fn run(transport: Transport, listen: SocketAddr, upstream: Option<SocketAddr>) -> ! {
    let devices = match transport {
        Transport::Udp => Endpoint::new().udp(listen),
        Transport::Tcp => Endpoint::new().listening(listen),
    };
    let mut floor = Floor {
        devices: devices.expect("a socket"),
        behind: upstream.map(|to| behind(transport, listen, to).expect("an upstream")),
        askers: VecDeque::new(),
        buffer: Vec::with_capacity(65_536),
    };
    loop {
        let moved = floor.bring_back() | floor.take_on();
        if !moved {
            floor.sleep();
        }
    }
}

fn behind(
    transport: Transport,
    listen: SocketAddr,
    to: SocketAddr,
) -> io::Result<(Endpoint, Peer)> {
    match transport {
        Transport::Udp => {
            let own = SocketAddr::new(listen.ip(), 0);
            Ok((Endpoint::new().udp(own)?.connected(to)?, Peer::Connected))
        }
        Transport::Tcp => Ok((Endpoint::new().connecting(to, 1)?, Peer::Tcp(0))),
    }
}

impl Floor {
    /// What the upstream said, to who asked.
    fn bring_back(&mut self) -> bool {
        /// The first digit of the status.
        const STATUS: usize = "SIP/2.0 ".len();
        let Some((behind, _)) = &mut self.behind else { return false };
        let mut moved = false;
        behind.look();
        while behind.next(&mut self.buffer).is_some() {
            let is_provisional = self.buffer.get(STATUS) == Some(&b'1');
            let asker = match is_provisional {
                true => self.askers.front().copied(),
                false => self.askers.pop_front(),
            };
            if let Some(asker) = asker {
                self.devices.send(asker, &self.buffer);
            }
            moved = true;
        }
        self.devices.flush();
        moved
    }

    fn take_on(&mut self) -> bool {
        const REFUSAL_BYTES: usize = 600;
        const BURST: usize = 32;
        let mut moved = false;
        self.devices.look();
        for _ in 0..BURST {
            let Some(asker) = self.devices.next(&mut self.buffer) else { break };
            moved = true;
            let is_answered = self.buffer.first() != Some(&b'A');
            match &mut self.behind {
                Some((behind, to)) => {
                    if is_answered {
                        self.askers.push_back(asker);
                    }
                    behind.send(*to, &self.buffer);
                }
                None if !is_answered => {}
                None => {
                    // On a stream only the whole of it is a message.
                    let len = match asker {
                        Peer::Tcp(_) => self.buffer.len(),
                        Peer::Udp(_) | Peer::Connected => self.buffer.len().min(REFUSAL_BYTES),
                    };
                    self.devices.send(asker, &self.buffer[..len]);
                }
            }
        }
        match &mut self.behind {
            Some((behind, _)) => behind.flush(),
            None => self.devices.flush(),
        }
        moved
    }

    fn sleep(&self) {
        let mut waits = vec![PollFd::new(self.devices.waits().0.as_fd(), PollFlags::POLLIN)];
        if let Some((behind, _)) = &self.behind {
            waits.push(PollFd::new(behind.waits().0.as_fd(), PollFlags::POLLIN));
        }
        let _ = poll(&mut waits, PollTimeout::NONE);
    }
}
