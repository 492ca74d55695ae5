//! Changing and ending streams that are open.

use tokio::sync::oneshot;

use super::{Hub, PatchError, covered};
use crate::channel::ChannelPattern;
use crate::delivery::CloseReason;
use crate::delivery::shard::Order;
use crate::registry::{ClientKey, PendingPatch, Since, Sinces};

impl Hub {
    /// Changes the channels of an open stream and returns them.
    ///
    /// The stream shows the newest values of added state channels and then `ready`; events of
    /// added channels come from this moment on.
    ///
    /// # Errors
    ///
    /// No such stream, or too many patterns; the subscription is as it was.
    pub async fn patch(
        &self,
        client_id: &str,
        add: Vec<ChannelPattern>,
        remove: Vec<ChannelPattern>,
    ) -> Result<Vec<ChannelPattern>, PatchError> {
        let parked = self.state.lock().registry.find_parked(client_id);
        let Some((key, at)) = parked else {
            let patched = self.patch_own(client_id, add.clone(), &remove);
            let parked = self.state.lock().registry.find_parked(client_id);
            let Some((key, at)) = parked.filter(|_| patched == Err(PatchError::NotFound)) else {
                return patched;
            };
            // It was parked between the two looks.
            return self.patch_parked((key, at.shard), add, remove).await;
        };
        self.patch_parked((key, at.shard), add, remove).await
    }

    async fn patch_parked(
        &self,
        (key, shard): (ClientKey, u16),
        add: Vec<ChannelPattern>,
        remove: Vec<ChannelPattern>,
    ) -> Result<Vec<ChannelPattern>, PatchError> {
        let (reply, answer) = oneshot::channel();
        self.shards.order(shard, Order::Patch { key, add, remove, reply });
        answer.await.unwrap_or(Err(PatchError::NotFound))
    }

    /// Changes the channels of a stream that has a cursor of its own.
    pub(crate) fn patch_own(
        &self,
        client_id: &str,
        add: Vec<ChannelPattern>,
        remove: &[ChannelPattern],
    ) -> Result<Vec<ChannelPattern>, PatchError> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let id = state.registry.find(client_id).ok_or(PatchError::NotFound)?;
        let subscriber = state.registry.get(id).ok_or(PatchError::NotFound)?;
        let mut patterns = state.registry.patterns(subscriber.interest).to_vec();
        patterns.retain(|pattern| !remove.contains(pattern));
        for pattern in add {
            if !patterns.contains(&pattern) {
                patterns.push(pattern);
            }
        }
        let limit =
            usize::try_from(state.config.patterns_per_subscription_max).unwrap_or(usize::MAX);
        if patterns.len() > limit {
            state.counters.refused.patterns += 1;
            return Err(PatchError::TooManyPatterns { n_patterns: patterns.len(), limit });
        }
        let at = state.journal.window.head();
        let followed = state.registry.follows(subscriber);
        let journal = &state.journal;
        let interest = state.registry.interests.of(&patterns, || covered(journal, &patterns));
        let now = Since { seq: at.seq, offset: at.offset };
        let (mut added, mut sinces) = (Vec::new(), Sinces::new());
        let channels = state.registry.interests.get(interest).map(|known| &known.channels);
        for channel in channels.into_iter().flat_map(|channels| channels.iter()) {
            match followed.get(*channel) {
                Some(since) if since == Since::default() => {}
                Some(since) => _ = sinces.insert(*channel, since),
                None => {
                    added.push(*channel);
                    sinces.insert(*channel, now);
                }
            }
        }
        state.registry.replace(id, interest, sinces);
        let subscriber = state.registry.get_mut(id).ok_or(PatchError::NotFound)?;
        subscriber.patches.push_back(PendingPatch { at, added });
        let waker = subscriber.waker.take();
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(patterns)
    }

    /// Ends a stream; `false` when there is none with this client id.
    pub fn kick(&self, client_id: &str) -> bool {
        if self.kick_own(client_id, CloseReason::Kicked) {
            return true;
        }
        let parked = self.state.lock().registry.find_parked(client_id);
        if let Some((key, at)) = parked {
            self.shards.order(at.shard, Order::Kick(key));
        }
        parked.is_some()
    }

    /// Ends a stream that has a cursor of its own.
    pub(crate) fn kick_own(&self, client_id: &str, reason: CloseReason) -> bool {
        let mut state = self.state.lock();
        let Some(id) = state.registry.find(client_id) else { return false };
        let Some(subscriber) = state.registry.get_mut(id) else { return false };
        subscriber.close = Some(reason);
        let waker = subscriber.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    /// Ends every stream and refuses new ones and further publications.
    pub fn close(&self) {
        let wakers = {
            let mut state = self.state.lock();
            state.closing = Some(CloseReason::ServerShutdown);
            state.registry.take_wakers()
        };
        for waker in wakers {
            waker.wake();
        }
        self.shards.order_all(|| Order::CloseAll);
    }
}
