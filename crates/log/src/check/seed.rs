//! Finding what the checksums of a segment start from, when its header is damaged; pure.
//!
//! A checksum can be run backwards: from what it ended with, over the bytes, to what it started
//! from. The first two records of a segment must agree about that.

use crate::record::{self, HEADER_BYTES, PREFIX_BYTES, read_u32};

/// Polynomial of CRC32C, lowest bit first.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// Returns the seed of a segment that starts with these bytes.
pub(super) fn find(bytes: &[u8]) -> Option<u32> {
    let records = bytes.get(HEADER_BYTES..)?;
    let (first, rest) = records.split_at_checked(record::size_of(records).ok()?)?;
    let second = rest.get(..record::size_of(rest).ok()?)?;
    let seed = seed_of(first)?;
    (seed_of(second)? == seed).then_some(seed)
}

/// Returns how many bytes [`find`] needs, as far as these tell.
pub(super) fn needed_bytes(bytes: &[u8]) -> usize {
    let mut needed = HEADER_BYTES;
    for _ in 0..2 {
        let Some(size) = bytes.get(needed..).and_then(|bytes| record::size_of(bytes).ok()) else {
            return needed + PREFIX_BYTES;
        };
        needed += size;
    }
    needed
}

fn seed_of(record: &[u8]) -> Option<u32> {
    let (prefix, checked) = record.split_at_checked(PREFIX_BYTES)?;
    let mut state = !read_u32(prefix, 4)?;
    for byte in checked.iter().rev() {
        // Eight steps, each of which shifted a bit out and told by the highest bit which.
        for _ in 0..8 {
            state = if state >> 31 == 0 { state << 1 } else { ((state ^ POLYNOMIAL) << 1) | 1 };
        }
        state ^= u32::from(*byte);
    }
    Some(!state)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::record::{RecordKind, Writing};

    proptest! {
        #[test]
        fn the_seed_is_found_behind_any_header(
            seed: u32, one in ".{0,300}", other in ".{0,300}", header: [u8; HEADER_BYTES],
        ) {
            let mut bytes = header.to_vec();
            for body in [&one, &other] {
                let writing = Writing {
                    batch: 32, delta: 0, kind: RecordKind::Event(3), at: 1, correction_s: 0,
                    is_more: false, name: None, body: body.as_bytes(),
                };
                writing.encode(seed, &mut bytes);
            }
            prop_assert_eq!(find(&bytes), Some(seed));
            prop_assert_eq!(needed_bytes(&bytes), bytes.len());
            prop_assert!(needed_bytes(&bytes[..40]) > 40);
            bytes[60] ^= 4;
            prop_assert_eq!(find(&bytes), None, "two records must agree");
        }
    }
}
