//! A set that mostly holds one member, without memory of its own until it holds two.

use std::collections::HashSet;
use std::hash::Hash;

/// A set; iteration is in no order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(clippy::box_collection, reason = "a set without a box is as large as six members")]
pub(crate) enum SmallSet<T: Eq + Hash> {
    #[default]
    Empty,
    One(T),
    /// Two or more.
    Many(Box<HashSet<T>>),
}

impl<T: Copy + Eq + Hash> SmallSet<T> {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::One(_) => 1,
            Self::Many(members) => members.len(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    pub(crate) fn contains(&self, member: &T) -> bool {
        match self {
            Self::Empty => false,
            Self::One(other) => other == member,
            Self::Many(members) => members.contains(member),
        }
    }

    pub(crate) fn insert(&mut self, member: T) {
        match self {
            Self::Empty => *self = Self::One(member),
            Self::One(other) if *other == member => {}
            Self::One(other) => *self = Self::Many(Box::new(HashSet::from([*other, member]))),
            Self::Many(members) => _ = members.insert(member),
        }
    }

    pub(crate) fn remove(&mut self, member: &T) {
        match self {
            Self::One(other) if other == member => *self = Self::Empty,
            Self::Empty | Self::One(_) => {}
            Self::Many(members) => {
                members.remove(member);
                let mut left = members.iter().copied();
                if let (Some(last), None) = (left.next(), left.next()) {
                    *self = Self::One(last);
                }
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        let (one, many) = match self {
            Self::Empty => (None, None),
            Self::One(member) => (Some(*member), None),
            Self::Many(members) => (None, Some(members.iter().copied())),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_come_and_go() {
        let mut set = SmallSet::default();
        for (name, change, member, expected) in [
            ("first", true, 1, vec![1]),
            ("again", true, 1, vec![1]),
            ("second", true, 2, vec![1, 2]),
            ("third", true, 3, vec![1, 2, 3]),
            ("not there", false, 4, vec![1, 2, 3]),
            ("less", false, 1, vec![2, 3]),
            ("one left", false, 3, vec![2]),
            ("none left", false, 2, vec![]),
            ("none to go", false, 2, vec![]),
        ] {
            if change {
                set.insert(member);
            } else {
                set.remove(&member);
            }
            let mut members: Vec<i32> = set.iter().collect();
            members.sort_unstable();
            assert_eq!((members, set.len()), (expected.clone(), expected.len()), "case: {name}");
            assert_eq!(set.is_empty(), expected.is_empty(), "case: {name}");
        }
    }
}
