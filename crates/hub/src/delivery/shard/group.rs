//! Groups of parked streams: one ring of frames for all members.

use std::collections::{HashMap, VecDeque};

use tidings_log::record::ChannelId;
use tokio::time::Instant;

use super::members::Members;
use super::ring::{Held, Ring};
use crate::delivery::{Format, Renames};
use crate::id_map::IdMap;
use crate::interests::InterestId;
use crate::small_set::SmallSet;

/// What the members of a group have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct GroupKey {
    pub interest: InterestId,
    pub format: Format,
    pub renames: Renames,
}

/// Streams that show the same.
#[derive(Debug)]
pub(super) struct Group {
    pub key: GroupKey,
    /// Slots of the members.
    pub members: Members,
    pub ring: Ring,
    /// Place among the members that the walk has come to.
    pub walk: usize,
    /// End of the ring when the walk began.
    pub walk_end: u64,
    pub is_queued: bool,
    /// Whether members changed places during the walk.
    pub is_moved: bool,
    pub n_blocked: usize,
    /// Offset of the last logged publication that was put into the ring.
    pub last_logged: u64,
    /// State channels with a value in the ring.
    states: SmallSet<ChannelId>,
    /// Whether the ring holds a value that a newer one in it supersedes.
    pub is_superseded: bool,
}

/// A frame's publication, as far as groups care.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entering {
    /// Number and offset before it.
    pub before: (u64, u64),
    pub accepted: Instant,
    /// Its offset, when it is logged.
    pub logged: Option<u64>,
    /// Its channel, when that has the class `state`.
    pub state: Option<ChannelId>,
}

/// The groups of a shard.
#[derive(Debug, Default)]
pub(super) struct Groups {
    slots: Vec<Option<Group>>,
    free: Vec<u32>,
    by_key: HashMap<GroupKey, u32>,
    by_interest: IdMap<InterestId, SmallSet<u32>>,
    /// Groups whose members may lack something.
    queued: VecDeque<u32>,
    pool: Vec<Held>,
    ring_bytes: usize,
}

impl Groups {
    pub(super) fn get(&self, group: u32) -> Option<&Group> {
        self.slots.get(super::index(group))?.as_ref()
    }

    pub(super) fn get_mut(&mut self, group: u32) -> Option<&mut Group> {
        self.slots.get_mut(super::index(group))?.as_mut()
    }

    /// Bytes held in all rings.
    pub(super) fn ring_bytes(&self) -> usize {
        self.ring_bytes
    }

    pub(super) fn has_queued(&self) -> bool {
        !self.queued.is_empty()
    }

    /// Iterates over the numbers of the groups that exist.
    pub(super) fn all(&self) -> Vec<u32> {
        self.by_key.values().copied().collect()
    }

    /// Returns the group of a key, made if need be.
    pub(super) fn of(&mut self, key: GroupKey) -> u32 {
        if let Some(group) = self.by_key.get(&key) {
            return *group;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        if let Some(slot) = self.slots.get_mut(super::index(number)) {
            *slot = Some(Group {
                key,
                members: Members::default(),
                ring: Ring::default(),
                walk: 0,
                walk_end: 0,
                is_queued: false,
                is_moved: false,
                n_blocked: 0,
                last_logged: 0,
                states: SmallSet::default(),
                is_superseded: false,
            });
        }
        self.by_key.insert(key, number);
        self.by_interest.entry(key.interest).or_default().insert(number);
        number
    }

    /// Enters a member; returns its place and the number of its next frame.
    pub(super) fn join(&mut self, group: u32, slot: u32) -> (u32, u64) {
        let Some(group) = self.get_mut(group) else { return (0, 0) };
        let place = group.members.push(slot);
        (u32::try_from(place).unwrap_or(u32::MAX), group.ring.end())
    }

    /// Takes a member out; returns the slot of the one that took its place.
    pub(super) fn leave(&mut self, number: u32, place: u32) -> Option<u32> {
        let group = self.get_mut(number)?;
        let place = super::index(place);
        group.members.swap_remove(place);
        group.is_moved = true;
        let moved = group.members.as_slice().get(place).copied();
        if group.members.as_slice().is_empty() {
            self.remove(number);
        }
        moved
    }

    /// Puts a frame into the rings of the groups of an interest.
    pub(super) fn push(
        &mut self,
        interest: InterestId,
        entering: Entering,
        frame_of: impl Fn(GroupKey) -> bytes::Bytes,
    ) {
        let Entering { before, accepted, logged, state } = entering;
        let Some(numbers) = self.by_interest.get(&interest) else { return };
        for number in numbers.iter() {
            let slot = self.slots.get_mut(super::index(number)).and_then(Option::as_mut);
            let Some(group) = slot else { continue };
            let size_bytes = group.ring.size_bytes();
            group.ring.push(&frame_of(group.key), before, accepted, &mut self.pool);
            self.ring_bytes += group.ring.size_bytes() - size_bytes;
            if let Some(channel) = state {
                group.is_superseded |= group.states.contains(&channel);
                group.states.insert(channel);
            }
            group.last_logged = logged.unwrap_or(group.last_logged);
            if !group.is_queued {
                group.is_queued = true;
                self.queued.push_back(number);
            }
        }
    }

    /// Has the members of a group looked at.
    pub(super) fn queue(&mut self, number: u32) {
        if let Some(group) = self.get_mut(number)
            && !group.is_queued
        {
            group.is_queued = true;
            self.queued.push_back(number);
        }
    }

    /// Takes the group that has waited longest.
    pub(super) fn next_queued(&mut self) -> Option<u32> {
        loop {
            let number = self.queued.pop_front()?;
            if self.get(number).is_some_and(|group| group.is_queued) {
                return Some(number);
            }
        }
    }

    /// Lets a group wait for its next turn.
    pub(super) fn requeue(&mut self, number: u32) {
        self.queued.push_back(number);
    }

    /// Forgets the frames of a group before one.
    pub(super) fn trim(&mut self, number: u32, next: u64) {
        let slot = self.slots.get_mut(super::index(number)).and_then(Option::as_mut);
        let Some(group) = slot else { return };
        let size_bytes = group.ring.size_bytes();
        group.ring.trim(next, &mut self.pool);
        if group.ring.size_bytes() == 0 {
            group.states = SmallSet::default();
            group.is_superseded = false;
        }
        self.ring_bytes -= size_bytes - group.ring.size_bytes();
    }

    /// Counts a member whose socket takes nothing, or takes bytes again.
    pub(super) fn count_blocked(&mut self, number: u32, change: isize) {
        let Some(group) = self.get_mut(number) else { return };
        group.n_blocked = group.n_blocked.saturating_add_signed(change);
        if group.n_blocked == 0 && group.ring.size_bytes() > 0 {
            // Nobody holds the ring any more: the next round forgets it.
            self.queue(number);
        }
    }

    fn remove(&mut self, number: u32) {
        let Some(slot) = self.slots.get_mut(super::index(number)) else { return };
        let Some(group) = slot.take() else { return };
        self.ring_bytes -= group.ring.size_bytes();
        self.free.push(number);
        self.by_key.remove(&group.key);
        if let Some(numbers) = self.by_interest.get_mut(&group.key.interest) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.by_interest.remove(&group.key.interest);
            }
        }
    }
}
