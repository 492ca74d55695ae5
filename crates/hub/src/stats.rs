//! What the hub counts, and the figures it shows.

use std::net::IpAddr;

use tidings_log::log::LogStats;

use crate::config::ChannelClass;
pub use crate::delivery::shard::stats::{
    BATCH_BOUNDS, Histogram, LATENCY_BOUNDS_US, ShardStats, TURN_BOUNDS_US,
};
use crate::delivery::{CloseReason, Format};
use crate::event::EpochMillis;
use crate::frame::ResetReason;
use crate::position::Position;

/// Upper bounds of the connection duration histogram, in seconds.
pub const CONNECTION_SECONDS_BOUNDS: [u64; 9] = [1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400];

/// Upper bounds of the histogram of publications per ended stream.
pub const CONNECTION_EVENTS_BOUNDS: [u64; 7] = [0, 1, 10, 100, 1_000, 10_000, 100_000];

/// Time over which a rate is taken, in milliseconds.
const RATE_WINDOW_MS: u64 = 10_000;

/// Counts per second, over the last 10 to 20 seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RateMeter {
    window: u64,
    current: u64,
    previous: u64,
}

impl RateMeter {
    /// Counts one.
    pub(crate) fn count(&mut self, now: EpochMillis) {
        self.advance(now);
        self.current += 1;
    }

    /// Returns the rate per second.
    pub(crate) fn per_second(mut self, now: EpochMillis) -> f64 {
        self.advance(now);
        let into_ms = u32::try_from(now % RATE_WINDOW_MS).unwrap_or(0);
        let into = f64::from(into_ms) / 10_000.0;
        let counted = |n: u64| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
        (counted(self.previous) * (1.0 - into) + counted(self.current)) / 10.0
    }

    fn advance(&mut self, now: EpochMillis) {
        let window = now / RATE_WINDOW_MS;
        if window == self.window {
            return;
        }
        self.previous = if window == self.window + 1 { self.current } else { 0 };
        self.current = 0;
        self.window = window;
    }
}

/// How many requests were refused, by the limit that bit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RefusedCounts {
    /// Streams over `connections_max`.
    pub connections: u64,
    /// Streams over `connections_per_address_max`.
    pub connections_per_address: u64,
    /// Subscriptions over `patterns_per_subscription_max`.
    pub patterns: u64,
    /// Events over `event_size_max_bytes`.
    pub event_size: u64,
    /// Publish requests over `events_per_publish_max`.
    pub events_per_publish: u64,
    /// Events for a new channel over `channels_max`.
    pub channels: u64,
    /// Publish requests whose key came with another body.
    pub key_conflict: u64,
    /// Requests while the server stops.
    pub shutting_down: u64,
    /// Publish requests that the log could not take: disk full, disk failed, too much waiting.
    pub log: u64,
}

