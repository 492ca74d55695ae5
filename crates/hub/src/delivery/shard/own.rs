//! Streams with a cursor of their own: written until they have nothing left to show, then parked.

use std::sync::Arc;

use bytes::Bytes;

use super::conn::{Conn, Socket};
use super::group::GroupKey;
use super::{Member, Mode, Outcome, Own, Shard, Tick};
use crate::delivery::park::Parked;
use crate::delivery::{CloseReason, Subscription, Turn};
use crate::frame::{LAST_CHUNK, push_chunk};
use crate::window::Place;

/// Batches that one stream may write before others have their turn.
const BATCHES_PER_DRIVE: usize = 4;
/// Size of a batch after which it is the others' turn at once.
const LARGE_BATCH_BYTES: usize = 16_384;

impl<S: Socket> Shard<S> {
    /// Writes what a stream has to show, as far as its socket and its share of time go.
    pub(super) fn drive(&mut self, slot: u32) {
        for _ in 0..BATCHES_PER_DRIVE {
            let tail_bytes = self.conn(slot).map_or(0, Conn::tail_bytes);
            self.driven_bytes += u64::try_from(tail_bytes).unwrap_or(0);
            if self.flush_tail(slot) != Outcome::Done {
                return;
            }
            let Some(conn) = self.conns.get_mut(super::index(slot)).and_then(Option::as_mut) else {
                return;
            };
            let Mode::Own(own) = &mut conn.mode else { return };
            if own.is_ending {
                conn.socket.finish();
                return self.close(slot, None);
            }
            let bytes = match own.subscription.turn(&own.waker) {
                Turn::Frames(frames) => {
                    let mut chunk = Vec::with_capacity(frames.len() + 20);
                    push_chunk(&mut chunk, &frames);
                    Bytes::from(chunk)
                }
                Turn::End => {
                    own.is_ending = true;
                    Bytes::from_static(LAST_CHUNK)
                }
                Turn::Wait(until) => {
                    if !self.park(slot) {
                        self.set_timer(slot, Tick::after(self.start, until));
                    }
                    return;
                }
            };
            self.driven_bytes += u64::try_from(bytes.len()).unwrap_or(0);
            if self.write(slot, &bytes) != Outcome::Done {
                return;
            }
            if bytes.len() >= LARGE_BATCH_BYTES {
                break;
            }
        }
        self.queue_drive(slot);
    }

    /// Gives up a stream's own cursor, if it has shown everything; false when it has not.
    fn park(&mut self, slot: u32) -> bool {
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        let is_parkable = |shard: &Self| match shard.conn(slot).map(|conn| &conn.mode) {
            Some(Mode::Own(own)) => own.subscription.parkable(&state),
            Some(Mode::Parked(_)) | None => None,
        };
        let Some(key) = is_parkable(self) else { return false };
        if self.seen.seq < state.journal.window.base().seq || !self.take(&mut state) {
            // The rings have to come up to the head first.
            drop(state);
            self.is_news = true;
            self.queue_drive(slot);
            return false;
        }
        let at = (self.index, slot);
        let parked = match self.conn_mut(slot).map(|conn| &mut conn.mode) {
            Some(Mode::Own(own)) => own.subscription.park(&mut state, key, at),
            Some(Mode::Parked(_)) | None => None,
        };
        drop(state);
        self.is_news = false;
        self.enter();
        let Some(parked) = parked else { return false };
        self.join(slot, &parked);
        true
    }

    /// Enters a stream into its group.
    fn join(&mut self, slot: u32, parked: &Parked) {
        let Parked { interest, format, renames, .. } = *parked;
        let group = self.groups.of(GroupKey { interest, format, renames });
        let (index, next) = self.groups.join(group, slot);
        let before = self.groups.get(group).map_or(0, |group| group.ring.bytes_before(next));
        let start = self.start;
        let Some(conn) = self.conn_mut(slot) else { return };
        conn.key = parked.key;
        conn.opened_at = parked.opened_at;
        conn.end = parked.end.map(|(end, reason)| (Tick::after(start, end), reason));
        conn.last_write = Tick::at(start, parked.last_write);
        conn.mode = Mode::Parked(Member {
            group,
            index,
            next,
            n_delivered_base: parked.n_delivered.wrapping_sub(next),
            bytes_base: parked.delivered_bytes.wrapping_sub(before),
            told_offset: parked.told_offset,
            heartbeats: parked.heartbeats,
            next_heartbeat: Tick::after(start, parked.next_heartbeat),
            n_dropped: u32::try_from(parked.n_dropped).unwrap_or(u32::MAX),
            n_resets: u32::try_from(parked.n_resets).unwrap_or(u32::MAX),
        });
        self.stats.n_own -= 1;
        self.stats.n_parked += 1;
        self.schedule(slot);
    }

    /// Gives a parked stream a cursor of its own again; with a reason, it is to end.
    pub(super) fn unpark(&mut self, slot: u32, close: Option<CloseReason>) {
        let entered = self.entered;
        let start = self.start;
        let Some(conn) = self.conn(slot) else { return };
        let Mode::Parked(member) = conn.mode else { return };
        let Some(group) = self.groups.get(member.group) else { return };
        let place = match group.ring.before(member.next) {
            Some((seq, offset)) => Place { seq, offset, check: None },
            None => entered,
        };
        let told_offset = if group.last_logged > member.told_offset {
            group.last_logged.min(place.offset)
        } else {
            member.told_offset
        };
        let parked = Parked {
            key: conn.key,
            interest: group.key.interest,
            format: group.key.format,
            renames: group.key.renames,
            peer: conn.peer,
            grants: conn.grants.clone(),
            opened_at: conn.opened_at,
            opened: conn.opened.time(start),
            heartbeat: std::time::Duration::from_secs(conn.heartbeat_s.into()),
            heartbeats: member.heartbeats,
            next_heartbeat: member.next_heartbeat.time(start),
            last_write: conn.last_write.time(start),
            end: conn.end.map(|(end, reason)| (end.time(start), reason)),
            told_offset,
            n_delivered: member.n_delivered_base.wrapping_add(member.next),
            delivered_bytes: member.bytes_base.wrapping_add(group.ring.bytes_before(member.next)),
            n_dropped: member.n_dropped.into(),
            n_resets: member.n_resets.into(),
        };
        let (is_blocked, generation) = (conn.is_blocked(), conn.generation);
        if is_blocked {
            self.groups.count_blocked(member.group, -1);
        }
        self.leave(slot, member);
        let hub = Arc::clone(&self.hub);
        let mut state = hub.state.lock();
        let subscription = Subscription::unpark(&hub, &mut state, parked, place);
        if let Some(reason) = close {
            subscription.ask_to_close(&mut state, reason);
        }
        drop(state);
        let waker = self.waker_of(slot, generation);
        if let Some(conn) = self.conn_mut(slot) {
            conn.mode = Mode::Own(Box::new(Own { subscription, waker, is_ending: false }));
        }
        self.stats.n_own += 1;
        self.ready.push_back((slot, generation));
    }

    /// Takes a member out of its group.
    pub(super) fn leave(&mut self, slot: u32, member: Member) {
        self.stats.n_parked -= 1;
        let Some(moved) = self.groups.leave(member.group, member.index) else { return };
        if moved != slot
            && let Some(conn) = self.conn_mut(moved)
            && let Mode::Parked(other) = &mut conn.mode
        {
            other.index = member.index;
        }
    }
}
