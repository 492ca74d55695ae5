//! Two clocks: the wall clock that people see, and one that only runs forward and measures ages.
//!
//! The second follows the wall clock, but where the wall clock steps it goes on as before. What it
//! differs by is written with every record, so that ages are right after a restart, too.

use crate::event::EpochMillis;

/// Difference between the clocks that counts as a step, in milliseconds; less is drift.
const STEP_MS: i64 = 2_000;

/// A moment on both clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Now {
    /// Wall clock.
    pub at: EpochMillis,
    /// Clock that only runs forward; what ages are measured with.
    pub kept_at: EpochMillis,
    /// Seconds from the first to the second.
    pub correction_s: i32,
}

/// The clock that only runs forward.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HubClock {
    correction_s: i32,
    kept_at: EpochMillis,
    elapsed_ms: u64,
}

impl HubClock {
    /// Continues the clock of a log whose newest record has this time and correction.
    ///
    /// `elapsed_ms` is that of a clock that steps cannot move. A wall clock that is behind the
    /// newest record was set back meanwhile.
    pub(crate) fn resume(
        (kept_max, correction_s): (EpochMillis, i32),
        at: EpochMillis,
        elapsed_ms: u64,
    ) -> Self {
        let mut clock = Self { correction_s, kept_at: kept_max, elapsed_ms };
        let shown = tidings_log::record::kept_at(at, correction_s);
        if shown >= kept_max {
            clock.kept_at = shown;
        } else {
            clock.correct(shown, kept_max);
        }
        clock
    }

    /// Reads both clocks.
    pub(crate) fn read(&mut self, at: EpochMillis, elapsed_ms: u64) -> Now {
        let expected = self.kept_at + elapsed_ms.saturating_sub(self.elapsed_ms);
        let shown = tidings_log::record::kept_at(at, self.correction_s);
        if signed_difference(shown, expected).abs() > STEP_MS {
            self.correct(shown, expected);
        }
        let shown = tidings_log::record::kept_at(at, self.correction_s);
        self.kept_at = self.kept_at.max(shown);
        self.elapsed_ms = self.elapsed_ms.max(elapsed_ms);
        Now { at, kept_at: self.kept_at, correction_s: self.correction_s }
    }

    /// Changes the correction so that what is shown becomes what is expected, to half a second.
    fn correct(&mut self, shown: EpochMillis, expected: EpochMillis) {
        let difference_ms = signed_difference(expected, shown);
        let seconds = (difference_ms + 500 * difference_ms.signum()) / 1_000;
        let seconds = i32::try_from(seconds).unwrap_or(0);
        self.correction_s = self.correction_s.saturating_add(seconds);
    }
}

fn signed_difference(left: u64, right: u64) -> i64 {
    i64::try_from(i128::from(left) - i128::from(right)).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_795_217_100_000;
    const HOUR: u64 = 3_600_000;

    #[test]
    fn steps_of_the_wall_clock_do_not_move_ages() {
        let mut clock = HubClock::resume((0, 0), START, 5);
        #[rustfmt::skip]
        let cases = [
            ("start",          0,          0,         0),
            ("a second",       1_000,      1_000,     1_000),
            ("an hour ahead",  HOUR + 2_000, 2_000,   2_000),
            ("goes on",        HOUR + 9_000, 9_000,   9_000),
            ("and back",       10_000,     10_000,    10_000),
        ];
        for (name, wall, elapsed, expected) in cases {
            let now = clock.read(START + wall, 5 + elapsed);
            assert_eq!(now.at, START + wall, "case: {name}");
            assert!(now.kept_at.abs_diff(START + expected) <= 500, "case: {name}: {now:?}");
            assert!(tidings_log::record::kept_at(now.at, now.correction_s) <= now.kept_at);
        }
        let back = clock.read(START + 11_000 - HOUR, 5 + 11_000);
        assert!(back.kept_at.abs_diff(START + 11_000) <= 500, "an hour back: {back:?}");
    }

    #[test]
    fn a_restart_goes_on_where_the_log_ends() {
        #[rustfmt::skip]
        let cases = [
            ("as before",            (START, 0),            START + 60_000,  START + 60_000),
            ("set back meanwhile",   (START, 0),            START - HOUR,    START),
            ("corrected before",     (START, -3_600),       START + HOUR + 60_000, START + 60_000),
            ("an empty log",         (0, 0),                START,           START),
        ];
        for (name, newest, wall, expected) in cases {
            let mut clock = HubClock::resume(newest, wall, 0);
            let now = clock.read(wall, 0);
            assert!(now.kept_at.abs_diff(expected) <= 500, "case: {name}: {now:?}");
        }
    }

    #[test]
    fn drift_is_followed_and_time_never_runs_back() {
        let mut clock = HubClock::resume((0, 0), START, 0);
        let mut before = 0;
        for second in 0..10_000_u64 {
            let now = clock.read(START + second * 1_000 - second, second * 1_000);
            assert!(now.kept_at >= before);
            assert_eq!(now.correction_s, 0, "a slow clock is drift at second {second}");
            before = now.kept_at;
        }
    }
}
