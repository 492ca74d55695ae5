//! The resolver as one thing: a handle that everybody shares, and its control while it runs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::cache::{Cache, CachePage, CacheQuery, Flush};
use crate::config::{ConfigError, DnsConfig};
use crate::entry::Transport;
use crate::filter::Filter;
use crate::name::Name;
use crate::record_type::RecordType;
use crate::resolver::Resolver;
use crate::ring::EntryReader;

mod control;
mod tls_server;

use control::{Control, Sources};
pub use tls_server::TlsServer;

/// Returns milliseconds since 1970-01-01T00:00:00Z.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;
/// Returns 64 random bits that nobody can guess.
pub type Entropy = Arc<dyn Fn() -> u64 + Send + Sync>;

/// What the resolver is given from outside.
#[derive(Clone)]
pub struct DnsEnvironment {
    /// Tells the time.
    pub clock: Clock,
    /// Random numbers.
    pub entropy: Entropy,
    /// Certificate of DNS over TLS; without one `dns.listen_tls` is refused.
    pub tls_server: TlsServer,
    /// Trust in upstreams; `None` refuses encrypted ones.
    pub tls_client: Option<Arc<rustls::ClientConfig>>,
}

/// The resolver; shared by everybody.
pub struct Dns {
    resolver: Arc<Resolver>,
    config: ArcSwap<DnsConfig>,
    lease_names: Mutex<Vec<LeaseName>>,
    control: tokio::sync::Mutex<Control>,
    status: RwLock<DnsStatus>,
    changes: watch::Sender<u64>,
    environment: DnsEnvironment,
}

/// Whether and where the resolver runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DnsStatus {
    /// Whether it answers.
    pub is_running: bool,
    /// Where it listens, with the ports that the system chose.
    pub addresses: Vec<ListenAddress>,
    /// Since when it runs, or is stopped, milliseconds since 1970.
    pub since_ms: u64,
    /// Why the last start or apply failed; `None` after one that did not.
    pub error: Option<String>,
}

/// An address that is listened on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress {
    /// The address.
    pub address: SocketAddr,
    /// What is spoken there.
    pub transport: Transport,
}

/// Why the resolver did not start, or did not take a configuration.
///
/// What ran before runs on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    /// It runs already.
    #[error("the resolver is running already")]
    Running,
    /// It does not run.
    #[error("the resolver is not running")]
    Stopped,
    /// A setting cannot be used.
    #[error("{0}")]
    Config(ConfigError),
    /// An address cannot be listened on.
    #[error("cannot listen on {address} ({transport:?}): {reason}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What was to be spoken there.
        transport: Transport,
        /// Why, and who holds the port.
        reason: String,
    },
    /// An encrypted listener or upstream lacks its certificates.
    #[error("`dns.{key}`: {problem}")]
    Tls {
        /// The key.
        key: &'static str,
        /// What is missing.
        problem: &'static str,
    },
}

/// What was counted since the handle was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DnsCounters {
    /// Messages that hold no question for us.
    pub n_malformed: u64,
    /// Questions from networks that are not answered.
    pub n_not_allowed: u64,
    /// Questions over the rate of their network.
    pub n_over_rate: u64,
    /// Questions that found no place to wait for upstreams.
    pub n_overflows: u64,
    /// Entries of the query log that nobody read in time.
    pub n_entries_dropped: u64,
}

/// A name that a lease has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseName {
    /// The host's name, without domain.
    pub name: String,
    /// Its address.
    pub address: IpAddr,
}

/// What is known of an upstream.
#[derive(Debug, Clone, PartialEq)]
pub struct UpstreamHealth {
    /// Its name, as the log has it.
    pub name: Arc<str>,
    /// Whether it is asked; one that keeps failing is left alone for a while.
    pub is_up: bool,
    /// Mean time of its answers of late; `None` before the first.
    pub latency: Option<Duration>,
    /// Questions asked.
    pub n_questions: u64,
    /// Answers that said what is, or that it is not.
    pub n_answers: u64,
    /// Tries that failed.
    pub n_failures: u64,
    /// The last failure.
    pub last_error: Option<Arc<str>>,
    /// When it was asked last, milliseconds since 1970.
    pub last_used_ms: Option<u64>,
}

