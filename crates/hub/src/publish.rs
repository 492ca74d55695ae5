//! Accepting events: all of a request or none, once per key.

use std::collections::HashSet;
use std::task::Waker;

use tidings_log::record::{BATCH_MAX_BYTES, ChannelId};
use tidings_log::writer::CommitError;
use tokio::sync::oneshot;

use crate::channel::ChannelName;
use crate::clock::Now;
use crate::commit::{Request, Waiting, commit_now};
use crate::config::ChannelClass;
use crate::event::{Audience, EpochMillis, Event, Publication};
use crate::hub::{Hub, State};
use crate::outcomes::{KEY_MAX_BYTES, Outcome, request_key};
use crate::position::Position;
use crate::registry::Registry;

/// Most bytes of one request in the log.
const REQUEST_BYTES_MAX: usize = BATCH_MAX_BYTES / 2;

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
    /// Too many requests wait for the disk.
    #[error("too many publications wait for the disk")]
    Busy,
    /// The disk is full; nothing was accepted, and it works again once there is room.
    #[error("the disk is full")]
    StorageFull,
    /// The disk failed meanwhile; the events may or may not be kept.
    #[error("the disk failed: the events may or may not be kept")]
    Unknown,
    /// The disk failed earlier; nothing more is accepted.
    #[error("the disk failed: nothing more is accepted")]
    Failed,
}

impl From<&CommitError> for PublishRefusal {
    fn from(error: &CommitError) -> Self {
        match error {
            CommitError::Full(_) => Self::StorageFull,
            CommitError::TooLarge { size_bytes } => {
                Self::TooLarge { size_bytes: *size_bytes, limit_bytes: BATCH_MAX_BYTES }
            }
            CommitError::Unknown(_) => Self::Unknown,
            CommitError::Poisoned => Self::Failed,
        }
    }
}

impl Hub {
    /// Accepts all events of a request, in order, or none, and waits until they are kept.
    ///
    /// `key` makes a repeat of the same request within `hub.idempotency_window` answer with the
    /// first outcome; an event's own [`Event::key`] does the same for that event. Events of
    /// ephemeral channels alone, without keys, wait for nothing.
    ///
    /// Dropped half way, the request is carried out all the same.
    ///
    /// # Errors
    ///
    /// Names the first event that is refused, and why; nothing was accepted, but for
    /// [`PublishRefusal::Unknown`].
    pub async fn publish(
        &self,
        events: Vec<Event>,
        key: Option<Box<str>>,
    ) -> Result<Published, PublishError> {
        let refuse = |reason| Err(PublishError { index: 0, reason });
        let (reply, answer) = oneshot::channel();
        let is_quick = {
            let mut state = self.state.lock();
            if let Err(error) = state.check_request(&events, key.as_deref()) {
                state.count_refusal(&error.reason);
                return Err(error);
            }
            let is_volatile = key.is_none()
                && events.iter().all(|event| {
                    let class = state.journal.class_of(&event.channel);
                    event.key.is_none() && class == ChannelClass::Ephemeral
                });
            if is_volatile {
                let now = state.now(&self.environment);
                let shown = state.show_now(events, now);
                let (published, wakes) = shown.inspect_err(|error| {
                    state.count_refusal(&error.reason);
                })?;
                drop(state);
                wakes.wake(self);
                return Ok(published);
            }
            let class_of = |event: &Event| state.journal.class_of(&event.channel);
            events.iter().all(|event| class_of(event) != ChannelClass::State)
        };
        let key = key.as_deref().map(request_key);
        let mut waiting = Some(Waiting { events, key, reply });
        if is_quick {
            waiting = waiting.and_then(|waiting| commit_now(self, waiting).err());
        }
        if let Some(waiting) = waiting
            && self.queue.push(Request::Publish(waiting)).is_err()
        {
            self.state.lock().count_refusal(&PublishRefusal::Busy);
            return refuse(PublishRefusal::Busy);
        }
        match answer.await {
            Ok(outcome) => outcome,
            // The commit thread has ended.
            Err(_) => refuse(PublishRefusal::ShuttingDown),
        }
    }
}

impl State {
    /// Checks what needs no look at other requests.
    fn check_request(&self, events: &[Event], key: Option<&str>) -> Result<(), PublishError> {
        let refuse = |index, reason| Err(PublishError { index, reason });
        if self.closing.is_some() {
            return refuse(0, PublishRefusal::ShuttingDown);
        }
        let limit = usize::try_from(self.config.events_per_publish_max).unwrap_or(usize::MAX);
        if events.len() > limit {
            let n_events = events.len();
            return refuse(limit, PublishRefusal::TooManyEvents { n_events, limit });
        }
        let limit_bytes = usize::try_from(self.config.event_size_max_bytes).unwrap_or(usize::MAX);
        let mut all_bytes = 0;
        for (index, event) in events.iter().enumerate() {
            let size_bytes = event.data.as_str().len();
            if size_bytes > limit_bytes {
                return refuse(index, PublishRefusal::TooLarge { size_bytes, limit_bytes });
            }
            all_bytes += size_bytes;
            if all_bytes > REQUEST_BYTES_MAX {
                let limit_bytes = REQUEST_BYTES_MAX;
                let reason = PublishRefusal::TooLarge { size_bytes: all_bytes, limit_bytes };
                return refuse(index, reason);
            }
            if let Some(reason) = event.key.as_deref().and_then(key_problem) {
                return refuse(index, reason);
            }
        }
        match key.and_then(key_problem) {
            Some(reason) => refuse(0, reason),
            None => Ok(()),
        }
    }

