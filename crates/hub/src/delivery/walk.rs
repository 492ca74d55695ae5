//! Walking the shared sequence: frames, holes and losses in order.

use bytes::BytesMut;

use crate::event::EpochMillis;
use crate::frame::{self, ResetReason};
use crate::hub::State;
use crate::registry::{Since, Subscriber};
use crate::window::{Entry, EntryKind};

use super::{BATCH_MAX_BYTES, Phase, Subscription};

/// Publications that retention took before this subscriber saw them.
#[derive(Debug)]
struct Hole {
    /// Last offset of the hole.
    end: u64,
    /// Channel with the hole; `None` is any.
    channel: Option<String>,
}

impl Subscription {
    /// Writes the entries up to `end` and moves the cursor there, or as far as the batch goes.
    ///
    /// A hole is told when the cursor reaches its end, so that ids never decrease.
    pub(super) fn walk(
        &mut self,
        state: &mut State,
        now: EpochMillis,
        end: Since,
        batch: &mut BytesMut,
    ) {
        let Some(subscriber) = state.registry.get(self.id) else { return };
        let holes = self.holes(state, subscriber);
        let first_hole = holes.iter().map(|hole| hole.end).min().unwrap_or(u64::MAX);
        let mut n_delivered = 0;
        let mut n_dropped = 0;
        let mut n_dropped_in_all = 0;
        let mut reached = end;
        let mut is_hole_next = first_hole <= end.offset;
        for entry in state.journal.window.after(self.cursor.seq) {
            let offset_before =
                entry.offset - u64::from(matches!(entry.kind, EntryKind::Logged(_)));
            let is_past_hole = first_hole <= offset_before;
            if entry.seq > end.seq || is_past_hole || batch.len() >= BATCH_MAX_BYTES {
                if entry.seq <= end.seq {
                    reached = self.cursor;
                    is_hole_next = is_past_hole;
                }
                break;
            }
            match self.verdict(subscriber, entry, now) {
                Verdict::Show => {
                    if n_dropped > 0 {
                        batch.extend_from_slice(frame::dropped(n_dropped).as_bytes());
                        n_dropped_in_all += std::mem::take(&mut n_dropped);
                    }
                    if let Some(publication) = &entry.publication {
                        batch.extend_from_slice(&self.frame_of(publication));
                    }
                    n_delivered += 1;
                    if matches!(entry.kind, EntryKind::Logged(_)) {
                        self.told_offset = entry.offset;
                    }
                }
                Verdict::Lost => n_dropped += 1,
                Verdict::Pass => {}
            }
            self.cursor = Since { seq: entry.seq, offset: entry.offset };
        }
        if n_dropped > 0 {
            batch.extend_from_slice(frame::dropped(n_dropped).as_bytes());
            n_dropped_in_all += n_dropped;
        }
        state.counters.n_dropped += n_dropped_in_all;
        self.count_delivered(state, n_delivered);
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.n_dropped += n_dropped_in_all;
        }
        if is_hole_next {
            self.tell_holes(state, now, holes);
        } else if reached.seq > self.cursor.seq {
            let offset = reached.offset.max(self.cursor.offset);
            self.cursor = Since { seq: reached.seq, offset };
        }
    }

    /// Decides what an entry is to this subscriber.
    fn verdict(&self, subscriber: &Subscriber, entry: &Entry, now: EpochMillis) -> Verdict {
        let Some(since) = subscriber.follows.get(&entry.channel) else { return Verdict::Pass };
        let is_new = entry.seq > since.seq;
        let is_live = is_new && entry.seq > self.joined.seq;
        let shown = entry
            .publication
            .as_ref()
            .is_some_and(|held| held.is_due(now) && held.is_for(&self.request.client_id));
        match entry.kind {
            EntryKind::Logged(_) if is_new && shown => Verdict::Show,
            EntryKind::State if is_live && entry.seq > self.state_seq && shown => Verdict::Show,
            EntryKind::Ephemeral if is_live && shown => Verdict::Show,
            EntryKind::Ephemeral if is_live && entry.publication.is_none() => Verdict::Lost,
            EntryKind::Logged(_) | EntryKind::State | EntryKind::Ephemeral => Verdict::Pass,
        }
    }

    /// Returns what retention took from the channels that the subscriber follows.
    fn holes(&self, state: &State, subscriber: &Subscriber) -> Vec<Hole> {
        let origin = self.cursor.offset;
        if state.journal.trimmed_high <= origin {
            return Vec::new();
        }
        let mut holes = Vec::new();
        if state.journal.floor > origin.max(self.floor) {
            holes.push(Hole { end: state.journal.floor, channel: None });
        }
        for (id, since) in &subscriber.follows {
            let Some(channel) = state.journal.channel(*id) else { continue };
            if channel.trimmed_to > origin.max(since.offset) {
                let name = channel.name.as_str().to_owned();
                holes.push(Hole { end: channel.trimmed_to, channel: Some(name) });
            }
        }
        holes
    }

    /// Queues `reset` for the holes that end at or before the cursor's next entry, and the state
    /// values that heal them.
    fn tell_holes(&mut self, state: &mut State, now: EpochMillis, holes: Vec<Hole>) {
        let window = &state.journal.window;
        let next = window.after(self.cursor.seq).next();
        let limit = next.map_or(window.head().offset, |entry| {
            entry.offset - u64::from(matches!(entry.kind, EntryKind::Logged(_)))
        });
        let due: Vec<Hole> = holes.into_iter().filter(|hole| hole.end <= limit).collect();
        let Some(end) = due.iter().map(|hole| hole.end).max() else { return };
        let reason =
            if self.phase == Phase::Live { ResetReason::Lagged } else { ResetReason::Trimmed };
        let mut channels: Vec<String> =
            due.iter().filter_map(|hole| hole.channel.clone()).collect();
        channels.sort();
        let is_any = due.iter().any(|hole| hole.channel.is_none());
        let from = window.position_at(self.cursor.offset).to_string();
        let to = window.position_at(end);
        let channels = (!is_any).then_some(channels.as_slice());
        self.pending.push_back(frame::reset(reason, channels, &from, to).into());
        self.cursor.offset = end;
        self.told_offset = end;
        self.count_reset(state, reason);
        self.queue_state(state, now);
    }
}

/// What an entry is to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Show,
    Lost,
    Pass,
}
