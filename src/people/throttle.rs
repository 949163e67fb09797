//! How often somebody may try: so many at once for a name and for an address, then one now and then.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

/// Attempts for one name: so many at once, then one for each of these pauses.
const NAME: (u32, Duration) = (10, Duration::from_secs(30));
/// Attempts from one address, whatever the name.
const ADDRESS: (u32, Duration) = (60, Duration::from_secs(2));
/// With so many keys the ones that are at rest are forgotten.
const KEYS: usize = 10_000;

/// Counts attempts. Names are kept as numbers: who tries many of them fills no memory with them.
#[derive(Debug)]
pub struct Throttle {
    names: DefaultKeyedRateLimiter<u64>,
    addresses: DefaultKeyedRateLimiter<u64>,
    numbers: RandomState,
    clock: DefaultClock,
}

impl Default for Throttle {
    fn default() -> Self {
        Self {
            names: RateLimiter::keyed(quota(NAME)),
            addresses: RateLimiter::keyed(quota(ADDRESS)),
            numbers: RandomState::new(),
            clock: DefaultClock::default(),
        }
    }
}

impl Throttle {
    /// Counts an attempt from an address; after how many seconds to try again where there were too many.
    pub fn address(&self, from: Option<IpAddr>) -> Result<(), u32> {
        let Some(from) = from else { return Ok(()) };
        self.count(&self.addresses, self.numbers.hash_one(network(from)))
    }

    /// Counts an attempt for a name.
    pub fn name(&self, name: &str) -> Result<(), u32> {
        self.count(&self.names, self.numbers.hash_one(name))
    }

    fn count(&self, limiter: &DefaultKeyedRateLimiter<u64>, key: u64) -> Result<(), u32> {
        if limiter.len() > KEYS {
            limiter.retain_recent();
        }
        limiter.check_key(&key).map_err(|until| {
            let wait = until.wait_time_from(self.clock.now()).as_secs();
            u32::try_from(wait).unwrap_or(u32::MAX).saturating_add(1)
        })
    }
}

/// Whoever has one address of IPv6 has the 64 bits below it too.
fn network(from: IpAddr) -> IpAddr {
    match from.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
        address => address,
    }
}

fn quota((at_once, pause): (u32, Duration)) -> Quota {
    let one = Quota::per_second(NonZeroU32::MIN);
    let burst = NonZeroU32::new(at_once).unwrap_or(NonZeroU32::MIN);
    Quota::with_period(pause).unwrap_or(one).allow_burst(burst)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_attempts_for_a_name_wait_and_others_do_not() {
        let throttle = Throttle::default();

        let allowed = (0..NAME.0).all(|_| throttle.name("anna").is_ok());

        assert!(allowed);
        let wait = throttle.name("anna").unwrap_err();
        assert!((1..=31).contains(&wait), "{wait}");
        assert_eq!(throttle.name("bob"), Ok(()));
    }

    #[test]
    fn an_address_is_its_network() {
        let throttle = Throttle::default();
        let from = |text: &str| throttle.address(Some(text.parse().unwrap()));

        let allowed = (0..ADDRESS.0).all(|host| from(&format!("2001:db8::{host:x}")).is_ok());

        assert!(allowed);
        assert!(from("2001:db8::ffff").is_err());
        assert_eq!(from("2001:db8:0:1::1"), Ok(()));
        assert_eq!(from("192.0.2.1"), Ok(()));
        assert_eq!(throttle.address(None), Ok(()));
    }
}
