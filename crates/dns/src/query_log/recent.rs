//! The newest entries, in memory.

use std::collections::VecDeque;

use crate::query_log::Logged;
use crate::query_log::filter::Filter;

/// Most entries beyond the usual number that wait here for the disk.
const UNKEPT_MAX: usize = 32_768;

/// The newest entries in order; what the disk does not have yet stays a while longer.
#[derive(Debug)]
pub(crate) struct Recent {
    entries: VecDeque<Logged>,
    n_max: usize,
}

impl Recent {
    /// Makes room for so many entries.
    pub(crate) fn new(n_max: usize) -> Self {
        Self { entries: VecDeque::new(), n_max }
    }

    /// Adds entries; those up to `kept` are on disk, or never will be.
    pub(crate) fn extend(&mut self, entries: &[Logged], kept: u64) {
        self.entries.extend(entries.iter().cloned());
        while self.entries.len() > self.n_max {
            let is_kept = self.entries.front().is_some_and(|oldest| oldest.sequence <= kept);
            if !is_kept && self.entries.len() <= self.n_max + UNKEPT_MAX {
                return;
            }
            self.entries.pop_front();
        }
    }

    /// Sets how many entries are held.
    pub(crate) fn resize(&mut self, n_max: usize) {
        self.n_max = n_max;
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
    }

    /// Returns how many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Returns the sequence number of the oldest entry.
    pub(crate) fn oldest(&self) -> Option<u64> {
        self.entries.front().map(|logged| logged.sequence)
    }

    /// Returns what a filter wants of the entries before a sequence number, newest first.
    pub(crate) fn search(&self, filter: &Filter, before: u64, n_max: usize) -> Vec<Logged> {
        let end = self.entries.partition_point(|logged| logged.sequence < before);
        let candidates = self.entries.iter().take(end).rev();
        candidates.filter(|logged| filter.matches(&logged.entry)).take(n_max).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query_log::samples::entry;

    fn logged(sequence: u64) -> Logged {
        Logged::new(sequence, entry("www.example", sequence))
    }

    #[test]
    fn what_the_disk_lacks_stays() {
        let mut recent = Recent::new(2);
        recent.extend(&(1..=5).map(logged).collect::<Vec<_>>(), 1);
        assert_eq!((recent.oldest(), recent.len()), (Some(2), 4));
        recent.extend(&[logged(6)], 6);
        assert_eq!((recent.oldest(), recent.len()), (Some(5), 2));
    }

    #[test]
    fn what_the_disk_never_takes_is_bounded() {
        let mut recent = Recent::new(10);
        let n_all = u64::try_from(UNKEPT_MAX).unwrap() + 100;
        recent.extend(&(1..=n_all).map(logged).collect::<Vec<_>>(), 0);
        assert_eq!(recent.len(), UNKEPT_MAX + 10);
    }

    #[test]
    fn a_search_goes_back_from_where_it_is_told() {
        let mut recent = Recent::new(10);
        recent.extend(&(1..=9).map(logged).collect::<Vec<_>>(), 9);
        let found = recent.search(&Filter::default(), 7, 3);
        let sequences: Vec<u64> = found.iter().map(|logged| logged.sequence).collect();
        assert_eq!(sequences, [6, 5, 4]);
    }
}
