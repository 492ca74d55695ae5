//! Who follows which channel: streams with a cursor of their own, and those parked with a shard.

use std::collections::{HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::task::Waker;

use tidings_log::record::ChannelId;
use uuid::Uuid;

use crate::channel::{ChannelName, ChannelPattern};
use crate::delivery::{CloseReason, Format, Reading};
use crate::event::EpochMillis;
use crate::id_map::IdMap;
use crate::interests::{Interest, InterestId, Interests};
use crate::window::Place;

/// Number of a subscriber, never used twice.
pub(crate) type SubscriberId = u64;

/// From where on a subscriber follows a channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Since {
    /// Publications numbered up to here are not for it.
    pub seq: u64,
    /// Logged publications up to here are not for it either, and retention may take them.
    pub offset: u64,
}

/// Reach into the channels of which not everything is for a subscriber.
pub(crate) type Sinces = HashMap<ChannelId, Since>;

/// Channels that a subscriber follows, with its reach into each.
#[derive(Debug, Clone, Default)]
pub(crate) struct Follows {
    pub channels: Arc<HashSet<ChannelId>>,
    pub sinces: Arc<Sinces>,
}

impl Follows {
    /// Returns from where on a channel is followed; nothing when it is not.
    pub(crate) fn get(&self, channel: ChannelId) -> Option<Since> {
        let is_followed = self.channels.contains(&channel);
        is_followed.then(|| self.sinces.get(&channel).copied().unwrap_or_default())
    }

    /// Iterates over the channels.
    pub(crate) fn ids(&self) -> impl Iterator<Item = ChannelId> {
        self.channels.iter().copied()
    }
}

/// A change of the channels that the stream still has to show.
#[derive(Debug)]
pub(crate) struct PendingPatch {
    /// Shown once the cursor has come here.
    pub at: Place,
    /// Channels that are new to the subscriber.
    pub added: Vec<ChannelId>,
}

/// The hub's side of a stream with a cursor of its own.
#[derive(Debug)]
pub(crate) struct Subscriber {
    pub client_id: String,
    pub peer: Option<IpAddr>,
    pub format: Format,
    pub interest: InterestId,
    pub sinces: Arc<Sinces>,
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

/// A client id of ours, in 16 bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(crate) struct ClientKey([u8; 16]);

impl ClientKey {
    /// Reads a client id; nothing for one that no hub makes.
    pub(crate) fn parse(client_id: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(client_id).ok()?;
        let key = Self(uuid.into_bytes());
        (key.to_client_id() == client_id).then_some(key)
    }

    /// Returns the client id as the client knows it.
    pub(crate) fn to_client_id(self) -> String {
        Uuid::from_bytes(self.0).to_string()
    }

    /// Returns bits of the id that stay the same, for what looks random per stream.
    pub(crate) fn bits(self) -> u32 {
        let [a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }
}

/// Where a parked stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ParkedAt {
    pub shard: u16,
    /// Place among the connections of the shard.
    pub slot: u32,
    pub interest: InterestId,
}

/// The streams, found by client id, address and interest.
#[derive(Debug, Default)]
pub(crate) struct Registry {
    pub interests: Interests,
    subscribers: IdMap<SubscriberId, Subscriber>,
    by_client: HashMap<String, SubscriberId>,
    parked: HashMap<ClientKey, ParkedAt>,
    by_address: HashMap<IpAddr, usize>,
    next_id: SubscriberId,
}

impl Registry {
    /// Streams of both kinds.
    pub(crate) fn len(&self) -> usize {
        self.subscribers.len() + self.parked.len()
    }

    pub(crate) fn n_from(&self, peer: IpAddr) -> usize {
        self.by_address.get(&peer).copied().unwrap_or(0)
    }

    /// Iterates over the subscribers with a cursor of their own.
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

    pub(crate) fn find_parked(&self, client_id: &str) -> Option<(ClientKey, ParkedAt)> {
        let key = ClientKey::parse(client_id)?;
        Some((key, *self.parked.get(&key)?))
    }

    /// Returns where a parked stream is.
    pub(crate) fn parked_at(&self, key: ClientKey) -> Option<ParkedAt> {
        self.parked.get(&key).copied()
    }

    /// Takes out the parked streams of a shard that failed. Its clients' addresses are not known
    /// here, so those of all parked streams are not counted any more.
    pub(crate) fn forget_shard(&mut self, shard: u16) {
        let gone: Vec<_> = self.parked.iter().filter(|(_, at)| at.shard == shard).collect();
        let keys: Vec<ClientKey> = gone.into_iter().map(|(key, _)| *key).collect();
        for key in keys {
            self.remove_parked(key, None);
        }
        self.by_address.clear();
        for peer in self.subscribers.values().filter_map(|subscriber| subscriber.peer) {
            *self.by_address.entry(peer).or_default() += 1;
        }
    }

    /// Returns the patterns of a subscriber.
    pub(crate) fn patterns(&self, interest: InterestId) -> Arc<[ChannelPattern]> {
        self.interests.get(interest).map_or_else(Arc::default, |known| Arc::clone(&known.patterns))
    }

    /// Returns what a subscriber follows.
    pub(crate) fn follows(&self, subscriber: &Subscriber) -> Follows {
        let interest = self.interests.get(subscriber.interest);
        Follows {
            channels: interest.map_or_else(Arc::default, |known| Arc::clone(&known.channels)),
            sinces: Arc::clone(&subscriber.sinces),
        }
    }

