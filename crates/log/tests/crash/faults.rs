//! Failed syncs and full disks at every place.

use bytes::Bytes;
use tidings_log::disk::Durability;
use tidings_log::log::Batch;
use tidings_log::writer::CommitError;

use super::Seed;
use super::session::{Session, Syncing};
use super::work::Outcome;

#[test]
fn after_a_failed_sync_nothing_more_is_committed_and_nothing_acknowledged_is_lost() {
    let mut n_acknowledged = 0;
    for n in 1..=200 {
        let _printed = Seed(n);
        let mut session = Session::new(n, Syncing::Always(Durability::Fsync));
        let (log, mut writer) = session.open().unwrap();
        session.check_start(&log, &mut writer);
        session.disk.fail_sync(n);
        session.has_fault = true;
        // Every commit syncs at least once.
        let broken = (0..=n).find(|_| {
            let outcome = session.commit(&log, &mut writer);
            if outcome == Outcome::Done {
                session.check_running(&log, &writer);
            }
            outcome == Outcome::Broken
        });
        assert!(broken.is_some(), "no commit fails");
        n_acknowledged += session.tally.commits;
        assert!(log.stats().is_poisoned, "it says so");
        for _ in 0..3 {
            let batch = session.draw_batch(&log);
            let refused = writer.commit(&batch);
            assert!(matches!(refused, Err(CommitError::Poisoned)), "{refused:?}");
        }
        assert_eq!(session.read(&log, &writer).head, session.model.head(), "reads go on");
        let n_operations = session.disk.n_operations();
        writer.sweep(u64::MAX);
        assert_eq!(session.disk.n_operations(), n_operations, "nothing more is changed");
        drop(writer);
        if n % 2 == 0 {
            session.kill();
        } else {
            session.cut_power();
        }
        for _ in 0..2 {
            let (log, mut writer) = session.open().unwrap();
            session.check_start(&log, &mut writer);
            for _ in 0..5 {
                assert_eq!(session.commit(&log, &mut writer), Outcome::Done);
            }
            drop(writer);
            session.cut_power();
        }
    }
    println!("200 failed syncs, {n_acknowledged} commits acknowledged before them");
    assert!(n_acknowledged > 2_000, "{n_acknowledged}");
}

#[test]
fn after_a_failed_sync_of_the_settings_nothing_more_is_committed() {
    let put = |n: u8| ("state/large".into(), Some(Bytes::from(vec![n; 700_000])));
    let mut n_compacting = 0;
    for n in 1..=24 {
        let _printed = Seed(n);
        let mut session = Session::keeping_all(n, 8_192);
        let (log, mut writer) = session.open().unwrap();
        session.check_start(&log, &mut writer);
        session.disk.fail_sync(n);
        let mut value = 0;
        let outcome = loop {
            value += 1;
            let mut batch = session.draw_batch(&log);
            batch.puts = vec![put(value)];
            let n_bytes = writer.meta().len_bytes();
            let outcome = session.commit_batch(&log, &mut writer, &batch);
            n_compacting += u32::from(writer.meta().len_bytes() < n_bytes);
            if outcome != Outcome::Done {
                break outcome;
            }
        };
        assert_eq!(outcome, Outcome::Broken);
        let batch = Batch { puts: Vec::new(), ..session.draw_batch(&log) };
        let refused = writer.commit(&batch);
        assert!(matches!(refused, Err(CommitError::Poisoned)), "{refused:?}");
        assert!(log.stats().is_poisoned, "it says so");
        drop(writer);
        session.cut_power();
        let (log, mut writer) = session.open().unwrap();
        session.check_start(&log, &mut writer);
    }
    println!("{n_compacting} compactions of the settings");
    assert!(n_compacting > 10, "{n_compacting}");
}

#[test]
fn a_failed_sync_of_an_opening_loses_nothing() {
    let mut n_failed = 0;
    for n in 1..=200 {
        let _printed = Seed(n);
        let mut session = Session::new(n, Syncing::Always(Durability::Fsync));
        let (log, mut writer) = session.open().unwrap();
        session.check_start(&log, &mut writer);
        session.disk.stop_after(n);
        session.has_fault = true;
        while session.commit(&log, &mut writer) != Outcome::Broken {}
        drop(writer);
        session.kill();
        session.disk.fail_sync(1 + n % 8);
        n_failed += u32::from(session.open().is_err());
        session.cut_power();
        let (log, mut writer) = session.open().unwrap();
        session.check_start(&log, &mut writer);
        assert_eq!(session.commit(&log, &mut writer), Outcome::Done);
    }
    println!("{n_failed} openings failed");
    assert!(n_failed > 50, "{n_failed}");
}

#[test]
fn a_log_whose_making_failed_twice_keeps_what_it_then_acknowledges() {
    let mut n_failed = 0;
    for n in 0..120 {
        let _printed = Seed(n);
        let mut session = Session::new(n, Syncing::Always(Durability::Fsync));
        session.disk.stop_after(n / 10);
        let is_made = session.open().is_ok();
        session.kill();
        session.disk.fail_sync(1 + n % 10);
        n_failed += u32::from(session.open().is_err() && !is_made);
        session.kill();
        let (log, writer) = session.open().unwrap();
        // It is the same log after a power cut, though nothing was committed.
        session.model.epoch = Some(log.epoch());
        drop(writer);
        for _ in 0..2 {
            session.cut_power();
            let (log, mut writer) = session.open().unwrap();
            session.check_start(&log, &mut writer);
            assert_eq!(session.commit(&log, &mut writer), Outcome::Done);
        }
    }
    println!("{n_failed} logs whose making failed twice");
    assert!(n_failed > 50, "{n_failed}");
}

#[test]
fn a_full_disk_refuses_commits_at_every_step_of_a_roll_and_takes_them_again() {
    const SEGMENT_BYTES: u64 = 2_048;
    let (mut n_disks, mut n_rolls) = (0, 0);
    for room in (0..3 * SEGMENT_BYTES).step_by(4) {
        let _printed = Seed(room);
        n_disks += 1;
        let mut session = Session::keeping_all(3, SEGMENT_BYTES);
        let (log, mut writer) = session.open().unwrap();
        session.check_start(&log, &mut writer);
        for _ in 0..6 {
            assert_eq!(session.commit(&log, &mut writer), Outcome::Done);
        }
        session.disk.set_capacity(Some(session.disk.used_bytes() + room));
        let n_segments = log.stats().n_segments;
        let mut n_full = 0;
        for _ in 0..60 {
            let outcome = session.commit(&log, &mut writer);
            assert_ne!(outcome, Outcome::Broken);
            n_full += u32::from(outcome == Outcome::Full);
            if n_full == 3 {
                break;
            }
        }
        assert!(n_full > 0, "it was full");
        n_rolls += u64::from(log.stats().n_segments > n_segments);
        session.check_full_start();
        session.disk.set_capacity(None);
        assert_eq!(session.commit(&log, &mut writer), Outcome::Done, "there is room");
        drop(writer);
        if room % 2 == 0 {
            session.kill();
        } else {
            session.cut_power();
        }
        let (log, mut writer) = session.open().unwrap();
        session.check_start(&log, &mut writer);
        assert_eq!(session.commit(&log, &mut writer), Outcome::Done);
    }
    println!("{n_disks} disks filled, {n_rolls} of them behind a new segment");
    assert!(n_rolls > 1_000 && n_disks - n_rolls > 20, "{n_rolls} of {n_disks}");
}
