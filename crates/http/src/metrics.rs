//! Figures for Prometheus, in the `OpenMetrics` text format.

mod delivery;

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode as encode_registry;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;
use tidings_dhcp::network::{Snapshot, SourceHealth};
use tidings_hub::stats::HubStats;

use crate::state::App;
use crate::wire::state_word;

/// Returns every figure as text.
pub(crate) fn encode(app: &App) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Figures(app.clone())));
    let mut text = String::new();
    encode_registry(&mut text, &registry)?;
    Ok(text)
}

/// Reads hub and network when they are asked for.
#[derive(Debug)]
struct Figures(App);

/// Labels of one value.
pub(crate) type Labels = Vec<(&'static str, String)>;

/// A value as it was read.
#[derive(Debug)]
pub(crate) enum Value {
    Counter(u64),
    Gauge(u64),
}

impl EncodeMetric for Value {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        match self {
            Self::Counter(value) => encoder.encode_counter::<NoLabelSet, _, u64>(value, None),
            Self::Gauge(value) => encoder.encode_gauge(&i64::try_from(*value).unwrap_or(i64::MAX)),
        }
    }

    fn metric_type(&self) -> MetricType {
        match self {
            Self::Counter(_) => MetricType::Counter,
            Self::Gauge(_) => MetricType::Gauge,
        }
    }
}

/// Writes one metric with all its labelled values.
pub(crate) fn write(
    encoder: &mut DescriptorEncoder<'_>,
    name: &str,
    help: &str,
    values: impl IntoIterator<Item = (Labels, Value)>,
) -> fmt::Result {
    let mut values = values.into_iter().peekable();
    let Some(kind) = values.peek().map(|(_, value)| value.metric_type()) else { return Ok(()) };
    let mut metric = encoder.encode_descriptor(name, help, None, kind)?;
    for (labels, value) in values {
        value.encode(metric.encode_family(&labels)?)?;
    }
    Ok(())
}

impl Collector for Figures {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let stats = self.0.hub.stats();
        hub(&mut encoder, &stats)?;
        refusals(&mut encoder, &stats)?;
        delivery::encode(&mut encoder, &stats)?;
        let version = vec![("version", self.0.version.to_owned())];
        let info = [(version, Value::Gauge(1))];
        write(&mut encoder, "tidings_build_info", "Version of the server", info)?;
        crate::dns::metrics::encode(&mut encoder, &self.0.dns)?;
        network(&mut encoder, &self.0.dhcp.snapshot())
    }
}

fn hub(encoder: &mut DescriptorEncoder<'_>, stats: &HubStats) -> fmt::Result {
    let count = |n: usize| Value::Gauge(u64::try_from(n).unwrap_or(u64::MAX));
    #[rustfmt::skip]
    let plain = [
        ("tidings_connections",        "Streams open",                                     count(stats.n_connections)),
        ("tidings_connections_opened", "Streams opened",                                   Value::Counter(stats.n_connections_opened)),
        ("tidings_channels",           "Channels known",                                   count(stats.n_channels)),
        ("tidings_published",          "Publications accepted",                            Value::Counter(stats.n_published)),
        ("tidings_publish_repeats",    "Publish requests answered with an earlier outcome", Value::Counter(stats.n_repeats)),
        ("tidings_delivered",          "Publications written to streams",                  Value::Counter(stats.n_delivered)),
        ("tidings_delivered_bytes",    "Bytes written to streams",                         Value::Counter(stats.delivered_bytes)),
        ("tidings_dropped",            "Ephemeral publications that slow clients lost",    Value::Counter(stats.n_dropped)),
        ("tidings_window_bytes",       "Bytes of publications held in memory",             count(stats.window_bytes)),
        ("tidings_log_bytes",          "Bytes of the log on disk",                         Value::Gauge(stats.log.size_bytes)),
        ("tidings_log_segments",       "Segments of the log",                              count(stats.log.n_segments)),
        ("tidings_log_commits",        "Commits of the log",                               Value::Counter(stats.log.n_commits)),
        ("tidings_log_events",         "Publications written to the log",                  Value::Counter(stats.log.n_events)),
        ("tidings_log_refused_full",   "Commits refused because the disk was full",        Value::Counter(stats.log.n_full)),
        ("tidings_log_failed",         "1 when the disk has failed",                       Value::Gauge(u64::from(stats.log.is_poisoned))),
        ("tidings_log_index_bytes",    "Bytes of memory of the log's index",               Value::Gauge(stats.log.index_memory_bytes)),
        ("tidings_log_offset",         "Offset of the last logged publication",            Value::Gauge(stats.head.offset)),
    ];
    for (name, help, value) in plain {
        write(encoder, name, help, [(Labels::new(), value)])?;
    }
    let resets = stats
        .n_resets
        .iter()
        .map(|(reason, n)| (vec![("reason", reason.as_str().to_owned())], Value::Counter(*n)));
    write(encoder, "tidings_resets", "Resets sent", resets)?;
    let closed = stats
        .n_closed
        .iter()
        .map(|(reason, n)| (vec![("reason", (*reason).to_owned())], Value::Counter(*n)));
    write(encoder, "tidings_closed", "Streams ended by the hub", closed)
}

