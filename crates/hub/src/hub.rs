//! The hub: its state, subscriptions and steering.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

use crate::channel::{ChannelName, ChannelPattern};
use crate::config::HubConfig;
use crate::delivery::{CloseReason, SubscribeError, SubscribeRequest, Subscription};
use crate::event::EpochMillis;
use crate::frame::ResetReason;
use crate::journal::Journal;
use crate::position::{Epoch, Position};
use crate::publish::Outcomes;
use crate::registry::{PendingPatch, Registry, Since, Subscriber};
use crate::stats::{ChannelStats, ConnectionStats, Counters, HubStats};
use crate::window::ChannelId;

/// Time between two looks at what has become too old.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What the hub takes from outside, so that tests can give it.
pub struct HubEnvironment {
    /// Life of the log.
    pub epoch: Epoch,
    /// Version of the server, told in the first frame.
    pub version: String,
    /// Wall clock.
    pub clock: Arc<dyn Fn() -> EpochMillis + Send + Sync>,
    /// Random numbers, for client ids and jitter.
    pub entropy: Arc<dyn Fn() -> u64 + Send + Sync>,
}

impl fmt::Debug for HubEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubEnvironment")
            .field("epoch", &self.epoch)
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// Why the channels of a stream were not changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// No stream has this client id.
    #[error("no open connection has this id")]
    NotFound,
    /// The subscription would hold more than `hub.patterns_per_subscription_max`.
    #[error("{n_patterns} channels and patterns exceed the limit of {limit}")]
    TooManyPatterns {
        /// Patterns after the change.
        n_patterns: usize,
        /// The limit.
        limit: usize,
    },
}

/// Channels, publications and the streams that follow them.
#[derive(Debug)]
pub struct Hub {
    pub(crate) environment: HubEnvironment,
    pub(crate) state: Mutex<State>,
}

/// What the hub's lock guards; nothing waits while it is held.
#[derive(Debug)]
pub(crate) struct State {
    pub config: HubConfig,
    pub journal: Journal,
    pub registry: Registry,
    pub outcomes: Outcomes,
    pub counters: Counters,
    /// Set when every stream is to end.
    pub closing: Option<CloseReason>,
}

impl Hub {
    /// Makes an empty hub.
    #[must_use]
    pub fn new(config: HubConfig, environment: HubEnvironment) -> Arc<Self> {
        let journal = Journal::new(&config, environment.epoch);
        let state = State {
            config,
            journal,
            registry: Registry::default(),
            outcomes: Outcomes::default(),
            counters: Counters::default(),
            closing: None,
        };
        Arc::new(Self { environment, state: Mutex::new(state) })
    }

