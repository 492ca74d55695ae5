//! Accepting events: all of a request or none, once per key.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::task::Waker;

use crate::channel::ChannelName;
use crate::event::{Audience, EpochMillis, Event};
use crate::hub::{Hub, State};
use crate::position::Position;
use crate::window::ChannelId;

/// Longest idempotency key, in bytes.
pub const KEY_MAX_BYTES: usize = 128;

/// What became of a publish request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// One per event, in order; `None` on state and ephemeral channels.
    pub positions: Vec<Option<Position>>,
    /// Streams that follow the channels, summed over the events.
    pub matched: usize,
    /// Whether this is the outcome of an earlier request with the same key.
    pub is_repeat: bool,
}

/// Why nothing of a publish request was accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("event {index} of the request is refused")]
pub struct PublishError {
    /// Index of the event that is at fault, from 0.
    pub index: usize,
    /// What is wrong with it.
    #[source]
    pub reason: PublishRefusal,
}

/// What is wrong with an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefusal {
    /// The payload exceeds `hub.event_size_max_bytes`.
    #[error("data of {size_bytes} bytes exceeds the limit of {limit_bytes}")]
    TooLarge {
        /// Size of the payload.
        size_bytes: usize,
        /// The limit.
        limit_bytes: usize,
    },
    /// The request holds more events than `hub.events_per_publish_max`.
    #[error("{n_events} events in one request exceed the limit of {limit}")]
    TooManyEvents {
        /// Events of the request.
        n_events: usize,
        /// The limit.
        limit: usize,
    },
    /// The event's channel would be one more than `hub.channels_max`.
    #[error("a new channel exceeds the limit of {limit} channels")]
    TooManyChannels {
        /// The limit.
        limit: usize,
    },
    /// The key is empty or longer than [`KEY_MAX_BYTES`].
    #[error("idempotency key of {n_bytes} bytes is not within 1 and {KEY_MAX_BYTES}")]
    KeyLength {
        /// Length of the key.
        n_bytes: usize,
    },
    /// The key holds a control character.
    #[error("idempotency key holds a control character")]
    KeyCharacter,
    /// The key was used for something else within the window.
    #[error("idempotency key was used with another body")]
    KeyConflict,
    /// The server stops.
    #[error("the server is shutting down")]
    ShuttingDown,
}

/// First outcomes by key.
#[derive(Debug, Default)]
pub(crate) struct Outcomes {
    by_key: HashMap<Box<str>, Outcome>,
    /// Keys with the time at which they are forgotten, in that order.
    expiry: VecDeque<(EpochMillis, Box<str>)>,
}

#[derive(Debug, Clone)]
struct Outcome {
    body_hash: u64,
    positions: Vec<Option<Position>>,
    matched: usize,
}

impl Outcomes {
    /// Forgets the keys whose window has passed.
    pub(crate) fn sweep(&mut self, now: EpochMillis) {
        while self.expiry.front().is_some_and(|(end, _)| *end <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.expiry.pop_front() {
            self.by_key.remove(&key);
        }
    }

    fn remember(&mut self, key: Box<str>, end: EpochMillis, keys_max: usize, outcome: Outcome) {
        while self.by_key.len() >= keys_max.max(1) {
            self.forget_oldest();
        }
        self.expiry.push_back((end, key.clone()));
        self.by_key.insert(key, outcome);
    }
}

impl Hub {
    /// Accepts all events of a request, in order, or none.
    ///
    /// `key` makes a repeat of the same request within `hub.idempotency_window` answer with the
    /// first outcome; an event's own [`Event::key`] does the same for that event.
    ///
    /// Not cancelled half way: it does not wait.
    ///
    /// # Errors
    ///
    /// Names the first event that is refused, and why; nothing was accepted.
    #[expect(clippy::unused_async, reason = "an acknowledgement waits for stable storage")]
    pub async fn publish(
        &self,
        events: Vec<Event>,
        key: Option<Box<str>>,
    ) -> Result<Published, PublishError> {
        let (published, wakers) = {
            let mut state = self.state.lock();
            self.publish_locked(&mut state, events, key).inspect_err(|error| {
                count_refusal(&mut state, &error.reason);
            })?
        };
        for waker in wakers {
            waker.wake();
        }
        Ok(published)
    }

