//! Filters that people look through while it happens: equal ones share a channel.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use parking_lot::Mutex;
use tidings_dns::query_log::filter::Filter;
use tidings_dns::query_log::{Batch, Logged};

use crate::dns::DNS_LIVE;

/// Most filters at the same time.
pub const FILTERS_MAX: usize = 64;
/// Milliseconds that a filter is kept that nobody looks through.
const UNUSED_MAX_MS: u64 = 30_000;
/// Most entries of one batch; what is beyond is counted.
pub const BATCH_ENTRIES_MAX: usize = 100;

/// Too many filters are looked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{FILTERS_MAX} live filters are in use already; close another live view")]
pub struct TooManyFilters;

/// The filters in use, by channel.
#[derive(Debug, Default)]
pub struct LiveFilters(Mutex<HashMap<String, Watched>>);

/// A filter that is looked through.
#[derive(Debug)]
struct Watched {
    filter: Filter,
    entries: Vec<Logged>,
    n_matching: u64,
    n_dropped: u64,
    used_ms: u64,
}

/// What came for one filter since the last time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveBatch {
    /// Where to publish it.
    pub channel: String,
    /// Entries, oldest first, at most [`BATCH_ENTRIES_MAX`].
    pub entries: Vec<Logged>,
    /// Entries that the filter wanted.
    pub n_matching: u64,
    /// Entries of these that are left out.
    pub n_dropped: u64,
}

impl LiveFilters {
    /// Enters a filter and returns its channel; an equal one has it already.
    ///
    /// # Errors
    ///
    /// [`FILTERS_MAX`] others are in use.
    pub fn watch(&self, filter: Filter, now_ms: u64) -> Result<String, TooManyFilters> {
        let channel = channel_of(&filter);
        let mut watched = self.0.lock();
        if let Some(known) = watched.get_mut(&channel) {
            known.used_ms = now_ms;
            return Ok(channel);
        }
        if watched.len() >= FILTERS_MAX {
            return Err(TooManyFilters);
        }
        let new =
            Watched { filter, entries: Vec::new(), n_matching: 0, n_dropped: 0, used_ms: now_ms };
        watched.insert(channel.clone(), new);
        Ok(channel)
    }

    /// Returns whether there is any filter.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    /// Returns how many filters there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.lock().len()
    }

    /// Hands entries to every filter that wants them.
    pub fn offer(&self, batch: &Batch) {
        for watched in self.0.lock().values_mut() {
            for logged in batch.iter().filter(|logged| watched.filter.matches(&logged.entry)) {
                watched.n_matching += 1;
                if watched.entries.len() < BATCH_ENTRIES_MAX {
                    watched.entries.push(logged.clone());
                } else {
                    watched.n_dropped += 1;
                }
            }
        }
    }

    /// Takes what came since the last time.
    pub fn take(&self) -> Vec<LiveBatch> {
        let mut watched = self.0.lock();
        let busy = watched.iter_mut().filter(|(_, watched)| watched.n_matching > 0);
        busy.map(|(channel, watched)| LiveBatch {
            channel: channel.clone(),
            entries: std::mem::take(&mut watched.entries),
            n_matching: std::mem::take(&mut watched.n_matching),
            n_dropped: std::mem::take(&mut watched.n_dropped),
        })
        .collect()
    }

    /// Forgets the filters that nobody looked through for a while; `is_wanted` knows who does.
    pub fn forget_unused(&self, now_ms: u64, is_wanted: impl Fn(&str) -> bool) {
        self.0.lock().retain(|channel, watched| {
            if is_wanted(channel) {
                watched.used_ms = now_ms;
            }
            now_ms.saturating_sub(watched.used_ms) <= UNUSED_MAX_MS
        });
    }
}

/// Returns the channel of a filter: equal ones have equal texts.
fn channel_of(filter: &Filter) -> String {
    let mut hasher = DefaultHasher::new();
    filter.to_string().hash(&mut hasher);
    format!("{DNS_LIVE}{:016x}", hasher.finish())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use tidings_dns::query_log::filter::Names;
    use tidings_dns::query_log::samples::entry;

    fn filter(text: &str) -> Filter {
        Filter::parse(text, &Names { now_ms: 0, list: &|_| None }).unwrap()
    }

    fn batch(names: &[&str]) -> Batch {
        let entries = names.iter().map(|name| Logged::new(1, entry(name, 1)));
        Arc::from(entries.collect::<Vec<_>>())
    }

    #[test]
    fn equal_filters_share_a_channel() {
        let live = LiveFilters::default();
        let one = live.watch(filter("type:A status:blocked"), 0).unwrap();
        let other = live.watch(filter("status:blocked  type:a"), 0).unwrap();
        assert_eq!((&one, live.len()), (&other, 1));
        assert!(one.starts_with(DNS_LIVE));
        assert_ne!(live.watch(filter("type:A"), 0).unwrap(), one);
    }

    #[test]
    fn a_filter_gets_what_it_wants_and_a_count_of_what_is_left_out() {
        let live = LiveFilters::default();
        let channel = live.watch(filter("www"), 0).unwrap();
        live.watch(filter("nothing"), 0).unwrap();
        live.offer(&batch(&["www.example", "api.example"]));
        live.offer(&batch(&vec!["www.example"; BATCH_ENTRIES_MAX + 9]));
        let taken = live.take();
        assert_eq!(taken.len(), 1);
        assert_eq!(taken[0].channel, channel);
        assert_eq!(taken[0].entries.len(), BATCH_ENTRIES_MAX);
        assert_eq!((taken[0].n_matching, taken[0].n_dropped), (110, 10));
        assert!(live.take().is_empty());
    }

    #[test]
    fn the_unused_are_forgotten_and_the_number_is_bounded() {
        let live = LiveFilters::default();
        for n in 0..FILTERS_MAX {
            live.watch(filter(&format!("name:n{n}")), 0).unwrap();
        }
        assert_eq!(live.watch(filter("one-more"), 0), Err(TooManyFilters));
        let kept = live.watch(filter("name:n7"), 10_000).unwrap();
        live.forget_unused(31_000, |_| false);
        assert_eq!(live.len(), 1);
        live.forget_unused(90_000, |channel| channel == kept);
        live.forget_unused(110_000, |_| false);
        assert_eq!(live.len(), 1);
        live.forget_unused(130_001, |_| false);
        assert!(live.is_empty());
    }
}