    /// Returns whether streams of an interest follow a channel.
    pub(crate) fn is_covered(&self, interest: InterestId, channel: ChannelId) -> bool {
        self.interests.get(interest).is_some_and(|known| known.channels.contains(&channel))
    }

    pub(crate) fn n_following(&self, channel: ChannelId) -> usize {
        self.covering(channel).map(|interest| interest.own.len() + interest.n_parked).sum()
    }

    /// Iterates over the interests that cover a channel.
    pub(crate) fn covering(&self, channel: ChannelId) -> impl Iterator<Item = &Interest> {
        let ids = self.interests.covering(channel).into_iter().flat_map(|ids| ids.iter());
        ids.filter_map(|id| self.interests.get(*id))
    }

    /// Enters a subscriber.
    pub(crate) fn insert(&mut self, subscriber: Subscriber) -> SubscriberId {
        if let Some(peer) = subscriber.peer {
            *self.by_address.entry(peer).or_default() += 1;
        }
        self.enter(subscriber)
    }

    /// Takes a subscriber out.
    pub(crate) fn remove(&mut self, id: SubscriberId) -> Option<Subscriber> {
        let subscriber = self.take_out(id)?;
        self.interests.release(subscriber.interest);
        self.forget_address(subscriber.peer);
        Some(subscriber)
    }

    /// Hands a subscriber over to a shard.
    pub(crate) fn park(
        &mut self,
        id: SubscriberId,
        key: ClientKey,
        at: ParkedAt,
    ) -> Option<Subscriber> {
        let subscriber = self.take_out(id)?;
        if let Some(interest) = self.interests.get_mut(subscriber.interest) {
            interest.n_parked += 1;
        }
        self.interests.settle_soon(subscriber.interest);
        self.parked.insert(key, at);
        Some(subscriber)
    }

    /// Takes a subscriber back from a shard.
    pub(crate) fn unpark(&mut self, key: ClientKey, subscriber: Subscriber) -> SubscriberId {
        let interest = subscriber.interest;
        let id = self.enter(subscriber);
        if self.parked.remove(&key).is_some()
            && let Some(interest) = self.interests.get_mut(interest)
        {
            interest.n_parked -= 1;
        }
        id
    }

    /// Takes out a parked stream that ended.
    pub(crate) fn remove_parked(&mut self, key: ClientKey, peer: Option<IpAddr>) {
        let Some(at) = self.parked.remove(&key) else { return };
        if let Some(interest) = self.interests.get_mut(at.interest) {
            interest.n_parked -= 1;
        }
        self.interests.release(at.interest);
        self.forget_address(peer);
    }

    /// Enters a new channel: everyone who holds a pattern that covers it follows it.
    pub(crate) fn add_channel(&mut self, channel: ChannelId, name: &ChannelName) {
        self.interests.add_channel(channel, name);
    }

    /// Replaces what a subscriber follows.
    pub(crate) fn replace(&mut self, id: SubscriberId, interest: InterestId, sinces: Sinces) {
        let Some(subscriber) = self.subscribers.get_mut(&id) else { return };
        let before = std::mem::replace(&mut subscriber.interest, interest);
        subscriber.sinces = Arc::new(sinces);
        if let Some(known) = self.interests.get_mut(interest) {
            known.own.insert(id);
        }
        if before != interest {
            if let Some(known) = self.interests.get_mut(before) {
                known.own.remove(&id);
            }
            self.interests.release(before);
        }
    }

    /// Takes the wakers of all subscribers.
    pub(crate) fn take_wakers(&mut self) -> Vec<Waker> {
        self.subscribers.values_mut().filter_map(|subscriber| subscriber.waker.take()).collect()
    }

    /// Takes the wakers of the subscribers that follow a channel; true when parked streams do.
    pub(crate) fn wake(&mut self, channel: ChannelId, wakers: &mut Vec<Waker>) -> bool {
        let Some(ids) = self.interests.covering(channel) else { return false };
        let mut has_parked = false;
        for interest in ids.iter().filter_map(|id| self.interests.get(*id)) {
            has_parked |= interest.n_parked > 0;
            for id in interest.own.iter() {
                let subscriber = self.subscribers.get_mut(&id);
                wakers.extend(subscriber.and_then(|subscriber| subscriber.waker.take()));
            }
        }
        has_parked
    }

    fn enter(&mut self, subscriber: Subscriber) -> SubscriberId {
        self.next_id += 1;
        let id = self.next_id;
        if let Some(interest) = self.interests.get_mut(subscriber.interest) {
            interest.own.insert(id);
        }
        self.by_client.insert(subscriber.client_id.clone(), id);
        self.subscribers.insert(id, subscriber);
        id
    }

    fn take_out(&mut self, id: SubscriberId) -> Option<Subscriber> {
        let subscriber = self.subscribers.remove(&id)?;
        self.by_client.remove(&subscriber.client_id);
        if let Some(interest) = self.interests.get_mut(subscriber.interest) {
            interest.own.remove(&id);
        }
        Some(subscriber)
    }

    fn forget_address(&mut self, peer: Option<IpAddr>) {
        let Some(peer) = peer else { return };
        if let Some(n) = self.by_address.get_mut(&peer) {
            *n -= 1;
            if *n == 0 {
                self.by_address.remove(&peer);
            }
        }
    }
}
