//! The signature of a delivery: who has the secret can tell that it is ours and how old it is.

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::license::Moment;

/// The header that carries it.
pub const SIGNATURE: &str = "Admitd-Signature";

/// `t=UNIX,v1=HEX`, where HEX is the HMAC-SHA-256 of `UNIX.BODY`.
pub fn signature(secret: &str, at: Moment, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{}.{body}", at.0).as_bytes());
    format!("t={},v1={}", at.0, super::hex(&mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_time_and_the_body() {
        // openssl: printf '1700000000.{"a":1}' | openssl dgst -sha256 -hmac whsec_1
        let expected =
            "t=1700000000,v1=2bacf7b77f8a947e36777d445799846ce8389284516e77b94f239ef893b8def7";

        assert_eq!(signature("whsec_1", Moment(1_700_000_000), "{\"a\":1}"), expected);
    }
}
