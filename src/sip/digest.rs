//! Digest authentication (RFC 7616, RFC 8760): credentials and challenges as text, and the sums.
//! Nonces, secrets and whether a request may pass are somebody else's.

use super::{Params, grammar};
use md5::Md5;
use sha2::Sha256;
use std::borrow::Cow;
use subtle::ConstantTimeEq;

/// The hash that a digest is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    Md5,
    Md5Sess,
    Sha256,
    Sha256Sess,
}

impl Algorithm {
    const NAMED: [(Self, &'static str); 4] = [
        (Self::Md5, "MD5"),
        (Self::Md5Sess, "MD5-sess"),
        (Self::Sha256, "SHA-256"),
        (Self::Sha256Sess, "SHA-256-sess"),
    ];

    /// The name on the wire.
    pub fn name(self) -> &'static str {
        Self::NAMED.iter().find(|(algorithm, _)| *algorithm == self).map_or("MD5", |(_, name)| name)
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let named = |name: &str| name.as_bytes().eq_ignore_ascii_case(text);
        Self::NAMED.iter().find(|(_, name)| named(name)).map(|(algorithm, _)| *algorithm)
    }

    fn is_session(self) -> bool {
        matches!(self, Self::Md5Sess | Self::Sha256Sess)
    }

    /// The sum of the parts joined by colons, in lower-case hexadecimal.
    fn sum(self, parts: &[&[u8]]) -> String {
        match self {
            Self::Md5 | Self::Md5Sess => hex(&joined::<Md5>(parts)),
            Self::Sha256 | Self::Sha256Sess => hex(&joined::<Sha256>(parts)),
        }
    }

    /// H(user:realm:password), which may be stored in place of the password (RFC 7616 3.4.2).
    pub fn ha1(self, username: &[u8], realm: &[u8], password: &[u8]) -> String {
        self.sum(&[username, realm, password])
    }
}

fn joined<H: md5::Digest>(parts: &[&[u8]]) -> Vec<u8> {
    let mut hash = H::new();
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            hash.update(b":");
        }
        hash.update(part);
    }
    hash.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(u32::from(digit), 16)).collect()
}

/// What a password is checked against.
#[derive(Clone, Copy)]
pub enum Secret<'a> {
    Password(&'a [u8]),
    /// `Algorithm::ha1` for the algorithm of the credentials.
    Ha1(&'a str),
}

/// Credentials of a digest (the value of Authorization or Proxy-Authorization).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials<'a> {
    pub username: Cow<'a, [u8]>,
    pub realm: Cow<'a, [u8]>,
    pub nonce: Cow<'a, [u8]>,
    /// The digest URI, which need not be the Request-URI byte by byte.
    pub uri: Cow<'a, [u8]>,
    pub response: Cow<'a, [u8]>,
    pub algorithm: Algorithm,
    pub opaque: Option<Cow<'a, [u8]>>,
    pub cnonce: Option<Cow<'a, [u8]>>,
    /// `auth`, or what else was asked for.
    pub qop: Option<Cow<'a, [u8]>>,
    /// The nonce count as received: eight hexadecimal digits.
    pub nc: Option<&'a [u8]>,
}

