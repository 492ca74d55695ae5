//! Maps and sets of numbers that the hub gave out itself, hashed by one multiplication.
//!
//! Nobody outside chooses such a number, so nobody can make them collide; the hasher of the
//! standard library costs several times as much, on every publication.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};

/// A map by a number of ours.
pub(crate) type IdMap<K, V> = HashMap<K, V, BuildHasherDefault<IdHasher>>;
/// A set of numbers of ours.
pub(crate) type IdSet<K> = HashSet<K, BuildHasherDefault<IdHasher>>;

/// Hashes one number.
#[derive(Debug, Default)]
pub(crate) struct IdHasher(u64);

impl IdHasher {
    /// Spreads consecutive numbers over all bits: the fraction of the golden ratio (Knuth,
    /// "The Art of Computer Programming", volume 3, section 6.4).
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
}

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        let mixed = (self.0 ^ number).wrapping_mul(Self::FACTOR);
        // The table takes its place from the low bits and its tag from the high ones.
        self.0 = mixed ^ (mixed >> 32);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_numbers_spread_over_places_and_tags() {
        let hash = |number: u32| {
            let mut hasher = IdHasher::default();
            hasher.write_u32(number);
            hasher.finish()
        };
        let places: HashSet<u64> = (0..4_096).map(|number| hash(number) & 0xfff).collect();
        assert!(places.len() > 2_400, "{} places of 4,096", places.len());
        let tags: HashSet<u64> = (0..4_096).map(|number| hash(number) >> 57).collect();
        assert_eq!(tags.len(), 128);
    }
}
