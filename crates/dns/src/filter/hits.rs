//! How often each list had its say.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::filter::list_mask::LISTS_MAX;
use crate::verdict::ListId;

/// Counters of all lists; safe search has the last.
#[derive(Debug)]
pub struct Hits(Box<[AtomicU64]>);

impl Hits {
    /// Counts one verdict of `list`.
    pub(crate) fn add(&self, list: ListId) {
        if let Some(counter) = self.counter(list) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns how many verdicts were of `list` since the start.
    #[must_use]
    pub fn of(&self, list: ListId) -> u64 {
        self.counter(list).map_or(0, |counter| counter.load(Ordering::Relaxed))
    }

    fn counter(&self, list: ListId) -> Option<&AtomicU64> {
        let index = if list == ListId::SAFE_SEARCH { LISTS_MAX } else { list.0 };
        self.0.get(usize::from(index))
    }
}

impl Default for Hits {
    fn default() -> Self {
        Self((0..=LISTS_MAX).map(|_| AtomicU64::new(0)).collect())
    }
}
