//! A log on a real disk: commits, restarts, scans, retention, segments that come and go.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tidings_log::Retention;
use tidings_log::disk::SystemDisk;
use tidings_log::log::{Batch, Log, LogConfig, LogEnvironment, NewChannel, NewRecord, OpenError};
use tidings_log::reader::Channels;
use tidings_log::record::{ChannelId, RecordKind};
use tidings_log::writer::LogWriter;

const DAY_MS: u64 = 86_400_000;

fn open_with(folder: &Path, config: LogConfig) -> Result<(Log, LogWriter), OpenError> {
    let disk = Arc::new(SystemDisk::new(folder).unwrap());
    let environment = LogEnvironment { random: [0x5eed, 0x5a17], boot_id: "boot".to_owned() };
    Log::open(disk, config, &environment)
}

fn open(folder: &Path) -> (Log, LogWriter) {
    open_with(folder, LogConfig::default()).unwrap()
}

/// Limits that make segments come and go all the time.
fn small() -> LogConfig {
    LogConfig { segment_size_max_bytes: 2_048, size_max_bytes: 8_192, ..LogConfig::default() }
}

fn event(channel: ChannelId, at: u64, body: &str) -> NewRecord {
    NewRecord {
        kind: RecordKind::Event(channel),
        at,
        correction_s: 0,
        body: Bytes::copy_from_slice(body.as_bytes()),
    }
}

fn channel(log: &Log, name: &str, retention: Retention) -> NewChannel {
    NewChannel { id: log.channel_id(name), name: name.into(), retention }
}

fn append(log: &Log, writer: &mut LogWriter, name: &str, at: u64, body: &str) -> u64 {
    let channel = channel(log, name, Retention::default());
    let id = channel.id;
    let batch = Batch {
        channels: vec![channel],
        groups: vec![vec![event(id, at, body)]],
        ..Batch::default()
    };
    writer.commit(&batch).unwrap()
}

fn bodies(log: &Log, after: u64, channels: Channels<'_>) -> Vec<(u64, String)> {
    let mut seen = Vec::new();
    let mut from = after;
    loop {
        let reached = log
            .scan(from, log.head(), channels, &mut |record| {
                let body = String::from_utf8(record.body.to_vec()).unwrap();
                seen.push((record.offset, body));
                ControlFlow::Continue(())
            })
            .unwrap();
        assert_eq!(reached.lost_to, None);
        match reached.gone_to {
            Some(gone_to) => from = gone_to,
            None if reached.offset < log.head() => from = reached.offset,
            None => return seen,
        }
    }
}

#[test]
fn what_is_committed_is_read_also_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open_with(folder.path(), small()).unwrap();
    let epoch = log.epoch();
    let expected: Vec<(u64, String)> = (1..=60)
        .map(|n| (n, format!("event {n} {}", "x".repeat(usize::try_from(n).unwrap()))))
        .collect();
    for (offset, body) in &expected {
        let name = if offset % 3 == 0 { "a" } else { "b" };
        assert_eq!(append(&log, &mut writer, name, 1_000 + offset, body), *offset);
    }
    assert!(log.stats().n_segments > 2, "{:?}", log.stats());
    let check = |log: &Log| {
        assert_eq!(bodies(log, 0, Channels::All), expected);
        assert_eq!(bodies(log, 57, Channels::All), expected[57..]);
        let id = log.channel_id("a");
        let of_a = bodies(log, 0, Channels::Only(&[id]));
        let thirds: Vec<_> = expected.iter().filter(|(n, _)| n % 3 == 0).cloned().collect();
        assert!(thirds.iter().all(|event| of_a.contains(event)));
        let mut back = Vec::new();
        log.scan_back(id, 30, &mut |record| {
            back.push(record.offset);
            if back.len() < 4 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .unwrap();
        assert_eq!(back, [27, 24, 21, 18]);
        assert_eq!(log.record(31, |record| record.at).unwrap(), Some(1_031));
        assert_eq!(log.record(61, |record| record.at).unwrap(), None);
        assert_eq!(log.offset_before(1_040).unwrap(), 39);
        assert_eq!(log.offset_before(0).unwrap(), 0);
        assert_eq!(log.offset_before(2_000).unwrap(), 60);
        assert_eq!(log.offset_before_tail(&[id], 3).unwrap(), 53);
        assert_eq!(log.offset_before_tail(&[id], 100).unwrap(), 2);
    };
    check(&log);
    drop(writer);
    let (log, writer) = open_with(folder.path(), small()).unwrap();
    check(&log);
    assert_eq!(log.epoch(), epoch);
    writer.close().unwrap();
    let (log, _writer) = open_with(folder.path(), small()).unwrap();
    check(&log);
    assert_eq!(log.epoch(), epoch);
}

#[test]
fn retention_is_exact_by_count_bytes_and_age() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open_with(folder.path(), small()).unwrap();
    let keep = Retention::default();
    let record_bytes = 29 + 1;
    #[rustfmt::skip]
    let cases = [
        ("count", Retention { events_max: 5, ..keep },                          5),
        ("bytes", Retention { bytes_max: 7 * record_bytes + 3, ..keep },        7),
        ("age",   Retention { age_max: Duration::from_millis(9), ..keep },      10),
        ("all",   keep,                                                         40),
        ("none",  Retention { events_max: 0, ..keep },                          0),
    ];
    let channels: Vec<NewChannel> =
        cases.iter().map(|(name, retention, _)| channel(&log, name, *retention)).collect();
    // The first record of each channel in a segment carries its name; this one carries it away.
    for n in 0..40 {
        for channel in &channels {
            let batch = Batch {
                channels: vec![channel.clone()],
                groups: vec![vec![event(channel.id, 1_000 + n, "x")]],
                ..Batch::default()
            };
            writer.commit(&batch).unwrap();
        }
    }
    for ((name, _, expected), channel) in cases.iter().zip(&channels) {
        let held = log.channel(channel.id).unwrap();
        let n = held.n_held;
        // Where names take room, one event less may fit.
        assert!(
            n == *expected || (*name == "bytes" && n + 1 == *expected),
            "case: {name}: {held:?}"
        );
        let after = bodies(&log, held.trimmed_to, Channels::All);
        assert!(!after.is_empty() || *expected == 0);
    }
    writer.sweep(1_000 + 45);
    assert_eq!(log.channel(channels[2].id).unwrap().n_held, 4);
    writer.sweep(1_000 + DAY_MS);
    assert_eq!(log.channel(channels[2].id).unwrap().n_held, 0);
}

