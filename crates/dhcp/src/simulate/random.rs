//! A small generator of random numbers, the same on every machine for the same seed.
//!
//! `SplitMix64` (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014):
//! a counter with a fixed odd step and a mixing function. Good enough to choose test data; never
//! for secrets.

#[derive(Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a number from `low` to `high`, both included.
    pub(super) fn between(&mut self, low: i64, high: i64) -> i64 {
        debug_assert!(low <= high, "a range has at least one number");
        let n_numbers = high.abs_diff(low).saturating_add(1);
        // The bias of the remainder is far below what test data could show.
        low.saturating_add_unsigned(self.next() % n_numbers)
    }

    /// Returns an index below `length`; `None` when there is nothing to choose from.
    pub(super) fn index(&mut self, length: usize) -> Option<usize> {
        let last = i64::try_from(length.checked_sub(1)?).ok()?;
        usize::try_from(self.between(0, last)).ok()
    }
}