fn refusals(encoder: &mut DescriptorEncoder<'_>, stats: &HubStats) -> fmt::Result {
    let refused = stats.refused;
    let by_limit = [
        ("connections", refused.connections),
        ("connections_per_address", refused.connections_per_address),
        ("patterns", refused.patterns),
        ("event_size", refused.event_size),
        ("events_per_publish", refused.events_per_publish),
        ("channels", refused.channels),
        ("log", refused.log),
        ("key_conflict", refused.key_conflict),
        ("shutting_down", refused.shutting_down),
    ];
    let values = by_limit.map(|(limit, n)| (vec![("limit", limit.to_owned())], Value::Counter(n)));
    write(encoder, "tidings_refused", "Requests refused, by the limit that bit", values)
}

fn network(encoder: &mut DescriptorEncoder<'_>, snapshot: &Snapshot) -> fmt::Result {
    let number = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
    let mut counts: std::collections::BTreeMap<(&str, &str, &str), u64> =
        std::collections::BTreeMap::new();
    for view in &snapshot.leases {
        let family = if view.lease.ip.is_ipv4() { "4" } else { "6" };
        *counts.entry((&view.source, family, state_word(view.lease.state))).or_default() += 1;
    }
    let leases = counts.into_iter().map(|((source, family, state), n)| {
        let labels = [("source", source), ("family", family), ("state", state)];
        (labels.map(|(name, value)| (name, value.to_owned())).to_vec(), Value::Gauge(n))
    });
    write(encoder, "dhcp_leases", "Leases by source, family and state", leases)?;
    // Pools of one name and source are one series, as Prometheus wants labels to be unique.
    let mut pools: std::collections::BTreeMap<(&str, &str), (u64, u64)> =
        std::collections::BTreeMap::new();
    for (pool, usage) in snapshot.pools.iter().zip(&snapshot.usage) {
        let sums = pools.entry((&pool.source, &pool.name)).or_default();
        sums.0 = sums.0.saturating_add(u64::try_from(usage.total).unwrap_or(u64::MAX));
        sums.1 = sums.1.saturating_add(u64::try_from(usage.used).unwrap_or(u64::MAX));
    }
    let labels =
        |source: &str, pool: &str| vec![("source", source.to_owned()), ("pool", pool.to_owned())];
    let totals =
        pools.iter().map(|((source, pool), sums)| (labels(source, pool), Value::Gauge(sums.0)));
    write(encoder, "dhcp_pool_addresses", "Addresses of a pool", totals)?;
    let used =
        pools.iter().map(|((source, pool), sums)| (labels(source, pool), Value::Gauge(sums.1)));
    write(encoder, "dhcp_pool_used", "Addresses of a pool with an active lease", used)?;
    let by_source = |value: fn(&tidings_dhcp::network::SourceStatus) -> Option<Value>| {
        let values = snapshot.sources.iter().filter_map(move |source| {
            Some((vec![("source", source.id.as_ref().to_owned())], value(source)?))
        });
        values.collect::<Vec<_>>()
    };
    let up = by_source(|source| Some(Value::Gauge(u64::from(source.health == SourceHealth::Ok))));
    write(encoder, "dhcp_source_up", "Whether the last read succeeded", up)?;
    let changed = by_source(|source| Some(Value::Gauge(u64::try_from(source.changed_at?).ok()?)));
    let help = "Last change of the leases";
    write(encoder, "dhcp_source_last_change_timestamp_seconds", help, changed)?;
    let retries = by_source(|source| Some(Value::Counter(source.n_read_retries)));
    write(encoder, "dhcp_source_read_retries", "Reads repeated during a write", retries)?;
    let problems = snapshot.sources.iter().map(|source| {
        let labels = vec![("source", source.id.as_ref().to_owned())];
        (labels, Value::Gauge(number(source.n_problems)))
    });
    write(encoder, "dhcp_source_parse_problems", "Lines that could not be understood", problems)
}
