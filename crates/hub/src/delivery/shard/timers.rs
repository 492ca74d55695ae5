//! What the clock calls for: heartbeats, keep-alives, ends, and sockets that take nothing.

use std::time::Duration;

use bytes::Bytes;

use super::conn::Socket;
use super::{Mode, Outcome, Shard, Tick, Timer, index};
use crate::delivery::{CloseReason, HEARTBEAT_JITTER_MS};
use crate::event::EpochMillis;
use crate::frame::{self, push_chunk};
use crate::position::Position;

/// What all timers of one moment have in common.
struct Moment {
    now: EpochMillis,
    n_connections: usize,
    keep_alive: Duration,
    /// Position of everything that the rings hold; none when its check is not known.
    position: Option<Position>,
}

impl<S: Socket> Shard<S> {
    /// Has a connection looked at no later than a tick.
    pub(super) fn set_timer(&mut self, slot: u32, tick: Tick) {
        let Some(conn) = self.conns.get_mut(index(slot)).and_then(Option::as_mut) else { return };
        if tick < conn.timer_at {
            conn.timer_at = tick;
            self.wheel.insert(Timer { tick, slot, generation: conn.generation });
        }
    }

    /// Sets the timer of a parked stream.
    pub(super) fn schedule(&mut self, slot: u32) {
        let keep_alive = ticks(self.hub.keep_alive());
        let Some(conn) = self.conn(slot) else { return };
        let Mode::Parked(member) = &conn.mode else { return };
        let idle = Tick(conn.last_write.0.saturating_add(keep_alive));
        let end = conn.end.map_or(Tick::NEVER, |(end, _)| end);
        self.set_timer(slot, member.next_heartbeat.min(idle).min(end));
    }

    /// Does what is due.
    pub(super) fn run_timers(&mut self) {
        let mut due = std::mem::take(&mut self.due);
        self.wheel.advance(Tick::at(self.start, self.now), &mut due);
        if !due.is_empty() {
            // Ids that keep-alives tell are as new as can be.
            self.look();
            let moment = self.moment();
            for timer in due.drain(..) {
                let Some(conn) = self.conn_mut(timer.slot) else { continue };
                if conn.generation == timer.generation && conn.timer_at == timer.tick {
                    conn.timer_at = Tick::NEVER;
                    self.on_timer(timer.slot, &moment);
                }
            }
        }
        self.due = due;
    }

    fn moment(&self) -> Moment {
        let state = self.hub.state.lock();
        let window = &state.journal.window;
        Moment {
            now: self.hub.now(),
            n_connections: state.registry.len(),
            keep_alive: state.config.keep_alive,
            position: self.entered.check.map(|_| window.position_of(self.entered)),
        }
    }

    fn on_timer(&mut self, slot: u32, moment: &Moment) {
        let now = Tick::at(self.start, self.now);
        let Some(conn) = self.conn(slot) else { return };
        if conn.is_blocked() {
            return self.check_stall(slot);
        }
        let Mode::Parked(member) = &conn.mode else { return self.queue_drive(slot) };
        if let Some((end, reason)) = conn.end
            && end <= now
        {
            return self.unpark(slot, Some(reason));
        }
        let is_heartbeat = member.next_heartbeat <= now;
        let idle = Tick(conn.last_write.0.saturating_add(ticks(moment.keep_alive)));
        if (is_heartbeat || idle <= now) && self.speak(slot, is_heartbeat, moment) == Outcome::Gone
        {
            return;
        }
        self.schedule(slot);
    }

    /// Ends a stream whose socket has taken nothing for too long.
    fn check_stall(&mut self, slot: u32) {
        let stall_timeout = self.hub.stall_timeout();
        let Some(conn) = self.conn(slot) else { return };
        if stall_timeout.is_zero() {
            return self
                .set_timer(slot, Tick::after(self.start, self.now + Duration::from_mins(1)));
        }
        let end = conn.blocked_since.time(self.start) + stall_timeout;
        if end <= self.now {
            self.close(slot, Some(CloseReason::SlowConsumer));
        } else {
            self.set_timer(slot, Tick::after(self.start, end));
        }
    }

    /// Writes a heartbeat or a comment, and before it the position if the client's is older.
    fn speak(&mut self, slot: u32, is_heartbeat: bool, moment: &Moment) -> Outcome {
        let written = self.write_member(slot);
        if written != Outcome::Done {
            return written;
        }
        let entered = self.entered.offset;
        let (opened, now) = (self.start, self.now);
        let Self { conns, groups, .. } = self;
        let Some(conn) = conns.get_mut(index(slot)).and_then(Option::as_mut) else {
            return Outcome::Gone;
        };
        let Mode::Parked(member) = &mut conn.mode else { return Outcome::Done };
        let Some(group) = groups.get(member.group) else { return Outcome::Gone };
        let mut text = String::new();
        let told_offset = member.told_offset.max(group.last_logged);
        if let Some(position) = moment.position.filter(|_| entered > told_offset) {
            member.told_offset = entered;
            text.push_str(&frame::id_only(position));
        }
        if is_heartbeat {
            let interval_ms = u64::from(conn.heartbeat_s) * 1_000;
            let age = now.saturating_duration_since(conn.opened.time(opened)).as_millis();
            let passed = u64::try_from(age).unwrap_or(u64::MAX) / interval_ms.max(1);
            let passed = u32::try_from(passed).unwrap_or(u32::MAX);
            member.heartbeats = member.heartbeats.max(passed).saturating_add(1);
            let jitter_ms =
                scatter(conn.key.bits(), member.heartbeats) % (2 * HEARTBEAT_JITTER_MS + 1);
            let point = conn.opened.time(opened)
                + Duration::from_millis(interval_ms * u64::from(member.heartbeats));
            member.next_heartbeat = Tick::after(
                opened,
                point + Duration::from_millis(jitter_ms)
                    - Duration::from_millis(HEARTBEAT_JITTER_MS),
            );
            text.push_str(&frame::heartbeat(group.key.format, moment.now, moment.n_connections));
        } else if text.is_empty() {
            text.push_str(frame::COMMENT);
        }
        let mut chunk = Vec::with_capacity(text.len() + 8);
        push_chunk(&mut chunk, text.as_bytes());
        member.bytes_base = member.bytes_base.wrapping_add(to_u64(chunk.len()));
        self.stats.delivered_bytes += to_u64(chunk.len());
        self.write(slot, &Bytes::from(chunk))
    }
}

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

/// Returns a duration in ticks.
fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis() * 16 / 1_000).unwrap_or(u32::MAX)
}

/// Mixes two numbers into one that looks random (the finalizer of `MurmurHash3`).
fn scatter(seed: u32, n: u32) -> u64 {
    let mut bits = (u64::from(seed) << 32) | u64::from(n);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    bits = (bits ^ (bits >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    bits ^ (bits >> 33)
}
