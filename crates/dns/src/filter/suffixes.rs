//! Hashes of a name and of its suffixes, keyed, from the right to the left in one pass.

/// Secret of the hashes of one table; whoever knows it can make names collide.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HashKey([u64; 2]);

impl HashKey {
    /// Makes a key of two random numbers; the bits are spread, so that no number is a weak one.
    #[must_use]
    pub fn new(random: [u64; 2]) -> Self {
        Self([spread(random[0]), spread(random[1])])
    }

    /// The parts that make the same key in [`HashKey::from_parts`].
    pub(crate) fn parts(self) -> [u64; 2] {
        self.0
    }

    pub(crate) const fn from_parts(parts: [u64; 2]) -> Self {
        Self(parts)
    }
}

/// The finaliser of splitmix64 (Steele, Lea, Flood 2014).
fn spread(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

impl std::fmt::Debug for HashKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("HashKey(..)")
    }
}

/// Most labels that a name can have (RFC 1035 §2.3.4: 255 octets, two for each label at least).
pub const LABELS_MAX: usize = 128;

/// The hashes of the suffixes of one name, the shortest first.
#[derive(Debug, Clone, Copy)]
pub struct Suffix {
    /// Hash of the suffix.
    pub hash: u64,
    /// Where the suffix starts in the name.
    pub start: usize,
}

/// Walks the suffixes of `name`, the last label first and the whole name last.
///
/// Names longer than [`LABELS_MAX`] labels end early; the wire has no such names.
pub fn suffixes(key: HashKey, name: &str) -> impl Iterator<Item = Suffix> + '_ {
    let mut end = name.len();
    let mut state = key.0[0];
    let mut is_done = name.is_empty();
    std::iter::from_fn(move || {
        if is_done {
            return None;
        }
        let rest = name.as_bytes().get(..end)?;
        let start = memchr::memrchr(b'.', rest).map_or(0, |dot| dot + 1);
        state = add_label(key, state, rest.get(start..)?);
        is_done = start == 0;
        end = start.saturating_sub(1);
        Some(Suffix { hash: state, start })
    })
    .take(LABELS_MAX)
}

/// Hashes a whole name; the same as the last of [`suffixes`].
#[must_use]
pub fn hash_name(key: HashKey, name: &str) -> u64 {
    suffixes(key, name).last().map_or(key.0[0], |suffix| suffix.hash)
}

/// Mixes one label into the state: eight bytes at a time, then its length.
fn add_label(key: HashKey, state: u64, label: &[u8]) -> u64 {
    let (words, tail) = label.as_chunks::<8>();
    let mut state = state;
    for word in words {
        state = fold(state ^ u64::from_le_bytes(*word), key.0[1]);
    }
    let mut last = [0; 8];
    for (to, from) in last.iter_mut().zip(tail) {
        *to = *from;
    }
    let length = u64::try_from(label.len()).unwrap_or(u64::MAX);
    fold(state ^ u64::from_le_bytes(last), key.0[1]) ^ fold(length ^ key.0[0], state | 1)
}

/// Multiplies to 128 bits and folds the halves, so that each bit reaches every other.
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right | 1);
    let low = u64::try_from(product & u128::from(u64::MAX)).unwrap_or_default();
    let high = u64::try_from(product >> 64).unwrap_or_default();
    low ^ high
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const KEY: HashKey = HashKey::from_parts([0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03]);

    #[test]
    fn suffixes_go_from_the_last_label_to_the_whole_name() {
        let name = "a.bb.example";
        let starts: Vec<usize> = suffixes(KEY, name).map(|suffix| suffix.start).collect();
        assert_eq!(starts, [5, 2, 0]);
        for suffix in suffixes(KEY, name) {
            let text = name.get(suffix.start..).expect("starts lie in the name");
            assert_eq!(hash_name(KEY, text), suffix.hash, "case: {text}");
        }
        assert_eq!(suffixes(KEY, "").count(), 0);
    }

    #[test]
    fn empty_labels_and_moved_dots_hash_apart() {
        let names = ["a.b", "ab", ".ab", "ab.", "a..b", "b.a", "", ".", "..", "a.b.", "aaaaaaaa.b"];
        let hashes: HashSet<u64> = names.iter().map(|name| hash_name(KEY, name)).collect();
        assert_eq!(hashes.len(), names.len());
    }

    #[test]
    fn many_names_do_not_collide_and_use_all_bits() {
        let mut seen = HashSet::new();
        let mut set_bits = [0_u32; 64];
        for number in 0..200_000_u32 {
            let hash = hash_name(KEY, &format!("host-{number}.zone{}.example", number % 97));
            assert!(seen.insert(hash), "collision at {number}");
            for (bit, count) in set_bits.iter_mut().enumerate() {
                *count += u32::from(hash >> bit & 1 == 1);
            }
        }
        for (bit, count) in set_bits.iter().enumerate() {
            assert!((90_000..110_000).contains(count), "bit {bit} is set {count} times of 200000");
        }
    }
}
