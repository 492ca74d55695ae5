//! The commit thread: what queued while the last sync ran is made durable, then shown.
//!
//! ```text
//! publish --queue--> prepare (positions, keys) --> log (write, sync) --> show (wake) --> acks
//! ```

mod queue;

use std::collections::HashMap;
use std::sync::Arc;

use tidings_log::log::{Batch, NewChannel, NewRecord};
use tidings_log::record::{ChannelId, RecordKind};
use tidings_log::writer::{CommitError, LogWriter};
use tokio::sync::oneshot;

use crate::clock::Now;
use crate::config::ChannelClass;
use crate::event::{Event, Publication};
use crate::hub::{Hub, State, keep_clock};
use crate::outcomes::{Outcome, event_key, hash_of};
use crate::position::Check;
use crate::publish::{PublishError, PublishRefusal, Published, Wakes, channel_of, repeat_of};
use crate::settings;
use crate::stored::{KEY_STATE, StoredOutcome, encode_event, encode_value};

pub(crate) use queue::{CommitQueue, Request, Waiting};

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
                Request::Settings(changes, reply) => {
                    reply.send(settings::apply(&hub.settings, writer, &changes)).ok();
                }
                Request::Forget(channels) => {
                    if let Err(error) = writer.forget(&channels) {
                        let cause: &dyn std::error::Error = &error;
                        tracing::warn!(cause, "idle channels stay in the log's settings");
                    }
                }
                Request::Clock(anchor) => {
                    if !keep_clock(writer, &anchor) {
                        // The next sweep tries again.
                        hub.state.lock().kept_anchor = None;
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
        if hub.log.is_poisoned() {
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
    if hub.log.is_poisoned() {
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
            for (channel, _) in &waiting.publications {
                state.journal.end(*channel);
            }
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
        state.journal.end(channel);
        state.journal.append(channel, Arc::new(publication));
    }
    let window_ms = u64::try_from(state.config.idempotency_window.as_millis()).unwrap_or(u64::MAX);
    let end = now.kept_at.saturating_add(window_ms);
    for outcome in outcomes {
        state.outcomes.remember(outcome, end, state.config.idempotency_keys_max);
    }
}

impl Preparation {
    /// Decides what a request becomes. A refusal is answered at once, and so is a repeat of what
    /// is durable; a repeat of a request of this commit is answered with it.
    fn take(&mut self, state: &mut State, waiting: Waiting, now: Now) {
        let Waiting { events, key, reply } = waiting;
        let known = key.as_ref().and_then(|key| state.outcomes.find(key)).cloned();
        if known.is_some()
            && let Ok(Some(published)) = repeat_of(known, hash_of(&events), 0)
        {
            state.counters.n_repeats += 1;
            reply.send(Ok(published)).ok();
            return;
        }
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
        state.journal.begin(id);
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
        let Some(channel) = state.journal.channel(id) else { return };
        let is_told = self.batch.channels.iter().any(|known| known.id == id);
        if !is_told && state.journal.is_new_to_log(id) {
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
