//! Tests of the simulated disk: it forgets what a disk may forget, and nothing else.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};

use super::SimulatedDisk;

const N_SEEDS: u64 = 300;

/// Makes a durable file of two sectors of `old`.
fn disk_with(name: &str) -> (SimulatedDisk, Arc<dyn DiskFile>) {
    let disk = SimulatedDisk::new();
    let file = disk.create(name).unwrap();
    file.write_all_at(&[b'o'; 1024], 0).unwrap();
    file.sync().unwrap();
    disk.sync_folder().unwrap();
    (disk, file)
}

/// Returns all that a crash may leave of a file.
fn found(disk: &SimulatedDisk, name: &str) -> BTreeSet<Option<Vec<u8>>> {
    (0..N_SEEDS).map(|seed| disk.crash(seed).content(name)).collect()
}

#[test]
fn synced_bytes_survive_every_crash() {
    let (disk, file) = disk_with("a");
    file.write_all_at(b"x", 700).unwrap();
    file.set_len(800).unwrap();
    file.sync().unwrap();
    let content = disk.content("a");
    assert_eq!(content.as_ref().unwrap().len(), 800);
    assert_eq!(found(&disk, "a"), BTreeSet::from([content]));
}

#[test]
fn unsynced_bytes_are_lost_by_sectors_in_any_order() {
    let (disk, file) = disk_with("a");
    file.write_all_at(&[b'n'; 1536], 256).unwrap();
    let found = found(&disk, "a");
    let mut shapes = BTreeSet::new();
    for bytes in found.into_iter().map(|bytes| bytes.expect("the file is durable")) {
        assert!((1024..=1792).contains(&bytes.len()), "length {}", bytes.len());
        assert_eq!(&bytes[..256], &[b'o'; 256], "bytes that were not written are as they were");
        let mut shape = String::new();
        for (place, is_old) in
            [(256..512, true), (512..1024, true), (1024..1536, false), (1536..1792, false)]
        {
            let part = &bytes[place.start.min(bytes.len())..place.end.min(bytes.len())];
            let old = if is_old { b'o' } else { 0 };
            let first = part.first().copied().unwrap_or(b'-');
            assert!(part.iter().all(|byte| *byte == first), "a sector is whole");
            assert!([old, b'n', b'-'].contains(&first), "found {first}");
            shape.push(if first == 0 { '0' } else { char::from(first) });
        }
        shapes.insert(shape);
    }
    for shape in ["oo--", "nnnn", "on--", "no--", "oo00", "oon0", "oo0n", "nn--", "nnn-"] {
        assert!(shapes.contains(shape), "missing {shape} in {shapes:?}");
    }
}

#[test]
fn bytes_freed_by_a_kept_cut_do_not_come_back() {
    let (disk, file) = disk_with("a");
    file.set_len(100).unwrap();
    file.set_len(1024).unwrap();
    for bytes in found(&disk, "a").into_iter().flatten() {
        if bytes.len() == 1024 && bytes[1023] == b'o' {
            assert_eq!(bytes[600], b'o', "no cut is kept");
        }
        assert!([100, 512, 1024].contains(&bytes.len()), "length {}", bytes.len());
    }
}

#[test]
fn a_failed_sync_is_not_healed_by_a_later_one_but_by_writing_again() {
    let (disk, file) = disk_with("a");
    file.write_all_at(b"n", 0).unwrap();
    disk.fail_sync(1);
    assert!(file.sync().is_err());
    file.sync().unwrap();
    assert_eq!(found(&disk, "a").len(), 2);
    file.write_all_at(b"n", 0).unwrap();
    assert_eq!(found(&disk, "a").len(), 2);
    file.sync().unwrap();
    assert_eq!(found(&disk, "a"), BTreeSet::from([disk.content("a")]));
}

#[test]
fn names_are_lost_apart_from_each_other_but_a_rename_is_atomic() {
    let (disk, _) = disk_with("a");
    let file = disk.create("b").unwrap();
    file.write_all_at(b"new", 0).unwrap();
    file.sync().unwrap();
    disk.rename("b", "a").unwrap();
    disk.create("c").unwrap();
    disk.remove("c").unwrap();
    disk.create("d").unwrap();
    let mut found = BTreeSet::new();
    for seed in 0..N_SEEDS {
        let crashed = disk.crash(seed);
        let names = crashed.names().concat();
        let is_new = crashed.content("a").expect("one of both is there") == b"new";
        assert!(!(is_new && names.contains('b')), "the renamed file is there twice");
        found.insert((names, is_new));
    }
    for expected in
        [("a", false), ("ab", false), ("a", true), ("acd", true), ("ac", false), ("ad", true)]
    {
        assert!(
            found.contains(&(expected.0.to_owned(), expected.1)),
            "missing {expected:?} in {found:?}"
        );
    }
    disk.sync_folder().unwrap();
    assert!((0..N_SEEDS).all(|seed| disk.crash(seed).names().concat() == "ad"));
}

#[test]
fn a_removed_file_comes_back_with_its_bytes() {
    let (disk, _) = disk_with("a");
    disk.remove("a").unwrap();
    assert_eq!(found(&disk, "a"), BTreeSet::from([None, Some(vec![b'o'; 1024])]));
}

#[test]
fn a_killed_process_leaves_all_it_wrote_but_makes_nothing_durable() {
    let (disk, file) = disk_with("a");
    let lock = disk.lock().unwrap();
    assert_eq!(disk.lock().unwrap_err().kind(), ErrorKind::WouldBlock);
    file.write_all_at(b"n", 0).unwrap();
    disk.create("b").unwrap();
    let killed = disk.kill();
    file.write_all_at(b"later", 0).unwrap();
    let _held = killed.lock().unwrap();
    assert_eq!(killed.content("a").unwrap()[..2], *b"no");
    assert_eq!(killed.names(), ["a", "b"]);
    assert_eq!(found(&killed, "a").len(), 2);
    assert_eq!(found(&killed, "b"), BTreeSet::from([None, Some(Vec::new())]));
    drop(lock);
    assert!(disk.lock().is_ok());
}

#[test]
fn faults_come_when_they_are_due() {
    let (disk, file) = disk_with("a");
    disk.set_capacity(Some(1030));
    assert_eq!(file.write_all_at(&[b'n'; 8], 1024).unwrap_err().kind(), ErrorKind::StorageFull);
    assert_eq!(file.len_bytes().unwrap(), 1030);
    file.write_all_at(&[b'n'; 8], 0).unwrap();
    disk.fail_write(2);
    file.write_all_at(b"1", 0).unwrap();
    assert!(file.write_all_at(b"2222", 0).is_err());
    file.write_all_at(b"3", 3).unwrap();
    assert_eq!(disk.content("a").unwrap()[..4], *b"22n3");
    assert!(disk.flip_bit("a", 9));
    assert_eq!(disk.content("a").unwrap()[1], b'2' ^ 2);
    assert!(!disk.flip_bit("a", 1030 * 8));
    disk.stop_after(1);
    disk.remove("a").unwrap();
    assert!(disk.create("b").is_err() && disk.list().is_err() && file.sync().is_err());
    assert!(disk.names().is_empty());
}
