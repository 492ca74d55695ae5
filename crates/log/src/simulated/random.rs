//! Random numbers that a seed decides.

/// A generator of random numbers; the same seed gives the same numbers (`SplitMix64`).
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// Starts a sequence.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Draws any number.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Draws a number below the limit; 0 when the limit is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        // Seeds are small test inputs: the slight bias of a remainder does not matter here.
        self.next_u64().checked_rem(limit).unwrap_or(0)
    }
}
