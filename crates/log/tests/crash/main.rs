//! Crashes, faults, a full disk and flipped bits below a log, on the simulated disk.
//!
//! A failure prints its seed. `TIDINGS_TEST_SEED` runs the schedule of that seed alone, and
//! `TIDINGS_TEST_ALL` ten times as many.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test ends at the first surprise and says what it met"
)]

mod faults;
mod flips;
mod model;
mod reading;
mod schedules;
mod session;
mod tally;
mod work;

/// Prints the seed when a test fails.
pub(crate) struct Seed(pub(crate) u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("failed with seed {}", self.0);
        }
    }
}
