//! Handing a live stream over to a shard, and back.
//!
//! A stream that has shown everything up to the head needs no cursor of its own: the shard keeps
//! what is below, and writes what comes to all streams of one interest from the same bytes.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{CloseReason, Format, Phase, Reading, Renames, Start, SubscribeRequest, Subscription};
use super::{Grants, Timers};
use crate::event::EpochMillis;
use crate::hub::{Hub, State};
use crate::interests::InterestId;
use crate::registry::{ClientKey, ParkedAt, Subscriber};
use crate::window::Place;

/// What is left of a stream that shows the same as all others of its interest.
#[derive(Debug)]
pub(super) struct Parked {
    pub key: ClientKey,
    pub interest: InterestId,
    pub format: Format,
    pub renames: Renames,
    pub peer: Option<IpAddr>,
    pub grants: Option<Arc<Grants>>,
    pub opened_at: EpochMillis,
    pub opened: Instant,
    pub heartbeat: Duration,
    pub heartbeats: u32,
    pub next_heartbeat: Instant,
    pub last_write: Instant,
    pub end: Option<(Instant, CloseReason)>,
    pub told_offset: u64,
    pub n_delivered: u64,
    pub delivered_bytes: u64,
    pub n_dropped: u64,
    pub n_resets: u64,
}

impl Subscription {
    /// Returns the id by which a shard would know the stream, if it has nothing left to show.
    pub(super) fn parkable(&self, state: &State) -> Option<ClientKey> {
        let subscriber = state.registry.get(self.id)?;
        let head = state.journal.window.head();
        let is_quiet = self.phase == Phase::Live
            && self.pending.is_empty()
            && subscriber.patches.is_empty()
            && subscriber.close.or(state.closing).is_none()
            && matches!(subscriber.reading, Reading::Idle)
            && (self.cursor.seq, self.cursor.offset) == (head.seq, head.offset);
        if is_quiet { ClientKey::parse(&subscriber.client_id) } else { None }
    }

    /// Hands the stream over; nothing is left here. The caller has asked [`Self::parkable`] under
    /// the same lock.
    pub(super) fn park(
        &mut self,
        state: &mut State,
        key: ClientKey,
        (shard, slot): (u16, u32),
    ) -> Option<Parked> {
        let interest = state.registry.get(self.id)?.interest;
        let at = ParkedAt { shard, slot, interest };
        let subscriber = state.registry.park(self.id, key, at)?;
        self.phase = Phase::Parked;
        Some(Parked {
            key,
            interest,
            format: self.request.format,
            renames: self.request.rename,
            peer: subscriber.peer,
            grants: self.request.grants.clone(),
            opened_at: subscriber.opened_at,
            opened: self.timers.opened,
            heartbeat: self.request.heartbeat,
            heartbeats: self.timers.heartbeats,
            next_heartbeat: self.timers.next_heartbeat,
            last_write: self.timers.last_write,
            end: self.timers.end,
            told_offset: self.told_offset,
            n_delivered: subscriber.n_delivered,
            delivered_bytes: subscriber.delivered_bytes,
            n_dropped: subscriber.n_dropped,
            n_resets: subscriber.n_resets,
        })
    }

    /// Takes a stream back, that has shown everything up to a place.
    pub(super) fn unpark(hub: &Arc<Hub>, state: &mut State, parked: Parked, place: Place) -> Self {
        let window = &state.journal.window;
        let check = place.check.or_else(|| window.check_at(place.offset));
        let cursor = Place { check, ..place };
        let client_id = parked.key.to_client_id();
        let patterns = state.registry.patterns(parked.interest).to_vec();
        let subscriber = Subscriber {
            client_id: client_id.clone(),
            peer: parked.peer,
            format: parked.format,
            interest: parked.interest,
            sinces: Arc::default(),
            reading: Reading::Idle,
            waker: None,
            patches: VecDeque::new(),
            close: None,
            opened_at: parked.opened_at,
            cursor_seq: cursor.seq,
            n_delivered: parked.n_delivered,
            delivered_bytes: parked.delivered_bytes,
            n_dropped: parked.n_dropped,
            n_resets: parked.n_resets,
        };
        let id = state.registry.unpark(parked.key, subscriber);
        let request = SubscribeRequest {
            client_id,
            patterns,
            format: parked.format,
            rename: parked.renames,
            start: Start::Live,
            heartbeat: parked.heartbeat,
            message: "",
            peer: parked.peer,
            grants: parked.grants,
            expires_at: None,
        };
        let timers = Timers {
            opened: parked.opened,
            heartbeats: parked.heartbeats,
            next_heartbeat: parked.next_heartbeat,
            last_write: parked.last_write,
            end: parked.end,
        };
        Self {
            hub: Arc::clone(hub),
            id,
            request: Arc::new(request),
            phase: Phase::Live,
            cursor,
            joined: cursor,
            probe: None,
            asked_holes: Vec::new(),
            state_seq: cursor.seq,
            floor: 0,
            told_offset: parked.told_offset,
            start_reset: None,
            is_recovered: None,
            pending: VecDeque::new(),
            timers,
            sleep: None,
        }
    }

    /// Asks the stream to end; it says so with its next turn.
    pub(super) fn ask_to_close(&self, state: &mut State, reason: CloseReason) {
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.close = Some(reason);
        }
    }
}
