//! Shapes on the wire: leases, pools, and the payloads of the DHCP events.

use jiff::Timestamp;
use serde::Serialize;
use tidings_dhcp::diff::LeaseChange;
use tidings_dhcp::lease::{EpochSeconds, Expiry, LeaseKind, LeaseState};
use tidings_dhcp::network::{Cause, LeaseView, Snapshot, SourceHealth, SourceStatus};
use tidings_dhcp::pool::{Pool, PoolMode, PoolUsage};
use utoipa::ToSchema;

pub mod hub;
pub mod running;

/// Channel that says that leases changed.
pub const LEASES: &str = "dhcp/leases";
/// Channel of the single changes.
pub const LEASE_CHANGES: &str = "dhcp/leases/changes";
/// Channel of the sources' health.
pub const DHCP_STATUS: &str = "dhcp/status";
/// Channel of the pools' usage.
pub const DHCP_POOLS: &str = "dhcp/pools";

/// Expiry that the contract shows for a lease without end.
const NEVER: &str = "1970-01-01T00:00:00Z";

/// Returns a time as RFC 3339 in UTC, `2025-01-20T10:30:00Z`.
#[must_use]
pub fn time(seconds: EpochSeconds) -> String {
    Timestamp::from_second(seconds).map_or_else(|_| NEVER.to_owned(), |time| time.to_string())
}

/// Returns a time given in milliseconds as RFC 3339 in UTC, cut to seconds.
#[must_use]
pub fn time_ms(milliseconds: u64) -> String {
    time(i64::try_from(milliseconds / 1000).unwrap_or(i64::MAX))
}

/// Parses RFC 3339 time, or seconds or (from 10¹¹ on) milliseconds since 1970, to milliseconds.
pub(crate) fn parse_time_ms(text: &str) -> Option<u64> {
    const MILLISECONDS_FROM: u64 = 100_000_000_000;
    if let Ok(number) = text.parse::<u64>() {
        return Some(if number < MILLISECONDS_FROM { number * 1000 } else { number });
    }
    let time: Timestamp = text.parse().ok()?;
    u64::try_from(time.as_millisecond()).ok()
}

/// A lease.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DhcpLease)]
#[expect(clippy::struct_excessive_bools, reason = "the contract names each of them")]
pub struct LeaseJson {
    /// The address, or the first of a delegated prefix.
    pub ip_address: String,
    /// Hardware address, lower case with colons; null for `DHCPv6`.
    pub mac_address: Option<String>,
    /// Host name; null when the server stores none.
    pub hostname: Option<String>,
    /// End of the lease, UTC; `1970-01-01T00:00:00Z` when there is none: see `expires`.
    pub lease_time: String,
    /// Client identifier (option 61).
    pub client_id: Option<String>,
    /// Whether the lease is held now.
    pub is_active: bool,
    /// Whether a reservation covers this client and this address.
    pub is_static: bool,
    /// First pool whose range holds the address.
    pub pool_name: Option<String>,
    /// Maker of the hardware; `private` for a locally administered address.
    pub vendor: Option<String>,
    /// End of the lease, UTC; null when it is infinite or unknown.
    pub expires: Option<String>,
    /// Whether the lease never ends.
    pub infinite: bool,
    /// Binding state.
    pub state: &'static str,
    /// What is granted: `v4`, `na`, `ta` or `pd`.
    pub kind: &'static str,
    /// Prefix length of a delegated prefix.
    pub prefix_len: Option<u8>,
    /// ARP hardware type; 1 is Ethernet.
    pub hwtype: Option<u16>,
    /// `DHCPv6` client DUID.
    pub duid: Option<String>,
    /// `DHCPv6` identity association.
    pub iaid: Option<u32>,
    /// Vendor class (option 60).
    pub vendor_class: Option<String>,
    /// Source that the lease comes from.
    pub source: String,
    /// Whether the simulator made the lease.
    pub is_simulated: bool,
}

/// Returns octets as lower-case pairs with colons.
fn octets(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect::<Vec<_>>().join(":")
}

