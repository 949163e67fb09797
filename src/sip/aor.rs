//! Addresses-of-record: the one spelling under which a number is known. Which domains are ours and
//! what they are called is an argument.

use super::grammar::Bytes;
use super::scan::{Class, NoPlainAddress};
use super::{Scheme, Uri, uri_eq::unescaped};
use std::borrow::Cow;

/// How addresses are made equal.
pub struct Rules<'a> {
    /// The domain that a lower-cased host is an alias of; `None` leaves the host as it is. Asked
    /// with the empty host for a `tel:` number without a domain of its own.
    pub alias: &'a dyn Fn(&str) -> Option<&'a str>,
    /// Whether users that differ in case only are one.
    pub fold_user_case: bool,
}

/// The address-of-record of a URI as `sip:user@domain` (`sip:domain` without a user): unescaped,
/// without parameters, port and password; `None` for schemes that name no number.
pub fn normalize<'a>(uri: &Uri<'a>, rules: &Rules<'_>) -> Option<Cow<'a, str>> {
    match plain(uri, rules.fold_user_case) {
        Some((text, host)) => match (rules.alias)(host) {
            Some(domain) if domain != host => {
                let user = text.get(..text.len() - host.len()).unwrap_or_default();
                Some(Cow::Owned([user, domain].concat()))
            }
            _ => Some(Cow::Borrowed(text)),
        },
        None => respelled(uri, rules).map(Cow::Owned),
    }
}

/// What most URIs are: spelled as the number is known, but for the domain's alias. Gives the text and the
/// host in it.
fn plain<'a>(uri: &Uri<'a>, fold_user_case: bool) -> Option<(&'a str, &'a str)> {
    static USER: Bytes = Bytes::alphanumeric_and(b"-_.+*#");
    const SCHEME: &[u8] = b"sip:";
    let user = uri.user.filter(|_| !fold_user_case)?;
    let host_at = SCHEME.len() + user.len() + 1;
    if uri.raw.len() != host_at + uri.host.len() || !uri.raw.starts_with(SCHEME) {
        return None;
    }
    let lower = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.');
    // Most are made of those letters alone, user and host.
    let plainest = |address: &[u8]| NoPlainAddress.find(address).is_none();
    let plainest = uri.raw.get(SCHEME.len()..).is_some_and(plainest);
    let spelled_so = plainest || USER.all(user) && uri.host.iter().all(lower);
    if !spelled_so || uri.host.ends_with(b".") {
        return None;
    }
    let text = std::str::from_utf8(uri.raw).ok()?;
    Some((text, text.get(host_at..)?))
}

fn respelled(uri: &Uri<'_>, rules: &Rules<'_>) -> Option<String> {
    let host = match uri.scheme {
        Scheme::Sip | Scheme::Sips => std::str::from_utf8(uri.host).ok()?,
        Scheme::Tel => context_domain(uri).unwrap_or_default(),
        Scheme::Other => return None,
    };
    let host = canonical(host);
    let domain = (rules.alias)(&host).unwrap_or(&host);
    if domain.is_empty() {
        return None;
    }
    let Some(user) = uri.user else { return Some(format!("sip:{domain}")) };
    let bare = user.split(|&byte| byte == b';').next().unwrap_or_default();
    let mut user = readable(bare);
    if uri.scheme == Scheme::Tel || is_phone(uri) {
        strip_visual_separators(&mut user);
    }
    if rules.fold_user_case {
        user = user.to_lowercase();
    }
    (!user.is_empty()).then(|| format!("sip:{user}@{domain}"))
}

/// Lower case, no final dot, IPv6 in its one shortest form.
fn canonical(host: &str) -> String {
    let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    match inner.and_then(|inner| inner.parse::<core::net::Ipv6Addr>().ok()) {
        Some(ip) => format!("[{ip}]"),
        None => host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase(),
    }
}

fn is_phone(uri: &Uri<'_>) -> bool {
    uri.params.value("user").is_some_and(|user| user.eq_ignore_ascii_case(b"phone"))
}

/// A `phone-context` that is a domain, not the start of a global number (RFC 3966 5.1.5).
fn context_domain<'a>(uri: &Uri<'a>) -> Option<&'a str> {
    let context = uri.params.value("phone-context")?;
    let (domain, []) = super::uri::host(context)? else { return None };
    let named = domain.iter().any(u8::is_ascii_alphabetic);
    named.then(|| std::str::from_utf8(domain).ok()).flatten()
}

