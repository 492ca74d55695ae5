//! The hub: its state, subscriptions and steering.

mod figures;
mod restore;
mod steer;

use std::collections::HashSet;
use std::fmt;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;
use tidings_log::disk::Disk;
use tidings_log::log::{Log, LogEnvironment, OpenError};
use tidings_log::reader::ReadError;
use tidings_log::record::ChannelId;
use tidings_log::writer::LogWriter;
use tokio::sync::OwnedSemaphorePermit;
use tokio_util::sync::CancellationToken;

use crate::channel::{ChannelName, ChannelPattern};
use crate::clock::{Anchor, HubClock, Now};
use crate::commit::{self, CommitQueue, Request};
use crate::config::HubConfig;
use crate::delivery::shard::{self, Adopted, Order, Polls, Shards};
use crate::delivery::{CloseReason, SubscribeError, SubscribeRequest, Subscription};
use crate::event::EpochMillis;
use crate::held::HeldCount;
use crate::journal::Journal;
use crate::outcomes::Outcomes;
use crate::position::Position;
use crate::readers::{READERS, Readers};
use crate::registry::{ClientKey, Registry, Subscriber};
use crate::settings;
use crate::stats::Counters;

pub(crate) use restore::keep_clock;

/// Time between two looks at what has become too old.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// What the hub takes from outside, so that tests can give it.
#[derive(Clone)]
pub struct HubEnvironment {
    /// Version of the server, told in the first frame.
    pub version: String,
    /// Wall clock.
    pub clock: Arc<dyn Fn() -> EpochMillis + Send + Sync>,
    /// Milliseconds of a clock that nobody can set and that runs while the machine sleeps.
    pub elapsed: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Random numbers, for the epoch, client ids and jitter.
    pub entropy: Arc<dyn Fn() -> u64 + Send + Sync>,
    /// Identity of this run of the operating system; empty when it is not known.
    pub boot_id: String,
    /// Most publish requests that one commit makes durable; 1 is the reference that benches
    /// compare with.
    pub commit_requests_max: usize,
    /// Threads that write the sockets handed over to [`Hub::adopt`]; without any, none may be.
    pub n_shards: u16,
}

