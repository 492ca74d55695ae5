//! The figures that the hub shows of itself, its channels and its streams.

use std::collections::HashMap;

use tidings_log::record::ChannelId;
use tokio::sync::oneshot;

use super::{Hub, to_u64};
use crate::config::ChannelClass;
use crate::delivery::CloseReason;
use crate::delivery::shard::Order;
use crate::frame::ResetReason;
use crate::journal::Channel;
use crate::stats::{ChannelStats, ConnectionStats, HubStats};

impl Hub {
    /// Returns the figures of the hub.
    #[must_use]
    pub fn stats(&self) -> HubStats {
        let shards = self.shards.stats();
        let state = self.state.lock();
        let counters = &state.counters;
        let (connection_seconds_counts, connection_seconds_sum) = counters.duration_histogram();
        let mut n_resets = ResetReason::ALL.map(|reason| (reason, 0));
        for ((_, shown), counted) in n_resets.iter_mut().zip(counters.n_resets) {
            *shown = counted;
        }
        let mut n_closed = CloseReason::ALL.map(|reason| (reason.as_str(), 0));
        for ((_, shown), counted) in n_closed.iter_mut().zip(counters.n_closed) {
            *shown = counted;
        }
        HubStats {
            n_connections: state.registry.len(),
            n_connections_opened: counters.n_connections_opened,
            n_channels: state.journal.n_channels(),
            n_published: counters.n_published,
            n_repeats: counters.n_repeats,
            n_delivered: counters.n_delivered + shards.n_delivered,
            delivered_bytes: counters.delivered_bytes + shards.delivered_bytes,
            n_dropped: counters.n_dropped,
            n_resets,
            refused: counters.refused,
            n_closed,
            connection_seconds_counts,
            connection_seconds_sum,
            connection_events: counters.connection_events,
            shards,
            lag_max: state.lag_max(),
            read_bytes: self.readers.read_bytes(),
            held_bytes: self.held.n_bytes(),
            window_bytes: state.journal.window.size_bytes(),
            log: self.log.stats(),
            head: state.journal.window.head_position(),
        }
    }

    /// Returns the figures of every channel, by name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelStats> {
        let now = self.now();
        let held: HashMap<ChannelId, (u64, u64)> = {
            let summaries = self.log.channels().into_iter();
            summaries.map(|held| (held.id, (held.n_held, held.bytes_held))).collect()
        };
        let held_by = |id: ChannelId, channel: &Channel| match (channel.class, &channel.newest) {
            (ChannelClass::Logged, _) => held.get(&id).copied().unwrap_or_default(),
            (ChannelClass::State, Some((_, value))) => (1, to_u64(value.size_bytes())),
            (ChannelClass::State, None) => (0, 0),
            (ChannelClass::Ephemeral, _) => (to_u64(channel.n_ephemeral), 0),
        };
        let state = self.state.lock();
        let figures = state.journal.channels().map(|(id, channel)| ChannelStats {
            name: channel.name.as_str().to_owned(),
            class: channel.class,
            n_subscribers: state.registry.n_following(id),
            n_published: channel.n_published,
            published_bytes: channel.published_bytes,
            rate: channel.rate.per_second(now),
            n_held: held_by(id, channel).0,
            held_bytes: held_by(id, channel).1,
            touched_at: channel.touched_at,
        });
        let mut channels: Vec<ChannelStats> = figures.collect();
        drop(state);
        channels.sort_by(|left, right| left.name.cmp(&right.name));
        channels
    }

    /// Returns the figures of every stream, oldest first.
    #[must_use]
    pub async fn connections(&self) -> Vec<ConnectionStats> {
        let mut answers = Vec::new();
        self.shards.order_all(|| {
            let (reply, answer) = oneshot::channel();
            answers.push(answer);
            Order::List(reply)
        });
        let (mut parked, mut stalled) = (Vec::new(), HashMap::new());
        for answer in answers {
            // A shard that failed tells nothing.
            let listing = answer.await.unwrap_or_default();
            parked.extend(listing.parked);
            stalled.extend(listing.stalled);
        }
        let state = self.state.lock();
        let head_seq = state.journal.window.head().seq;
        let figures = state.registry.iter().map(|subscriber| ConnectionStats {
            client_id: subscriber.client_id.clone(),
            peer: subscriber.peer,
            format: subscriber.format,
            patterns: {
                let patterns = state.registry.patterns(subscriber.interest);
                patterns.iter().map(ToString::to_string).collect()
            },
            opened_at: subscriber.opened_at,
            n_delivered: subscriber.n_delivered,
            delivered_bytes: subscriber.delivered_bytes,
            lag: head_seq.saturating_sub(subscriber.cursor_seq),
            stalled_s: stalled.get(&subscriber.client_id).copied().unwrap_or(0),
            n_dropped: subscriber.n_dropped,
            n_resets: subscriber.n_resets,
        });
        let mut connections: Vec<ConnectionStats> = figures.collect();
        drop(state);
        connections.append(&mut parked);
        connections.sort_by(|left, right| {
            (left.opened_at, &left.client_id).cmp(&(right.opened_at, &right.client_id))
        });
        connections
    }
}
