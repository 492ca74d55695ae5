//! What every way to the resolver ends in: a message in, a message out, an entry for the log.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::cache::{Cache, Key, Stored};
use crate::config::{DnsConfig, RateConfig};
use crate::cookie::CookieSecret;
use crate::entry::Transport;
use crate::filter::Filter;
use crate::ingest::Times;
use crate::local::LocalNames;
use crate::name::Name;
use crate::network::Network;
use crate::rate::Buckets;
use crate::ring::{RingWriter, Rings};
use crate::service::{DnsCounters, DnsEnvironment, LeaseName};
use crate::upstream::{Means, Upstreams};
use crate::verdict::{BlockAnswer, Reason};

mod hit;
mod keep;
mod local;
mod miss;
mod reply;

pub(crate) use reply::Scratch;

/// Time of the cache at which a resolver is made: answers of an earlier process came before it, at
/// most as long as any answer is kept and may stand in past its time.
const START_MS: u64 = 60 * 24 * 60 * 60 * 1_000;

/// Everything that answering needs; the parts that change are swapped whole.
#[derive(Debug)]
pub(crate) struct Resolver {
    pub(crate) cache: Cache,
    settings: ArcSwap<Settings>,
    filter: ArcSwap<Filter>,
    local: ArcSwap<LocalNames>,
    upstreams: ArcSwap<Upstreams>,
    under_way: Mutex<HashMap<Box<[u8]>, Awaited>>,
    buckets: Buckets,
    secret: CookieSecret,
    pub(crate) counters: Counters,
    pub(crate) rings: Arc<Rings>,
    /// Ring of what is answered by tasks.
    ring: ArcSwap<RingWriter>,
    /// Places of questions that wait for upstreams.
    places: Arc<Semaphore>,
    n_places: Mutex<usize>,
    pub(crate) tasks: TaskTracker,
    runtime: tokio::runtime::Handle,
    start: Instant,
    environment: DnsEnvironment,
}

/// What the settings say, in the form in which it is used.
#[derive(Debug)]
struct Settings {
    allow: Box<[Network]>,
    rate: RateConfig,
    blocked_ttl_s: u32,
    blocked_answer: BlockAnswer,
    local_ttl_s: u32,
    forwards_special: bool,
    times: Times,
    stale_ttl_s: u32,
    stale_after: Duration,
    /// Names that may lead into this network; `None` is all.
    rebind_allowed: Option<Box<[Name]>>,
    udp_size_max: u16,
}

/// What those wait for who ask the same; `None` until it is there.
type Awaited = watch::Receiver<Option<Arc<Stored>>>;

/// What was counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    /// Messages that hold no question for us.
    pub(crate) malformed: AtomicU64,
    /// Questions from networks that are not answered.
    pub(crate) not_allowed: AtomicU64,
    /// Questions over the rate of their network.
    pub(crate) over_rate: AtomicU64,
    /// Questions that found no place to wait for upstreams.
    pub(crate) overflows: AtomicU64,
}

/// Who asks, how, and when the question came.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asker {
    pub(crate) client: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) at_ms: u64,
    pub(crate) start: Instant,
}

/// What becomes of a message.
#[derive(Debug)]
pub(crate) enum Step {
    /// The answer stands in the scratch.
    Send,
    /// Nothing is sent.
    Silence,
    /// Upstreams have to be asked.
    Ask(Box<Miss>),
}

/// A question that waits for upstreams.
#[derive(Debug)]
pub(crate) struct Miss {
    message: Box<[u8]>,
    asker: Asker,
    key: Key,
    /// The name to ask for in place of the question's own, and the names on the way there.
    aliases: Vec<Name>,
    /// Set of upstreams of the client's group.
    set: Option<Arc<str>>,
    /// What may stand in past its time.
    stale: Option<Arc<Stored>>,
    /// The rule that let it through or put another name in its place.
    reason: Option<Reason>,
}

impl Resolver {
    pub(crate) fn new(
        config: &DnsConfig,
        environment: &DnsEnvironment,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        let rings = Arc::<Rings>::default();
        let tasks = TaskTracker::new();
        let [low, high] = [(environment.entropy)(), (environment.entropy)()];
        let mut secret = [0; 16];
        for (place, byte) in
            secret.iter_mut().zip(low.to_le_bytes().into_iter().chain(high.to_le_bytes()))
        {
            *place = byte;
        }
        let resolver = Self {
            cache: Cache::new(&config.cache),
            settings: ArcSwap::from_pointee(Settings::new(config)),
            filter: ArcSwap::default(),
            local: ArcSwap::default(),
            upstreams: ArcSwap::from_pointee(Upstreams::build(
                config,
                &[],
                &means(environment, &tasks),
            )),
            under_way: Mutex::default(),
            buckets: Buckets::default(),
            secret: CookieSecret::new(secret),
            counters: Counters::default(),
            ring: ArcSwap::from_pointee(rings.writer(config.limits.entries_max)),
            rings,
            places: Arc::new(Semaphore::new(config.limits.misses_max)),
            n_places: Mutex::new(config.limits.misses_max),
            tasks,
            runtime,
            start: Instant::now(),
            environment: environment.clone(),
        };
        resolver.replace_local(config, &[]);
        resolver
    }