    /// Applies retention and forgets old keys until `stop` is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {
                    let now = self.now();
                    let mut state = self.state.lock();
                    state.journal.sweep(now);
                    state.outcomes.sweep(now);
                }
            }
        }
    }

    /// Takes new limits and channel rules; streams that are open stay.
    pub fn reconfigure(&self, config: HubConfig) {
        let mut state = self.state.lock();
        state.journal.reconfigure(&config);
        state.config = config;
    }

    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// Over a limit, or while the server stops; nothing was entered and the refusal is counted.
    pub fn subscribe(
        self: &Arc<Self>,
        request: SubscribeRequest,
    ) -> Result<Subscription, SubscribeError> {
        let mut state = self.state.lock();
        if let Err(error) = check_limits(&state, &request) {
            let refused = &mut state.counters.refused;
            match error {
                SubscribeError::TooManyConnections { .. } => refused.connections += 1,
                SubscribeError::TooManyFromAddress { .. } => refused.connections_per_address += 1,
                SubscribeError::TooManyPatterns { .. } => refused.patterns += 1,
                SubscribeError::ShuttingDown => refused.shutting_down += 1,
            }
            return Err(error);
        }
        Ok(Subscription::open(self, &mut state, request))
    }

    /// Changes the channels of an open stream and returns them.
    ///
    /// The stream shows the newest values of added state channels and then `ready`; events of
    /// added channels come from this moment on.
    ///
    /// # Errors
    ///
    /// No such stream, or too many patterns; the subscription is as it was.
    pub fn patch(
        &self,
        client_id: &str,
        add: Vec<ChannelPattern>,
        remove: &[ChannelPattern],
    ) -> Result<Vec<ChannelPattern>, PatchError> {
        let mut guard = self.state.lock();
        let state = &mut *guard;
        let id = state.registry.find(client_id).ok_or(PatchError::NotFound)?;
        let subscriber = state.registry.get(id).ok_or(PatchError::NotFound)?;
        let mut patterns = subscriber.patterns.clone();
        patterns.retain(|(pattern, _)| !remove.contains(pattern));
        let now = Since {
            seq: state.journal.window.head_seq(),
            offset: state.journal.window.head().offset,
        };
        for pattern in add {
            if !patterns.iter().any(|(held, _)| *held == pattern) {
                patterns.push((pattern, now));
            }
        }
        let limit =
            usize::try_from(state.config.patterns_per_subscription_max).unwrap_or(usize::MAX);
        if patterns.len() > limit {
            state.counters.refused.patterns += 1;
            return Err(PatchError::TooManyPatterns { n_patterns: patterns.len(), limit });
        }
        let mut follows = follows(&state.journal, &patterns);
        for (channel, since) in &mut follows {
            *since = subscriber.follows.get(channel).copied().unwrap_or(*since);
        }
        let added =
            follows.keys().filter(|channel| !subscriber.follows.contains_key(channel)).copied();
        let patch = PendingPatch { at_seq: now.seq, added: added.collect() };
        let names = patterns.iter().map(|(pattern, _)| pattern.clone()).collect();
        state.registry.replace(id, patterns, follows);
        let subscriber = state.registry.get_mut(id).ok_or(PatchError::NotFound)?;
        subscriber.patches.push_back(patch);
        let waker = subscriber.waker.take();
        drop(guard);
        if let Some(waker) = waker {
            waker.wake();
        }
        Ok(names)
    }

    /// Ends a stream; `false` when there is none with this client id.
    pub fn kick(&self, client_id: &str) -> bool {
        let mut state = self.state.lock();
        let Some(id) = state.registry.find(client_id) else { return false };
        let Some(subscriber) = state.registry.get_mut(id) else { return false };
        subscriber.close = Some(CloseReason::Kicked);
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
    }

    /// Makes a random client id (UUID version 4).
    #[must_use]
    pub fn new_client_id(&self) -> String {
        let mut bytes = [0; 16];
        let (high, low) = bytes.split_at_mut(8);
        high.copy_from_slice(&(self.environment.entropy)().to_be_bytes());
        low.copy_from_slice(&(self.environment.entropy)().to_be_bytes());
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    /// Returns how many streams are open.
    #[must_use]
    pub fn n_connections(&self) -> usize {
        self.state.lock().registry.len()
    }

    /// Returns the distinct streams that follow a channel.
    #[must_use]
    pub fn n_subscribers(&self, channel: &ChannelName) -> usize {
        let state = self.state.lock();
        state.journal.find(channel).map_or(0, |id| state.registry.n_following(id))
    }

    /// Returns the position of the last logged publication.
    #[must_use]
    pub fn head(&self) -> Position {
        self.state.lock().journal.window.head()
    }

    /// Returns the figures of the hub.
    #[must_use]
    pub fn stats(&self) -> HubStats {
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
            n_delivered: counters.n_delivered,
            delivered_bytes: counters.delivered_bytes,
            n_dropped: counters.n_dropped,
            n_resets,
            refused: counters.refused,
            n_closed,
            connection_seconds_counts,
            connection_seconds_sum,
            log_bytes: state.journal.log_bytes,
            head: state.journal.window.head(),
        }
    }

    /// Returns the figures of every channel, by name.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelStats> {
        let now = self.now();
        let state = self.state.lock();
        let figures = state.journal.channels().map(|(id, channel)| ChannelStats {
            name: channel.name.as_str().to_owned(),
            class: channel.class,
            n_subscribers: state.registry.n_following(id),
            n_published: channel.n_published,
            published_bytes: channel.published_bytes,
            rate: channel.rate.per_second(now),
            n_held: channel.held.len(),
            held_bytes: channel.held_bytes,
            touched_at: channel.touched_at,
        });
        let mut channels: Vec<ChannelStats> = figures.collect();
        drop(state);
        channels.sort_by(|left, right| left.name.cmp(&right.name));
        channels
    }

    /// Returns the figures of every stream, oldest first.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionStats> {
        let state = self.state.lock();
        let head_seq = state.journal.window.head_seq();
        let figures = state.registry.iter().map(|subscriber| ConnectionStats {
            client_id: subscriber.client_id.clone(),
            peer: subscriber.peer,
            format: subscriber.format,
            patterns: subscriber.patterns.iter().map(|(pattern, _)| pattern.to_string()).collect(),
            opened_at: subscriber.opened_at,
            n_delivered: subscriber.n_delivered,
            delivered_bytes: subscriber.delivered_bytes,
            lag: head_seq.saturating_sub(subscriber.cursor_seq),
            n_dropped: subscriber.n_dropped,
            n_resets: subscriber.n_resets,
        });
        let mut connections: Vec<ConnectionStats> = figures.collect();
        drop(state);
        connections.sort_by(|left, right| {
            (left.opened_at, &left.client_id).cmp(&(right.opened_at, &right.client_id))
        });
        connections
    }

    pub(crate) fn now(&self) -> EpochMillis {
        (self.environment.clock)()
    }
}

