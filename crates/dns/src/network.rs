//! Networks: an address and how many of its first bits count.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Addresses that share their first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Network {
    address: IpAddr,
    n_bits: u8,
}

/// A text that is no network.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no network: an address, or an address and its bits as 192.0.2.0/24")]
pub struct BadNetwork(String);

/// Networks whose addresses no router of the internet carries: this machine, private ones and
/// those of one link (RFC 6890).
pub const PRIVATE: [Network; 8] = [
    Network::v4(Ipv4Addr::new(127, 0, 0, 0), 8),
    Network::v4(Ipv4Addr::new(10, 0, 0, 0), 8),
    Network::v4(Ipv4Addr::new(172, 16, 0, 0), 12),
    Network::v4(Ipv4Addr::new(192, 168, 0, 0), 16),
    Network::v4(Ipv4Addr::new(169, 254, 0, 0), 16),
    Network::v6(Ipv6Addr::LOCALHOST, 128),
    Network::v6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7),
    Network::v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
];

impl Network {
    const fn v4(address: Ipv4Addr, n_bits: u8) -> Self {
        Self { address: IpAddr::V4(address), n_bits }
    }

    const fn v6(address: Ipv6Addr, n_bits: u8) -> Self {
        Self { address: IpAddr::V6(address), n_bits }
    }

    /// Returns how many bits all its addresses share.
    #[must_use]
    pub fn n_bits(&self) -> u8 {
        self.n_bits
    }

    /// Returns its only address, when it has no more than one.
    #[must_use]
    pub fn single(&self) -> Option<IpAddr> {
        let n_bits_max = if self.address.is_ipv4() { 32 } else { 128 };
        (self.n_bits == n_bits_max).then_some(self.address)
    }

    /// Returns whether the address lies in the network; an IPv4 address in IPv6 form counts as
    /// the IPv4 address that it is.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.n_bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V6(own), IpAddr::V6(other)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.n_bits)).unwrap_or(0);
                own.to_bits() & mask == other.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Returns whether an address is of this machine, private, or of one link.
#[must_use]
pub fn is_private(address: IpAddr) -> bool {
    PRIVATE.iter().any(|network| network.contains(address))
}

impl FromStr for Network {
    type Err = BadNetwork;

    fn from_str(text: &str) -> Result<Self, BadNetwork> {
        let bad = || BadNetwork(text.chars().take(64).collect());
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let n_bits_max = if address.is_ipv4() { 32 } else { 128 };
        let n_bits = match bits {
            Some(bits) => bits.parse().map_err(|_| bad())?,
            None => n_bits_max,
        };
        if n_bits > n_bits_max {
            return Err(bad());
        }
        Ok(Self { address, n_bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.n_bits)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_cases() {
        #[rustfmt::skip]
        let cases = [
            ("192.0.2.0/24",   "192.0.2.255",        true),
            ("192.0.2.0/24",   "192.0.3.0",          false),
            ("192.0.2.77/24",  "192.0.2.1",          true),
            ("192.0.2.1",      "192.0.2.1",          true),
            ("192.0.2.1",      "192.0.2.2",          false),
            ("0.0.0.0/0",      "198.51.100.1",       true),
            ("0.0.0.0/0",      "2001:db8::1",        false),
            ("::/0",           "2001:db8::1",        true),
            ("2001:db8::/32",  "2001:db8:ffff::1",   true),
            ("2001:db8::/32",  "2001:db9::1",        false),
            ("192.0.2.0/24",   "::ffff:192.0.2.9",   true),
        ];
        for (network, address, expected) in cases {
            let parsed: Network = network.parse().unwrap();
            let is_in = parsed.contains(address.parse().unwrap());
            assert_eq!(is_in, expected, "case: {address} in {network}");
        }
    }

    #[test]
    fn parse_refuses_what_is_no_network() {
        for text in ["", "/", "192.0.2.0/33", "2001:db8::/129", "192.0.2/24", "192.0.2.0/x", "lan"]
        {
            assert!(text.parse::<Network>().is_err(), "case: {text}");
        }
    }

    #[test]
    fn private_cases() {
        #[rustfmt::skip]
        let cases = [
            ("127.0.0.1", true), ("10.1.2.3", true), ("172.31.255.255", true), ("172.32.0.0", false),
            ("192.168.1.1", true), ("169.254.1.1", true), ("::1", true), ("fd00::1", true),
            ("fe80::1", true), ("192.0.2.1", false), ("2001:db8::1", false),
            ("::ffff:10.0.0.1", true), ("::ffff:192.0.2.1", false),
        ];
        for (address, expected) in cases {
            assert_eq!(is_private(address.parse().unwrap()), expected, "case: {address}");
        }
    }
}