/// Returns the word for a state.
#[must_use]
pub fn state_word(state: LeaseState) -> &'static str {
    match state {
        LeaseState::Active => "active",
        LeaseState::Expired => "expired",
        LeaseState::Released => "released",
        LeaseState::Declined => "declined",
        LeaseState::Free => "free",
        LeaseState::Backup => "backup",
        LeaseState::Reset => "reset",
        LeaseState::Registered => "registered",
        LeaseState::Unknown => "unknown",
    }
}

impl From<&LeaseView> for LeaseJson {
    fn from(view: &LeaseView) -> Self {
        let lease = &view.lease;
        let expires = match lease.expiry {
            Expiry::At(end) => Some(time(end)),
            Expiry::Never | Expiry::Unknown { .. } => None,
        };
        let mac = lease.mac.as_ref();
        let text = |text: &Option<Box<str>>| text.as_deref().map(str::to_owned);
        Self {
            ip_address: lease.ip.to_string(),
            mac_address: mac.filter(|mac| !mac.octets.is_empty()).map(ToString::to_string),
            hostname: text(&lease.hostname),
            lease_time: expires.clone().unwrap_or_else(|| NEVER.to_owned()),
            client_id: lease.client_id.as_deref().map(octets),
            is_active: matches!(lease.state, LeaseState::Active | LeaseState::Registered),
            is_static: view.is_static,
            pool_name: text(&view.pool_name),
            vendor: text(&view.vendor),
            expires,
            infinite: lease.expiry == Expiry::Never,
            state: state_word(lease.state),
            kind: match lease.kind {
                LeaseKind::V4 => "v4",
                LeaseKind::Na => "na",
                LeaseKind::Ta => "ta",
                LeaseKind::Pd => "pd",
            },
            prefix_len: lease.prefix_len,
            hwtype: mac.map(|mac| mac.hwtype),
            duid: lease.duid.as_deref().map(octets),
            iaid: lease.iaid,
            vendor_class: text(&lease.vendor_class),
            source: view.source.as_ref().to_owned(),
            is_simulated: view.is_simulated,
        }
    }
}

/// A pool.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DhcpPool)]
pub struct PoolJson {
    /// Tag that the range sets, else `default`.
    pub pool_name: String,
    /// First address.
    pub start_ip: String,
    /// Last address; null for a range without addresses.
    pub end_ip: Option<String>,
    /// Netmask; `255.255.255.0` when the configuration names none, null for IPv6.
    pub netmask: Option<String>,
    /// Lease time in seconds; null is infinite.
    pub lease_duration: Option<u32>,
    /// Addresses in the range, at most 2⁵³ − 1.
    pub total_addresses: u64,
    /// `dynamic`, `static`, `proxy`, `ra-only` or `template`.
    pub mode: &'static str,
    /// 4 or 6.
    pub family: u8,
    /// Source that the pool belongs to.
    pub source: String,
    /// What a person should know of the range.
    pub note: Option<String>,
}

/// Largest whole number that every JSON reader keeps exactly.
const EXACT_MAX: u64 = (1 << 53) - 1;

fn exact(number: u128) -> u64 {
    u64::try_from(number).unwrap_or(EXACT_MAX).min(EXACT_MAX)
}

impl From<&Pool> for PoolJson {
    fn from(pool: &Pool) -> Self {
        let is_v4 = pool.start.is_ipv4();
        let netmask = pool.netmask.map(|netmask| netmask.to_string());
        Self {
            pool_name: pool.name.as_ref().to_owned(),
            start_ip: pool.start.to_string(),
            end_ip: pool.end.map(|end| end.to_string()),
            netmask: netmask.or_else(|| is_v4.then(|| "255.255.255.0".to_owned())),
            lease_duration: pool.lease_time_s,
            total_addresses: exact(pool.size()),
            mode: match pool.mode {
                PoolMode::Dynamic => "dynamic",
                PoolMode::Static => "static",
                PoolMode::Proxy => "proxy",
                PoolMode::RaOnly => "ra-only",
                PoolMode::Template => "template",
            },
            family: if is_v4 { 4 } else { 6 },
            source: pool.source.as_ref().to_owned(),
            note: pool.note.as_deref().map(str::to_owned),
        }
    }
}

