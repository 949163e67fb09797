//! Which group owns what nobody entered one by one: domains, ranges of user parts, addresses.
//! Ranges of one domain and one length are nested or apart, so a look-up climbs from the inmost.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use super::ranges::{MAX_DIGITS, RangeKey, Ranges, digits};
use super::{Claim, ClaimId, ClaimRule, wording};

/// Every claim, found by what it covers.
#[derive(Clone, Debug, Default)]
pub(super) struct Claims {
    by_id: HashMap<ClaimId, Arc<Claim>>,
    addresses: HashMap<IpAddr, ClaimId>,
    domains: HashMap<Box<str>, Arc<DomainClaims>>,
}

#[derive(Clone, Debug, Default)]
struct DomainClaims {
    whole: Option<ClaimId>,
    ranges: Ranges,
}

/// How a new claim lies among those on record.
#[derive(Clone, Debug, Default)]
pub(super) struct Neighbours {
    /// One that covers the same or overlaps by halves: the new one cannot be.
    pub clash: Option<ClaimId>,
    /// The narrowest one around it.
    pub around: Option<ClaimId>,
    /// Those inside it.
    pub inside: Vec<ClaimId>,
}

impl ClaimRule {
    /// Why the rule cannot be, by itself.
    pub fn fault(&self) -> Option<String> {
        match self {
            Self::Domain { domain } => domain_fault(domain),
            Self::Address { .. } => None,
            Self::Range { domain, first, last } => {
                let range = RangeKey::parse(first, last);
                let fault = range.is_none().then(|| {
                    format!(
                        "the range {first}-{last} is none: its ends are digits of equal length \
                         (at most {MAX_DIGITS}), the first not above the last"
                    )
                });
                domain_fault(domain).or(fault)
            }
        }
    }

    /// Whether the rule covers a number.
    pub fn covers(&self, aor: &str) -> bool {
        match self {
            Self::Address { address } => address_of(aor) == Some(*address),
            Self::Domain { domain } => split(aor).is_some_and(|(_, host)| host == domain),
            Self::Range { domain, first, last } => split(aor).is_some_and(|(user, host)| {
                let range = RangeKey::parse(first, last);
                host == domain
                    && range.zip(digits(user)).is_some_and(|(range, (len, n))| range.covers(len, n))
            }),
        }
    }
}

impl std::fmt::Display for ClaimRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Domain { domain } => f.write_str(domain),
            Self::Range { domain, first, last } => write!(f, "{first}-{last}@{domain}"),
            Self::Address { address } => write!(f, "{address}"),
        }
    }
}

fn domain_fault(domain: &str) -> Option<String> {
    if domain.is_empty() {
        return Some("a claim needs a domain".to_owned());
    }
    let fault = wording::domain_fault(domain)?;
    Some(format!("{domain:?} is no domain: {fault}"))
}

/// "sip:user@host" as user and host.
pub(super) fn split(aor: &str) -> Option<(&str, &str)> {
    let (_, rest) = aor.split_once(':')?;
    rest.rsplit_once('@')
}

