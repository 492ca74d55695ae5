//! Walking the shared sequence: frames, holes and losses in order.

use bytes::BytesMut;
use tidings_log::record::ChannelId;

use super::{BATCH_MAX_BYTES, Phase, Reading, Subscription};
use crate::clock::Now;
use crate::frame::{self, ResetReason};
use crate::hub::State;
use crate::registry::Follows;
use crate::window::{Entry, EntryKind, Place};

/// Publications that retention took before this subscriber saw them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hole {
    /// Last offset of the hole.
    pub end: u64,
    /// Channel with the hole; `None` is any.
    pub channel: Option<ChannelId>,
}

impl Subscription {
    /// Writes the entries up to `end` and moves the cursor there, or as far as the batch goes.
    ///
    /// A hole is told when the cursor reaches its end, so that ids never decrease.
    pub(super) fn walk(&mut self, state: &mut State, now: Now, end: Place, batch: &mut BytesMut) {
        let follows = self.follows(state);
        let holes = self.holes(&follows);
        let first_hole = holes.iter().map(|hole| hole.end).min().unwrap_or(u64::MAX);
        let mut n_delivered = 0;
        let mut losses = Losses::default();
        let mut is_at_hole = first_hole <= end.offset;
        let mut is_stopped = false;
        // At a hole the cursor has to pass the entries before it one by one.
        let (window, since) = (&state.journal.window, self.cursor.seq);
        let channels = follows.channels.iter();
        let sparse = if is_at_hole { None } else { window.after_of(since, end.seq, channels) };
        let all = sparse.is_none().then(|| window.after(since));
        for (seq, entry) in sparse.into_iter().flatten().chain(all.into_iter().flatten()) {
            let is_past_hole = first_hole <= entry.offset_before();
            if seq > end.seq || is_past_hole || batch.len() >= BATCH_MAX_BYTES {
                if seq <= end.seq {
                    is_stopped = true;
                    is_at_hole = is_past_hole;
                }
                break;
            }
            match self.verdict(&follows, (seq, entry), &holes, now) {
                Verdict::Show => {
                    losses.tell(batch);
                    if let Some(publication) = &entry.publication {
                        batch.extend_from_slice(&self.frame_of(publication));
                    }
                    n_delivered += 1;
                    if matches!(entry.kind, EntryKind::Logged(_)) {
                        self.told_offset = entry.offset;
                    }
                }
                Verdict::Lost => losses.n_waiting += 1,
                Verdict::Pass => {}
            }
            let check = match entry.kind {
                EntryKind::Logged(check) => Some(check),
                EntryKind::State | EntryKind::Ephemeral => {
                    self.cursor.check.filter(|_| entry.offset == self.cursor.offset)
                }
            };
            self.cursor = Place { seq, offset: entry.offset, check };
        }
        losses.tell(batch);
        self.count_dropped(state, losses.n_told);
        self.count_delivered(state, n_delivered);
        if is_at_hole {
            let next = state.journal.window.after(self.cursor.seq).next();
            let limit =
                next.map_or(state.journal.window.head().offset, |(_, entry)| entry.offset_before());
            self.tell_holes(state, now, &holes, limit);
        } else if !is_stopped && end.seq > self.cursor.seq {
            self.cursor = end;
        }
    }

    /// Decides what an entry is to this subscriber.
    fn verdict(
        &self,
        follows: &Follows,
        (seq, entry): (u64, &Entry),
        holes: &[Hole],
        now: Now,
    ) -> Verdict {
        let Some(since) = follows.get(entry.channel) else { return Verdict::Pass };
        let is_new = seq > since.seq;
        let is_live = is_new && seq > self.joined.seq;
        let shown = entry
            .publication
            .as_ref()
            .is_some_and(|held| held.is_due(now.kept_at) && held.is_for(&self.request.client_id));
        let is_gone = |hole: &Hole| hole.channel == Some(entry.channel) && entry.offset <= hole.end;
        match entry.kind {
            EntryKind::Logged(_) if is_new && shown && entry.offset > since.offset => {
                if holes.iter().any(is_gone) { Verdict::Pass } else { Verdict::Show }
            }
            EntryKind::State if is_live && seq > self.state_seq && shown => Verdict::Show,
            EntryKind::Ephemeral if is_live && shown => Verdict::Show,
            EntryKind::Ephemeral if is_live && entry.publication.is_none() => Verdict::Lost,
            EntryKind::Logged(_) | EntryKind::State | EntryKind::Ephemeral => Verdict::Pass,
        }
    }