/// A pool with its usage.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DhcpPoolUsage)]
pub struct PoolUsageJson {
    /// The pool.
    #[serde(flatten)]
    pub pool: PoolJson,
    /// Addresses of the range with an active lease.
    pub used_addresses: u64,
    /// Addresses left; with `used_addresses` they make `total_addresses`.
    pub available_addresses: u64,
    /// Share used, in per cent with two decimals; 0 for a range without addresses.
    pub usage_percentage: f64,
}

impl PoolUsageJson {
    /// Puts a pool and its usage together.
    #[must_use]
    pub fn new(pool: &Pool, usage: &PoolUsage) -> Self {
        let pool = PoolJson::from(pool);
        let used = exact(usage.used).min(pool.total_addresses);
        let total = pool.total_addresses;
        let hundredths = u128::from(used) * 10_000 + u128::from(total) / 2;
        let hundredths = hundredths.checked_div(u128::from(total)).unwrap_or(0);
        let hundredths = f64::from(u32::try_from(hundredths).unwrap_or(10_000));
        Self {
            available_addresses: total - used,
            used_addresses: used,
            usage_percentage: hundredths / 100.0,
            pool,
        }
    }
}

/// Returns every pool of a snapshot with its usage.
#[must_use]
pub fn pool_usage(snapshot: &Snapshot) -> Vec<PoolUsageJson> {
    let pools = snapshot.pools.iter().zip(&snapshot.usage);
    pools.map(|(pool, usage)| PoolUsageJson::new(pool, usage)).collect()
}

/// Health of a source.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SourceJson {
    /// Name of the source.
    pub id: String,
    /// Format of its lease file.
    pub format: &'static str,
    /// The lease file.
    pub path: String,
    /// `starting`, `ok` or `stale`.
    pub health: &'static str,
    /// Whether what is served is older than the file.
    pub stale: bool,
    /// Why the source is stale.
    pub reason: Option<String>,
    /// Last successful read, UTC.
    pub read_at: Option<String>,
    /// Last change of the leases, UTC.
    pub changed_at: Option<String>,
    /// What found the last change: `watch`, `poll` or `notify`.
    pub detected_by: Option<&'static str>,
    /// Reads repeated because the file was being written.
    pub read_retries: u64,
    /// Leases read.
    pub leases: usize,
    /// Lines that could not be understood, the first 20.
    pub problems: Vec<ProblemLineJson>,
    /// Lines that could not be understood in all.
    pub problems_total: usize,
}

/// A line that could not be understood.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct ProblemLineJson {
    /// File, when it is not the lease file.
    pub path: Option<String>,
    /// Line number from 1.
    pub line: usize,
    /// What is wrong.
    pub reason: String,
}

impl From<&SourceStatus> for SourceJson {
    fn from(status: &SourceStatus) -> Self {
        use tidings_dhcp::network::DetectedBy;
        let problems = status.problems.iter().map(|problem| ProblemLineJson {
            path: problem.path.as_ref().map(|path| path.display().to_string()),
            line: problem.line,
            reason: problem.reason.as_ref().to_owned(),
        });
        Self {
            id: status.id.as_ref().to_owned(),
            format: status.format,
            path: status.path.display().to_string(),
            health: match status.health {
                SourceHealth::Starting => "starting",
                SourceHealth::Ok => "ok",
                SourceHealth::Stale => "stale",
            },
            stale: status.health == SourceHealth::Stale,
            reason: status.reason.as_deref().map(str::to_owned),
            read_at: status.read_at.map(time),
            changed_at: status.changed_at.map(time),
            detected_by: status.detected_by.map(|by| match by {
                DetectedBy::Watch => "watch",
                DetectedBy::Poll => "poll",
                DetectedBy::Notify => "notify",
            }),
            read_retries: status.n_read_retries,
            leases: status.n_leases,
            problems: problems.collect(),
            problems_total: status.n_problems,
        }
    }
}

/// Payload of `data_changed`.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = DataChangeNotification)]
pub struct DataChanged {
    /// `data_changed`.
    pub event_type: &'static str,
    /// When, UTC.
    pub timestamp: String,
    /// Version of the leases that REST serves from now on.
    pub version: u64,
    /// What changed them.
    pub source: &'static str,
}

