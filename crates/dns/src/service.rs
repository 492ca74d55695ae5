//! The resolver as one thing: a handle that everybody shares, and its control while it runs.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use parking_lot::RwLock;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::cache::{Cache, CachePage, CacheQuery, Flush};
use crate::config::{ConfigError, DnsConfig};
use crate::entry::Transport;
use crate::filter::Filter;
use crate::ring::{EntryReader, Rings};

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
    /// Certificate of DNS over TLS; `None` refuses `dns.listen_tls`.
    pub tls_server: Option<Arc<rustls::ServerConfig>>,
    /// Trust in upstreams; `None` refuses encrypted ones.
    pub tls_client: Option<Arc<rustls::ClientConfig>>,
}

/// The resolver; shared by everybody.
pub struct Dns {
    config: ArcSwap<DnsConfig>,
    cache: Arc<Cache>,
    rings: Arc<Rings>,
    filter: ArcSwap<Filter>,
    lease_names: RwLock<Vec<LeaseName>>,
    control: Control,
    status: RwLock<DnsStatus>,
    changes: watch::Sender<u64>,
    start: Instant,
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
    /// Makes the handle; nothing listens before [`Dns::start`].
    ///
    /// `config` must have passed [`DnsConfig::check`].
    #[must_use]
    pub fn new(config: DnsConfig, environment: DnsEnvironment) -> Arc<Self> {
        debug_assert_eq!(config.check(), Ok(()), "the caller checks the configuration");
        let status = DnsStatus { since_ms: (environment.clock)(), ..DnsStatus::default() };
        Arc::new(Self {
            cache: Arc::new(Cache::new(&config.cache)),
            config: ArcSwap::from_pointee(config),
            rings: Arc::default(),
            filter: ArcSwap::default(),
            lease_names: RwLock::default(),
            control: Control,
            status: RwLock::new(status),
            changes: watch::Sender::new(0),
            start: Instant::now(),
            environment,
        })
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

    /// Returns the cache, for its numbers and for flushing.
    #[must_use]
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// Returns a page of the cache.
    #[must_use]
    pub fn cache_page(&self, query: &CacheQuery) -> CachePage {
        self.cache.page(query, self.now_ms())
    }

    /// Throws answers away and returns how many.
    pub fn flush(&self, what: &Flush) -> usize {
        self.cache.flush(what)
    }

    /// Returns the reader of the query log's entries; one task should have it.
    #[must_use]
    pub fn entries(&self) -> EntryReader {
        self.rings.reader()
    }

    /// Starts to answer.
    ///
    /// # Errors
    ///
    /// [`StartError`]; nothing listens then, and a later start may work.
    pub async fn start(&self) -> Result<(), StartError> {
        self.control.start(self).await
    }

    /// Stops to answer; questions under way are answered first. Nothing happens when it is stopped.
    pub async fn stop(&self) {
        self.control.stop(self).await;
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
    /// stays are kept.
    ///
    /// # Errors
    ///
    /// [`StartError`]; the settings before stay in effect.
    pub async fn apply(&self, config: DnsConfig) -> Result<(), StartError> {
        self.control.apply(self, config).await
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
        self.control.resolve(message, client, transport).await
    }

    /// Replaces rules and clients; questions under way end with those before.
    pub fn set_filter(&self, filter: Arc<Filter>) {
        self.filter.store(filter);
    }

    /// Returns rules and clients as they are.
    #[must_use]
    pub fn filter(&self) -> Arc<Filter> {
        self.filter.load_full()
    }

    /// Replaces the names of leases.
    pub fn set_lease_names(&self, names: Vec<LeaseName>) {
        *self.lease_names.write() = names;
    }

    /// Returns what is known of each upstream, in the order of the settings.
    #[must_use]
    pub fn upstreams(&self) -> Vec<UpstreamHealth> {
        self.control.upstreams()
    }

    /// Milliseconds since the handle was made.
    fn now_ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl fmt::Debug for DnsEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsEnvironment")
            .field("tls_server", &self.tls_server.is_some())
            .field("tls_client", &self.tls_client.is_some())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Dns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dns").field("status", &*self.status.read()).finish_non_exhaustive()
    }
}

/// What runs.
#[derive(Debug)]
struct Control;

impl Control {
    async fn start(&self, dns: &Dns) -> Result<(), StartError> {
        let _ = &dns.environment;
        Err(StartError::Stopped)
    }

    async fn stop(&self, _dns: &Dns) {}

    async fn apply(&self, dns: &Dns, config: DnsConfig) -> Result<(), StartError> {
        config.check().map_err(StartError::Config)?;
        dns.config.store(Arc::new(config));
        dns.changes.send_modify(|version| *version += 1);
        Ok(())
    }

    async fn resolve(&self, _: &[u8], _: SocketAddr, _: Transport) -> Option<Vec<u8>> {
        None
    }

    fn upstreams(&self) -> Vec<UpstreamHealth> {
        Vec::new()
    }
}
