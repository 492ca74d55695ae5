//! Two clocks: the wall clock that people see, and one that only runs forward and measures ages.
//!
//! The second follows the wall clock, but where the wall clock steps it goes on as before. What it
//! differs by is written with every record, so that ages are right after a restart, too.

use bytes::{BufMut, Bytes, BytesMut};

use crate::event::EpochMillis;

/// Key of the [`Anchor`] in the log's small settings.
pub(crate) const KEY_CLOCK: &str = "hub/clock";

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

/// What is kept of the clock beside the log, so that a restart goes on with it.
///
/// While the machine runs, its clock that nobody can set tells how much time has passed since;
/// after that, the correction tells what the wall clock differs by.
///
/// ```text
/// elapsed u64, kept_at u64, correction i32, identity of the run of the system
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Anchor {
    elapsed_ms: u64,
    kept_at: EpochMillis,
    correction_s: i32,
    boot_id: Box<str>,
}

impl Anchor {
    pub(crate) fn encode(&self) -> Bytes {
        let mut bytes = BytesMut::with_capacity(20 + self.boot_id.len());
        bytes.put_u64_le(self.elapsed_ms);
        bytes.put_u64_le(self.kept_at);
        bytes.put_i32_le(self.correction_s);
        bytes.put_slice(self.boot_id.as_bytes());
        bytes.freeze()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let (elapsed_ms, bytes) = bytes.split_first_chunk()?;
        let (kept_at, bytes) = bytes.split_first_chunk()?;
        let (correction_s, boot_id) = bytes.split_first_chunk()?;
        Some(Self {
            elapsed_ms: u64::from_le_bytes(*elapsed_ms),
            kept_at: u64::from_le_bytes(*kept_at),
            correction_s: i32::from_le_bytes(*correction_s),
            boot_id: std::str::from_utf8(boot_id).ok()?.into(),
        })
    }
}

/// The clock that only runs forward.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HubClock {
    correction_s: i32,
    kept_at: EpochMillis,
    elapsed_ms: u64,
}

impl HubClock {
    /// Continues the clock of a log whose newest record has this time and correction, and of what
    /// was kept beside it.
    ///
    /// `elapsed_ms` is that of a clock that steps cannot move. After a start of the machine a wall
    /// clock that is behind what is known was set back meanwhile.
    pub(crate) fn resume(
        newest: (EpochMillis, i32),
        anchor: Option<&Anchor>,
        (at, elapsed_ms): (EpochMillis, u64),
        boot_id: &str,
    ) -> Self {
        let of_anchor = anchor.map(|anchor| (anchor.kept_at, anchor.correction_s));
        let (kept_max, correction_s) =
            of_anchor.filter(|(kept_at, _)| *kept_at >= newest.0).unwrap_or(newest);
        let mut clock = Self { correction_s, kept_at: kept_max, elapsed_ms };
        let is_same_run = |anchor: &&Anchor| {
            !boot_id.is_empty() && *anchor.boot_id == *boot_id && anchor.elapsed_ms <= elapsed_ms
        };
        if let Some(anchor) = anchor.filter(is_same_run) {
            let passed_ms = elapsed_ms - anchor.elapsed_ms;
            clock.kept_at = kept_max.max(anchor.kept_at + passed_ms);
            clock.read(at, elapsed_ms);
            return clock;
        }
        let shown = tidings_log::record::kept_at(at, correction_s);
        if shown >= kept_max {
            clock.kept_at = shown;
        } else {
            clock.correct(shown, kept_max);
        }
        clock
    }

    /// Returns what to keep of the clock; it was read at this time of the clock that nobody sets.
    pub(crate) fn anchor(&self, boot_id: &str) -> Anchor {
        Anchor {
            elapsed_ms: self.elapsed_ms,
            kept_at: self.kept_at,
            correction_s: self.correction_s,
            boot_id: boot_id.into(),
        }
    }

    /// Whether what is kept tells less than this: another correction, or another run of the system.
    pub(crate) fn differs_from(&self, anchor: Option<&Anchor>, boot_id: &str) -> bool {
        anchor.is_none_or(|anchor| {
            anchor.correction_s != self.correction_s || *anchor.boot_id != *boot_id
        })
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
        let mut clock = HubClock::resume((0, 0), None, (START, 5), "");
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
            let mut clock = HubClock::resume(newest, None, (wall, 0), "");
            let now = clock.read(wall, 0);
            assert!(now.kept_at.abs_diff(expected) <= 500, "case: {name}: {now:?}");
        }
    }

    #[test]
    fn a_restart_goes_on_with_what_was_kept() {
        let anchor = Anchor {
            elapsed_ms: 1_000,
            kept_at: START,
            correction_s: -3_600,
            boot_id: "this".into(),
        };
        assert_eq!(Anchor::decode(&anchor.encode()), Some(anchor.clone()));
        let step = START + HOUR;
        #[rustfmt::skip]
        let cases = [
            ("no step",                       "this",  (step + 9_000, 10_000),            START + 9_000),
            ("another step while it was off", "this",  (START + 9_000, 10_000),           START + 9_000),
            ("the machine was off",           "other", (step + 9_000, 5),                 START + 9_000),
            ("off, and set back",             "other", (step - 9_000, 5),                 START),
            ("a clock that began anew",       "this",  (step + 9_000, 5),                 START + 9_000),
            ("the run is not known",          "",      (step + 9_000, 10_000),            START + 9_000),
        ];
        for (name, boot_id, (at, elapsed), expected) in cases {
            let before = (START - HOUR, 0);
            let mut clock = HubClock::resume(before, Some(&anchor), (at, elapsed), boot_id);
            let now = clock.read(at, elapsed);
            assert!(now.kept_at.abs_diff(expected) <= 500, "case: {name}: {now:?}");
        }
        // A record that is newer than what was kept knows better.
        let newest = (START + 1_000, 0);
        let mut clock = HubClock::resume(newest, Some(&anchor), (START + 2_000, 5), "other");
        assert_eq!(clock.read(START + 2_000, 5).kept_at, START + 2_000);
    }

    #[test]
    fn drift_is_followed_and_time_never_runs_back() {
        let mut clock = HubClock::resume((0, 0), None, (START, 0), "");
        let mut before = 0;
        for second in 0..10_000_u64 {
            let now = clock.read(START + second * 1_000 - second, second * 1_000);
            assert!(now.kept_at >= before);
            assert_eq!(now.correction_s, 0, "a slow clock is drift at second {second}");
            before = now.kept_at;
        }
    }
}
