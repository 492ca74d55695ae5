//! The commit thread: what queued while the last sync ran is made durable, then shown.
//!
//! ```text
//! publish --queue--> prepare (positions, keys) --> log (write, sync) --> show (wake) --> acks
//! ```

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::{Condvar, Mutex};
use tidings_log::Retention;
use tidings_log::log::{Batch, LogConfig, NewChannel, NewRecord};
use tidings_log::record::{ChannelId, RecordKind};
use tidings_log::writer::{CommitError, LogWriter};
use tokio::sync::oneshot;

use crate::clock::Now;
use crate::config::ChannelClass;
use crate::event::{Event, Publication};
use crate::hub::{Hub, State};
use crate::outcomes::{Outcome, event_key, hash_of};
use crate::position::Check;
use crate::publish::{PublishError, PublishRefusal, Published, Wakes, channel_of, repeat_of};
use crate::stored::{KEY_STATE, StoredOutcome, encode_event, encode_value};

/// Events after which a commit takes no further request.
const COMMIT_EVENTS_MAX: usize = 1_024;
/// Bytes after which a commit takes no further request.
const COMMIT_BYTES_MAX: usize = 4 * 1_048_576;
/// Most bytes of requests that wait.
const QUEUE_BYTES_MAX: usize = 64 * 1_048_576;
/// Most requests that wait.
const QUEUE_REQUESTS_MAX: usize = 65_536;

/// Publish request that waits for its acknowledgement.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub events: Vec<Event>,
    /// Key of the request as it is remembered.
    pub key: Option<Box<str>>,
    pub reply: oneshot::Sender<Result<Published, PublishError>>,
}

impl Waiting {
    fn size_bytes(&self) -> usize {
        /// A record and the queue's own share.
        const EVENT_BYTES: usize = 256;
        self.events.iter().map(|event| EVENT_BYTES + event.data.as_str().len()).sum()
    }
}

/// What the commit thread is asked to do.
#[derive(Debug)]
pub(crate) enum Request {
    Publish(Waiting),
    /// Apply retention by age, at a time of the clock that only runs forward.
    Sweep(u64),
    /// Delete the history of a channel; the answer is whether there was any.
    Delete(ChannelId, oneshot::Sender<Result<bool, CommitError>>),
    /// Small settings of other parts of the program.
    Put(Vec<(Box<str>, Option<Bytes>)>, oneshot::Sender<Result<(), CommitError>>),
    Forget(Vec<ChannelId>),
    Reconfigure(LogConfig, Vec<(ChannelId, Retention)>),
}

/// Requests on their way to the commit thread.
#[derive(Debug, Default)]
pub(crate) struct CommitQueue {
    waiting: Mutex<Queued>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Queued {
    requests: VecDeque<Request>,
    size_bytes: usize,
    is_closed: bool,
}

impl CommitQueue {
    /// Queues a request; gives it back when the queue is full or closed.
    pub(crate) fn push(&self, request: Request) -> Result<(), Request> {
        let mut waiting = self.waiting.lock();
        let is_full =
            waiting.requests.len() >= QUEUE_REQUESTS_MAX || waiting.size_bytes >= QUEUE_BYTES_MAX;
        if waiting.is_closed || (is_full && matches!(request, Request::Publish(_))) {
            return Err(request);
        }
        if let Request::Publish(publish) = &request {
            waiting.size_bytes += publish.size_bytes();
        }
        waiting.requests.push_back(request);
        drop(waiting);
        self.arrived.notify_one();
        Ok(())
    }

    /// Whether it is open and nothing waits.
    fn is_idle(&self) -> bool {
        let waiting = self.waiting.lock();
        !waiting.is_closed && waiting.requests.is_empty()
    }

    /// Refuses further requests; those that wait are still done.
    pub(crate) fn close(&self) {
        self.waiting.lock().is_closed = true;
        self.arrived.notify_all();
    }

