//! Pools and reservations as a server is configured with them, and how full the pools are.

use std::net::IpAddr;

use crate::lease::HwAddr;

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
