//! Tests of repairs: what is left is whole, and nothing but what was told is lost.

use super::*;
use crate::check::tests::{BOOT, Events, append, checked, cut, made, open, segments};
use crate::log::Log;
use crate::reader::Channels;
use crate::simulated::SimulatedDisk;

/// A number that no epoch had before.
const NEW_EPOCH: u64 = 99;

/// Repairs a log and checks what every repair promises; returns the log after it.
fn mend(what: &str, disk: &SimulatedDisk, events: &Events, cure: Cure) -> (Log, Events) {
    let report = checked(disk);
    let plan = Plan::new(&report, cure);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    repair(&shared, &report, &plan, (Copies::Keep, 5)).unwrap();
    assert_mended(what, disk, events, (&report, &plan))
}

#[track_caller]
fn assert_mended(
    what: &str,
    disk: &SimulatedDisk,
    events: &Events,
    (report, plan): (&Report, &Plan),
) -> (Log, Events) {
    let after = checked(disk);
    assert!(after.is_whole(), "{what}: {plan:?} left {:?}", after.damages().next());
    let again = Plan::new(&after, plan.cure);
    assert!(again.is_empty(), "{what}: then {again:?}");
    let (log, mut writer) = open(disk, NEW_EPOCH).unwrap_or_else(|error| {
        panic!("{what}: {plan:?}: {error}");
    });
    let shown = events_of(&log);
    let is_new = plan.steps.contains(&Step::BeginEpoch);
    let is_same = report.epoch == Some(log.epoch());
    assert_ne!(is_new, is_same, "{what}: {plan:?}: {:?} then {}", report.epoch, log.epoch());
    for (offset, event) in events {
        let is_told = plan.lost.iter().any(|lost| match lost {
            Lost::Offsets { first, last } => (*first..=*last).contains(offset),
            Lost::From(first) => offset >= first,
            Lost::Nothing | Lost::Settings => false,
        });
        match shown.get(offset) {
            Some(shown) => assert_eq!(shown, event, "{what}"),
            None if is_told => {
                let is_reset = is_new || log.floor() >= *offset;
                assert!(is_reset, "{what}: {offset} goes in silence: {plan:?}");
            }
            None => assert!(
                report.segments.iter().any(|held| held.torn_bytes > 0),
                "{what}: {offset} is lost: {plan:?}"
            ),
        }
    }
    assert!(shown.keys().all(|offset| events.contains_key(offset)), "{what}");
    let next = append(&log, &mut writer, &[("rare", "next")]);
    let is_free = is_new || next > report.head;
    assert!(is_free, "{what}: offset {next} is given away again: {plan:?}");
    let held = log.record(next, |record| record.body.to_vec()).unwrap();
    assert_eq!(held.as_deref(), Some(&b"next"[..]), "{what}: the log goes on");
    assert!(log.floor() < next, "{what}: the floor is above what is new");
    drop(writer);
    let (again, _writer) = open(disk, NEW_EPOCH + 1).unwrap();
    assert_eq!((again.epoch(), again.head()), (log.epoch(), log.head()), "{what}");
    assert_eq!(events_of(&again).len(), shown.len() + 1, "{what}: the same after a restart");
    (log, shown)
}

fn events_of(log: &Log) -> Events {
    let mut events = Events::new();
    let names = log.channels();
    let mut from = 0;
    while from < log.head() {
        let reached = log.scan(from, log.head(), Channels::All, &mut |record| {
            let id = crate::check::channel_of(record.kind).unwrap();
            let held = names.iter().find(|channel| channel.id == id).unwrap();
            let body = String::from_utf8(record.body.to_vec()).unwrap();
            if held.trimmed_to < record.offset {
                events.insert(record.offset, (held.name.as_ref().to_owned(), body));
            }
            std::ops::ControlFlow::Continue(())
        });
        let reached = reached.unwrap();
        assert_eq!(reached.lost_to, None, "a repaired log can be read");
        from = reached.gone_to.unwrap_or(reached.offset).max(from + 1);
    }
    events
}

#[test]
fn any_flipped_bit_is_mended_by_either_cure() {
    for is_closed in [true, false] {
        let (disk, events) = made(is_closed);
        for name in disk.names() {
            let n_bits = 8 * disk.content(&name).unwrap().len();
            for bit in (0..n_bits).step_by(211) {
                for cure in [Cure::Truncate, Cure::Skip] {
                    let disk = disk.kill();
                    assert!(disk.flip_bit(&name, bit));
                    let what = format!("closed {is_closed}, {cure:?}, byte {} of {name}", bit / 8);
                    let (_, shown) = mend(&what, &disk, &events, cure);
                    if cure == Cure::Skip {
                        assert!(shown.len() + 4 >= events.len(), "{what}: {} left", shown.len());
                    }
                }
            }
        }
    }
}

