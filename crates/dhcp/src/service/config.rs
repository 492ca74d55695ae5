//! Settings of the DHCP side and the rules that they obey.

use std::collections::HashSet;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use crate::pool::{Pool, PoolMode};

/// Most sources of one service.
pub const SOURCES_MAX: usize = 32;
/// Most pools given by hand for one source.
pub const POOLS_MAX: usize = 256;

/// Largest and smallest accepted size limit of a lease file.
const SIZE_LIMIT_BYTES: (u64, u64) = (1024, 1024 * 1024 * 1024);
/// Shortest and longest accepted time between two looks at the files.
const POLL_INTERVAL: (Duration, Duration) = (Duration::from_millis(100), Duration::from_hours(1));
/// Shortest and longest accepted quiet time.
const SETTLE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));
/// Shortest accepted time between two simulated changes.
const SIMULATE_INTERVAL_MIN: Duration = Duration::from_millis(10);

/// Sources of DHCP leases and how they are watched.
///
/// A missing key takes its value from [`DhcpConfig::default`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DhcpConfig {
    /// The DHCP servers to watch, at most [`SOURCES_MAX`]; none means no leases.
    pub sources: Vec<SourceConfig>,
    /// Directory that every path of a DHCP server is below, also those that its configuration
    /// names; `/` when the server runs beside this program.
    pub root_path: PathBuf,
    /// Largest lease file that is read; a larger one makes its source stale.
    pub lease_file_size_max_bytes: u64,
    /// Time between two looks at the files, which find what the file system does not tell
    /// (network file systems, lost notices).
    #[serde(with = "humantime_serde")]
    pub poll_interval: Duration,
    /// Time for which a lease file must be quiet before it is read.
    #[serde(with = "humantime_serde")]
    pub settle: Duration,
    /// Made-up changes, for trying things out.
    pub simulate: SimulateConfig,
    /// Registry of hardware makers (IEEE, CSV) that is newer than the one in the program.
    pub oui_file: Option<PathBuf>,
}

/// One DHCP server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SourceConfig {
    /// Name of the source; made of the format and, with several sources, the file when missing.
    pub id: Option<String>,
    /// Format of the lease file.
    pub format: SourceFormat,
    /// The lease file; taken from the configuration when missing.
    pub leases: Option<PathBuf>,
    /// The server's main configuration file; without it there are no pools and no reservations.
    pub dnsmasq_conf: Option<PathBuf>,
    /// Pools beside those of the server's configuration, `[NAME=]FIRST-LAST`, at most
    /// [`POOLS_MAX`]; for lease files whose configuration cannot be read.
    pub pools: Vec<String>,
}

/// Format of a lease file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceFormat {
    /// dnsmasq.
    #[default]
    Dnsmasq,
}

impl SourceFormat {
    /// Returns the word that names the format.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dnsmasq => "dnsmasq",
        }
    }
}

/// The simulator of changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulateConfig {
    /// Whether changes are made up: one for each notify, each call and each `interval`.
    pub enabled: bool,
    /// Start of the random numbers; the same seed makes the same changes.
    pub seed: u64,
    /// Time between two changes without any call; missing means only when called.
    #[serde(with = "humantime_serde")]
    pub interval: Option<Duration>,
}

impl Default for DhcpConfig {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            root_path: PathBuf::from("/"),
            lease_file_size_max_bytes: 64 * 1024 * 1024,
            poll_interval: Duration::from_secs(2),
            settle: Duration::from_millis(100),
            simulate: SimulateConfig::default(),
            oui_file: None,
        }
    }
}

