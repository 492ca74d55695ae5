//! Counts different hashes roughly in little memory, so that a table is laid out to size.

/// Bits of the hash that choose a register.
const INDEX_BITS: u32 = 12;
const N_REGISTERS: usize = 1 << INDEX_BITS;

/// A `HyperLogLog` counter of 4,096 registers: off by 1.6 % in the mean.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    registers: Box<[u8]>,
}

impl Estimate {
    pub(crate) fn new() -> Self {
        Self { registers: vec![0; N_REGISTERS].into_boxed_slice() }
    }

    pub(crate) fn add(&mut self, hash: u64) {
        let hash = mix(hash);
        let index = usize::try_from(hash >> (64 - INDEX_BITS)).unwrap_or_default();
        let rank = u8::try_from((hash << INDEX_BITS | 1 << (INDEX_BITS - 1)).leading_zeros() + 1);
        if let (Some(register), Ok(rank)) = (self.registers.get_mut(index), rank) {
            *register = (*register).max(rank);
        }
    }

    /// How many different hashes there were, about.
    #[expect(
        clippy::as_conversions,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an estimate, positive and far below 2^52"
    )]
    pub(crate) fn count(&self) -> usize {
        let n = N_REGISTERS as f64;
        let sum: f64 = self.registers.iter().map(|rank| 0.5_f64.powi(i32::from(*rank))).sum();
        let raw = 0.7213 / (1.0 + 1.079 / n) * n * n / sum;
        let n_empty = memchr::memchr_iter(0, &self.registers).count();
        if raw <= 2.5 * n && n_empty > 0 {
            // Few: the share of empty registers says more.
            return (n * (n / n_empty as f64).ln()).ceil() as usize;
        }
        raw.ceil() as usize
    }
}

/// Spreads what names have in common over all bits (the finalizer of `MurmurHash3`).
fn mix(hash: u64) -> u64 {
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::suffixes::{HashKey, hash_name};

    #[test]
    fn counts_are_within_five_percent() {
        let key = HashKey::new([3, 5]);
        let mut estimate = Estimate::new();
        assert_eq!(estimate.count(), 0);
        for number in 1..=200_000_usize {
            let hash = hash_name(key, &format!("host{number}.example"));
            estimate.add(hash);
            estimate.add(hash);
            if [10, 1_000, 20_000, 200_000].contains(&number) {
                let off = estimate.count().abs_diff(number);
                assert!(off * 20 <= number + 20, "{} for {number}", estimate.count());
            }
        }
    }
}