/// The address of "sip:192.0.2.7", the number of a panel that calls without registering.
fn address_of(aor: &str) -> Option<IpAddr> {
    let (_, host) = aor.split_once(':')?;
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

impl Claims {
    /// A claim by its id.
    pub fn get(&self, id: ClaimId) -> Option<&Claim> {
        self.by_id.get(&id).map(|claim| &**claim)
    }

    /// Every claim, in no order.
    pub fn iter(&self) -> impl Iterator<Item = &Claim> {
        self.by_id.values().map(|claim| &**claim)
    }

    /// Adds a claim or replaces its record. One whose rule is at fault is kept but covers nothing.
    pub fn insert(&mut self, claim: Claim) {
        self.remove(claim.id);
        let id = claim.id;
        match &claim.rule {
            ClaimRule::Address { address } => {
                self.addresses.insert(*address, id);
            }
            ClaimRule::Domain { domain } => self.domain_mut(domain).whole = Some(id),
            ClaimRule::Range { domain, first, last } => {
                if let Some(key) = RangeKey::parse(first, last) {
                    self.domain_mut(domain).ranges.insert(key, id);
                }
            }
        }
        self.by_id.insert(id, Arc::new(claim));
    }

    fn domain_mut(&mut self, domain: &str) -> &mut DomainClaims {
        Arc::make_mut(self.domains.entry(domain.into()).or_default())
    }

    /// Takes a claim out.
    pub fn remove(&mut self, id: ClaimId) -> Option<Claim> {
        let claim = self.by_id.remove(&id)?;
        match &claim.rule {
            ClaimRule::Address { address } => {
                if self.addresses.get(address) == Some(&id) {
                    self.addresses.remove(address);
                }
            }
            ClaimRule::Domain { domain } => {
                let domain = self.domain_mut(domain);
                domain.whole = domain.whole.filter(|whole| *whole != id);
            }
            ClaimRule::Range { domain, first, last } => {
                if let Some(key) = RangeKey::parse(first, last) {
                    self.domain_mut(domain).ranges.remove(key, id);
                }
            }
        }
        Some(Arc::unwrap_or_clone(claim))
    }

    /// The claim that wins for a number: narrower range, wider range, domain.
    pub fn covering(&self, aor: &str) -> Option<&Claim> {
        let id = match split(aor) {
            Some((user, host)) => {
                let domain = self.domains.get(host)?;
                let range =
                    digits(user).and_then(|(len, value)| domain.ranges.covering(len, value));
                range.or(domain.whole)?
            }
            None => *self.addresses.get(&address_of(aor)?)?,
        };
        self.get(id)
    }

    /// The claim on a source address.
    pub fn on_address(&self, address: IpAddr) -> Option<&Claim> {
        self.get(*self.addresses.get(&address)?)
    }

    /// How `rule` would lie among the claims on record, `itself` left out.
    pub fn neighbours(&self, rule: &ClaimRule, itself: ClaimId) -> Neighbours {
        let mut found = match rule {
            ClaimRule::Address { address } => {
                Neighbours { clash: self.addresses.get(address).copied(), ..Neighbours::default() }
            }
            ClaimRule::Domain { domain } => match self.domains.get(domain.as_str()) {
                Some(domain) => Neighbours {
                    clash: domain.whole,
                    around: None,
                    inside: domain.ranges.iter().collect(),
                },
                None => Neighbours::default(),
            },
            ClaimRule::Range { domain, first, last } => {
                let domain = self.domains.get(domain.as_str());
                match domain.zip(RangeKey::parse(first, last)) {
                    Some((domain, key)) => {
                        let found = domain.ranges.neighbours(key, itself);
                        let whole = domain.whole.filter(|whole| *whole != itself);
                        Neighbours { around: found.around.or(whole), ..found }
                    }
                    None => Neighbours::default(),
                }
            }
        };
        found.clash = found.clash.filter(|clash| *clash != itself);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::license::{GroupId, NumberKind};

    fn range(first: &str, last: &str) -> ClaimRule {
        ClaimRule::Range { domain: "example.com".into(), first: first.into(), last: last.into() }
    }

    fn claims(rules: impl IntoIterator<Item = ClaimRule>) -> Claims {
        let mut claims = Claims::default();
        for (rule, n) in rules.into_iter().zip(1..) {
            claims.insert(Claim {
                id: ClaimId(n),
                group: GroupId(n + 10),
                rule,
                kind: NumberKind::Phone,
            });
        }
        claims
    }

    fn winner(claims: &Claims, aor: &str) -> Option<i64> {
        claims.covering(aor).map(|claim| claim.id.0)
    }

    #[test]
    fn the_narrowest_wins_in_whatever_order_they_came() {
        let rules = [
            range("1200", "1299"),
            ClaimRule::Domain { domain: "example.com".into() },
            range("1000", "1999"),
            range("1250", "1250"),
            range("1300", "1309"),
        ];

        let claims = claims(rules);

        assert_eq!(winner(&claims, "sip:1250@example.com"), Some(4));
        assert_eq!(winner(&claims, "sip:1251@example.com"), Some(1));
        assert_eq!(winner(&claims, "sip:1310@example.com"), Some(3));
        assert_eq!(winner(&claims, "sip:2000@example.com"), Some(2));
        assert_eq!(winner(&claims, "sip:01250@example.com"), Some(2));
        assert_eq!(winner(&claims, "sip:bob@example.com"), Some(2));
        assert_eq!(winner(&claims, "sip:1250@example.org"), None);
    }

    #[test]
    fn what_stood_inside_falls_to_the_one_around_when_a_claim_goes() {
        let rules = [range("1000", "1999"), range("1200", "1299"), range("1250", "1259")];
        let mut claims = claims(rules);

        claims.remove(ClaimId(2));

        assert_eq!(winner(&claims, "sip:1250@example.com"), Some(3));
        assert_eq!(winner(&claims, "sip:1270@example.com"), Some(1));
    }

    #[test]
    fn ranges_are_nested_or_apart() {
        let claims = claims([range("1000", "1999"), range("1200", "1299")]);
        let clash = |first, last| claims.neighbours(&range(first, last), ClaimId(0)).clash;

        assert_eq!(clash("1000", "1999"), Some(ClaimId(1)));
        assert_eq!(clash("1100", "1250"), Some(ClaimId(2)));
        assert_eq!(clash("1250", "1350"), Some(ClaimId(2)));
        assert_eq!(clash("0500", "1100"), Some(ClaimId(1)));
        assert_eq!(clash("1100", "1400"), None);
        assert_eq!(clash("1000", "1100"), None);
        assert_eq!(clash("0000", "9999"), None);
        assert_eq!(clash("01100", "01250"), None);
    }

    #[test]
    fn neighbours_name_the_one_around_and_those_inside() {
        let claims = claims([range("1000", "1999"), range("1200", "1299"), range("1210", "1219")]);

        let found = claims.neighbours(&range("1100", "1400"), ClaimId(0));

        assert_eq!(found.around, Some(ClaimId(1)));
        assert_eq!(found.inside, [ClaimId(2), ClaimId(3)]);
    }

    #[test]
    fn range_ends_are_digits_of_equal_length() {
        assert!(range("100", "1999").fault().is_some());
        assert!(range("1a0", "199").fault().is_some());
        assert!(range("200", "199").fault().is_some());
        assert!(range("", "").fault().is_some());
        assert!(range("000", "199").fault().is_none());
    }

    #[test]
    fn an_address_is_a_number_of_its_own() {
        let claims = claims([
            ClaimRule::Address { address: "192.0.2.7".parse().unwrap() },
            ClaimRule::Address { address: "2001:db8::7".parse().unwrap() },
        ]);

        assert_eq!(winner(&claims, "sip:192.0.2.7"), Some(1));
        assert_eq!(winner(&claims, "sip:[2001:db8::7]"), Some(2));
        assert_eq!(winner(&claims, "sip:192.0.2.8"), None);
        assert!(claims.on_address("192.0.2.7".parse().unwrap()).is_some());
    }
}
