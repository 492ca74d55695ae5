//! Names without conditions, compact: hashes in one open-addressing table, and which lists say
//! what of each.
//!
//! A name costs ten bytes at a load of 0.7. The chance that an innocent suffix has the hash of one
//! of five million names is 3e-13, and the key is secret, so nobody can make one.

use std::collections::HashMap;

use crate::filter::rule::{Mark, Shape};
use crate::filter::suffixes::{HashKey, LABELS_MAX};
use crate::verdict::ListId;

/// Most different sets of lists; names of further sets go to the rules that need more room.
const SETS_MAX: usize = 65_535;
/// Part of the slots that a table is laid out to use, in percent.
const LOAD_PERCENT: usize = 70;
/// Part of the slots above which it grows, in percent.
const LOAD_MAX_PERCENT: usize = 85;

/// What one list says of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Listed {
    pub(crate) list: ListId,
    pub(crate) shape: Shape,
    pub(crate) mark: Mark,
}

/// The table, done.
#[derive(Debug, Default)]
pub(crate) struct NameTable {
    /// Zero is an empty slot.
    hashes: Box<[u64]>,
    /// The set of each slot.
    set_ids: Box<[u16]>,
    /// What the lists say, by set.
    sets: Vec<Box<[Listed]>>,
    n_names: usize,
    /// Names have no more labels than this, so longer suffixes are not looked up.
    n_labels_max: usize,
}

/// The parts of a table, as its image on disk has them.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) hashes: Box<[u64]>,
    pub(crate) set_ids: Box<[u16]>,
    pub(crate) sets: Vec<Box<[Listed]>>,
    pub(crate) n_labels_max: usize,
}

impl NameTable {
    /// Puts a table together; `None` when the parts do not fit each other.
    pub(crate) fn from_parts(parts: Parts) -> Option<Self> {
        let Parts { hashes, set_ids, sets, n_labels_max } = parts;
        let n_names = hashes.iter().filter(|hash| **hash != 0).count();
        let is_whole = hashes.len() == set_ids.len()
            && (hashes.is_empty() || n_names < hashes.len())
            && set_ids.iter().all(|id| usize::from(*id) < sets.len().max(1));
        let table = Self { hashes, set_ids, sets, n_names, n_labels_max };
        (is_whole && n_labels_max <= LABELS_MAX).then_some(table)
    }

    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    pub(crate) fn set_ids(&self) -> &[u16] {
        &self.set_ids
    }

    pub(crate) fn sets(&self) -> &[Box<[Listed]>] {
        &self.sets
    }

    /// Different names.
    pub(crate) fn len(&self) -> usize {
        self.n_names
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.n_names == 0
    }

    pub(crate) fn n_labels_max(&self) -> usize {
        self.n_labels_max
    }

    /// Bytes on the heap.
    pub(crate) fn size_bytes(&self) -> usize {
        let sets: usize = self.sets.iter().map(|set| size_of_val(&**set) + 16).sum();
        size_of_val(&*self.hashes) + size_of_val(&*self.set_ids) + sets
    }

    /// What the lists say of the name with this hash.
    pub(crate) fn find(&self, hash: u64) -> &[Listed] {
        let hash = occupied(hash);
        let mut slot = first_slot(hash, self.hashes.len());
        loop {
            match self.hashes.get(slot) {
                Some(found) if *found == hash => break,
                Some(0) | None => return &[],
                Some(_) => slot = next_slot(slot, self.hashes.len()),
            }
        }
        let id = self.set_ids.get(slot).copied().unwrap_or_default();
        self.sets.get(usize::from(id)).map_or(&[], |set| set)
    }
}

/// A table while it is filled.
#[derive(Debug)]
pub(crate) struct TableBuilder {
    key: HashKey,
    hashes: Vec<u64>,
    set_ids: Vec<u16>,
    n_names: usize,
    n_labels_max: usize,
    sets: Vec<Box<[Listed]>>,
    set_by_content: HashMap<Box<[Listed]>, u16>,
    /// The set that a set becomes by one more statement.
    grown: HashMap<(Option<u16>, Listed), u16>,
}

/// A name whose set of lists has no number left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SetsExhausted;

impl TableBuilder {
    /// Lays a table out for about `n_names` names.
    pub(crate) fn new(key: HashKey, n_names: usize) -> Self {
        let n_slots = n_names.saturating_mul(100) / LOAD_PERCENT + 8;
        Self {
            key,
            hashes: vec![0; n_slots],
            set_ids: vec![0; n_slots],
            n_names: 0,
            n_labels_max: 0,
            sets: Vec::new(),
            set_by_content: HashMap::new(),
            grown: HashMap::new(),
        }
    }

    /// Adds what a list says of `name`.
    ///
    /// # Errors
    ///
    /// There are too many different sets of lists; the table is unchanged.
    pub(crate) fn insert(&mut self, name: &str, listed: Listed) -> Result<(), SetsExhausted> {
        let hash = occupied(crate::filter::suffixes::hash_name(self.key, name));
        let mut slot = first_slot(hash, self.hashes.len());
        let before = loop {
            match self.hashes.get(slot).copied() {
                Some(0) | None => break None,
                Some(found) if found == hash => break self.set_ids.get(slot).copied(),
                Some(_) => slot = next_slot(slot, self.hashes.len()),
            }
        };
        let id = self.grown_set(before, listed)?;
        if let (Some(at), Some(set_id)) = (self.hashes.get_mut(slot), self.set_ids.get_mut(slot)) {
            (*at, *set_id) = (hash, id);
        }
        if before.is_none() {
            let n_labels = memchr::memchr_iter(b'.', name.as_bytes()).count() + 1;
            self.n_labels_max = self.n_labels_max.max(n_labels.min(LABELS_MAX));
            self.n_names += 1;
            if self.n_names.saturating_mul(100) > self.hashes.len() * LOAD_MAX_PERCENT {
                self.grow();
            }
        }
        Ok(())
    }