/// Resolves escapes, except of what would end the user, hide in a log or is no UTF-8.
fn readable(user: &[u8]) -> String {
    const KEPT: &[u8] = b"%@:;<>\"\\ ";
    let mut out = Vec::with_capacity(user.len());
    for (byte, was_escaped) in unescaped(user) {
        let kept = was_escaped && KEPT.contains(&byte);
        if kept || byte.is_ascii_control() {
            escape(byte, &mut out);
        } else {
            out.push(byte);
        }
    }
    String::from_utf8(out).unwrap_or_else(|broken| {
        let mut ascii = Vec::new();
        for &byte in broken.as_bytes() {
            if byte.is_ascii() { ascii.push(byte) } else { escape(byte, &mut ascii) }
        }
        String::from_utf8(ascii).unwrap_or_default()
    })
}

fn escape(byte: u8, out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789ABCDEF";
    out.push(b'%');
    out.extend([byte >> 4, byte & 15].iter().filter_map(|&digit| HEX.get(usize::from(digit))));
}

/// `+1-(201)-555.0123` is `+12015550123`; what is no telephone number stays as it is.
fn strip_visual_separators(user: &mut String) {
    let digits = user.strip_prefix('+').unwrap_or(user);
    let phone = |byte: u8| byte.is_ascii_hexdigit() || b"*#-.()".contains(&byte);
    if digits.bytes().all(phone) && digits.bytes().any(|byte| byte.is_ascii_hexdigit()) {
        user.retain(|letter| !"-.()".contains(letter));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal(text: &str) -> Option<Cow<'_, str>> {
        let alias = |host: &str| match host {
            "sip.example.com" | "192.0.2.1" | "" => Some("example.com"),
            _ => None,
        };
        normalize(
            &Uri::parse(text.as_bytes()).unwrap(),
            &Rules { alias: &alias, fold_user_case: false },
        )
    }

    #[test]
    fn one_number_has_one_spelling() {
        for text in [
            "sip:101@example.com",
            "sips:101:secret@SIP.Example.com:5061;transport=tls",
            "sip:%31%30%31@192.0.2.1",
            "sip:101;phone-context=x@example.com.;user=phone?Subject=x",
            "tel:101",
            "tel:1-0-1;phone-context=example.com",
        ] {
            assert_eq!(normal(text).as_deref(), Some("sip:101@example.com"), "{text}");
        }
        assert_eq!(normal("sip:1@[2001:DB8:0::1]:5060").as_deref(), Some("sip:1@[2001:db8::1]"));
    }

    #[test]
    fn what_is_plain_is_what_spelling_it_anew_gives() {
        let rules = Rules {
            alias: &|host| (host == "sip.example.com").then_some("example.com"),
            fold_user_case: false,
        };
        for text in ["sip:101@example.com", "sip:a.B-c_d+*#@sip.example.com", "sip:1@192.0.2.1"] {
            let uri = Uri::parse(text.as_bytes()).unwrap();

            assert!(plain(&uri, false).is_some(), "{text}");
            assert_eq!(normalize(&uri, &rules).map(Cow::into_owned), respelled(&uri, &rules));
        }
        for text in [
            "sips:1@a.b",
            "SIP:1@a.b",
            "sip:1@A.b",
            "sip:1@a.b.",
            "sip:1:x@a.b",
            "sip:1@a.b:5060",
            "sip:1@a.b;x",
            "sip:1@a.b?x=y",
            "sip:%31@a.b",
            "sip:1@[::1]",
            "sip:a.b",
            "tel:1",
        ] {
            assert!(plain(&Uri::parse(text.as_bytes()).unwrap(), false).is_none(), "{text}");
        }
    }

    #[test]
    fn visual_separators_go_only_from_telephone_numbers() {
        assert_eq!(
            normal("sip:+1-(201)-555.0123@a.b;user=phone").as_deref(),
            Some("sip:+12015550123@a.b")
        );
        assert_eq!(normal("sip:john.doe@a.b;user=phone").as_deref(), Some("sip:john.doe@a.b"));
        assert_eq!(normal("sip:1.2@a.b").as_deref(), Some("sip:1.2@a.b"));
    }

    #[test]
    fn escapes_that_could_deceive_stay() {
        assert_eq!(normal("sip:null-%00-null@a.b").as_deref(), Some("sip:null-%00-null@a.b"));
        assert_eq!(normal("sip:x%40y%0d%3aq@a.b").as_deref(), Some("sip:x%40y%0D%3Aq@a.b"));
        assert_eq!(normal("sip:%C3%A9@a.b").as_deref(), Some("sip:é@a.b"));
        assert_eq!(normal("sip:%C3@a.b").as_deref(), Some("sip:%C3@a.b"));
        assert_ne!(normal("sip:%2541@a.b"), normal("sip:A@a.b"));
    }

    #[test]
    fn what_names_no_number_has_none() {
        assert_eq!(normal("isbn:2983792873"), None);
        assert_eq!(normal("sip:;x=y@a.b"), None);
        assert_eq!(normal("sip:a.b").as_deref(), Some("sip:a.b"));
    }
}
