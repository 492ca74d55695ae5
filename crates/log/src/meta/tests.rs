//! Tests of the store: what was put is there after crashes, faults and a full disk.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::disk::{Disk, Durability};
use crate::simulated::{Random, SimulatedDisk};

use super::snapshot::TEMPORARY_NAME;
use super::{FILE_NAME, MetaError, MetaStore, Put};

type Entries = BTreeMap<Box<str>, Bytes>;

const N_SCHEDULES: u64 = 4_000;

fn open(disk: &SimulatedDisk, durability: Durability) -> Result<MetaStore, MetaError> {
    let mut store = MetaStore::open(Arc::new(disk.clone()), 7, durability)?;
    store.slack_bytes = 600;
    Ok(store)
}

fn reopened(disk: &SimulatedDisk) -> MetaStore {
    open(&disk.kill(), Durability::Fsync).expect("the file is whole")
}

fn put(key: &str, value: &str) -> Put {
    (key.into(), Some(Bytes::copy_from_slice(value.as_bytes())))
}

/// Draws a batch of one to four puts of few keys, some of them long, some removals.
fn draw_batch(random: &mut Random) -> Vec<Put> {
    let n_puts = 1 + random.below(4);
    (0..n_puts)
        .map(|_| {
            let key = format!("key/{}", random.below(6)).into();
            let len = [0, 9, 120, 700][usize::try_from(random.below(4)).unwrap()];
            let fill = u8::try_from(random.below(256)).unwrap();
            (key, (random.below(4) > 0).then(|| Bytes::from(vec![fill; len])))
        })
        .collect()
}

fn after(entries: &Entries, batch: &[Put]) -> Entries {
    let mut entries = entries.clone();
    super::apply(&mut entries, batch);
    entries
}

#[test]
fn puts_are_read_in_order_and_are_there_after_a_restart() {
    let disk = SimulatedDisk::new();
    let mut store = open(&disk, Durability::Fsync).unwrap();
    assert!(store.is_new());
    store.put_all(&[put("b/2", "two"), put("b/1", "one"), put("a", ""), put("c", "x")]).unwrap();
    store.put_all(&[put("a", "A"), ("c".into(), None), ("none".into(), None)]).unwrap();
    for store in [store, reopened(&disk)] {
        let of_b: Vec<_> = store.with_prefix("b/").map(|(key, value)| (key, &value[..])).collect();
        assert_eq!(of_b, [("b/1", &b"one"[..]), ("b/2", b"two")]);
        assert_eq!(store.get("a").unwrap(), "A");
        assert_eq!(store.get("c"), None);
        assert_eq!(store.with_prefix("").count(), 3);
        assert_eq!(
            store.len_bytes(),
            u64::try_from(disk.content(FILE_NAME).unwrap().len()).unwrap()
        );
    }
    assert!(!reopened(&disk).is_new());
}

#[test]
fn too_large_puts_change_nothing() {
    let disk = SimulatedDisk::new();
    let mut store = open(&disk, Durability::Fsync).unwrap();
    let value = Bytes::from(vec![0; super::VALUE_SIZE_MAX_BYTES]);
    let long = Bytes::from(vec![0; super::VALUE_SIZE_MAX_BYTES + 1]);
    let many = vec![("key".into(), Some(value)); 4];
    let cases = [
        ("key", vec![put(&"k".repeat(1025), "")]),
        ("value", vec![put("fine", ""), ("k".into(), Some(long))]),
        ("batch", many),
    ];
    let before = store.len_bytes();
    for (name, puts) in cases {
        let error = store.put_all(&puts).unwrap_err();
        assert!(
            matches!(error, MetaError::TooLarge { what, .. } if what == name),
            "{name}: {error}"
        );
        assert_eq!((store.len_bytes(), store.get("fine")), (before, None), "case: {name}");
    }
    store.put_all(&[put(&"k".repeat(1024), "")]).unwrap();
}

#[test]
fn compaction_keeps_the_file_short_and_the_entries_whole() {
    let disk = SimulatedDisk::new();
    let mut store = open(&disk, Durability::Fsync).unwrap();
    let mut entries = Entries::new();
    let mut random = Random::new(1);
    for _ in 0..300 {
        let batch = draw_batch(&mut random);
        let before = store.live_bytes;
        store.put_all(&batch).unwrap();
        entries = after(&entries, &batch);
        assert!(store.len_bytes() <= 2 * before + store.slack_bytes + 4 * 800);
    }
    assert_eq!(store.entries, entries);
    let reopened = reopened(&disk);
    assert_eq!((&reopened.entries, reopened.live_bytes), (&entries, store.live_bytes));
}