    /// Returns what retention took from the channels that the subscriber follows.
    pub(super) fn holes(&self, follows: &Follows) -> Vec<Hole> {
        let origin = self.cursor.offset;
        let gone = self.hub.log.gone_after(origin, &mut follows.ids());
        let floor = (gone.floor > origin.max(self.floor))
            .then_some(Hole { end: gone.floor, channel: None });
        let missed = gone
            .channels
            .into_iter()
            .filter(|(id, to)| follows.get(*id).is_some_and(|since| *to > since.offset));
        missed.map(|(id, end)| Hole { end, channel: Some(id) }).chain(floor).collect()
    }

    /// Queues `reset` for the holes that end at or before an offset, and the state values that
    /// heal them.
    pub(super) fn tell_holes(&mut self, state: &mut State, now: Now, holes: &[Hole], limit: u64) {
        let due: Vec<&Hole> = holes.iter().filter(|hole| hole.end <= limit).collect();
        let Some(end) = due.iter().map(|hole| hole.end).max() else { return };
        let channel_of = |hole: &&Hole| {
            let channel = state.journal.channel(hole.channel?)?;
            Some(channel.name.as_str().to_owned())
        };
        let mut channels: Vec<String> =
            due.iter().copied().filter_map(|hole| channel_of(&hole)).collect();
        channels.sort();
        // A channel that was forgotten meanwhile has no name to tell.
        let is_any = channels.len() < due.len();
        self.tell_reset(state, now, (!is_any).then_some(channels.as_slice()), end);
    }

    /// Whether a live stream is further behind than it may be (`hub.lag_events_max`).
    pub(super) fn is_too_late(&self, state: &State, head: Place) -> bool {
        let lag_max = state.config.lag_events_max;
        let subscriber = state.registry.get(self.id);
        // What a reader is asked for belongs to the cursor as it is.
        let is_free = subscriber.is_some_and(|subscriber| {
            matches!(subscriber.reading, Reading::Idle) && subscriber.patches.is_empty()
        });
        let lag = head.offset.saturating_sub(self.cursor.offset);
        lag_max > 0 && lag > lag_max && self.phase == Phase::Live && is_free
    }

    /// Takes the stream to the head; `reset` says that everything between may be missed.
    pub(super) fn skip_to(&mut self, state: &mut State, now: Now, head: Place) {
        self.tell_reset(state, now, None, head.offset);
        self.cursor = head;
    }

    /// Queues `reset` for what is missing up to an offset, and the state values that heal it.
    pub(super) fn tell_reset(
        &mut self,
        state: &mut State,
        now: Now,
        channels: Option<&[String]>,
        end: u64,
    ) {
        let reason =
            if self.phase == Phase::Live { ResetReason::Lagged } else { ResetReason::Trimmed };
        let window = &state.journal.window;
        let from = window.position_of(self.cursor).to_string();
        let check =
            if end == self.cursor.offset { self.cursor.check } else { window.check_at(end) };
        self.cursor = Place { offset: end, check, ..self.cursor };
        let to = window.position_of(self.cursor);
        self.pending.push_back(frame::reset(reason, channels, &from, to).into());
        self.told_offset = end;
        self.count_reset(state, reason);
        self.queue_state(state, now);
    }
}

/// Ephemeral publications that this stream lost.
#[derive(Debug, Default)]
struct Losses {
    n_waiting: u64,
    n_told: u64,
}

impl Losses {
    /// Says how many were lost since the last time.
    fn tell(&mut self, batch: &mut BytesMut) {
        if self.n_waiting > 0 {
            batch.extend_from_slice(frame::dropped(self.n_waiting).as_bytes());
            self.n_told += std::mem::take(&mut self.n_waiting);
        }
    }
}

/// What an entry is to a subscriber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Show,
    Lost,
    Pass,
}
