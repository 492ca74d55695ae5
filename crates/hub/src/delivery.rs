//! A stream's cursor: what it has been shown, and the bytes that come next.
//!
//! ```text
//! Probing --log read--> Opening --greeting, state--> Replaying --snapshot reached, ready--> Live
//!    \____________________\__________________________\_________________________/--close--> Closed
//! ```
//!
//! What is older than the memory window is read from the log by the hub's readers, a chunk at a
//! time; the cursor waits meanwhile.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidings_log::record::ChannelId;
use tokio::time::{Instant, Sleep};

use crate::channel::ChannelPattern;
use crate::clock::Now;
use crate::config::ChannelClass;
use crate::event::Publication;
use crate::frame::{self, Greeting, ResetReason};
use crate::hub::{Hub, State, follows};
use crate::registry::{Since, Subscriber, SubscriberId};
use crate::window::Place;

mod catch_up;
mod read;
mod request;
mod start;
mod walk;

use walk::Hole;

pub(crate) use read::{Chunk, Probe, Probed, Reading};
pub use request::{CloseReason, Format, Start, SubscribeError, SubscribeRequest};

/// Bytes after which a batch ends; one frame may stand over it.
const BATCH_MAX_BYTES: usize = 65_536;
/// Heartbeats stray at most so far from their grid, in milliseconds.
const HEARTBEAT_JITTER_MS: u64 = 2_000;
/// What a client that was sent away waits before it comes back.
const KICKED_RETRY: Duration = Duration::from_mins(1);
/// Longest part of a client's id that a `reset` repeats, in characters.
const FROM_MAX_CHARS: usize = 128;

/// How far a stream has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Probing,
    Opening,
    Replaying,
    Live,
    Closed,
}

/// A subscriber's end of the hub: a cursor and the few frames that are its own.
///
/// Dropping it ends the subscription.
#[derive(Debug)]
pub struct Subscription {
    hub: Arc<Hub>,
    id: SubscriberId,
    request: Arc<SubscribeRequest>,
    phase: Phase,
    /// What the cursor has passed.
    cursor: Place,
    /// Head when the subscription was made: the end of the replay.
    joined: Place,
    /// What must be read before the stream can begin.
    probe: Option<Probe>,
    /// Holes that were known when a chunk was asked for.
    asked_holes: Vec<Hole>,
    /// State publications numbered up to here have been shown, or newer ones have.
    state_seq: u64,
    /// Floor that costs this subscriber nothing.
    floor: u64,
    /// Offset that the client holds as its last event id.
    told_offset: u64,
    /// Reset that the start of the stream calls for.
    start_reset: Option<ResetReason>,
    is_recovered: Option<bool>,
    pending: VecDeque<Bytes>,
    timers: Timers,
}

/// When the stream speaks without a publication.
#[derive(Debug)]
struct Timers {
    sleep: Pin<Box<Sleep>>,
    opened: Instant,
    heartbeats: u32,
    next_heartbeat: Instant,
    last_write: Instant,
    end: Option<Instant>,
}

impl Subscription {
    /// Enters a subscriber; the limits were checked.
    pub(crate) fn open(hub: &Arc<Hub>, state: &mut State, mut request: SubscribeRequest) -> Self {
        if request.patterns.is_empty() {
            request.patterns.push(ChannelPattern::all());
        }
        let origin = Since { seq: 0, offset: 0 };
        let patterns: Vec<_> =
            request.patterns.iter().map(|pattern| (pattern.clone(), origin)).collect();
        let mut follows = follows(&state.journal, &patterns);
        let start = start::decide(state, &hub.log, &mut follows, &request.start);
        let joined = state.journal.window.head();
        let opened = Instant::now();
        let lifetime = state.config.connection_lifetime_max;
        let end = (!lifetime.is_zero()).then(|| {
            let jitter = jitter(hub, lifetime / 10);
            opened + lifetime - jitter
        });
        let id = state.registry.insert(Subscriber {
            client_id: request.client_id.clone(),
            peer: request.peer,
            format: request.format,
            patterns,
            follows: Arc::new(follows),
            reading: Reading::Idle,
            waker: None,
            patches: VecDeque::new(),
            close: None,
            opened_at: hub.now(),
            cursor_seq: start.cursor.seq,
            n_delivered: 0,
            delivered_bytes: 0,
            n_dropped: 0,
            n_resets: 0,
        });
        state.counters.n_connections_opened += 1;
        let timers = Timers {
            sleep: Box::pin(tokio::time::sleep_until(opened)),
            opened,
            heartbeats: 0,
            next_heartbeat: opened,
            last_write: opened,
            end,
        };
        let mut subscription = Self {
            hub: Arc::clone(hub),
            id,
            request: Arc::new(request),
            phase: if start.probe.is_some() { Phase::Probing } else { Phase::Opening },
            cursor: start.cursor,
            joined,
            probe: start.probe,
            asked_holes: Vec::new(),
            state_seq: 0,
            floor: start.floor,
            told_offset: 0,
            start_reset: start.reset,
            is_recovered: start.is_recovered,
            pending: VecDeque::new(),
            timers,
        };
        subscription.schedule_heartbeat();
        subscription
    }

