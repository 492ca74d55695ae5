//! Limits, timings and channel classes of the hub.

use std::time::Duration;

use serde::Deserialize;
use tidings_log::Retention;
use tidings_log::disk::Durability;
use tidings_log::log::{LogConfig, OnFull};

use crate::channel::{ChannelName, ChannelPattern};

/// How the publications of a channel are kept and delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelClass {
    /// Has an id and is resumed.
    Logged,
    /// Only the newest matters; sent on every subscription and whenever it changes.
    State,
    /// No id, never resumed; a slow client loses the oldest and is told how many.
    Ephemeral,
}

/// Class and retention of the channels that a pattern covers; a missing key is the hub's default.
///
/// Where several rules match a channel, the most specific pattern decides; of two equal ones the
/// later.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChannelRule {
    /// Channel name or pattern, `orders/**`.
    pub pattern: String,
    /// Class of the channels; `logged` when missing.
    pub class: Option<ChannelClass>,
    /// Most publications kept per channel for resume.
    pub history_events_max: Option<u32>,
    /// Longest time a publication is kept for resume.
    #[serde(default, with = "humantime_serde")]
    pub history_age_max: Option<Duration>,
    /// Most bytes of records kept per channel for resume.
    pub history_bytes_max: Option<u64>,
}

/// Limits and timings of the event hub.
///
/// A missing key takes its value from [`HubConfig::default`].
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HubConfig {
    /// Most streams open at once; one more is answered 503.
    pub connections_max: u32,
    /// Most streams open at once from one address; a reverse proxy counts as one.
    pub connections_per_address_max: u32,
    /// Longest life of a stream, after which the client is asked to reconnect; `0s` is no limit.
    #[serde(with = "humantime_serde")]
    pub connection_lifetime_max: Duration,
    /// Most channels and patterns of one subscription.
    pub patterns_per_subscription_max: u32,
    /// Most channels known at once; idle ones without history are forgotten first.
    pub channels_max: u32,
    /// Largest payload of one event in bytes.
    pub event_size_max_bytes: u32,
    /// Most events of one publish request.
    pub events_per_publish_max: u32,
    /// Publications kept per channel for resume.
    pub history_events_max: u32,
    /// Longest time a publication is kept for resume.
    #[serde(with = "humantime_serde")]
    pub history_age_max: Duration,
    /// Bytes of records kept per channel for resume.
    pub history_bytes_max: u64,
    /// Bytes of the whole log on disk; over it the oldest segment goes.
    pub log_size_max_bytes: u64,
    /// Bytes after which a new segment of the log is begun.
    pub segment_size_max_bytes: u64,
    /// When a publication counts as kept: on stable storage, or with the operating system.
    #[serde(deserialize_with = "durability")]
    pub durability: Durability,
    /// What is done when the disk is full: refuse publications, or trim the oldest segment.
    #[serde(deserialize_with = "on_disk_full")]
    pub on_disk_full: OnFull,
    /// Bytes of the newest publications that are held in memory; what is older is read from disk.
    pub window_size_max_bytes: u64,
    /// Bytes of ephemeral publications held for clients that have not read them yet.
    pub ephemeral_size_max_bytes: u64,
    /// Bytes that may wait for clients whose sockets take no more; over it they are cut.
    pub delivery_size_max_bytes: u64,
    /// Longest time that a client may take nothing of what waits for it; then its stream is cut
    /// and it resumes when it comes back. `0s` is no limit.
    #[serde(with = "humantime_serde")]
    pub stall_timeout: Duration,
    /// Publications that a live stream may be behind before it is taken to the newest one with a
    /// `reset`; zero is no limit but retention.
    pub lag_events_max: u64,
    /// Time between SSE comments on an idle stream; must stay below proxy read timeouts.
    #[serde(with = "humantime_serde")]
    pub keep_alive: Duration,
    /// Shortest time that a client is asked to wait before it reconnects.
    #[serde(with = "humantime_serde")]
    pub retry_min: Duration,
    /// Longest time that a client is asked to wait; each gets a random one between the two.
    #[serde(with = "humantime_serde")]
    pub retry_max: Duration,
    /// How long a repeated publish with the same key is answered with the first outcome.
    #[serde(with = "humantime_serde")]
    pub idempotency_window: Duration,
    /// Most keys remembered; over it the oldest are forgotten.
    pub idempotency_keys_max: u32,
    /// Classes and retention by pattern.
    pub channels: Vec<ChannelRule>,
}

