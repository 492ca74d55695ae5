//! Who follows which channel.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;

use tidings_log::record::ChannelId;

use crate::channel::{ChannelName, ChannelPattern};
use crate::delivery::{CloseReason, Format, Reading};
use crate::event::EpochMillis;
use crate::window::Place;

/// Number of a subscriber, never used twice.
pub(crate) type SubscriberId = u64;

/// From where on a subscriber follows a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Since {
    /// Publications numbered up to here are not for it.
    pub seq: u64,
    /// Logged publications up to here are not for it either, and retention may take them.
    pub offset: u64,
}

/// Channels that a subscriber follows, with its reach into each.
pub(crate) type Follows = HashMap<ChannelId, Since>;

/// A change of the channels that the stream still has to show.
#[derive(Debug)]
pub(crate) struct PendingPatch {
    /// Shown once the cursor has come here.
    pub at: Place,
    /// Channels that are new to the subscriber.
    pub added: Vec<ChannelId>,
}

/// The hub's side of a stream.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub client_id: String,
    pub peer: Option<IpAddr>,
    pub format: Format,
    pub patterns: Vec<(ChannelPattern, Since)>,
    pub follows: Arc<Follows>,
    /// What is read from the disk for it.
    pub reading: Reading,
    pub waker: Option<Waker>,
    pub patches: VecDeque<PendingPatch>,
    pub close: Option<CloseReason>,
    pub opened_at: EpochMillis,
    pub cursor_seq: u64,
    pub n_delivered: u64,
    pub delivered_bytes: u64,
    pub n_dropped: u64,
    pub n_resets: u64,
}

/// The subscribers, found by channel, pattern and client id.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    subscribers: HashMap<SubscriberId, Subscriber>,
    by_client: HashMap<String, SubscriberId>,
    by_channel: HashMap<ChannelId, HashSet<SubscriberId>>,
    /// Every distinct pattern with the subscribers that hold it.
    by_pattern: HashMap<ChannelPattern, HashSet<SubscriberId>>,
    /// The keys of `by_pattern` that hold a wildcard.
    wildcards: HashSet<ChannelPattern>,
    by_address: HashMap<IpAddr, usize>,
    next_id: SubscriberId,
}

impl Registry {
    pub(crate) fn len(&self) -> usize {
        self.subscribers.len()
    }

    pub(crate) fn n_from(&self, peer: IpAddr) -> usize {
        self.by_address.get(&peer).copied().unwrap_or(0)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Subscriber> {
        self.subscribers.values()
    }

    pub(crate) fn get(&self, id: SubscriberId) -> Option<&Subscriber> {
        self.subscribers.get(&id)
    }

    pub(crate) fn get_mut(&mut self, id: SubscriberId) -> Option<&mut Subscriber> {
        self.subscribers.get_mut(&id)
    }

    pub(crate) fn find(&self, client_id: &str) -> Option<SubscriberId> {
        self.by_client.get(client_id).copied()
    }

    pub(crate) fn n_following(&self, channel: ChannelId) -> usize {
        self.by_channel.get(&channel).map_or(0, HashSet::len)
    }

    pub(crate) fn following(&self, channel: ChannelId) -> impl Iterator<Item = SubscriberId> {
        self.by_channel.get(&channel).into_iter().flatten().copied()
    }

    /// Enters a subscriber with the channels that it follows now.
    pub(crate) fn insert(&mut self, subscriber: Subscriber) -> SubscriberId {
        self.next_id += 1;
        let id = self.next_id;
        for (pattern, _) in &subscriber.patterns {
            self.hold(id, pattern);
        }
        for channel in subscriber.follows.keys() {
            self.by_channel.entry(*channel).or_default().insert(id);
        }
        if let Some(peer) = subscriber.peer {
            *self.by_address.entry(peer).or_default() += 1;
        }
        self.by_client.insert(subscriber.client_id.clone(), id);
        self.subscribers.insert(id, subscriber);
        id
    }

    /// Takes a subscriber out.
    pub(crate) fn remove(&mut self, id: SubscriberId) -> Option<Subscriber> {
        let subscriber = self.subscribers.remove(&id)?;
        self.by_client.remove(&subscriber.client_id);
        for (pattern, _) in &subscriber.patterns {
            self.release(id, pattern);
        }
        for channel in subscriber.follows.keys() {
            self.unfollow(id, *channel);
        }
        if let Some(peer) = subscriber.peer
            && let Some(n) = self.by_address.get_mut(&peer)
        {
            *n -= 1;
            if *n == 0 {
                self.by_address.remove(&peer);
            }
        }
        Some(subscriber)
    }

    /// Enters a new channel: everyone who holds a pattern that covers it follows it.
    pub(crate) fn add_channel(&mut self, channel: ChannelId, name: &ChannelName) {
        let exact = self.by_pattern.get(name.as_str()).into_iter().flatten();
        let covering = self.wildcards.iter().filter(|pattern| pattern.matches(name));
        let wild = covering.filter_map(|pattern| self.by_pattern.get(pattern)).flatten();
        let ids: HashSet<SubscriberId> = exact.chain(wild).copied().collect();
        for id in &ids {
            if let Some(subscriber) = self.subscribers.get_mut(id) {
                let since = subscriber.patterns.iter().filter(|(pattern, _)| pattern.matches(name));
                if let Some(since) = since.map(|(_, since)| *since).min_by_key(|since| since.seq) {
                    Arc::make_mut(&mut subscriber.follows).insert(channel, since);
                }
            }
        }
        if !ids.is_empty() {
            self.by_channel.insert(channel, ids);
        }
    }

    /// Replaces what a subscriber follows.
    pub(crate) fn replace(
        &mut self,
        id: SubscriberId,
        patterns: Vec<(ChannelPattern, Since)>,
        follows: Follows,
    ) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        let before = std::mem::replace(&mut subscriber.patterns, patterns);
        let followed = std::mem::replace(&mut subscriber.follows, Arc::new(follows));
        let held: Vec<ChannelPattern> =
            subscriber.patterns.iter().map(|(pattern, _)| pattern.clone()).collect();
        let following: Vec<ChannelId> = subscriber.follows.keys().copied().collect();
        for (pattern, _) in &before {
            self.release(id, pattern);
        }
        for channel in followed.keys() {
            self.unfollow(id, *channel);
        }
        for pattern in &held {
            self.hold(id, pattern);
        }
        for channel in following {
            self.by_channel.entry(channel).or_default().insert(id);
        }
    }

    /// Takes the wakers of all subscribers.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.subscribers.values_mut().filter_map(|subscriber| subscriber.waker.take()).collect()
    }

    fn hold(&mut self, id: SubscriberId, pattern: &ChannelPattern) {
        if !pattern.is_exact() {
            self.wildcards.insert(pattern.clone());
        }
        self.by_pattern.entry(pattern.clone()).or_default().insert(id);
    }

    fn release(&mut self, id: SubscriberId, pattern: &ChannelPattern) {
        let Some(holders) = self.by_pattern.get_mut(pattern) else { return };
        holders.remove(&id);
        if holders.is_empty() {
            self.by_pattern.remove(pattern);
            self.wildcards.remove(pattern);
        }
    }

    fn unfollow(&mut self, id: SubscriberId, channel: ChannelId) {
        let Some(followers) = self.by_channel.get_mut(&channel) else { return };
        followers.remove(&id);
        if followers.is_empty() {
            self.by_channel.remove(&channel);
        }
    }
}
