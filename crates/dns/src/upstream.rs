//! Whom the resolver asks: groups of upstreams, who of them is well, and in which order they go.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::cache::KeyFlags;
use crate::config::upstream::{ServerSpec, UpstreamSpec};
use crate::config::{DnsConfig, Strategy, UpstreamConfig};
use crate::name::{self, Name};
use crate::record_type::RecordType;
use crate::service::{Clock, Entropy, UpstreamHealth};

mod check;
mod health;
mod https;
mod server;
mod stream;
mod system;
mod udp;

pub(crate) use check::Checked;
pub(crate) use server::Server;
pub(crate) use system::servers as system_servers;

/// Of so many questions one goes first to an upstream that is not the fastest, to see whether it
/// has become so.
const EXPLORE_ONE_OF: u64 = 32;

/// A question as it goes to upstreams.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) name: Name,
    pub(crate) kind: RecordType,
    pub(crate) flags: KeyFlags,
}

/// Why no upstream answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum AskError {
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection could not be made or broke.
    #[error("{0}")]
    Network(String),
    /// What came is no answer to the question.
    #[error("{0}")]
    Answer(&'static str),
    /// Nobody is there to be asked.
    #[error("no upstream")]
    Nobody,
}

/// What upstreams are made with.
#[derive(Clone)]
pub(crate) struct Means {
    pub(crate) clock: Clock,
    pub(crate) entropy: Entropy,
    pub(crate) tls: Option<Arc<rustls::ClientConfig>>,
    pub(crate) tasks: TaskTracker,
}

/// Upstreams that are asked together.
#[derive(Debug)]
pub(crate) struct Group {
    servers: Vec<Arc<Server>>,
    strategy: Strategy,
    hedge_after: Duration,
    budget: Duration,
}

/// All groups.
#[derive(Debug)]
pub(crate) struct Upstreams {
    usual: Arc<Group>,
    sets: HashMap<Arc<str>, Arc<Group>>,
    /// By domain; without servers it has no names.
    forwards: HashMap<Box<[u8]>, Arc<Group>>,
}

/// Whom a question goes to.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) group: Arc<Group>,
    /// Whether the name lies in a domain that is asked elsewhere.
    pub(crate) is_forwarded: bool,
}

impl Upstreams {
    /// Makes the groups of the settings; an address in `own` is never asked, lest a question goes
    /// round for ever.
    pub(crate) fn build(config: &DnsConfig, own: &[SocketAddr], means: &Means) -> Self {
        let mut known: HashMap<Arc<str>, Arc<Server>> = HashMap::new();
        let bootstrap: Arc<[SocketAddr]> = config
            .upstream
            .bootstrap
            .iter()
            .flat_map(|text| servers(text, own))
            .flat_map(|spec| {
                let port = spec.port;
                spec.addresses.into_iter().map(move |address| SocketAddr::new(address, port))
            })
            .collect();
        let mut group = |texts: &[String]| {
            let specs = texts.iter().flat_map(|text| servers(text, own));
            let servers = specs
                .map(|spec| {
                    let server = known.entry(Arc::clone(&spec.name)).or_insert_with(|| {
                        let config = &config.upstream;
                        Arc::new(Server::new(spec, config, Arc::clone(&bootstrap), means))
                    });
                    Arc::clone(server)
                })
                .collect();
            Arc::new(Group::new(servers, &config.upstream))
        };
        let usual = group(&config.upstream.servers);
        let sets = config.upstream.sets.iter();
        let sets = sets.map(|set| (set.name.as_str().into(), group(&set.servers))).collect();
        let mut forwards = HashMap::new();
        for forward in &config.forwards {
            let group = group(&forward.upstreams);
            for domain in forward.domains.iter().filter_map(|domain| Name::parse(domain).ok()) {
                forwards.insert(domain.as_wire().into(), Arc::clone(&group));
            }
        }
        Self { usual, sets, forwards }
    }

    /// Returns whom a name in wire form is asked of, for a client whose group names a set.
    pub(crate) fn route(&self, name: &[u8], set: Option<&str>) -> Route {
        if !self.forwards.is_empty()
            && let Some(group) = name::suffixes(name).find_map(|name| self.forwards.get(name))
        {
            return Route { group: Arc::clone(group), is_forwarded: true };
        }
        let set = set.and_then(|set| self.sets.get(set));
        Route { group: Arc::clone(set.unwrap_or(&self.usual)), is_forwarded: false }
    }

