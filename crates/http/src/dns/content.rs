//! What the content channels carry: the newest entries of log, cache and lists, and how many
//! there are.

use serde_json::{Value, json};
use tidings_dns::listed::ListKind;
use tidings_dns::query_log::filter::Filter;
use tidings_dns::query_log::{Logged, PageRequest};

use crate::dns::live::LiveBatch;
use crate::dns::wire::{DnsLogEntry, LogEntry};
use crate::dns::{CONTENT_ENTRIES_MAX, DnsParts};
use crate::routes::cache_entries;

/// Most bytes of the entries of a content; half of what an event may have by default.
const SIZE_MAX_BYTES: usize = 512 << 10;

/// The newest entries of the log: questions and answers; blocks while it reads the disk.
#[must_use]
pub fn log(parts: &DnsParts, now_ms: u64) -> Value {
    let status = parts.log.status();
    let request = PageRequest { before: None, n_max: CONTENT_ENTRIES_MAX / 2 };
    let page = parts.log.search(&Filter::default(), request).unwrap_or_default();
    let both = |logged: &Logged| [LogEntry::response(logged), LogEntry::request(logged)];
    let entries: Vec<LogEntry> = page.entries.iter().flat_map(both).collect();
    let n_disk = usize::try_from(status.n_entries).unwrap_or(usize::MAX);
    let count = n_disk.max(status.n_recent).saturating_mul(2);
    let entries = entries.iter().map(|entry| json!(entry)).collect();
    content((status.driver.word(), "/api/dns/log"), count, entries, now_ms)
}

/// Entries of the cache, by name.
#[must_use]
pub fn cache(parts: &DnsParts, now_ms: u64) -> Value {
    let count = parts.dns.cache().stats().n_entries;
    let entries = cache_entries(parts, None, CONTENT_ENTRIES_MAX, now_ms);
    let driver = parts.settings.contract().cache_driver.word();
    content((driver, "/api/dns/cache"), count, entries, now_ms)
}

/// Names of a list, the newest first.
#[must_use]
pub fn list(parts: &DnsParts, kind: ListKind) -> Value {
    let page = parts.listed.page(kind, usize::MAX, |_| true);
    let mut newest = page.entries;
    newest.sort_by_key(|entry| std::cmp::Reverse(entry.added_at));
    let url = match kind {
        ListKind::Blacklist => "/api/dns/blacklist",
        ListKind::Whitelist => "/api/dns/whitelist",
    };
    let entries = newest.iter().take(CONTENT_ENTRIES_MAX).map(|entry| json!(entry)).collect();
    content((page.driver.word(), url), page.n_all, entries, page.changed_ms)
}

/// Entries of a live filter.
#[must_use]
pub fn live(batch: &LiveBatch) -> Value {
    json!({
        "entries": batch.entries.iter().map(DnsLogEntry::from).collect::<Vec<_>>(),
        "matching": batch.n_matching,
        "dropped": batch.n_dropped,
    })
}

fn content(
    (driver, url): (&str, &str),
    count: usize,
    entries: Vec<Value>,
    changed_ms: u64,
) -> Value {
    let mut size_bytes = 0;
    let fits = |entry: &Value| {
        size_bytes += entry.to_string().len();
        size_bytes <= SIZE_MAX_BYTES
    };
    let entries: Vec<Value> = entries.into_iter().take_while(fits).collect();
    json!({
        "driver": driver,
        "count": count,
        "lastUpdated": changed_ms,
        "truncated": count > entries.len(),
        "url": url,
        "entries": entries,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_content_that_is_too_large_is_cut_and_says_so() {
        let long = "x".repeat(1_000);
        let entries: Vec<Value> = (0..1_000).map(|n| json!({ "n": n, "text": long })).collect();
        let content = content(("sqlite", "/somewhere"), 1_000, entries, 7);
        let n_left = content["entries"].as_array().unwrap().len();
        assert!((400..600).contains(&n_left), "{n_left}");
        assert_eq!((&content["truncated"], &content["count"]), (&json!(true), &json!(1_000)));
    }
}