impl Default for HubConfig {
    fn default() -> Self {
        Self {
            connections_max: 10_000,
            connections_per_address_max: 2_000,
            connection_lifetime_max: Duration::ZERO,
            patterns_per_subscription_max: 100,
            channels_max: 20_000,
            event_size_max_bytes: 1_048_576,
            events_per_publish_max: 1_000,
            history_events_max: 100_000,
            history_age_max: Duration::from_hours(7 * 24),
            history_bytes_max: 256 * 1_048_576,
            log_size_max_bytes: 1_073_741_824,
            segment_size_max_bytes: 64 * 1_048_576,
            durability: Durability::Fsync,
            on_disk_full: OnFull::Refuse,
            window_size_max_bytes: 64 * 1_048_576,
            ephemeral_size_max_bytes: 8 * 1_048_576,
            delivery_size_max_bytes: 64 * 1_048_576,
            stall_timeout: Duration::from_secs(30),
            lag_events_max: 0,
            keep_alive: Duration::from_secs(15),
            retry_min: Duration::from_millis(250),
            retry_max: Duration::from_millis(750),
            idempotency_window: Duration::from_mins(10),
            idempotency_keys_max: 100_000,
            channels: Vec::new(),
        }
    }
}

/// Least `hub.segment_size_max_bytes`.
const SEGMENT_SIZE_MIN_BYTES: u64 = 4_096;
/// Greatest `hub.segment_size_max_bytes`.
const SEGMENT_SIZE_MAX_BYTES: u64 = 1_073_741_824;
/// Greatest `hub.event_size_max_bytes`: a write of the log holds it.
const EVENT_SIZE_MAX_BYTES: u64 = 33_554_432;

/// Reads `fsync` or `os`.
fn durability<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Durability, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Word {
        Fsync,
        Os,
    }
    Ok(match Word::deserialize(deserializer)? {
        Word::Fsync => Durability::Fsync,
        Word::Os => Durability::Os,
    })
}

/// Reads `refuse` or `trim_oldest`.
fn on_disk_full<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<OnFull, D::Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum Word {
        Refuse,
        TrimOldest,
    }
    Ok(match Word::deserialize(deserializer)? {
        Word::Refuse => OnFull::Refuse,
        Word::TrimOldest => OnFull::TrimOldest,
    })
}

/// A setting of the hub that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("hub.{key}: {reason}")]
pub struct HubConfigError {
    /// Name of the key below `hub`.
    pub key: &'static str,
    /// What is wrong and what would do.
    pub reason: String,
}

impl HubConfig {
    /// Returns the limits of the log.
    #[must_use]
    pub fn log(&self) -> LogConfig {
        LogConfig {
            segment_size_max_bytes: self.segment_size_max_bytes,
            size_max_bytes: self.log_size_max_bytes,
            durability: self.durability,
            on_full: self.on_disk_full,
            notes_age_max: self.idempotency_window,
        }
    }

    /// Checks the rules that a single value cannot tell.
    ///
    /// # Errors
    ///
    /// Names the first key that breaks one.
    pub fn check(&self) -> Result<(), HubConfigError> {
        let refuse = |key, reason: String| Err(HubConfigError { key, reason });
        let positive = [
            ("connections_max", u64::from(self.connections_max)),
            ("connections_per_address_max", u64::from(self.connections_per_address_max)),
            ("patterns_per_subscription_max", u64::from(self.patterns_per_subscription_max)),
            ("channels_max", u64::from(self.channels_max)),
            ("event_size_max_bytes", u64::from(self.event_size_max_bytes)),
            ("events_per_publish_max", u64::from(self.events_per_publish_max)),
        ];
        for (key, value) in positive {
            if value == 0 {
                return refuse(key, "must be at least 1".to_owned());
            }
        }
        if !(SEGMENT_SIZE_MIN_BYTES..=SEGMENT_SIZE_MAX_BYTES).contains(&self.segment_size_max_bytes)
        {
            let reason =
                format!("must be within {SEGMENT_SIZE_MIN_BYTES} and {SEGMENT_SIZE_MAX_BYTES}");
            return refuse("segment_size_max_bytes", reason);
        }
        if self.log_size_max_bytes < 2 * self.segment_size_max_bytes {
            let reason = "must be at least twice hub.segment_size_max_bytes";
            return refuse("log_size_max_bytes", reason.to_owned());
        }
        if u64::from(self.event_size_max_bytes) > EVENT_SIZE_MAX_BYTES {
            let reason = format!("must be at most {EVENT_SIZE_MAX_BYTES}");
            return refuse("event_size_max_bytes", reason);
        }
        if self.keep_alive < Duration::from_secs(1) {
            return refuse("keep_alive", "must be at least 1s".to_owned());
        }
        if self.retry_max < self.retry_min {
            return refuse("retry_max", "must not be less than hub.retry_min".to_owned());
        }
        for rule in &self.channels {
            if let Err(error) = ChannelPattern::parse(&rule.pattern) {
                return refuse("channels", format!("pattern `{}`: {error}", rule.pattern));
            }
        }
        Ok(())
    }
}

