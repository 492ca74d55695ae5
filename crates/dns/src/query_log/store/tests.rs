//! Stores: what was kept is found again, in order, by every filter, within the limits.

use super::*;
use crate::query_log::filter::Names;
use crate::query_log::samples::Samples;

fn filter(text: &str) -> Filter {
    Filter::parse(text, &Names { now_ms: 0, list: &|_| None }).unwrap()
}

fn logged(first: u64, n_entries: u64, samples: &mut Samples) -> Vec<Logged> {
    (first..first + n_entries).map(|n| Logged::new(n, samples.next_entry())).collect()
}

fn found(place: &Place, text: &str, before: u64, n_max: usize) -> Vec<Logged> {
    let mut found = Vec::new();
    if n_max > 0 {
        place
            .search(&filter(text), before, &mut |logged| {
                found.push(logged);
                found.len() < n_max
            })
            .unwrap();
    }
    found
}

const KEEPING: [LogDriver; 2] = [LogDriver::File, LogDriver::Sqlite];

#[test]
fn a_search_finds_what_was_kept_newest_first() {
    for driver in KEEPING {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(driver, folder.path());
        let mut samples = Samples::new(1);
        let mut all = Vec::new();
        let mut next = 1_000;
        for n_entries in [1, 10, 5_000, 3, 9_000, 1, 1] {
            let mut store = Store::open(driver, folder.path()).unwrap();
            let batch = logged(next, n_entries, &mut samples);
            store.append(&batch).unwrap();
            next += n_entries;
            if n_entries == 5_000 {
                // A hole, as a full disk leaves it.
                next += 77;
            }
            assert_eq!(store.last(), batch.last().map(|logged| logged.sequence));
            all.extend(batch);
        }
        all.reverse();
        for text in ["", "status:blocked", "site7.example type:A", "nowhere", "-www"] {
            let filter = filter(text);
            let expected: Vec<Logged> =
                all.iter().filter(|logged| filter.matches(&logged.entry)).cloned().collect();
            assert_eq!(found(&place, text, u64::MAX, usize::MAX), expected, "{driver:?}: {text}");
            let middle = 5_000;
            let expected: Vec<Logged> =
                expected.into_iter().filter(|logged| logged.sequence < middle).take(7).collect();
            assert_eq!(
                found(&place, text, middle, 7),
                expected,
                "{driver:?}: {text} from {middle}"
            );
        }
    }
}

#[test]
fn many_small_writes_become_blocks() {
    let folder = tempfile::tempdir().unwrap();
    let mut store = Store::open(LogDriver::Sqlite, folder.path()).unwrap();
    let mut samples = Samples::new(2);
    let mut next = 1;
    for _ in 0..300 {
        store.append(&logged(next, 31, &mut samples)).unwrap();
        next += 31;
    }
    let (size_bytes, n_entries) = store.size().unwrap();
    assert_eq!(n_entries, 9_300);
    assert!(size_bytes / n_entries < 60, "{} bytes an entry", size_bytes / n_entries);
    let place = Place::of(LogDriver::Sqlite, folder.path());
    assert_eq!(found(&place, "", u64::MAX, usize::MAX).len(), 9_300);
}

#[test]
fn retention_removes_the_oldest() {
    let day = Duration::from_hours(24);
    for driver in KEEPING {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(driver, folder.path());
        let mut store = Store::open(driver, folder.path()).unwrap();
        let mut samples = Samples::new(3);
        let mut next = 1;
        for _ in 0..12 {
            store.append(&logged(next, 4_096, &mut samples)).unwrap();
            next += 4_096;
            let limit = Retention { age_max: 365 * day, size_max_bytes: 400_000 };
            store.retain(1_790_000_000_000, limit).unwrap();
        }
        let (size_bytes, _) = store.size().unwrap();
        assert!(size_bytes <= 1_500_000, "{driver:?}: {size_bytes}");
        let left = found(&place, "", u64::MAX, usize::MAX);
        assert!(!left.is_empty() && left.len() < 40_000, "{driver:?}: {} left", left.len());

        let limit = Retention { age_max: day, size_max_bytes: u64::MAX };
        for _ in 0..2 {
            store.append(&logged(next, 1, &mut samples)).unwrap();
            next += 1;
            store.retain(1_790_000_000_000 + 400 * 86_400_000, limit).unwrap();
        }
        let left = found(&place, "", u64::MAX, usize::MAX);
        assert!(left.len() <= 2, "{driver:?}: {} left", left.len());
    }
}

#[test]
fn clear_removes_everything_and_the_log_goes_on() {
    for driver in KEEPING {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::of(driver, folder.path());
        let mut store = Store::open(driver, folder.path()).unwrap();
        let mut samples = Samples::new(4);
        store.append(&logged(1, 5_000, &mut samples)).unwrap();
        store.clear().unwrap();
        assert!(found(&place, "", u64::MAX, usize::MAX).is_empty());
        store.append(&logged(5_001, 10, &mut samples)).unwrap();
        assert_eq!(found(&place, "", u64::MAX, usize::MAX).len(), 10);
    }
}

#[test]
fn a_line_that_was_cut_off_does_not_spoil_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query-log.jsonl");
    let mut samples = Samples::new(5);
    let mut store = Store::open(LogDriver::File, folder.path()).unwrap();
    store.append(&logged(1, 3, &mut samples)).unwrap();
    drop(store);
    let mut text = std::fs::read(&path).unwrap();
    text.truncate(text.len() - 20);
    std::fs::write(&path, text).unwrap();
    let mut store = Store::open(LogDriver::File, folder.path()).unwrap();
    assert_eq!(store.last(), Some(2));
    store.append(&logged(4, 1, &mut samples)).unwrap();
    let place = Place::of(LogDriver::File, folder.path());
    let left = found(&place, "", u64::MAX, usize::MAX);
    assert_eq!(left.iter().map(|logged| logged.sequence).collect::<Vec<_>>(), [4, 2, 1]);
}

#[test]
fn a_file_that_is_no_database_is_put_aside() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query-log.db");
    std::fs::write(&path, "x".repeat(10_000)).unwrap();
    let mut store = Store::open(LogDriver::Sqlite, folder.path()).unwrap();
    store.append(&logged(1, 3, &mut Samples::new(6))).unwrap();
    assert_eq!(store.size().unwrap().1, 3);
    assert_eq!(std::fs::read(folder.path().join("query-log.db.damaged")).unwrap().len(), 10_000);
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("query-log.db");
    drop(Store::open(LogDriver::Sqlite, folder.path()).unwrap());
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute_batch("PRAGMA user_version = 9").unwrap();
    drop(connection);
    let opened = Store::open(LogDriver::Sqlite, folder.path());
    assert!(matches!(opened, Err(StoreError::Version { version: 9 })), "{opened:?}");
}
