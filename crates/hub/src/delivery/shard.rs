//! A shard: one thread that writes the sockets of many streams.
//!
//! ```text
//! adopted --> Own: a cursor of its own (greeting, state, replay, catching up)
//!               |  everything up to the head is shown
//!               v
//!             Parked: a place in the ring of its group
//!               |  too slow, changed, addressed alone, or asked to end
//!               v
//!             Own
//! ```
//!
//! A group is the streams of one interest in one format. What is published is put into the ring of
//! each group that follows the channel, once, and every member is written what it lacks of it in
//! one piece. A socket that takes no more is left alone until it does; its cursor stays.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Waker;

use bytes::Bytes;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::{CloseReason, Subscription};
use crate::hub::Hub;
use crate::registry::ClientKey;
use crate::window::Place;

mod conn;
mod group;
mod mailbox;
mod members;
mod own;
mod parked;
mod publications;
mod ring;
pub(crate) mod stats;
#[cfg(test)]
mod tests;
mod thread;
mod timers;
mod wheel;

use conn::{Conn, Member, Mode, Own, Socket};
use group::Groups;
use mailbox::Mailbox;
use publications::Incoming;
use stats::ShardStats;
use wheel::{Tick, Timer, Wheel};

pub(crate) use mailbox::{Adopted, Order, Shards};
pub(crate) use thread::{Polls, start};

/// Writes after which the shard looks at the head, its sockets and its clock again.
const WRITES_PER_TURN: usize = 128;
/// Share of a turn that streams with a cursor of their own have: replays, and who is new.
const IDLE_SHARE: Share = Share { drives: 64, bytes: 1_048_576 };
/// The same while live streams wait for something.
const BUSY_SHARE: Share = Share { drives: 16, bytes: 65_536 };
/// Bytes that a client may send after its request.
const EARLY_MAX_BYTES: usize = 4_096;

/// The connections of one thread; `S` is a socket.
#[derive(Debug)]
struct Shard<S> {
    hub: Arc<Hub>,
    index: u16,
    mailbox: Arc<Mailbox>,
    start: Instant,
    now: Instant,
    conns: Vec<Option<Conn<S>>>,
    free: Vec<u32>,
    n_conns: usize,
    generation: u32,
    groups: Groups,
    wheel: Wheel,
    due: Vec<Timer>,
    ready: VecDeque<(u32, u32)>,
    /// Everything up to here was taken from the shared sequence.
    seen: Place,
    /// Everything up to here is in the rings.
    entered: Place,
    incoming: Vec<Incoming>,
    is_news: bool,
    tail_bytes: usize,
    /// Bytes that were to be written to streams with a cursor of their own.
    driven_bytes: u64,
    stats: ShardStats,
}

/// What streams with a cursor of their own may take of a turn.
#[derive(Debug, Clone, Copy)]
struct Share {
    /// Streams driven.
    drives: u32,
    /// Bytes written, at most so many and one batch.
    bytes: u64,
}

/// What became of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// The socket took everything.
    Done,
    /// The socket takes no more at present.
    Blocked,
    /// The connection is gone.
    Gone,
}

impl<S: Socket> Shard<S> {
    fn new(hub: &Arc<Hub>, index: u16, mailbox: Arc<Mailbox>) -> Self {
        let now = Instant::now();
        let head = hub.state.lock().journal.window.head();
        Self {
            hub: Arc::clone(hub),
            index,
            mailbox,
            start: now,
            now,
            conns: Vec::new(),
            free: Vec::new(),
            n_conns: 0,
            generation: 0,
            groups: Groups::default(),
            wheel: Wheel::new(),
            due: Vec::new(),
            ready: VecDeque::new(),
            seen: head,
            entered: head,
            incoming: Vec::new(),
            is_news: true,
            tail_bytes: 0,
            driven_bytes: 0,
            stats: ShardStats::default(),
        }
    }

