//! Flipped bits: what is shown is what was written, and what is missing is reported.

use std::ops::ControlFlow;

use tidings_log::log::{Log, OpenError};
use tidings_log::meta::MetaError;
use tidings_log::reader::Channels;
use tidings_log::simulated::{Random, SimulatedDisk};
use tidings_log::writer::LogWriter;

use super::Seed;
use super::model::{SETTINGS, Settings};
use super::reading::{Shown, names_of, to_event};
use super::session::Session;
use super::tally::is_segment;
use super::work::Outcome;

/// Flips of one log while it is closed, and while it is open.
const N_CLOSED_FLIPS: u32 = 600;
const N_OPEN_FLIPS: u32 = 500;

/// A log of many segments and what is known of it.
struct Whole {
    shown: Shown,
    /// The settings after each commit.
    settings: Vec<Settings>,
    /// Where the last commit begins; what a crash may take.
    last_commit: u64,
    is_closed: bool,
}

fn many_segments(seed: u64) -> (Session, Whole) {
    let mut session = Session::keeping_all(seed, 2_048);
    let (log, mut writer) = session.open().unwrap();
    session.check_start(&log, &mut writer);
    let mut last_commit = 0;
    let mut settings = vec![session.model.settings().clone()];
    for _ in 0..25 {
        last_commit = session.model.head() + 1;
        assert_eq!(session.commit(&log, &mut writer), Outcome::Done);
        settings.push(session.model.settings().clone());
    }
    let shown = session.read(&log, &writer);
    let is_closed = seed.is_multiple_of(2);
    if is_closed {
        writer.close().unwrap();
    }
    (session, Whole { shown, settings, last_commit, is_closed })
}

/// Flips a random bit of a random file; returns the place.
fn flip(session: &Session, random: &mut Random) -> (String, usize) {
    loop {
        let names = session.disk.names();
        let name = names[random.below(names.len() as u64) as usize].clone();
        let n_bits = session.disk.content(&name).unwrap().len() as u64 * 8;
        let bit = random.below(n_bits) as usize;
        if session.disk.flip_bit(&name, bit) {
            return (name, bit);
        }
    }
}

/// Checks that all that is shown is what was written, and that what is missing is reported.
fn check_damaged((log, writer): (&Log, &LogWriter), whole: &Whole, place: &(String, usize)) {
    let settings = writer.meta().with_prefix(SETTINGS);
    let settings = settings.map(|(key, value)| (key.into(), value.clone())).collect();
    assert!(whole.settings.contains(&settings), "{place:?}: settings");
    let (whole, last_commit) = (&whole.shown, whole.last_commit);
    let names = names_of(log);
    let mut missing: Vec<u64> = whole.events.keys().copied().collect();
    missing.retain(|offset| *offset <= log.head());
    assert!(log.head() + 1 >= last_commit, "{place:?}: more than the last commit is gone");
    let mut from = 0;
    while from < log.head() {
        let reached = log
            .scan(from, log.head(), Channels::All, &mut |record| {
                let event = to_event(record, &names);
                assert_eq!(event.as_ref(), whole.events.get(&record.offset), "{place:?}");
                missing.retain(|offset| *offset != record.offset);
                ControlFlow::Continue(())
            })
            .unwrap();
        if let Some(lost_to) = reached.lost_to {
            missing.retain(|offset| *offset <= reached.offset || *offset > lost_to);
        }
        let next = reached.lost_to.or(reached.gone_to).unwrap_or(reached.offset);
        assert!(next > from, "{place:?}: a scan comes on");
        from = next;
    }
    assert_eq!(missing, [0; 0], "{place:?}: lost and not reported");
    let mut check = |record: &tidings_log::record::Record<'_>| {
        let event = to_event(record, &names);
        assert_eq!(event.as_ref(), whole.events.get(&record.offset), "{place:?}");
        ControlFlow::Continue(())
    };
    for id in names.keys() {
        log.scan_back(*id, u64::MAX, &mut check).unwrap();
        log.scan(0, log.head(), Channels::Only(&[*id]), &mut check).unwrap();
    }
    for offset in whole.events.keys() {
        let found = log.record(*offset, |record| to_event(record, &names)).unwrap();
        assert!(found.is_none_or(|event| event.as_ref() == whole.events.get(offset)), "{place:?}");
    }
    log.notes(0, &mut |note| {
        assert!(whole.notes.iter().any(|(_, body)| **body == *note.body), "{place:?}");
        ControlFlow::Continue(())
    })
    .unwrap();
}

#[test]
fn a_bit_flipped_while_the_log_is_closed_is_never_shown() {
    let (mut n_refused, mut n_opened) = (0, 0);
    for seed in 0..10 {
        let _printed = Seed(seed);
        let (mut session, whole) = many_segments(seed);
        let disk = session.disk.clone();
        let mut random = Random::new(seed);
        for _ in 0..N_CLOSED_FLIPS {
            session.disk = disk.kill();
            let place = flip(&session, &mut random);
            let content = segments(&session.disk);
            match session.open() {
                Ok((log, writer)) => {
                    check_damaged((&log, &writer), &whole, &place);
                    assert!(
                        log.head() == whole.shown.head || !whole.is_closed || place.0 == "meta.log",
                        "{place:?}: nothing of a log that was closed is taken for unfinished"
                    );
                    n_opened += 1;
                }
                Err(error) => {
                    check_refusal(&error, &place);
                    assert!(segments(&session.disk) == content, "{place:?}: it was changed");
                    n_refused += 1;
                }
            }
        }
    }
    println!("{n_refused} openings refused, {n_opened} show what was written");
    assert!(n_refused > 100 && n_opened > 1_000, "{n_refused}, {n_opened}");
}

/// Checks that a refusal names the file, and a place not behind the flipped bit.
fn check_refusal(error: &OpenError, (name, bit): &(String, usize)) {
    let (file, position) = match error {
        OpenError::Damaged { file, position, .. } => (file.as_str(), *position),
        OpenError::Meta(MetaError::Damaged { file, position, .. }) => (*file, *position),
        OpenError::Meta(_) | OpenError::Locked | OpenError::Version { .. } | OpenError::Io(_) => {
            panic!("{name} {bit}: {error:?}")
        }
    };
    assert_eq!(file, name, "bit {bit}: {error}");
    assert!(position <= *bit as u64 / 8, "{name} {bit}: {error}");
}

/// Returns the segments' names and bytes.
fn segments(disk: &SimulatedDisk) -> Vec<(String, Option<Vec<u8>>)> {
    let names = disk.names().into_iter().filter(|name| is_segment(name));
    names.map(|name| (name.clone(), disk.content(&name))).collect()
}

#[test]
fn a_bit_flipped_while_the_log_is_open_is_never_shown() {
    for seed in 0..10 {
        let _printed = Seed(seed);
        let (mut session, whole) = many_segments(seed);
        session.kill();
        let (log, writer) = session.open().unwrap();
        let mut random = Random::new(seed);
        for _ in 0..N_OPEN_FLIPS {
            let place = flip(&session, &mut random);
            check_damaged((&log, &writer), &whole, &place);
            assert!(session.disk.flip_bit(&place.0, place.1), "it is put right again");
        }
    }
}
