//! Answers of upstreams in wire form, bounded by bytes; the time of each is its own affair.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::config::CacheConfig;
use crate::name::{self, Name};

pub mod keeper;
mod key;
mod shard;
pub(crate) mod snapshot;
mod stored;
mod view;

pub(crate) use key::{Key, KeyFlags, ViewId};
use shard::Shard;
pub(crate) use stored::Stored;
pub use view::{CacheEntry, CachePage, CacheQuery, CacheStats, Flush, PAGE_MAX};

/// Parts with a lock of their own; a power of two.
const N_SHARDS: usize = 32;
/// Part of an answer's time, from its end, in which a popular one is asked for again.
const PREFETCH_PART: u64 = 10;

/// The cache; shared by everybody who answers.
#[derive(Debug)]
pub struct Cache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    rules: arc_swap::ArcSwap<Rules>,
    n_hits: AtomicU64,
    n_misses: AtomicU64,
    n_stale: AtomicU64,
    n_prefetched: AtomicU64,
    n_evicted: AtomicU64,
}

/// What the settings say of the cache.
#[derive(Debug)]
struct Rules {
    shard_size_max_bytes: usize,
    stale_max_ms: u64,
    prefetch_hits: u32,
    never: Box<[Name]>,
    never_stale: Box<[Name]>,
}

/// What the cache has for a question.
#[derive(Debug)]
pub(crate) enum Found {
    /// An answer within its time.
    Fresh {
        stored: Arc<Stored>,
        age_s: u32,
        /// Whether it is popular and near its end, and this caller is the one to ask again.
        is_due: bool,
    },
    /// An answer past its time.
    Stale {
        stored: Arc<Stored>,
        /// Whether upstreams failed a moment ago, so that it is served without asking again.
        is_excused: bool,
    },
    /// Nothing.
    Nothing,
}

