//! What a stream counts, for the hub and of its own.

use super::Subscription;
use crate::frame::ResetReason;
use crate::hub::State;

impl Subscription {
    pub(super) fn count_delivered(&self, state: &mut State, n_publications: u64) {
        state.counters.n_delivered += n_publications;
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.n_delivered += n_publications;
        }
    }

    pub(super) fn count_dropped(&self, state: &mut State, n_dropped: u64) {
        state.counters.n_dropped += n_dropped;
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.n_dropped += n_dropped;
        }
    }

    pub(super) fn count_reset(&self, state: &mut State, reason: ResetReason) {
        state.counters.count_reset(reason);
        if let Some(subscriber) = state.registry.get_mut(self.id) {
            subscriber.n_resets += 1;
        }
    }
}
