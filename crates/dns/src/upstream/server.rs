//! One upstream: its addresses, its connection, its health.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, timeout};

use super::check::{Case, Checked, Sent};
use super::health::Health;
use super::https::Https;
use super::stream::Stream;
use super::udp::{self, Datagram};
use super::{AskError, Asked, Means};
use crate::cache::KeyFlags;
use crate::config::UpstreamConfig;
use crate::config::upstream::{Protocol, ServerSpec};
use crate::name::Name;
use crate::record_type::RecordType;
use crate::service::UpstreamHealth;
use crate::wire::response::Response;

/// How long addresses found by bootstrap resolvers are used.
const BOOTSTRAP_TTL: Duration = Duration::from_mins(10);

/// An upstream.
pub(crate) struct Server {
    pub(crate) spec: ServerSpec,
    timeout: Duration,
    back_off_max: Duration,
    bootstrap: Arc<[SocketAddr]>,
    /// Addresses found for the host, and when.
    found: Mutex<Option<(Vec<IpAddr>, Instant)>>,
    /// Which of the addresses is used; moved on by failures.
    address_index: AtomicUsize,
    health: Mutex<Health>,
    means: Means,
    stream: Stream,
    https: Https,
}

impl Server {
    pub(super) fn new(
        spec: ServerSpec,
        config: &UpstreamConfig,
        bootstrap: Arc<[SocketAddr]>,
        means: &Means,
    ) -> Self {
        Self {
            stream: Stream::new(means.tasks.clone()),
            https: Https::new(means.tasks.clone()),
            spec,
            timeout: config.timeout,
            back_off_max: config.back_off_max,
            bootstrap,
            found: Mutex::default(),
            address_index: AtomicUsize::new(0),
            health: Mutex::default(),
            means: means.clone(),
        }
    }

    /// Asks once and keeps account of it; returns its name with the outcome.
    ///
    /// Cancel safe: a question that is given up counts neither way.
    pub(super) async fn exchange(&self, asked: &Asked) -> (Arc<str>, Result<Checked, AskError>) {
        let start = Instant::now();
        {
            let mut health = self.health.lock();
            health.n_questions += 1;
            health.last_used_ms = Some((self.means.clock)());
        }
        let outcome = match timeout(self.timeout, self.exchange_once(asked)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(AskError::Timeout),
        };
        let now = Instant::now();
        match &outcome {
            Ok(checked) if checked.is_good() => self.health.lock().answered(now - start, now),
            Ok(checked) => {
                let error = format!("answered with response code {}", checked.code);
                self.health.lock().failed(&error, now, self.back_off_max);
            }
            Err(error) => {
                self.address_index.fetch_add(1, Ordering::Relaxed);
                self.stream.give_up();
                self.https.give_up();
                self.health.lock().failed(&error.to_string(), now, self.back_off_max);
            }
        }
        (Arc::clone(&self.spec.name), outcome)
    }

    async fn exchange_once(&self, asked: &Asked) -> Result<Checked, AskError> {
        let address = self.address().await?;
        let random = [(self.means.entropy)(), (self.means.entropy)()];
        match self.spec.protocol {
            Protocol::Udp => {
                let sent = Sent::new(asked, random, Case::Mixed);
                match udp::exchange(&sent, address).await? {
                    Datagram::Answer(checked) => Ok(checked),
                    Datagram::AskByTcp => self.by_stream(&sent, address).await,
                }
            }
            Protocol::Tcp | Protocol::Tls => {
                self.by_stream(&Sent::new(asked, random, Case::Lower), address).await
            }
            Protocol::Https => {
                // Id 0, so that caches on the way may help (RFC 8484 §4.1).
                let sent = Sent::new(asked, [0, 0], Case::Lower);
                let tls = self.tls()?;
                let place = (&*self.spec.host, &*self.spec.path, address);
                let message = self.https.exchange(&sent.message, place, tls).await?;
                sent.fit_on_connection(message)
            }
        }
    }

    async fn by_stream(&self, sent: &Sent, address: SocketAddr) -> Result<Checked, AskError> {
        let tls = match self.spec.protocol {
            Protocol::Tls => Some((&*self.spec.host, self.tls()?)),
            Protocol::Udp | Protocol::Tcp | Protocol::Https => None,
        };
        let message = self.stream.exchange(&sent.message, address, tls).await?;
        sent.fit_on_connection(message)
    }

    fn tls(&self) -> Result<&Arc<rustls::ClientConfig>, AskError> {
        let tls = self.means.tls.as_ref();
        tls.ok_or(AskError::Answer("no certificates are trusted, so nobody can be asked by TLS"))
    }

    /// Returns the address that is used now.
    async fn address(&self) -> Result<SocketAddr, AskError> {
        let index = self.address_index.load(Ordering::Relaxed);
        let pick = |addresses: &[IpAddr]| {
            let address = addresses.get(index.checked_rem(addresses.len())?)?;
            Some(SocketAddr::new(*address, self.spec.port))
        };
        if let Some(address) = pick(&self.spec.addresses) {
            return Ok(address);
        }
        if let Some((addresses, at)) = &*self.found.lock()
            && at.elapsed() < BOOTSTRAP_TTL
            && let Some(address) = pick(addresses)
        {
            return Ok(address);
        }
        let addresses = self.find_addresses().await?;
        let address = pick(&addresses);
        *self.found.lock() = Some((addresses, Instant::now()));
        address.ok_or(AskError::Answer("the bootstrap resolvers know no address of the host"))
    }

    /// Asks the bootstrap resolvers for the addresses of the host.
    async fn find_addresses(&self) -> Result<Vec<IpAddr>, AskError> {
        let bad = AskError::Answer("the host is no name");
        let name = Name::parse(&self.spec.host).map_err(|_| bad)?;
        let mut last = AskError::Answer("the host has no address and no bootstrap resolver is set");
        for resolver in &*self.bootstrap {
            let mut addresses = Vec::new();
            for kind in [RecordType::A, RecordType::AAAA] {
                let asked = Asked { name: name.clone(), kind, flags: KeyFlags::default() };
                let random = [(self.means.entropy)(), (self.means.entropy)()];
                let sent = Sent::new(&asked, random, Case::Mixed);
                match timeout(self.timeout / 2, udp::exchange(&sent, *resolver)).await {
                    Ok(Ok(Datagram::Answer(checked))) => {
                        let Some(response) = Response::walk(&checked.message) else { continue };
                        let records = response.answers.iter();
                        addresses.extend(records.filter_map(|record| response.address(record)));
                    }
                    Ok(Ok(Datagram::AskByTcp)) => {}
                    Ok(Err(error)) => last = error,
                    Err(_) => last = AskError::Timeout,
                }
            }
            if !addresses.is_empty() {
                return Ok(addresses);
            }
        }
        Err(last)
    }

    pub(super) fn is_up(&self, now: Instant) -> bool {
        self.health.lock().is_up(now)
    }

    /// Returns the mean time of its answers; one that was never asked counts as fast.
    pub(super) fn latency(&self) -> Duration {
        self.health.lock().latency(Instant::now()).unwrap_or_default()
    }

    pub(super) fn health(&self) -> UpstreamHealth {
        let now = Instant::now();
        let health = self.health.lock();
        UpstreamHealth {
            name: Arc::clone(&self.spec.name),
            is_up: health.is_up(now),
            latency: health.latency(now),
            n_questions: health.n_questions,
            n_answers: health.n_answers,
            n_failures: health.n_failures,
            last_error: health.last_error.clone(),
            last_used_ms: health.last_used_ms,
        }
    }
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("name", &self.spec.name).finish_non_exhaustive()
    }
}