#[test]
fn segments_go_when_nothing_is_held_or_at_the_ceiling() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open_with(folder.path(), small()).unwrap();
    let first = append(&log, &mut writer, "old", 1, "kept");
    assert_eq!(first, 1);
    for n in 0..400 {
        append(&log, &mut writer, "busy", n, &format!("{n:0100}"));
    }
    let stats = log.stats();
    assert!(stats.size_bytes <= 8_192 + 2_048, "{stats:?}");
    assert!(stats.first > 1);
    let old = log.channel(log.channel_id("old")).unwrap();
    assert_eq!((old.trimmed_to, old.n_held), (1, 0), "the oldest went first");
    let gone = log.gone_after(0, &mut [old.id].into_iter());
    assert_eq!(gone.channels, [(old.id, 1)]);
    let busy = log.channel(log.channel_id("busy")).unwrap();
    assert_eq!(
        bodies(&log, busy.trimmed_to, Channels::All).len(),
        usize::try_from(busy.n_held).unwrap()
    );
    drop(writer);
    let (log, _writer) = open_with(folder.path(), small()).unwrap();
    assert_eq!(log.channel(log.channel_id("old")).unwrap().trimmed_to, 1, "restart remembers");
    assert_eq!(log.channel(log.channel_id("busy")).unwrap().trimmed_to, busy.trimmed_to);
    assert_eq!(log.floor(), 0);
}

#[test]
fn a_deleted_history_stays_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open(folder.path());
    for n in 0..10 {
        append(&log, &mut writer, if n % 2 == 0 { "a" } else { "b" }, n, "x");
    }
    let id = log.channel_id("a");
    assert!(writer.delete(id).unwrap());
    assert!(!writer.delete(id).unwrap());
    let held = log.channel(id).unwrap();
    assert_eq!((held.n_held, held.trimmed_to), (0, 9));
    drop(writer);
    let (log, mut writer) = open(folder.path());
    writer.sweep(20);
    let held = log.channel(log.channel_id("a")).unwrap();
    assert_eq!((held.n_held, held.trimmed_to), (0, 9));
    assert_eq!(log.channel(log.channel_id("b")).unwrap().n_held, 5);
}

#[test]
fn one_process_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    let (_log, writer) = open(folder.path());
    let second = open_with(folder.path(), LogConfig::default());
    assert!(matches!(second, Err(OpenError::Locked)), "{second:?}");
    drop(writer);
    open(folder.path());
}

#[test]
fn a_copy_without_settings_begins_a_new_epoch_and_keeps_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open(folder.path());
    append(&log, &mut writer, "a", 1, "x");
    writer.close().unwrap();
    std::fs::remove_file(folder.path().join("meta.log")).unwrap();
    let disk = Arc::new(SystemDisk::new(folder.path()).unwrap());
    let environment = LogEnvironment { random: [7, 8], boot_id: "boot".to_owned() };
    let (copy, _writer) = Log::open(disk, LogConfig::default(), &environment).unwrap();
    assert_ne!(copy.epoch(), log.epoch());
    assert_eq!(bodies(&copy, 0, Channels::All), [(1, "x".to_owned())]);
}

#[test]
fn notes_are_found_by_time() {
    let folder = tempfile::tempdir().unwrap();
    let (log, mut writer) = open_with(folder.path(), small()).unwrap();
    for n in 0..50 {
        let note = NewRecord {
            kind: RecordKind::Note,
            at: n,
            correction_s: 0,
            body: Bytes::from(format!("{n:0100}")),
        };
        writer.commit(&Batch { groups: vec![vec![note]], ..Batch::default() }).unwrap();
        append(&log, &mut writer, "a", n, "x");
    }
    drop(writer);
    let (log, _writer) = open_with(folder.path(), small()).unwrap();
    let mut seen = Vec::new();
    log.notes(40, &mut |note| {
        seen.push(note.at);
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(seen, (40..50).collect::<Vec<_>>());
}
