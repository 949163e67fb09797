//! URI comparison (RFC 3261 19.1.4; `tel:` RFC 3966 5).

use super::{Params, Scheme, Uri, grammar};

/// Parts beyond which two URIs are compared byte by byte only: the comparison of sets takes the
/// product of both counts, and a datagram has room for thousands.
const MAX_PARTS: usize = 64;

/// Whether two URIs are equivalent.
pub fn uri_eq(left: &Uri<'_>, right: &Uri<'_>) -> bool {
    if left.raw == right.raw {
        return true;
    }
    if left.scheme != right.scheme || has_too_many_parts(left) || has_too_many_parts(right) {
        return false;
    }
    match left.scheme {
        Scheme::Sip | Scheme::Sips => {
            opt_eq(left.user, right.user, true)
                && opt_eq(left.password, right.password, true)
                && left.host.eq_ignore_ascii_case(right.host)
                && left.port == right.port
                && params_eq(left.params, right.params)
                && headers_eq(left.headers, right.headers)
        }
        Scheme::Tel => {
            digits(left).eq(digits(right))
                && all_params_in(left.params, right.params)
                && all_params_in(right.params, left.params)
        }
        Scheme::Other => {
            left.scheme_text().eq_ignore_ascii_case(right.scheme_text()) && left.host == right.host
        }
    }
}

fn has_too_many_parts(uri: &Uri<'_>) -> bool {
    let headers = uri.headers.unwrap_or_default().split(|&byte| byte == b'&').nth(MAX_PARTS);
    headers.is_some() || uri.params.iter().nth(MAX_PARTS).is_some()
}

fn opt_eq(left: Option<&[u8]>, right: Option<&[u8]>, case: bool) -> bool {
    match (left, right) {
        (Some(left), Some(right)) => text_eq(left, right, case),
        (left, right) => left.is_none() && right.is_none(),
    }
}

/// Equal when escapes are resolved; a reserved character differs from its escaped form.
fn text_eq(left: &[u8], right: &[u8], case: bool) -> bool {
    if left == right {
        return true;
    }
    let fold = |(byte, escaped): (u8, bool)| {
        let byte = if case { byte } else { byte.to_ascii_lowercase() };
        (byte, escaped && b";/?:@&=+$,".contains(&byte))
    };
    unescaped(left).map(fold).eq(unescaped(right).map(fold))
}

/// The bytes that `text` stands for, each with whether it was escaped.
pub(super) fn unescaped(text: &[u8]) -> impl Iterator<Item = (u8, bool)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        if let [b'%', high, low, after @ ..] = rest
            && let Some(byte) = grammar::unescape_pair(*high, *low)
        {
            rest = after;
            return Some((byte, true));
        }
        let [byte, after @ ..] = rest else { return None };
        rest = after;
        Some((*byte, false))
    })
}

/// These never match when only one side has them; others are then ignored. `transport` is in the
/// examples of 19.1.4, not in its list.
const STRICT: [&str; 5] = ["user", "ttl", "method", "maddr", "transport"];

fn params_eq(left: Params<'_>, right: Params<'_>) -> bool {
    let shared = left
        .iter()
        .all(|param| find(right, param.name).is_none_or(|other| same(param.value, other)));
    shared && STRICT.iter().all(|name| left.has(name) == right.has(name))
}

fn all_params_in(left: Params<'_>, right: Params<'_>) -> bool {
    left.iter().all(|param| find(right, param.name).is_some_and(|other| same(param.value, other)))
}

fn find<'a>(params: Params<'a>, name: &[u8]) -> Option<Option<&'a [u8]>> {
    params.iter().find(|param| text_eq(param.name, name, false)).map(|param| param.value)
}

fn same(left: Option<&[u8]>, right: Option<&[u8]>) -> bool {
    text_eq(left.unwrap_or_default(), right.unwrap_or_default(), false)
}

/// Header components must all be there on both sides, in any order.
fn headers_eq(left: Option<&[u8]>, right: Option<&[u8]>) -> bool {
    let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
    let count = |text: &[u8]| text.split(|&byte| byte == b'&').count();
    let holds = |text: &[u8], wanted: &[u8]| {
        text.split(|&byte| byte == b'&').any(|one| header_eq(one, wanted))
    };
    left == right
        || (count(left) == count(right)
            && left.split(|&byte| byte == b'&').all(|one| holds(right, one))
            && right.split(|&byte| byte == b'&').all(|one| holds(left, one)))
}

fn header_eq(left: &[u8], right: &[u8]) -> bool {
    let ((left_name, left), (right_name, right)) =
        (grammar::split_once(left, b'='), grammar::split_once(right, b'='));
    text_eq(left_name, right_name, false) && opt_eq(left, right, true)
}

fn digits<'a>(uri: &Uri<'a>) -> impl Iterator<Item = u8> + use<'a> {
    let number = uri.user.unwrap_or_default();
    number.iter().filter(|byte| !b"-.()".contains(byte)).map(u8::to_ascii_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn eq(left: &str, right: &str) -> bool {
        let (left, right) =
            (Uri::parse(left.as_bytes()).unwrap(), Uri::parse(right.as_bytes()).unwrap());
        assert_eq!(uri_eq(&left, &right), uri_eq(&right, &left), "comparison has no direction");
        uri_eq(&left, &right)
    }

    #[test]
    fn the_equivalent_pairs_of_the_rfc_are_equal() {
        assert!(eq("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"));
        assert!(eq("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"));
        assert!(eq("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"));
        assert!(eq(
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com"
        ));
        assert!(eq(
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x"
        ));
        assert!(eq("tel:+1-201-555-0123", "TEL:+1.201.555.0123"));
    }

    #[test]
    fn the_different_pairs_of_the_rfc_differ() {
        for (left, right) in [
            ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
            ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
            ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
            ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
            ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
            ("sip:a@b", "sips:a@b"),
            ("sip:a@b", "sip:b"),
            ("tel:+1-201-555-0123", "tel:+1-201-555-0123;ext=1"),
        ] {
            assert!(!eq(left, right), "{left} {right}");
        }
    }

    #[test]
    fn huge_uris_are_equal_only_byte_by_byte() {
        let huge = format!("sip:a@b{}", ";x=1".repeat(20_000));

        assert!(eq(&huge, &huge));
        assert!(!eq(&huge, &huge.replace("sip:a", "sip:%61")));
    }
}
