//! What the clock calls for on a stream with a cursor of its own.

use std::time::Duration;

use bytes::BytesMut;
use tokio::time::Instant;

use super::{CloseReason, HEARTBEAT_JITTER_MS, Phase, Subscription};
use crate::clock::Now;
use crate::frame;
use crate::hub::State;

/// When the stream speaks without a publication.
#[derive(Debug)]
pub(super) struct Timers {
    pub opened: Instant,
    pub heartbeats: u32,
    pub next_heartbeat: Instant,
    pub last_write: Instant,
    /// When the stream ends by itself, and why.
    pub end: Option<(Instant, CloseReason)>,
}

impl Subscription {
    /// Writes what the clock calls for: heartbeat, keep-alive, the end of a long life.
    pub(super) fn fill_by_time(&mut self, state: &mut State, now: Now, batch: &mut BytesMut) {
        let instant = Instant::now();
        if self.phase == Phase::Probing {
            return;
        }
        if let Some((end, reason)) = self.timers.end
            && instant >= end
        {
            self.finish(state, reason, batch);
            return;
        }
        let is_heartbeat = instant >= self.timers.next_heartbeat;
        let is_idle = instant >= self.timers.last_write + state.config.keep_alive;
        if !is_heartbeat && !is_idle {
            return;
        }
        if self.cursor.offset > self.told_offset && self.cursor.check.is_some() {
            self.told_offset = self.cursor.offset;
            let position = state.journal.window.position_of(self.cursor);
            batch.extend_from_slice(frame::id_only(position).as_bytes());
        }
        if is_heartbeat {
            self.schedule_heartbeat();
            let heartbeat = frame::heartbeat(self.request.format, now.at, state.registry.len());
            batch.extend_from_slice(heartbeat.as_bytes());
        } else if batch.is_empty() {
            batch.extend_from_slice(frame::COMMENT.as_bytes());
        }
    }

    /// Puts the next heartbeat near the next point of the stream's grid.
    pub(super) fn schedule_heartbeat(&mut self) {
        let timers = &mut self.timers;
        // Points that passed while the client did not read are left out.
        let interval_ms = self.request.heartbeat.as_millis().max(1);
        let passed = timers.opened.elapsed().as_millis() / interval_ms;
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        timers.heartbeats = timers.heartbeats.max(passed).saturating_add(1);
        let point = timers.opened + self.request.heartbeat * timers.heartbeats;
        let jitter_ms = (self.hub.environment.entropy)() % (2 * HEARTBEAT_JITTER_MS + 1);
        timers.next_heartbeat =
            point + Duration::from_millis(jitter_ms) - Duration::from_millis(HEARTBEAT_JITTER_MS);
    }
}