    /// Waits for work: publish requests that go into one commit, or one other request. Nothing is
    /// the end.
    fn take(&self, requests_max: usize) -> Vec<Request> {
        let mut waiting = self.waiting.lock();
        while waiting.requests.is_empty() {
            if waiting.is_closed {
                return Vec::new();
            }
            self.arrived.wait(&mut waiting);
        }
        let mut taken = Vec::new();
        let (mut n_events, mut n_bytes) = (0, 0);
        while let Some(request) = waiting.requests.pop_front() {
            let Request::Publish(publish) = &request else {
                if taken.is_empty() {
                    taken.push(request);
                } else {
                    waiting.requests.push_front(request);
                }
                break;
            };
            let size_bytes = publish.size_bytes();
            let is_enough = n_events + publish.events.len() > COMMIT_EVENTS_MAX
                || n_bytes + size_bytes > COMMIT_BYTES_MAX
                || taken.len() >= requests_max;
            if is_enough && !taken.is_empty() {
                waiting.requests.push_front(request);
                break;
            }
            waiting.size_bytes -= size_bytes;
            n_events += publish.events.len();
            n_bytes += size_bytes;
            taken.push(request);
        }
        taken
    }
}

/// Does what the queue brings, until it is closed and empty.
pub(crate) fn run(hub: &Hub) {
    loop {
        let requests = hub.queue.take(hub.environment.commit_requests_max.max(1));
        if requests.is_empty() {
            break;
        }
        let mut guard = hub.writer.lock();
        let Some(writer) = guard.as_mut() else { break };
        let mut publishes = Vec::new();
        for request in requests {
            match request {
                Request::Publish(waiting) => publishes.push(waiting),
                Request::Sweep(kept_now) => writer.sweep(kept_now),
                Request::Delete(channel, reply) => {
                    reply.send(delete(hub, writer, channel)).ok();
                }
                Request::Put(puts, reply) => {
                    let batch = Batch { puts, ..Batch::default() };
                    reply.send(writer.commit(&batch).map(|_| ())).ok();
                }
                Request::Forget(channels) => {
                    if let Err(error) = writer.forget(&channels) {
                        let cause: &dyn std::error::Error = &error;
                        tracing::warn!(cause, "idle channels stay in the log's settings");
                    }
                }
                Request::Reconfigure(config, retentions) => {
                    writer.reconfigure(config);
                    writer.set_retentions(&retentions);
                }
            }
        }
        if !publishes.is_empty() {
            commit(hub, writer, publishes);
        }
        if hub.log.stats().is_poisoned {
            hub.failed.cancel();
        }
    }
    let writer = hub.writer.lock().take();
    if let Some(Err(error)) = writer.map(LogWriter::close) {
        let cause: &dyn std::error::Error = &error;
        tracing::warn!(cause, "the log was not closed whole; the next start looks it through");
    }
}

/// Commits a request at once, when that is one write to the operating system's memory and nobody
/// waits before it; gives it back otherwise.
pub(crate) fn commit_now(hub: &Hub, waiting: Waiting) -> Result<(), Waiting> {
    /// Events of a request that is not worth a change of threads.
    const EVENTS_MAX: usize = 64;
    /// A record, its outcomes and its share of the write, besides the payload.
    const RECORD_BYTES: usize = 1_024;
    let size_bytes = waiting.size_bytes() + waiting.events.len() * RECORD_BYTES;
    if waiting.events.len() > EVENTS_MAX || !hub.queue.is_idle() {
        return Err(waiting);
    }
    let Some(mut guard) = hub.writer.try_lock() else { return Err(waiting) };
    match guard.as_mut() {
        Some(writer) if writer.is_quick(size_bytes) => commit(hub, writer, vec![waiting]),
        Some(_) | None => return Err(waiting),
    }
    if hub.log.stats().is_poisoned {
        hub.failed.cancel();
    }
    Ok(())
}

/// Deletes what a channel holds, in the log and in memory.
fn delete(hub: &Hub, writer: &mut LogWriter, channel: ChannelId) -> Result<bool, CommitError> {
    let name = hub.state.lock().journal.channel(channel).map(|channel| channel.name.clone());
    let was_held = writer.delete(channel)?;
    let Some(name) = name else { return Ok(was_held) };
    let has_value = {
        let state = hub.state.lock();
        state.journal.channel(channel).is_some_and(|channel| channel.newest.is_some())
    };
    if has_value {
        let puts = vec![(format!("{KEY_STATE}{name}").into(), None)];
        writer.commit(&Batch { puts, ..Batch::default() })?;
        hub.state.lock().journal.clear(channel);
    }
    Ok(was_held || has_value)
}

/// What will be shown once it is durable.
struct Prepared {
    reply: oneshot::Sender<Result<Published, PublishError>>,
    published: Published,
    publications: Vec<(ChannelId, Publication)>,
    outcomes: Vec<StoredOutcome>,
}

/// What a commit is made of.
#[derive(Default)]
struct Preparation {
    batch: Batch,
    n_logged: u64,
    /// Outcomes of this commit, by key.
    staged: HashMap<Box<str>, Outcome>,
    prepared: Vec<Prepared>,
}

fn commit(hub: &Hub, writer: &mut LogWriter, publishes: Vec<Waiting>) {
    let mut preparation = Preparation::default();
    let now = {
        let mut state = hub.state.lock();
        let now = state.now(&hub.environment);
        state.outcomes.sweep(now.kept_at);
        for waiting in publishes {
            preparation.take(&mut state, waiting, now);
        }
        now
    };
    let Preparation { batch, prepared, .. } = preparation;
    let is_empty = batch.puts.is_empty() && batch.groups.is_empty();
    let outcome = if is_empty { Ok(0) } else { writer.commit(&batch) };
    if let Err(error) = outcome {
        let refusal = PublishRefusal::from(&error);
        tracing::warn!(requests = prepared.len(), cause = %refusal, "publications not accepted");
        let mut state = hub.state.lock();
        for waiting in prepared {
            state.counters.refused.log += 1;
            let error = PublishError { index: 0, reason: refusal.clone() };
            waiting.reply.send(Err(error)).ok();
        }
        return;
    }
    let mut wakes = Wakes::default();
    let replies: Vec<_> = {
        let mut state = hub.state.lock();
        let shown = prepared.into_iter().map(|prepared| {
            let Prepared { reply, published, publications, outcomes } = prepared;
            show(&mut state, publications, outcomes, now, &mut wakes);
            (reply, published)
        });
        shown.collect()
    };
    wakes.wake(hub);
    for (reply, published) in replies {
        reply.send(Ok(published)).ok();
    }
}

/// Shows publications that are durable, and remembers the outcomes.
fn show(
    state: &mut State,
    publications: Vec<(ChannelId, Publication)>,
    outcomes: Vec<StoredOutcome>,
    now: Now,
    wakes: &mut Wakes,
) {
    state.counters.n_published += u64::try_from(publications.len()).unwrap_or(0);
    for (channel, publication) in publications {
        wakes.collect(&mut state.registry, channel, &publication.audience);
        if publication.position.is_some()
            && let Some(channel) = state.journal.channel_mut(channel)
        {
            channel.is_in_log = true;
        }
        state.journal.append(channel, Arc::new(publication));
    }
    let window_ms = u64::try_from(state.config.idempotency_window.as_millis()).unwrap_or(u64::MAX);
    let end = now.kept_at.saturating_add(window_ms);
    for outcome in outcomes {
        state.outcomes.remember(outcome, end, state.config.idempotency_keys_max);
    }
}

impl Preparation {
    /// Decides what a request becomes; a repeat and a refusal are answered with the commit.
    fn take(&mut self, state: &mut State, waiting: Waiting, now: Now) {
        let Waiting { events, key, reply } = waiting;
        let before = self.n_logged;
        match self.prepare(state, events, key, now) {
            Ok((published, publications, outcomes, group)) => {
                if !group.is_empty() {
                    self.batch.groups.push(group);
                }
                self.prepared.push(Prepared { reply, published, publications, outcomes });
            }
            Err(error) => {
                self.n_logged = before;
                state.count_refusal(&error.reason);
                reply.send(Err(error)).ok();
            }
        }
    }