impl Dns {
    /// Makes the handle; nothing listens before [`Dns::start`]. Call it within the runtime.
    ///
    /// `config` must have passed [`DnsConfig::check`].
    #[must_use]
    pub fn new(config: DnsConfig, environment: DnsEnvironment) -> Arc<Self> {
        debug_assert_eq!(config.check(), Ok(()), "the caller checks the configuration");
        let status = DnsStatus { since_ms: (environment.clock)(), ..DnsStatus::default() };
        let runtime = tokio::runtime::Handle::current();
        Arc::new(Self {
            resolver: Arc::new(Resolver::new(&config, &environment, runtime)),
            config: ArcSwap::from_pointee(config),
            lease_names: Mutex::default(),
            control: tokio::sync::Mutex::default(),
            status: RwLock::new(status),
            changes: watch::Sender::new(0),
            environment,
        })
    }

    /// Starts when the settings say so, keeps an eye on the files that the settings name, and
    /// stops with `stop`.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        /// Time between two looks at hosts files and the system's resolvers.
        const LOOK: Duration = Duration::from_secs(30);
        /// Longest time that connections may take to end.
        const GRACE: Duration = Duration::from_secs(3);
        if self.config().enabled
            && let Err(error) = self.start().await
        {
            tracing::error!(%error, "the resolver did not start");
        }
        let mut sources = Sources::of(&self.config());
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {}
            }
            let config = self.config();
            let now = Sources::of(&config);
            if now != sources {
                tracing::info!("hosts files or the system's resolvers have changed");
                sources = now;
                self.resolver.replace_local(&config, &self.lease_names.lock());
                self.resolver.replace_upstreams(&config, &self.own_addresses());
            }
        }
        self.stop().await;
        self.resolver.tasks.close();
        if tokio::time::timeout(GRACE, self.resolver.tasks.wait()).await.is_err() {
            tracing::info!("connections to upstreams are left behind");
        }
    }

    /// Returns the settings in effect.
    #[must_use]
    pub fn config(&self) -> Arc<DnsConfig> {
        self.config.load_full()
    }

    /// Returns whether and where it runs.
    #[must_use]
    pub fn status(&self) -> DnsStatus {
        self.status.read().clone()
    }

    /// Returns a number that changes with status or settings.
    #[must_use]
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counters(&self) -> DnsCounters {
        self.resolver.counters()
    }

    /// Returns the cache, for its numbers and for flushing.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.resolver.cache
    }

    /// Returns a page of the cache.
    #[must_use]
    pub fn cache_page(&self, query: &CacheQuery) -> CachePage {
        self.resolver.cache.page(query, self.resolver.now_ms())
    }

    /// Throws answers away and returns how many.
    pub fn flush(&self, what: &Flush) -> usize {
        self.resolver.cache.flush(what)
    }

    /// Writes the cache down, to be loaded by a later process.
    #[must_use]
    pub fn cache_to_bytes(&self) -> Vec<u8> {
        self.resolver.cache_to_bytes(&self.config())
    }

    /// Loads what [`Dns::cache_to_bytes`] wrote, each answer as old as it is by now; returns how
    /// many, or `None` when the bytes are damaged or others are asked now.
    pub fn load_cache(&self, bytes: &[u8]) -> Option<usize> {
        self.resolver.load_cache(bytes, &self.config())
    }

    /// Puts an answer into the cache that a person wrote; data are in presentation format.
    ///
    /// # Errors
    ///
    /// Says which value is no data of the type.
    pub fn put_answer(
        &self,
        name: &Name,
        kind: RecordType,
        values: &[String],
        ttl_s: u32,
    ) -> Result<(), String> {
        self.resolver.put_answer(name, kind, values, ttl_s)
    }

    /// Returns the reader of the query log's entries; one task should have it.
    #[must_use]
    pub fn entries(&self) -> EntryReader {
        self.resolver.rings.reader()
    }

    /// Starts to answer.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing listens then, and a later start may work.
    pub async fn start(&self) -> Result<(), StartError> {
        let mut control = self.control.lock().await;
        if control.is_running() {
            return Err(StartError::Running);
        }
        let config = self.config();
        let outcome = control.listen(&config, &self.environment, &self.resolver).await;
        self.note(&control, outcome.as_ref().err());
        outcome?;
        self.resolver.replace_upstreams(&config, &control.own_addresses());
        tracing::info!(addresses = ?self.status.read().addresses, "the resolver answers");
        Ok(())
    }

    /// Stops to answer; questions of connections under way are answered first. Nothing happens
    /// when it is stopped.
    pub async fn stop(&self) {
        let mut control = self.control.lock().await;
        if control.is_running() {
            control.end().await;
            self.note(&control, None);
            tracing::info!("the resolver has stopped");
        }
    }

    /// Starts what is stopped and stops what runs; returns whether it runs now.
    ///
    /// # Errors
    ///
    /// As [`Dns::start`].
    pub async fn toggle(&self) -> Result<bool, StartError> {
        if self.status().is_running {
            self.stop().await;
            return Ok(false);
        }
        self.start().await.map(|()| true)
    }

    /// Takes over other settings, while it runs without a lost question: sockets whose address
    /// stays are kept, and so is the cache.
    ///
    /// # Errors
    ///
    /// [`StartError`]; the settings before stay in effect.
    pub async fn apply(&self, config: DnsConfig) -> Result<(), StartError> {
        config.check().map_err(StartError::Config)?;
        let mut control = self.control.lock().await;
        let before = self.config();
        if control.is_running() {
            let outcome = control.listen(&config, &self.environment, &self.resolver).await;
            self.note(&control, outcome.as_ref().err());
            outcome?;
        }
        self.resolver.replace_config(&config, &control.own_addresses());
        if config.local != before.local {
            self.resolver.replace_local(&config, &self.lease_names.lock());
        }
        let asks_others = config.upstream.servers != before.upstream.servers
            || config.upstream.sets != before.upstream.sets
            || config.forwards != before.forwards
            || config.rebind != before.rebind;
        self.config.store(Arc::new(config));
        if asks_others {
            // What others answered is not what these would.
            self.resolver.cache.flush(&Flush::All);
        }
        self.changes.send_modify(|version| *version += 1);
        Ok(())
    }

    /// Takes another certificate of DNS over TLS, for connections from now on.
    pub fn replace_certificate(&self, config: &rustls::ServerConfig) {
        self.environment.tls_server.replace(config);
    }

    /// Answers a message that came by other ways than the resolver's own sockets; `None` when the
    /// answer is silence, or it is stopped.
    ///
    /// Cancel safe.
    pub async fn resolve(
        &self,
        message: &[u8],
        client: SocketAddr,
        transport: Transport,
    ) -> Option<Vec<u8>> {
        if !self.status.read().is_running {
            return None;
        }
        let asker = self.resolver.asker(client, transport);
        self.resolver.handle(message, asker).await
    }

    /// Replaces rules and clients; questions under way end with those before.
    pub fn set_filter(&self, filter: Arc<Filter>) {
        self.resolver.replace_filter(filter);
    }

    /// Returns rules and clients as they are.
    #[must_use]
    pub fn filter(&self) -> Arc<Filter> {
        self.resolver.filter()
    }

    /// Replaces the names of leases; a name without its lease is gone at once.
    pub fn set_lease_names(&self, names: Vec<LeaseName>) {
        let mut lease_names = self.lease_names.lock();
        if *lease_names != names {
            self.resolver.replace_local(&self.config(), &names);
            *lease_names = names;
        }
    }

    /// Returns what is known of each upstream, in the order of the settings.
    #[must_use]
    pub fn upstreams(&self) -> Vec<UpstreamHealth> {
        self.resolver.upstreams().health()
    }

    fn own_addresses(&self) -> Vec<SocketAddr> {
        self.status.read().addresses.iter().map(|listen| listen.address).collect()
    }

    /// Writes down how it stands after a start, a stop or other settings.
    fn note(&self, control: &Control, error: Option<&StartError>) {
        let mut status = self.status.write();
        let is_running = control.is_running();
        if status.is_running != is_running {
            status.since_ms = (self.environment.clock)();
        }
        status.is_running = is_running;
        status.addresses = control.addresses();
        status.error = error.map(ToString::to_string);
        drop(status);
        self.changes.send_modify(|version| *version += 1);
    }
}

impl fmt::Debug for DnsEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsEnvironment")
            .field("tls_server", &self.tls_server.is_there())
            .field("tls_client", &self.tls_client.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").field("status", &*self.status.read()).finish_non_exhaustive()
    }
}