impl Cache {
    /// Makes an empty cache.
    pub(crate) fn new(config: &CacheConfig) -> Self {
        Self {
            shards: (0..N_SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            rules: arc_swap::ArcSwap::from_pointee(Rules::new(config)),
            n_hits: AtomicU64::new(0),
            n_misses: AtomicU64::new(0),
            n_stale: AtomicU64::new(0),
            n_prefetched: AtomicU64::new(0),
            n_evicted: AtomicU64::new(0),
        }
    }

    /// Takes over other settings; what is over a smaller size goes as new answers come.
    pub(crate) fn replace_config(&self, config: &CacheConfig) {
        self.rules.store(Arc::new(Rules::new(config)));
    }

    /// Looks an answer up and counts it as used.
    pub(crate) fn find(&self, key: &Key, now_ms: u64) -> Found {
        let rules = self.rules.load();
        let mut shard = self.shard(key.as_bytes()).lock();
        let Some(slot) = shard.get_mut(key.as_bytes()) else {
            drop(shard);
            self.n_misses.fetch_add(1, Ordering::Relaxed);
            return Found::Nothing;
        };
        slot.n_hits = slot.n_hits.saturating_add(1);
        let age_ms = now_ms.saturating_sub(slot.stored_at_ms);
        let ttl_ms = u64::from(slot.stored.ttl_s) * 1_000;
        let stored = Arc::clone(&slot.stored);
        if age_ms < ttl_ms {
            let is_due = rules.prefetch_hits > 0
                && slot.n_hits >= rules.prefetch_hits
                && !slot.is_asked_again
                && (ttl_ms - age_ms) * PREFETCH_PART < ttl_ms;
            slot.is_asked_again |= is_due;
            drop(shard);
            if is_due {
                self.n_prefetched.fetch_add(1, Ordering::Relaxed);
            }
            self.n_hits.fetch_add(1, Ordering::Relaxed);
            let n_seconds = u32::try_from(age_ms / 1_000).unwrap_or(u32::MAX);
            return Found::Fresh { stored, age_s: n_seconds, is_due };
        }
        let is_excused = slot.excused_until_ms > now_ms;
        drop(shard);
        let overdue_ms = age_ms - ttl_ms;
        let may_be_stale = overdue_ms < rules.stale_max_ms
            && stored.is_good()
            && !is_listed(&rules.never_stale, key.name());
        if !may_be_stale {
            self.n_misses.fetch_add(1, Ordering::Relaxed);
            return Found::Nothing;
        }
        if is_excused {
            self.n_stale.fetch_add(1, Ordering::Relaxed);
        } else {
            self.n_misses.fetch_add(1, Ordering::Relaxed);
        }
        Found::Stale { stored, is_excused }
    }

    /// Counts an answer that was served past its time after upstreams had been asked.
    pub(crate) fn count_stale(&self) {
        self.n_stale.fetch_add(1, Ordering::Relaxed);
    }

    /// Keeps an answer, in place of the one before; makes room by what was not used of late.
    ///
    /// A failure does not replace an answer that may still stand in past its time.
    pub(crate) fn insert(&self, key: &Key, stored: Arc<Stored>, now_ms: u64) {
        let rules = self.rules.load();
        let size_max_bytes = rules.shard_size_max_bytes;
        if stored.ttl_s == 0 || size_max_bytes == 0 || is_listed(&rules.never, key.name()) {
            return;
        }
        let mut shard = self.shard(key.as_bytes()).lock();
        if !stored.is_good() {
            let excused_until_ms = now_ms.saturating_add(u64::from(stored.ttl_s) * 1_000);
            if let Some(slot) = shard.get_mut(key.as_bytes())
                && slot.stored.is_good()
                && rules.stale_max_ms > 0
                && !is_listed(&rules.never_stale, key.name())
            {
                slot.excused_until_ms = excused_until_ms;
                return;
            }
        }
        let n_evicted = shard.insert(key.as_bytes(), stored, now_ms, size_max_bytes);
        drop(shard);
        self.n_evicted.fetch_add(n_evicted, Ordering::Relaxed);
    }

    /// Lets a popular answer be asked for once more, as the last try failed.
    pub(crate) fn ask_again(&self, key: &Key) {
        if let Some(slot) = self.shard(key.as_bytes()).lock().get_mut(key.as_bytes()) {
            slot.is_asked_again = false;
        }
    }

    /// Throws answers away and returns how many.
    pub fn flush(&self, what: &Flush) -> usize {
        let is_meant = |key: &[u8]| match what {
            Flush::All => true,
            Flush::Within(name) => name::suffixes(Key::name_of(key)).any(|s| s == name.as_wire()),
            Flush::One { name, kind } => {
                Key::name_of(key) == name.as_wire()
                    && kind.is_none_or(|kind| Key::kind_of(key) == kind)
            }
        };
        self.shards.iter().map(|shard| shard.lock().remove_where(is_meant)).sum()
    }

    /// Returns how long past its time an answer may stand in, in milliseconds.
    pub(crate) fn stale_max_ms(&self) -> u64 {
        self.rules.load().stale_max_ms
    }

    fn shard(&self, key: &[u8]) -> &Mutex<Shard> {
        let index = usize::try_from(self.hasher.hash_one(key) >> 40).unwrap_or(0) % N_SHARDS;
        self.shards.get(index).unwrap_or_else(|| unreachable!("the index is below the length"))
    }
}

impl Rules {
    fn new(config: &CacheConfig) -> Self {
        let names =
            |texts: &[String]| texts.iter().filter_map(|text| Name::parse(text).ok()).collect();
        Self {
            shard_size_max_bytes: config.size_max_bytes / N_SHARDS,
            stale_max_ms: u64::try_from(config.stale_max.as_millis()).unwrap_or(u64::MAX),
            prefetch_hits: config.prefetch_hits,
            never: names(&config.never),
            never_stale: names(&config.never_stale),
        }
    }
}

/// Returns whether a name lies within one of the listed ones.
fn is_listed(listed: &[Name], name: &[u8]) -> bool {
    !listed.is_empty()
        && listed.iter().any(|listed| name::suffixes(name).any(|s| s == listed.as_wire()))
}

#[cfg(test)]
mod tests;