    /// Checks that there is room for the channels that events would make.
    pub(crate) fn check_channels(&mut self, events: &[Event]) -> Result<(), PublishError> {
        let mut new_channels: HashSet<&ChannelName> = HashSet::new();
        for (index, event) in events.iter().enumerate() {
            if self.journal.find(&event.channel).is_some() || !new_channels.insert(&event.channel) {
                continue;
            }
            if new_channels.len() > self.journal.room() {
                let registry = &self.registry;
                let idle = self.journal.forget_idle(|id| registry.n_following(id) > 0);
                self.forgotten.extend(idle);
            }
            if new_channels.len() > self.journal.room() {
                let limit = usize::try_from(self.config.channels_max).unwrap_or(usize::MAX);
                return Err(PublishError {
                    index,
                    reason: PublishRefusal::TooManyChannels { limit },
                });
            }
        }
        Ok(())
    }

    /// Shows events of ephemeral channels.
    fn show_now(
        &mut self,
        events: Vec<Event>,
        now: Now,
    ) -> Result<(Published, Wakes), PublishError> {
        self.check_channels(&events)?;
        let mut wakes = Wakes::default();
        let mut published =
            Published { positions: vec![None; events.len()], matched: 0, is_repeat: false };
        for event in events {
            let channel = channel_of(self, &event.channel, now.at);
            published.matched += self.n_matched(channel, &event.audience);
            wakes.collect(&mut self.registry, channel, &event.audience);
            self.journal.append(channel, event.into_publication(None, now).into());
            self.counters.n_published += 1;
        }
        Ok((published, wakes))
    }

    /// Returns how many streams may see a publication.
    pub(crate) fn n_matched(&self, channel: ChannelId, audience: &Audience) -> usize {
        match audience {
            Audience::All => self.registry.n_following(channel),
            Audience::Connection(client_id) => {
                let registry = &self.registry;
                let own = registry.find(client_id).and_then(|id| registry.get(id));
                let interest = own.map(|subscriber| subscriber.interest);
                let parked = || registry.find_parked(client_id).map(|(_, at)| at.interest);
                let interest = interest.or_else(parked);
                usize::from(interest.is_some_and(|id| registry.is_covered(id, channel)))
            }
        }
    }

    pub(crate) fn count_refusal(&mut self, reason: &PublishRefusal) {
        let refused = &mut self.counters.refused;
        match reason {
            PublishRefusal::TooLarge { .. } => refused.event_size += 1,
            PublishRefusal::TooManyEvents { .. } => refused.events_per_publish += 1,
            PublishRefusal::TooManyChannels { .. } => refused.channels += 1,
            PublishRefusal::KeyLength { .. }
            | PublishRefusal::KeyCharacter
            | PublishRefusal::KeyConflict => refused.key_conflict += 1,
            PublishRefusal::ShuttingDown => refused.shutting_down += 1,
            PublishRefusal::Busy
            | PublishRefusal::StorageFull
            | PublishRefusal::Unknown
            | PublishRefusal::Failed => refused.log += 1,
        }
    }
}

/// Returns what is wrong with a key.
fn key_problem(key: &str) -> Option<PublishRefusal> {
    if key.is_empty() || key.len() > KEY_MAX_BYTES {
        return Some(PublishRefusal::KeyLength { n_bytes: key.len() });
    }
    key.contains(char::is_control).then_some(PublishRefusal::KeyCharacter)
}

/// Returns the answer to a repeat of a request that had this outcome.
pub(crate) fn repeat_of(
    known: Option<Outcome>,
    body_hash: u64,
    index: usize,
) -> Result<Option<Published>, PublishError> {
    let Some(known) = known else { return Ok(None) };
    if known.body_hash != body_hash {
        return Err(PublishError { index, reason: PublishRefusal::KeyConflict });
    }
    let Outcome { positions, matched, .. } = known;
    Ok(Some(Published { positions, matched, is_repeat: true }))
}

/// Returns the channel of this name, made if need be.
pub(crate) fn channel_of(state: &mut State, name: &ChannelName, now: EpochMillis) -> ChannelId {
    state.journal.find(name).unwrap_or_else(|| {
        let id = state.journal.create(name.clone(), now);
        state.registry.add_channel(id, name);
        id
    })
}

/// Who is to be told that there is something new.
#[derive(Debug, Default)]
pub(crate) struct Wakes {
    wakers: Vec<Waker>,
    are_shards: bool,
}

impl Wakes {
    /// Collects the streams that follow a channel and may see a publication.
    pub(crate) fn collect(
        &mut self,
        registry: &mut Registry,
        channel: ChannelId,
        audience: &Audience,
    ) {
        match audience {
            Audience::All => self.are_shards |= registry.wake(channel, &mut self.wakers),
            Audience::Connection(client_id) => {
                if let Some(id) = registry.find(client_id) {
                    let subscriber = registry.get_mut(id);
                    let waker = subscriber.and_then(|subscriber| subscriber.waker.take());
                    self.wakers.extend(waker);
                } else {
                    self.are_shards |= registry.find_parked(client_id).is_some();
                }
            }
        }
    }

    /// Wakes them; the hub's lock is not held.
    pub(crate) fn wake(self, hub: &Hub) {
        for waker in self.wakers {
            waker.wake();
        }
        if self.are_shards || hub.state.lock().is_shard_behind() {
            hub.shards.wake();
        }
    }
}

impl Event {
    /// Makes a publication of an event that is accepted now.
    pub(crate) fn into_publication(self, position: Option<Position>, now: Now) -> Publication {
        let expires_at = self.ttl.map(|ttl| {
            let ttl_ms = u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX);
            now.kept_at.saturating_add(ttl_ms)
        });
        Publication::new(self.channel, self.kind, self.data, now.at, position)
            .limited(self.audience, expires_at)
    }
}
