//! Taking publications from the shared sequence into the rings.

use std::sync::Arc;

use bytes::Bytes;
use tidings_log::record::ChannelId;

use super::conn::Socket;
use super::group::{Entering, GroupKey};
use super::{Mode, Shard};
use crate::delivery::Format;
use crate::event::{Audience, Publication};
use crate::frame;
use crate::hub::State;
use crate::id_map::IdSet;
use crate::interests::InterestId;
use crate::registry::ClientKey;
use crate::window::{EntryKind, Place};

/// Entries taken at one look, so that the hub's lock is held only shortly.
const LOOK_MAX: usize = 512;
/// Bytes of rings over which nothing is taken until members were written to.
const RINGS_MAX_BYTES: usize = 8 * 1_048_576;

/// An entry of the shared sequence on its way into the rings.
#[derive(Debug)]
pub(super) struct Incoming {
    /// The place before it.
    before: (u64, u64),
    after: Place,
    /// Its channel, when that has the class `state`.
    state: Option<ChannelId>,
    what: Arrived,
}

/// What an entry is to the streams of a shard.
#[derive(Debug)]
enum Arrived {
    /// For everyone who follows the channel.
    All(Arc<Publication>, Arc<IdSet<InterestId>>),
    /// For one parked stream.
    One(u32, ClientKey),
    /// An ephemeral publication that was dropped before it was taken.
    Lost(Arc<IdSet<InterestId>>),
    /// For nobody here.
    Nobody,
}

impl<S: Socket> Shard<S> {
    /// Takes what was published since the last look.
    pub(super) fn look(&mut self) {
        if self.groups.ring_bytes() > RINGS_MAX_BYTES {
            // The members are written to first; the rest waits in the window.
            return;
        }
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        let is_overrun = self.seen.seq < state.journal.window.base().seq;
        if is_overrun {
            drop(state);
            return self.overrun();
        }
        self.is_news = !self.take(&mut state);
        drop(state);
        self.enter();
    }

    /// Takes entries of the window, under the hub's lock; true when the head was reached.
    pub(super) fn take(&mut self, state: &mut State) -> bool {
        let now = state.now(&self.hub.environment);
        let window = &state.journal.window;
        for (seq, entry) in window.after(self.seen.seq).take(LOOK_MAX) {
            let check = match entry.kind {
                EntryKind::Logged(check) => Some(check),
                EntryKind::State | EntryKind::Ephemeral => self.seen.check,
            };
            let before = (seq - 1, entry.offset_before());
            self.seen = Place { seq, offset: entry.offset, check };
            let interests = state.registry.interests.covering(entry.channel);
            let what = match (interests, &entry.publication) {
                (Some(interests), Some(publication)) => {
                    if !publication.is_due(now.kept_at) {
                        continue;
                    }
                    match &publication.audience {
                        Audience::All => {
                            Arrived::All(Arc::clone(publication), Arc::clone(interests))
                        }
                        Audience::Connection(client_id) => {
                            let parked = state.registry.find_parked(client_id);
                            let ours = parked.filter(|(_, at)| {
                                at.shard == self.index && interests.contains(&at.interest)
                            });
                            ours.map_or(Arrived::Nobody, |(key, at)| Arrived::One(at.slot, key))
                        }
                    }
                }
                (Some(interests), None) if entry.kind == EntryKind::Ephemeral => {
                    Arrived::Lost(Arc::clone(interests))
                }
                (None, _) | (Some(_), None) => Arrived::Nobody,
            };
            if !matches!(what, Arrived::Nobody) {
                let state = (entry.kind == EntryKind::State).then_some(entry.channel);
                self.incoming.push(Incoming { before, after: self.seen, state, what });
            }
        }
        let is_at_head = self.seen.seq == window.head().seq;
        state.shard_has_seen(self.index, self.seen.seq);
        is_at_head
    }

    /// Puts what was taken into the rings.
    pub(super) fn enter(&mut self) {
        for Incoming { before, after, state, what } in std::mem::take(&mut self.incoming) {
            self.entered = Place { seq: before.0, offset: before.1, check: None };
            match what {
                Arrived::All(publication, interests) => {
                    let entering = Entering {
                        before,
                        accepted: publication.accepted,
                        logged: publication.position.map(|position| position.offset),
                        state,
                    };
                    let frame = |key: GroupKey| frame_of(&publication, key);
                    for interest in interests.iter() {
                        self.groups.push(*interest, entering, frame);
                    }
                }
                Arrived::One(slot, key) => {
                    let is_parked = self.conn(slot).is_some_and(|conn| {
                        matches!(conn.mode, Mode::Parked(_)) && conn.key == key
                    });
                    if is_parked {
                        self.unpark(slot, None);
                    }
                }
                Arrived::Lost(interests) => {
                    let frame = Bytes::from(frame::dropped(1));
                    let accepted = self.now;
                    let entering = Entering { before, accepted, logged: None, state: None };
                    for interest in interests.iter() {
                        self.groups.push(*interest, entering, |_| frame.clone());
                    }
                }
                Arrived::Nobody => {}
            }
            self.entered = after;
        }
        self.entered = self.seen;
    }

    /// Gives every parked stream a cursor of its own, since the window has gone on without us.
    fn overrun(&mut self) {
        self.stats.n_overruns += 1;
        tracing::warn!(shard = self.index, "publications came faster than they could be looked at");
        for group in self.groups.all() {
            while let Some(slot) =
                self.groups.get(group).and_then(|group| group.members.as_slice().last().copied())
            {
                self.unpark(slot, None);
            }
        }
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        self.seen = state.journal.window.head();
        self.entered = self.seen;
        self.is_news = false;
        state.shard_has_seen(self.index, self.seen.seq);
    }
}

/// Returns the frame of a publication as a group shows it.
fn frame_of(publication: &Publication, key: GroupKey) -> Bytes {
    let kind = publication.kind.as_str();
    let renamed = key.renames.iter().find(|(from, _)| *from == kind);
    match (key.format, renamed) {
        (Format::Named, Some((_, to))) => publication.encode_named(to).into(),
        (Format::Named, None) | (Format::Envelope, _) => publication.frame(key.format),
    }
}
