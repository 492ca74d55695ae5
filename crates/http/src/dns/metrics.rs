//! Figures of DNS for Prometheus.

use std::fmt;

use prometheus_client::encoding::DescriptorEncoder;
use tidings_dns::entry::Status;
use tidings_dns::statistics::Range;

use crate::dns::DnsParts;
use crate::metrics::{Labels, Value, write};

/// Writes the figures.
pub(crate) fn encode(encoder: &mut DescriptorEncoder<'_>, parts: &DnsParts) -> fmt::Result {
    let count = |n: usize| Value::Gauge(u64::try_from(n).unwrap_or(u64::MAX));
    let status = parts.dns.status();
    let cache = parts.dns.cache().stats();
    let log = parts.log.status();
    #[rustfmt::skip]
    let plain = [
        ("dns_running",               "Whether the resolver answers",                       Value::Gauge(u64::from(status.is_running))),
        ("dns_cache_entries",         "Answers in the cache",                               count(cache.n_entries)),
        ("dns_cache_bytes",           "Bytes of the cache",                                 count(cache.size_bytes)),
        ("dns_cache_hits",            "Questions that the cache answered",                  Value::Counter(cache.n_hits)),
        ("dns_cache_stale",           "Questions that the cache answered past their time",  Value::Counter(cache.n_stale)),
        ("dns_cache_prefetched",      "Answers asked for again shortly before their end",   Value::Counter(cache.n_prefetched)),
        ("dns_cache_misses",          "Questions that the cache could not answer",          Value::Counter(cache.n_misses)),
        ("dns_cache_evicted",         "Answers that went to make room",                     Value::Counter(cache.n_evicted)),
        ("dns_log_entries",           "Entries of the query log on disk",                   Value::Gauge(log.n_entries)),
        ("dns_log_bytes",             "Bytes of the query log on disk",                     Value::Gauge(log.size_bytes)),
        ("dns_log_waiting",           "Entries that wait for the disk",                     count(log.n_waiting)),
        ("dns_log_errors",            "Failures of the query log's disk",                   Value::Counter(log.n_errors)),
        ("dns_live_filters",          "Live filters in use",                                count(parts.live.len())),
    ];
    for (name, help, value) in plain {
        write(encoder, name, help, [(Labels::new(), value)])?;
    }
    let lost = [("rings", log.n_ring_dropped), ("disk", log.n_lost), ("live", log.n_live_dropped)];
    let lost = lost.map(|(place, n)| (vec![("place", place.to_owned())], Value::Counter(n)));
    write(encoder, "dns_log_lost", "Entries of the query log that were lost, by where", lost)?;
    let by_status = parts.log.statistics(|statistics| statistics.n_by_status());
    let by_status = Status::ALL
        .into_iter()
        .zip(by_status)
        .map(|(status, n)| (vec![("status", status.word().to_owned())], Value::Counter(n)));
    write(encoder, "dns_queries", "Questions since the start, by what became of them", by_status)?;
    upstreams(encoder, parts)
}

fn upstreams(encoder: &mut DescriptorEncoder<'_>, parts: &DnsParts) -> fmt::Result {
    let upstreams = parts.dns.upstreams();
    let labels = |name: &str| vec![("upstream", name.to_owned())];
    let up = upstreams.iter().map(|of| (labels(&of.name), Value::Gauge(u64::from(of.is_up))));
    write(encoder, "dns_upstream_up", "Whether an upstream is asked", up)?;
    let asked = upstreams.iter().map(|of| (labels(&of.name), Value::Counter(of.n_questions)));
    write(encoder, "dns_upstream_questions", "Questions to an upstream", asked)?;
    let failed = upstreams.iter().map(|of| (labels(&of.name), Value::Counter(of.n_failures)));
    write(encoder, "dns_upstream_failures", "Failed tries at an upstream", failed)?;
    let now_ms = (parts.clock)();
    let total = parts.log.statistics(|of| of.summary(Range::Hour, now_ms, 0).total);
    for (name, help, per_cent) in [
        ("dns_upstream_latency_p50_microseconds", "Median time of the last hour's answers", 50),
        ("dns_upstream_latency_p99_microseconds", "99th percentile of the last hour's answers", 99),
    ] {
        let values = total.upstreams.iter().filter_map(|(name, counts)| {
            Some((labels(name), Value::Gauge(counts.histogram.percentile_us(per_cent)?)))
        });
        write(encoder, name, help, values)?;
    }
    Ok(())
}
