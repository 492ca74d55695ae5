//! Random schedules of work, faults and crashes: what is acknowledged is there afterwards.

use tidings_log::disk::Durability;

use super::Seed;
use super::session::{Session, Syncing};
use super::tally::Tally;

/// Schedules of one test; with `TIDINGS_TEST_ALL` ten times as many.
const N_SCHEDULES: u64 = 2_500;

/// Of everything a schedule can meet, at least one in so many schedules met it.
const MET_ONE_IN: u64 = 50;

fn run_schedules(which: u64, syncing: Syncing) {
    let n = if std::env::var_os("TIDINGS_TEST_ALL").is_some() { 10 } else { 1 } * N_SCHEDULES;
    let one = std::env::var_os("TIDINGS_TEST_SEED")
        .map(|seed| seed.to_str().and_then(|seed| seed.parse::<u64>().ok()).expect("a number"));
    // The same seeds come first, however many there are.
    let first = which << 32;
    let seeds = one.map_or(first..first + n, |seed| seed..seed + 1);
    let mut tally = Tally::default();
    for seed in seeds {
        let _printed = Seed(seed);
        let mut session = Session::new(seed, syncing);
        session.run();
        tally.add(&session.tally);
    }
    println!("{tally}");
    if one.is_none() {
        tally.assert_all_met(MET_ONE_IN);
    }
}

#[test]
fn what_is_acknowledged_survives_crash_schedules_1() {
    run_schedules(0, Syncing::Always(Durability::Fsync));
}

#[test]
fn what_is_acknowledged_survives_crash_schedules_2() {
    run_schedules(1, Syncing::Always(Durability::Fsync));
}

#[test]
fn what_is_acknowledged_survives_crash_schedules_3() {
    run_schedules(2, Syncing::Always(Durability::Fsync));
}

#[test]
fn what_is_acknowledged_survives_crash_schedules_4() {
    run_schedules(3, Syncing::Always(Durability::Fsync));
}

#[test]
fn without_syncs_a_prefix_survives_a_power_cut_and_all_a_kill() {
    run_schedules(4, Syncing::Always(Durability::Os));
}

#[test]
fn every_opening_may_change_when_a_commit_counts_as_done() {
    run_schedules(5, Syncing::Mixed);
}
