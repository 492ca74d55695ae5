//! Statistics: counted once, by range, and kept over a restart.

use super::*;
use crate::entry::Status;
use crate::query_log::samples::{Samples, entry};
use crate::statistics::store::StatisticsStore;

const NOW_MS: u64 = 1_800_000_000_000;

#[test]
fn every_question_is_counted_once_in_every_range_that_holds_it() {
    let mut statistics = Statistics::new(NOW_MS);
    let ages_h = [0, 2, 5, 20, 100, 600, 2_000];
    let mut ages: Vec<u64> = ages_h.to_vec();
    ages.reverse();
    for age_h in ages {
        statistics.add(&entry("www.example", NOW_MS - age_h * HOUR_MS - 1));
    }
    let n_in = |range| statistics.summary(range, NOW_MS, 10).total.n_all();
    assert_eq!(n_in(Range::Hour), 1);
    assert_eq!(n_in(Range::SixHours), 3);
    assert_eq!(n_in(Range::Day), 4);
    assert_eq!(n_in(Range::Week), 5);
    assert_eq!(n_in(Range::Month), 6);
}

#[test]
fn sums_are_those_of_the_entries() {
    let mut samples = Samples::new(5);
    let entries: Vec<Entry> = (0..3_000).map(|_| samples.next_entry()).collect();
    let mut statistics = Statistics::new(0);
    for entry in &entries {
        statistics.add(entry);
    }
    let now_ms = entries.last().unwrap().at_ms;
    let summary = statistics.summary(Range::Hour, now_ms, 5);
    for status in Status::ALL {
        let n = entries.iter().filter(|entry| entry.status == status).count();
        assert_eq!(summary.total.n_of(status), u64::try_from(n).unwrap(), "case: {status}");
    }
    let n_forwarded = entries.iter().filter(|entry| entry.upstream.is_some()).count();
    let (name, counts) = &summary.total.upstreams[0];
    assert_eq!((name.as_ref(), counts.n_questions), ("quad9", n_forwarded.try_into().unwrap()));
    assert!(summary.clients.len() == 5 && summary.names.len() == 5);
    assert!(summary.blocked.iter().all(|(_, n)| *n > 0));
    let of_steps: u64 = summary.steps.iter().map(Bucket::n_all).sum();
    assert_eq!(of_steps, 3_000);
    assert!(summary.total.peak_per_second > 10);
}

#[test]
fn hidden_entries_are_counted_and_not_named() {
    let mut statistics = Statistics::new(NOW_MS);
    statistics.add_hidden(&entry("secret.example", NOW_MS));
    let summary = statistics.summary(Range::Hour, NOW_MS, 10);
    assert_eq!(summary.total.n_all(), 1);
    assert!(summary.names.is_empty() && summary.clients.is_empty());
}

#[test]
fn statistics_outlive_a_restart_and_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, found) = StatisticsStore::open(folder.path()).unwrap();
    assert!(found.is_empty());
    let mut statistics = Statistics::new(NOW_MS);
    (0..100).for_each(|n| statistics.add(&entry("www.example", NOW_MS + n * 1_000)));
    store.write(&statistics.take_changed()).unwrap();
    (100..110).for_each(|n| statistics.add(&entry("late.example", NOW_MS + n * 1_000)));
    let changed = statistics.take_changed();
    assert!(changed.len() <= 4, "only open buckets are written again: {}", changed.len());
    store.write(&changed).unwrap();
    drop(store);

    let (_, found) = StatisticsStore::open(folder.path()).unwrap();
    let mut again = Statistics::new(NOW_MS + 200_000);
    // What came before the disk was read counts as well.
    again.add(&entry("www.example", NOW_MS + 110_000));
    again.take_up(found);
    let summary = again.summary(Range::Hour, NOW_MS + 110_000, 10);
    assert_eq!(summary.total.n_all(), 111);
    assert_eq!(summary.names, [("www.example".into(), 101), ("late.example".into(), 10)]);
}

#[test]
fn what_did_not_reach_the_disk_is_written_later() {
    let mut statistics = Statistics::new(NOW_MS);
    (0..10).for_each(|n| statistics.add(&entry("www.example", NOW_MS + n * MINUTE_MS)));
    let changed = statistics.take_changed();
    statistics.put_back(&changed);
    assert_eq!(statistics.take_changed().len(), changed.len());
    assert!(statistics.take_changed().is_empty());
}

#[test]
fn memory_is_bounded() {
    let mut statistics = Statistics::new(0);
    for minute in 0..10_000 {
        statistics.add(&entry("www.example", minute * MINUTE_MS));
    }
    statistics.add(&entry("too.old.example", 0));
    assert_eq!(statistics.minutes.len(), Series::Minutes.n_max());
    assert_eq!(statistics.top_minutes.len(), Series::TopMinutes.n_max());
}

#[test]
fn the_rate_is_that_of_the_last_seconds() {
    let mut statistics = Statistics::new(NOW_MS);
    for second in 0..30 {
        (0..second).for_each(|_| statistics.add(&entry("www.example", NOW_MS + second * 1_000)));
    }
    let (n, seconds) = statistics.rate(NOW_MS + 30_000);
    assert_eq!((n, seconds), ((20..30).sum::<u64>(), 10));
    assert_eq!(statistics.rate(NOW_MS + 90_000).0, 0);
}