#[test]
fn a_file_left_by_a_compaction_is_removed() {
    let disk = SimulatedDisk::new();
    open(&disk, Durability::Fsync).unwrap().put_all(&[put("a", "1")]).unwrap();
    disk.create(TEMPORARY_NAME).unwrap();
    let store = open(&disk, Durability::Fsync).unwrap();
    assert_eq!(
        (store.get("a").unwrap(), disk.names()),
        (&Bytes::from("1"), vec!["meta.log".into()])
    );
}

#[test]
fn tails_that_were_never_finished_are_cut() {
    let cases: [(&str, &[u8]); 5] = [
        ("one byte", &[1]),
        ("zeros", &[0; 5000]),
        ("a giant length", &[0xff; 40]),
        ("small lengths", &[1, 0, 0, 0].repeat(20_000)),
        ("a record of another place", &[]),
    ];
    for (name, tail) in cases {
        let disk = SimulatedDisk::new();
        let mut store = open(&disk, Durability::Fsync).unwrap();
        let start = usize::try_from(store.len_bytes()).unwrap();
        store.put_all(&[put("a", "1")]).unwrap();
        let whole = disk.content(FILE_NAME).unwrap();
        let tail = if tail.is_empty() { &whole[start..] } else { tail };
        store.file.write_all_at(tail, store.end).unwrap();
        let store = open(&disk, Durability::Fsync).unwrap();
        assert_eq!(store.torn_bytes(), u64::try_from(tail.len()).unwrap(), "case: {name}");
        assert_eq!(store.get("a").unwrap(), "1", "case: {name}");
        assert_eq!(disk.content(FILE_NAME).unwrap(), whole, "case: {name}");
    }
}

#[test]
fn a_later_format_is_refused() {
    let disk = SimulatedDisk::new();
    let store = open(&disk, Durability::Fsync).unwrap();
    let mut header = disk.content(FILE_NAME).unwrap();
    header[8] = 2;
    let checksum = crc32c::crc32c(&header[..28]);
    header[28..32].copy_from_slice(&checksum.to_le_bytes());
    store.file.write_all_at(&header, 0).unwrap();
    let error = open(&disk, Durability::Fsync).unwrap_err();
    assert!(matches!(error, MetaError::Version { found: 2 }), "{error}");
}

/// Makes a store with a snapshot and batches behind it; returns its state after each batch.
fn store_with_batches(disk: &SimulatedDisk, durability: Durability) -> Vec<Entries> {
    let mut store = open(disk, durability).unwrap();
    let mut states = Vec::new();
    let mut put_all = |store: &mut MetaStore, batch: &[Put]| {
        store.put_all(batch).unwrap();
        states.push(store.entries.clone());
    };
    store.slack_bytes = 0;
    put_all(&mut store, &[put("snapshot/1", "one"), put("snapshot/2", "two")]);
    for n in 0..4 {
        put_all(&mut store, &[put("snapshot/1", &n.to_string())]);
    }
    store.slack_bytes = 1 << 20;
    for n in 0..6 {
        put_all(&mut store, &[put("n", &n.to_string()), put(&format!("of/{n}"), "value")]);
    }
    states
}

#[test]
fn every_flipped_bit_is_found() {
    let disk = SimulatedDisk::new();
    let states = store_with_batches(&disk, Durability::Fsync);
    let [.., before_last, _] = states.as_slice() else { panic!("no batches") };
    let n_bits = disk.content(FILE_NAME).unwrap().len() * 8;
    let mut n_cut = 0;
    for bit in 0..n_bits {
        let disk = disk.crash(0);
        assert!(disk.flip_bit(FILE_NAME, bit));
        match open(&disk, Durability::Fsync) {
            Err(MetaError::Damaged { .. }) => {}
            Err(error) => panic!("bit {bit}: {error}"),
            // Nothing tells a damaged last batch from one that was never finished.
            Ok(store) => {
                assert!(store.torn_bytes() > 0, "bit {bit}");
                assert_eq!(&store.entries, before_last, "bit {bit}");
                n_cut += 1;
            }
        }
    }
    assert!(n_cut * 4 < n_bits, "only the last batch is cut, not {n_cut} of {n_bits} bits");
}

