//! Blocks: what goes in comes out, small, and damage is told.

use proptest::prelude::*;

use super::*;
use crate::query_log::samples::{Samples, entry};

#[test]
fn entries_come_out_as_they_went_in() {
    let mut samples = Samples::new(7);
    let entries: Vec<Entry> = (0..ENTRIES_MAX).map(|_| samples.next_entry()).collect();
    let encoded = encode(&entries.iter().collect::<Vec<_>>());
    assert_eq!(decode(&encoded), Ok(entries));
}

#[test]
fn extremes_come_out_as_they_went_in() {
    let long = "x".repeat(1_000);
    let entries = [
        Entry { name: "".into(), at_ms: 0, duration_us: 0, ..entry("", 0) },
        Entry { duration_us: u32::MAX, ..entry(&long, u64::from(u32::MAX)) },
        Entry {
            client: "2001:db8::ffff".parse().unwrap(),
            addresses: vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()],
            response_code: u16::MAX,
            kind: RecordType(u16::MAX),
            is_authentic: true,
            ..entry("a\u{e4}.example", 5)
        },
    ];
    let encoded = encode(&entries.iter().collect::<Vec<_>>());
    assert_eq!(decode(&encoded).unwrap(), entries);
}

#[test]
fn an_entry_of_a_busy_home_takes_few_bytes() {
    let mut samples = Samples::new(11);
    let entries: Vec<Entry> = (0..ENTRIES_MAX).map(|_| samples.next_entry()).collect();
    let encoded = encode(&entries.iter().collect::<Vec<_>>());
    let mean = encoded.len_bytes() / entries.len();
    assert!(mean <= 45, "{mean} bytes an entry");
}

proptest! {
    #[test]
    fn damaged_bytes_are_refused_or_read_but_never_a_panic(
        seed in 0_u64..1_000, part in 0..3_usize, at in any::<usize>(), byte in any::<u8>(),
        is_cut in any::<bool>(),
    ) {
        let mut samples = Samples::new(seed);
        let entries: Vec<Entry> = (0..50).map(|_| samples.next_entry()).collect();
        let mut encoded = encode(&entries.iter().collect::<Vec<_>>());
        let bytes = match part {
            0 => &mut encoded.dictionary,
            1 => &mut encoded.rows,
            _ => &mut encoded.rest,
        };
        let at = at % bytes.len();
        if is_cut {
            bytes.truncate(at);
        } else {
            bytes[at] = byte;
        }
        let decoded = decode(&encoded);
        prop_assert!(decoded.is_err() || decoded.is_ok_and(|entries| entries.len() <= ENTRIES_MAX));
    }
}