    fn publish_locked(
        &self,
        state: &mut State,
        events: Vec<Event>,
        key: Option<Box<str>>,
    ) -> Result<(Published, Vec<Waker>), PublishError> {
        let now = self.now();
        let refuse = |index, reason| Err(PublishError { index, reason });
        if state.closing.is_some() {
            return refuse(0, PublishRefusal::ShuttingDown);
        }
        let limit = usize::try_from(state.config.events_per_publish_max).unwrap_or(usize::MAX);
        if events.len() > limit {
            let n_events = events.len();
            return refuse(limit, PublishRefusal::TooManyEvents { n_events, limit });
        }
        state.outcomes.sweep(now);
        let request_key = key.map(|key| format!("request {key}").into_boxed_str());
        let body_hash = hash_of(&events);
        if let Some(key) = &request_key
            && let Some(known) = known_outcome(state, key, body_hash, 0)?
        {
            return Ok((known, Vec::new()));
        }
        check_events(state, &events)?;
        let (published, wakers) = append_events(state, events, now);
        state.counters.n_published += u64::try_from(published.positions.len()).unwrap_or(0);
        if let Some(key) = request_key {
            let outcome = Outcome {
                body_hash,
                positions: published.positions.clone(),
                matched: published.matched,
            };
            remember(state, key, now, outcome);
        }
        Ok((published, wakers))
    }
}

/// Returns the first outcome of a key, or nothing when the key is new.
fn known_outcome(
    state: &mut State,
    key: &str,
    body_hash: u64,
    index: usize,
) -> Result<Option<Published>, PublishError> {
    let text = key.split_once(' ').map_or("", |(_, text)| text);
    if text.is_empty() || text.len() > KEY_MAX_BYTES {
        let reason = PublishRefusal::KeyLength { n_bytes: text.len() };
        return Err(PublishError { index, reason });
    }
    if text.contains(char::is_control) {
        return Err(PublishError { index, reason: PublishRefusal::KeyCharacter });
    }
    let Some(known) = state.outcomes.by_key.get(key) else { return Ok(None) };
    if known.body_hash != body_hash {
        return Err(PublishError { index, reason: PublishRefusal::KeyConflict });
    }
    state.counters.n_repeats += 1;
    let (positions, matched) = (known.positions.clone(), known.matched);
    Ok(Some(Published { positions, matched, is_repeat: true }))
}

/// Checks every event of a request, changing nothing.
fn check_events(state: &mut State, events: &[Event]) -> Result<(), PublishError> {
    let limit_bytes = usize::try_from(state.config.event_size_max_bytes).unwrap_or(usize::MAX);
    let mut keys: HashMap<&str, u64> = HashMap::new();
    let mut new_channels: HashSet<&ChannelName> = HashSet::new();
    for (index, event) in events.iter().enumerate() {
        let size_bytes = event.data.as_str().len();
        if size_bytes > limit_bytes {
            let reason = PublishRefusal::TooLarge { size_bytes, limit_bytes };
            return Err(PublishError { index, reason });
        }
        if let Some(key) = event.key.as_deref() {
            let hash = hash_of(event);
            known_outcome(state, &event_key(key), hash, index)?;
            if keys.insert(key, hash).is_some_and(|first| first != hash) {
                return Err(PublishError { index, reason: PublishRefusal::KeyConflict });
            }
        }
        if state.journal.find(&event.channel).is_none() && new_channels.insert(&event.channel) {
            let registry = &state.registry;
            let room = state.journal.room(|id| registry.n_following(id) > 0);
            if new_channels.len() > room {
                let limit = usize::try_from(state.config.channels_max).unwrap_or(usize::MAX);
                return Err(PublishError {
                    index,
                    reason: PublishRefusal::TooManyChannels { limit },
                });
            }
        }
    }
    Ok(())
}

/// Appends events that [`check_events`] has passed.
fn append_events(
    state: &mut State,
    events: Vec<Event>,
    now: EpochMillis,
) -> (Published, Vec<Waker>) {
    let mut positions = Vec::with_capacity(events.len());
    let mut matched = 0;
    let mut wakers = Vec::new();
    for event in events {
        let key = event.key.as_deref().map(event_key);
        if let Some(key) = &key
            && let Some(known) = state.outcomes.by_key.get(key)
        {
            state.counters.n_repeats += 1;
            positions.extend(known.positions.iter().copied());
            matched += known.matched;
            continue;
        }
        let body_hash = if key.is_some() { hash_of(&event) } else { 0 };
        let audience = event.audience.clone();
        let channel = channel_of(state, &event.channel, now);
        let position = state.journal.append(channel, event, now).position;
        let n_matched = wake(state, channel, &audience, &mut wakers);
        positions.push(position);
        matched += n_matched;
        if let Some(key) = key {
            let outcome = Outcome { body_hash, positions: vec![position], matched: n_matched };
            remember(state, key, now, outcome);
        }
    }
    (Published { positions, matched, is_repeat: false }, wakers)
}

/// Returns the channel of this name, made if need be.
fn channel_of(state: &mut State, name: &ChannelName, now: EpochMillis) -> ChannelId {
    state.journal.find(name).unwrap_or_else(|| {
        let id = state.journal.create(name.clone(), now);
        state.registry.add_channel(id, name);
        id
    })
}

/// Collects the wakers of the streams that follow a channel and returns how many may see the
/// publication.
fn wake(
    state: &mut State,
    channel: ChannelId,
    audience: &Audience,
    wakers: &mut Vec<Waker>,
) -> usize {
    let followers: Vec<_> = state.registry.following(channel).collect();
    let mut n_matched = 0;
    for id in followers {
        let Some(subscriber) = state.registry.get_mut(id) else { continue };
        let is_for = match audience {
            Audience::All => true,
            Audience::Connection(client_id) => subscriber.client_id == client_id.as_ref(),
        };
        if is_for {
            n_matched += 1;
            wakers.extend(subscriber.waker.take());
        }
    }
    n_matched
}

fn remember(state: &mut State, key: Box<str>, now: EpochMillis, outcome: Outcome) {
    let window_ms = u64::try_from(state.config.idempotency_window.as_millis()).unwrap_or(u64::MAX);
    let keys_max = usize::try_from(state.config.idempotency_keys_max).unwrap_or(usize::MAX);
    state.outcomes.remember(key, now.saturating_add(window_ms), keys_max, outcome);
}

fn event_key(key: &str) -> Box<str> {
    format!("event {key}").into()
}

/// Hashes what a repeat must have in common with the first request.
fn hash_of(value: &impl HashBody) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash_body(&mut hasher);
    hasher.finish()
}

