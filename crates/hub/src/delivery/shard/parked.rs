//! Parked streams: the walk that writes each member of a group what it lacks.

use tokio::time::Instant;

use super::conn::Socket;
use super::stats::{LATENCY_BOUNDS_US, ShardStats, micros};
use super::{Mode, Outcome, Shard, Tick, WRITES_PER_TURN, index, write_some};
use bytes::Bytes;

/// Bytes that a ring keeps for members whose sockets take nothing.
const RING_MAX_BYTES: usize = 262_144;
/// Bytes of all rings over which none keeps anything for them.
const RINGS_KEPT_MAX_BYTES: usize = 4 * 1_048_576;
/// Writes after which the clock is read again.
const WRITES_PER_CLOCK: u64 = 16;

/// Counts for so many publications, oldest first, how long they took to the socket.
fn count_latencies(
    stats: &mut ShardStats,
    now: Instant,
    mut accepted: impl DoubleEndedIterator<Item = Instant>,
    n: u64,
) {
    let since = |accepted: Instant| micros(now.saturating_duration_since(accepted));
    let bucket = |us: u64| LATENCY_BOUNDS_US.partition_point(|bound| *bound < us);
    let Some(longest) = accepted.next().map(since) else { return };
    let shortest = accepted.next_back().map_or(longest, since);
    if bucket(longest) == bucket(shortest) {
        // As good as one by one, but for the sum, which takes them as evenly spread.
        let mean = longest.midpoint(shortest);
        return stats.latency_us.count(&LATENCY_BOUNDS_US, mean, n);
    }
    let ends = [longest, shortest].into_iter();
    for us in ends.chain(accepted.map(since)) {
        stats.latency_us.count(&LATENCY_BOUNDS_US, us, 1);
    }
}

impl<S: Socket> Shard<S> {
    /// Writes to the members of groups that lack something, as far as the turn goes.
    pub(super) fn walk(&mut self) {
        let mut left = WRITES_PER_TURN;
        while left > 0 {
            let Some(group) = self.groups.next_queued() else { return };
            if self.walk_group(group, &mut left) {
                self.groups.requeue(group);
            }
        }
    }

    /// Goes on with the walk over one group; true when it is not through.
    fn walk_group(&mut self, number: u32, left: &mut usize) -> bool {
        loop {
            let Some(group) = self.groups.get_mut(number) else { return false };
            if group.walk == 0 {
                group.walk_end = group.ring.end();
                group.is_moved = false;
            }
            let Some(slot) = group.members.as_slice().get(group.walk).copied() else {
                return self.settle(number);
            };
            if *left == 0 {
                return true;
            }
            group.walk += 1;
            let n_writes = self.stats.n_writes;
            self.write_member(slot);
            if self.stats.n_writes != n_writes {
                *left -= 1;
            }
        }
    }

    /// Ends a round over a group: forgets frames that everyone has; true when another round is
    /// needed.
    fn settle(&mut self, number: u32) -> bool {
        let is_crowded = self.groups.ring_bytes() > RINGS_KEPT_MAX_BYTES;
        let Some(group) = self.groups.get_mut(number) else { return false };
        group.walk = 0;
        let walk_end = group.walk_end;
        let is_again = group.is_moved || group.ring.end() > walk_end;
        if group.is_moved {
            return true;
        }
        // Of states, a slow client gets the newest only, which the shared sequence knows.
        let is_limited = is_crowded || group.is_superseded;
        let limit = if is_limited { 0 } else { RING_MAX_BYTES };
        let is_over = group.n_blocked > 0 && group.ring.size_bytes() > limit;
        if is_over {
            let slots = group.members.as_slice().to_vec();
            for slot in slots {
                let is_behind = self.conn(slot).is_some_and(|conn| match &conn.mode {
                    Mode::Parked(member) => conn.is_blocked() && member.next < walk_end,
                    Mode::Own(_) => false,
                });
                if is_behind {
                    self.unpark(slot, None);
                }
            }
        }
        let Some(group) = self.groups.get_mut(number) else { return false };
        group.is_queued = is_again;
        if is_over || group.n_blocked == 0 {
            self.groups.trim(number, walk_end);
        }
        is_again
    }

    /// Writes a member what it lacks.
    pub(super) fn write_member(&mut self, slot: u32) -> Outcome {
        if self.conn(slot).is_some_and(|conn| conn.tail.is_some()) {
            let flushed = self.flush_tail(slot);
            if flushed != Outcome::Done {
                return flushed;
            }
        }
        let now_tick = Tick::at(self.start, self.now);
        let Self { conns, groups, stats, .. } = self;
        let Some(conn) = conns.get_mut(index(slot)).and_then(Option::as_mut) else {
            return Outcome::Gone;
        };
        if conn.is_blocked() {
            return Outcome::Blocked;
        }
        let Mode::Parked(member) = &mut conn.mode else { return Outcome::Done };
        let Some(group) = groups.get(member.group) else { return Outcome::Gone };
        let Some(bytes) = group.ring.from(member.next) else { return Outcome::Done };
        let Ok(n_bytes) = write_some(&mut conn.socket, bytes) else {
            self.close(slot, None);
            return Outcome::Gone;
        };
        let is_whole = n_bytes == bytes.len();
        let mut tail = None;
        let before = member.next;
        if is_whole {
            member.next = group.ring.end();
        } else {
            let written = group.ring.written(member.next, n_bytes);
            member.next = written.next;
            tail = written.tail;
        }
        let n_frames = member.next - before;
        if n_bytes > 0 {
            conn.last_write = now_tick;
        }
        stats.count_write(n_bytes, n_frames);
        let accepted = group.ring.accepted(before..before + n_frames);
        count_latencies(stats, self.now, accepted, n_frames);
        if stats.n_writes.is_multiple_of(WRITES_PER_CLOCK) {
            self.now = Instant::now();
        }
        if is_whole {
            return Outcome::Done;
        }
        if let Some(tail) = tail {
            return self.keep_tail(slot, Bytes::from(tail));
        }
        self.block(slot);
        Outcome::Blocked
    }
}
