//! Medians and percentiles.

use std::time::Duration;

/// Returns the middle of some figures, the mean of the two middle ones for an even count.
///
/// Not a number when there are none.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
    let before = if figures.len() % 2 == 1 { middle } else { middle.wrapping_sub(1) };
    f64::midpoint(at(before), at(middle))
}

/// Returns the median of what `figure` says of each run.
pub(crate) fn median_of<Run>(runs: &[Run], figure: impl Fn(&Run) -> f64) -> f64 {
    median(runs.iter().map(figure).collect())
}

/// Times of many operations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    /// In nanoseconds.
    times: Vec<u64>,
}

/// Half and 99 of 100 operations took at most this long, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Percentiles {
    pub p50_ms: f64,
    pub p99_ms: f64,
}

impl Latencies {
    /// Adds the time of an operation.
    pub(crate) fn add(&mut self, time: Duration) {
        self.times.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Takes the times of another.
    pub(crate) fn extend(&mut self, other: Self) {
        self.times.extend(other.times);
    }

    /// Returns how many operations there were.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// Returns the percentiles (nearest rank); not numbers when there were no operations.
    pub(crate) fn percentiles(mut self) -> Percentiles {
        self.times.sort_unstable();
        let n_times = self.times.len();
        let at = |percent: usize| {
            let rank = (n_times * percent).div_ceil(100).saturating_sub(1);
            let time = self.times.get(rank);
            time.map_or(f64::NAN, |time| milliseconds(Duration::from_nanos(*time)))
        };
        Percentiles { p50_ms: at(50), p99_ms: at(99) }
    }
}

/// Returns a time in milliseconds.
pub(crate) fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

/// Returns a count as a figure; counts here are far below 2^53, where this is exact.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "counts are below 2^53")]
pub(crate) fn figure(count: impl TryInto<u64>) -> f64 {
    count.try_into().map_or(f64::NAN, |count| count as f64)
}

/// Returns how many of something came a second.
pub(crate) fn rate(count: impl TryInto<u64>, time: Duration) -> f64 {
    figure(count) / time.as_secs_f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert!((median(vec![3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((median(vec![4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(median(Vec::new()).is_nan());
    }

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut latencies = Latencies::default();
        for ms in (1..=200).rev() {
            latencies.add(Duration::from_millis(ms));
        }
        assert_eq!(latencies.len(), 200);
        assert_eq!(latencies.percentiles(), Percentiles { p50_ms: 100.0, p99_ms: 198.0 });
        assert!(Latencies::default().percentiles().p50_ms.is_nan());
    }
}
