//! Which lists apply to a group: one bit for each.

use crate::verdict::ListId;

/// Most lists at a time, own rules and safe search among them.
pub const LISTS_MAX: u16 = 256;
const WORD_BITS: u16 = 64;

/// A set of lists; lists that it cannot hold are always in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ListMask([u64; 4]);

impl ListMask {
    /// Every list.
    pub const ALL: Self = Self([u64::MAX; 4]);
    /// No list.
    pub const NONE: Self = Self([0; 4]);

    /// Whether `list` is in the set.
    #[must_use]
    pub fn has(&self, list: ListId) -> bool {
        let word = self.0.get(usize::from(list.0 / WORD_BITS));
        word.is_none_or(|word| word >> (list.0 % WORD_BITS) & 1 == 1)
    }

    /// Adds `list`.
    pub fn insert(&mut self, list: ListId) {
        if let Some(word) = self.0.get_mut(usize::from(list.0 / WORD_BITS)) {
            *word |= 1 << (list.0 % WORD_BITS);
        }
    }

    /// Takes `list` out.
    pub fn remove(&mut self, list: ListId) {
        if let Some(word) = self.0.get_mut(usize::from(list.0 / WORD_BITS)) {
            *word &= !(1 << (list.0 % WORD_BITS));
        }
    }
}

impl Default for ListMask {
    fn default() -> Self {
        Self::ALL
    }
}

impl FromIterator<ListId> for ListMask {
    fn from_iter<Lists: IntoIterator<Item = ListId>>(lists: Lists) -> Self {
        let mut mask = Self::NONE;
        lists.into_iter().for_each(|list| mask.insert(list));
        mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_go_in_and_out() {
        let mut mask: ListMask =
            [ListId(0), ListId(63), ListId(64), ListId(255)].into_iter().collect();
        for (list, expected) in
            [(0, true), (1, false), (63, true), (64, true), (255, true), (254, false)]
        {
            assert_eq!(mask.has(ListId(list)), expected, "list {list}");
        }
        mask.remove(ListId(64));
        assert!(!mask.has(ListId(64)));
        assert!(mask.has(ListId::SAFE_SEARCH), "what has no bit is always in");
        assert!(ListMask::ALL.has(ListId(200)) && !ListMask::NONE.has(ListId(200)));
    }
}