#[test]
fn holes_are_mended_by_either_cure() {
    type Damaging = fn(&SimulatedDisk, &[String]);
    #[rustfmt::skip]
    let cases: [(&str, Damaging); 9] = [
        ("middle gone",        |disk, names| disk.remove(&names[2]).unwrap()),
        ("two gone",           |disk, names| { disk.remove(&names[1]).unwrap(); disk.remove(&names[3]).unwrap(); }),
        ("last gone",          |disk, names| disk.remove(names.last().unwrap()).unwrap()),
        ("middle emptied",     |disk, names| disk.open(&names[2]).unwrap().set_len(0).unwrap()),
        ("first emptied",      |disk, names| disk.open(&names[0]).unwrap().set_len(0).unwrap()),
        ("middle cut",         |disk, names| cut(disk, &names[2], 300)),
        ("last cut",           |disk, names| cut(disk, names.last().unwrap(), 200)),
        ("last overwritten",   |disk, names| disk.open(names.last().unwrap()).unwrap().write_all_at(&[7; 300], 10).unwrap()),
        ("middle overwritten", |disk, names| disk.open(&names[1]).unwrap().write_all_at(&[7; 500], 400).unwrap()),
    ];
    for (name, damaging) in cases {
        for cure in [Cure::Truncate, Cure::Skip] {
            let (disk, events) = made(true);
            damaging(&disk, &segments(&disk));
            let what = format!("{name}, {cure:?}");
            assert!(!checked(&disk).is_whole(), "{what}: not found");
            // What the index file of a complete segment says is believed at the start.
            let is_refused = open(&disk.kill(), 1).is_err() || name == "middle overwritten";
            assert!(is_refused, "{what}: it opens");
            mend(&what, &disk, &events, cure);
        }
    }
}

#[test]
fn what_was_taken_away_stays_beside_unless_it_is_not_wanted() {
    for (copies, expected) in [(Copies::Keep, true), (Copies::None, false)] {
        let (disk, _) = made(true);
        let name = segments(&disk)[1].clone();
        assert!(disk.flip_bit(&name, 1_000));
        let damaged = disk.content(&name);
        let report = checked(&disk);
        let plan = Plan::new(&report, Cure::Skip);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        repair(&shared, &report, &plan, (copies, 5)).unwrap();
        let copy = disk.content(&format!("{name}.damaged"));
        assert_eq!(copy.is_some(), expected, "{copies:?}");
        assert!(copy.is_none() || copy == damaged, "the copy is what was there");
        assert_eq!(disk.names().iter().any(|name| name.contains("damaged")), expected);
    }
}

#[test]
fn deleted_histories_stay_deleted_and_do_not_hide_what_is_new() {
    for cure in [Cure::Truncate, Cure::Skip] {
        let (disk, events) = made(true);
        let (log, mut writer) = open(&disk, 1).unwrap();
        let id = log.channel_id("a");
        assert!(writer.delete(id).unwrap());
        writer.close().unwrap();
        assert!(disk.flip_bit(&segments(&disk)[1], 1_000));
        let report = checked(&disk);
        let plan = Plan::new(&report, cure);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        repair(&shared, &report, &plan, (Copies::Keep, 5)).unwrap();
        let (log, mut writer) = open(&disk, NEW_EPOCH).unwrap();
        let is_of_a = |(name, _): &(String, String)| name == "a";
        assert!(!events_of(&log).values().any(is_of_a), "{cure:?}: deleted events are back");
        for n in 0..events.len() {
            append(&log, &mut writer, &[("a", &format!("new {n}"))]);
        }
        drop(writer);
        let (log, _writer) = open(&disk, 3).unwrap();
        let n_new = events_of(&log).values().filter(|event| is_of_a(event)).count();
        assert_eq!(n_new, events.len(), "{cure:?}: an old trim hides new events");
    }
}

#[test]
fn a_repair_that_is_cut_short_can_be_tried_again() {
    for (name, bit) in [("segment", 1_000), ("meta.log", 300), ("header", 80)] {
        for cure in [Cure::Truncate, Cure::Skip] {
            let mut n_operations = 0;
            loop {
                let (disk, events) = made(true);
                let file = segments(&disk)[1].clone();
                let file = if name == "meta.log" { name } else { &file };
                assert!(disk.flip_bit(file, bit));
                let report = checked(&disk);
                let plan = Plan::new(&report, cure);
                let shared: Arc<dyn Disk> = Arc::new(disk.clone());
                disk.stop_after(n_operations);
                let is_done = repair(&shared, &report, &plan, (Copies::Keep, 5)).is_ok();
                let what = format!("{name}, {cure:?}, stopped after {n_operations}");
                for disk in [disk.kill(), disk.crash(n_operations)] {
                    let report = check_again(&disk);
                    let second = Plan::new(&report, cure);
                    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
                    repair(&shared, &report, &second, (Copies::Keep, 6)).unwrap();
                    let after = checked(&disk);
                    assert!(after.is_whole(), "{what}: {:?}", after.damages().next());
                    let (log, _writer) = open(&disk, NEW_EPOCH).unwrap();
                    if plan.steps.contains(&Step::BeginEpoch) {
                        assert_eq!(log.epoch(), NEW_EPOCH, "{what}: taken back in silence");
                    }
                    let shown = events_of(&log);
                    assert!(shown.iter().all(|(offset, event)| events[offset] == *event), "{what}");
                    let least = if cure == Cure::Skip { events.len() - 4 } else { 1 };
                    assert!(shown.len() >= least, "{what}: {} of {}", shown.len(), events.len());
                }
                n_operations += 1;
                if is_done {
                    break;
                }
            }
            assert!(n_operations > 3, "{name}, {cure:?}");
        }
    }
}

fn check_again(disk: &SimulatedDisk) -> Report {
    crate::check::check(disk, BOOT, &mut |_| {}).unwrap()
}

#[test]
fn a_whole_log_is_left_alone() {
    for is_closed in [true, false] {
        let (disk, _) = made(is_closed);
        for cure in [Cure::Truncate, Cure::Skip] {
            assert!(Plan::new(&checked(&disk), cure).is_empty());
        }
    }
}
