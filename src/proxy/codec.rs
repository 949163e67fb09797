//! Flows and numbers as the bytes and letters that a token is made of. It knows no keys.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smallvec::SmallVec;

use super::token::{Flow, NO_CONNECTION};
use crate::transport::{ConnectionId, Protocol, Side};

const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// How many letters are written and read at once: their bits fit one word of the machine.
const LETTERS: usize = 12;

/// What each letter stands for; 32 and more for none of them.
const VALUES: [u8; 256] = values();

const fn values() -> [u8; 256] {
    let mut values = [u8::MAX; 256];
    let mut digit = 0;
    while digit < DIGITS.len() {
        values[DIGITS[digit] as usize] = digit as u8;
        digit += 1;
    }
    values
}

/// What stands in a token, once it is text no more.
pub(super) type Body = SmallVec<[u8; 128]>;

/// Letters and digits of one case: safe wherever a token may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Word<const N: usize = WORD>([u8; N]);

/// How many letters hold 128 bits.
pub(super) const WORD: usize = 26;

impl<const N: usize> Word<N> {
    /// How many bits it tells.
    pub const BITS: usize = 5 * N;

    /// The lowest bits of a value.
    pub(super) fn of(mut value: u128) -> Self {
        let mut word = [0; N];
        for letters in word.chunks_mut(LETTERS) {
            let mut bits = value as u64;
            for place in letters {
                *place = DIGITS[(bits & 31) as usize];
                bits >>= 5;
            }
            value >>= 5 * LETTERS;
        }
        Self(word)
    }

    /// All of it.
    pub fn as_str(&self) -> &str {
        self.first(N)
    }

    /// The first `letters` of it.
    pub fn first(&self, letters: usize) -> &str {
        self.0.get(..letters).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
    }

    /// The letters of it.
    pub fn letters(&self) -> &[u8; N] {
        &self.0
    }
}

/// Reads what [`Word::of`] wrote.
pub(super) fn read_base32(word: &str) -> Option<u128> {
    if word.len() != WORD {
        return None;
    }
    let mut all = 0;
    let value = word.as_bytes().chunks(LETTERS).rev().fold(0, |value, letters| {
        let bits = letters.iter().rev().fold(0, |bits, byte| {
            let digit = VALUES[usize::from(*byte)];
            all |= digit;
            bits << 5 | u64::from(digit)
        });
        value << (5 * LETTERS) | u128::from(bits)
    });
    (all < 32).then_some(value)
}

pub(super) fn put_flow(body: &mut Vec<u8>, flow: &Flow, epoch: u32) {
    let upstream = u8::from(flow.side == Side::Upstream);
    let tcp = u8::from(flow.protocol == Protocol::Tcp);
    let connected = u8::from(flow.connection.is_some());
    body.push(upstream | tcp << 1 | connected << 2);
    put_address(body, flow.remote);
    put_address(body, flow.local);
    body.extend_from_slice(&flow.socket.to_be_bytes());
    if let Some(connection) = flow.connection {
        let epoch = if connection == NO_CONNECTION { 0 } else { epoch };
        body.extend_from_slice(&epoch.to_be_bytes());
        body.extend_from_slice(&connection.0.to_be_bytes());
    }
}

fn put_address(body: &mut Vec<u8>, address: SocketAddr) {
    match address.ip() {
        IpAddr::V4(ip) => {
            body.push(4);
            body.extend_from_slice(&ip.octets());
        }
        IpAddr::V6(ip) => {
            body.push(6);
            body.extend_from_slice(&ip.octets());
        }
    }
    body.extend_from_slice(&address.port().to_be_bytes());
}

/// Reads what the functions above wrote; `None` where it is cut.
pub(super) struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, tail) = self.0.split_at_checked(len)?;
        self.0 = tail;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    pub fn byte(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }

    fn address(&mut self) -> Option<SocketAddr> {
        let ip = match self.byte()? {
            4 => IpAddr::V4(Ipv4Addr::from(self.array::<4>()?)),
            6 => IpAddr::V6(Ipv6Addr::from(self.array::<16>()?)),
            _ => return None,
        };
        Some(SocketAddr::new(ip, self.u16()?))
    }

    pub fn flow(&mut self, epoch: u32) -> Option<Flow> {
        let head = self.byte()?;
        let remote = self.address()?;
        let local = self.address()?;
        let socket = self.u16()?;
        let connection = if head & 4 == 0 {
            None
        } else {
            let made_in = self.u32()?;
            let serial = self.u64()?;
            // A serial of another epoch names nobody: 0 is never given.
            Some(ConnectionId(if made_in == epoch { serial } else { 0 }))
        };
        Some(Flow {
            side: if head & 1 == 0 { Side::Device } else { Side::Upstream },
            protocol: if head & 2 == 0 { Protocol::Udp } else { Protocol::Tcp },
            remote,
            local,
            socket,
            connection,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_reads_back() {
        for value in [0, 1, u128::MAX, 0x1234_5678_9abc_def0_1122_3344_5566_7788] {
            assert_eq!(read_base32(Word::<WORD>::of(value).as_str()), Some(value));
        }
        assert_eq!(read_base32("short"), None);
        assert_eq!(read_base32(&"!".repeat(26)), None);
    }
}
