//! Settings of the resolver and the rules that they obey.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::network::{self, Network};
use crate::query_log::QueryLogConfig;
use crate::verdict::BlockAnswer;

pub mod block_answer;
mod check;
pub mod upstream;

/// Most addresses to listen on, of one kind.
pub const LISTEN_MAX: usize = 32;
/// Most threads of one address.
pub const THREADS_MAX: usize = 64;
/// Most upstreams of one list.
pub const UPSTREAMS_MAX: usize = 32;
/// Most tables of conditional forwarding.
pub const FORWARDS_MAX: usize = 1_024;
/// Most names of one list in the settings.
pub const NAMES_MAX: usize = 4_096;
/// Most networks of the access list.
pub const NETWORKS_MAX: usize = 1_024;
/// Most rewrites.
pub const REWRITES_MAX: usize = 16_384;
/// Most hosts files.
pub const HOSTS_FILES_MAX: usize = 32;
/// Longest time that a failure is remembered (RFC 2308 §7.1 allows five minutes; nobody wants to
/// wait so long after a repair).
pub const FAILURE_TTL_MAX: Duration = Duration::from_secs(5);
/// Longest time that any record is kept (RFC 2181 §8 allows 68 years).
const TTL_MAX: Duration = Duration::from_hours(24 * 7);

/// The resolver: where it listens, whom it answers and what it asks.
///
/// A missing key takes its value from [`DnsConfig::default`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct DnsConfig {
    /// Whether the resolver runs from the start.
    pub enabled: bool,
    /// Addresses of UDP and TCP, at most [`LISTEN_MAX`]; port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Addresses of DNS over TLS, with the certificate of the server, at most [`LISTEN_MAX`].
    pub listen_tls: Vec<SocketAddr>,
    /// Threads of each UDP address; 0 is one per core.
    pub threads: usize,
    /// Networks that are answered; everybody else gets nothing by UDP and REFUSED otherwise.
    pub allow: Vec<Network>,
    /// Time that a client may keep the answer of a rule.
    #[serde(with = "humantime_serde")]
    pub blocked_ttl: Duration,
    /// How a blocked name is answered where its rule does not say it.
    #[serde(with = "block_answer")]
    pub blocked_answer: BlockAnswer,
    /// Most questions per client.
    pub rate: RateConfig,
    /// Whom the resolver asks.
    pub upstream: UpstreamConfig,
    /// Domains that are asked elsewhere, at most [`FORWARDS_MAX`]; the longest match counts.
    pub forwards: Vec<ForwardConfig>,
    /// What is kept of answers.
    pub cache: CacheConfig,
    /// Names of this network.
    pub local: LocalConfig,
    /// Protection against names of the internet that lead into this network.
    pub rebind: RebindConfig,
    /// Bounds of queues and connections.
    pub limits: LimitsConfig,
    /// What is kept of questions.
    pub log: QueryLogConfig,
}

/// Most questions per client.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RateConfig {
    /// Questions per second of one network (IPv4 /24, IPv6 /56); 0 is no limit.
    pub per_second: u32,
    /// Questions that may come at once.
    pub burst: u32,
    /// Whether clients of private networks are limited, too.
    pub is_private_limited: bool,
}

/// In which order upstreams are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// As they are listed; the next one when one fails or takes too long.
    #[default]
    Order,
    /// All at once; the first good answer counts.
    Parallel,
    /// The fastest of late first, the others now and then.
    Fastest,
}

