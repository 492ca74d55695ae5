//! Catching up from the log: what a reader is asked for, and what becomes of what it found.

use std::sync::Arc;

use tidings_log::record::ChannelId;

use super::read::ChunkJob;
use super::start::place_at;
use super::walk::Hole;
use super::{Chunk, Phase, Probed, Reading, Subscription};
use crate::clock::Now;
use crate::frame::{self, ResetReason};
use crate::hub::{Hub, State};
use crate::registry::SubscriberId;
use crate::window::Place;

impl Subscription {
    /// Settles where the stream begins; false while the log is read.
    pub(super) fn begin(&mut self, state: &mut State) -> bool {
        let follows = self.follows(state);
        let Some(subscriber) = state.registry.get_mut(self.id) else { return true };
        match std::mem::take(&mut subscriber.reading) {
            Reading::Idle | Reading::Read(_) => {
                if let Some(probe) = self.probe.clone() {
                    subscriber.reading = Reading::Asked;
                    self.ask(move |hub| Reading::Probed(probe.run(&hub.log, &follows)));
                }
                false
            }
            Reading::Asked => {
                subscriber.reading = Reading::Asked;
                false
            }
            Reading::Probed(probed) => {
                self.phase = Phase::Opening;
                match probed {
                    Ok(Probed { offset, is_diverged: false }) => {
                        self.cursor = place_at(state, offset.min(self.joined.offset));
                    }
                    Ok(Probed { is_diverged: true, .. }) => {
                        self.restart(ResetReason::Diverged);
                    }
                    Err(error) => {
                        let cause: &dyn std::error::Error = &error;
                        tracing::error!(cause, "a stream cannot be resumed");
                        self.restart(ResetReason::Trimmed);
                    }
                }
                true
            }
        }
    }

    /// Begins at the head, with a reset.
    fn restart(&mut self, reason: ResetReason) {
        self.cursor = self.joined;
        self.start_reset = Some(reason);
        self.is_recovered = Some(false);
    }

    /// Moves on below the memory window, as far as `end`; false while the log is read.
    pub(super) fn read_on(&mut self, state: &mut State, now: Now, end: Place) -> bool {
        let Some(subscriber) = state.registry.get_mut(self.id) else { return false };
        match std::mem::take(&mut subscriber.reading) {
            Reading::Asked => {
                subscriber.reading = Reading::Asked;
                false
            }
            Reading::Idle | Reading::Probed(_) => {
                self.ask_chunk(state, now, end);
                false
            }
            Reading::Read(Ok(chunk)) => {
                self.take_chunk(state, now, chunk);
                true
            }
            Reading::Read(Err(error)) => {
                let cause: &dyn std::error::Error = &error;
                tracing::error!(cause, "part of the log cannot be read");
                let end = state.journal.window.base().offset.min(end.offset);
                self.tell_reset(state, now, None, end.max(self.cursor.offset));
                true
            }
        }
    }

    /// Asks for the next chunk, at most up to the end of the first hole.
    fn ask_chunk(&mut self, state: &mut State, now: Now, end: Place) {
        let base = state.journal.window.base();
        let epoch = state.journal.window.head_position().epoch;
        let follows = self.follows(state);
        let holes = self.holes(&follows);
        let first_hole = holes.iter().map(|hole| hole.end).min().unwrap_or(u64::MAX);
        let trimmed: Vec<(ChannelId, u64)> =
            holes.iter().filter_map(|hole| Some((hole.channel?, hole.end))).collect();
        let Some(subscriber) = state.registry.get_mut(self.id) else { return };
        subscriber.reading = Reading::Asked;
        let job = ChunkJob {
            after: self.cursor.offset,
            until: end.offset.min(base.offset).min(first_hole),
            epoch,
            follows,
            trimmed,
            request: Arc::clone(&self.request),
            kept_now: now.kept_at,
        };
        self.asked_holes = holes;
        self.ask(move |hub| Reading::Read(job.run(&hub.log)));
    }

    /// Has a reader look into the log; what it finds waits at the subscriber, who is woken.
    fn ask(&self, read: impl FnOnce(&Hub) -> Reading + Send + 'static) {
        let hub = Arc::clone(&self.hub);
        let id: SubscriberId = self.id;
        self.hub.readers.submit(move || {
            let mut found = read(&hub);
            if let Reading::Read(Ok(chunk)) = &mut found {
                chunk.held = Some(hub.readers.hold(chunk.frames.len()));
            }
            let mut state = hub.state.lock();
            let Some(subscriber) = state.registry.get_mut(id) else { return };
            subscriber.reading = found;
            let waker = subscriber.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
    }

    /// Takes over what a reader read.
    fn take_chunk(&mut self, state: &mut State, now: Now, chunk: Chunk) {
        if let Some(gone_to) = chunk.gone_to {
            // Nothing of this stream is left before the end of its first hole.
            let holes = self.holes(&self.follows(state));
            let first_hole = holes.iter().map(|hole| hole.end).min().unwrap_or(u64::MAX);
            let offset = gone_to.min(first_hole).max(self.cursor.offset);
            self.cursor = Place { offset, check: None, ..self.cursor };
            self.pass(state, now, &holes);
            return;
        }
        if !chunk.frames.is_empty() {
            self.pending.push_back(chunk.frames);
        }
        self.count_delivered(state, chunk.n_events);
        let mut check = None;
        if let Some((offset, shown)) = chunk.shown {
            self.told_offset = self.told_offset.max(offset);
            check = (offset == chunk.reached).then_some(shown);
        }
        self.cursor = Place { offset: chunk.reached, check, ..self.cursor };
        // A hole that retention made since the chunk was asked for is none: its events were read.
        let holes = std::mem::take(&mut self.asked_holes);
        self.pass(state, now, &holes);
        if let Some(lost_to) = chunk.lost_to {
            self.tell_reset(state, now, None, lost_to);
        }
    }

    /// Tells the holes that the cursor has come to the end of.
    fn pass(&mut self, state: &mut State, now: Now, holes: &[Hole]) {
        if self.cursor.offset == self.joined.offset {
            let seq = self.cursor.seq.max(self.joined.seq);
            self.cursor = Place { seq, ..self.joined };
        }
        self.tell_holes(state, now, holes, self.cursor.offset);
    }

    /// Goes over from the log to the memory window: numbers it again, shows state values that
    /// changed meanwhile and counts the ephemeral publications that are gone.
    pub(super) fn rejoin(&mut self, state: &mut State, now: Now, end: Place) {
        let window = &state.journal.window;
        let seq = window.seq_of(self.cursor.offset).min(end.seq.max(window.base().seq));
        let before = self.cursor.seq.max(self.joined.seq);
        if let Some(check) = window.check_at(self.cursor.offset) {
            self.cursor.check = Some(check);
        }
        self.cursor.seq = seq.max(self.cursor.seq);
        if seq <= before {
            return;
        }
        let follows = self.follows(state);
        let is_missed = |channel: ChannelId, missed: u64| {
            let since = follows.get(channel).map_or(u64::MAX, |since| since.seq);
            missed > since.max(before) && missed <= seq
        };
        let n_lost = window.n_lost(before, is_missed);
        if n_lost > 0 {
            self.pending.push_back(frame::dropped(n_lost).into());
            self.count_dropped(state, n_lost);
        }
        let state_seq = self.state_seq;
        self.queue_values(state, now, |channel, newest| {
            newest > state_seq && is_missed(channel, newest)
        });
    }
}