/// Which rule a [`DhcpConfig`] breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// A list is too long.
    #[error("`dhcp.{key}` has {count} entries, more than {limit}")]
    TooMany {
        /// The key.
        key: &'static str,
        /// Entries given.
        count: usize,
        /// Entries allowed.
        limit: usize,
    },
    /// A value lies outside its range.
    #[error("`dhcp.{key}` is outside {low} to {high}")]
    Range {
        /// The key.
        key: &'static str,
        /// Smallest value.
        low: String,
        /// Largest value.
        high: String,
    },
    /// A source names neither file.
    #[error("`dhcp.sources[{index}]` needs `leases` or `dnsmasq_conf`")]
    NoFile {
        /// Index of the source from 0.
        index: usize,
    },
    /// Two sources have one name.
    #[error("`dhcp.sources[{index}]`: the id `{id}` is taken by a source before it")]
    DuplicateId {
        /// Index of the second source from 0.
        index: usize,
        /// The name.
        id: String,
    },
    /// A source's name is empty.
    #[error("`dhcp.sources[{index}].id` is empty")]
    EmptyId {
        /// Index of the source from 0.
        index: usize,
    },
    /// A source has too many pools.
    #[error("`dhcp.sources[{index}].pools` has {count} entries, more than {POOLS_MAX}")]
    TooManyPools {
        /// Index of the source from 0.
        index: usize,
        /// Pools given.
        count: usize,
    },
    /// A pool is no range.
    #[error(
        "`dhcp.sources[{index}].pools`: `{pool}` is not `[NAME=]FIRST-LAST` with two addresses of \
         one kind, the first not above the last"
    )]
    Pool {
        /// Index of the source from 0.
        index: usize,
        /// What stands there.
        pool: String,
    },
}

impl DhcpConfig {
    /// Checks the rules that one value alone cannot break.
    ///
    /// # Errors
    ///
    /// The first [`ConfigError`]; it names the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_count("sources", self.sources.len(), SOURCES_MAX)?;
        let size_bytes = self.lease_file_size_max_bytes;
        if !(SIZE_LIMIT_BYTES.0..=SIZE_LIMIT_BYTES.1).contains(&size_bytes) {
            return Err(ConfigError::Range {
                key: "lease_file_size_max_bytes",
                low: SIZE_LIMIT_BYTES.0.to_string(),
                high: SIZE_LIMIT_BYTES.1.to_string(),
            });
        }
        check_time("poll_interval", self.poll_interval, POLL_INTERVAL)?;
        check_time("settle", self.settle, SETTLE)?;
        if let Some(interval) = self.simulate.interval {
            check_time("simulate.interval", interval, (SIMULATE_INTERVAL_MIN, Duration::MAX))?;
        }
        let mut ids = HashSet::new();
        for (index, source) in self.sources.iter().enumerate() {
            if source.leases.is_none() && source.dnsmasq_conf.is_none() {
                return Err(ConfigError::NoFile { index });
            }
            if source.id.as_ref().is_some_and(String::is_empty) {
                return Err(ConfigError::EmptyId { index });
            }
            let id = self.source_id(source);
            if !ids.insert(id.clone()) {
                return Err(ConfigError::DuplicateId { index, id });
            }
            let count = source.pools.len();
            if count > POOLS_MAX {
                return Err(ConfigError::TooManyPools { index, count });
            }
            if let Some(pool) = source.pools.iter().find(|pool| parse_pool(pool, "").is_none()) {
                return Err(ConfigError::Pool { index, pool: pool.clone() });
            }
        }
        Ok(())
    }

    /// Returns the name of a source; see [`crate::network::SourceStatus::id`].
    #[must_use]
    pub fn source_id(&self, source: &SourceConfig) -> String {
        if let Some(id) = &source.id {
            return id.clone();
        }
        let format = source.format.name();
        match source.leases.as_ref().or(source.dnsmasq_conf.as_ref()) {
            Some(file) if self.sources.len() > 1 => format!("{format}:{}", file.display()),
            _ => format.to_owned(),
        }
    }
}

fn check_count(key: &'static str, count: usize, limit: usize) -> Result<(), ConfigError> {
    if count > limit {
        return Err(ConfigError::TooMany { key, count, limit });
    }
    Ok(())
}

fn check_time(
    key: &'static str,
    value: Duration,
    (low, high): (Duration, Duration),
) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    let high = if high == Duration::MAX { "any".to_owned() } else { format!("{high:?}") };
    Err(ConfigError::Range { key, low: format!("{low:?}"), high })
}