/// Returns the channels that patterns cover, with the widest reach of any covering pattern.
pub(crate) fn follows(
    journal: &Journal,
    patterns: &[(ChannelPattern, Since)],
) -> HashMap<ChannelId, Since> {
    let mut follows: HashMap<ChannelId, Since> = HashMap::new();
    let mut add = |id: ChannelId, since: Since| {
        let held = follows.entry(id).or_insert(since);
        if since.seq < held.seq {
            *held = since;
        }
    };
    let (exact, wild): (Vec<_>, Vec<_>) =
        patterns.iter().partition(|(pattern, _)| pattern.is_exact());
    for (pattern, since) in exact {
        if let Ok(name) = ChannelName::parse(pattern.as_str())
            && let Some(id) = journal.find(&name)
        {
            add(id, *since);
        }
    }
    if !wild.is_empty() {
        for (id, channel) in journal.channels() {
            for (pattern, since) in &wild {
                if pattern.matches(&channel.name) {
                    add(id, *since);
                }
            }
        }
    }
    follows
}

/// Checks a request against the limits of connections and patterns.
fn check_limits(state: &State, request: &SubscribeRequest) -> Result<(), SubscribeError> {
    if state.closing.is_some() {
        return Err(SubscribeError::ShuttingDown);
    }
    let config = &state.config;
    let limit = usize::try_from(config.connections_max).unwrap_or(usize::MAX);
    if state.registry.len() >= limit {
        return Err(SubscribeError::TooManyConnections { limit });
    }
    let limit = usize::try_from(config.connections_per_address_max).unwrap_or(usize::MAX);
    if request.peer.is_some_and(|peer| state.registry.n_from(peer) >= limit) {
        return Err(SubscribeError::TooManyFromAddress { limit });
    }
    let limit = usize::try_from(config.patterns_per_subscription_max).unwrap_or(usize::MAX);
    if request.patterns.len() > limit {
        let n_patterns = request.patterns.len();
        return Err(SubscribeError::TooManyPatterns { n_patterns, limit });
    }
    Ok(())
}

impl State {
    /// Takes a subscriber out and counts how long it was there.
    pub(crate) fn remove_subscriber(&mut self, id: u64, now: EpochMillis) -> Option<Subscriber> {
        let subscriber = self.registry.remove(id)?;
        self.counters.count_duration(now.saturating_sub(subscriber.opened_at) / 1000);
        Some(subscriber)
    }
}
