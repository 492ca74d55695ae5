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
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tidings_log::record::ChannelId;
use tokio::time::{Instant, Sleep};

use crate::channel::ChannelPattern;
use crate::clock::Now;
use crate::config::ChannelClass;
use crate::event::Publication;
use crate::frame::{self, Greeting, ResetReason};
use crate::hub::{Hub, State, covered};
use crate::registry::{Follows, Subscriber, SubscriberId};
use crate::window::Place;

mod catch_up;
mod counts;
mod park;
mod read;
mod request;
pub(crate) mod shard;
mod start;
mod time;
mod walk;

use time::Timers;
use walk::Hole;

pub use crate::held::HeldBytes;
pub(crate) use read::{Chunk, Probe, Probed, Reading};
pub use request::{CloseReason, Format, Grants, Renames, Start, SubscribeError, SubscribeRequest};

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
    /// Handed over to a shard; nothing is left here.
    Parked,
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
    /// Timer of [`Subscription::poll_batch`].
    sleep: Option<Pin<Box<Sleep>>>,
}

/// What a stream does next.
#[derive(Debug)]
pub enum Turn {
    /// Whole frames are to be written: as many as wait and fit into 64 KiB.
    Frames(Bytes),
    /// Nothing is to be written until the waker is woken, or until this time.
    Wait(Instant),
    /// The stream has ended.
    End,
}