    /// Ends the filling.
    pub(crate) fn finish(self) -> NameTable {
        NameTable {
            hashes: self.hashes.into_boxed_slice(),
            set_ids: self.set_ids.into_boxed_slice(),
            sets: self.sets,
            n_names: self.n_names,
            n_labels_max: self.n_labels_max,
        }
    }

    fn grown_set(&mut self, before: Option<u16>, listed: Listed) -> Result<u16, SetsExhausted> {
        if let Some(id) = self.grown.get(&(before, listed)) {
            return Ok(*id);
        }
        let old = before.and_then(|id| self.sets.get(usize::from(id)));
        let mut content = old.map_or_else(Vec::new, |set| set.to_vec());
        content.push(listed);
        content.sort_unstable();
        content.dedup();
        let content = content.into_boxed_slice();
        let id = match self.set_by_content.get(&content) {
            Some(id) => *id,
            None if self.sets.len() >= SETS_MAX => return Err(SetsExhausted),
            None => {
                let id = u16::try_from(self.sets.len()).map_err(|_| SetsExhausted)?;
                self.sets.push(content.clone());
                self.set_by_content.insert(content, id);
                id
            }
        };
        self.grown.insert((before, listed), id);
        Ok(id)
    }

    /// Moves to half as many slots again; the estimate was too low.
    fn grow(&mut self) {
        let n_slots = self.hashes.len() + self.hashes.len() / 2 + 8;
        let hashes = std::mem::replace(&mut self.hashes, vec![0; n_slots]);
        let set_ids = std::mem::replace(&mut self.set_ids, vec![0; n_slots]);
        for (hash, id) in hashes.into_iter().zip(set_ids).filter(|(hash, _)| *hash != 0) {
            let mut slot = first_slot(hash, n_slots);
            while self.hashes.get(slot).is_some_and(|found| *found != 0) {
                slot = next_slot(slot, n_slots);
            }
            if let (Some(at), Some(to)) = (self.hashes.get_mut(slot), self.set_ids.get_mut(slot)) {
                (*at, *to) = (hash, id);
            }
        }
    }
}

/// Zero marks an empty slot, so no name may have it.
fn occupied(hash: u64) -> u64 {
    hash.max(1)
}

/// Spreads the hashes evenly over any number of slots.
fn first_slot(hash: u64, n_slots: usize) -> usize {
    let n_slots = u128::try_from(n_slots).unwrap_or_default();
    usize::try_from((u128::from(hash) * n_slots) >> 64).unwrap_or_default()
}

fn next_slot(slot: usize, n_slots: usize) -> usize {
    if slot + 1 < n_slots { slot + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::filter::rule::Weight;
    use crate::filter::suffixes::hash_name;

    const KEY: HashKey = HashKey::from_parts([0x9e37_79b9_7f4a_7c15, 0xd1b5_4a32_d192_ed03]);

    fn listed(list: u16, shape: Shape) -> Listed {
        Listed { list: ListId(list), shape, mark: Mark::Weight(Weight::Block) }
    }

    proptest! {
        #[test]
        fn the_table_says_what_a_map_says(
            entries in proptest::collection::vec(("[ab]{1,2}(\\.[ab]{1,2}){0,2}", 1_u16..4, any::<bool>()), 0..60),
            n_estimated in 0_usize..40,
        ) {
            let mut builder = TableBuilder::new(KEY, n_estimated);
            let mut map: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
            for (name, list, is_exact) in &entries {
                let entry = listed(*list, if *is_exact { Shape::Exact } else { Shape::Suffix });
                builder.insert(name, entry).expect("few sets");
                let all = map.entry(name.clone()).or_default();
                all.push(entry);
                all.sort_unstable();
                all.dedup();
            }
            let table = builder.finish();
            prop_assert_eq!(table.len(), map.len());
            for (name, all) in &map {
                prop_assert_eq!(table.find(hash_name(KEY, name)), &**all, "name {}", name);
            }
            prop_assert_eq!(table.find(hash_name(KEY, "cc.cc")), &[]);
        }
    }

    #[test]
    fn names_of_too_many_sets_are_refused() {
        let mut builder = TableBuilder::new(KEY, 1);
        let mut refused = 0;
        // Each name is on two lists, and no two names on the same two.
        for first in 0..400 {
            for second in 0..first {
                let name = format!("n{first}.m{second}.example");
                for list in [first, second] {
                    refused +=
                        u32::from(builder.insert(&name, listed(list, Shape::Exact)).is_err());
                }
            }
        }
        assert!(refused > 0);
        assert_eq!(builder.sets.len(), SETS_MAX);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let parts = |hashes: &[u64], set_ids: &[u16]| Parts {
            hashes: hashes.into(),
            set_ids: set_ids.into(),
            sets: vec![Box::new([listed(1, Shape::Exact)])],
            n_labels_max: 2,
        };
        assert!(NameTable::from_parts(parts(&[0, 5], &[0, 0])).is_some());
        assert!(NameTable::from_parts(parts(&[0, 5], &[0])).is_none(), "lengths differ");
        assert!(NameTable::from_parts(parts(&[0, 5], &[0, 1])).is_none(), "no such set");
        assert!(NameTable::from_parts(parts(&[5, 6], &[0, 0])).is_none(), "no empty slot");
    }
}