/// Reads a pool given by hand; `None` when it is no range.
pub(super) fn parse_pool(text: &str, source: &str) -> Option<Pool> {
    let (name, range) = text.split_once('=').unwrap_or(("default", text));
    let (start, end) = range.split_once('-')?;
    let start: IpAddr = start.trim().parse().ok()?;
    let end: IpAddr = end.trim().parse().ok()?;
    let name = name.trim();
    if name.is_empty() || start.is_ipv4() != end.is_ipv4() || start > end {
        return None;
    }
    Some(Pool {
        name: name.into(),
        source: source.into(),
        mode: PoolMode::Dynamic,
        start,
        end: Some(end),
        netmask: None,
        prefix_len: None,
        lease_time_s: None,
        match_tags: Vec::new(),
        set_tag: None,
        interface: None,
        note: Some("given by hand".into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(id: Option<&str>, leases: Option<&str>, conf: Option<&str>) -> SourceConfig {
        SourceConfig {
            id: id.map(str::to_owned),
            format: SourceFormat::Dnsmasq,
            leases: leases.map(PathBuf::from),
            dnsmasq_conf: conf.map(PathBuf::from),
            pools: Vec::new(),
        }
    }

    #[test]
    fn check_names_the_key() {
        let base = DhcpConfig::default;
        let sources = |sources| DhcpConfig { sources, ..base() };
        let pools = |pool: &str| {
            let pools = vec![pool.to_owned()];
            sources(vec![SourceConfig { pools, ..source(None, Some("/a"), None) }])
        };
        let settle = |ms| DhcpConfig { settle: Duration::from_millis(ms), ..base() };
        #[rustfmt::skip]
        let cases = [
            ("default",        base(), None),
            ("lease file",     sources(vec![source(None, Some("/a"), None)]), None),
            ("two files",      sources(vec![source(None, Some("/a"), None), source(None, Some("/b"), None)]), None),
            ("neither file",   sources(vec![source(None, None, None)]), Some("`dhcp.sources[0]` needs")),
            ("one file twice", sources(vec![source(None, Some("/a"), None), source(None, Some("/a"), None)]), Some("`dhcp.sources[1]`: the id `dnsmasq:/a` is taken")),
            ("one id twice",   sources(vec![source(Some("x"), Some("/a"), None), source(Some("x"), Some("/b"), None)]), Some("`dhcp.sources[1]`: the id `x` is taken")),
            ("empty id",       sources(vec![source(Some(""), Some("/a"), None)]), Some("`dhcp.sources[0].id` is empty")),
            ("many sources",   sources(vec![source(None, Some("/a"), None); 33]), Some("`dhcp.sources` has 33 entries, more than 32")),
            ("no settle",      settle(0), Some("`dhcp.settle` is outside 10ms to 1s")),
            ("long settle",    settle(1001), Some("`dhcp.settle` is outside 10ms to 1s")),
            ("no size",        DhcpConfig { lease_file_size_max_bytes: 0, ..base() }, Some("`dhcp.lease_file_size_max_bytes` is outside 1024 to")),
            ("fast poll",      DhcpConfig { poll_interval: Duration::ZERO, ..base() }, Some("`dhcp.poll_interval` is outside 100ms to")),
            ("pool",           pools("10.0.0.10-10.0.0.250"), None),
            ("named IPv6",     pools("guest=2001:db8::1 - 2001:db8::ff"), None),
            ("one address",    pools("10.0.0.10"), Some("`dhcp.sources[0].pools`: `10.0.0.10` is not")),
            ("mixed kinds",    pools("10.0.0.10-2001:db8::1"), Some("`dhcp.sources[0].pools`")),
            ("reversed",       pools("10.0.0.9-10.0.0.1"), Some("`dhcp.sources[0].pools`")),
            ("empty name",     pools("=10.0.0.1-10.0.0.9"), Some("`dhcp.sources[0].pools`")),
        ];
        for (name, config, expected) in cases {
            let error = config.check().err().map(|error| error.to_string());
            match (&error, expected) {
                (None, None) => {}
                (Some(error), Some(expected)) => {
                    assert!(error.starts_with(expected), "case: {name}: {error}");
                }
                (error, expected) => panic!("case: {name}: {error:?}, expected {expected:?}"),
            }
        }
    }

    #[test]
    fn a_single_source_is_named_by_its_format_alone() {
        let one = DhcpConfig { sources: vec![source(None, Some("/a"), None)], ..<_>::default() };
        assert_eq!(one.source_id(&one.sources[0]), "dnsmasq");
        let two = vec![source(None, Some("/a"), Some("/c")), source(None, None, Some("/b"))];
        let two = DhcpConfig { sources: two, ..<_>::default() };
        assert_eq!(two.source_id(&two.sources[0]), "dnsmasq:/a");
        assert_eq!(two.source_id(&two.sources[1]), "dnsmasq:/b");
    }
}
