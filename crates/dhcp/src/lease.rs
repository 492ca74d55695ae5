//! One DHCP lease, normalised from whatever format its server stores it in.

use std::fmt;
use std::net::IpAddr;

/// Seconds since 1970-01-01T00:00:00Z.
pub type EpochSeconds = i64;

/// What a lease grants (RFC 2131 address, RFC 8415 `IA_NA`, `IA_TA` or `IA_PD`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LeaseKind {
    /// An IPv4 address.
    V4,
    /// A non-temporary IPv6 address.
    Na,
    /// A temporary IPv6 address.
    Ta,
    /// A delegated IPv6 prefix.
    Pd,
}

/// Binding state as it is shown, whatever the server calls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaseState {
    /// Held by a client.
    Active,
    /// Past its end.
    Expired,
    /// Given back by the client.
    Released,
    /// Refused by the client because somebody else uses the address.
    Declined,
    /// Not held by anyone.
    Free,
    /// Kept for a failover peer.
    Backup,
    /// Freed by an administrator.
    Reset,
    /// Registered by the client, not granted (RFC 9686).
    Registered,
    /// A state this reader does not know.
    Unknown,
}

/// When a lease ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Expiry {
    /// At this time.
    At(EpochSeconds),
    /// Never; the lease is infinite.
    Never,
    /// The server stored no usable end; `length_s` is what it wrote instead, if that was a length.
    Unknown {
        /// Length of the lease in seconds, written by a server without a real-time clock.
        length_s: Option<u32>,
    },
}

/// A hardware address of 0–20 octets with its ARP hardware type (1 is Ethernet).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HwAddr {
    /// ARP hardware type (IANA registry); 1 is Ethernet.
    pub hwtype: u16,
    /// The octets, as they stand on the wire.
    pub octets: Box<[u8]>,
}

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The leased address, or the first address of a delegated prefix.
    pub ip: IpAddr,
    /// What is granted.
    pub kind: LeaseKind,
    /// Prefix length in bits; only for [`LeaseKind::Pd`].
    pub prefix_len: Option<u8>,
    /// Hardware address; `None` for `DHCPv6` and for clients without one.
    pub mac: Option<HwAddr>,
    /// `DHCPv4` client identifier (option 61).
    pub client_id: Option<Box<[u8]>>,
    /// `DHCPv6` client DUID.
    pub duid: Option<Box<[u8]>>,
    /// `DHCPv6` identity association.
    pub iaid: Option<u32>,
    /// Host name; `None` when the server stores none.
    pub hostname: Option<Box<str>>,
    /// The server's own word or number for the state.
    pub stored_state: Box<str>,
    /// State by stored state and clock.
    pub state: LeaseState,
    /// End of the lease.
    pub expiry: Expiry,
    /// Start of the lease, if the server stores it.
    pub starts: Option<EpochSeconds>,
    /// Client's last transaction, if the server stores it.
    pub last_seen: Option<EpochSeconds>,
    /// Subnet identifier (Kea).
    pub subnet_id: Option<u32>,
    /// Pool identifier (Kea).
    pub pool_id: Option<u32>,
    /// Vendor class (option 60).
    pub vendor_class: Option<Box<str>>,
    /// User context (Kea), JSON text.
    pub context: Option<Box<str>>,
}

/// What tells one lease of a source from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseKey {
    /// What is granted.
    pub kind: LeaseKind,
    /// The address.
    pub ip: IpAddr,
    /// Prefix length in bits; only for [`LeaseKind::Pd`].
    pub prefix_len: Option<u8>,
}

impl Lease {
    /// Returns what tells this lease from others of its source.
    #[must_use]
    pub fn key(&self) -> LeaseKey {
        LeaseKey { kind: self.kind, ip: self.ip, prefix_len: self.prefix_len }
    }
}

/// Octets as lower-case pairs with colons, `02:aa:bb`.
pub(crate) fn write_octets(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    for (index, octet) in octets.iter().enumerate() {
        if index > 0 {
            f.write_str(":")?;
        }
        write!(f, "{octet:02x}")?;
    }
    Ok(())
}

impl fmt::Display for HwAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_octets(f, &self.octets)
    }
}
