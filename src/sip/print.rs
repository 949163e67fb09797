//! Numbers and addresses as text, without the detour over formatting: they stand in every message that
//! leaves.

use core::net::{IpAddr, SocketAddr};
use std::io::Write as _;

/// Each octet in decimal with a dot behind it, and how long that is.
static OCTETS: [([u8; 4], u8); 256] = octets();

const fn octets() -> [([u8; 4], u8); 256] {
    let mut table = [([b'.'; 4], 0); 256];
    let mut octet = 0;
    while octet < table.len() {
        let digits = [octet / 100, octet / 10 % 10, octet % 10];
        let mut from = if octet < 10 { 2 } else { (octet < 100) as usize };
        let mut len = 0;
        while from < digits.len() {
            table[octet].0[len] = b'0' + digits[from] as u8;
            from += 1;
            len += 1;
        }
        table[octet].1 = len as u8 + 1;
        octet += 1;
    }
    table
}

/// Writes a decimal number.
pub fn number(out: &mut Vec<u8>, mut number: u64) {
    const DIGITS: usize = 20;
    let mut text = [b'0'; DIGITS];
    let mut from = DIGITS;
    for place in text.iter_mut().rev() {
        from -= 1;
        // A remainder of ten is a digit.
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(text.get(from..).unwrap_or_default());
}

/// Writes an address, IPv6 without brackets.
pub fn ip(out: &mut Vec<u8>, ip: IpAddr) {
    match ip {
        IpAddr::V4(ip) => {
            let mut text = [0; 16];
            let mut end = 0;
            for octet in ip.octets() {
                let (digits, len) = OCTETS[usize::from(octet)];
                if let Some(place) = text.get_mut(end..end + digits.len()) {
                    place.copy_from_slice(&digits);
                }
                end += usize::from(len);
            }
            out.extend_from_slice(text.get(..end - 1).unwrap_or_default());
        }
        // Writing into memory cannot fail.
        IpAddr::V6(ip) => {
            let _ = write!(out, "{ip}");
        }
    }
}

/// Writes `host:port`, IPv6 in brackets.
pub fn address(out: &mut Vec<u8>, address: SocketAddr) {
    let brackets = address.is_ipv6();
    if brackets {
        out.push(b'[');
    }
    ip(out, address.ip());
    if brackets {
        out.push(b']');
    }
    out.push(b':');
    number(out, u64::from(address.port()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_addresses_read_as_usual() {
        for value in [0, 7, 10, 5060, u64::MAX] {
            assert_eq!(text(|out| number(out, value)), value.to_string());
        }
        for one in ["192.0.2.1:5060", "[2001:db8::1]:0", "[::ffff:10.0.0.255]:65535"] {
            assert_eq!(text(|out| address(out, one.parse().unwrap())), one);
        }
        for octet in 0..=255 {
            let one = IpAddr::from([octet, 255 - octet, octet, octet / 2]);
            assert_eq!(text(|out| ip(out, one)), one.to_string());
        }
    }
}
