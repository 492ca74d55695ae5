//! Tests of the cache.

use std::time::Duration;

use super::*;
use crate::record_type::RecordType;

fn key(name: &str) -> Key {
    let name = Name::parse(name).unwrap();
    Key::new(name.as_wire(), RecordType::A, KeyFlags::default(), ViewId::default())
}

fn stored(response_code: u8, ttl_s: u32, n_bytes: usize) -> Arc<Stored> {
    Arc::new(Stored {
        wire: vec![0; n_bytes].into(),
        ttl_offsets: Box::default(),
        response_code,
        ttl_s,
        name: "".into(),
        addresses: Arc::new([]),
        chain: Box::default(),
        upstream: None,
        is_authentic: false,
        extended_error: None,
    })
}

fn found(cache: &Cache, name: &str, now_ms: u64) -> String {
    match cache.find(&key(name), now_ms) {
        Found::Fresh { stored, age_s, is_due } => {
            format!("fresh {} {age_s}{}", stored.response_code, if is_due { " due" } else { "" })
        }
        Found::Stale { is_excused, .. } => {
            format!("stale{}", if is_excused { " excused" } else { "" })
        }
        Found::Nothing => "nothing".to_owned(),
    }
}

#[test]
fn an_answer_ends_with_its_time() {
    let config = CacheConfig { stale_max: Duration::from_secs(100), ..CacheConfig::default() };
    let cache = Cache::new(&config);
    cache.insert(&key("a.example"), stored(0, 10, 40), 5_000);
    let cases = [
        (5_000, "fresh 0 0"),
        (5_999, "fresh 0 0"),
        (6_000, "fresh 0 1"),
        (14_999, "fresh 0 9 due"),
        (14_999, "fresh 0 9"),
        (15_000, "stale"),
        (114_999, "stale"),
        (115_000, "nothing"),
    ];
    for (now_ms, expected) in cases {
        assert_eq!(found(&cache, "a.example", now_ms), expected, "at {now_ms}");
    }
    assert_eq!(found(&cache, "b.example", 5_000), "nothing");
    assert_eq!(cache.stats().n_prefetched, 1);
}

#[test]
fn a_failure_excuses_a_stale_answer_instead_of_replacing_it() {
    let cache = Cache::new(&CacheConfig::default());
    cache.insert(&key("a.example"), stored(0, 1, 40), 0);
    cache.insert(&key("a.example"), stored(2, 5, 12), 2_000);
    assert_eq!(found(&cache, "a.example", 2_000), "stale excused");
    assert_eq!(found(&cache, "a.example", 7_000), "stale");
    cache.insert(&key("b.example"), stored(2, 5, 12), 2_000);
    assert_eq!(found(&cache, "b.example", 6_999), "fresh 2 4");
    assert_eq!(found(&cache, "b.example", 7_000), "nothing");
}

#[test]
fn the_settings_name_what_is_never_kept() {
    let config = CacheConfig {
        never: vec!["no.example".to_owned()],
        never_stale: vec!["live.example".to_owned()],
        ..CacheConfig::default()
    };
    let cache = Cache::new(&config);
    for name in ["www.no.example", "www.live.example", "zero.example"] {
        let ttl_s = u32::from(name != "zero.example");
        cache.insert(&key(name), stored(0, ttl_s, 40), 0);
    }
    assert_eq!(found(&cache, "www.no.example", 0), "nothing");
    assert_eq!(found(&cache, "zero.example", 0), "nothing");
    assert_eq!(found(&cache, "www.live.example", 0), "fresh 0 0");
    assert_eq!(found(&cache, "www.live.example", 1_000), "nothing");
}

#[test]
fn the_size_stays_within_its_limit_and_used_answers_stay() {
    let config = CacheConfig { size_max_bytes: 1024 * 1024, ..CacheConfig::default() };
    let cache = Cache::new(&config);
    for index in 0..10_000 {
        cache.insert(&key(&format!("n{index}.example")), stored(0, 1_000, 400), 0);
        found(&cache, "n0.example", 0);
    }
    let stats = cache.stats();
    assert!(stats.size_bytes <= 1024 * 1024, "{stats:?}");
    assert!(stats.size_bytes > 900 * 1024, "{stats:?}");
    let n_kept = u64::try_from(stats.n_entries).unwrap();
    assert_eq!(n_kept + stats.n_evicted, 10_000, "{stats:?}");
    assert_eq!(found(&cache, "n0.example", 0), "fresh 0 0");
    assert_eq!(cache.flush(&Flush::All), stats.n_entries);
    assert_eq!((cache.stats().n_entries, cache.stats().size_bytes), (0, 0));
}

#[test]
fn flush_takes_what_is_meant() {
    let cache = Cache::new(&CacheConfig::default());
    for name in ["a.example", "www.a.example", "ba.example", "c.example"] {
        cache.insert(&key(name), stored(0, 100, 40), 0);
    }
    let name = |text| Name::parse(text).unwrap();
    let other = Flush::One { name: name("c.example"), kind: Some(RecordType::AAAA) };
    assert_eq!(cache.flush(&other), 0);
    assert_eq!(cache.flush(&Flush::One { name: name("c.example"), kind: None }), 1);
    assert_eq!(cache.flush(&Flush::Within(name("a.example"))), 2);
    assert_eq!(found(&cache, "ba.example", 0), "fresh 0 0");
}

#[test]
fn pages_follow_each_other_by_name() {
    let cache = Cache::new(&CacheConfig::default());
    for index in 0..25 {
        cache.insert(&key(&format!("n{index}.example")), stored(0, 100, 40), 0);
    }
    let mut query = CacheQuery { search: Some("n".to_owned()), limit: 10, ..CacheQuery::default() };
    let mut seen = Vec::new();
    loop {
        let page = cache.page(&query, 0);
        assert_eq!(page.n_matching, 25);
        let Some(last) = page.entries.last() else { break };
        query.after = Some((last.name.clone(), last.kind));
        seen.extend(page.entries.into_iter().map(|entry| entry.name));
    }
    assert_eq!(seen.len(), 25);
    assert!(seen.is_sorted());
    query = CacheQuery { search: Some("n24".to_owned()), limit: 10, ..CacheQuery::default() };
    assert_eq!(cache.page(&query, 0).entries.len(), 1);
}
