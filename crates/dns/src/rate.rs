//! How many questions a network may ask: one bucket each, in a table that never grows.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::RateConfig;
use crate::network;

/// Buckets; networks that share one by chance share its rate.
const N_BUCKETS: usize = 16_384;

/// The buckets of all networks (IPv4 /24, IPv6 /56).
///
/// A bucket is one word: the time, in microseconds, at which it is full again. It is over its rate
/// while that lies further ahead than a burst takes (GCRA, the leaky bucket as a meter).
#[derive(Debug)]
pub(crate) struct Buckets {
    full_at_us: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl Default for Buckets {
    fn default() -> Self {
        let full_at_us = (0..N_BUCKETS).map(|_| AtomicU64::new(0)).collect();
        Self { full_at_us, hasher: RandomState::new() }
    }
}

impl Buckets {
    /// Takes one question of a client off its network's bucket; false when it is empty.
    pub(crate) fn admit(&self, address: IpAddr, now_us: u64, config: &RateConfig) -> bool {
        if config.per_second == 0 {
            return true;
        }
        if !config.is_private_limited && network::is_private(address) {
            return true;
        }
        let cost_us = 1_000_000 / u64::from(config.per_second).min(1_000_000);
        let burst_us = cost_us * u64::from(config.burst);
        let index = usize::try_from(self.hasher.hash_one(prefix(address))).unwrap_or(0) % N_BUCKETS;
        let Some(bucket) = self.full_at_us.get(index) else { return true };
        let taken = bucket.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |full_at_us| {
            let full_at_us = full_at_us.max(now_us) + cost_us;
            (full_at_us - now_us <= burst_us).then_some(full_at_us)
        });
        taken.is_ok()
    }
}

/// Returns the part of an address that stands for its network.
fn prefix(address: IpAddr) -> u64 {
    match address.to_canonical() {
        IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
        IpAddr::V6(address) => u64::try_from(address.to_bits() >> 72).unwrap_or(0) | 1 << 63,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_gets_its_burst_and_then_its_rate() {
        let buckets = Buckets::default();
        let config = RateConfig { per_second: 10, burst: 5, is_private_limited: false };
        let ask = |address: &str, now_us| buckets.admit(address.parse().unwrap(), now_us, &config);
        let n_admitted = (0..20).filter(|_| ask("192.0.2.1", 1_000_000)).count();
        assert_eq!(n_admitted, 5);
        assert!(!ask("192.0.2.200", 1_000_000), "its neighbour shares the bucket");
        assert!(ask("198.51.100.1", 1_000_000), "another network has its own");
        assert!(ask("192.0.2.1", 1_100_000));
        assert!(!ask("192.0.2.1", 1_100_000));
        let n_admitted = (0..20).filter(|_| ask("192.0.2.1", 60_000_000)).count();
        assert_eq!(n_admitted, 5);
        assert_eq!((0..20).filter(|_| ask("192.168.1.1", 0)).count(), 20, "private networks");
    }

    #[test]
    fn zero_is_no_limit() {
        let config = RateConfig { per_second: 0, burst: 1, is_private_limited: true };
        let buckets = Buckets::default();
        assert!((0..100).all(|_| buckets.admit(IpAddr::from([192, 0, 2, 1]), 0, &config)));
    }
}