    /// Returns the id that the first frame tells the client.
    #[must_use]
    pub fn client_id(&self) -> &str {
        &self.request.client_id
    }

    /// Returns whether the stream waits for the log; it wakes whoever polled it last.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        let state = self.hub.state.lock();
        let subscriber = state.registry.get(self.id);
        subscriber.is_some_and(|subscriber| !matches!(subscriber.reading, Reading::Idle))
    }

    /// Yields whole frames, as many as wait and fit into 64 KiB; `None` is the end of the stream.
    pub fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if self.phase == Phase::Closed {
                return Poll::Ready(None);
            }
            let hub = Arc::clone(&self.hub);
            let mut state = hub.state.lock();
            let now = state.now(&hub.environment);
            let mut batch = BytesMut::new();
            self.fill(&mut state, now, &mut batch);
            if batch.is_empty() {
                self.fill_by_time(&mut state, now, &mut batch);
            }
            if !batch.is_empty() {
                self.timers.last_write = Instant::now();
                let n_bytes = u64::try_from(batch.len()).unwrap_or(0);
                state.counters.delivered_bytes += n_bytes;
                if let Some(subscriber) = state.registry.get_mut(self.id) {
                    subscriber.delivered_bytes += n_bytes;
                    subscriber.cursor_seq = self.cursor.seq;
                }
                return Poll::Ready(Some(batch.freeze()));
            }
            if let Some(subscriber) = state.registry.get_mut(self.id) {
                subscriber.cursor_seq = self.cursor.seq;
                subscriber.waker = Some(context.waker().clone());
            }
            let keep_alive = state.config.keep_alive;
            drop(state);
            let timers = &mut self.timers;
            let next = timers.next_heartbeat.min(timers.last_write + keep_alive);
            let next = timers.end.map_or(next, |end| next.min(end));
            timers.sleep.as_mut().reset(next);
            if timers.sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Writes everything that waits, up to the size of a batch.
    fn fill(&mut self, state: &mut State, now: Now, batch: &mut BytesMut) {
        if self.phase == Phase::Probing && !self.begin(state) {
            return;
        }
        if self.phase == Phase::Opening {
            self.greet(state, now);
        }
        while batch.len() < BATCH_MAX_BYTES {
            if let Some(frame) = self.pending.pop_front() {
                batch.extend_from_slice(&frame);
                continue;
            }
            let asked = state.registry.get(self.id).and_then(|subscriber| subscriber.close);
            if let Some(reason) = state.closing.or(asked) {
                self.finish(state, reason, batch);
                return;
            }
            if !self.advance(state, now, batch) {
                return;
            }
        }
    }

    /// Takes one step; `false` when nothing waits.
    fn advance(&mut self, state: &mut State, now: Now, batch: &mut BytesMut) -> bool {
        let window = &state.journal.window;
        let (base, head) = (window.base(), window.head());
        let subscriber = state.registry.get(self.id);
        let patch_at = subscriber
            .and_then(|subscriber| subscriber.patches.front())
            .map(|patch| patch.at)
            .filter(|_| self.phase == Phase::Live);
        let end = match (self.phase, patch_at) {
            (Phase::Replaying, _) => self.joined,
            (_, Some(at)) => at,
            (_, None) => head,
        };
        if self.cursor.seq < end.seq || self.cursor.offset < end.offset {
            if self.cursor.offset < base.offset.min(end.offset) {
                return self.read_on(state, now, end);
            }
            if self.cursor.seq < base.seq {
                self.rejoin(state, now, end);
            } else {
                self.walk(state, now, end, batch);
            }
            return true;
        }
        if self.phase == Phase::Replaying {
            self.phase = Phase::Live;
            self.tell_position(state);
            self.tell_ready(state);
            return true;
        }
        if patch_at.is_some() {
            self.apply_patch(state, now);
            return true;
        }
        false
    }

    /// Queues the first frames: retry, greeting, the reset that the start calls for, state values.
    fn greet(&mut self, state: &mut State, now: Now) {
        let spread = state.config.retry_max.saturating_sub(state.config.retry_min);
        let retry = state.config.retry_min + jitter(&self.hub, spread);
        let greeting = Greeting {
            client_id: &self.request.client_id,
            message: self.request.message,
            n_connections: state.registry.len(),
            patterns: &self.request.patterns,
            epoch: state.journal.window.head_position().epoch.to_string(),
            is_recovered: self.is_recovered,
            heartbeat: self.request.heartbeat,
            version: &self.hub.environment.version,
            now: now.at,
        };
        let first = frame::retry_line(retry) + &greeting.encode(self.request.format);
        self.pending.push_back(first.into());
        if let Some(reason) = self.start_reset.take() {
            let from: String = match &self.request.start {
                Start::After(id) => id.chars().take(FROM_MAX_CHARS).collect(),
                Start::Live | Start::Earliest | Start::Since(_) | Start::Tail(_) => String::new(),
            };
            let to = state.journal.window.position_of(self.joined);
            self.pending.push_back(frame::reset(reason, None, &from, to).into());
            self.told_offset = to.offset;
            self.count_reset(state, reason);
        }
        self.queue_state(state, now);
        self.phase = Phase::Replaying;
    }

    /// Queues the newest value of every state channel.
    fn queue_state(&mut self, state: &mut State, now: Now) {
        self.queue_values(state, now, |_, _| true);
        self.state_seq = state.journal.window.head().seq;
    }

    /// Queues the newest values whose channel and number are wanted.
    fn queue_values(
        &mut self,
        state: &mut State,
        now: Now,
        is_wanted: impl Fn(ChannelId, u64) -> bool,
    ) {
        let Some(subscriber) = state.registry.get(self.id) else { return };
        let newest = subscriber.follows.keys().filter_map(|id| {
            let (seq, value) = state.journal.channel(*id)?.newest.as_ref()?;
            is_wanted(*id, *seq).then_some(value)
        });
        let is_shown = |value: &&Arc<Publication>| {
            value.is_due(now.kept_at) && value.is_for(&self.request.client_id)
        };
        let mut values: Vec<&Arc<Publication>> = newest.filter(is_shown).collect();
        values.sort_by(|left, right| left.channel.cmp(&right.channel));
        let n_values = u64::try_from(values.len()).unwrap_or(0);
        let frames: Vec<Bytes> = values.into_iter().map(|value| self.frame_of(value)).collect();
        self.pending.extend(frames);
        self.count_delivered(state, n_values);
    }

    /// Shows the state values of added channels, and `ready`.
    fn apply_patch(&mut self, state: &mut State, now: Now) {
        let head_seq = state.journal.window.head().seq;
        let Some(subscriber) = state.registry.get_mut(self.id) else { return };
        let Some(patch) = subscriber.patches.pop_front() else { return };
        let mut frames = Vec::new();
        for id in patch.added {
            let Some(channel) = state.journal.channel(id) else { continue };
            let Some(since) = Arc::make_mut(&mut subscriber.follows).get_mut(&id) else { continue };
            if channel.class != ChannelClass::State {
                continue;
            }
            since.seq = head_seq;
            if let Some((_, value)) = &channel.newest
                && value.is_due(now.kept_at)
                && value.is_for(&self.request.client_id)
            {
                frames.push(self.frame_of(value));
            }
        }
        let patterns = subscriber.patterns.iter().map(|(pattern, _)| pattern.clone());
        Arc::make_mut(&mut self.request).patterns = patterns.collect();
        self.count_delivered(state, u64::try_from(frames.len()).unwrap_or(0));
        self.pending.extend(frames);
        self.tell_position(state);
        self.tell_ready(state);
    }

    /// Queues a block that moves the client's last event id to the cursor.
    fn tell_position(&mut self, state: &State) {
        let position = state.journal.window.position_of(self.cursor);
        self.told_offset = position.offset;
        self.pending.push_back(frame::id_only(position).into());
    }

    fn tell_ready(&mut self, state: &State) {
        if let Some(subscriber) = state.registry.get(self.id) {
            let patterns: Vec<ChannelPattern> =
                subscriber.patterns.iter().map(|(pattern, _)| pattern.clone()).collect();
            self.pending.push_back(frame::ready(&patterns).into());
        }
    }

    /// Writes what the clock calls for: heartbeat, keep-alive, the end of a long life.
    fn fill_by_time(&mut self, state: &mut State, now: Now, batch: &mut BytesMut) {
        let instant = Instant::now();
        if self.phase == Phase::Probing {
            return;
        }
        if self.timers.end.is_some_and(|end| instant >= end) {
            self.finish(state, CloseReason::MaxLifetime, batch);
            return;
        }
        let is_heartbeat = instant >= self.timers.next_heartbeat;
        let is_idle = instant >= self.timers.last_write + state.config.keep_alive;
        if !is_heartbeat && !is_idle {
            return;
        }
        if self.cursor.offset > self.told_offset && self.cursor.check.is_some() {
            self.told_offset = self.cursor.offset;
            let position = state.journal.window.position_of(self.cursor);
            batch.extend_from_slice(frame::id_only(position).as_bytes());
        }
        if is_heartbeat {
            self.schedule_heartbeat();
            let heartbeat = frame::heartbeat(self.request.format, now.at, state.registry.len());
            batch.extend_from_slice(heartbeat.as_bytes());
        } else if batch.is_empty() {
            batch.extend_from_slice(frame::COMMENT);
        }
    }

    /// Puts the next heartbeat near the next point of the stream's grid.
    fn schedule_heartbeat(&mut self) {
        let timers = &mut self.timers;
        // Points that passed while the client did not read are left out.
        let interval_ms = self.request.heartbeat.as_millis().max(1);
        let passed = timers.opened.elapsed().as_millis() / interval_ms;
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        timers.heartbeats = timers.heartbeats.max(passed).saturating_add(1);
        let point = timers.opened + self.request.heartbeat * timers.heartbeats;
        let jitter_ms = (self.hub.environment.entropy)() % (2 * HEARTBEAT_JITTER_MS + 1);
        timers.next_heartbeat =
            point + Duration::from_millis(jitter_ms) - Duration::from_millis(HEARTBEAT_JITTER_MS);
    }

    /// Writes the end of the stream and takes the subscriber out.
    fn finish(&mut self, state: &mut State, reason: CloseReason, batch: &mut BytesMut) {
        let spread = state.config.retry_max.saturating_sub(state.config.retry_min);
        let retry = match reason {
            CloseReason::Kicked => KICKED_RETRY,
            CloseReason::ServerShutdown | CloseReason::MaxLifetime => {
                state.config.retry_min + jitter(&self.hub, spread)
            }
        };
        batch.extend_from_slice(frame::close(reason.as_str(), retry).as_bytes());
        for (count, counted) in state.counters.n_closed.iter_mut().zip(CloseReason::ALL) {
            *count += u64::from(counted == reason);
        }
        self.phase = Phase::Closed;
        state.remove_subscriber(self.id, self.hub.now());
    }

    /// Returns the frame of a publication in this stream's format and names.
    fn frame_of(&self, publication: &Publication) -> Bytes {
        let kind = publication.kind.as_str();
        let renamed = self.request.renamed(kind);
        if self.request.format == Format::Named && renamed != kind {
            return publication.encode_named(renamed).into();
        }
        publication.frame(self.request.format)
    }

    fn count_delivered(&self, state: &mut State, n_publications: u64) {
        state.counters.n_delivered += n_publications;
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.n_delivered += n_publications;
        }
    }

    fn count_dropped(&self, state: &mut State, n_dropped: u64) {
        state.counters.n_dropped += n_dropped;
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.n_dropped += n_dropped;
        }
    }

    fn count_reset(&self, state: &mut State, reason: ResetReason) {
        state.counters.count_reset(reason);
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.n_resets += 1;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let now = self.hub.now();
        self.hub.state.lock().remove_subscriber(self.id, now);
    }
}

/// Returns a random time below `spread`.
fn jitter(hub: &Hub, spread: Duration) -> Duration {
    let spread_ms = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis((hub.environment.entropy)() % spread_ms)
}