impl<'a> Credentials<'a> {
    /// Reads the header value; `None` for another scheme, an unknown algorithm, a missing or a
    /// repeated part.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let params = digest_params(value)?;
        let names =
            ["username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce", "algorithm"];
        if names.iter().any(|name| params.repeats(name)) {
            return None;
        }
        let text = |name| params.get(name).map(|param| param.unquoted());
        Some(Self {
            username: text("username")?,
            realm: text("realm")?,
            nonce: text("nonce")?,
            uri: text("uri")?,
            response: text("response")?,
            algorithm: algorithm(params)?,
            opaque: text("opaque"),
            cnonce: text("cnonce"),
            qop: text("qop"),
            nc: params.value("nc"),
        })
    }

    /// The nonce count as a number; `None` where it is absent or malformed.
    pub fn nonce_count(&self) -> Option<u32> {
        let nc = self.nc.filter(|nc| nc.len() == 8 && nc.iter().all(u8::is_ascii_hexdigit))?;
        u32::from_str_radix(std::str::from_utf8(nc).ok()?, 16).ok()
    }

    /// Whether the response is the one for this secret and method, compared in constant time.
    /// False for `auth-int` and for a qop without its cnonce and nc.
    pub fn matches(&self, secret: Secret<'_>, method: &[u8]) -> bool {
        let Some(expected) = self.expected(secret, method) else { return false };
        let given = self.response.to_ascii_lowercase();
        expected.as_bytes().ct_eq(&given).into()
    }

    /// The response for this secret and method (RFC 7616 3.4.1; without qop RFC 2069).
    pub fn expected(&self, secret: Secret<'_>, method: &[u8]) -> Option<String> {
        let algorithm = self.algorithm;
        let mut ha1 = match secret {
            Secret::Password(password) => algorithm.ha1(&self.username, &self.realm, password),
            Secret::Ha1(ha1) => ha1.to_string(),
        };
        if algorithm.is_session() {
            ha1 = algorithm.sum(&[ha1.as_bytes(), &self.nonce, self.cnonce.as_ref()?]);
        }
        let ha2 = algorithm.sum(&[method, &self.uri]);
        let Some(qop) = &self.qop else {
            return Some(algorithm.sum(&[ha1.as_bytes(), &self.nonce, ha2.as_bytes()]));
        };
        if !qop.eq_ignore_ascii_case(b"auth") {
            return None;
        }
        self.nonce_count()?;
        let (nc, cnonce) = (self.nc?, self.cnonce.as_ref()?);
        Some(algorithm.sum(&[ha1.as_bytes(), &self.nonce, nc, cnonce, qop, ha2.as_bytes()]))
    }
}

/// A digest challenge (the value of WWW-Authenticate or Proxy-Authenticate).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenge<'a> {
    pub realm: Cow<'a, [u8]>,
    pub nonce: Cow<'a, [u8]>,
    pub opaque: Option<Cow<'a, [u8]>>,
    pub algorithm: Algorithm,
    /// Whether `auth` is offered; without it the answer has no qop.
    pub qop_auth: bool,
    pub stale: bool,
}

impl<'a> Challenge<'a> {
    /// Reads the header value; `None` for another scheme, an unknown algorithm or a missing part.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let params = digest_params(value)?;
        let text = |name| params.get(name).map(|param| param.unquoted());
        let qop = text("qop").unwrap_or_default();
        let is_auth = |one: &[u8]| grammar::trim(one).eq_ignore_ascii_case(b"auth");
        Some(Self {
            realm: text("realm")?,
            nonce: text("nonce")?,
            opaque: text("opaque"),
            algorithm: algorithm(params)?,
            qop_auth: qop.split(|&byte| byte == b',').any(is_auth),
            stale: text("stale").is_some_and(|stale| stale.eq_ignore_ascii_case(b"true")),
        })
    }

    /// The header value of a challenge of our own.
    pub fn to_value(&self) -> String {
        let quoted =
            |text: &[u8]| String::from_utf8_lossy(text).replace(['"', '\\', '\r', '\n'], "");
        let mut value =
            format!("Digest realm=\"{}\", nonce=\"{}\"", quoted(&self.realm), quoted(&self.nonce));
        if let Some(opaque) = &self.opaque {
            value.push_str(&format!(", opaque=\"{}\"", quoted(opaque)));
        }
        value.push_str(&format!(", algorithm={}", self.algorithm.name()));
        if self.qop_auth {
            value.push_str(", qop=\"auth\"");
        }
        if self.stale {
            value.push_str(", stale=true");
        }
        value
    }
}

fn digest_params(value: &[u8]) -> Option<Params<'_, b','>> {
    let value = grammar::trim(value);
    let (scheme, rest) = value.split_at_checked(b"Digest".len())?;
    let spaced = rest.first().is_some_and(|&byte| grammar::is_lws(byte));
    (scheme.eq_ignore_ascii_case(b"Digest") && spaced).then(|| Params::commas(rest))
}

