//! What people see of the cache: its numbers, its entries, and what they throw away.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::{Cache, Key};
use crate::name::{self, Name};
use crate::record_type::RecordType;

/// Most entries of one page.
pub const PAGE_MAX: usize = 1_000;

/// What to throw away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flush {
    /// One name.
    One {
        /// The name.
        name: Name,
        /// Its type; `None` is every type.
        kind: Option<RecordType>,
    },
    /// A name and everything below it.
    Within(Name),
    /// Everything.
    All,
}

/// Which entries are wanted.
#[derive(Debug, Clone, Default)]
pub struct CacheQuery {
    /// Text that stands in the name, in lower case.
    pub search: Option<String>,
    /// Type.
    pub kind: Option<RecordType>,
    /// The name and type where the page before ended.
    pub after: Option<(Name, RecordType)>,
    /// Most entries of the page, at most [`PAGE_MAX`].
    pub limit: usize,
}

/// Some of the entries that a query covers, by name and type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachePage {
    /// The entries.
    pub entries: Vec<CacheEntry>,
    /// How many the query covers in all.
    pub n_matching: usize,
}

/// A kept answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheEntry {
    /// The name.
    pub name: Name,
    /// The type.
    pub kind: RecordType,
    /// Whether it holds records of DNSSEC.
    pub wants_dnssec: bool,
    /// Response code.
    pub response_code: u8,
    /// Seconds that it had when it came.
    pub ttl_s: u32,
    /// Milliseconds since it came.
    pub age_ms: u64,
    /// Questions that it answered.
    pub n_hits: u32,
    /// Bytes that it takes.
    pub size_bytes: usize,
    /// Its first addresses.
    pub addresses: Arc<[IpAddr]>,
    /// Its canonical names, in order.
    pub chain: Vec<Arc<str>>,
    /// Who answered.
    pub upstream: Option<Arc<str>>,
    /// Whether the upstream vouches for it.
    pub is_authentic: bool,
    /// The answer in wire form, for whoever wants its records.
    pub wire: Vec<u8>,
}

/// Numbers of the cache; counts are since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CacheStats {
    /// Entries, those past their time included.
    pub n_entries: usize,
    /// Bytes that they take.
    pub size_bytes: usize,
    /// Questions answered within an entry's time.
    pub n_hits: u64,
    /// Questions answered past it.
    pub n_stale: u64,
    /// Answers that were asked for again shortly before their end.
    pub n_prefetched: u64,
    /// Questions without an entry.
    pub n_misses: u64,
    /// Entries that went to make room.
    pub n_evicted: u64,
}

impl Cache {
    /// Returns the numbers.
    #[must_use]
    pub fn stats(&self) -> CacheStats {
        let mut stats = CacheStats {
            n_hits: self.n_hits.load(Ordering::Relaxed),
            n_stale: self.n_stale.load(Ordering::Relaxed),
            n_prefetched: self.n_prefetched.load(Ordering::Relaxed),
            n_misses: self.n_misses.load(Ordering::Relaxed),
            n_evicted: self.n_evicted.load(Ordering::Relaxed),
            ..CacheStats::default()
        };
        for shard in &self.shards {
            let shard = shard.lock();
            stats.n_entries += shard.n_entries();
            stats.size_bytes += shard.size_bytes();
        }
        stats
    }

    /// Returns a page of entries by name and type; those of a name with and without DNSSEC are
    /// entries of their own.
    pub(crate) fn page(&self, query: &CacheQuery, now_ms: u64) -> CachePage {
        let mut keys = Vec::new();
        let after = query.after.as_ref().map(|(name, kind)| (name.as_wire(), *kind));
        for shard in &self.shards {
            let shard = shard.lock();
            let wanted = shard.slots().map(|slot| &slot.key).filter(|key| is_wanted(query, key));
            keys.extend(wanted.cloned());
        }
        let n_matching = keys.len();
        keys.retain(|key| after.is_none_or(|after| (Key::name_of(key), Key::kind_of(key)) > after));
        keys.sort_unstable();
        keys.truncate(query.limit.min(PAGE_MAX));
        let entries = keys.iter().filter_map(|key| self.entry(key, now_ms)).collect();
        CachePage { entries, n_matching }
    }

    fn entry(&self, key: &[u8], now_ms: u64) -> Option<CacheEntry> {
        let mut shard = self.shard(key).lock();
        let slot = shard.get_mut(key)?;
        Some(CacheEntry {
            name: Name::from_wire(Key::name_of(key)),
            kind: Key::kind_of(key),
            wants_dnssec: Key::flags_of(key).wants_dnssec,
            response_code: slot.stored.response_code,
            ttl_s: slot.stored.ttl_s,
            age_ms: now_ms.saturating_sub(slot.stored_at_ms),
            n_hits: slot.n_hits,
            size_bytes: slot.size_bytes(),
            addresses: Arc::clone(&slot.stored.addresses),
            chain: slot.stored.chain.to_vec(),
            upstream: slot.stored.upstream.clone(),
            is_authentic: slot.stored.is_authentic,
            wire: slot.stored.wire.to_vec(),
        })
    }
}

fn is_wanted(query: &CacheQuery, key: &[u8]) -> bool {
    query.kind.is_none_or(|kind| kind == Key::kind_of(key))
        && query
            .search
            .as_deref()
            .is_none_or(|search| name::to_text(Key::name_of(key)).contains(search))
}
