//! Expiry values in seconds (RFC 3261 20.19, 10.2.1.1).

use super::grammar;

/// What a registration without a readable expiry asks for.
pub const DEFAULT_EXPIRES: u32 = 3600;

/// Seconds; what is malformed or beyond 2^32-1 is 3600 (RFC 3261 10.2.1.1).
pub fn parse_expires(text: &[u8]) -> u32 {
    grammar::number(grammar::trim(text))
        .and_then(|secs| u32::try_from(secs).ok())
        .unwrap_or(DEFAULT_EXPIRES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_value_is_legal_and_beyond_it_is_the_default() {
        assert_eq!(parse_expires(b"4294967295"), u32::MAX);
        assert_eq!(parse_expires(b"4294967296"), 3600);
        assert_eq!(parse_expires(&[b'1'; 100]), 3600);
        assert_eq!(parse_expires(b"-1"), 3600);
        assert_eq!(parse_expires(b" 0 "), 0);
    }
}
