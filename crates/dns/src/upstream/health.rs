//! How an upstream does of late: its speed with decay, and how long it is left alone.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row from which on an upstream is left alone.
const FAILURES_MIN: u32 = 2;
/// First time that it is left alone; doubled with each failure after.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
/// Part of the mean that a new measurement makes: 1 of 8, as TCP does it (RFC 6298 §2).
const MEAN_PART: u32 = 8;
/// Longest mean: failures double it, however many there are.
const MEAN_MAX: Duration = Duration::from_mins(1);
/// Time in which a mean that nobody renews loses half of itself.
const HALF_LIFE: Duration = Duration::from_mins(1);

/// What is known of an upstream.
#[derive(Debug, Default)]
pub(super) struct Health {
    mean: Option<(Duration, Instant)>,
    n_failures_in_a_row: u32,
    resting_until: Option<Instant>,
    pub(super) n_questions: u64,
    pub(super) n_answers: u64,
    pub(super) n_failures: u64,
    pub(super) last_error: Option<Arc<str>>,
    pub(super) last_used_ms: Option<u64>,
}

impl Health {
    pub(super) fn answered(&mut self, took: Duration, now: Instant) {
        let mean = match self.mean {
            Some((mean, _)) => mean.saturating_sub(mean / MEAN_PART) + took / MEAN_PART,
            None => took,
        };
        self.mean = Some((mean, now));
        self.n_failures_in_a_row = 0;
        self.resting_until = None;
        self.n_answers += 1;
    }

    pub(super) fn failed(&mut self, error: &str, now: Instant, back_off_max: Duration) {
        self.n_failures += 1;
        self.n_failures_in_a_row = self.n_failures_in_a_row.saturating_add(1);
        self.last_error = Some(error.into());
        if let Some((mean, _)) = self.mean {
            self.mean = Some((mean.saturating_mul(2).min(MEAN_MAX), now));
        }
        if let Some(n_doublings) = self.n_failures_in_a_row.checked_sub(FAILURES_MIN) {
            let rest = BACK_OFF_MIN.saturating_mul(1 << n_doublings.min(16)).min(back_off_max);
            self.resting_until = Some(now + rest);
        }
    }

    pub(super) fn is_up(&self, now: Instant) -> bool {
        self.resting_until.is_none_or(|until| until <= now)
    }

    /// Returns the mean time of its answers; one that was not asked of late fades, so that it gets
    /// its chance again.
    pub(super) fn latency(&self, now: Instant) -> Option<Duration> {
        let (mean, at) = self.mean?;
        let halvings = now.saturating_duration_since(at).as_secs_f64() / HALF_LIFE.as_secs_f64();
        Some(mean.div_f64(halvings.min(16.0).exp2()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rest_doubles_up_to_its_bound_and_ends_with_an_answer() {
        let (start, bound) = (Instant::now(), Duration::from_secs(5));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut health = Health::default();
        health.failed("one", start, bound);
        assert!(health.is_up(start), "one failure may be chance");
        health.failed("two", start, bound);
        assert!(!health.is_up(start) && health.is_up(at(1)));
        health.failed("three", start, bound);
        assert!(!health.is_up(at(1)) && health.is_up(at(2)));
        (0..40).for_each(|_| health.failed("more", start, bound));
        assert!(!health.is_up(at(4)) && health.is_up(at(5)));
        health.answered(Duration::from_millis(3), at(4));
        assert!(health.is_up(at(4)));
        health.failed("one", at(4), bound);
        assert!(health.is_up(at(4)));
    }

    #[test]
    fn an_upstream_may_fail_for_ever() {
        let start = Instant::now();
        let mut health = Health::default();
        health.answered(Duration::from_millis(80), start);
        (0..1_000).for_each(|_| health.failed("no", start, Duration::from_secs(5)));
        assert_eq!(health.latency(start), Some(MEAN_MAX));
    }

    #[test]
    fn the_mean_follows_and_fades() {
        let start = Instant::now();
        let mut health = Health::default();
        assert_eq!(health.latency(start), None);
        health.answered(Duration::from_millis(80), start);
        assert_eq!(health.latency(start), Some(Duration::from_millis(80)));
        health.answered(Duration::from_millis(160), start);
        assert_eq!(health.latency(start), Some(Duration::from_millis(90)));
        let later = start + HALF_LIFE;
        assert_eq!(health.latency(later), Some(Duration::from_millis(45)));
    }
}