impl DataChanged {
    /// Says that a snapshot was made.
    #[must_use]
    pub fn new(snapshot: &Snapshot, cause: Cause) -> Self {
        Self {
            event_type: "data_changed",
            timestamp: time(snapshot.at),
            version: snapshot.version,
            source: match cause {
                Cause::Start => "start",
                Cause::File | Cause::Health => "file",
                Cause::Notify => "notify",
                Cause::Watch => "watch",
                Cause::Expiry => "expiry",
                Cause::Config => "config",
                Cause::Simulated => "simulated",
            },
        }
    }
}

/// Payload of `lease_added`, `lease_updated`, `lease_renewed`, `lease_removed`, `lease_expired`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeaseChanged {
    /// Name of the event.
    pub event_type: &'static str,
    /// `added`, `updated`, `renewed`, `removed` or `expired`.
    pub change_type: &'static str,
    /// The lease as it is now, or was last seen.
    pub lease: LeaseJson,
    /// The lease before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub previous: Option<LeaseJson>,
    /// Fields that changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<Vec<&'static str>>,
    /// When, UTC.
    pub timestamp: String,
    /// Version of the leases that REST serves from now on.
    pub version: u64,
}

impl LeaseChanged {
    /// Describes a change; `None` for one that nobody is told.
    #[must_use]
    pub fn new(change: &LeaseChange, snapshot: &Snapshot) -> Option<Self> {
        let (event_type, change_type) = match change {
            LeaseChange::Added { .. } => ("lease_added", "added"),
            LeaseChange::Updated { .. } => ("lease_updated", "updated"),
            LeaseChange::Renewed { .. } => ("lease_renewed", "renewed"),
            LeaseChange::Removed { .. } => ("lease_removed", "removed"),
            LeaseChange::Expired { .. } => ("lease_expired", "expired"),
            LeaseChange::Forgotten { .. } => return None,
        };
        let (previous, changed) = match change {
            LeaseChange::Updated { previous, changed, .. } => {
                let names = changed.iter().map(|field| field.as_str()).collect();
                (Some(LeaseJson::from(previous.as_ref())), Some(names))
            }
            LeaseChange::Renewed { previous, .. } => {
                (Some(LeaseJson::from(previous.as_ref())), Some(vec!["lease_time"]))
            }
            LeaseChange::Added { .. }
            | LeaseChange::Removed { .. }
            | LeaseChange::Expired { .. }
            | LeaseChange::Forgotten { .. } => (None, None),
        };
        Some(Self {
            event_type,
            change_type,
            lease: change.lease().as_ref().into(),
            previous,
            changed,
            timestamp: time(snapshot.at),
            version: snapshot.version,
        })
    }
}

/// Payload of `leases_changed`: too many changes at once to tell one by one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LeasesChanged {
    /// How many changes of each type.
    pub counts: ChangeCounts,
    /// When, UTC.
    pub timestamp: String,
    /// Version of the leases that REST serves from now on.
    pub version: u64,
}

/// How many changes of each type.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeCounts {
    /// Leases that were not there.
    pub added: usize,
    /// Leases that a person sees changed.
    pub updated: usize,
    /// Leases whose end moved later.
    pub renewed: usize,
    /// Leases that ended early.
    pub removed: usize,
    /// Leases that reached their end.
    pub expired: usize,
}

impl ChangeCounts {
    /// Counts changes.
    #[must_use]
    pub fn of(changes: &[LeaseChange]) -> Self {
        let mut counts = Self::default();
        for change in changes {
            match change {
                LeaseChange::Added { .. } => counts.added += 1,
                LeaseChange::Updated { .. } => counts.updated += 1,
                LeaseChange::Renewed { .. } => counts.renewed += 1,
                LeaseChange::Removed { .. } => counts.removed += 1,
                LeaseChange::Expired { .. } => counts.expired += 1,
                LeaseChange::Forgotten { .. } => {}
            }
        }
        counts
    }
}

/// Payload of `snapshot` on `dhcp/leases/changes`: what happened before is not known; reload.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct SnapshotTaken {
    /// `snapshot`.
    pub event_type: &'static str,
    /// Leases there are.
    pub leases: usize,
    /// When, UTC.
    pub timestamp: String,
    /// Version of the leases that REST serves from now on.
    pub version: u64,
}