impl fmt::Debug for HubEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubEnvironment").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Why a hub does not start.
#[derive(Debug, thiserror::Error)]
pub enum HubError {
    /// The log cannot be opened.
    #[error("the log of publications cannot be opened")]
    Open(#[source] OpenError),
    /// The log cannot be read.
    #[error("the log of publications cannot be read")]
    Read(#[source] ReadError),
    /// A thread cannot be started.
    #[error("a thread of the hub cannot be started")]
    Thread(#[source] std::io::Error),
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
    pub(crate) log: Log,
    pub(crate) state: Mutex<State>,
    pub(crate) queue: CommitQueue,
    /// Held while something is committed; gone once the log is closed.
    pub(crate) writer: Mutex<Option<LogWriter>>,
    /// What other parts of the program keep, as it stands on disk.
    pub(crate) settings: settings::Held,
    pub(crate) readers: Readers,
    pub(crate) shards: Shards,
    /// Bytes that wait for clients of streams that no shard writes.
    pub(crate) held: HeldCount,
    /// Cancelled when the disk has failed and nothing more is accepted.
    pub(crate) failed: CancellationToken,
}

/// What the hub's lock guards; nothing waits for a disk or a network while it is held.
#[derive(Debug)]
pub(crate) struct State {
    pub config: HubConfig,
    pub clock: HubClock,
    /// What is kept of the clock.
    pub kept_anchor: Option<Anchor>,
    pub journal: Journal,
    pub registry: Registry,
    pub outcomes: Outcomes,
    pub counters: Counters,
    /// Channels that the log is to forget.
    pub forgotten: Vec<ChannelId>,
    /// Number of the last publication that each shard has taken.
    pub shards_seen: Vec<u64>,
    /// Set when every stream is to end.
    pub closing: Option<CloseReason>,
}

/// The threads of a hub: the one that commits, and those that read.
///
/// Dropped without [`HubThreads::stop`], they go on until the process ends.
#[derive(Debug)]
pub struct HubThreads {
    hub: Arc<Hub>,
    handles: Vec<JoinHandle<()>>,
}

impl HubThreads {
    /// Commits what waits, closes the log and ends the threads; blocks until then.
    pub fn stop(self) {
        self.hub.close();
        self.hub.queue.close();
        self.hub.readers.close();
        self.hub.shards.order_all(|| Order::Stop);
        for handle in self.handles {
            if handle.join().is_err() {
                tracing::error!("a thread of the hub panicked");
            }
        }
    }
}

impl Hub {
    /// Opens a hub on the log in a folder, making one if there is none, and starts its threads.
    ///
    /// # Errors
    ///
    /// The log is held by another process, damaged, or cannot be read.
    pub fn open(
        config: HubConfig,
        disk: Arc<dyn Disk>,
        environment: HubEnvironment,
    ) -> Result<(Arc<Self>, HubThreads), HubError> {
        let random = [(environment.entropy)(), (environment.entropy)()];
        let boot_id = environment.boot_id.clone();
        let log_environment = LogEnvironment { random, boot_id };
        let (log, mut writer) =
            Log::open(disk, config.log(), &log_environment).map_err(HubError::Open)?;
        let newest = restore::read_newest(&log).map_err(HubError::Read)?;
        let correction_s = newest.map_or(0, |(_, correction_s)| correction_s);
        let check = newest.map(|(check, _)| check);
        let (clock, kept_anchor) =
            restore::resume_clock(&mut writer, &environment, (log.kept_max(), correction_s));
        let mut state = State {
            clock,
            kept_anchor,
            journal: Journal::new(&config, log.clone(), check),
            config,
            registry: Registry::default(),
            outcomes: Outcomes::default(),
            counters: Counters::default(),
            forgotten: Vec::new(),
            shards_seen: Vec::new(),
            closing: None,
        };
        let now = state.now(&environment);
        state.restore(&log, &writer, now).map_err(HubError::Read)?;
        writer.set_retentions(&state.journal.retentions());
        writer.sweep(now.kept_at);
        let (shards, polls) = Shards::make(environment.n_shards).map_err(HubError::Thread)?;
        state.shards_seen = vec![0; usize::from(environment.n_shards)];
        let hub = Arc::new(Self {
            environment,
            log,
            state: Mutex::new(state),
            queue: CommitQueue::default(),
            settings: settings::restored(writer.meta()),
            writer: Mutex::new(Some(writer)),
            readers: Readers::default(),
            shards,
            held: HeldCount::default(),
            failed: CancellationToken::new(),
        });
        let threads = Self::start(&hub, polls).map_err(HubError::Thread)?;
        Ok((hub, threads))
    }

    fn start(hub: &Arc<Self>, polls: Polls) -> std::io::Result<HubThreads> {
        let mut handles = shard::start(hub, polls)?;
        let committing = Arc::clone(hub);
        let builder = std::thread::Builder::new().name("hub-commit".to_owned());
        handles.push(builder.spawn(move || commit::run(&committing))?);
        for n in 0..READERS {
            let reading = Arc::clone(hub);
            let builder = std::thread::Builder::new().name(format!("hub-read-{n}"));
            handles.push(builder.spawn(move || reading.readers.run())?);
        }
        Ok(HubThreads { hub: Arc::clone(hub), handles })
    }

    /// Returns what is cancelled when the disk has failed: nothing more is accepted until a
    /// restart.
    #[must_use]
    pub fn failed(&self) -> &CancellationToken {
        &self.failed
    }

    /// Whether the server stops.
    pub(crate) fn is_closing(&self) -> bool {
        self.state.lock().closing.is_some()
    }

    /// Applies retention and forgets old keys until `stop` is cancelled.
    pub async fn run(&self, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(SWEEP_INTERVAL);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => self.sweep(),
            }
        }
    }

    /// Applies retention by age, forgets old keys and idle channels.
    pub fn sweep(&self) {
        let (kept_now, forgotten) = {
            let mut state = self.state.lock();
            let now = state.now(&self.environment);
            state.outcomes.sweep(now.kept_at);
            let boot_id = &self.environment.boot_id;
            if state.clock.differs_from(state.kept_anchor.as_ref(), boot_id) {
                let anchor = state.clock.anchor(boot_id);
                if self.queue.push(Request::Clock(anchor.clone())).is_ok() {
                    state.kept_anchor = Some(anchor);
                }
            }
            (now.kept_at, std::mem::take(&mut state.forgotten))
        };
        if !forgotten.is_empty() {
            self.queue.push(Request::Forget(forgotten)).ok();
        }
        self.queue.push(Request::Sweep(kept_now)).ok();
    }

    /// Takes new limits and channel rules; streams that are open stay, and so do durability and
    /// the classes of channels that exist.
    pub fn reconfigure(&self, config: HubConfig) {
        let (log, retentions) = {
            let mut state = self.state.lock();
            let retentions = state.journal.reconfigure(&config);
            state.config = config;
            (state.config.log(), retentions)
        };
        self.queue.push(Request::Reconfigure(log, retentions)).ok();
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

    /// Whether sockets can be handed over.
    #[must_use]
    pub fn has_shards(&self) -> bool {
        !self.shards.is_empty()
    }

    /// Takes over the socket of a stream: what follows the response head is written by a shard, as
    /// chunks of HTTP/1.1, and the socket is closed at the end. `permit` is given back with it.
    ///
    /// The socket never blocks, and the hub has shards: [`Hub::has_shards`].
    pub fn adopt(
        &self,
        socket: TcpStream,
        subscription: Subscription,
        permit: Option<OwnedSemaphorePermit>,
    ) {
        self.shards.adopt(Adopted { socket, subscription, permit });
    }

    pub(crate) fn keep_alive(&self) -> Duration {
        self.state.lock().config.keep_alive
    }

    /// Returns for how long a client may take nothing; zero is no limit.
    #[must_use]
    pub fn stall_timeout(&self) -> Duration {
        self.state.lock().config.stall_timeout
    }

    /// Returns how many bytes may wait for the clients of one shard, or of all streams that no
    /// shard writes: each has the same share of the ceiling, so that nobody counts together.
    pub(crate) fn delivery_share_bytes(&self) -> usize {
        let bytes = self.state.lock().config.delivery_size_max_bytes;
        usize::try_from(bytes).unwrap_or(usize::MAX) / (self.shards.len() + 1)
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

    /// Returns whether any stream asked for a channel, even for one that nothing was published on
    /// yet; what costs to compute is published only then.
    #[must_use]
    pub fn is_wanted(&self, channel: &ChannelName) -> bool {
        self.state.lock().registry.interests.is_wanted(channel)
    }

    /// Returns the position of the last logged publication.
    #[must_use]
    pub fn head(&self) -> Position {
        self.state.lock().journal.window.head_position()
    }

    pub(crate) fn now(&self) -> EpochMillis {
        (self.environment.clock)()
    }
}

/// Returns the channels that patterns cover.
pub(crate) fn covered(journal: &Journal, patterns: &[ChannelPattern]) -> HashSet<ChannelId> {
    let exact = patterns.iter().filter(|pattern| pattern.is_exact());
    let names = exact.filter_map(|pattern| ChannelName::parse(pattern.as_str()).ok());
    let mut covered: HashSet<ChannelId> = names.filter_map(|name| journal.find(&name)).collect();
    let wild: Vec<_> = patterns.iter().filter(|pattern| !pattern.is_exact()).collect();
    if !wild.is_empty() {
        let matching = journal
            .channels()
            .filter(|(_, channel)| wild.iter().any(|pattern| pattern.matches(&channel.name)));
        covered.extend(matching.map(|(id, _)| id));
    }
    covered
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

fn to_u64(n: usize) -> u64 {
    u64::try_from(n).unwrap_or(u64::MAX)
}

impl State {
    /// Reads the clocks.
    pub(crate) fn now(&mut self, environment: &HubEnvironment) -> Now {
        self.clock.read((environment.clock)(), (environment.elapsed)())
    }

    /// Takes a subscriber out and counts how long it was there.
    pub(crate) fn remove_subscriber(&mut self, id: u64, now: EpochMillis) -> Option<Subscriber> {
        let subscriber = self.registry.remove(id)?;
        let seconds = now.saturating_sub(subscriber.opened_at) / 1000;
        self.counters.count_end(seconds, subscriber.n_delivered);
        Some(subscriber)
    }

    /// Takes a parked stream out and counts how long it was there.
    pub(crate) fn end_parked(
        &mut self,
        key: ClientKey,
        peer: Option<IpAddr>,
        (opened_at, now): (EpochMillis, EpochMillis),
        n_delivered: u64,
    ) {
        self.registry.remove_parked(key, peer);
        self.counters.count_end(now.saturating_sub(opened_at) / 1000, n_delivered);
    }

    /// Returns how far the stream is behind that is furthest.
    pub(crate) fn lag_max(&self) -> u64 {
        let head_seq = self.journal.window.head().seq;
        let oldest = self.registry.iter().map(|subscriber| subscriber.cursor_seq).min();
        oldest.map_or(0, |oldest| head_seq.saturating_sub(oldest))
    }

    /// Forgets what a shard had that failed.
    pub(crate) fn forget_shard(&mut self, shard: u16) {
        self.registry.forget_shard(shard);
    }

    /// Notes how far a shard has come.
    pub(crate) fn shard_has_seen(&mut self, shard: u16, seq: u64) {
        if let Some(seen) = self.shards_seen.get_mut(usize::from(shard)) {
            *seen = seq;
        }
    }

    /// Whether a shard should look, though nothing was for its streams: what it passes over must
    /// not leave the window.
    pub(crate) fn is_shard_behind(&self) -> bool {
        /// Publications that a shard may leave for later.
        const BEHIND_MAX: u64 = 1_024;
        let head_seq = self.journal.window.head().seq;
        self.shards_seen.iter().any(|seen| head_seq - seen >= BEHIND_MAX)
    }
}