/// What of an event makes it the same as another.
trait HashBody {
    /// Feeds the body to a hasher.
    fn hash_body(&self, hasher: &mut DefaultHasher);
}

impl HashBody for Event {
    fn hash_body(&self, hasher: &mut DefaultHasher) {
        self.channel.hash(hasher);
        self.kind.hash(hasher);
        self.data.to_json().hash(hasher);
        self.ttl.hash(hasher);
        self.key.hash(hasher);
        match &self.audience {
            Audience::All => 0_u8.hash(hasher),
            Audience::Connection(id) => id.hash(hasher),
        }
    }
}

impl HashBody for Vec<Event> {
    fn hash_body(&self, hasher: &mut DefaultHasher) {
        self.len().hash(hasher);
        for event in self {
            event.hash_body(hasher);
        }
    }
}

fn count_refusal(state: &mut State, reason: &PublishRefusal) {
    let refused = &mut state.counters.refused;
    match reason {
        PublishRefusal::TooLarge { .. } => refused.event_size += 1,
        PublishRefusal::TooManyEvents { .. } => refused.events_per_publish += 1,
        PublishRefusal::TooManyChannels { .. } => refused.channels += 1,
        PublishRefusal::KeyLength { .. }
        | PublishRefusal::KeyCharacter
        | PublishRefusal::KeyConflict => refused.key_conflict += 1,
        PublishRefusal::ShuttingDown => refused.shutting_down += 1,
    }
}