/// Figures of the whole hub.
#[derive(Debug, Clone, PartialEq)]
pub struct HubStats {
    /// Streams open.
    pub n_connections: usize,
    /// Streams ever opened.
    pub n_connections_opened: u64,
    /// Channels known.
    pub n_channels: usize,
    /// Publications accepted.
    pub n_published: u64,
    /// Publish requests answered with the outcome of an earlier one.
    pub n_repeats: u64,
    /// Publications written to streams.
    pub n_delivered: u64,
    /// Bytes written to streams.
    pub delivered_bytes: u64,
    /// Ephemeral publications that slow clients lost.
    pub n_dropped: u64,
    /// Resets sent, by reason.
    pub n_resets: [(ResetReason, u64); 6],
    /// Requests refused.
    pub refused: RefusedCounts,
    /// Streams closed by the hub, by reason on the wire.
    pub n_closed: [(&'static str, u64); 5],
    /// Ended streams by duration: one count per bound of [`CONNECTION_SECONDS_BOUNDS`] and one
    /// above all.
    pub connection_seconds_counts: [u64; 10],
    /// Sum of the durations of ended streams, in seconds.
    pub connection_seconds_sum: u64,
    /// Publications that ended streams were written: one count per bound of
    /// [`CONNECTION_EVENTS_BOUNDS`] and one above all.
    pub connection_events: Histogram<8>,
    /// Figures of the shards.
    pub shards: ShardStats,
    /// Publications of any channel that the stream furthest behind has not passed yet, of those
    /// with a cursor of their own.
    pub lag_max: u64,
    /// Bytes read from the log that wait for streams to take them.
    pub read_bytes: usize,
    /// Bytes that wait for clients of streams that no shard writes.
    pub held_bytes: usize,
    /// Bytes of publications held in memory.
    pub window_bytes: usize,
    /// Figures of the log on disk.
    pub log: LogStats,
    /// Position of the last logged publication.
    pub head: Position,
}

/// Figures of one channel.
#[derive(Debug, Clone, PartialEq)]
pub struct ChannelStats {
    /// Name of the channel.
    pub name: String,
    /// Class of the channel.
    pub class: ChannelClass,
    /// Streams that follow it.
    pub n_subscribers: usize,
    /// Publications ever accepted.
    pub n_published: u64,
    /// Payload bytes ever accepted.
    pub published_bytes: u64,
    /// Publications per second over the last 10 seconds.
    pub rate: f64,
    /// Publications held.
    pub n_held: u64,
    /// Bytes held.
    pub held_bytes: u64,
    /// When the last publication was accepted, or the channel was made.
    pub touched_at: EpochMillis,
}

/// Figures of one stream.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionStats {
    /// Id that the first frame told the client.
    pub client_id: String,
    /// Address of the client.
    pub peer: Option<IpAddr>,
    /// Format of the stream.
    pub format: Format,
    /// Patterns of the subscription.
    pub patterns: Vec<String>,
    /// When the stream was opened.
    pub opened_at: EpochMillis,
    /// Publications written.
    pub n_delivered: u64,
    /// Bytes written.
    pub delivered_bytes: u64,
    /// Publications of any channel that the cursor has not passed yet.
    pub lag: u64,
    /// For how long its socket has taken nothing, in seconds.
    pub stalled_s: u64,
    /// Ephemeral publications lost.
    pub n_dropped: u64,
    /// Resets sent.
    pub n_resets: u64,
}

/// Running counters of the hub.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub n_connections_opened: u64,
    pub n_published: u64,
    pub n_repeats: u64,
    pub n_delivered: u64,
    pub delivered_bytes: u64,
    pub n_dropped: u64,
    pub n_resets: [u64; 6],
    pub n_closed: [u64; 5],
    pub refused: RefusedCounts,
    connection_seconds_counts: [u64; 10],
    connection_seconds_sum: u64,
    pub connection_events: Histogram<8>,
}

impl Counters {
    /// Counts the end of a stream that lasted so long and was written so many publications.
    pub(crate) fn count_end(&mut self, seconds: u64, n_delivered: u64) {
        self.connection_events.count(&CONNECTION_EVENTS_BOUNDS, n_delivered, 1);
        let bucket = CONNECTION_SECONDS_BOUNDS.partition_point(|bound| *bound < seconds);
        if let Some(count) = self.connection_seconds_counts.get_mut(bucket) {
            *count += 1;
        }
        self.connection_seconds_sum += seconds;
    }

    /// Counts a stream that the hub ended.
    pub(crate) fn count_close(&mut self, reason: CloseReason) {
        for (count, counted) in self.n_closed.iter_mut().zip(CloseReason::ALL) {
            *count += u64::from(counted == reason);
        }
    }

    /// Counts a reset.
    pub(crate) fn count_reset(&mut self, reason: ResetReason) {
        for (count, counted) in self.n_resets.iter_mut().zip(ResetReason::ALL) {
            *count += u64::from(counted == reason);
        }
    }

    pub(crate) fn duration_histogram(&self) -> ([u64; 10], u64) {
        (self.connection_seconds_counts, self.connection_seconds_sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_follows_the_last_window() {
        let mut meter = RateMeter::default();
        for n in 0..100 {
            meter.count(20_000 + n * 100);
        }
        let cases = [(29_999, 10.0), (30_000, 10.0), (35_000, 5.0), (60_000, 0.0)];
        for (now, expected) in cases {
            let rate = meter.per_second(now);
            assert!((rate - expected).abs() < 0.01, "at {now}: {rate}, expected {expected}");
        }
    }
}
