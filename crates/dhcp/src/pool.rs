//! Pools and reservations as a server is configured with them, and how full the pools are.

use std::net::IpAddr;
use std::sync::Arc;

use crate::lease::{HwAddr, LeaseKind, LeaseState};
use crate::network::LeaseView;

/// What a range of addresses is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolMode {
    /// Addresses are handed out to any client.
    Dynamic,
    /// Only reserved clients are served.
    Static,
    /// Proxy DHCP; no addresses.
    Proxy,
    /// Router advertisements only.
    RaOnly,
    /// The network part comes from an interface at run time.
    Template,
}

/// One range of addresses that a server leases from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pool {
    /// Name shown to people: the tag that the range sets, else `default`.
    pub name: Box<str>,
    /// Source that the pool belongs to; see [`crate::network::SourceStatus::id`].
    pub source: Box<str>,
    /// What the range is for.
    pub mode: PoolMode,
    /// First address.
    pub start: IpAddr,
    /// Last address; `None` when the mode has no range.
    pub end: Option<IpAddr>,
    /// Netmask; `None` when not given and for IPv6.
    pub netmask: Option<IpAddr>,
    /// Prefix length in bits (IPv6).
    pub prefix_len: Option<u8>,
    /// Lease time in seconds; `None` is infinite.
    pub lease_time_s: Option<u32>,
    /// Tags that a client must (or, with `!`, must not) have.
    pub match_tags: Vec<Box<str>>,
    /// Tag that the range sets.
    pub set_tag: Option<Box<str>>,
    /// Interface whose network completes the addresses (`constructor:`).
    pub interface: Option<Box<str>>,
    /// What a person should know of this range, for example that its ends were swapped.
    pub note: Option<Box<str>>,
}

/// How full a pool is.
///
/// `used + available == total` always holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolUsage {
    /// Addresses in the range.
    pub total: u128,
    /// Addresses of the range with an active lease.
    pub used: u128,
    /// Addresses left.
    pub available: u128,
}

/// How a reservation recognises its client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReservationClient {
    /// A hardware address; `None` octets are wildcards. `hwtype` `None` is any.
    Mac {
        /// ARP hardware type; `None` when not given.
        hwtype: Option<u16>,
        /// Octets; `None` matches any.
        octets: Vec<Option<u8>>,
    },
    /// A client identifier or DUID as octets.
    ClientId(Box<[u8]>),
    /// A client identifier given as text.
    ClientIdText(Box<str>),
    /// Any client identifier (`id:*`): the hardware address alone decides.
    AnyClientId,
}

/// A fixed assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reservation {
    /// Source that the reservation belongs to.
    pub source: Box<str>,
    /// How the client is recognised; empty when by host name alone.
    pub clients: Vec<ReservationClient>,
    /// Reserved addresses, possibly none.
    pub ips: Vec<IpAddr>,
    /// Host name, if given.
    pub hostname: Option<Box<str>>,
    /// Lease time in seconds; `None` when not given.
    pub lease_time_s: Option<u32>,
    /// Whether the lease time is `infinite`.
    pub is_infinite: bool,
    /// Whether the server ignores this client.
    pub is_ignored: bool,
    /// Tags that the reservation sets.
    pub set_tags: Vec<Box<str>>,
}

/// Returns whether a pattern of octets covers a hardware address.
#[must_use]
pub fn mac_matches(hwtype: Option<u16>, octets: &[Option<u8>], mac: &HwAddr) -> bool {
    hwtype.is_none_or(|hwtype| hwtype == mac.hwtype)
        && octets.len() == mac.octets.len()
        && octets.iter().zip(&mac.octets).all(|(want, have)| want.is_none_or(|want| want == *have))
}

impl Pool {
    /// Returns whether the range hands out an address.
    #[must_use]
    pub fn contains(&self, ip: IpAddr) -> bool {
        self.mode == PoolMode::Dynamic
            && self.end.is_some_and(|end| {
                ip.is_ipv4() == self.start.is_ipv4() && self.start <= ip && ip <= end
            })
    }

    /// Returns how many addresses the range hands out.
    #[must_use]
    pub fn size(&self) -> u128 {
        let (PoolMode::Dynamic | PoolMode::Template, Some(end)) = (self.mode, self.end) else {
            return 0;
        };
        (number(end).saturating_sub(number(self.start))).saturating_add(1)
    }
}

/// Returns an address as a number, so that ranges can be measured.
fn number(ip: IpAddr) -> u128 {
    match ip {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits(),
    }
}

/// The pools of a network, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Pools {
    pools: Vec<Arc<Pool>>,
}

impl Pools {
    /// Takes pools in the order of the configuration.
    #[must_use]
    pub fn new(pools: Vec<Arc<Pool>>) -> Self {
        Self { pools }
    }