    /// Returns whether a name in wire form lies in a domain that is asked elsewhere.
    pub(crate) fn is_forwarded(&self, name: &[u8]) -> bool {
        !self.forwards.is_empty()
            && name::suffixes(name).any(|name| self.forwards.contains_key(name))
    }

    /// Returns what is known of each upstream, once.
    pub(crate) fn health(&self) -> Vec<UpstreamHealth> {
        let groups = std::iter::once(&self.usual).chain(self.sets.values());
        let mut health: Vec<UpstreamHealth> = Vec::new();
        for server in groups.chain(self.forwards.values()).flat_map(|group| &group.servers) {
            if !health.iter().any(|known| known.name == server.spec.name) {
                health.push(server.health());
            }
        }
        health
    }
}

/// Reads one text of the settings, which were checked, into servers to ask.
fn servers(text: &str, own: &[SocketAddr]) -> Vec<ServerSpec> {
    let mut specs = match text.parse::<UpstreamSpec>() {
        Ok(UpstreamSpec::System) => system_servers(),
        Ok(UpstreamSpec::Server(spec)) => vec![spec],
        Err(_) => Vec::new(),
    };
    for spec in &mut specs {
        let port = spec.port;
        spec.addresses.retain(|address| {
            let is_own = |own: &SocketAddr| {
                own.port() == port
                    && (own.ip() == *address
                        || (own.ip().is_unspecified() && address.is_loopback()))
            };
            !own.iter().any(is_own)
        });
    }
    specs.retain(|spec| {
        !spec.addresses.is_empty() || spec.host.parse::<std::net::IpAddr>().is_err()
    });
    specs
}

impl Group {
    fn new(servers: Vec<Arc<Server>>, config: &UpstreamConfig) -> Self {
        Self {
            servers,
            strategy: config.strategy,
            hedge_after: config.hedge_after,
            budget: config.budget,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.servers.is_empty()
    }

    /// Asks until somebody answers well, everybody has failed, or the time is over.
    ///
    /// Cancel safe: what is under way is given up.
    ///
    /// # Errors
    ///
    /// The last failure, or what was answered that is no answer.
    pub(crate) async fn ask(
        &self,
        asked: &Asked,
        entropy: &Entropy,
    ) -> Result<(Checked, Arc<str>), AskError> {
        let mut waiting = self.order(entropy).into_iter();
        let pause = match self.strategy {
            Strategy::Parallel => Duration::ZERO,
            Strategy::Order | Strategy::Fastest => self.hedge_after,
        };
        let end = tokio::time::sleep(self.budget);
        tokio::pin!(end);
        let mut tries = FuturesUnordered::new();
        let mut poor = Err(AskError::Nobody);
        loop {
            if tries.is_empty() || pause.is_zero() {
                match waiting.next() {
                    Some(server) => {
                        tries.push(server.exchange(asked));
                        if pause.is_zero() {
                            tries.extend(waiting.by_ref().map(|server| server.exchange(asked)));
                        }
                    }
                    None if tries.is_empty() => return poor,
                    None => {}
                }
            }
            let next = tokio::time::sleep(pause);
            tokio::select! {
                () = &mut end => return match poor {
                    Ok(poor) => Ok(poor),
                    Err(_) => Err(AskError::Timeout),
                },
                Some((server, outcome)) = tries.next() => match outcome {
                    Ok(checked) if checked.is_good() => return Ok((checked, server)),
                    Ok(checked) => poor = Ok((checked, server)),
                    Err(error) => poor = poor.or(Err(error)),
                },
                () = next, if !pause.is_zero() && waiting.len() > 0 => {
                    tries.extend(waiting.next().map(|server| server.exchange(asked)));
                }
            }
        }
    }

    /// Returns the servers in the order in which they are asked; those that are left alone for a
    /// while come last, as they are better than nobody.
    fn order(&self, entropy: &Entropy) -> Vec<&Arc<Server>> {
        let now = Instant::now();
        let mut servers: Vec<&Arc<Server>> = self.servers.iter().collect();
        if self.strategy == Strategy::Fastest {
            servers.sort_by_key(|server| server.latency());
            let random = entropy();
            let n_servers = u64::try_from(servers.len()).unwrap_or(1).max(1);
            if random.is_multiple_of(EXPLORE_ONE_OF)
                && let Ok(index) = usize::try_from(random / EXPLORE_ONE_OF % n_servers)
            {
                servers.swap(0, index);
            }
        }
        servers.sort_by_key(|server| !server.is_up(now));
        servers
    }
}

impl std::fmt::Debug for Means {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Means").field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}
