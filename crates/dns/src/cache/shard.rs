//! One part of the cache: a map to slots, and a hand that goes round them to make room (CLOCK).

use std::collections::HashMap;
use std::sync::Arc;

use super::stored::Stored;

/// Bytes of map and slot beside the answer itself.
const SLOT_BYTES: usize = 128;

/// Answers under one lock.
#[derive(Debug, Default)]
pub(super) struct Shard {
    indices: HashMap<Arc<[u8]>, usize>,
    slots: Vec<Option<Slot>>,
    free: Vec<usize>,
    hand: usize,
    size_bytes: usize,
}

/// A kept answer.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) key: Arc<[u8]>,
    pub(super) stored: Arc<Stored>,
    pub(super) stored_at_ms: u64,
    pub(super) n_hits: u32,
    /// Hits when the hand came by last.
    n_hits_seen: u32,
    /// Whether somebody asks upstreams for it before its end.
    pub(super) is_asked_again: bool,
    /// Until when it stands in past its time without upstreams being asked.
    pub(super) excused_until_ms: u64,
}

impl Slot {
    pub(super) fn size_bytes(&self) -> usize {
        SLOT_BYTES + self.key.len() + self.stored.size_bytes()
    }
}

impl Shard {
    pub(super) fn get_mut(&mut self, key: &[u8]) -> Option<&mut Slot> {
        let index = *self.indices.get(key)?;
        self.slots.get_mut(index)?.as_mut()
    }

    /// Keeps an answer and returns how many others had to go for it.
    pub(super) fn insert(
        &mut self,
        key: &[u8],
        stored: Arc<Stored>,
        now_ms: u64,
        size_max_bytes: usize,
    ) -> u64 {
        let n_hits = self.get_mut(key).map_or(0, |slot| slot.n_hits / 2);
        self.remove(key);
        let key: Arc<[u8]> = key.into();
        let slot = Slot {
            key: Arc::clone(&key),
            stored,
            stored_at_ms: now_ms,
            n_hits,
            n_hits_seen: n_hits,
            is_asked_again: false,
            excused_until_ms: 0,
        };
        let size_bytes = slot.size_bytes();
        if size_bytes > size_max_bytes {
            return 0;
        }
        let mut n_evicted = 0;
        while self.size_bytes + size_bytes > size_max_bytes && self.evict() {
            n_evicted += 1;
        }
        self.size_bytes += size_bytes;
        let index = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            self.slots.len() - 1
        });
        if let Some(place) = self.slots.get_mut(index) {
            *place = Some(slot);
        }
        self.indices.insert(key, index);
        n_evicted
    }

    /// Removes the first slot that was not used since the hand came by last; false when empty.
    fn evict(&mut self) -> bool {
        if self.indices.is_empty() {
            return false;
        }
        loop {
            self.hand = (self.hand + 1) % self.slots.len().max(1);
            let Some(Some(slot)) = self.slots.get_mut(self.hand) else { continue };
            if slot.n_hits == slot.n_hits_seen {
                let key = Arc::clone(&slot.key);
                self.remove(&key);
                return true;
            }
            slot.n_hits_seen = slot.n_hits;
        }
    }

    fn remove(&mut self, key: &[u8]) {
        let Some(index) = self.indices.remove(key) else { return };
        if let Some(slot) = self.slots.get_mut(index).and_then(Option::take) {
            self.size_bytes -= slot.size_bytes();
            self.free.push(index);
        }
    }

    /// Removes what is meant and returns how many.
    pub(super) fn remove_where(&mut self, is_meant: impl Fn(&[u8]) -> bool) -> usize {
        let keys: Vec<_> =
            self.slots().map(|slot| &slot.key).filter(|key| is_meant(key)).cloned().collect();
        for key in &keys {
            self.remove(key);
        }
        if self.indices.is_empty() {
            *self = Self::default();
        }
        keys.len()
    }

    /// Returns every slot.
    pub(super) fn slots(&self) -> impl Iterator<Item = &Slot> {
        self.slots.iter().flatten()
    }

    pub(super) fn n_entries(&self) -> usize {
        self.indices.len()
    }

    pub(super) fn size_bytes(&self) -> usize {
        self.size_bytes
    }
}
