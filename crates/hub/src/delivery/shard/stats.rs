//! What a shard counts.

use std::time::Duration;

/// Upper bounds of the histogram from publish to socket, in microseconds.
pub const LATENCY_BOUNDS_US: [u64; 12] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000];
/// Upper bounds of the histogram of publications per write.
pub const BATCH_BOUNDS: [u64; 7] = [1, 2, 4, 8, 16, 64, 256];
/// Upper bounds of the histogram of the time of one turn of a shard, in microseconds.
pub const TURN_BOUNDS_US: [u64; 7] = [100, 500, 1_000, 5_000, 10_000, 50_000, 250_000];

/// Counts by upper bound, the last one above all bounds, and their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram<const N: usize> {
    /// Values at or below each bound and above the one before; the last are those above all.
    pub counts: [u64; N],
    /// Sum of the values.
    pub sum: u64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self { counts: [0; N], sum: 0 }
    }
}

impl<const N: usize> Histogram<N> {
    /// Counts a value several times.
    pub(crate) fn count(&mut self, bounds: &[u64], value: u64, n: u64) {
        let bucket = bounds.partition_point(|bound| *bound < value);
        if let Some(count) = self.counts.get_mut(bucket) {
            *count += n;
        }
        self.sum = self.sum.saturating_add(value.saturating_mul(n));
    }

    fn add(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.sum = self.sum.saturating_add(other.sum);
    }
}

/// Figures of the shards, which write plain HTTP/1.1 streams.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ShardStats {
    /// Streams that show what their group shows.
    pub n_parked: u64,
    /// Streams with a cursor of their own: new, slow, or just changed.
    pub n_own: u64,
    /// Streams whose socket takes nothing at present.
    pub n_blocked: u64,
    /// Publications written.
    pub n_delivered: u64,
    /// Bytes written.
    pub delivered_bytes: u64,
    /// Write calls.
    pub n_writes: u64,
    /// Write calls that the socket took only in part, or not at all.
    pub n_short_writes: u64,
    /// Bytes of frames held for groups.
    pub ring_bytes: u64,
    /// Bytes of unfinished writes held.
    pub tail_bytes: u64,
    /// Times that publications came faster than a shard could look at them.
    pub n_overruns: u64,
    /// Times that a shard failed and was started again.
    pub n_restarts: u64,
    /// From publish to socket, in microseconds.
    pub latency_us: Histogram<13>,
    /// Publications per write.
    pub batches: Histogram<8>,
    /// Time of a turn, in microseconds.
    pub turns_us: Histogram<8>,
}

impl ShardStats {
    /// Counts the time of a turn.
    pub(super) fn count_turn(&mut self, took: Duration) {
        self.turns_us.count(&TURN_BOUNDS_US, micros(took), 1);
    }

    /// Counts a write of so many publications.
    pub(super) fn count_write(&mut self, n_bytes: usize, n_publications: u64) {
        self.n_writes += 1;
        self.delivered_bytes += u64::try_from(n_bytes).unwrap_or(0);
        self.n_delivered += n_publications;
        if n_publications > 0 {
            self.batches.count(&BATCH_BOUNDS, n_publications, 1);
        }
    }

    /// Adds the figures of another shard.
    pub(super) fn add(&mut self, other: &Self) {
        self.n_parked += other.n_parked;
        self.n_own += other.n_own;
        self.n_blocked += other.n_blocked;
        self.n_delivered += other.n_delivered;
        self.delivered_bytes += other.delivered_bytes;
        self.n_writes += other.n_writes;
        self.n_short_writes += other.n_short_writes;
        self.ring_bytes += other.ring_bytes;
        self.tail_bytes += other.tail_bytes;
        self.n_overruns += other.n_overruns;
        self.n_restarts += other.n_restarts;
        self.latency_us.add(&other.latency_us);
        self.batches.add(&other.batches);
        self.turns_us.add(&other.turns_us);
    }
}

/// Returns whole microseconds.
pub(super) fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}