/// Whom the resolver asks.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpstreamConfig {
    /// Upstreams, at most [`UPSTREAMS_MAX`]; [`upstream::UpstreamSpec`] says how they are written.
    pub servers: Vec<String>,
    /// In which order they are asked.
    pub strategy: Strategy,
    /// Other upstreams, for groups of clients that name them, at most [`UPSTREAMS_MAX`].
    pub sets: Vec<UpstreamSetConfig>,
    /// Plain resolvers that find the addresses of upstreams given by name alone.
    pub bootstrap: Vec<String>,
    /// Longest time for one try.
    #[serde(with = "humantime_serde")]
    pub timeout: Duration,
    /// Time after which the next upstream is asked as well.
    #[serde(with = "humantime_serde")]
    pub hedge_after: Duration,
    /// Longest time for all tries of one question.
    #[serde(with = "humantime_serde")]
    pub budget: Duration,
    /// Longest time that an upstream that keeps failing is left alone.
    #[serde(with = "humantime_serde")]
    pub back_off_max: Duration,
}

/// Upstreams for groups of clients.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UpstreamSetConfig {
    /// What groups call it.
    pub name: String,
    /// Whom to ask.
    pub servers: Vec<String>,
}

/// Domains that are asked elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ForwardConfig {
    /// The domains, with everything below them.
    pub domains: Vec<String>,
    /// Whom to ask; empty answers NXDOMAIN.
    pub upstreams: Vec<String>,
}

/// What is kept of answers.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct CacheConfig {
    /// Bytes of the cache, keys and overhead included; 0 keeps nothing.
    pub size_max_bytes: usize,
    /// Shortest time that an answer is kept.
    #[serde(with = "humantime_serde")]
    pub ttl_min: Duration,
    /// Longest time that an answer is kept.
    #[serde(with = "humantime_serde")]
    pub ttl_max: Duration,
    /// Longest time that the absence of a name or type is kept (RFC 2308 §5).
    #[serde(with = "humantime_serde")]
    pub negative_ttl_max: Duration,
    /// Time that a failure is remembered, at most [`FAILURE_TTL_MAX`].
    #[serde(with = "humantime_serde")]
    pub failure_ttl: Duration,
    /// Age past its time up to which an answer may stand in for a failing upstream (RFC 8767);
    /// `0s` is never.
    #[serde(with = "humantime_serde")]
    pub stale_max: Duration,
    /// Time that a client may keep such an answer.
    #[serde(with = "humantime_serde")]
    pub stale_ttl: Duration,
    /// Time that a client waits for upstreams before it gets such an answer.
    #[serde(with = "humantime_serde")]
    pub stale_after: Duration,
    /// Hits from which on an answer is asked for again shortly before its end; 0 is never.
    pub prefetch_hits: u32,
    /// Domains whose answers are not kept.
    pub never: Vec<String>,
    /// Domains whose answers do not stand in past their time.
    pub never_stale: Vec<String>,
}

/// Names of this network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LocalConfig {
    /// Whether leases of the DHCP side have names.
    pub leases: bool,
    /// Domain that names of leases are below; they also answer without it.
    pub domain: String,
    /// Files of hosts(5), at most [`HOSTS_FILES_MAX`].
    pub hosts_files: Vec<PathBuf>,
    /// Records of ours, at most [`REWRITES_MAX`].
    pub rewrites: Vec<RewriteConfig>,
    /// Time that a client may keep a local answer.
    #[serde(with = "humantime_serde")]
    pub ttl: Duration,
    /// Whether names that the internet does not have are asked for upstream all the same
    /// (`test`, `home.arpa`, addresses of private networks; RFC 6761, RFC 6303).
    pub forward_special: bool,
}

/// A record of ours.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RewriteConfig {
    /// The name; `*.` before it stands for everything below.
    pub name: String,
    /// Type of the record; A, AAAA or CNAME follow from the value.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Its data, in presentation format.
    pub value: String,
}

/// Protection against names of the internet that lead into this network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct RebindConfig {
    /// Whether private addresses are taken out of what upstreams answer.
    pub protect: bool,
    /// Domains that may have private addresses.
    pub allow: Vec<String>,
}

