//! The members of a group: a list that has no memory of its own while it holds one.
//!
//! Thousands of streams with channels of their own are groups of one; a piece of memory for each,
//! that stays between those of requests that go, would cost the allocator far more than its size.

/// Slots of the members, in the order in which they are written.
#[derive(Debug)]
pub(super) enum Members {
    One(u32),
    Many(Vec<u32>),
}

impl Default for Members {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Members {
    pub(super) fn as_slice(&self) -> &[u32] {
        match self {
            Self::One(slot) => std::slice::from_ref(slot),
            Self::Many(slots) => slots,
        }
    }

    /// Adds a member; returns its place.
    pub(super) fn push(&mut self, slot: u32) -> usize {
        match self {
            Self::Many(slots) if slots.is_empty() => *self = Self::One(slot),
            Self::Many(slots) => slots.push(slot),
            Self::One(first) => *self = Self::Many(vec![*first, slot]),
        }
        self.as_slice().len() - 1
    }

    /// Takes a member out; the last one takes its place.
    pub(super) fn swap_remove(&mut self, place: usize) {
        /// Members below which no memory is given back.
        const LIST_MIN: usize = 64;
        match self {
            Self::One(_) if place == 0 => *self = Self::default(),
            Self::One(_) => {}
            Self::Many(slots) => {
                if place < slots.len() {
                    slots.swap_remove(place);
                }
                if let [slot] = slots.as_slice() {
                    *self = Self::One(*slot);
                } else if slots.capacity() > LIST_MIN && slots.len() < slots.capacity() / 4 {
                    slots.shrink_to(slots.len() * 2);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_a_list_whatever_its_length() {
        let mut members = Members::default();
        let mut list = Vec::new();
        let mut random: u32 = 1;
        for _ in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grows = list.len() < 3 || (list.len() < 300 && random >> 31 == 0);
            if grows {
                list.push(random);
                assert_eq!(members.push(random), list.len() - 1);
            } else {
                let place = usize::try_from(random >> 8).unwrap() % list.len();
                list.swap_remove(place);
                members.swap_remove(place);
            }
            assert_eq!(members.as_slice(), list);
        }
        while !list.is_empty() {
            list.swap_remove(0);
            members.swap_remove(0);
            assert_eq!(members.as_slice(), list);
        }
        members.swap_remove(0);
        assert!(matches!(members, Members::Many(slots) if slots.capacity() == 0));
    }
}