#[test]
fn without_syncs_a_hole_ends_what_is_recovered() {
    let disk = SimulatedDisk::new();
    let states = store_with_batches(&disk, Durability::Os);
    let len = disk.content(FILE_NAME).unwrap().len();
    for bit in (0..len * 8).step_by(3) {
        let disk = disk.kill();
        assert!(disk.flip_bit(FILE_NAME, bit));
        match open(&disk, Durability::Os) {
            Err(MetaError::Damaged { .. }) => {}
            Err(error) => panic!("bit {bit}: {error}"),
            Ok(store) => {
                assert!(store.torn_bytes() > 0, "bit {bit}");
                assert!(states.contains(&store.entries), "bit {bit}");
            }
        }
    }
}

#[test]
fn a_batch_is_taken_back_also_on_a_full_disk() {
    for seed in 0..200 {
        let disk = SimulatedDisk::new();
        let mut random = Random::new(seed);
        let mut store = open(&disk, Durability::Fsync).unwrap();
        for _ in 0..random.below(8) {
            store.put_all(&draw_batch(&mut random)).unwrap();
        }
        let before = (store.entries.clone(), store.live_bytes);
        store.put_all(&draw_batch(&mut random)).unwrap();
        disk.set_capacity(Some(disk.used_bytes()));
        let end = if seed % 2 == 0 { disk.n_operations() + 1 } else { u64::MAX };
        disk.stop_after(end - disk.n_operations());
        if seed % 2 == 0 {
            assert!(matches!(store.take_back(), Err(MetaError::Unknown { .. })), "seed {seed}");
            assert!(matches!(store.put_all(&[put("a", "")]), Err(MetaError::Poisoned)));
            continue;
        }
        store.take_back().unwrap();
        assert_eq!((store.entries.clone(), store.live_bytes), before, "seed {seed}");
        store.take_back().unwrap();
        assert_eq!(store.entries, before.0, "seed {seed}: once only");
        assert_eq!(reopened(&disk.crash(seed)).entries, before.0, "seed {seed}");
        disk.set_capacity(None);
        store.put_all(&[put("later", "x")]).unwrap();
        assert_eq!(reopened(&disk.crash(seed)).entries, store.entries, "seed {seed}");
    }
}

#[test]
fn after_a_failed_sync_nothing_more_is_put_and_nothing_acknowledged_is_lost() {
    for n in 1..=200 {
        let disk = SimulatedDisk::new();
        let mut random = Random::new(n);
        let mut acked = Entries::new();
        let mut store = open(&disk, Durability::Fsync).unwrap();
        disk.fail_sync(n);
        let unknown = loop {
            let batch = draw_batch(&mut random);
            match store.put_all(&batch) {
                Ok(()) => acked = after(&acked, &batch),
                Err(MetaError::Unknown { .. }) => break after(&acked, &batch),
                // The sync of a compaction failed; the put before it was done.
                Err(MetaError::Poisoned) => break acked.clone(),
                Err(error) => panic!("sync {n}: {error}"),
            }
        };
        assert_eq!(store.entries, acked, "sync {n}: reads go on");
        assert!(matches!(store.put_all(&[put("a", "")]), Err(MetaError::Poisoned)), "sync {n}");
        assert!(matches!(store.sync(), Err(MetaError::Poisoned)), "sync {n}");
        for (disk, cut) in [(disk.kill(), "kill"), (disk.crash(n), "crash")] {
            let mut store = open(&disk, Durability::Fsync).unwrap();
            assert!(store.entries == acked || store.entries == unknown, "sync {n}, {cut}");
            store.put_all(&[put("later", "x")]).unwrap();
            let shown = store.entries.clone();
            for seed in 0..4 {
                assert_eq!(reopened(&disk.crash(seed)).entries, shown, "sync {n}, {cut}, {seed}");
            }
        }
    }
}

