//! A hub with its HTTP server, in this process, on a free port of the loopback address.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use tempfile::TempDir;
use tidings_dhcp::service::{Clock, Dhcp, DhcpConfig};
use tidings_dhcp::vendor::VendorTable;
use tidings_dns::config::DnsConfig;
use tidings_dns::query_log::QueryLogThreads;
use tidings_dns::service::{DnsEnvironment, TlsServer};
use tidings_http::dns::open::{Opened, open};
use tidings_http::{
    App, AppParts, BodyCache, HttpConfig, Listener, Readiness, Server, Stage, router,
};
use tidings_hub::Hub;
use tidings_hub::settings::Settings;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use crate::outside;
use crate::store::Store;

/// Longest time that open connections get to end.
const GRACE: Duration = Duration::from_secs(5);

/// A hub that is served.
#[derive(Debug)]
pub(crate) struct Served {
    store: Store,
    runtime: Runtime,
    connections: Stage,
    accepting: CancellationToken,
    address: SocketAddr,
    query_log: QueryLogThreads,
    /// What DNS keeps, which is nothing: no question is asked.
    dns_folder: TempDir,
}

impl Served {
    /// Serves a hub with as many threads as there are cores, as the server does.
    ///
    /// # Errors
    ///
    /// No runtime, or no port.
    pub(crate) fn start(store: Store) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("start the runtime")?;
        let config = HttpConfig::default();
        let clock: Clock = Arc::new(outside::now_ms);
        let vendors = VendorTable::empty();
        // No source is configured, hence nothing has to run for it.
        let (dhcp, ..) = Dhcp::new(DhcpConfig::default(), vendors, Arc::clone(&clock));
        let dns_folder = tempfile::tempdir().context("make a folder for DNS")?;
        let entered = runtime.enter();
        let dns = open_dns(dns_folder.path(), &clock, store.hub.settings("dns"))?;
        drop(entered);
        let readiness = Readiness::default();
        readiness.open();
        let app = App::new(AppParts {
            hub: Arc::clone(&store.hub),
            dhcp,
            dns: dns.parts,
            config: config.clone().into(),
            readiness,
            version: env!("CARGO_PKG_VERSION"),
            start_id: "bench".to_owned(),
            clock,
            bodies: BodyCache::default(),
            dashboard: tidings_http::dashboard::Dashboard::default(),
            running: tidings_http::Running::default(),
        });
        let connections = Stage::new("connections");
        let accepting = CancellationToken::new();
        let entered = runtime.enter();
        let listener = Listener::bind((Ipv4Addr::LOCALHOST, 0).into()).context("bind a port")?;
        let address = listener.address();
        let server = Server::new(router(app), None, &config, Arc::clone(&store.hub));
        let (stage, stop) = (connections.clone(), accepting.clone());
        connections.spawn(|_| server.serve(listener, stage, stop));
        drop(entered);
        let query_log = dns.threads;
        Ok(Self { store, runtime, connections, accepting, address, query_log, dns_folder })
    }

    /// Returns where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the hub.
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.store.hub
    }

    /// Ends the connections, and stops the hub.
    ///
    /// # Errors
    ///
    /// A connection does not end.
    pub(crate) fn stop(self) -> anyhow::Result<()> {
        self.accepting.cancel();
        self.query_log.stop();
        self.dns_folder.close().context("remove the folder of DNS")?;
        let is_drained = self.runtime.block_on(self.connections.drain(GRACE));
        self.store.stop();
        ensure!(is_drained, "connections are open {} s after the end", GRACE.as_secs());
        Ok(())
    }
}

/// Opens a resolver that is asked nothing.
fn open_dns(folder: &Path, clock: &Clock, kept: Settings) -> anyhow::Result<Opened> {
    let environment = DnsEnvironment {
        clock: Arc::clone(clock),
        entropy: Arc::new(outside::random),
        tls_server: TlsServer::default(),
        tls_client: None,
    };
    Ok(open(&DnsConfig::default(), folder, environment, false, kept)?)
}