    /// Takes over other settings; `own` are the addresses that are listened on.
    pub(crate) fn replace_config(&self, config: &DnsConfig, own: &[SocketAddr]) {
        self.cache.replace_config(&config.cache);
        self.replace_upstreams(config, own);
        self.settings.store(Arc::new(Settings::new(config)));
        let mut n_places = self.n_places.lock();
        let wanted = config.limits.misses_max;
        if wanted > *n_places {
            self.places.add_permits(wanted - *n_places);
            *n_places = wanted;
        } else {
            // Places in use come back as answers arrive; until then there are a few more.
            *n_places -= self.places.forget_permits(*n_places - wanted);
        }
    }

    /// Makes the upstreams anew: of other settings, or as the system's resolvers changed.
    pub(crate) fn replace_upstreams(&self, config: &DnsConfig, own: &[SocketAddr]) {
        let means = means(&self.environment, &self.tasks);
        self.upstreams.store(Arc::new(Upstreams::build(config, own, &means)));
    }

    /// Puts the local names together anew.
    pub(crate) fn replace_local(&self, config: &DnsConfig, leases: &[LeaseName]) {
        let local = LocalNames::build(&config.local, leases);
        for problem in &local.problems {
            tracing::warn!(problem, "a local name is left out");
        }
        tracing::debug!(names = local.n_names(), "local names read");
        self.local.store(Arc::new(local));
    }

    pub(crate) fn replace_filter(&self, filter: Arc<Filter>) {
        self.filter.store(filter);
    }

    pub(crate) fn filter(&self) -> Arc<Filter> {
        self.filter.load_full()
    }

    pub(crate) fn upstreams(&self) -> Arc<Upstreams> {
        self.upstreams.load_full()
    }

    pub(crate) fn counters(&self) -> DnsCounters {
        let counters = &self.counters;
        DnsCounters {
            n_malformed: counters.malformed.load(Ordering::Relaxed),
            n_not_allowed: counters.not_allowed.load(Ordering::Relaxed),
            n_over_rate: counters.over_rate.load(Ordering::Relaxed),
            n_overflows: counters.overflows.load(Ordering::Relaxed),
            n_entries_dropped: self.rings.n_dropped(),
        }
    }

    /// The time of the cache in milliseconds: that of the resolver's making is [`START_MS`].
    pub(crate) fn now_ms(&self) -> u64 {
        self.ms_at(Instant::now())
    }

    fn ms_at(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.start).as_millis();
        START_MS.saturating_add(u64::try_from(since).unwrap_or(u64::MAX))
    }

    /// Says that a question comes now.
    pub(crate) fn asker(&self, client: SocketAddr, transport: Transport) -> Asker {
        let at_ms = (self.environment.clock)();
        Asker { client, transport, at_ms, start: Instant::now() }
    }

    /// Answers a message of a connection; `None` is silence.
    ///
    /// Cancel safe: what was asked of upstreams is kept all the same.
    pub(crate) async fn handle(self: &Arc<Self>, message: &[u8], asker: Asker) -> Option<Vec<u8>> {
        let mut scratch = Scratch::default();
        let ring = self.ring.load_full();
        match self.answer(message, asker, &mut scratch, &ring) {
            Step::Send => Some(scratch.out),
            Step::Silence => None,
            Step::Ask(miss) => match Arc::clone(&self.places).try_acquire_owned() {
                Ok(_place) => self.finish(*miss).await,
                Err(_) => Some(self.overflow(&miss)),
            },
        }
    }

    /// Answers a question of a datagram once upstreams have; `send` takes the answer.
    pub(crate) fn finish_later(
        self: &Arc<Self>,
        miss: Miss,
        send: impl FnOnce(&[u8]) + Send + 'static,
    ) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            return send(&self.overflow(&miss));
        };
        let resolver = Arc::clone(self);
        let task = async move {
            if let Some(answer) = resolver.finish(miss).await {
                send(&answer);
            }
            drop(place);
        };
        self.tasks.spawn_on(task, &self.runtime);
    }
}

impl Settings {
    fn new(config: &DnsConfig) -> Self {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let allowed = config.rebind.allow.iter().filter_map(|name| Name::parse(name).ok());
        Self {
            allow: config.allow.clone().into(),
            rate: config.rate.clone(),
            blocked_ttl_s: seconds(config.blocked_ttl),
            blocked_answer: config.blocked_answer,
            local_ttl_s: seconds(config.local.ttl),
            forwards_special: config.local.forward_special,
            times: Times::new(&config.cache),
            stale_ttl_s: seconds(config.cache.stale_ttl),
            stale_after: config.cache.stale_after,
            rebind_allowed: config.rebind.protect.then(|| allowed.collect()),
            udp_size_max: config.limits.udp_size_max_bytes,
        }
    }
}

fn means(environment: &DnsEnvironment, tasks: &TaskTracker) -> Means {
    Means {
        clock: Arc::clone(&environment.clock),
        entropy: Arc::clone(&environment.entropy),
        tls: environment.tls_client.clone(),
        tasks: tasks.clone(),
    }
}