#[test]
fn a_full_disk_refuses_puts_and_takes_them_again_when_there_is_room() {
    for capacity_bytes in (32..6000).step_by(7) {
        let disk = SimulatedDisk::new();
        let mut random = Random::new(3);
        let mut store = open(&disk, Durability::Fsync).unwrap();
        disk.set_capacity(Some(capacity_bytes));
        let mut n_full = 0;
        for _ in 0..12 {
            let batch = draw_batch(&mut random);
            let before = store.entries.clone();
            match store.put_all(&batch) {
                Ok(()) => assert_eq!(store.entries, after(&before, &batch)),
                Err(MetaError::Full { .. }) => {
                    assert_eq!(store.entries, before, "capacity {capacity_bytes}");
                    assert_eq!(store.file.len_bytes().unwrap(), store.end, "it is cut back");
                    n_full += 1;
                }
                Err(error) => panic!("capacity {capacity_bytes}: {error}"),
            }
            assert_eq!(reopened(&disk).entries, store.entries, "capacity {capacity_bytes}");
            let crashed = reopened(&disk.crash(capacity_bytes));
            assert_eq!(crashed.entries, store.entries, "capacity {capacity_bytes}");
        }
        assert!(n_full > 0 || capacity_bytes > 500, "capacity {capacity_bytes}");
        disk.set_capacity(None);
        store.put_all(&[put("room", "again")]).unwrap();
        assert_eq!(reopened(&disk).entries, store.entries, "capacity {capacity_bytes}");
    }
}

#[test]
fn acknowledged_puts_survive_every_crash_schedule() {
    for seed in 0..N_SCHEDULES {
        let mut random = Random::new(seed);
        let mut disk = SimulatedDisk::new();
        // What may be found: the acknowledged state, and the one with the unfinished batch.
        let mut allowed = vec![Entries::new()];
        for round in 0..5 {
            let is_stopped_at_open = random.below(4) == 0;
            if is_stopped_at_open {
                disk.stop_after(random.below(6));
            }
            if let Ok(mut store) = open(&disk, Durability::Fsync) {
                assert!(allowed.contains(&store.entries), "seed {seed}, round {round}");
                draw_fault(&disk, &mut random);
                allowed = vec![store.entries.clone()];
                put_until_failure(&mut store, &mut allowed, &mut random);
            } else {
                assert!(is_stopped_at_open, "seed {seed}, round {round}: it does not open");
            }
            disk = if random.below(3) == 0 { disk.kill() } else { disk.crash(random.next_u64()) };
            disk.set_capacity(None);
        }
        let found = open(&disk, Durability::Fsync).unwrap().entries;
        assert!(allowed.contains(&found), "seed {seed}");
        let content = disk.content(FILE_NAME);
        let again = disk.crash(seed);
        assert_eq!(reopened(&again).entries, found, "seed {seed}: shown and then lost");
        assert_eq!(again.content(FILE_NAME), content, "seed {seed}: recovered twice");
    }
}

#[test]
fn without_syncs_a_power_cut_leaves_a_prefix_and_a_kill_leaves_all() {
    for seed in 0..N_SCHEDULES {
        let mut random = Random::new(seed);
        let mut disk = SimulatedDisk::new();
        let mut prefixes = vec![Entries::new()];
        for round in 0..4 {
            let mut store = open(&disk, Durability::Os).unwrap();
            assert!(prefixes.contains(&store.entries), "seed {seed}, round {round}");
            prefixes = vec![store.entries.clone()];
            for _ in 0..random.below(12) {
                let batch = draw_batch(&mut random);
                store.put_all(&batch).unwrap();
                prefixes.push(store.entries.clone());
                if random.below(6) == 0 {
                    store.sync().unwrap();
                    prefixes = vec![store.entries.clone()];
                }
            }
            if random.below(3) == 0 {
                disk = disk.kill();
                prefixes = vec![store.entries];
            } else {
                disk = disk.crash(random.next_u64());
            }
        }
    }
}

fn draw_fault(disk: &SimulatedDisk, random: &mut Random) {
    let n = 1 + random.below(20);
    match random.below(5) {
        0 => disk.stop_after(n),
        1 => disk.fail_sync(n),
        2 => disk.fail_write(n),
        3 => disk.set_capacity(Some(disk.used_bytes() + random.below(4000))),
        _ => {}
    }
}

/// Puts up to twenty batches; the last state that is allowed may hold one that was not finished.
fn put_until_failure(store: &mut MetaStore, allowed: &mut Vec<Entries>, random: &mut Random) {
    for _ in 0..random.below(20) {
        let batch = draw_batch(random);
        let before = store.entries.clone();
        match store.put_all(&batch) {
            Ok(()) => *allowed = vec![store.entries.clone()],
            Err(MetaError::Full { .. }) => assert_eq!(store.entries, before),
            Err(_) => {
                allowed.push(after(&before, &batch));
                return;
            }
        }
    }
}
