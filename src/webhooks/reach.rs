//! Where deliveries may go: HTTP to public addresses. Whoever may add a webhook must not reach through
//! us what only we can reach.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A URL to which webhooks may lead, or why not. `trusted`: addresses need not be public.
pub fn checked_url(text: &str, trusted: bool) -> Result<Url, String> {
    if text.chars().any(|one| one.is_control() || one.is_whitespace()) {
        return Err("a URL has no space and no character that cannot be seen".into());
    }
    let url: Url = text.parse().map_err(|fault| format!("{text:?} is no URL: {fault}"))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("a webhook is told over http or https".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a webhook's URL holds no user and no password".into());
    }
    let host = url.host_str().ok_or("the URL names no host")?;
    let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    match literal {
        Ok(address) if !trusted && !is_public(address) => Err(not_public(host)),
        _ => Ok(url),
    }
}

fn not_public(host: &str) -> String {
    format!("{host} is no public address; [webhooks] allow_private = true allows it")
}

/// Resolves names to their public addresses only, at the time of the connection: a name may point
/// elsewhere than when the webhook was added.
pub struct PublicOnly;

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let public: Vec<SocketAddr> = found.filter(|found| is_public(found.ip())).collect();
            if public.is_empty() {
                return Err(not_public(name.as_str()).into());
            }
            Ok(Box::new(public.into_iter()) as Addrs)
        })
    }
}

/// Whether an address is one of the whole internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => match embedded(address) {
            Some(inner) => is_public_v4(inner),
            // 2000::/3 is what is given out for the internet; 2001:db8::/32 are examples.
            None => {
                let [first, second, ..] = address.segments();
                first & 0xe000 == 0x2000 && (first, second) != (0x2001, 0x0db8)
            }
        },
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let shared = a == 100 && (64..128).contains(&b);
    let benchmark = a == 198 && (18..20).contains(&b);
    let protocol = (a, b, c) == (192, 0, 0) || (a, b, c) == (192, 88, 99);
    !(a == 0
        || a >= 240
        || shared
        || benchmark
        || protocol
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

/// The IPv4 address that an IPv6 address leads to: mapped, by NAT64, by 6to4.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b, c, d, e, f) {
        (0, 0, 0, 0, 0, 0xffff | 0) | (0x64, 0xff9b, 0, 0, 0, 0) => Some(v4(g, h)),
        (0x2002, high, low, ..) => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["1.1.1.1", "172.32.0.1", "2606:4700::1111", "64:ff9b::101:101"] {
            assert!(is_public(outside.parse().unwrap()), "{outside}");
        }
    }

    #[test]
    fn a_url_that_leads_inside_is_refused_however_it_is_written() {
        for url in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://[::1]/",
            "http://[::ffff:10.0.0.1]/",
            "ftp://1.1.1.1/",
            "file:///etc/passwd",
            "http://a:b@1.1.1.1/",
            "nonsense",
            "https://example.com/\r\nX: y",
            "https://exam\tple.com/",
        ] {
            assert!(checked_url(url, false).is_err(), "{url}");
        }
        assert!(checked_url("https://hooks.example.com/x?y=z", false).is_ok());
        assert!(checked_url("http://127.0.0.1:8080/", true).is_ok());
    }

    #[tokio::test]
    async fn a_name_that_points_inside_is_not_resolved() {
        let found = PublicOnly.resolve("localhost".parse().unwrap()).await;

        assert!(found.err().unwrap().to_string().contains("no public address"));
    }
}
