//! Settings of the query log.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::ConfigError;
use crate::network::Network;
use crate::query_log::store::LogDriver;

/// Most names, and most clients, that are left out of the log.
pub const IGNORED_MAX: usize = 1_000;
/// Most entries in memory.
const RECENT_ENTRIES_MAX: usize = 100_000;

/// How much of a question is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// Everything.
    #[default]
    Full,
    /// The client's network alone: IPv4 /24, IPv6 /48, no port.
    AnonymousClient,
    /// As above, and neither the name nor what would tell it.
    NoNames,
}

/// What is kept of questions, where and how long.
///
/// A missing key takes its value from [`QueryLogConfig::default`].
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryLogConfig {
    /// `sqlite`, `file`, `inmemory` or `console`.
    pub driver: LogDriver,
    /// `full`, `anonymous_client` or `no_names`.
    pub privacy: Privacy,
    /// Names, with those below them, that are counted and not logged, at most [`IGNORED_MAX`].
    pub ignore_names: Vec<String>,
    /// Networks of clients that are counted and not logged, at most [`IGNORED_MAX`].
    pub ignore_clients: Vec<String>,
    /// Newest entries in memory.
    pub recent_entries_max: usize,
    /// Oldest age of an entry on disk.
    #[serde(with = "humantime_serde")]
    pub age_max: Duration,
    /// Most bytes of entries on disk.
    pub size_max_bytes: u64,
}

impl Default for QueryLogConfig {
    fn default() -> Self {
        Self {
            driver: LogDriver::default(),
            privacy: Privacy::default(),
            ignore_names: Vec::new(),
            ignore_clients: Vec::new(),
            recent_entries_max: 10_000,
            age_max: Duration::from_hours(7 * 24),
            size_max_bytes: 512 << 20,
        }
    }
}

impl QueryLogConfig {
    /// Checks the rules that a single value cannot tell.
    ///
    /// # Errors
    ///
    /// Names the key that breaks one and what would do.
    pub fn check(&self) -> Result<(), ConfigError> {
        let refuse = |key, problem: String| Err(ConfigError::Value { key, problem });
        if !(1..=RECENT_ENTRIES_MAX).contains(&self.recent_entries_max) {
            return refuse("log.recent_entries_max", format!("must be 1 to {RECENT_ENTRIES_MAX}"));
        }
        if self.age_max < Duration::from_mins(1) {
            return refuse("log.age_max", "must be at least 1m".to_owned());
        }
        if self.size_max_bytes < 1 << 20 {
            return refuse("log.size_max_bytes", "must be at least 1048576".to_owned());
        }
        for (key, ignored) in
            [("log.ignore_names", &self.ignore_names), ("log.ignore_clients", &self.ignore_clients)]
        {
            if ignored.len() > IGNORED_MAX {
                return refuse(key, format!("has at most {IGNORED_MAX} entries"));
            }
        }
        if let Some(bad) = self.ignore_clients.iter().find(|text| text.parse::<Network>().is_err())
        {
            return refuse("log.ignore_clients", format!("`{bad}` is no address and no network"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn check_names_the_key() {
        let usual = QueryLogConfig::default;
        #[rustfmt::skip]
        let cases = [
            ("recent_entries_max", QueryLogConfig { recent_entries_max: 0, ..usual() }),
            ("age_max",            QueryLogConfig { age_max: Duration::ZERO, ..usual() }),
            ("size_max_bytes",     QueryLogConfig { size_max_bytes: 1, ..usual() }),
            ("ignore_clients",     QueryLogConfig { ignore_clients: vec!["me".into()], ..usual() }),
            ("ignore_names",       QueryLogConfig { ignore_names: vec![String::new(); 1_001], ..usual() }),
        ];
        for (key, config) in cases {
            let error = config.check().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`dns.log.{key}`")), "{error}");
        }
        assert_eq!(usual().check(), Ok(()));
    }
}
