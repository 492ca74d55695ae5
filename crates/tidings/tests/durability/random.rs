//! Random numbers that can be had again.

/// The generator `SplitMix64` (Steele, Lea and Flood, 2014).
#[derive(Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    /// Starts a sequence; the same seed makes the same.
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Returns the next number from `first` to `last`, both included.
    pub(crate) fn within(&mut self, first: u32, last: u32) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let n_choices = u64::from(last - first) + 1;
        let choice = (mixed ^ (mixed >> 31)) % n_choices;
        first + u32::try_from(choice).expect("it is at most `last - first`")
    }

    /// Returns `true` once in `n` times.
    pub(crate) fn is_one_in(&mut self, n: u32) -> bool {
        self.within(1, n) == 1
    }
}

/// Returns the seed that `TIDINGS_TEST_SEED` gives, or else a new one.
pub(crate) fn seed() -> u64 {
    let Some(seed) = std::env::var_os("TIDINGS_TEST_SEED") else {
        return getrandom::u64().expect("the system has random numbers");
    };
    let number = seed.to_str().and_then(|seed| seed.parse().ok());
    number.expect("TIDINGS_TEST_SEED is a whole number")
}