    #[expect(clippy::type_complexity, reason = "the parts go into one struct right away")]
    fn prepare(
        &mut self,
        state: &mut State,
        events: Vec<Event>,
        key: Option<Box<str>>,
        now: Now,
    ) -> Result<
        (Published, Vec<(ChannelId, Publication)>, Vec<StoredOutcome>, Vec<NewRecord>),
        PublishError,
    > {
        let body_hash = if key.is_some() { hash_of(&events) } else { 0 };
        if let Some(key) = &key
            && let Some(known) = repeat_of(self.known(state, key), body_hash, 0)?
        {
            state.counters.n_repeats += 1;
            return Ok((known, Vec::new(), Vec::new(), Vec::new()));
        }
        self.check(state, &events)?;
        let mut prepared = Vec::new();
        let mut outcomes: Vec<StoredOutcome> = Vec::new();
        let mut group = Vec::new();
        let mut published =
            Published { positions: Vec::with_capacity(events.len()), matched: 0, is_repeat: false };
        for event in events {
            let event_key = event.key.as_deref().map(event_key);
            let known = event_key.as_ref().and_then(|key| self.known(state, key));
            if let Some(known) = known {
                state.counters.n_repeats += 1;
                published.positions.extend(known.positions);
                published.matched += known.matched;
                continue;
            }
            let body_hash =
                if event_key.is_some() { hash_of(std::slice::from_ref(&event)) } else { 0 };
            let (channel, publication, record) = self.enter(state, event, now);
            let matched = state.n_matched(channel, &publication.audience);
            published.positions.push(publication.position);
            published.matched += matched;
            group.extend(record);
            if let Some(key) = event_key {
                let positions = vec![publication.position];
                outcomes.push(StoredOutcome { key, body_hash, matched, positions });
                self.stage(outcomes.last());
            }
            prepared.push((channel, publication));
        }
        if let Some(key) = key {
            let positions = published.positions.clone();
            outcomes.push(StoredOutcome { key, body_hash, matched: published.matched, positions });
            self.stage(outcomes.last());
        }
        group.extend(outcomes.iter().map(|outcome| NewRecord {
            kind: RecordKind::Note,
            at: now.at,
            correction_s: now.correction_s,
            body: outcome.encode(),
        }));
        Ok((published, prepared, outcomes, group))
    }