    /// Returns the name of the first pool of a source whose range holds an address.
    #[must_use]
    pub fn name_of(&self, source: &str, ip: IpAddr) -> Option<Box<str>> {
        let mut pools = self.pools.iter().filter(|pool| pool.source.as_ref() == source);
        pools.find(|pool| pool.contains(ip)).map(|pool| pool.name.clone())
    }
}

/// Returns how full each pool is, in order; an address with several leases counts once.
#[must_use]
pub fn usage(pools: &[Arc<Pool>], leases: &[Arc<LeaseView>]) -> Vec<PoolUsage> {
    let active = leases.iter().filter(|view| view.lease.state == LeaseState::Active);
    let addresses = active.filter(|view| view.lease.kind != LeaseKind::Pd);
    let mut held: Vec<(&str, IpAddr)> =
        addresses.map(|view| (view.source.as_ref(), view.lease.ip)).collect();
    held.sort_unstable();
    held.dedup();
    pools
        .iter()
        .map(|pool| {
            let total = pool.size();
            let is_within = |(source, ip): &&(&str, IpAddr)| {
                *source == pool.source.as_ref() && pool.contains(*ip)
            };
            let n_held = held.iter().filter(is_within).count();
            let used = u128::try_from(n_held).unwrap_or(total).min(total);
            PoolUsage { total, used, available: total - used }
        })
        .collect()
}

/// Returns how many addresses of all pools together are free; one that lies in several pools of a
/// source counts once.
#[must_use]
pub fn available(pools: &[Arc<Pool>], leases: &[Arc<LeaseView>]) -> u128 {
    let mut ranges: Vec<(&str, bool, u128, u128)> = pools
        .iter()
        .filter(|pool| pool.mode == PoolMode::Dynamic)
        .filter_map(|pool| {
            let end = number(pool.end?);
            Some((pool.source.as_ref(), pool.start.is_ipv4(), number(pool.start), end))
        })
        .collect();
    ranges.sort_unstable();
    let mut merged: Vec<(&str, bool, u128, u128)> = Vec::new();
    for range in ranges {
        match merged.last_mut() {
            Some(last) if (last.0, last.1) == (range.0, range.1) && range.2 <= last.3 => {
                last.3 = last.3.max(range.3);
            }
            _ => merged.push(range),
        }
    }
    let total = merged
        .iter()
        .map(|(_, _, start, end)| (end - start).saturating_add(1))
        .fold(0, u128::saturating_add);
    let mut held: Vec<(&str, IpAddr)> = leases
        .iter()
        .filter(|view| view.lease.state == LeaseState::Active)
        .map(|view| (view.source.as_ref(), view.lease.ip))
        .filter(|(source, ip)| {
            pools.iter().any(|pool| pool.source.as_ref() == *source && pool.contains(*ip))
        })
        .collect();
    held.sort_unstable();
    held.dedup();
    total.saturating_sub(u128::try_from(held.len()).unwrap_or(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(name: &str, start: &str, end: &str) -> Arc<Pool> {
        Arc::new(Pool {
            name: name.into(),
            source: "dnsmasq".into(),
            mode: PoolMode::Dynamic,
            start: start.parse().unwrap(),
            end: Some(end.parse().unwrap()),
            netmask: None,
            prefix_len: None,
            lease_time_s: Some(3_600),
            match_tags: Vec::new(),
            set_tag: None,
            interface: None,
            note: None,
        })
    }

    #[test]
    fn each_address_counts_once() {
        let pools = vec![pool("a", "10.0.0.1", "10.0.0.10"), pool("a", "10.0.0.6", "10.0.0.20")];
        let text = "0 02:00:00:00:00:01 10.0.0.7 a *\n0 02:00:00:00:00:02 10.0.0.99 b *\n\
                    5 02:00:00:00:00:03 10.0.0.8 c *\n1000000001 02:00:00:00:00:04 10.0.0.9 d *\n";
        let leases = crate::format::dnsmasq::parse(text.as_bytes(), 1_795_217_100).leases;
        let leases = crate::view::views(leases, "dnsmasq", &[], &Pools::default(), &|_| None);
        let usage = usage(&pools, &leases);
        let counts: Vec<_> = usage.iter().map(|usage| (usage.total, usage.used)).collect();
        assert_eq!(counts, [(10, 2), (15, 2)], "the expired lease and the outsider do not count");
        assert!(usage.iter().all(|usage| usage.used + usage.available == usage.total));
        assert_eq!(available(&pools, &leases), 18);
    }

    #[test]
    fn the_largest_range_has_a_size() {
        let all = pool("a", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert_eq!(all.size(), u128::MAX);
    }
}
