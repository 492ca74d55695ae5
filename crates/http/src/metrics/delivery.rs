//! Figures of delivery: what streams were written, how fast, and how they fared.

use std::fmt;

use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use tidings_hub::stats::{
    BATCH_BOUNDS, CONNECTION_EVENTS_BOUNDS, CONNECTION_SECONDS_BOUNDS, Histogram, HubStats,
    LATENCY_BOUNDS_US, TURN_BOUNDS_US,
};

use super::{Labels, Value, write};

/// Counts by bucket, as Prometheus wants them.
#[derive(Debug)]
struct Buckets {
    bounds: Vec<f64>,
    counts: Vec<u64>,
    sum: f64,
}

impl EncodeMetric for Buckets {
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<(f64, u64)> = bounds.zip(self.counts.iter().copied()).collect();
        let count = self.counts.iter().sum();
        encoder.encode_histogram::<NoLabelSet>(self.sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        MetricType::Histogram
    }
}

/// Writes what is counted by stream and by write.
pub(super) fn encode(encoder: &mut DescriptorEncoder<'_>, stats: &HubStats) -> fmt::Result {
    let shards = &stats.shards;
    #[rustfmt::skip]
    let plain = [
        ("tidings_streams_parked",      "Plain HTTP/1.1 streams that show what their group shows",       Value::Gauge(shards.n_parked)),
        ("tidings_streams_own_cursor",  "Plain HTTP/1.1 streams that are new, slow or just changed",      Value::Gauge(shards.n_own)),
        ("tidings_streams_stalled",     "Streams whose socket takes nothing at present",                  Value::Gauge(shards.n_blocked)),
        ("tidings_writes",              "Write calls to sockets of streams",                              Value::Counter(shards.n_writes)),
        ("tidings_short_writes",        "Write calls that a socket took only in part",                    Value::Counter(shards.n_short_writes)),
        ("tidings_ring_bytes",          "Bytes of frames held for groups of streams",                     Value::Gauge(shards.ring_bytes)),
        ("tidings_unsent_bytes",        "Bytes of unfinished writes",                                     Value::Gauge(shards.tail_bytes)),
        ("tidings_held_bytes",          "Bytes that wait for clients over TLS, HTTP/2 and HTTP/1.0",      Value::Gauge(to_u64(stats.held_bytes))),
        ("tidings_read_bytes",          "Bytes read from the log that wait for streams to take them",     Value::Gauge(to_u64(stats.read_bytes))),
        ("tidings_lag_events",          "Publications that the stream furthest behind has not passed",    Value::Gauge(stats.lag_max)),
        ("tidings_shard_overruns",      "Times that publications came faster than a shard took them",     Value::Counter(shards.n_overruns)),
        ("tidings_shard_restarts",      "Times that a shard failed and was started again",                Value::Counter(shards.n_restarts)),
    ];
    for (name, help, value) in plain {
        write(encoder, name, help, [(Labels::new(), value)])?;
    }
    let duration = Buckets {
        bounds: CONNECTION_SECONDS_BOUNDS.map(number).to_vec(),
        counts: stats.connection_seconds_counts.to_vec(),
        sum: number(stats.connection_seconds_sum),
    };
    let histograms = [
        ("tidings_connection_duration_seconds", "How long streams lived", duration),
        (
            "tidings_connection_events",
            "Publications that ended streams were written",
            buckets(&CONNECTION_EVENTS_BOUNDS, &stats.connection_events, 1.0),
        ),
        (
            "tidings_delivery_seconds",
            "From the publish request to the socket, by publication written",
            buckets(&LATENCY_BOUNDS_US, &shards.latency_us, 1e6),
        ),
        (
            "tidings_write_events",
            "Publications per write to a socket",
            buckets(&BATCH_BOUNDS, &shards.batches, 1.0),
        ),
        (
            "tidings_shard_turn_seconds",
            "Time of one turn of a shard over its work",
            buckets(&TURN_BOUNDS_US, &shards.turns_us, 1e6),
        ),
    ];
    for (name, help, buckets) in histograms {
        buckets.encode(encoder.encode_descriptor(name, help, None, buckets.metric_type())?)?;
    }
    Ok(())
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Takes a histogram to the unit that it is shown in.
fn buckets<const N: usize>(bounds: &[u64], histogram: &Histogram<N>, unit: f64) -> Buckets {
    Buckets {
        bounds: bounds.iter().map(|bound| number(*bound) / unit).collect(),
        counts: histogram.counts.to_vec(),
        sum: number(histogram.sum) / unit,
    }
}

/// Returns a count as a float, as good as it can.
#[expect(
    clippy::cast_precision_loss,
    clippy::as_conversions,
    reason = "a sum may lose its last digits"
)]
fn number(value: u64) -> f64 {
    value as f64
}