impl Subscription {
    /// Enters a subscriber; the limits were checked.
    pub(crate) fn open(hub: &Arc<Hub>, state: &mut State, mut request: SubscribeRequest) -> Self {
        if request.patterns.is_empty() {
            request.patterns.push(ChannelPattern::all());
        }
        let (journal, interests) = (&state.journal, &mut state.registry.interests);
        let interest = interests.of(&request.patterns, || covered(journal, &request.patterns));
        let channels = interests.get(interest).map(|known| Arc::clone(&known.channels));
        let mut follows = Follows { channels: channels.unwrap_or_default(), ..Follows::default() };
        let start = start::decide(state, &hub.log, &mut follows, &request.start);
        let joined = state.journal.window.head();
        let opened = Instant::now();
        let lifetime = state.config.connection_lifetime_max;
        let end = (!lifetime.is_zero()).then(|| {
            let jitter = jitter(hub, lifetime / 10);
            (opened + lifetime - jitter, CloseReason::MaxLifetime)
        });
        let expiry = request.expires_at.map(|at| {
            let left = Duration::from_millis(at.saturating_sub(hub.now()));
            (opened + left, CloseReason::TokenExpired)
        });
        let end = end.into_iter().chain(expiry).min_by_key(|(at, _)| *at);
        let id = state.registry.insert(Subscriber {
            client_id: request.client_id.clone(),
            peer: request.peer,
            format: request.format,
            interest,
            sinces: follows.sinces,
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
        let timers =
            Timers { opened, heartbeats: 0, next_heartbeat: opened, last_write: opened, end };
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
            sleep: None,
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
    ///
    /// Runs within a tokio runtime, which wakes the task when the clock calls for a frame.
    pub fn poll_batch(&mut self, context: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            let next = match self.turn(context.waker()) {
                Turn::Frames(frames) => return Poll::Ready(Some(frames)),
                Turn::End => return Poll::Ready(None),
                Turn::Wait(next) => next,
            };
            let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(next)));
            sleep.as_mut().reset(next);
            if sleep.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Counts bytes that wait for the client; nothing when the clients of all streams that no
    /// shard writes make too many wait (`hub.delivery_size_max_bytes`).
    #[must_use]
    pub fn hold(&self, n_bytes: usize) -> Option<HeldBytes> {
        self.hub.held.hold(n_bytes, self.hub.delivery_share_bytes())
    }

    /// Ends the stream without a word, since its client takes none.
    pub fn cut(self, reason: CloseReason) {
        self.hub.state.lock().counters.count_close(reason);
    }

    /// Takes what waits to be written; the waker is woken when there is more.
    pub fn turn(&mut self, waker: &Waker) -> Turn {
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        self.turn_in(&mut state, waker)
    }

    /// As [`Self::turn`], under the hub's lock.
    fn turn_in(&mut self, state: &mut State, waker: &Waker) -> Turn {
        if matches!(self.phase, Phase::Closed | Phase::Parked) {
            return Turn::End;
        }
        let now = state.now(&self.hub.environment);
        let mut batch = BytesMut::new();
        self.fill(state, now, &mut batch);
        if batch.is_empty() {
            self.fill_by_time(state, now, &mut batch);
        }
        if batch.is_empty() && self.phase == Phase::Closed {
            return Turn::End;
        }
        let n_bytes = u64::try_from(batch.len()).unwrap_or(0);
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.cursor_seq = self.cursor.seq;
            subscriber.delivered_bytes += n_bytes;
            if batch.is_empty() {
                subscriber.waker = Some(waker.clone());
            }
        }
        if !batch.is_empty() {
            self.timers.last_write = Instant::now();
            state.counters.delivered_bytes += n_bytes;
            return Turn::Frames(batch.freeze());
        }
        let next = self.timers.next_heartbeat.min(self.timers.last_write + state.config.keep_alive);
        Turn::Wait(self.timers.end.map_or(next, |(end, _)| next.min(end)))
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
            if self.is_too_late(state, head) {
                self.skip_to(state, now, head);
                return true;
            }
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
        let follows = state.registry.follows(subscriber);
        let newest = follows.ids().filter_map(|id| {
            let (seq, value) = state.journal.channel(id)?.newest.as_ref()?;
            is_wanted(id, *seq).then_some(value)
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
        let follows = self.follows(state);
        let Some(subscriber) = state.registry.get_mut(self.id) else { return };
        let Some(patch) = subscriber.patches.pop_front() else { return };
        let interest = subscriber.interest;
        let mut frames = Vec::new();
        for id in patch.added {
            let Some(channel) = state.journal.channel(id) else { continue };
            if channel.class != ChannelClass::State || follows.get(id).is_none() {
                continue;
            }
            Arc::make_mut(&mut subscriber.sinces).entry(id).or_default().seq = head_seq;
            if let Some((_, value)) = &channel.newest
                && value.is_due(now.kept_at)
                && value.is_for(&self.request.client_id)
            {
                frames.push(self.frame_of(value));
            }
        }
        Arc::make_mut(&mut self.request).patterns = state.registry.patterns(interest).to_vec();
        self.count_delivered(state, u64::try_from(frames.len()).unwrap_or(0));
        self.pending.extend(frames);
        self.tell_position(state);
        self.tell_ready(state);
    }

    /// Queues a block that moves the client's last event id to the cursor.
    ///
    /// One whose check is not known any more would be taken for another log's when the client comes
    /// back; it keeps the id that it has, after which nothing was for it.
    fn tell_position(&mut self, state: &State) {
        let window = &state.journal.window;
        self.cursor.check = self.cursor.check.or_else(|| window.check_at(self.cursor.offset));
        // Nothing stands at offset 0, so its check is always the same.
        if self.cursor.check.is_none() && self.cursor.offset > 0 {
            return;
        }
        let position = window.position_of(self.cursor);
        self.told_offset = position.offset;
        self.pending.push_back(frame::id_only(position).into());
    }

    fn tell_ready(&mut self, state: &State) {
        if let Some(subscriber) = state.registry.get(self.id) {
            let patterns = state.registry.patterns(subscriber.interest);
            self.pending.push_back(frame::ready(&patterns).into());
        }
    }

    /// Writes the end of the stream and takes the subscriber out.
    fn finish(&mut self, state: &mut State, reason: CloseReason, batch: &mut BytesMut) {
        let spread = state.config.retry_max.saturating_sub(state.config.retry_min);
        let retry = match reason {
            CloseReason::Kicked => KICKED_RETRY,
            CloseReason::ServerShutdown
            | CloseReason::MaxLifetime
            | CloseReason::TokenExpired
            | CloseReason::SlowConsumer => state.config.retry_min + jitter(&self.hub, spread),
        };
        batch.extend_from_slice(frame::close(reason.as_str(), retry).as_bytes());
        state.counters.count_close(reason);
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

    /// Returns the channels that the stream follows.
    fn follows(&self, state: &State) -> Follows {
        let subscriber = state.registry.get(self.id);
        subscriber.map_or_else(Follows::default, |subscriber| state.registry.follows(subscriber))
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        if self.phase == Phase::Parked {
            return;
        }
        let now = self.hub.now();
        self.hub.state.lock().remove_subscriber(self.id, now);
    }
}

/// Returns a random time below `spread`.
fn jitter(hub: &Hub, spread: Duration) -> Duration {
    let spread_ms = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX).max(1);
    Duration::from_millis((hub.environment.entropy)() % spread_ms)
}
