//! Counts of what the schedules met, so that a test that meets nothing fails.

use std::fmt;

use tidings_log::disk::Disk;
use tidings_log::simulated::SimulatedDisk;

/// What happened, summed over schedules.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) schedules: u64,
    pub(crate) commits: u64,
    pub(crate) refused_full: u64,
    pub(crate) broken: u64,
    pub(crate) sweeps: u64,
    pub(crate) deletes: u64,
    pub(crate) forgets: u64,
    pub(crate) reconfigures: u64,
    pub(crate) closes: u64,
    /// Segments begun and removed.
    pub(crate) rolls: u64,
    pub(crate) removals: u64,
    pub(crate) failed_opens: u64,
    pub(crate) kills: u64,
    pub(crate) power_cuts: u64,
    /// Power cuts that lost bytes, lost bytes before others that they kept, and lost names.
    pub(crate) lost_bytes: u64,
    pub(crate) lost_between: u64,
    pub(crate) lost_names: u64,
    /// Openings that cut off what was left of a write.
    pub(crate) torn_tails: u64,
    /// Batches never acknowledged that were found whole, and that were not.
    pub(crate) unacknowledged_found: u64,
    pub(crate) unacknowledged_lost: u64,
}

impl Tally {
    fn counts(&self) -> [(&'static str, u64); 20] {
        [
            ("schedules", self.schedules),
            ("commits", self.commits),
            ("refused on a full disk", self.refused_full),
            ("broken by a fault", self.broken),
            ("sweeps", self.sweeps),
            ("deletes", self.deletes),
            ("forgets", self.forgets),
            ("reconfigures", self.reconfigures),
            ("clean closes", self.closes),
            ("segments begun", self.rolls),
            ("segments removed", self.removals),
            ("openings that failed", self.failed_opens),
            ("kills", self.kills),
            ("power cuts", self.power_cuts),
            ("that lost bytes", self.lost_bytes),
            ("that lost bytes before kept ones", self.lost_between),
            ("that lost names", self.lost_names),
            ("torn tails cut off", self.torn_tails),
            ("unacknowledged batches found", self.unacknowledged_found),
            ("unacknowledged batches lost", self.unacknowledged_lost),
        ]
    }

    pub(crate) fn add(&mut self, other: &Self) {
        let sums = [
            (&mut self.schedules, other.schedules),
            (&mut self.commits, other.commits),
            (&mut self.refused_full, other.refused_full),
            (&mut self.broken, other.broken),
            (&mut self.sweeps, other.sweeps),
            (&mut self.deletes, other.deletes),
            (&mut self.forgets, other.forgets),
            (&mut self.reconfigures, other.reconfigures),
            (&mut self.closes, other.closes),
            (&mut self.rolls, other.rolls),
            (&mut self.removals, other.removals),
            (&mut self.failed_opens, other.failed_opens),
            (&mut self.kills, other.kills),
            (&mut self.power_cuts, other.power_cuts),
            (&mut self.lost_bytes, other.lost_bytes),
            (&mut self.lost_between, other.lost_between),
            (&mut self.lost_names, other.lost_names),
            (&mut self.torn_tails, other.torn_tails),
            (&mut self.unacknowledged_found, other.unacknowledged_found),
            (&mut self.unacknowledged_lost, other.unacknowledged_lost),
        ];
        for (sum, more) in sums {
            *sum += more;
        }
    }

    /// Counts what a power cut took; `before` is the disk as the process saw it.
    pub(crate) fn count_power_cut(&mut self, before: &SimulatedDisk, found: &SimulatedDisk) {
        self.power_cuts += 1;
        self.lost_names += u64::from(before.names() != found.names());
        let segments = before.names().into_iter().filter(|name| is_segment(name));
        let contents =
            segments.filter_map(|name| Some((before.content(&name)?, found.content(&name)?)));
        let mut has_lost = false;
        let mut has_lost_between = false;
        for (written, kept) in contents {
            has_lost |= written != kept;
            has_lost_between |= !written.starts_with(&kept);
        }
        self.lost_bytes += u64::from(has_lost);
        self.lost_between += u64::from(has_lost_between);
    }

    /// Checks that no kind of event is rarer than one in so many schedules.
    pub(crate) fn assert_all_met(&self, one_in: u64) {
        for (what, n) in self.counts() {
            assert!(
                n >= self.schedules / one_in,
                "only {n} {what} in {} schedules",
                self.schedules
            );
        }
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (what, n)) in self.counts().into_iter().enumerate() {
            write!(formatter, "{}{n} {what}", if place == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

/// Returns the bytes of all segments.
pub(crate) fn segment_bytes(disk: &SimulatedDisk) -> usize {
    let names = disk.names().into_iter().filter(|name| is_segment(name));
    names.filter_map(|name| disk.content(&name)).map(|bytes| bytes.len()).sum()
}

/// Returns the first offset of the second segment; `u64::MAX` when there is none.
pub(crate) fn second_base(disk: &SimulatedDisk) -> u64 {
    let names = disk.names().into_iter().filter(|name| is_segment(name));
    let mut bases = names.filter_map(|name| name.strip_suffix(".log")?.parse().ok());
    bases.nth(1).unwrap_or(u64::MAX)
}

/// Says whether the disk can still be looked at.
pub(crate) fn is_running(disk: &SimulatedDisk) -> bool {
    disk.list().is_ok()
}

/// Says whether a file is a segment: its name is its first offset.
pub(crate) fn is_segment(name: &str) -> bool {
    name.strip_suffix(".log").is_some_and(|base| base.bytes().all(|byte| byte.is_ascii_digit()))
}