/// Absent means MD5 (RFC 7616 3.3); some devices quote it.
fn algorithm(params: Params<'_, b','>) -> Option<Algorithm> {
    match params.get("algorithm") {
        Some(param) => Algorithm::parse(&param.unquoted()),
        None => Some(Algorithm::Md5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WITH_QOP: &[u8] = br#"Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html",
        algorithm=MD5, nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001,
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth,
        response="8ca523f5e9506fed4657c9700eebdbec", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS""#;

    #[test]
    fn the_examples_of_the_rfc_match() {
        let sha = String::from_utf8_lossy(WITH_QOP).replace("MD5", "SHA-256").replace(
            "8ca523f5e9506fed4657c9700eebdbec",
            "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
        );

        for text in [WITH_QOP, sha.as_bytes()] {
            let credentials = Credentials::parse(text).unwrap();
            assert!(credentials.matches(Secret::Password(b"Circle of Life"), b"GET"));
            assert!(!credentials.matches(Secret::Password(b"circle of life"), b"GET"));
            assert!(!credentials.matches(Secret::Password(b"Circle of Life"), b"PUT"));
            assert_eq!(credentials.nonce_count(), Some(1));
        }
    }

    #[test]
    fn a_stored_hash_serves_like_the_password() {
        let credentials = Credentials::parse(WITH_QOP).unwrap();
        let ha1 = Algorithm::Md5.ha1(b"Mufasa", b"http-auth@example.org", b"Circle of Life");

        assert!(credentials.matches(Secret::Ha1(&ha1), b"GET"));
    }

    #[test]
    fn credentials_without_qop_match() {
        // RFC 2617 errata 1649: the RFC 2069 example with its response put right.
        let text = br#"Digest username="Mufasa", realm="testrealm@host.com", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093",
            uri="/dir/index.html", response="1949323746FE6A43EF61F9606E7FEBEA""#;
        let credentials = Credentials::parse(text).unwrap();

        assert!(credentials.matches(Secret::Password(b"CircleOfLife"), b"GET"));
        assert_eq!(credentials.qop, None);
    }

    #[test]
    fn a_session_digest_mixes_the_nonces_in() {
        let plain = Credentials::parse(WITH_QOP).unwrap();
        let session = Credentials { algorithm: Algorithm::Md5Sess, ..plain.clone() };
        let secret = Secret::Password(b"Circle of Life");

        assert_ne!(session.expected(secret, b"GET"), plain.expected(secret, b"GET"));
        assert!(!session.matches(secret, b"GET"));
    }

    #[test]
    fn what_cannot_be_checked_does_not_match() {
        let text = |from: &str, to: &str| String::from_utf8_lossy(WITH_QOP).replace(from, to);
        let matches = |text: String| {
            Credentials::parse(text.as_bytes())
                .map(|one| one.matches(Secret::Password(b"Circle of Life"), b"GET"))
        };

        assert_eq!(matches(text("qop=auth", "qop=auth-int")), Some(false));
        assert_eq!(matches(text("nc=00000001,", "")), Some(false));
        assert_eq!(matches(text("nc=00000001", "nc=1")), Some(false));
        assert_eq!(matches(text("algorithm=MD5", "algorithm=SHA-512-256")), None);
        assert_eq!(matches(text("Digest", "Basic")), None);
        assert_eq!(matches(text("qop=auth", "qop=auth, username=\"Scar\"")), None);
    }

    #[test]
    fn quoted_text_loses_its_escapes() {
        let credentials = Credentials::parse(
            br#"digest username="a\"b, c",realm=x,nonce=y,uri="sip:a",response=z"#,
        )
        .unwrap();

        assert_eq!(credentials.username.as_ref(), br#"a"b, c"#);
    }

    #[test]
    fn a_challenge_survives_printing() {
        let challenge = Challenge {
            realm: b"example.com"[..].into(),
            nonce: b"abc"[..].into(),
            opaque: None,
            algorithm: Algorithm::Sha256,
            qop_auth: true,
            stale: true,
        };

        let text = challenge.to_value();

        assert_eq!(Challenge::parse(text.as_bytes()), Some(challenge));
        assert!(
            Challenge::parse(br#"Digest realm="a", nonce="b", qop="auth-int, auth""#)
                .unwrap()
                .qop_auth
        );
    }
}
