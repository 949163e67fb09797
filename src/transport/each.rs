//! Datagrams that leave a socket by one call, each for a receiver of its own (sendmmsg): a call of its own
//! costs as much as reading a message. It refuses to know what is in them.

use std::io::IoSlice;
use std::net::{SocketAddr, UdpSocket};

use rustix::net::addr::SocketAddrArg;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, SocketAddrAny, sendmmsg};
use smallvec::SmallVec;

use super::line::TOGETHER;

/// A datagram and who is to get it; nobody by name where the socket is connected.
pub(super) type Datagram<'a> = (Option<SocketAddr>, &'a [u8]);

/// Sends these in order, and gives how many have left: it ends at the first that the kernel does not take.
pub(super) fn send<'a>(socket: &UdpSocket, datagrams: impl Iterator<Item = Datagram<'a>>) -> usize {
    let (receivers, slices): (SmallVec<[_; TOGETHER]>, SmallVec<[_; TOGETHER]>) = datagrams
        .take(TOGETHER)
        .map(|(to, bytes)| (to.map(|to| to.as_any()), [IoSlice::new(bytes)]))
        .unzip();
    let mut nothing: SmallVec<[_; TOGETHER]> =
        slices.iter().map(|_| SendAncillaryBuffer::default()).collect();
    let mut headers: SmallVec<[_; TOGETHER]> = receivers
        .iter()
        .zip(&slices)
        .zip(&mut nothing)
        .map(|((to, slice), nothing)| header(to.as_ref(), slice, nothing))
        .collect();
    sendmmsg(socket, &mut headers, SendFlags::empty()).unwrap_or(0)
}

fn header<'a>(
    to: Option<&'a SocketAddrAny>,
    slice: &'a [IoSlice<'_>],
    nothing: &'a mut SendAncillaryBuffer<'_, '_, '_>,
) -> MMsgHdr<'a> {
    match to {
        Some(to) => MMsgHdr::new_with_addr(to, slice, nothing),
        None => MMsgHdr::new(slice, nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> UdpSocket {
        UdpSocket::bind((std::net::Ipv4Addr::LOCALHOST, 0)).unwrap()
    }

    fn received(socket: &UdpSocket) -> Vec<u8> {
        let mut bytes = [0; 100];
        let length = socket.recv(&mut bytes).unwrap();
        bytes[..length].to_vec()
    }

    #[test]
    fn each_reaches_its_own_receiver() {
        let (from, one, other) = (socket(), socket(), socket());
        let to = |socket: &UdpSocket| Some(socket.local_addr().unwrap());

        let sent =
            send(&from, [(to(&one), &b"a"[..]), (to(&other), b"b"), (to(&one), b"")].into_iter());

        assert_eq!(sent, 3);
        assert_eq!((received(&one), received(&other)), (b"a".to_vec(), b"b".to_vec()));
        assert_eq!(received(&one), b"");
    }

    #[test]
    fn what_the_kernel_does_not_take_ends_it() {
        let (from, to) = (socket(), socket());
        let to = Some(to.local_addr().unwrap());
        let long = vec![0; 65_536];

        assert_eq!(send(&from, [(to, &b"a"[..]), (to, &long), (to, b"b")].into_iter()), 1);
        assert_eq!(send(&from, [(to, &long[..]), (to, b"b")].into_iter()), 0);
        assert_eq!(send(&from, [(to, &b"a"[..]); 40].into_iter()), TOGETHER);
    }

    #[test]
    fn a_connected_socket_knows_its_receiver() {
        let (from, to) = (socket(), socket());
        from.connect(to.local_addr().unwrap()).unwrap();

        assert_eq!(send(&from, [(None, &b"a"[..]), (None, b"b")].into_iter()), 2);
        assert_eq!((received(&to), received(&to)), (b"a".to_vec(), b"b".to_vec()));
    }
}
