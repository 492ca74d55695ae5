//! Counts of what the runs met, so that a test that meets nothing fails.

use std::fmt;

/// What happened, summed over runs.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) published: u64,
    pub(crate) at_once: u64,
    pub(crate) repeats: u64,
    pub(crate) conflicts: u64,
    pub(crate) partial_reads: u64,
    pub(crate) resumes: u64,
    /// Resumes behind what is no position of a publication.
    pub(crate) strange: u64,
    pub(crate) sweeps: u64,
    pub(crate) clock_steps: u64,
    pub(crate) deletes: u64,
    pub(crate) patches: u64,
    pub(crate) keep_alives: u64,
    pub(crate) histories: u64,
    pub(crate) refused_full: u64,
    pub(crate) failed_disks: u64,
    /// Publications that were never acknowledged and were found after a restart.
    pub(crate) found_unsure: u64,
    pub(crate) restarts: u64,
    pub(crate) restores: u64,
    pub(crate) epochs: u64,
    /// Channels that lost events to the ceiling of the log.
    pub(crate) given_up: u64,
    pub(crate) shown: u64,
    pub(crate) resets: u64,
}

impl Tally {
    fn counts(&mut self) -> [(&'static str, &mut u64); 22] {
        [
            ("published", &mut self.published),
            ("times several at once", &mut self.at_once),
            ("repeats", &mut self.repeats),
            ("key conflicts", &mut self.conflicts),
            ("partial reads", &mut self.partial_reads),
            ("resumes", &mut self.resumes),
            ("strange positions", &mut self.strange),
            ("sweeps", &mut self.sweeps),
            ("clock steps", &mut self.clock_steps),
            ("deletes", &mut self.deletes),
            ("patches", &mut self.patches),
            ("keep-alives", &mut self.keep_alives),
            ("histories", &mut self.histories),
            ("refused on a full disk", &mut self.refused_full),
            ("failed disks", &mut self.failed_disks),
            ("unsure and found", &mut self.found_unsure),
            ("restarts", &mut self.restarts),
            ("restores", &mut self.restores),
            ("new epochs", &mut self.epochs),
            ("given up at the ceiling", &mut self.given_up),
            ("publications shown", &mut self.shown),
            ("resets", &mut self.resets),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let mut other = other.clone();
        for ((_, sum), (_, more)) in self.counts().into_iter().zip(other.counts()) {
            *sum += *more;
        }
    }

    /// Checks that nothing was rarer than once in ten runs.
    pub(crate) fn assert_all_met(&mut self, n_runs: u64) {
        for (what, n) in self.counts() {
            assert!(*n >= n_runs / 10, "only {n} {what} in {n_runs} runs");
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (what, n)) in self.clone().counts().into_iter().enumerate() {
            write!(formatter, "{}{n} {what}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
