//! Full-jitter exponential back-off with the floor that a server may ask for; pure.

use std::time::Duration;

/// A source of uniformly distributed 64-bit numbers, such as the system's entropy or a seed.
pub type RandomSource = Box<dyn FnMut() -> u64 + Send>;

/// Widest delay before the first retry.
pub const BASE: Duration = Duration::from_secs(1);

/// Widest delay before any retry, the server's floor aside.
pub const CAP: Duration = Duration::from_secs(30);

/// Time a connection must last before the next failure counts as the first again.
pub const STABLE_AFTER: Duration = Duration::from_mins(1);

/// Longest floor accepted from a server (`retry:` or `Retry-After`).
pub const FLOOR_MAX: Duration = Duration::from_hours(1);

/// How many failures in a row there were, and so how long to wait.
///
/// The delay is `floor + uniform(0, min(CAP, BASE × 2^failures))`: full jitter spreads the return
/// of many clients, and the floor keeps the promise that nobody is back before the server's time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    n_failures: u32,
}

impl Backoff {
    /// Forgets the failures, after a connection lasted [`STABLE_AFTER`].
    pub fn reset(&mut self) {
        self.n_failures = 0;
    }

    /// Counts one failure and returns the time to wait before the next attempt.
    ///
    /// `random` is a uniformly distributed number. `floor` is cut to [`FLOOR_MAX`].
    pub fn next_delay(&mut self, random: u64, floor: Duration) -> Duration {
        let factor = 1_u32.checked_shl(self.n_failures).unwrap_or(u32::MAX);
        let ceiling = BASE.saturating_mul(factor).min(CAP);
        self.n_failures = self.n_failures.saturating_add(1);
        floor.min(FLOOR_MAX) + share(ceiling, random)
    }
}

/// Returns `ceiling × random / 2^64`.
fn share(ceiling: Duration, random: u64) -> Duration {
    let nanoseconds = (ceiling.as_nanos().saturating_mul(u128::from(random))) >> 64;
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_widest_delay_doubles_from_one_second_to_thirty() {
        let mut backoff = Backoff::default();
        let seconds: Vec<u64> = (0..40)
            .map(|_| backoff.next_delay(u64::MAX, Duration::ZERO).as_secs_f64().round())
            .map(|seconds| format!("{seconds}").parse().unwrap())
            .collect();
        assert_eq!(seconds[..7], [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(seconds[39], 30, "a long outage must not overflow the shift");
        backoff.reset();
        assert!(backoff.next_delay(u64::MAX, Duration::ZERO) <= BASE);
    }

    #[test]
    fn jitter_reaches_from_zero_to_the_ceiling_above_the_floor() {
        let floor = Duration::from_secs(3);
        #[rustfmt::skip]
        let cases = [
            ("lowest",   0,             Duration::from_secs(3)),
            ("halfway",  1 << 63,       Duration::from_millis(3_500)),
            ("highest",  u64::MAX,      Duration::new(3, 999_999_999)),
        ];
        for (name, random, expected) in cases {
            assert_eq!(Backoff::default().next_delay(random, floor), expected, "case: {name}");
        }
    }

    #[test]
    fn a_server_cannot_ask_for_more_than_an_hour() {
        assert_eq!(Backoff::default().next_delay(0, Duration::MAX), FLOOR_MAX);
    }
}