    /// Takes over a connection whose response head was written; returns its slot.
    fn adopt(
        &mut self,
        socket: S,
        subscription: Subscription,
        permit: Option<OwnedSemaphorePermit>,
    ) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.conns.push(None);
            u32::try_from(self.conns.len() - 1).unwrap_or(u32::MAX)
        });
        self.generation = self.generation.wrapping_add(1);
        let generation = self.generation;
        let request = &subscription.request;
        let conn = Conn {
            socket,
            generation,
            early_bytes: 0,
            heartbeat_s: u16::try_from(request.heartbeat.as_secs()).unwrap_or(u16::MAX),
            opened: Tick::at(self.start, subscription.timers.opened),
            last_write: Tick::at(self.start, self.now),
            timer_at: Tick::NEVER,
            blocked_since: Tick::NEVER,
            end: None,
            tail: None,
            peer: request.peer,
            key: ClientKey::default(),
            opened_at: self.hub.now(),
            grants: request.grants.clone(),
            permit,
            mode: Mode::Own(Box::new(Own {
                subscription,
                waker: self.waker_of(slot, generation),
                is_ending: false,
            })),
        };
        if let Some(place) = self.conns.get_mut(index(slot)) {
            *place = Some(conn);
            self.n_conns += 1;
        }
        self.stats.n_own += 1;
        self.ready.push_back((slot, generation));
        slot
    }

    fn waker_of(&self, slot: u32, generation: u32) -> Waker {
        let mailbox = Arc::clone(&self.mailbox);
        Waker::from(Arc::new(mailbox::StreamWaker { mailbox, slot, generation }))
    }

    /// Whether there is something to do without a socket, a clock or a publication.
    fn has_work(&self) -> bool {
        self.is_news || !self.ready.is_empty() || self.groups.has_queued()
    }

    /// Looks whether the mailbox was filled; only then is it emptied, or what comes between the
    /// two would wait for the next signal.
    fn take_signal(&mut self) {
        self.mailbox.take_signal();
        self.is_news |= self.mailbox.take_news();
    }

    /// Does what waits, but never for long.
    fn turn(&mut self) {
        self.now = Instant::now();
        let began = self.now;
        self.ready.extend(self.mailbox.take_ready());
        if self.is_news {
            self.look();
        }
        self.walk();
        self.drive_ready();
        self.run_timers();
        self.stats.count_turn(began.elapsed());
        self.show_stats();
    }

    /// Drives streams with a cursor of their own until their share of the turn is used up; it is
    /// small while live streams wait for something, and never nothing.
    fn drive_ready(&mut self) {
        let before = self.driven_bytes;
        for n_drives in 0.. {
            let is_busy = self.groups.has_queued() || self.mailbox.has_news();
            let share = if is_busy { BUSY_SHARE } else { IDLE_SHARE };
            if n_drives >= share.drives || self.driven_bytes - before >= share.bytes {
                return;
            }
            let Some((slot, generation)) = self.ready.pop_front() else { return };
            if self.conn(slot).is_some_and(|conn| conn.generation == generation) {
                self.drive(slot);
            }
        }
    }

    /// Has a stream with a cursor of its own driven when it is its turn.
    fn queue_drive(&mut self, slot: u32) {
        if let Some(conn) = self.conn(slot) {
            self.ready.push_back((slot, conn.generation));
        }
    }

    /// Says how it is.
    fn show_stats(&mut self) {
        self.stats.ring_bytes = u64::try_from(self.groups.ring_bytes()).unwrap_or(0);
        self.stats.tail_bytes = u64::try_from(self.tail_bytes).unwrap_or(0);
        let mut shown = self.mailbox.stats.lock();
        let n_restarts = shown.n_restarts;
        *shown = self.stats;
        shown.n_restarts = n_restarts;
    }

    /// Does what the socket calls for.
    fn on_event(&mut self, slot: u32, is_closed: bool, is_readable: bool, is_writable: bool) {
        if is_closed {
            return self.close(slot, None);
        }
        if is_readable && !self.discard(slot) {
            return self.close(slot, None);
        }
        if is_writable && self.conn(slot).is_some_and(Conn::is_blocked) {
            self.unblock(slot);
            self.go_on(slot);
        }
    }

    /// Goes on where a write was left.
    fn go_on(&mut self, slot: u32) {
        match self.conn(slot).map(|conn| &conn.mode) {
            Some(Mode::Own(_)) => self.queue_drive(slot),
            Some(Mode::Parked(_)) => {
                self.flush_tail(slot);
                self.write_member(slot);
            }
            None => {}
        }
    }

    /// Reads what the client sent after its request, and forgets it; false when the client is gone
    /// or sends too much.
    fn discard(&mut self, slot: u32) -> bool {
        let Some(conn) = self.conn_mut(slot) else { return true };
        let mut buffer = [0; 1_024];
        loop {
            match conn.socket.read(&mut buffer) {
                Ok(0) => return false,
                Ok(n_bytes) => {
                    let n_early = usize::from(conn.early_bytes) + n_bytes;
                    conn.early_bytes = u16::try_from(n_early).unwrap_or(u16::MAX);
                    if n_early > EARLY_MAX_BYTES {
                        return false;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return false,
            }
        }
    }

    /// Writes bytes that belong together; what the socket does not take is kept.
    fn write(&mut self, slot: u32, bytes: &Bytes) -> Outcome {
        let now = Tick::at(self.start, self.now);
        let Some(conn) = self.conn_mut(slot) else { return Outcome::Gone };
        let Ok(n_bytes) = write_some(&mut conn.socket, bytes) else {
            self.close(slot, None);
            return Outcome::Gone;
        };
        if n_bytes > 0 {
            conn.last_write = now;
        }
        self.stats.n_writes += 1;
        if n_bytes == bytes.len() {
            return Outcome::Done;
        }
        self.keep_tail(slot, bytes.slice(n_bytes..))
    }

    /// Keeps what a socket did not take and waits for it.
    fn keep_tail(&mut self, slot: u32, tail: Bytes) -> Outcome {
        let limit = self.hub.delivery_share_bytes();
        let n_bytes = tail.len();
        if self.tail_bytes + n_bytes > limit {
            self.close(slot, Some(CloseReason::SlowConsumer));
            return Outcome::Gone;
        }
        if let Some(conn) = self.conn_mut(slot) {
            conn.tail = Some(Box::new(tail));
        }
        self.tail_bytes += n_bytes;
        self.block(slot);
        Outcome::Blocked
    }

    /// Writes the rest of an earlier write.
    fn flush_tail(&mut self, slot: u32) -> Outcome {
        let Some(conn) = self.conn_mut(slot) else { return Outcome::Gone };
        if conn.is_blocked() {
            return Outcome::Blocked;
        }
        let Some(tail) = conn.tail.take() else { return Outcome::Done };
        self.tail_bytes -= tail.len();
        self.write(slot, &tail)
    }

    /// Remembers that a socket takes nothing.
    fn block(&mut self, slot: u32) {
        let now = Tick::at(self.start, self.now);
        let stall_timeout = self.hub.stall_timeout();
        self.stats.n_short_writes += 1;
        let Some(conn) = self.conn_mut(slot) else { return };
        if conn.is_blocked() {
            return;
        }
        conn.blocked_since = now;
        if let Mode::Parked(member) = conn.mode {
            self.groups.count_blocked(member.group, 1);
        }
        self.stats.n_blocked += 1;
        if !stall_timeout.is_zero() {
            self.set_timer(slot, Tick::after(self.start, self.now + stall_timeout));
        }
    }

    /// Remembers that a socket takes bytes again.
    fn unblock(&mut self, slot: u32) {
        let Some(conn) = self.conn_mut(slot) else { return };
        if !conn.is_blocked() {
            return;
        }
        conn.blocked_since = Tick::NEVER;
        if let Mode::Parked(member) = conn.mode {
            self.groups.count_blocked(member.group, -1);
        }
        self.stats.n_blocked -= 1;
    }

    /// Ends a connection at once.
    fn close(&mut self, slot: u32, reason: Option<CloseReason>) {
        self.unblock(slot);
        let Some(place) = self.conns.get_mut(index(slot)) else { return };
        let Some(conn) = place.take() else { return };
        self.free.push(slot);
        self.n_conns -= 1;
        self.tail_bytes -= conn.tail_bytes();
        self.mailbox.n_connections.fetch_sub(1, Ordering::Relaxed);
        match conn.mode {
            Mode::Own(own) => {
                self.stats.n_own -= 1;
                if let Some(reason) = reason.filter(|_| !own.is_ending) {
                    self.hub.state.lock().counters.count_close(reason);
                }
                drop(own);
            }
            Mode::Parked(member) => {
                self.leave(slot, member);
                let n_delivered = member.n_delivered_base.wrapping_add(member.next);
                let now = self.hub.now();
                let mut state = self.hub.state.lock();
                if let Some(reason) = reason {
                    state.counters.count_close(reason);
                }
                state.end_parked(conn.key, conn.peer, (conn.opened_at, now), n_delivered);
            }
        }
    }

    fn conn(&self, slot: u32) -> Option<&Conn<S>> {
        self.conns.get(index(slot))?.as_ref()
    }

    fn conn_mut(&mut self, slot: u32) -> Option<&mut Conn<S>> {
        self.conns.get_mut(index(slot))?.as_mut()
    }
}

/// Writes what the socket takes; nothing when it takes nothing now.
fn write_some(socket: &mut impl Socket, bytes: &[u8]) -> io::Result<usize> {
    loop {
        return match socket.write(bytes) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            written => written,
        };
    }
}

/// Returns the place of a slot.
fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
