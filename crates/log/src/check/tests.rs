//! Tests of the check, and the damaged logs that those of the repair use, too.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;

use super::*;
use crate::index::Retention;
use crate::log::{Batch, Log, LogConfig, LogEnvironment, NewChannel, NewRecord, OpenError};
use crate::simulated::SimulatedDisk;
use crate::writer::LogWriter;

pub(crate) const BOOT: &str = "boot";

/// Events by offset, as their owner wrote them.
pub(crate) type Events = BTreeMap<u64, (String, String)>;

pub(crate) fn open(disk: &SimulatedDisk, random: u64) -> Result<(Log, LogWriter), OpenError> {
    let environment = LogEnvironment { random: [random, random + 1], boot_id: BOOT.to_owned() };
    let config = LogConfig { segment_size_max_bytes: 2_048, ..LogConfig::default() };
    Log::open(Arc::new(disk.clone()), config, &environment)
}

fn record(kind: RecordKind, at: u64, body: &str) -> NewRecord {
    NewRecord { kind, at, correction_s: 0, body: Bytes::copy_from_slice(body.as_bytes()) }
}

/// Appends a group of events, and a note behind them; returns the first offset.
pub(crate) fn append(log: &Log, writer: &mut LogWriter, events: &[(&str, &str)]) -> u64 {
    let mut batch = Batch::default();
    let mut group = Vec::new();
    for (name, body) in events {
        let known = batch.channels.iter().find(|known: &&NewChannel| known.name.as_ref() == *name);
        let id = known.map_or_else(|| log.channel_id(name), |known| known.id);
        if known.is_none() {
            let name = (*name).into();
            batch.channels.push(NewChannel { id, name, retention: Retention::default() });
        }
        group.push(record(RecordKind::Event(id), 1_000 + log.head(), body));
    }
    group.push(record(RecordKind::Note, 1_000 + log.head(), "a note"));
    batch.groups.push(group);
    writer.commit(&batch).unwrap()
}

/// Makes a log of several segments with three channels, one of which is rare.
pub(crate) fn made(is_closed: bool) -> (SimulatedDisk, Events) {
    let disk = SimulatedDisk::new();
    let (log, mut writer) = open(&disk, 7).unwrap();
    let mut events = Events::new();
    while log.stats().n_segments < 5 || log.head() % 10 != 0 {
        let n = log.head() + 1;
        let bodies = [format!("first {n} {}", "x".repeat(70)), format!("second {n}")];
        let second = if n % 21 == 0 { "rare" } else { "b" };
        let batch = [("a", bodies[0].as_str()), (second, bodies[1].as_str())];
        let first = append(&log, &mut writer, &batch);
        for (offset, (name, body)) in (first..).zip(batch) {
            events.insert(offset, (name.to_owned(), body.to_owned()));
        }
    }
    let puts = vec![("state/x".into(), Some(Bytes::from("value")))];
    writer.commit(&Batch { puts, ..Batch::default() }).unwrap();
    if is_closed {
        writer.close().unwrap();
        (disk, events)
    } else {
        (disk.kill(), events)
    }
}

pub(crate) fn checked(disk: &SimulatedDisk) -> Report {
    check(disk, BOOT, &mut |_| {}).unwrap()
}

/// Returns the events that a check finds readable.
fn readable(disk: &SimulatedDisk, report: &Report, after: u64) -> Events {
    let mut events = Events::new();
    let mut show = |name: &str, record: &crate::record::Record<'_>| {
        let body = String::from_utf8(record.body.to_vec()).unwrap();
        events.insert(record.offset, (name.to_owned(), body));
        ControlFlow::Continue(())
    };
    report.read_events(disk, after, &mut show).unwrap();
    events
}

/// Names the files of a log, the segments first.
pub(crate) fn segments(disk: &SimulatedDisk) -> Vec<String> {
    disk.names().into_iter().filter(|name| base_of(name).is_some()).collect()
}

pub(crate) fn cut(disk: &SimulatedDisk, name: &str, n_bytes: u64) {
    let file = disk.open(name).unwrap();
    file.set_len(file.len_bytes().unwrap() - n_bytes).unwrap();
}