    /// Makes the publication of an event, and its record or value.
    fn enter(
        &mut self,
        state: &mut State,
        event: Event,
        now: Now,
    ) -> (ChannelId, Publication, Option<NewRecord>) {
        let id = channel_of(state, &event.channel, now.at);
        let mut position = None;
        let mut record = None;
        let class = state.journal.channel(id).map_or(ChannelClass::Ephemeral, |known| known.class);
        match class {
            ChannelClass::Logged => {
                let (name, kind) = (event.channel.as_str(), event.kind.as_str());
                let check = Check::of(name, kind, event.data.as_str());
                self.n_logged += 1;
                position = Some(state.journal.window.position_ahead(self.n_logged, check));
                self.know(state, id);
                record = Some(NewRecord {
                    kind: RecordKind::Event(id),
                    at: now.at,
                    correction_s: now.correction_s,
                    body: encode_event(&event),
                });
            }
            ChannelClass::State => {
                let key = format!("{KEY_STATE}{}", event.channel).into();
                self.batch.puts.push((key, Some(encode_value(&event, now.at, now.kept_at))));
            }
            ChannelClass::Ephemeral => {}
        }
        (id, event.into_publication(position, now), record)
    }

    /// Tells the log a channel that it does not know yet.
    fn know(&mut self, state: &State, id: ChannelId) {
        let Some(channel) = state.journal.channel(id).filter(|channel| !channel.is_in_log) else {
            return;
        };
        if self.batch.channels.iter().all(|known| known.id != id) {
            let name = channel.name.as_str().into();
            self.batch.channels.push(NewChannel { id, name, retention: channel.retention });
        }
    }

    /// Returns the outcome of a key, of this commit or an earlier one.
    fn known(&self, state: &State, key: &str) -> Option<Outcome> {
        self.staged.get(key).or_else(|| state.outcomes.find(key)).cloned()
    }

    fn stage(&mut self, outcome: Option<&StoredOutcome>) {
        if let Some(StoredOutcome { key, body_hash, matched, positions }) = outcome {
            let (body_hash, matched) = (*body_hash, *matched);
            let outcome = Outcome { body_hash, positions: positions.clone(), matched };
            self.staged.insert(key.clone(), outcome);
        }
    }

    /// Checks keys and room for channels, changing nothing.
    fn check(&self, state: &mut State, events: &[Event]) -> Result<(), PublishError> {
        let mut hashes: HashMap<&str, u64> = HashMap::new();
        for (index, event) in events.iter().enumerate() {
            let Some(key) = event.key.as_deref() else { continue };
            let hash = hash_of(std::slice::from_ref(event));
            repeat_of(self.known(state, &event_key(key)), hash, index)?;
            if hashes.insert(key, hash).is_some_and(|first| first != hash) {
                return Err(PublishError { index, reason: PublishRefusal::KeyConflict });
            }
        }
        state.check_channels(events)
    }
}