/// Channels that the product itself publishes and whose class is fixed.
const BUILT_IN: [(&str, ChannelClass); 17] = [
    ("dhcp/leases", ChannelClass::State),
    ("dhcp/status", ChannelClass::State),
    ("dhcp/pools", ChannelClass::State),
    ("dns/status", ChannelClass::State),
    ("dns/info", ChannelClass::State),
    ("dns/log/", ChannelClass::State),
    ("dns/cache/", ChannelClass::State),
    ("dns/blacklist/", ChannelClass::State),
    ("dns/whitelist/", ChannelClass::State),
    ("dns/lists", ChannelClass::State),
    ("dns/rules", ChannelClass::State),
    ("dns/pauses", ChannelClass::State),
    ("version", ChannelClass::State),
    ("dns/log/event", ChannelClass::Ephemeral),
    ("dns/log/live/*", ChannelClass::Ephemeral),
    ("system/stats", ChannelClass::Ephemeral),
    ("system/test", ChannelClass::Ephemeral),
];

/// The rules of a configuration, most specific first, ready to be asked.
#[derive(Debug)]
pub(crate) struct ChannelRules {
    rules: Vec<(ChannelPattern, ChannelClass, Retention)>,
    default: Retention,
}

impl ChannelRules {
    /// Compiles the rules; patterns that do not parse were refused by [`HubConfig::check`] and are
    /// left out.
    pub(crate) fn new(config: &HubConfig) -> Self {
        let default = Retention {
            events_max: config.history_events_max.into(),
            age_max: config.history_age_max,
            bytes_max: config.history_bytes_max,
        };
        let configured = config.channels.iter().filter_map(|rule| {
            let retention = Retention {
                events_max: rule.history_events_max.map_or(default.events_max, u64::from),
                age_max: rule.history_age_max.unwrap_or(default.age_max),
                bytes_max: rule.history_bytes_max.unwrap_or(default.bytes_max),
            };
            let pattern = ChannelPattern::parse(&rule.pattern).ok()?;
            Some((pattern, rule.class.unwrap_or(ChannelClass::Logged), retention))
        });
        let built_in = BUILT_IN
            .iter()
            .filter_map(|(name, class)| Some((ChannelPattern::parse(name).ok()?, *class, default)));
        // Reversed, so that the stable sort leaves the later of two equal patterns first, and the
        // built-in ones before any.
        let mut rules: Vec<_> = configured.chain(built_in).collect();
        rules.reverse();
        rules.sort_by(|left, right| right.0.compare_specificity(&left.0));
        Self { rules, default }
    }

    /// Returns class and retention of a channel.
    pub(crate) fn of(&self, channel: &ChannelName) -> (ChannelClass, Retention) {
        self.rules
            .iter()
            .find(|(pattern, ..)| pattern.matches(channel))
            .map_or((ChannelClass::Logged, self.default), |(_, class, kept)| (*class, *kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str, class: ChannelClass) -> ChannelRule {
        ChannelRule {
            pattern: pattern.to_owned(),
            class: Some(class),
            history_events_max: None,
            history_age_max: None,
            history_bytes_max: None,
        }
    }

    #[test]
    fn the_most_specific_rule_decides() {
        let config = HubConfig {
            channels: vec![
                rule("a/**", ChannelClass::Ephemeral),
                rule("a/b", ChannelClass::State),
                rule("a/*", ChannelClass::Logged),
                rule("dhcp/**", ChannelClass::Ephemeral),
            ],
            ..HubConfig::default()
        };
        let rules = ChannelRules::new(&config);
        let cases = [
            ("a/b", ChannelClass::State),
            ("a/c", ChannelClass::Logged),
            ("a/b/c", ChannelClass::Ephemeral),
            ("z", ChannelClass::Logged),
            ("dhcp/leases", ChannelClass::State),
            ("dhcp/leases/changes", ChannelClass::Ephemeral),
            ("dns/log/live/7", ChannelClass::Ephemeral),
        ];
        for (channel, expected) in cases {
            let (class, _) = rules.of(&ChannelName::parse(channel).unwrap());
            assert_eq!(class, expected, "case: {channel}");
        }
    }

    #[test]
    fn check_names_the_key() {
        #[rustfmt::skip]
        let cases = [
            ("connections_max", HubConfig { connections_max: 0, ..HubConfig::default() }),
            ("keep_alive",      HubConfig { keep_alive: Duration::ZERO, ..HubConfig::default() }),
            ("retry_max",       HubConfig { retry_max: Duration::ZERO, ..HubConfig::default() }),
            ("channels",        HubConfig { channels: vec![rule("a,b", ChannelClass::State)], ..HubConfig::default() }),
        ];
        for (key, config) in cases {
            assert_eq!(config.check().unwrap_err().key, key);
        }
        assert_eq!(HubConfig::default().check(), Ok(()));
    }
}