#[test]
fn a_whole_log_is_counted() {
    for is_closed in [true, false] {
        let (disk, events) = made(is_closed);
        let before: Vec<_> = disk.names().iter().map(|name| disk.content(name)).collect();
        let mut n_read = 0;
        let report = check(&disk, BOOT, &mut |n| n_read += n).unwrap();
        assert!(report.is_whole(), "{report:?}");
        assert_eq!(report.is_clean, is_closed);
        assert_eq!(report.n_events, u64::try_from(events.len()).unwrap());
        assert_eq!((report.n_channels, report.epoch), (3, Some(7)));
        assert_eq!(report.head, report.n_events);
        assert_eq!(report.first.as_ref().unwrap().offset, 1);
        let last = report.last.as_ref().unwrap();
        let (name, body) = &events[&last.offset];
        assert_eq!((last.offset, &*last.channel), (report.head, name.as_str()));
        assert_eq!(&*last.body, body.as_bytes());
        let sum: u64 = report.segments.iter().map(|segment| segment.size_bytes).sum();
        assert_eq!(n_read, sum, "all bytes are told");
        assert_eq!(report.settings("state/").collect::<Vec<_>>(), [("state/x", &b"value"[..])]);
        let indexed: Vec<bool> = report.segments.iter().map(|segment| segment.is_indexed).collect();
        assert!(indexed[..indexed.len() - 1].iter().all(|is_indexed| *is_indexed), "{indexed:?}");
        assert_eq!(readable(&disk, &report, 0), events);
        assert_eq!(readable(&disk, &report, 30).into_iter().next().unwrap().0, 31);
        let after: Vec<_> = disk.names().iter().map(|name| disk.content(name)).collect();
        assert_eq!(before, after, "nothing changed");
    }
}

#[test]
fn a_write_that_was_cut_short_is_no_damage() {
    let (disk, events) = made(false);
    let last = segments(&disk).pop().unwrap();
    for n_bytes in 1..60 {
        let disk = disk.kill();
        cut(&disk, &last, n_bytes);
        let report = checked(&disk);
        assert!(report.is_whole(), "{n_bytes} bytes: {:?}", report.damages().next());
        let n_left = report.n_events;
        assert_eq!(n_left, u64::try_from(events.len()).unwrap() - 2, "the whole group goes");
        assert!(report.segments.last().unwrap().torn_bytes > 0);
        assert_eq!(report.last.as_ref().unwrap().offset, n_left);
        let (log, _writer) = open(&disk, 9).unwrap();
        assert_eq!(log.head(), n_left, "the start thinks so, too");
    }
}

#[test]
fn every_flipped_bit_of_a_closed_log_is_found() {
    let (disk, events) = made(true);
    for name in disk.names() {
        let n_bits = 8 * disk.content(&name).unwrap().len();
        for bit in (0..n_bits).step_by(13) {
            let disk = disk.kill();
            assert!(disk.flip_bit(&name, bit));
            let report = checked(&disk);
            let what = format!("bit {} of byte {} of {name}", bit % 8, bit / 8);
            if report.is_whole() {
                assert!(name == META_NAME && report.meta.torn_bytes > 0, "{what}: not found");
            }
            for damage in report.damages() {
                let is_named = damage.file == name || name == META_NAME;
                assert!(is_named, "{what}: {damage:?}");
                let is_before = damage.position <= u64::try_from(bit / 8).unwrap();
                assert!(is_before || damage.reason.contains("name"), "{what}: {damage:?}");
            }
            for (offset, event) in readable(&disk, &report, 0) {
                assert_eq!(events.get(&offset), Some(&event), "{what}: a changed event is shown");
            }
            let n_lost: u64 = report.damages().map(|damage| n_lost(damage.lost)).sum();
            assert!(n_lost <= 4, "{what}: one bit costs {n_lost} events");
        }
    }
}

