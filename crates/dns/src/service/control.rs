//! Binds, keeps and ends the listeners as the settings change.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use super::{DnsEnvironment, ListenAddress, StartError, TlsServer};
use crate::config::DnsConfig;
use crate::config::upstream::UpstreamSpec;
use crate::entry::Transport;
use crate::front::{Limits, StreamListener, UdpListener, bind_tcp, bind_udp};
use crate::resolver::Resolver;

/// Most threads of an address where the settings leave it to the number of cores.
const THREADS_DEFAULT_MAX: usize = 8;
/// Tries to find a port that is free for UDP and TCP, when the system chooses.
const PORT_TRIES: usize = 16;

/// The listeners.
#[derive(Debug, Default)]
pub(super) struct Control {
    udp: Vec<Kept<UdpListener>>,
    streams: Vec<Kept<StreamListener>>,
}

/// A listener, and what the settings said when it was bound.
#[derive(Debug)]
struct Kept<Listener> {
    wanted: Wanted,
    listener: Listener,
}

/// What the settings say of a listener; another one is bound anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    address: SocketAddr,
    transport: Transport,
    n_threads: usize,
}

impl Control {
    pub(super) fn is_running(&self) -> bool {
        !self.udp.is_empty() || !self.streams.is_empty()
    }

    pub(super) fn addresses(&self) -> Vec<ListenAddress> {
        let udp = self.udp.iter().map(|kept| ListenAddress {
            address: kept.listener.address,
            transport: Transport::Udp,
        });
        let streams = self.streams.iter().map(|kept| ListenAddress {
            address: kept.listener.address,
            transport: kept.listener.transport,
        });
        udp.chain(streams).collect()
    }

    pub(super) fn own_addresses(&self) -> Vec<SocketAddr> {
        self.addresses().into_iter().map(|listen| listen.address).collect()
    }

    /// Listens where the settings say: what they still want is kept, the rest ended.
    ///
    /// # Errors
    ///
    /// [`StartError`]; what listened before listens on, but for an address whose number of threads
    /// changed.
    pub(super) async fn listen(
        &mut self,
        config: &DnsConfig,
        environment: &DnsEnvironment,
        resolver: &Arc<Resolver>,
    ) -> Result<(), StartError> {
        let wanted = wanted(config);
        self.end_before_binding(&wanted).await;
        let mut fresh = Self::default();
        if let Err(error) = fresh.bind(&wanted, self, (config, environment, resolver)) {
            fresh.end().await;
            return Err(error);
        }
        let mut old = std::mem::take(self);
        let is_wanted = |kept: &Wanted| wanted.contains(kept);
        self.udp = old.udp.extract_if(.., |kept| is_wanted(&kept.wanted)).collect();
        self.streams = old.streams.extract_if(.., |kept| is_wanted(&kept.wanted)).collect();
        self.udp.append(&mut fresh.udp);
        self.streams.append(&mut fresh.streams);
        old.end().await;
        Ok(())
    }

    /// Ends threads of an address that are to be more or fewer, for it can only be bound once.
    async fn end_before_binding(&mut self, wanted: &[Wanted]) {
        let is_in_the_way = |kept: &Wanted| {
            !wanted.contains(kept)
                && wanted.iter().any(|wanted| {
                    wanted.address == kept.address && wanted.transport == kept.transport
                })
        };
        let udp = self.udp.extract_if(.., |kept| is_in_the_way(&kept.wanted)).collect();
        Self { udp, streams: Vec::new() }.end().await;
    }

    /// Binds what is wanted and not there yet.
    fn bind(
        &mut self,
        wanted: &[Wanted],
        old: &Self,
        (config, environment, resolver): (&DnsConfig, &DnsEnvironment, &Arc<Resolver>),
    ) -> Result<(), StartError> {
        let limits = Limits::new(&config.limits);
        for wanted in wanted {
            let is_kept = old.udp.iter().any(|kept| kept.wanted == *wanted)
                || old.streams.iter().any(|kept| kept.wanted == *wanted);
            if is_kept {
                continue;
            }
            let failed = |error: std::io::Error| StartError::Bind {
                address: wanted.address,
                transport: wanted.transport,
                reason: error.to_string(),
            };
            match wanted.transport {
                Transport::Udp => {
                    let sockets = bind_udp_free_for_tcp(wanted.address, wanted.n_threads)?;
                    let entries_max = config.limits.entries_max;
                    let listener =
                        UdpListener::start(sockets, resolver, entries_max).map_err(failed)?;
                    self.udp.push(Kept { wanted: *wanted, listener });
                }
                Transport::Tcp | Transport::Tls | Transport::Https => {
                    let tls = tls_of(wanted.transport, environment)?;
                    let address = self.beside_udp(wanted, old);
                    let socket = bind_tcp(address, wanted.transport)?;
                    let listener = StreamListener::start(socket, tls, resolver, limits.clone())
                        .map_err(failed)?;
                    self.streams.push(Kept { wanted: *wanted, listener });
                }
            }
        }
        Ok(())
    }

