//! What streams have in common: patterns, and the channels that these cover.
//!
//! Streams that asked for the same patterns share one interest, so that thousands of them cost one
//! entry in the index of channels.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use tidings_log::record::ChannelId;

use crate::channel::{ChannelName, ChannelPattern};
use crate::id_map::{IdMap, IdSet};
use crate::registry::SubscriberId;
use crate::small_set::SmallSet;

/// Number of an interest; it is used again once nobody has the interest any more.
pub(crate) type InterestId = u32;

/// Patterns that some streams asked for.
#[derive(Debug)]
pub(crate) struct Interest {
    /// Patterns in the order they were asked for.
    pub patterns: Arc<[ChannelPattern]>,
    /// Channels that the patterns cover.
    pub channels: Arc<HashSet<ChannelId>>,
    /// Subscribers with a cursor of their own.
    pub own: SmallSet<SubscriberId>,
    /// Streams that are parked with a shard.
    pub n_parked: usize,
    /// Whether the texts stand where they do no harm; see [`Interests::settle_soon`].
    is_settled: bool,
}

/// The interests, found by patterns and by channel.
#[derive(Debug, Default)]
pub(crate) struct Interests {
    slots: Vec<Option<Interest>>,
    free: Vec<InterestId>,
    by_patterns: HashMap<Arc<[ChannelPattern]>, InterestId>,
    by_channel: IdMap<ChannelId, Arc<IdSet<InterestId>>>,
    /// Every distinct pattern with the interests that hold it.
    by_pattern: HashMap<ChannelPattern, SmallSet<InterestId>>,
    /// The keys of `by_pattern` that hold a wildcard.
    wildcards: HashSet<ChannelPattern>,
    /// Interests whose texts are to be moved.
    unsettled: Vec<InterestId>,
    /// The set of interests that cover no channel yet.
    none: Arc<HashSet<ChannelId>>,
}

impl Interests {
    pub(crate) fn get(&self, id: InterestId) -> Option<&Interest> {
        self.slots.get(index(id))?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, id: InterestId) -> Option<&mut Interest> {
        self.slots.get_mut(index(id))?.as_mut()
    }

    /// Returns the interests that cover a channel.
    pub(crate) fn covering(&self, channel: ChannelId) -> Option<&Arc<IdSet<InterestId>>> {
        self.by_channel.get(&channel)
    }

    /// Returns whether any pattern covers a name, whether the channel is known or not.
    pub(crate) fn is_wanted(&self, name: &ChannelName) -> bool {
        self.by_pattern.contains_key(name.as_str())
            || self.wildcards.iter().any(|pattern| pattern.matches(name))
    }

    /// Returns the interest of these patterns; `covered` tells the channels of a new one.
    pub(crate) fn of(
        &mut self,
        patterns: &[ChannelPattern],
        covered: impl FnOnce() -> HashSet<ChannelId>,
    ) -> InterestId {
        if let Some(id) = self.by_patterns.get(patterns) {
            return *id;
        }
        let channels = covered();
        let id = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        for pattern in patterns {
            if !pattern.is_exact() {
                self.wildcards.insert(pattern.clone());
            }
            self.by_pattern.entry(pattern.clone()).or_default().insert(id);
        }
        for channel in &channels {
            Arc::make_mut(self.by_channel.entry(*channel).or_default()).insert(id);
        }
        let patterns: Arc<[ChannelPattern]> = patterns.into();
        self.by_patterns.insert(Arc::clone(&patterns), id);
        if let Some(slot) = self.slots.get_mut(index(id)) {
            let channels =
                if channels.is_empty() { Arc::clone(&self.none) } else { Arc::new(channels) };
            *slot = Some(Interest {
                patterns,
                channels,
                own: SmallSet::default(),
                n_parked: 0,
                is_settled: false,
            });
        }
        id
    }

    /// Has the texts of an interest moved to where they do no harm, if that was not done yet.
    ///
    /// They were made while a request was read. Left there, between buffers that go with the
    /// request, they would keep the system's allocator from using that memory for anything large
    /// again: kilobytes for each stream with patterns of its own. Many are moved at once, so that
    /// they stand side by side.
    pub(crate) fn settle_soon(&mut self, id: InterestId) {
        const SETTLED_AT_ONCE: usize = 128;
        if self.get(id).is_some_and(|interest| !interest.is_settled) {
            self.unsettled.push(id);
        }
        if self.unsettled.len() >= SETTLED_AT_ONCE {
            for id in std::mem::take(&mut self.unsettled) {
                self.settle(id);
            }
        }
    }

    fn settle(&mut self, id: InterestId) {
        let Some(interest) = self.get_mut(id).filter(|interest| !interest.is_settled) else {
            return;
        };
        interest.is_settled = true;
        let patterns = Arc::clone(&interest.patterns);
        let settled: Arc<[ChannelPattern]> =
            patterns.iter().map(|pattern| self.settled(pattern, id)).collect();
        self.by_patterns.remove(&patterns);
        self.by_patterns.insert(Arc::clone(&settled), id);
        if let Some(interest) = self.get_mut(id) {
            interest.patterns = settled;
        }
    }

    /// Returns a copy of a pattern that its other holders share, too.
    fn settled(&mut self, pattern: &ChannelPattern, id: InterestId) -> ChannelPattern {
        let known = self.by_pattern.get_key_value(pattern);
        if let Some((known, holders)) = known
            && *holders != SmallSet::One(id)
        {
            return known.clone();
        }
        let copy = pattern.copy();
        if let Some(holders) = self.by_pattern.remove(pattern) {
            self.by_pattern.insert(copy.clone(), holders);
        }
        if self.wildcards.remove(pattern) {
            self.wildcards.insert(copy.clone());
        }
        copy
    }

    /// Forgets an interest that nobody has any more.
    pub(crate) fn release(&mut self, id: InterestId) {
        let is_used = |interest: &Interest| !interest.own.is_empty() || interest.n_parked > 0;
        if self.get(id).is_none_or(is_used) {
            return;
        }
        let Some(interest) = self.slots.get_mut(index(id)).and_then(Option::take) else { return };
        self.free.push(id);
        self.by_patterns.remove(&interest.patterns);
        for pattern in interest.patterns.iter() {
            let Some(holders) = self.by_pattern.get_mut(pattern) else { continue };
            holders.remove(&id);
            if holders.is_empty() {
                self.by_pattern.remove(pattern);
                self.wildcards.remove(pattern);
            }
        }
        for channel in interest.channels.iter() {
            let Some(covering) = self.by_channel.get_mut(channel) else { continue };
            Arc::make_mut(covering).remove(&id);
            if covering.is_empty() {
                self.by_channel.remove(channel);
            }
        }
    }

    /// Enters a new channel: every interest with a pattern that covers it gets it.
    pub(crate) fn add_channel(&mut self, channel: ChannelId, name: &ChannelName) {
        let exact = self.by_pattern.get(name.as_str()).into_iter();
        let covering = self.wildcards.iter().filter(|pattern| pattern.matches(name));
        let wild = covering.filter_map(|pattern| self.by_pattern.get(pattern));
        let ids: IdSet<InterestId> = exact.chain(wild).flat_map(SmallSet::iter).collect();
        for id in &ids {
            if let Some(interest) = self.get_mut(*id) {
                Arc::make_mut(&mut interest.channels).insert(channel);
            }
        }
        if !ids.is_empty() {
            self.by_channel.insert(channel, Arc::new(ids));
        }
    }
}

fn index(id: InterestId) -> usize {
    usize::try_from(id).unwrap_or(usize::MAX)
}
