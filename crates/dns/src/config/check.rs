//! The rules that settings obey together.

use std::time::Duration;

use super::upstream::UpstreamSpec;
use super::{
    CacheConfig, ConfigError, DnsConfig, FAILURE_TTL_MAX, FORWARDS_MAX, HOSTS_FILES_MAX,
    LISTEN_MAX, LimitsConfig, LocalConfig, NAMES_MAX, NETWORKS_MAX, REWRITES_MAX, RewriteConfig,
    THREADS_MAX, TTL_MAX, UPSTREAMS_MAX, UpstreamConfig,
};
use crate::record_type::RecordType;

impl DnsConfig {
    /// Checks what one value alone cannot tell.
    ///
    /// # Errors
    ///
    /// The first [`ConfigError`]; it names the key.
    pub fn check(&self) -> Result<(), ConfigError> {
        check_count("listen", self.listen.len(), LISTEN_MAX)?;
        check_count("listen_tls", self.listen_tls.len(), LISTEN_MAX)?;
        if self.listen.is_empty() && self.listen_tls.is_empty() {
            return Err(ConfigError::Rule { key: "listen", rule: "must name an address" });
        }
        check_number("threads", self.threads, (0, THREADS_MAX))?;
        check_count("allow", self.allow.len(), NETWORKS_MAX)?;
        check_time("blocked_ttl", self.blocked_ttl, (Duration::ZERO, TTL_MAX))?;
        if self.rate.per_second > 0 && self.rate.burst == 0 {
            return Err(ConfigError::Rule { key: "rate.burst", rule: "must be more than 0" });
        }
        self.upstream.check()?;
        check_count("forwards", self.forwards.len(), FORWARDS_MAX)?;
        for forward in &self.forwards {
            check_names("forwards.domains", &forward.domains)?;
            check_upstreams("forwards.upstreams", &forward.upstreams)?;
        }
        self.cache.check()?;
        self.local.check()?;
        check_names("rebind.allow", &self.rebind.allow)?;
        self.limits.check()?;
        self.log.check()
    }
}

impl UpstreamConfig {
    fn check(&self) -> Result<(), ConfigError> {
        check_upstreams("upstream.servers", &self.servers)?;
        if self.servers.is_empty() {
            let rule = "must name at least one upstream";
            return Err(ConfigError::Rule { key: "upstream.servers", rule });
        }
        check_upstreams("upstream.bootstrap", &self.bootstrap)?;
        check_count("upstream.sets", self.sets.len(), UPSTREAMS_MAX)?;
        for set in &self.sets {
            check_upstreams("upstream.sets.servers", &set.servers)?;
        }
        let time = (Duration::from_millis(10), Duration::from_secs(30));
        check_time("upstream.timeout", self.timeout, time)?;
        check_time("upstream.hedge_after", self.hedge_after, time)?;
        check_time("upstream.budget", self.budget, time)?;
        let back_off = (Duration::from_secs(1), Duration::from_hours(1));
        check_time("upstream.back_off_max", self.back_off_max, back_off)
    }
}

impl CacheConfig {
    fn check(&self) -> Result<(), ConfigError> {
        check_time("cache.ttl_max", self.ttl_max, (Duration::from_secs(1), TTL_MAX))?;
        check_time("cache.ttl_min", self.ttl_min, (Duration::ZERO, self.ttl_max))?;
        check_time("cache.negative_ttl_max", self.negative_ttl_max, (Duration::ZERO, TTL_MAX))?;
        check_time("cache.failure_ttl", self.failure_ttl, (Duration::ZERO, FAILURE_TTL_MAX))?;
        check_time("cache.stale_max", self.stale_max, (Duration::ZERO, TTL_MAX))?;
        check_time("cache.stale_ttl", self.stale_ttl, (Duration::from_secs(1), TTL_MAX))?;
        let after = (Duration::ZERO, Duration::from_secs(10));
        check_time("cache.stale_after", self.stale_after, after)?;
        check_names("cache.never", &self.never)?;
        check_names("cache.never_stale", &self.never_stale)
    }
}

impl LocalConfig {
    fn check(&self) -> Result<(), ConfigError> {
        check_names("local.domain", std::slice::from_ref(&self.domain))?;
        check_count("local.hosts_files", self.hosts_files.len(), HOSTS_FILES_MAX)?;
        check_count("local.rewrites", self.rewrites.len(), REWRITES_MAX)?;
        check_time("local.ttl", self.ttl, (Duration::ZERO, TTL_MAX))?;
        for rewrite in &self.rewrites {
            rewrite.check()?;
        }
        Ok(())
    }
}

impl RewriteConfig {
    /// Says what is wrong with its name, type or value; `None` when it can be answered with.
    #[must_use]
    pub fn problem(&self) -> Option<String> {
        if let Err(error) = self.check() {
            return Some(error.to_string());
        }
        crate::local::check_record(self.kind.as_deref(), &self.value).err()
    }

    fn check(&self) -> Result<(), ConfigError> {
        let name = self.name.strip_prefix("*.").unwrap_or(&self.name);
        check_name("local.rewrites.name", name)?;
        let Some(kind) = &self.kind else { return Ok(()) };
        let bad = |problem| ConfigError::Value { key: "local.rewrites.type", problem };
        RecordType::parse(kind).map(|_| ()).map_err(|error| bad(error.to_string()))
    }
}

impl LimitsConfig {
    fn check(&self) -> Result<(), ConfigError> {
        check_number("limits.misses_max", self.misses_max, (1, 1_000_000))?;
        let size = usize::from(self.udp_size_max_bytes);
        check_number("limits.udp_size_max_bytes", size, (512, 4_096))?;
        check_number("limits.connections_max", self.connections_max, (1, 100_000))?;
        let per_address = self.connections_per_address_max;
        check_number("limits.connections_per_address_max", per_address, (1, 100_000))?;
        check_number("limits.pipelined_max", self.pipelined_max, (1, 10_000))?;
        let idle = (Duration::from_millis(100), Duration::from_hours(1));
        check_time("limits.idle_timeout", self.idle_timeout, idle)?;
        check_number("limits.entries_max", self.entries_max, (16, 1_000_000))
    }
}

fn check_count(key: &'static str, count: usize, limit: usize) -> Result<(), ConfigError> {
    if count > limit {
        return Err(ConfigError::TooMany { key, count, limit });
    }
    Ok(())
}

fn check_number(
    key: &'static str,
    value: usize,
    (low, high): (usize, usize),
) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Range { key, low: low.to_string(), high: high.to_string() })
}

fn check_time(
    key: &'static str,
    value: Duration,
    (low, high): (Duration, Duration),
) -> Result<(), ConfigError> {
    if (low..=high).contains(&value) {
        return Ok(());
    }
    Err(ConfigError::Range { key, low: format!("{low:?}"), high: format!("{high:?}") })
}

fn check_upstreams(key: &'static str, texts: &[String]) -> Result<(), ConfigError> {
    check_count(key, texts.len(), UPSTREAMS_MAX)?;
    for text in texts {
        text.parse::<UpstreamSpec>()
            .map_err(|error| ConfigError::Value { key, problem: error.to_string() })?;
    }
    Ok(())
}

fn check_names(key: &'static str, names: &[String]) -> Result<(), ConfigError> {
    check_count(key, names.len(), NAMES_MAX)?;
    names.iter().try_for_each(|name| check_name(key, name))
}

fn check_name(key: &'static str, name: &str) -> Result<(), ConfigError> {
    crate::name::Name::parse(name)
        .map(|_| ())
        .map_err(|error| ConfigError::Value { key, problem: error.to_string() })
}