    /// Returns the address of TCP: the port that UDP got when the system chooses.
    fn beside_udp(&self, wanted: &Wanted, old: &Self) -> SocketAddr {
        let mut udp = self.udp.iter().chain(&old.udp);
        let beside = udp.find(|kept| {
            kept.wanted.address == wanted.address && wanted.transport == Transport::Tcp
        });
        beside.map_or(wanted.address, |kept| kept.listener.address)
    }

    /// Ends every listener and waits for the threads.
    pub(super) async fn end(&mut self) {
        for kept in self.streams.drain(..) {
            kept.listener.end();
        }
        let udp = std::mem::take(&mut self.udp);
        let ended = tokio::task::spawn_blocking(move || {
            for kept in udp {
                kept.listener.end();
            }
        });
        if ended.await.is_err() {
            tracing::error!("ending the threads that answer has failed");
        }
    }
}

fn wanted(config: &DnsConfig) -> Vec<Wanted> {
    let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let n_threads = match config.threads {
        0 => n_cores.min(THREADS_DEFAULT_MAX),
        n_threads => n_threads,
    };
    let plain = config.listen.iter().flat_map(|address| {
        let address = *address;
        [
            Wanted { address, transport: Transport::Udp, n_threads },
            Wanted { address, transport: Transport::Tcp, n_threads: 0 },
        ]
    });
    let tls = config.listen_tls.iter().map(|address| Wanted {
        address: *address,
        transport: Transport::Tls,
        n_threads: 0,
    });
    plain.chain(tls).collect()
}

/// Binds UDP; where the system chooses the port, one that TCP can have as well.
fn bind_udp_free_for_tcp(
    address: SocketAddr,
    n_threads: usize,
) -> Result<Vec<std::net::UdpSocket>, StartError> {
    let mut bound = bind_udp(address, n_threads)?;
    for _ in 0..PORT_TRIES {
        let chosen = bound.first().and_then(|socket| socket.local_addr().ok());
        let is_free = chosen.is_some_and(|chosen| bind_tcp(chosen, Transport::Tcp).is_ok());
        if address.port() != 0 || is_free {
            break;
        }
        bound = bind_udp(address, n_threads)?;
    }
    Ok(bound)
}

fn tls_of(
    transport: Transport,
    environment: &DnsEnvironment,
) -> Result<Option<TlsServer>, StartError> {
    if transport != Transport::Tls {
        return Ok(None);
    }
    if !environment.tls_server.is_there() {
        let problem = "DNS over TLS needs server.tls.certificate and server.tls.key";
        return Err(StartError::Tls { key: "listen_tls", problem });
    }
    Ok(Some(environment.tls_server.clone()))
}

/// What the settings take from outside, to notice when it changes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources {
    hosts: Vec<(PathBuf, Option<SystemTime>)>,
    system: Vec<SocketAddr>,
}

impl Sources {
    pub(super) fn of(config: &DnsConfig) -> Self {
        let hosts = config.local.hosts_files.iter().map(|path| {
            let modified = std::fs::metadata(path).and_then(|metadata| metadata.modified());
            (path.clone(), modified.ok())
        });
        let uses_system = |text: &String| text.parse() == Ok(UpstreamSpec::System);
        let system = if config.upstream.servers.iter().any(uses_system) {
            crate::upstream::system_servers()
        } else {
            Vec::new()
        };
        let addresses = system.into_iter().flat_map(|spec| {
            spec.addresses.into_iter().map(move |address| SocketAddr::new(address, spec.port))
        });
        Self { hosts: hosts.collect(), system: addresses.collect() }
    }
}