/// Bounds of queues and connections.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Most questions that wait for upstreams; one more is answered SERVFAIL.
    pub misses_max: usize,
    /// Largest answer by UDP, whatever the client can take.
    pub udp_size_max_bytes: u16,
    /// Most connections of TCP and TLS together.
    pub connections_max: usize,
    /// Most connections of one address.
    pub connections_per_address_max: usize,
    /// Most questions of one connection that are answered at the same time.
    pub pipelined_max: usize,
    /// Longest time that a connection may be idle.
    #[serde(with = "humantime_serde")]
    pub idle_timeout: Duration,
    /// Entries of the query log that may wait in each thread; one more is dropped and counted.
    pub entries_max: usize,
}

impl Default for DnsConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 5335))],
            listen_tls: Vec::new(),
            threads: 0,
            allow: network::PRIVATE.to_vec(),
            blocked_ttl: Duration::from_secs(10),
            blocked_answer: BlockAnswer::default(),
            rate: RateConfig::default(),
            upstream: UpstreamConfig::default(),
            forwards: Vec::new(),
            cache: CacheConfig::default(),
            local: LocalConfig::default(),
            rebind: RebindConfig::default(),
            limits: LimitsConfig::default(),
            log: QueryLogConfig::default(),
        }
    }
}

impl Default for RateConfig {
    fn default() -> Self {
        Self { per_second: 300, burst: 1_000, is_private_limited: false }
    }
}

impl Default for UpstreamConfig {
    fn default() -> Self {
        Self {
            servers: vec!["system".to_owned()],
            strategy: Strategy::default(),
            sets: Vec::new(),
            bootstrap: vec!["9.9.9.9".to_owned(), "1.1.1.1".to_owned()],
            timeout: Duration::from_millis(1_500),
            hedge_after: Duration::from_millis(400),
            budget: Duration::from_secs(2),
            back_off_max: Duration::from_secs(30),
        }
    }
}

impl Default for CacheConfig {
    fn default() -> Self {
        Self {
            size_max_bytes: 16 * 1024 * 1024,
            ttl_min: Duration::ZERO,
            ttl_max: Duration::from_hours(24),
            negative_ttl_max: Duration::from_hours(1),
            failure_ttl: FAILURE_TTL_MAX,
            stale_max: Duration::from_hours(24),
            stale_ttl: Duration::from_secs(30),
            stale_after: Duration::from_millis(1_800),
            prefetch_hits: 3,
            never: Vec::new(),
            never_stale: Vec::new(),
        }
    }
}

impl Default for LocalConfig {
    fn default() -> Self {
        Self {
            leases: true,
            domain: "home.arpa".to_owned(),
            hosts_files: Vec::new(),
            rewrites: Vec::new(),
            ttl: Duration::from_mins(1),
            forward_special: false,
        }
    }
}

impl Default for RebindConfig {
    fn default() -> Self {
        Self { protect: true, allow: Vec::new() }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            misses_max: 1_024,
            udp_size_max_bytes: 1_232,
            connections_max: 256,
            connections_per_address_max: 64,
            pipelined_max: 64,
            idle_timeout: Duration::from_secs(10),
            entries_max: 8_192,
        }
    }
}

/// Which rule a [`DnsConfig`] breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A list is too long.
    #[error("`dns.{key}` has {count} entries, more than {limit}")]
    TooMany {
        /// The key.
        key: &'static str,
        /// Entries given.
        count: usize,
        /// Entries allowed.
        limit: usize,
    },
    /// A value lies outside its range.
    #[error("`dns.{key}` is outside {low} to {high}")]
    Range {
        /// The key.
        key: &'static str,
        /// Smallest value.
        low: String,
        /// Largest value.
        high: String,
    },
    /// A text is not what the key takes.
    #[error("`dns.{key}`: {problem}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong, and what would do.
        problem: String,
    },
    /// Two values do not go together.
    #[error("`dns.{key}` {rule}")]
    Rule {
        /// The key.
        key: &'static str,
        /// What must hold.
        rule: &'static str,
    },
}

#[cfg(test)]
mod tests;
