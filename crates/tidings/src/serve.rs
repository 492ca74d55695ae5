//! Puts the server together, runs it, and stops it in order.

use std::io::{IsTerminal, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use parking_lot::RwLock;
use tidings_dhcp::discover::discover;
use tidings_dhcp::service::{Clock, Dhcp, DhcpConfig};
use tidings_dhcp::vendor::VendorTable;
use tidings_dns::query_log::Batch;
use tidings_http::dns::DnsParts;
use tidings_http::dns::keep_cache;
use tidings_http::dns::rules::work;
use tidings_http::{
    App, AppParts, Listener, Readiness, Running, Server, Stage, TlsHandle, router, tls,
};
use tidings_hub::config::HubConfig;
use tidings_hub::{Hub, HubEnvironment, HubError, HubThreads};
use tidings_log::disk::SystemDisk;
use tidings_log::log::OpenError;
use tidings_log::meta::MetaError;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cli::ServeArgs;
use crate::config::load::Loaded;
use crate::config::shown::settings;
use crate::config::{Config, Environment, LogConfig, LogFormat, TlsConfig};
use crate::{dashboard, dns, feed, outside};

/// Version of the server.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Time between readiness failing and streams ending, so that a balancer looks away first.
const READINESS_LEAD: Duration = Duration::from_millis(200);
/// Folder of the hub's log, below `data`.
pub(crate) const HUB_FOLDER: &str = "hub";
/// Folder of a log that is being imported, below `data`.
pub(crate) const IMPORT_FOLDER: &str = "hub.import";
/// Most publish requests that one commit of the log makes durable.
const COMMIT_REQUESTS_MAX: usize = 1_024;
/// Exit code after the disk failed (`EX_SOFTWARE` of sysexits.h), for a supervisor to restart on.
const EXIT_DISK_FAILED: u8 = 70;
/// Part of the grace that is kept for what comes after the streams.
const GRACE_RESERVE: Duration = Duration::from_millis(500);

/// Runs the server until a signal ends it.
///
/// # Errors
///
/// A setting that cannot be used, or an address that cannot be bound; names it.
pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let loaded = args.layers(outside::environment().into_iter()).load()?;
    start_logging(&loaded.config.log)?;
    if let Some(path) = args.file() {
        tracing::info!(path = %path.display(), "configuration read");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("start the runtime")?;
    let code = runtime.block_on(serve(args, loaded));
    runtime.shutdown_background();
    code
}

/// The running parts, so that signals can reach them.
struct Parts {
    hub: Arc<Hub>,
    dhcp: Arc<Dhcp>,
    app: App,
    tls: Option<TlsHandle>,
    readiness: Readiness,
    /// For what a reload has to do in the background.
    sources: Stage,
}

async fn serve(args: &ServeArgs, loaded: Loaded) -> anyhow::Result<ExitCode> {
    let mut signals = Signals::new().context("listen for signals")?;
    let mut config = loaded.config.clone();
    let tls = config.server.tls.as_ref().map(load_tls).transpose()?;
    find_sources(&mut config.dhcp);
    raise_descriptor_limit(&config);
    let listeners = bind(&config.server.listen)?;
    let clock: Clock = Arc::new(outside::now_ms);
    let (hub, threads) = open_hub(config.hub.clone(), &config.data, &clock)?;
    let vendors = VendorTable::bundled();
    let (dhcp, worker, updates) = Dhcp::new(config.dhcp.clone(), vendors, Arc::clone(&clock));
    let server_tls =
        config.server.tls.as_ref().map(load_tls_config).transpose().context("server.tls")?;
    let kept = hub.settings("dns");
    let dns = dns::open(&config.dns, &config.data, server_tls.as_deref(), kept)?;
    let (readiness, dashboard) = (Readiness::default(), dashboard::built_in());
    let app = App::new(AppParts {
        hub: Arc::clone(&hub),
        dhcp: Arc::clone(&dhcp),
        dns: Arc::clone(&dns.parts),
        config: RwLock::new(config.http.clone()),
        readiness: readiness.clone(),
        version: VERSION,
        start_id: format!("{:08x}", outside::random() >> 32),
        clock,
        bodies: tidings_http::BodyCache::default(),
        dashboard,
        running: running(args, &loaded, &config),
    });
    let (sources, housekeeping) = (Stage::new("sources"), Stage::new("hub"));
    let connections = Stage::new("connections");
    feed::publish_version(&hub, VERSION, dashboard.version).await;
    let (fed, named) = (Arc::clone(&hub), Arc::clone(&dns.parts));
    sources.spawn(|stop| feed::run(fed, named, updates, stop));
    sources.spawn(|stop| worker.run(stop));
    spawn_dns(&sources, &hub, &dns.parts, dns.batches);
    let kept = Arc::clone(&hub);
    housekeeping.spawn(|stop| async move { kept.run(stop).await });

    let server = Server::new(router(app.clone()), tls.clone(), &config.http, Arc::clone(&hub));
    let accepting = CancellationToken::new();
    let addresses = accept(&server, listeners, &connections, &accepting);
    readiness.open();
    let parts = Parts { hub, dhcp, app, tls, readiness, sources: sources.clone() };
    announce(&addresses, parts.tls.is_some())?;
    tokio::select! {
        () = signals.until_end(args, &parts) => {}
        () = parts.hub.failed().cancelled() => {
            tracing::error!("stopping: the disk failed and nothing more can be kept");
        }
    }

    let grace = config.server.shutdown_grace;
    let stopping = async {
        let stages = (&accepting, &connections, &sources, &housekeeping);
        let is_clean = stop(&parts, stages, grace).await;
        // The log is closed whole; what streams read from it is over.
        let is_kept = tokio::task::spawn_blocking(|| dns.threads.stop()).await.is_ok();
        tokio::task::spawn_blocking(|| threads.stop()).await.is_ok() && is_clean && is_kept
    };
    tokio::select! {
        is_clean = stopping => {
            tracing::info!(is_clean, "stopped");
            Ok(exit_code(&parts.hub, is_clean))
        }
        () = signals.end() => {
            tracing::warn!("second signal: ending at once");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Starts what DNS does all the time: it answers, looks at lists, and tells what happens.
fn spawn_dns(
    sources: &Stage,
    hub: &Arc<Hub>,
    parts: &Arc<DnsParts>,
    batches: tokio::sync::mpsc::Receiver<Batch>,
) {
    let (fed, told) = (Arc::clone(hub), Arc::clone(parts));
    sources.spawn(|stop| feed::dns::run(fed, told, batches, stop));
    let ruled = Arc::clone(parts);
    sources.spawn(|stop| work::run(ruled, tls::client(), stop));
    let cached = Arc::clone(parts);
    sources.spawn(|stop| keep_cache::run(cached, stop));
    let resolver = Arc::clone(&parts.dns);
    sources.spawn(|stop| resolver.run(stop));
}

/// Accepts on every listener, until told to stop; returns where they listen.
fn accept(
    server: &Server,
    listeners: Vec<Listener>,
    connections: &Stage,
    accepting: &CancellationToken,
) -> Vec<SocketAddr> {
    let addresses = listeners.iter().map(Listener::address).collect();
    for listener in listeners {
        let (server, stage, stop) = (server.clone(), connections.clone(), accepting.clone());
        connections.spawn(|_| server.serve(listener, stage, stop));
    }
    addresses
}

fn exit_code(hub: &Hub, is_clean: bool) -> ExitCode {
    if hub.failed().is_cancelled() {
        return ExitCode::from(EXIT_DISK_FAILED);
    }
    if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Describes what the server runs with; `config` has the sources that were found.
fn running(args: &ServeArgs, loaded: &Loaded, config: &Config) -> Running {
    Running {
        is_production: config.environment == Environment::Production,
        config_file: args.file().map(|path| path.display().to_string()),
        settings: RwLock::new(settings(loaded, &config.dhcp.sources)),
        dhcp: RwLock::new(config.dhcp.clone()),
    }
}

/// Opens the hub on its log in the data folder.
fn open_hub(
    config: HubConfig,
    data: &Path,
    clock: &Clock,
) -> anyhow::Result<(Arc<Hub>, HubThreads)> {
    let folder = data.join(HUB_FOLDER);
    let import = data.join(IMPORT_FOLDER);
    if import.exists() && !folder.exists() {
        anyhow::bail!(
            "data: an import into {} was not finished; run `tidings log import` again, or remove \
             {} to begin with an empty log",
            data.display(),
            import.display()
        );
    }
    let disk = SystemDisk::new(&folder).with_context(|| {
        format!("data: the folder {} cannot be made; --data names another place", folder.display())
    })?;
    let environment = HubEnvironment {
        version: VERSION.to_owned(),
        clock: Arc::clone(clock),
        elapsed: Arc::new(outside::elapsed_ms),
        entropy: Arc::new(outside::random),
        boot_id: outside::boot_id(),
        commit_requests_max: COMMIT_REQUESTS_MAX,
        n_shards: n_shards(),
    };
    Hub::open(config, Arc::new(disk), environment).map_err(|error| {
        let is_damaged = matches!(
            error,
            HubError::Open(OpenError::Damaged { .. } | OpenError::Meta(MetaError::Damaged { .. }))
        );
        let error = anyhow::Error::new(error);
        let folder = folder.display();
        if is_damaged {
            let data = data.display();
            return error.context(format!(
                "data: the log in {folder} is damaged; `tidings log check --data {data}` says \
                 what is lost and what mends it"
            ));
        }
        error.context(format!("data: the log in {folder}"))
    })
}

/// Raises the limit of open descriptors to what the system allows, and says when that is too low
/// for the sockets that the configuration allows.
fn raise_descriptor_limit(config: &Config) {
    /// Descriptors for other things than sockets: files of the log, pipes, listeners.
    const OTHERS: u64 = 200;
    match outside::raise_descriptor_limit() {
        Ok(limit) => {
            let wanted = u64::try_from(config.http.sockets_max).unwrap_or(u64::MAX);
            let wanted = wanted.min(config.hub.connections_max.into()).saturating_add(OTHERS);
            if limit < wanted {
                tracing::warn!(
                    limit,
                    wanted,
                    "too few file descriptors for hub.connections_max: raise the limit \
                     (LimitNOFILE= of the systemd unit, or ulimit -Hn) or lower the setting"
                );
            }
        }
        Err(error) => tracing::warn!(%error, "the limit of file descriptors cannot be read"),
    }
}

/// Returns how many threads write streams: every core but one.
fn n_shards() -> u16 {
    let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    u16::try_from(n_cores.saturating_sub(1)).unwrap_or(u16::MAX).max(1)
}

/// Stops the stages in order, within the grace; `false` if something had to be left behind.
async fn stop(
    parts: &Parts,
    (accepting, connections, sources, housekeeping): (&CancellationToken, &Stage, &Stage, &Stage),
    grace: Duration,
) -> bool {
    let end = Instant::now() + grace;
    let left = |reserve: Duration| end.duration_since(Instant::now()).saturating_sub(reserve);
    tracing::info!(grace_s = grace.as_secs_f64(), "stopping");
    parts.readiness.close();
    tokio::time::sleep(READINESS_LEAD.min(grace / 10)).await;
    accepting.cancel();
    let is_fed = sources.drain(left(Duration::ZERO) / 4).await;
    parts.hub.close();
    let is_drained = connections.drain(left(GRACE_RESERVE)).await
        && streams_ended(&parts.hub, left(GRACE_RESERVE)).await;
    let is_kept = housekeeping.drain(left(Duration::ZERO)).await;
    is_fed && is_drained && is_kept
}

/// Waits until every stream has ended; false when some have not in time.
async fn streams_ended(hub: &Hub, grace: Duration) -> bool {
    let ended = async {
        while hub.n_connections() > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(grace, ended).await.is_ok()
}

/// The signals that the server listens to.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Waits for a signal that ends the server.
    async fn end(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    /// Waits for the end, reading the configuration again for each SIGHUP.
    async fn until_end(&mut self, args: &ServeArgs, parts: &Parts) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => match reload(args, parts) {
                    Ok(()) => tracing::info!("configuration read again"),
                    Err(error) => {
                        let cause = format!("{error:#}");
                        tracing::error!(cause, "configuration not read again; the old one stays");
                    }
                },
            }
        }
    }
}

/// Takes what can change while the server runs: hub limits, DHCP sources, certificate, secret.
fn reload(args: &ServeArgs, parts: &Parts) -> anyhow::Result<()> {
    let loaded = args.layers(outside::environment().into_iter()).load()?;
    let mut config = loaded.config.clone();
    let certificate = config.server.tls.as_ref().map(load_tls_config).transpose()?;
    find_sources(&mut config.dhcp);
    if let (Some(handle), Some(certificate)) = (&parts.tls, certificate) {
        parts.app.dns.dns.replace_certificate(&certificate);
        handle.replace(certificate);
    }
    parts.hub.reconfigure(config.hub);
    *parts.app.running.settings.write() = settings(&loaded, &config.dhcp.sources);
    *parts.app.running.dhcp.write() = config.dhcp.clone();
    parts.dhcp.replace_config(config.dhcp);
    dns::reload(&parts.app.dns, config.dns, &parts.sources);
    *parts.app.config.write() = config.http;
    Ok(())
}

/// Looks in the usual places when no source is named, and says what was found.
fn find_sources(config: &mut DhcpConfig) {
    if !config.sources.is_empty() {
        return;
    }
    for found in discover(&config.root_path) {
        let leases = found.source.leases.as_ref().map(|path| path.display().to_string());
        tracing::info!(system = found.system, leases, "DHCP server found");
        config.sources.push(found.source);
    }
    if config.sources.is_empty() {
        tracing::info!(
            "no DHCP server found in the usual places; name one with --dnsmasq-conf or --leases, \
             or use the hub alone"
        );
    }
}

fn load_tls_config(config: &TlsConfig) -> Result<Arc<tls::ServerConfig>, tls::TlsError> {
    tls::load(&config.certificate, &config.key)
}

fn load_tls(config: &TlsConfig) -> anyhow::Result<TlsHandle> {
    Ok(TlsHandle::new(load_tls_config(config).context("server.tls")?))
}

/// Binds every address or none.
fn bind(addresses: &[SocketAddr]) -> anyhow::Result<Vec<Listener>> {
    let bound = addresses.iter().map(|address| {
        Listener::bind(*address).map_err(|error| {
            let kind = error.kind();
            let hint = if kind == std::io::ErrorKind::AddrInUse {
                ": another program, or another Tidings, is using it; --listen chooses another, \
                 port 0 a free one"
            } else if kind == std::io::ErrorKind::PermissionDenied {
                ": ports below 1024 need root or CAP_NET_BIND_SERVICE"
            } else if kind == std::io::ErrorKind::AddrNotAvailable {
                ": no interface has this address"
            } else {
                ""
            };
            anyhow::anyhow!("listen on {address} (server.listen){hint}: {error}")
        })
    });
    bound.collect()
}

/// Tells, on standard output, where the server listens.
fn announce(addresses: &[SocketAddr], is_tls: bool) -> anyhow::Result<()> {
    let scheme = if is_tls { "https" } else { "http" };
    let mut output = std::io::stdout().lock();
    for address in addresses {
        writeln!(output, "listening on {scheme}://{address}")
            .context("write to standard output")?;
    }
    output.flush().context("write to standard output")
}

fn start_logging(config: &LogConfig) -> anyhow::Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(&config.level)
        .with_context(|| format!("log.level `{}`", config.level))?;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    match config.format {
        LogFormat::Text => subscriber.try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).try_init(),
    }
    .map_err(|error| anyhow::anyhow!("start logging: {error}"))
}
