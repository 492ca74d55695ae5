//! The state machine of one watched lease file: when to read, and what to do with what was read.
//!
//! ```text
//!        signal               quiet for `settle`, or `settle_max` after the first signal
//!  Idle -------> Settling --------------------------------------------------------> Reading
//!   ^                ^                                                              |  |  |
//!   |                |   after the last retry                     unsettled, retry  |  |  |
//!   |                +------------------------------- Retrying <--------------------+  |  |
//!   |                                                    |  due                        |  |
//!   |                                                    +--------> Reading            |  |
//!   |                                                                        doubtful  |  |
//!   |                                                 Confirming <---------------------+  |
//!   |                                                    |  due                           |
//!   |                                                    +--------> Reading               |
//!   |            whole or failed (to Settling, if a signal came while reading)            |
//!   +-------------------------------------------------------------------------------------+
//! ```
//!
//! Times are durations since any fixed moment, so the tests need no clock and no files.

use std::time::Duration;

use crate::network::DetectedBy;

/// Waits before a file that was caught being written is read again.
const RETRIES: [Duration; 4] = [
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(200),
    Duration::from_millis(400),
];
/// Longest time that signals may put a read off.
const SETTLE_MAX: Duration = Duration::from_secs(1);

/// A run of signals that one read will answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Burst {
    by: DetectedBy,
    first: Duration,
    last: Duration,
}

impl Burst {
    fn new(by: DetectedBy, now: Duration) -> Self {
        Self { by, first: now, last: now }
    }

    /// The signal that came first is what found the change.
    fn joined(burst: Option<Self>, by: DetectedBy, now: Duration) -> Self {
        burst.map_or(Self::new(by, now), |burst| Self { last: now, ..burst })
    }
}

/// Where the watch of a file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Nothing is known to have changed.
    Idle,
    /// Something changed; waits until the file is quiet.
    Settling(Burst),
    /// A read is under way; `later` are the signals since it began.
    Reading { by: DetectedBy, attempt: usize, later: Option<Burst> },
    /// The file was caught being written; reads again at `due`.
    Retrying { by: DetectedBy, attempt: usize, due: Duration },
    /// What was read would remove leases; reads again at `due`.
    Confirming { by: DetectedBy, due: Duration },
}

/// What happens to the watch of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// Something may have changed.
    Signal(DetectedBy),
    /// Time went by; asked for by [`FileWatch::due`].
    Due,
    /// The read that [`Action::Read`] asked for came back.
    Read(Verdict),
}

/// What a read is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Believable.
    Whole,
    /// Believable, but so fresh that a further change might not be seen: read once more.
    Fresh,
    /// Would remove leases; believable when the same is read again after this time.
    Doubtful(Duration),
    /// Caught being written, or missing for a moment.
    Unsettled,
    /// Cannot be read.
    Failed,
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action {
    /// Nothing before [`FileWatch::due`] or the next signal.
    Wait,
    /// Read the file and come back with [`Input::Read`].
    Read,
    /// Take over what was read; the change was found by this.
    Apply(DetectedBy),
    /// Keep what was read to compare it with the next read.
    Hold,
    /// Say that the source is stale.
    Fail,
}

/// The watch of one lease file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileWatch {
    settle: Duration,
    phase: Phase,
}

impl FileWatch {
    /// Begins with a read at once; waits `settle` after each later change.
    pub(crate) fn new(settle: Duration) -> Self {
        let long_ago = Duration::ZERO;
        let by = DetectedBy::Poll;
        Self { settle, phase: Phase::Retrying { by, attempt: 0, due: long_ago } }
    }

    /// Returns when [`Input::Due`] is wanted; `None` when only a signal or a read moves it on.
    pub(crate) fn due(&self) -> Option<Duration> {
        match self.phase {
            Phase::Idle | Phase::Reading { .. } => None,
            Phase::Settling(burst) => {
                Some((burst.last + self.settle).min(burst.first + SETTLE_MAX))
            }
            Phase::Retrying { due, .. } | Phase::Confirming { due, .. } => Some(due),
        }
    }

    /// Returns what found the change that the current read is for.
    pub(crate) fn detected_by(&self) -> DetectedBy {
        match self.phase {
            Phase::Idle => DetectedBy::Poll,
            Phase::Settling(burst) => burst.by,
            Phase::Reading { by, .. }
            | Phase::Retrying { by, .. }
            | Phase::Confirming { by, .. } => by,
        }
    }

    /// Returns whether a file that is still unsettled now will not be retried at once.
    pub(crate) fn is_last_attempt(&self) -> bool {
        matches!(self.phase, Phase::Reading { attempt, .. } if attempt >= RETRIES.len())
    }

    /// Advances; pure.
    #[must_use]
    pub(crate) fn step(self, now: Duration, input: Input) -> (Self, Action) {
        let (phase, action) = match input {
            Input::Signal(by) => (self.signalled(now, by), Action::Wait),
            Input::Due => self.due_passed(now),
            Input::Read(verdict) => self.read(now, verdict),
        };
        (Self { phase, ..self }, action)
    }

    fn signalled(&self, now: Duration, by: DetectedBy) -> Phase {
        match self.phase {
            Phase::Idle => Phase::Settling(Burst::new(by, now)),
            Phase::Settling(burst) => Phase::Settling(Burst::joined(Some(burst), by, now)),
            Phase::Reading { by: reading_by, attempt, later } => {
                let later = Some(Burst::joined(later, by, now));
                Phase::Reading { by: reading_by, attempt, later }
            }
            // The read to come answers this signal too.
            Phase::Retrying { .. } | Phase::Confirming { .. } => self.phase,
        }
    }

    fn due_passed(&self, now: Duration) -> (Phase, Action) {
        if self.due().is_none_or(|due| now < due) {
            return (self.phase, Action::Wait);
        }
        let (by, attempt) = match self.phase {
            Phase::Idle | Phase::Reading { .. } => return (self.phase, Action::Wait),
            Phase::Settling(burst) => (burst.by, 0),
            Phase::Retrying { by, attempt, .. } => (by, attempt),
            Phase::Confirming { by, .. } => (by, 0),
        };
        (Phase::Reading { by, attempt, later: None }, Action::Read)
    }

    fn read(&self, now: Duration, verdict: Verdict) -> (Phase, Action) {
        let Phase::Reading { by, attempt, later } = self.phase else {
            debug_assert!(false, "a read comes back only after it was asked for");
            return (self.phase, Action::Wait);
        };
        let rest = later.map_or(Phase::Idle, Phase::Settling);
        match verdict {
            Verdict::Whole => (rest, Action::Apply(by)),
            Verdict::Fresh => {
                let again = later.unwrap_or(Burst::new(by, now));
                (Phase::Settling(again), Action::Apply(by))
            }
            Verdict::Doubtful(after) => (Phase::Confirming { by, due: now + after }, Action::Hold),
            Verdict::Unsettled => match RETRIES.get(attempt) {
                Some(wait) => {
                    let due = now + *wait;
                    (Phase::Retrying { by, attempt: attempt + 1, due }, Action::Wait)
                }
                None => (Phase::Settling(Burst::new(by, now)), Action::Wait),
            },
            Verdict::Failed => (rest, Action::Fail),
        }
    }
}

#[cfg(test)]
mod tests;