/// Counts the offsets that are lost.
fn n_lost(lost: Lost) -> u64 {
    match lost {
        Lost::Offsets { first, last } => last - first + 1,
        Lost::Nothing | Lost::From(_) | Lost::Settings => 0,
    }
}

#[test]
fn what_is_wrong_is_named_with_what_it_costs() {
    type Damaging = fn(&SimulatedDisk, &[String]);
    let base = |name: &str| base_of(name).unwrap();
    #[rustfmt::skip]
    let cases: [(&str, Damaging, &str); 8] = [
        ("middle gone",     |disk, names| disk.remove(&names[2]).unwrap(),          "the segment is missing"),
        ("end cut",         |disk, names| cut(disk, &names[1], 20),                 "a record is damaged"),
        ("all cut",         |disk, names| disk.open(&names[1]).unwrap().set_len(0).unwrap(), "the header is damaged"),
        ("head flipped",    |disk, names| assert!(disk.flip_bit(&names[1], 80)),    "the header is damaged"),
        ("payload flipped", |disk, names| assert!(disk.flip_bit(&names[1], 8 * 150)), "a record is damaged"),
        ("index flipped",   |disk, names| assert!(disk.flip_bit(&names[1].replace("log", "idx"), 500)), "the index file is damaged"),
        ("meta flipped",    |disk, _|     assert!(disk.flip_bit(META_NAME, 300)),   "a record is not valid"),
        ("meta head",       |disk, _|     assert!(disk.flip_bit(META_NAME, 100)),   "the file header is not valid"),
    ];
    for (name, damaging, reason) in cases {
        let (disk, _) = made(true);
        let names = segments(&disk);
        damaging(&disk, &names);
        let report = checked(&disk);
        let damage = report.damages().next().unwrap_or_else(|| panic!("case: {name}: none"));
        assert_eq!(damage.reason, reason, "case: {name}: {damage:?}");
        let next = base(&names[2]) - 1;
        match name {
            "middle gone" => {
                let (first, last) = (base(&names[2]), base(&names[3]) - 1);
                assert_eq!(damage.file, names[2], "case: {name}");
                assert_eq!(damage.lost, Lost::Offsets { first, last }, "case: {name}");
            }
            // The note behind the last events of the segment is not read either.
            "end cut" => assert_eq!(damage.lost, Lost::Nothing, "case: {name}: {next}"),
            "all cut" => {
                let lost = Lost::Offsets { first: base(&names[1]), last: next };
                assert_eq!(damage.lost, lost, "case: {name}");
            }
            // The index file knows the salt.
            "head flipped" | "index flipped" => assert_eq!(damage.lost, Lost::Nothing, "{name}"),
            "payload flipped" => assert_eq!(n_lost(damage.lost), 1, "case: {name}: {damage:?}"),
            _ => assert_eq!(damage.lost, Lost::Settings, "case: {name}"),
        }
    }
}

#[test]
fn the_end_of_a_closed_log_is_missed() {
    let (disk, events) = made(true);
    let last = segments(&disk).pop().unwrap();
    cut(&disk, &last, 60);
    let report = checked(&disk);
    let damages: Vec<&Damage> = report.damages().collect();
    let head = u64::try_from(events.len()).unwrap();
    let is_last = |damage: &&Damage| match damage.lost {
        Lost::Offsets { last, .. } => last == head,
        Lost::Nothing | Lost::From(_) | Lost::Settings => false,
    };
    assert!(damages.iter().any(is_last), "{damages:?}");
    assert_eq!(report.head, head, "no offset is given away twice");
}

#[test]
fn another_version_is_refused() {
    let (disk, _) = made(true);
    let name = segments(&disk).pop().unwrap();
    let header = crate::record::Header { base: base_of(&name).unwrap(), salt: 1 };
    let bytes = header.encode(*b"TIDLOG\0\x02");
    disk.open(&name).unwrap().write_all_at(&bytes, 0).unwrap();
    let refused = check(&disk, BOOT, &mut |_| {});
    assert!(matches!(refused, Err(CheckError::Version { version: 2, .. })), "{refused:?}");
}
